# Conversations: their list, questions and answers, search, files out and in.
conversations-show-version = Diese Fassung anzeigen
conversations-ask-edited = Neu fragen
conversations-edit-answer = Antwort bearbeiten
conversations-keep-edited = Übernehmen
conversations-restore-answer = Zurück zum Text des Modells
conversations-answer-again = Erneut antworten
conversations-answer-again-with = Erneut antworten mit …
conversations-another-model = Mit einem anderen Modell
conversations-other-sampling = Mit anderer Wortwahl
conversations-no-more-versions = Es gibt keine weitere Fassung
conversations-previous-question = Vorige Fassung der Frage
conversations-next-question = Nächste Fassung der Frage
conversations-previous-answer = Vorige Antwort
conversations-next-answer = Nächste Antwort
conversations-edit-question-field = Bearbeitete Frage
conversations-edit-answer-field = Bearbeitete Antwort
conversations-edit-question-hint = Die alte Frage bleibt daneben stehen. Die Eingabetaste fragt.
conversations-edit-answer-hint = Der Text des Modells kann zurückkommen. Strg+Eingabe übernimmt.
conversations-edited = bearbeitet
conversations-temperature-of = Temperatur { $value }
conversations-undo = Rückgängig
conversations-question-deleted = Frage und Antwort wurden gelöscht
conversations-answer-copied = Antwort kopiert
conversations-pin = Anheften
conversations-unpin = Nicht mehr anheften
conversations-move = In Ordner verschieben
conversations-no-folder = Kein Ordner
conversations-new-folder = Neuer Ordner …
conversations-folder = Ordner
conversations-folder-name = Name des Ordners
conversations-folder-of = Ordner { $name }, { $count }
conversations-rename-folder = Ordner umbenennen
conversations-dissolve-folder = Ordner auflösen
conversations-rename = Umbenennen
conversations-delete = Löschen
conversations-title = Titel
conversations-more = Mehr
conversations-more-of = Mehr zu { $name }
conversations-deleted = „{ $title }“ wurde gelöscht
conversations-all-deleted = Alle Gespräche wurden gelöscht
conversations-all-but-prompts = Alle Gespräche wurden gelöscht, aber nicht, was von ihren Eingaben behalten wurde: { $reason }
conversations-cannot-read = Dieses Gespräch kann nicht gelesen werden: { $reason }
conversations-new-temporary = Neues temporäres Gespräch
conversations-keep-temporary = Dieses Gespräch behalten
conversations-kept = Das Gespräch wird ab jetzt behalten
conversations-temporary = Temporäres Gespräch
conversations-temporary-hint = Nichts davon kommt auf die Festplatte: Es ist weg, wenn Medley geschlossen wird.
conversations-setup = Einstellungen dieses Gesprächs
conversations-setup-hint = Sie gelten nur für die nächsten Antworten dieses Gesprächs.
conversations-model = Modell
conversations-as-in-settings = Wie in den Einstellungen ({ $value })
conversations-as-settings = Wie in den Einstellungen
conversations-instructions = Anweisungen
conversations-instructions-hint = Wie das Modell antworten soll, anstelle der eingebauten Anweisungen
conversations-with-instructions = eigene Anweisungen
conversations-written-by = Antworten schreibt { $model }
conversations-sampling = Wortwahl
conversations-preset-exact = Genau
conversations-preset-balanced = Ausgewogen
conversations-preset-inventive = Einfallsreich
conversations-preset-name = Name für diese Werte
conversations-save-preset = Als Vorgabe speichern
conversations-delete-preset = Vorgabe löschen
conversations-delete-preset-of = Vorgabe { $name } löschen
conversations-temperature = Temperatur
conversations-temperature-hint = 0 gibt die wahrscheinlichsten Wörter und jedes Mal dieselbe Antwort
conversations-top-p = Top p
conversations-top-p-hint = Behält die wahrscheinlichsten Wörter, die zusammen diese Wahrscheinlichkeit erreichen; 1 behält alle
conversations-min-p = Min p
conversations-min-p-hint = Lässt Wörter weg, die weniger wahrscheinlich sind als dieser Anteil des wahrscheinlichsten
conversations-repetition = Strafe für Wiederholung
conversations-repetition-hint = Macht Wörter, die gerade geschrieben wurden, weniger wahrscheinlich; 1 lässt sie
conversations-top-k = Top k
conversations-top-k-hint = Behält nur so viele der wahrscheinlichsten Wörter; 0 behält alle
conversations-longest = Längste Antwort
conversations-tokens-suffix = {" Token"}
conversations-seed = Startwert
conversations-seed-hint = Derselbe Startwert und dieselben Werte geben dieselbe Antwort
conversations-search = Alle Gespräche durchsuchen
conversations-close-search = Suche schließen
conversations-searching = Suche läuft …
conversations-search-failed = Die Suche ist gescheitert: { $reason }
conversations-nothing-found = „{ $text }“ steht in keinem Gespräch.
conversations-found-gone = Es ist nicht mehr da
conversations-jump = Fundstelle anzeigen
conversations-match = Gefunden in { $title }: { $text }
conversations-draft = Entwurf: { $text }
conversations-export = Exportieren
conversations-import = Gespräche importieren …
conversations-format-json = JSON (alles)
conversations-exported = In { $file } geschrieben
conversations-open-file = Öffnen
conversations-none-shown = Es wird kein Gespräch angezeigt
conversations-nothing-to-export = Darin wurde noch nichts gefragt
conversations-nothing-written = Schreiben Sie zuerst etwas
conversations-dialog-open = Der Dateidialog ist offen
conversations-you = Sie
conversations-files = Dateien: { $names }
conversations-newer = { $file } wurde von einem neueren Medley geschrieben (Format { $found }, dieses kennt { $known }). Es wird angezeigt, aber nicht geändert: Was Sie jetzt tun, wird nicht behalten. Verwenden Sie das neuere Medley, oder setzen Sie MEDLEY_DATA auf einen anderen Ordner.
conversations-reading-first = Zuerst wird { $file } gelesen: { $how }
conversations-waiting = Wartet auf die Antwort davor
conversations-not-answered = Das konnte nicht beantwortet werden
conversations-interrupted = Medley wurde geschlossen, während dies geschrieben wurde.
conversations-stopped = Angehalten.
conversations-too-long = Die Antwort hat ihre größte Länge erreicht; die Einstellungen können mehr erlauben.
conversations-nothing-said = Das Modell hatte nichts zu sagen. Fragen Sie mit anderen Worten.
conversations-evidence = Belege
conversations-per-second = { $rate } pro Sekunde
conversations-first-word = erstes Wort nach { $seconds } s
conversations-to-the-end = Zum Ende gehen
conversations-greeting = Fragen Sie zu Ihren Dateien
conversations-greeting-with-files = Was möchten Sie wissen?
conversations-greeting-hint = Ziehen Sie Bilder, Aufnahmen, Videos oder Dokumente in dieses Fenster, und stellen Sie dann eine Frage. Jede Antwort kommt mit der Stelle, an der sie steht.
conversations-pictures = Bilder
conversations-recordings = Aufnahmen
conversations-videos = Videos
conversations-documents = Dokumente
conversations-private = Alles bleibt auf diesem Computer.
conversations-about-all = Zu allen Dateien
conversations-about-one = Zu { $file }
conversations-about-some = Zu { $count } von { $total } Dateien
conversations-about-hint = Um welche Dateien es in den nächsten Fragen geht
conversations-all-files = Alle Dateien
conversations-open-documents = Offene Dokumente
conversations-shown-document = Das angezeigte Dokument
conversations-ask-hint = Fragen Sie zu Ihren Dateien
conversations-question-field = Frage
conversations-dialog-waiting = Warten auf den Dateidialog
conversations-type-path = Stattdessen einen Pfad eingeben
conversations-stop-keys = Anhalten (Esc)
conversations-send-keys = Senden (Eingabe)
conversations-enter-hint = Eingabe fragt, Umschalt+Eingabe beginnt eine Zeile
conversations-group-temporary = Temporär
conversations-group-pinned = Angeheftet
conversations-group-today = Heute
conversations-group-week = Letzte 7 Tage
conversations-group-month = Letzte 30 Tage
conversations-group-older = Älter
conversations-answering = antwortet …
conversations-just-now = gerade eben
conversations-more-places = { $count ->
    [one] { $count } weitere Stelle
   *[other] { $count } weitere Stellen
}
conversations-tokens = { $count ->
    [one] { $count } Token
   *[other] { $count } Token
}
conversations-found = { $count ->
    [one] { $count } Stelle gefunden
   *[other] { $count } Stellen gefunden
}
conversations-imported = { $count ->
    [one] { $count } Gespräch importiert
   *[other] { $count } Gespräche importiert
}
conversations-other-branches = { $count ->
    [one] Dies ist die Fassung, die angezeigt wurde. { $count } Frage mit ihrer Antwort steht in anderen Fassungen; der JSON-Export hat sie.
   *[other] Dies ist die Fassung, die angezeigt wurde. { $count } Fragen mit ihren Antworten stehen in anderen Fassungen; der JSON-Export hat sie.
}
conversations-unsaved = { $count ->
    [one] { $count } Änderung konnte noch nicht gespeichert werden ({ $reason }). Nichts ist verloren: Medley behält sie und versucht es wieder. Schaffen Sie Platz auf der Festplatte, und lassen Sie dieses Fenster offen.
   *[other] { $count } Änderungen konnten noch nicht gespeichert werden ({ $reason }). Nichts ist verloren: Medley behält sie und versucht es wieder. Schaffen Sie Platz auf der Festplatte, und lassen Sie dieses Fenster offen.
}
conversations-minutes-ago = { $count ->
    [one] vor { $count } Minute
   *[other] vor { $count } Minuten
}
conversations-hours-ago = { $count ->
    [one] vor { $count } Stunde
   *[other] vor { $count } Stunden
}
conversations-days-ago = { $count ->
    [one] vor { $count } Tag
   *[other] vor { $count } Tagen
}
conversations-months-ago = { $count ->
    [one] vor { $count } Monat
   *[other] vor { $count } Monaten
}
conversations-years-ago = { $count ->
    [one] vor { $count } Jahr
   *[other] vor { $count } Jahren
}
conversations-no-temporary-folder = Für die Dateien eines temporären Gesprächs gibt es keinen Ordner: { $reason }
