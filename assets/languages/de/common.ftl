# Wörter, die mehrere Bereiche brauchen.
common-as-desktop = System
common-cancel = Abbrechen
common-files = { $count ->
    [one] { $count } Datei
   *[other] { $count } Dateien
}
