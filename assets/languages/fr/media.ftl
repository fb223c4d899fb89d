media-long-text = Le texte collé est long : il a été ajouté comme fichier
# Preuves dans le texte d’une réponse et en dessous.
media-source = Source { $number } : { $file }, { $place }
media-no-source = Aucune source trouvée pour cette phrase
media-no-source-why = Rien de ce qui a été trouvé dans vos fichiers ne le dit avec les mêmes mots. Vérifiez avant de vous y fier.
media-evidence = Preuve : { $file }, { $place }, { $words }
media-recognised = Reconnu : { $what }
media-page = page { $page }
media-frame = image { $time }
media-picture = image
media-copy-code = Copier le code

# Le volet qui montre un fichier.
media-show-file = Afficher le fichier
media-show-picture = Afficher l’image
media-show = Afficher { $file }
media-close = Fermer la preuve
media-close-tip = Fermer (Échap)
media-open-tip = Ouvrir le fichier dans son programme
media-no-more-evidence = Il n’y a plus de preuve dans cette direction
media-which = { $number } sur { $count }
media-picture-marked = { $file } avec l’endroit marqué
media-loading-picture = Chargement de l’image…
media-loading-sound = Chargement du son…
media-farther = Réduire
media-closer = Agrandir
media-whole = Ajuster
media-is-whole = Tout est affiché
media-pixels = Un pixel pour chaque pixel de l’image
media-ask-crop = Interroger une partie
media-ask-crop-tip = Tracer une partie de l’image, ici ou à tout moment avec Maj ; elle accompagne la question suivante
media-choose-part = Tracez la partie sur laquelle porte la question (Échap pour arrêter)
media-ask-view = Interroger cette vue
media-too-small = Cette partie est trop petite ; tracez-en une plus grande
media-no-text = Aucun texte n’a été trouvé sur cette page.

# Son et vidéo.
media-frame-at = Image à { $time }
media-frames-of = Images de { $file }, à { $time }
media-play-from-here = Lire à partir d’ici
media-stop-playing = Arrêter la lecture
media-key-space = Espace
media-back = Reculer de 5 secondes
media-on = Avancer de 5 secondes
media-frame-back = Image précédente
media-frame-on = Image suivante
media-no-more-frames = Il n’y a plus d’image dans cette direction
media-speed = Vitesse
media-speed-tip = Vitesse ; la hauteur de la voix reste la même
media-subtitles = Sous-titres
media-subtitles-tip = Ce qui est dit, sur la vidéo
media-silent = Lecture sans son : { $reason }
media-timeline = Chronologie
media-strip = { $name }, à { $at } sur { $total }
media-mark-start = La partie commence ici
media-mark-end = La partie finit ici
media-clear-marks = Effacer les repères
media-ask-part = Interroger cette partie
media-drop-part = Interroger l’ensemble
media-part = Partie { $range } de { $file }
media-passage = Passage de { $source } : { $words }
media-mark-first = Marquez d’abord le début et la fin de la partie
media-not-in-conversation = Ce fichier ne fait plus partie de la conversation ; ajoutez-le de nouveau
media-not-known-yet = Ce fichier est en cours d’examen ; patientez un instant

# Fichiers ajoutés.
media-drop = Déposer pour ajouter à la conversation
media-checking = vérification…
media-waiting = en attente de lecture
media-loading-models = chargement des modèles
media-reading = lecture
media-transcript-of = Transcription de { $file }
media-show-transcript = Afficher la transcription
media-read-file = Lire { $file }
media-read-document = Lire le document
media-read-again-file = Relire { $file }
media-read-again = Relire
media-remove-file = Retirer { $file }
media-remove = Retirer le fichier
media-remove-all = Tout retirer
media-many-files = { $count } fichiers, { $read } lus
media-many-failed = { $count } inutilisables
media-many-left = { $count } restants
media-more-failed = Et { $count } de plus ; tous sont dans la liste
media-show-all = Tout afficher
media-show-summary = Afficher moins
media-capture = Ajouter une partie de l’écran…
media-no-capture = Le bureau ne permet pas de choisir une partie de l’écran d’ici ({ $reason }) ; prenez l’image avec son propre outil et collez-la avec Ctrl+V
media-already = Ce fichier fait déjà partie de la conversation
media-tokens = ≈ { $count } jetons
media-tokens-tip = Tout ce qui y a été lu occupe environ { $count } jetons du contexte ; une réponse en reçoit ce qui convient le mieux à la question.

# À quel point la mémoire du modèle est pleine.
media-context-full = Contexte rempli à { $percent } %
media-context-used = Le dernier échange a utilisé { $used } des { $total } jetons que le modèle peut retenir.
media-context-advice = Les échanges précédents seront bientôt omis ; commencez une nouvelle conversation.
