# Écouter.
live-already = Écoute déjà en cours
live-start = Commencer à écouter
live-choose = Choisir ce qu’on écoute
live-default = Microphone par défaut
live-looking = Recherche de microphones…
live-no-microphone = Aucun microphone trouvé : branchez-en un et autorisez Medley à l’utiliser
live-system = Son du système : ce que joue l’ordinateur
live-problem = Pas d’écoute : { $problem }
live-level = Niveau sonore
live-rest = Transcription de la fin
live-opening = Ouverture de { $source }
live-listening = Écoute de { $source }
live-stop = Arrêter d’écouter
