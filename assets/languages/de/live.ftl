# Zuhören.
live-already = Es wird schon zugehört
live-start = Zuhören beginnen
live-choose = Auswählen, was gehört wird
live-default = Standardmikrofon
live-looking = Mikrofone werden gesucht …
live-no-microphone = Kein Mikrofon gefunden: Schließen Sie eines an und erlauben Sie Medley, es zu benutzen
live-system = Systemton: was der Computer spielt
live-problem = Es wird nicht zugehört: { $problem }
live-level = Pegel
live-rest = Der Rest wird aufgeschrieben
live-opening = { $source } wird geöffnet
live-listening = Zugehört wird: { $source }
live-stop = Zuhören beenden
