# Entraîner un modèle, adaptateurs, raisonnements.
teach-toggle = Entraîner un modèle
teach-title = Entraîner
teach-close = Fermer l’entraînement
teach-close-tip = Fermer (Échap)
teach-about = Un modèle peut apprendre à partir de questions dont la réponse est connue. Il y réfléchit, garde les raisonnements qui mènent à la bonne réponse et raisonne ensuite plutôt ainsi. Ce qu’il apprend est un petit adaptateur à côté du modèle ; le modèle lui-même ne change pas.
teach-choose = Choisir un fichier de questions…
teach-drop-here = Déposez ici un fichier de questions et réponses, ou cliquez pour en choisir un
teach-drop-file = Déposer pour apprendre de ces questions
teach-file-form = Une ligne chacune : {"{"}"question": "2 + 3?", "answer": "5"{"}"}
teach-dialog = Questions et réponses
teach-set = Modifier l’entraînement
teach-method = Méthode
teach-method-trice = TRICE
teach-method-trice-about = Garde un raisonnement par question et l’améliore par tirage.
teach-method-star = STaR
teach-method-star-about = Réfléchit à chaque question, apprend de ce qui était juste et recommence ; quand il se trompe, il voit la réponse.
teach-method-rejection = Rejet
teach-method-rejection-about = Tire quatre raisonnements par question et apprend des bons.
teach-method-direct = Direct
teach-method-direct-about = Apprend seulement les réponses, sans raisonnement.
teach-model = Modèle
teach-model-about = L’adaptateur ne convient qu’à ce modèle.
teach-budget = Budget
teach-steps = étapes
teach-steps-tip = Combien de fois l’adaptateur est modifié
teach-batch = raisonnements par étape
teach-batch-tip = Davantage rend chaque étape plus stable et plus lente
teach-held-out = questions de contrôle
teach-held-out-tip = On n’apprend pas d’elles ; au plus la moitié
teach-tokens = tokens par raisonnement
teach-tokens-tip = Les raisonnements plus longs sont coupés
teach-start = Commencer
teach-stop = Arrêter
teach-resume = Reprendre
teach-resume-one = Reprendre { $name }
teach-keep = Garder l’adaptateur
teach-keep-one = Garder { $name }
teach-drop = Abandonner l’adaptateur
teach-drop-one = Abandonner { $name }
teach-drop-sure = Supprimer
teach-drop-not = Conserver
teach-rename = Renommer
teach-rename-one = Renommer { $name }
teach-name = Nom de l’adaptateur
teach-use = Répondre avec cet adaptateur
teach-new-run = Autre entraînement
teach-no-data = Choisissez d’abord un fichier de questions
teach-busy = Un entraînement est en cours ; arrêtez-le d’abord
teach-not-running = Aucun entraînement en cours
teach-no-models = Les modèles doivent d’abord être téléchargés
teach-questions = { $train ->
    [one] { $train } question pour apprendre, { $held } pour contrôler, { $exemplars } en exemple
   *[other] { $train } questions pour apprendre, { $held } pour contrôler, { $exemplars } en exemple
}
teach-parameters = { $count } nombres sont ajustés
teach-parameters-millions = { $whole },{ $tenth } millions de nombres sont ajustés
teach-loading = Chargement du modèle…
teach-stopping = Arrêt ; ce qui a été appris est enregistré…
teach-seeking-exemplars = { $right ->
    [one] Recherche de bons exemples, { $right } trouvé
   *[other] Recherche de bons exemples, { $right } trouvés
}
teach-seeking-memory = Premiers raisonnements : { $done } questions sur { $total }, { $right } justes
teach-step = Étape { $step } sur { $steps }
teach-step-left = { $minutes ->
    [one] Étape { $step } sur { $steps }, encore une minute environ
   *[other] Étape { $step } sur { $steps }, encore { $minutes } minutes environ
}
teach-stopped = Arrêté après { $step } étapes sur { $steps }
teach-failed = Cet entraînement ne peut pas continuer
teach-done = L’adaptateur est prêt. Gardez-le pour répondre avec lui.
teach-done-checked = L’adaptateur est prêt : { $after } % de { $of } questions de contrôle justes, { $before } % avant. Gardez-le pour répondre avec lui.
teach-plot-loss = Perte
teach-plot-checked = Justesse sur le contrôle
teach-plot-accepted = Raisonnements justes
teach-plot-proposals = proposés
teach-plot-memory = en mémoire
teach-plot-variance = Variance du gradient
teach-plot-with = avec variable de contrôle
teach-plot-without = sans
teach-rationales = { $count ->
    [one] { $count } raisonnement qui a mené à la bonne réponse
   *[other] { $count } raisonnements qui ont mené à la bonne réponse, le plus récent d’abord
}
teach-rationales-more = { $count } de plus
teach-adapters = Adaptateurs
teach-adapters-about = Ce qui a été appris et gardé. Les réponses utilisent celui qui est choisi, avec le modèle pour lequel il a été fait.
teach-without = Le modèle tel quel
teach-made = pas encore gardé
teach-n-steps = { $steps } étapes
teach-accuracy = { $after } % justes, { $before } % avant
teach-answers-with = Répond avec { $name }
teach-tuned-with = ajusté : { $name }
teach-answers-without = Répond avec le modèle tel quel
teach-answers-about = Ce qui répond aux prochaines questions :
teach-think = Réfléchir : faire voter des raisonnements
teach-think-off = Réflexion : désactivée
teach-think-on = Réflexion : { $count } raisonnements votent
teach-think-about = Le modèle réfléchit plusieurs fois, et la réponse la plus fréquente l’emporte. Chaque raisonnement prend le temps d’une réponse.
teach-think-none = Répondre tout de suite
teach-think-chains = { $count } raisonnements votent
teach-thinking = { $done } raisonnements sur { $total }
teach-vote = { $count } raisonnements sur { $total } disent : { $answer }
teach-vote-other = { $count ->
    [one] { $count } dit : { $answer }
   *[other] { $count } disent : { $answer }
}
teach-vote-none = { $total } raisonnements, aucun avec une réponse
teach-chain = Raisonnement { $number }
teach-chain-likeliest = Le raisonnement le plus probable
teach-chain-no-answer = pas de réponse
