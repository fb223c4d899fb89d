# Conversations: their list, questions and answers, search, files out and in.
conversations-show-version = Afficher cette version
conversations-ask-edited = Poser à nouveau
conversations-edit-answer = Modifier la réponse
conversations-keep-edited = Conserver
conversations-restore-answer = Revenir au texte du modèle
conversations-answer-again = Répondre à nouveau
conversations-answer-again-with = Répondre à nouveau avec…
conversations-another-model = Avec un autre modèle
conversations-other-sampling = Avec un autre échantillonnage
conversations-no-more-versions = Il n’y a pas d’autre version
conversations-previous-question = Version précédente de la question
conversations-next-question = Version suivante de la question
conversations-previous-answer = Réponse précédente
conversations-next-answer = Réponse suivante
conversations-edit-question-field = Question modifiée
conversations-edit-answer-field = Réponse modifiée
conversations-edit-question-hint = L’ancienne question reste à côté. Entrée pose la question.
conversations-edit-answer-hint = Le texte du modèle peut revenir. Ctrl+Entrée conserve.
conversations-edited = modifiée
conversations-temperature-of = Température { $value }
conversations-undo = Annuler
conversations-question-deleted = La question et la réponse ont été supprimées
conversations-answer-copied = Réponse copiée
conversations-pin = Épingler
conversations-unpin = Détacher
conversations-move = Déplacer dans un dossier
conversations-no-folder = Aucun dossier
conversations-new-folder = Nouveau dossier…
conversations-folder = Dossier
conversations-folder-name = Nom du dossier
conversations-folder-of = Dossier { $name }, { $count }
conversations-rename-folder = Renommer le dossier
conversations-dissolve-folder = Dissoudre le dossier
conversations-rename = Renommer
conversations-delete = Supprimer
conversations-title = Titre
conversations-more = Plus
conversations-more-of = Plus sur { $name }
conversations-deleted = « { $title } » a été supprimée
conversations-all-deleted = Toutes les conversations ont été supprimées
conversations-all-but-prompts = Toutes les conversations ont été supprimées, mais pas ce qui était gardé de leurs requêtes : { $reason }
conversations-cannot-read = Cette conversation ne peut pas être lue : { $reason }
conversations-new-temporary = Nouvelle conversation temporaire
conversations-keep-temporary = Garder cette conversation
conversations-kept = La conversation est désormais gardée
conversations-temporary = Conversation temporaire
conversations-temporary-hint = Rien n’en est écrit sur le disque : elle disparaît à la fermeture de Medley.
conversations-setup = Réglages de cette conversation
conversations-setup-hint = Ils ne valent que pour les prochaines réponses de cette conversation.
conversations-model = Modèle
conversations-as-in-settings = Comme dans les réglages ({ $value })
conversations-as-settings = Comme dans les réglages
conversations-instructions = Instructions
conversations-instructions-hint = Comment le modèle doit répondre, à la place des instructions intégrées
conversations-with-instructions = instructions propres
conversations-written-by = Les réponses sont écrites par { $model }
conversations-sampling = Choix des mots
conversations-preset-exact = Exact
conversations-preset-balanced = Équilibré
conversations-preset-inventive = Inventif
conversations-preset-name = Nom pour ces valeurs
conversations-save-preset = Enregistrer comme préréglage
conversations-delete-preset = Supprimer le préréglage
conversations-delete-preset-of = Supprimer le préréglage { $name }
conversations-temperature = Température
conversations-temperature-hint = 0 donne les mots les plus probables et chaque fois la même réponse
conversations-top-p = Top p
conversations-top-p-hint = Garde les mots les plus probables qui atteignent ensemble cette probabilité ; 1 les garde tous
conversations-min-p = Min p
conversations-min-p-hint = Écarte les mots moins probables que cette part du plus probable
conversations-repetition = Pénalité de répétition
conversations-repetition-hint = Rend moins probables les mots écrits récemment ; 1 les laisse
conversations-top-k = Top k
conversations-top-k-hint = Ne garde que tant de mots parmi les plus probables ; 0 les garde tous
conversations-longest = Réponse la plus longue
conversations-tokens-suffix = {" jetons"}
conversations-seed = Graine
conversations-seed-hint = La même graine et les mêmes valeurs donnent la même réponse
conversations-search = Chercher dans toutes les conversations
conversations-close-search = Fermer la recherche
conversations-searching = Recherche…
conversations-search-failed = La recherche a échoué : { $reason }
conversations-nothing-found = « { $text } » ne figure dans aucune conversation.
conversations-found-gone = Cela n’existe plus
conversations-jump = Afficher l’endroit
conversations-match = Trouvé dans { $title } : { $text }
conversations-draft = Brouillon : { $text }
conversations-export = Exporter
conversations-import = Importer des conversations…
conversations-format-json = JSON (tout)
conversations-exported = Écrit dans { $file }
conversations-open-file = Ouvrir
conversations-none-shown = Aucune conversation n’est affichée
conversations-nothing-to-export = Rien n’y a encore été demandé
conversations-nothing-written = Écrivez d’abord quelque chose
conversations-dialog-open = La boîte de dialogue est ouverte
conversations-you = Vous
conversations-files = Fichiers : { $names }
conversations-newer = { $file } a été écrit par un Medley plus récent (format { $found }, celui-ci connaît { $known }). Il est affiché sans être modifié : ce que vous faites maintenant n’est pas gardé. Utilisez le Medley plus récent, ou réglez MEDLEY_DATA sur un autre dossier.
conversations-reading-first = Lecture de { $file } d’abord : { $how }
conversations-waiting = Attend la réponse précédente
conversations-not-answered = Il n’a pas été possible de répondre
conversations-interrupted = Medley a été fermé pendant l’écriture de cette réponse.
conversations-stopped = Arrêté.
conversations-too-long = La réponse a atteint sa longueur maximale ; les réglages peuvent en permettre plus.
conversations-nothing-said = Le modèle n’avait rien à dire. Demandez autrement.
conversations-evidence = Preuves
conversations-per-second = { $rate } par seconde
conversations-first-word = premier mot après { $seconds } s
conversations-to-the-end = Aller à la fin
conversations-greeting = Interrogez vos fichiers
conversations-greeting-with-files = Que souhaitez-vous savoir ?
conversations-greeting-hint = Déposez des images, des enregistrements, des vidéos ou des documents dans cette fenêtre, puis posez une question. Chaque réponse indique l’endroit où elle a été trouvée.
conversations-pictures = Images
conversations-recordings = Enregistrements
conversations-videos = Vidéos
conversations-documents = Documents
conversations-private = Tout reste sur cet ordinateur.
conversations-about-all = Sur tous les fichiers
conversations-about-one = Sur { $file }
conversations-about-some = Sur { $count } de { $total } fichiers
conversations-about-hint = Les fichiers dont parlent les prochaines questions
conversations-all-files = Tous les fichiers
conversations-open-documents = Documents ouverts
conversations-shown-document = Le document affiché
conversations-ask-hint = Interrogez vos fichiers
conversations-question-field = Question
conversations-dialog-waiting = En attente de la boîte de dialogue
conversations-type-path = Saisir plutôt un chemin
conversations-stop-keys = Arrêter (Échap)
conversations-send-keys = Envoyer (Entrée)
conversations-enter-hint = Entrée pose la question, Maj+Entrée commence une ligne
conversations-group-temporary = Temporaire
conversations-group-pinned = Épinglées
conversations-group-today = Aujourd’hui
conversations-group-week = 7 derniers jours
conversations-group-month = 30 derniers jours
conversations-group-older = Plus anciennes
conversations-answering = répond…
conversations-just-now = à l’instant
conversations-more-places = { $count ->
    [one] { $count } autre endroit
   *[other] { $count } autres endroits
}
conversations-tokens = { $count ->
    [one] { $count } jeton
   *[other] { $count } jetons
}
conversations-found = { $count ->
    [one] { $count } endroit trouvé
   *[other] { $count } endroits trouvés
}
conversations-imported = { $count ->
    [one] { $count } conversation importée
   *[other] { $count } conversations importées
}
conversations-other-branches = { $count ->
    [one] Ceci est la version affichée. { $count } question et sa réponse figurent dans d’autres versions ; l’export JSON les contient.
   *[other] Ceci est la version affichée. { $count } questions et leurs réponses figurent dans d’autres versions ; l’export JSON les contient.
}
conversations-unsaved = { $count ->
    [one] { $count } modification n’a pas encore pu être écrite sur le disque ({ $reason }). Rien n’est perdu : Medley la garde et réessaie. Libérez de la place et laissez cette fenêtre ouverte.
   *[other] { $count } modifications n’ont pas encore pu être écrites sur le disque ({ $reason }). Rien n’est perdu : Medley les garde et réessaie. Libérez de la place et laissez cette fenêtre ouverte.
}
conversations-minutes-ago = { $count ->
    [one] il y a { $count } minute
   *[other] il y a { $count } minutes
}
conversations-hours-ago = { $count ->
    [one] il y a { $count } heure
   *[other] il y a { $count } heures
}
conversations-days-ago = { $count ->
    [one] il y a { $count } jour
   *[other] il y a { $count } jours
}
conversations-months-ago = { $count ->
    [one] il y a { $count } mois
   *[other] il y a { $count } mois
}
conversations-years-ago = { $count ->
    [one] il y a { $count } an
   *[other] il y a { $count } ans
}
conversations-no-temporary-folder = Il n’y a pas de dossier pour les fichiers d’une conversation temporaire : { $reason }
