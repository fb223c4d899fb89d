# Mots utilisés par plusieurs volets.
common-as-desktop = Système
common-cancel = Annuler
common-files = { $count ->
    [one] { $count } fichier
   *[other] { $count } fichiers
}
