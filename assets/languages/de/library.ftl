# Die Bibliothek und Fragen an sie.
library-toggle = Bibliothek ein- oder ausblenden
library-title = Bibliothek
library-close = Bibliothek schließen
library-close-tip = Schließen (Esc)
library-opening = Die Bibliothek wird geöffnet …
library-add = Zur Bibliothek hinzufügen
library-add-files = Dokumente hinzufügen …
library-add-folder = Ordner hinzufügen …
library-remove = Herausnehmen; die Datei bleibt, wo sie ist
library-remove-one = { $name } herausnehmen
library-remove-not = Sie liegt in einem beobachteten Ordner; nehmen Sie den Ordner heraus oder verschieben Sie die Datei
library-remove-folder = Ordner { $name } herausnehmen
library-folders = Beobachtet:
library-folder-tip =
    { $folder }
    Neue und geänderte Dateien darin werden von selbst gelesen.
library-look = Jetzt nach neuen und geänderten Dateien sehen
library-retry = Noch einmal lesen
library-retry-one = { $name } noch einmal lesen
library-pause = Anhalten
library-resume = Fortsetzen
library-is-paused = Das Lesen ist angehalten.
library-looking = Es wird nachgesehen, was neu ist …
library-reading = { $name } wird gelesen
library-reading-of = { $name } wird gelesen, noch { $count } Dokumente
library-meaning = Alles ist nach Wörtern durchsuchbar; Bedeutungen: { $done } von { $total } Stellen
library-repairing = Ein beschädigter Index wird neu aufgebaut: { $done } von { $total } Stellen
library-progress = Bisher gelesen:
library-search = In der Bibliothek suchen
library-search-hint = Nach Wörtern und Bedeutung suchen
library-search-start = Suchen
library-search-empty = Schreiben Sie zuerst, wonach gesucht werden soll
library-search-clear = Zurück zu den Dokumenten
library-searching = „{ $words }“ wird gesucht …
library-found = { $count ->
    [one] { $count } Stelle zu „{ $words }“
   *[other] { $count } Stellen zu „{ $words }“, die beste zuerst
}
library-found-nothing = Zu „{ $words }“ wurde nichts gefunden.
library-found-nothing-hint = Versuchen Sie es mit anderen oder weniger Wörtern.
library-open = Dokument lesen
library-open-one = { $name } aus der Bibliothek lesen
library-ask = Zu diesem Dokument fragen
library-ask-one = Zu { $name } fragen
library-ask-all = Zu allen fragen
library-ask-chosen = Dazu fragen
library-nothing-to-ask = In der Bibliothek ist noch nichts durchsuchbar
library-chosen = { $count ->
    [one] { $count } Dokument ausgewählt
   *[other] { $count } Dokumente ausgewählt
}
library-choose = { $name } auswählen
library-choose-none = Auswahl aufheben
library-counts = { $documents ->
    [one] { $documents } Dokument, { $pages } Seiten, { $size } auf der Platte
   *[other] { $documents } Dokumente, { $pages } Seiten, { $size } auf der Platte
}
library-sizes =
    { $folder }
    Text mit Positionen: { $text }
    Index der Wörter: { $words }
    Bedeutungen: { $meanings }
library-failed = { $count ->
    [one] { $count } Datei ist nicht verwendbar
   *[other] { $count } Dateien sind nicht verwendbar
}
library-close-notices = Meldung schließen
library-waits = wartet darauf, gelesen zu werden
library-half = { $count ->
    [one] { $count } Seite gelesen, noch nicht fertig
   *[other] { $count } Seiten gelesen, noch nicht fertig
}
library-by-words = { $summary }, nach Wörtern auffindbar; Bedeutungen { $percent } %
library-nothing-read = Es gibt noch kein Dokument zu zeigen.
library-empty = Alle Ihre Dokumente an einem Ort
library-empty-about = Ziehen Sie Dokumente oder Aufnahmen hierher oder fügen Sie einen Ordner hinzu: Sein Inhalt wird im Hintergrund gelesen, aktuell gehalten und kann durchsucht und befragt werden.
library-empty-folder = Ordner wählen …
library-private = Die Dateien bleiben, wo sie sind; alles bleibt auf diesem Computer.
library-drop = Ablegen, um zur Bibliothek hinzuzufügen
library-about = Zu { $what }
library-about-all = der Bibliothek
library-about-some = { $count } Dokumenten der Bibliothek
library-about-nothing = Ohne Dateien
library-all = { $count ->
    [one] Die Bibliothek ({ $count } Dokument)
   *[other] Die Bibliothek ({ $count } Dokumente)
}
library-choose-documents = Dokumente der Bibliothek auswählen …
library-dialog-is-open = Der Dateidialog ist offen
library-dialog-waits = Der Dateidialog ist offen; Dateien können auch hierher gezogen werden
library-dialog-files = Dokumente zur Bibliothek hinzufügen
library-dialog-folder = Ordner zur Bibliothek hinzufügen
library-dialog-kinds = Dokumente und Aufnahmen
library-dialog-all = Alle Dateien
