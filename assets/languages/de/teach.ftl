# Ein Modell unterrichten, Adapter, Gedankenketten.
teach-toggle = Ein Modell unterrichten
teach-title = Unterrichten
teach-close = Unterrichten schließen
teach-close-tip = Schließen (Esc)
teach-about = Ein Modell kann aus Fragen mit bekannten Antworten lernen. Es denkt über sie nach, behält die Gedanken, die zur richtigen Antwort führen, und denkt danach eher so. Was es lernt, ist ein kleiner Adapter neben dem Modell; das Modell selbst ändert sich nicht.
teach-choose = Datei mit Fragen wählen …
teach-drop-here = Eine Datei mit Fragen und Antworten hierher ziehen oder klicken, um eine zu wählen
teach-drop-file = Ablegen, um aus diesen Fragen zu lernen
teach-file-form = Je eine Zeile: {"{"}"question": "2 + 3?", "answer": "5"{"}"}
teach-dialog = Fragen und Antworten
teach-set = Lauf ändern
teach-method = Verfahren
teach-method-trice = TRICE
teach-method-trice-about = Behält zu jeder Frage einen Gedanken und verbessert ihn durch Ziehen.
teach-method-star = STaR
teach-method-star-about = Denkt über jede Frage nach, lernt aus dem Richtigen und beginnt von vorn; wo es falsch lag, sieht es die Antwort.
teach-method-rejection = Verwerfen
teach-method-rejection-about = Zieht vier Gedanken zu jeder Frage und lernt aus den richtigen.
teach-method-direct = Direkt
teach-method-direct-about = Lernt nur die Antworten, ohne Gedanken.
teach-model = Modell
teach-model-about = Der Adapter passt nur zu diesem Modell.
teach-budget = Aufwand
teach-steps = Schritte
teach-steps-tip = Wie oft der Adapter geändert wird
teach-batch = Gedanken je Schritt
teach-batch-tip = Mehr machen jeden Schritt ruhiger und langsamer
teach-held-out = Fragen zum Prüfen
teach-held-out-tip = Aus ihnen wird nicht gelernt; höchstens die Hälfte aller
teach-tokens = Tokens je Gedanke
teach-tokens-tip = Längere Gedanken werden abgeschnitten
teach-start = Beginnen
teach-stop = Anhalten
teach-resume = Fortsetzen
teach-resume-one = { $name } fortsetzen
teach-keep = Adapter behalten
teach-keep-one = { $name } behalten
teach-drop = Adapter verwerfen
teach-drop-one = { $name } verwerfen
teach-drop-sure = Löschen
teach-drop-not = Behalten
teach-rename = Umbenennen
teach-rename-one = { $name } umbenennen
teach-name = Name des Adapters
teach-use = Mit diesem Adapter antworten
teach-new-run = Anderer Lauf
teach-no-data = Wählen Sie zuerst eine Datei mit Fragen
teach-busy = Ein Lauf ist im Gang; halten Sie ihn zuerst an
teach-not-running = Es ist kein Lauf im Gang
teach-no-models = Die Modelle müssen zuerst heruntergeladen werden
teach-questions = { $train ->
    [one] { $train } Frage zum Lernen, { $held } zum Prüfen, { $exemplars } als Beispiele
   *[other] { $train } Fragen zum Lernen, { $held } zum Prüfen, { $exemplars } als Beispiele
}
teach-parameters = { $count } Zahlen werden angepasst
teach-parameters-millions = { $whole },{ $tenth } Millionen Zahlen werden angepasst
teach-loading = Das Modell wird geladen …
teach-stopping = Wird angehalten; das Gelernte wird aufgeschrieben …
teach-seeking-exemplars = { $right ->
    [one] Gute Beispiele werden gesucht, { $right } gefunden
   *[other] Gute Beispiele werden gesucht, { $right } gefunden
}
teach-seeking-memory = Erste Gedanken: { $done } von { $total } Fragen, { $right } richtig
teach-step = Schritt { $step } von { $steps }
teach-step-left = { $minutes ->
    [one] Schritt { $step } von { $steps }, noch etwa eine Minute
   *[other] Schritt { $step } von { $steps }, noch etwa { $minutes } Minuten
}
teach-stopped = Angehalten nach { $step } von { $steps } Schritten
teach-failed = Dieser Lauf kann nicht weitergehen
teach-done = Der Adapter ist fertig. Behalten Sie ihn, um mit ihm zu antworten.
teach-done-checked = Der Adapter ist fertig: { $after } % von { $of } zurückgehaltenen Fragen richtig, vorher { $before } %. Behalten Sie ihn, um mit ihm zu antworten.
teach-plot-loss = Verlust
teach-plot-checked = Genauigkeit auf Zurückgehaltenem
teach-plot-accepted = Richtige Gedanken
teach-plot-proposals = vorgeschlagen
teach-plot-memory = im Gedächtnis
teach-plot-variance = Varianz des Gradienten
teach-plot-with = mit Kontrollvariate
teach-plot-without = ohne
teach-rationales = { $count ->
    [one] { $count } Gedanke, der zur richtigen Antwort führte
   *[other] { $count } Gedanken, die zur richtigen Antwort führten, der neueste zuerst
}
teach-rationales-more = { $count } weitere
teach-adapters = Adapter
teach-adapters-about = Was gelernt und behalten wurde. Antworten benutzen den gewählten, mit dem Modell, für das er gemacht ist.
teach-without = Das Modell, wie es ist
teach-made = noch nicht behalten
teach-n-steps = { $steps } Schritte
teach-accuracy = { $after } % richtig, vorher { $before } %
teach-answers-with = Antwortet mit { $name }
teach-tuned-with = angepasst: { $name }
teach-answers-without = Antwortet mit dem Modell, wie es ist
teach-answers-about = Womit die nächsten Fragen beantwortet werden:
teach-think = Nachdenken: Gedankenketten abstimmen lassen
teach-think-off = Nachdenken: aus
teach-think-on = Nachdenken: { $count } Ketten stimmen ab
teach-think-about = Das Modell denkt mehrmals nach, und es zählt die Antwort, zu der die meisten Ketten kommen. Jede Kette dauert so lange wie eine Antwort.
teach-think-none = Sofort antworten
teach-think-chains = { $count } Ketten stimmen ab
teach-thinking = { $done } von { $total } Gedankenketten
teach-vote = { $count } von { $total } Ketten sagen: { $answer }
teach-vote-other = { $count ->
    [one] { $count } sagt: { $answer }
   *[other] { $count } sagen: { $answer }
}
teach-vote-none = { $total } Gedankenketten, keine mit einer Antwort
teach-chain = Kette { $number }
teach-chain-likeliest = Die wahrscheinlichste Kette
teach-chain-no-answer = keine Antwort
