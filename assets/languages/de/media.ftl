media-long-text = Der eingefügte Text ist lang und wurde als Datei hinzugefügt
# Belege im Text einer Antwort und darunter.
media-source = Quelle { $number }: { $file }, { $place }
media-no-source = Keine Quelle für diesen Satz gefunden
media-no-source-why = Nichts, was in Ihren Dateien gefunden wurde, sagt dies mit denselben Worten. Prüfen Sie es, bevor Sie sich darauf verlassen.
media-evidence = Beleg: { $file }, { $place }, { $words }
media-recognised = Erkannt: { $what }
media-page = Seite { $page }
media-frame = Bild { $time }
media-picture = Bild
media-copy-code = Code kopieren

# Der Bereich, der eine Datei zeigt.
media-show-file = Datei anzeigen
media-show-picture = Bild anzeigen
media-show = { $file } anzeigen
media-close = Beleg schließen
media-close-tip = Schließen (Esc)
media-open-tip = Datei in ihrem Programm öffnen
media-no-more-evidence = In dieser Richtung gibt es keinen weiteren Beleg
media-which = { $number } von { $count }
media-picture-marked = { $file } mit markierter Stelle
media-loading-picture = Das Bild wird geladen …
media-loading-sound = Der Ton wird geladen …
media-farther = Verkleinern
media-closer = Vergrößern
media-whole = Einpassen
media-is-whole = Es ist ganz zu sehen
media-pixels = Ein Bildpunkt je Pixel des Bildes
media-ask-crop = Zu einem Ausschnitt fragen
media-ask-crop-tip = Einen Ausschnitt aufziehen, hier oder jederzeit mit Umschalt; er gehört dann zur nächsten Frage
media-choose-part = Den Ausschnitt aufziehen, nach dem Sie fragen möchten (Esc beendet dies)
media-ask-view = Zu dieser Ansicht fragen
media-too-small = Dieser Ausschnitt ist zu klein; ziehen Sie einen größeren auf
media-no-text = Auf dieser Seite wurde kein Text gefunden.

# Ton und Video.
media-frame-at = Bild bei { $time }
media-frames-of = Bilder von { $file }, bei { $time }
media-play-from-here = Ab hier abspielen
media-stop-playing = Anhalten
media-key-space = Leertaste
media-back = 5 Sekunden zurück
media-on = 5 Sekunden vor
media-frame-back = Voriges Bild
media-frame-on = Nächstes Bild
media-no-more-frames = In dieser Richtung gibt es kein weiteres Bild
media-speed = Tempo
media-speed-tip = Tempo; die Tonhöhe bleibt
media-subtitles = Untertitel
media-subtitles-tip = Was gesagt wird, über dem Video
media-silent = Es läuft ohne Ton: { $reason }
media-timeline = Zeitleiste
media-strip = { $name }, bei { $at } von { $total }
media-mark-start = Ausschnitt beginnt hier
media-mark-end = Ausschnitt endet hier
media-clear-marks = Markierung aufheben
media-ask-part = Zu diesem Ausschnitt fragen
media-drop-part = Zum Ganzen fragen
media-part = Ausschnitt { $range } von { $file }
media-passage = Textstelle aus { $source }: { $words }
media-mark-first = Markieren Sie zuerst Anfang und Ende des Ausschnitts
media-not-in-conversation = Diese Datei gehört nicht mehr zum Gespräch; fügen Sie sie wieder hinzu
media-not-known-yet = Diese Datei wird noch untersucht; warten Sie einen Moment

# Dateien, die hinzukommen.
media-drop = Ablegen, um zum Gespräch hinzuzufügen
media-checking = wird geprüft …
media-waiting = wartet auf das Lesen
media-loading-models = Modelle laden
media-reading = lesen
media-transcript-of = Transkript von { $file }
media-show-transcript = Transkript anzeigen
media-read-file = { $file } lesen
media-read-document = Dokument lesen
media-read-again-file = { $file } erneut lesen
media-read-again = Erneut lesen
media-remove-file = { $file } entfernen
media-remove = Datei entfernen
media-remove-all = Alle entfernen
media-many-files = { $count } Dateien, { $read } gelesen
media-many-failed = { $count } nicht verwendbar
media-many-left = { $count } stehen aus
media-more-failed = Und { $count } weitere; alle stehen in der Liste
media-show-all = Alle zeigen
media-show-summary = Weniger zeigen
media-capture = Bildschirmausschnitt hinzufügen …
media-no-capture = Der Desktop lässt von hier aus keinen Bildschirmausschnitt wählen ({ $reason }); nehmen Sie ihn mit dessen eigenem Werkzeug auf und fügen Sie ihn mit Strg+V ein
media-already = Diese Datei gehört schon zum Gespräch
media-tokens = ≈ { $count } Token
media-tokens-tip = Alles, was darin gelesen wurde, belegt etwa { $count } Token des Kontexts; in eine Antwort geht davon ein, was am besten zur Frage passt.

# Wie voll das Gedächtnis des Modells ist.
media-context-full = Kontext zu { $percent } % belegt
media-context-used = Die letzte Antwort belegte { $used } der { $total } Token, die das Modell behalten kann.
media-context-advice = Frühere Fragen fallen bald weg; beginnen Sie ein neues Gespräch.
