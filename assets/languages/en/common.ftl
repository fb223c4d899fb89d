# Words that several panes use.
common-as-desktop = System
common-cancel = Cancel
common-files = { $count ->
    [one] { $count } file
   *[other] { $count } files
}
