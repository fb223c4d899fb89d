conversations-show-version = Afficher cette version
conversations-ask-edited = Poser à nouveau
conversations-edit-answer = Modifier la réponse
conversations-keep-edited = Conserver
conversations-restore-answer = Revenir au texte du modèle
conversations-answer-again = Répondre à nouveau
conversations-pin = Épingler
conversations-unpin = Détacher
