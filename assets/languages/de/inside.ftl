# Wie eine Antwort zustande kam.
inside-look = In diese Antwort hineinsehen
inside-title = Im Inneren der Antwort
inside-close = Das Innere der Antwort schließen
inside-close-keys = Schließen (Esc)
inside-tokens = Tokens
inside-context = Kontext
inside-experts = Experten
inside-time = Zeit
inside-waits = Zu sehen, sobald die Antwort vollständig ist.
inside-nothing = Wie diese Antwort zustande kam, wurde nicht festgehalten. Antworten Sie erneut, um es zu sehen.
inside-off = Wie Antworten zustande kommen, wird nicht festgehalten. Schalten Sie es unten ein und lassen Sie erneut antworten.
inside-again = Erneut antworten
inside-keep = Festhalten, wie neue Antworten zustande kommen
inside-keep-why = Kostet für jedes Wort ein wenig Zeit; nichts verlässt diesen Computer.
inside-tokens-none = Die Wörter dieser Antwort wurden nicht beobachtet: Mehrere Gedankengänge oder Abschnitte führten zu ihr.
inside-tokens-summary = { $tokens ->
    [one] { $tokens } Token
   *[other] { $tokens } Tokens
}  ·  im Mittel { $mean } sicher  ·  { $unsure } unter 50 %
inside-unsure = unsicher
inside-sure = sicher
inside-tokens-hint = Zeigen Sie auf ein Wort, um zu sehen, was das Modell sonst hätte schreiben können; ein Klick oder die Pfeiltasten halten es hier fest.
inside-tokens-text = Die Antwort nach Tokens; die Pfeiltasten gehen sie durch
inside-token-of = Token { $text }
inside-token-place = Token { $number } von { $of }
inside-token-written = Geschrieben: { $text }, { $share }
inside-token-possible = Möglich: { $text }, { $share }
inside-written = geschrieben
inside-end = Ende der Antwort
inside-structure = ein Zeichen ohne Text
inside-context-none = Was das Modell für diese Antwort gelesen hat, ist nicht bekannt.
inside-context-summary = { $tokens ->
    [one] { $tokens } Token wurde gelesen
   *[other] { $tokens } Tokens wurden gelesen
} von { $of }, die Platz haben ({ $share })
inside-context-cached = { $tokens ->
    [one] { $tokens } davon war
   *[other] { $tokens } davon waren
} von einer früheren Frage bekannt
inside-context-text = Wortlaut
inside-n-tokens = { $tokens ->
    [one] { $tokens } Token
   *[other] { $tokens } Tokens
}
inside-left-out = Dem Modell nicht gegeben
inside-left-out-nothing = Nichts wurde weggelassen.
inside-left-out-passages = { $name }: { $left } von { $of } Stellen, die weniger gut zur Frage passen
inside-left-out-turns = Die ersten { $left } von { $of } früheren Fragen mit ihren Antworten
inside-part-instructions = Anweisungen
inside-part-medium = Gesehen und gehört
inside-part-earlier-question = Frühere Frage
inside-part-earlier-answer = Frühere Antwort
inside-part-notes = Notizen
inside-part-question = Frage
inside-part-form = Form des Gesprächs
inside-experts-none = Dieses Modell hat keine Experten: Jedes Token geht durch alle seine Gewichte.
inside-experts-cached = Alles, was zu lesen war, war von einer früheren Frage bekannt; Experten wurden dafür nicht gezählt.
inside-experts-text = Text
inside-experts-pictures = Bilder
inside-experts-video = Video
inside-experts-sound = Ton
inside-experts-answer = Antwort
inside-experts-summary = { $layers ->
    [one] { $layers } Schicht
   *[other] { $layers } Schichten
} mit { $experts } Experten, { $chosen } je Token gewählt. Je kräftiger die Farbe, desto öfter.
inside-experts-axes = Zeilen sind Schichten, die letzte oben; Spalten sind Experten.
inside-experts-cell = Schicht { $layer }, Experte { $expert }: { $count } von { $of } Tokens ({ $share })
inside-experts-most = Am häufigsten gewählt: Experte { $expert } der Schicht { $layer }, für { $share } der Tokens.
inside-experts-idle = { $idle } von { $of } Experten wurden nie gewählt.
inside-experts-not-counted = { $tokens ->
    [one] { $tokens } Token wurde für eine frühere Frage gelesen und ist
   *[other] { $tokens } Tokens wurden für eine frühere Frage gelesen und sind
} hier nicht mitgezählt.
inside-time-none = Wohin die Zeit ging, ist nicht bekannt.
inside-time-summary = { $seconds } insgesamt
inside-time-rest = Alles Übrige
inside-stage-load = Modelle laden
inside-stage-decode = Lesen
inside-stage-encode = Ansehen und Anhören
inside-stage-search = Belege suchen
inside-stage-prefill = Eingabe lesen
inside-stage-generate = Schreiben
inside-stage-sections = Jeden Abschnitt lesen
inside-stage-join = Notizen zusammenführen
inside-unreadable = Wie sie zustande kam, ließ sich nicht lesen: { $reason }
