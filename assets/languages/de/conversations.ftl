conversations-show-version = Diese Fassung anzeigen
conversations-ask-edited = Neu fragen
conversations-edit-answer = Antwort bearbeiten
conversations-keep-edited = Übernehmen
conversations-restore-answer = Zurück zum Text des Modells
conversations-answer-again = Erneut antworten
conversations-pin = Anheften
conversations-unpin = Loslösen
