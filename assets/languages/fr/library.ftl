# La bibliothèque et les questions à son sujet.
library-toggle = Afficher ou masquer la bibliothèque
library-title = Bibliothèque
library-close = Fermer la bibliothèque
library-close-tip = Fermer (Échap)
library-opening = Ouverture de la bibliothèque…
library-add = Ajouter à la bibliothèque
library-add-files = Ajouter des documents…
library-add-folder = Ajouter un dossier…
library-remove = Retirer ; le fichier reste où il est
library-remove-one = Retirer { $name }
library-remove-not = Il se trouve dans un dossier surveillé ; retirez le dossier ou déplacez le fichier
library-remove-folder = Retirer le dossier { $name }
library-folders = Surveillés :
library-folder-tip =
    { $folder }
    Les fichiers nouveaux ou modifiés y sont lus automatiquement.
library-look = Chercher maintenant les fichiers nouveaux ou modifiés
library-retry = Relire
library-retry-one = Relire { $name }
library-pause = Suspendre
library-resume = Reprendre
library-is-paused = La lecture est suspendue.
library-looking = Recherche de nouveautés…
library-reading = Lecture de { $name }
library-reading-of = Lecture de { $name }, encore { $count } documents
library-meaning = Tout peut être cherché par mots ; sens : { $done } passages sur { $total }
library-repairing = Reconstruction d’un index endommagé : { $done } passages sur { $total }
library-progress = Lu jusqu’ici :
library-search = Chercher dans la bibliothèque
library-search-hint = Chercher par mots et par sens
library-search-start = Chercher
library-search-empty = Écrivez d’abord ce qu’il faut chercher
library-search-clear = Revenir aux documents
library-searching = Recherche de « { $words } »…
library-found = { $count ->
    [one] { $count } passage pour « { $words } »
   *[other] { $count } passages pour « { $words } », le meilleur en premier
}
library-found-nothing = Rien n’a été trouvé pour « { $words } ».
library-found-nothing-hint = Essayez d’autres mots, ou moins de mots.
library-open = Lire le document
library-open-one = Lire { $name } de la bibliothèque
library-ask = Interroger ce document
library-ask-one = Interroger { $name }
library-ask-all = Interroger tout
library-ask-chosen = Les interroger
library-nothing-to-ask = Rien dans la bibliothèque ne peut encore être cherché
library-chosen = { $count ->
    [one] { $count } document choisi
   *[other] { $count } documents choisis
}
library-choose = Choisir { $name }
library-choose-none = Ne rien choisir
library-counts = { $documents ->
    [one] { $documents } document, { $pages } pages, { $size } sur le disque
   *[other] { $documents } documents, { $pages } pages, { $size } sur le disque
}
library-sizes =
    { $folder }
    Texte avec ses positions : { $text }
    Index des mots : { $words }
    Sens : { $meanings }
library-failed = { $count ->
    [one] { $count } fichier inutilisable
   *[other] { $count } fichiers inutilisables
}
library-close-notices = Fermer le message
library-waits = en attente de lecture
library-half = { $count ->
    [one] { $count } page lue, pas terminé
   *[other] { $count } pages lues, pas terminé
}
library-by-words = { $summary }, trouvable par mots ; sens { $percent } %
library-nothing-read = Aucun document à afficher pour l’instant.
library-empty = Tous vos documents au même endroit
library-empty-about = Déposez ici des documents ou des enregistrements, ou ajoutez un dossier : son contenu est lu en arrière-plan, tenu à jour, et peut être cherché et interrogé.
library-empty-folder = Choisir un dossier…
library-private = Les fichiers restent où ils sont ; tout reste sur cet ordinateur.
library-drop = Déposer pour ajouter à la bibliothèque
library-about = Sur { $what }
library-about-all = la bibliothèque
library-about-some = { $count } documents de la bibliothèque
library-about-nothing = Sans fichiers
library-all = { $count ->
    [one] La bibliothèque ({ $count } document)
   *[other] La bibliothèque ({ $count } documents)
}
library-choose-documents = Choisir des documents de la bibliothèque…
library-dialog-is-open = La boîte de dialogue est ouverte
library-dialog-waits = La boîte de dialogue est ouverte ; des fichiers peuvent aussi être déposés ici
library-dialog-files = Ajouter des documents à la bibliothèque
library-dialog-folder = Ajouter un dossier à la bibliothèque
library-dialog-kinds = Documents et enregistrements
library-dialog-all = Tous les fichiers
