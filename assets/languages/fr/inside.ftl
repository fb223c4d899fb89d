# Comment une réponse s’est faite.
inside-look = Regarder à l’intérieur de cette réponse
inside-title = À l’intérieur de la réponse
inside-close = Fermer l’intérieur de la réponse
inside-close-keys = Fermer (Échap)
inside-tokens = Jetons
inside-context = Contexte
inside-experts = Experts
inside-time = Temps
inside-waits = Visible dès que la réponse est complète.
inside-nothing = Rien n’a été conservé de la façon dont cette réponse s’est faite. Répondez de nouveau pour le voir.
inside-off = Rien n’est conservé de la façon dont les réponses se font. Activez-le ci-dessous, puis répondez de nouveau.
inside-again = Répondre de nouveau
inside-keep = Conserver comment se font les nouvelles réponses
inside-keep-why = Prend un peu de temps par mot ; rien ne quitte cet ordinateur.
inside-tokens-none = Les mots de cette réponse n’ont pas été observés : plusieurs raisonnements ou sections y ont mené.
inside-tokens-summary = { $tokens ->
    [one] { $tokens } jeton
   *[other] { $tokens } jetons
}  ·  sûr à { $mean } en moyenne  ·  { $unsure } en dessous de 50 %
inside-unsure = hésitant
inside-sure = sûr
inside-tokens-hint = Pointez un mot pour voir ce que le modèle aurait pu écrire d’autre ; un clic ou les flèches le gardent ici.
inside-tokens-text = La réponse jeton par jeton ; les flèches les parcourent
inside-token-of = Jeton { $text }
inside-token-place = Jeton { $number } sur { $of }
inside-token-written = Écrit : { $text }, { $share }
inside-token-possible = Possible : { $text }, { $share }
inside-written = écrit
inside-end = fin de la réponse
inside-structure = une marque sans texte
inside-context-none = On ne sait rien de ce que le modèle a lu pour cette réponse.
inside-context-summary = { $tokens ->
    [one] { $tokens } jeton lu
   *[other] { $tokens } jetons lus
} sur { $of } possibles ({ $share })
inside-context-cached = { $tokens ->
    [one] dont { $tokens } déjà connu
   *[other] dont { $tokens } déjà connus
} d’une question précédente
inside-context-text = Le texte
inside-n-tokens = { $tokens ->
    [one] { $tokens } jeton
   *[other] { $tokens } jetons
}
inside-left-out = Non donné au modèle
inside-left-out-nothing = Rien n’a été omis.
inside-left-out-passages = { $name } : { $left } passages sur { $of }, moins proches de la question
inside-left-out-turns = Les { $left } premières des { $of } questions précédentes, avec leurs réponses
inside-part-instructions = Consignes
inside-part-medium = Vu et entendu
inside-part-earlier-question = Question précédente
inside-part-earlier-answer = Réponse précédente
inside-part-notes = Notes
inside-part-question = Question
inside-part-form = Forme de la conversation
inside-experts-none = Ce modèle n’a pas d’experts : chaque jeton passe par tous ses poids.
inside-experts-cached = Tout ce qui était à lire était connu d’une question précédente ; aucun expert n’a été compté.
inside-experts-text = Texte
inside-experts-pictures = Images
inside-experts-video = Vidéo
inside-experts-sound = Son
inside-experts-answer = Réponse
inside-experts-summary = { $layers ->
    [one] { $layers } couche
   *[other] { $layers } couches
} de { $experts } experts, { $chosen } choisis par jeton. Plus la couleur est vive, plus c’est fréquent.
inside-experts-axes = Les lignes sont les couches, la dernière en haut ; les colonnes sont les experts.
inside-experts-cell = Couche { $layer }, expert { $expert } : { $count } jetons sur { $of } ({ $share })
inside-experts-most = Le plus choisi : l’expert { $expert } de la couche { $layer }, pour { $share } des jetons.
inside-experts-idle = { $idle } experts sur { $of } n’ont jamais été choisis.
inside-experts-not-counted = { $tokens ->
    [one] { $tokens } jeton a été lu pour une question précédente et n’est
   *[other] { $tokens } jetons ont été lus pour une question précédente et ne sont
} pas compté ici.
inside-time-none = On ne sait rien de la répartition du temps.
inside-time-summary = { $seconds } en tout
inside-time-rest = Tout le reste
inside-stage-load = Chargement des modèles
inside-stage-decode = Lecture
inside-stage-encode = Regarder et écouter
inside-stage-search = Recherche des preuves
inside-stage-prefill = Lecture de l’invite
inside-stage-generate = Écriture
inside-stage-sections = Lecture de chaque section
inside-stage-join = Réunion des notes
inside-unreadable = Ce qui en avait été conservé n’a pas pu être lu : { $reason }
