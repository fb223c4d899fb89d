# The library, and questions about it.
library-toggle = Show or hide the library
library-title = Library
library-close = Close the library
library-close-tip = Close (Esc)
library-opening = Opening the library…
library-add = Add to the library
library-add-files = Add documents…
library-add-folder = Add a folder…
library-remove = Take out; the file stays where it is
library-remove-one = Take { $name } out
library-remove-not = It lies in a folder that is looked after; take the folder out, or move the file
library-remove-folder = Take the folder { $name } out
library-folders = Looked after:
library-folder-tip =
    { $folder }
    New and changed files in it are read by themselves.
library-look = Look now for new and changed files
library-retry = Read again
library-retry-one = Read { $name } again
library-pause = Pause
library-resume = Resume
library-is-paused = Reading is paused.
library-looking = Looking what is new…
library-reading = Reading { $name }
library-reading-of = Reading { $name }, { $count } documents left
library-meaning = Everything can be searched by words; meanings: { $done } of { $total } passages
library-repairing = Making a damaged index anew: { $done } of { $total } passages
library-progress = Read so far:
library-search = Search in the library
library-search-hint = Search by words and meaning
library-search-start = Search
library-search-empty = Write what to look for first
library-search-clear = Back to the documents
library-searching = Searching for “{ $words }”…
library-found = { $count ->
    [one] { $count } place for “{ $words }”
   *[other] { $count } places for “{ $words }”, the best first
}
library-found-nothing = Nothing was found for “{ $words }”.
library-found-nothing-hint = Try other words, or fewer of them.
library-open = Read the document
library-open-one = Read { $name } of the library
library-ask = Ask about this document
library-ask-one = Ask about { $name }
library-ask-all = Ask about all
library-ask-chosen = Ask about them
library-nothing-to-ask = Nothing in the library can be searched yet
library-chosen = { $count ->
    [one] { $count } document chosen
   *[other] { $count } documents chosen
}
library-choose = Choose { $name }
library-choose-none = Choose none
library-counts = { $documents ->
    [one] { $documents } document, { $pages } pages, { $size } on disk
   *[other] { $documents } documents, { $pages } pages, { $size } on disk
}
library-sizes =
    { $folder }
    Text with its positions: { $text }
    Index of words: { $words }
    Meanings: { $meanings }
library-failed = { $count ->
    [one] { $count } file cannot be used
   *[other] { $count } files cannot be used
}
library-close-notices = Close message
library-waits = waits to be read
library-half = { $count ->
    [one] { $count } page read, not finished
   *[other] { $count } pages read, not finished
}
library-by-words = { $summary }, found by words; meanings { $percent } %
library-nothing-read = No document can be shown yet.
library-empty = All your documents, in one place
library-empty-about = Drop documents or recordings here, or add a folder: what is in it is read in the background, kept up to date, and can be searched and asked.
library-empty-folder = Choose a folder…
library-private = The files stay where they are; everything stays on this computer.
library-drop = Drop to add to the library
library-about = About { $what }
library-about-all = the library
library-about-some = { $count } documents of the library
library-about-nothing = About no files
library-all = { $count ->
    [one] The library ({ $count } document)
   *[other] The library ({ $count } documents)
}
library-choose-documents = Choose documents of the library…
library-dialog-is-open = The file dialog is open
library-dialog-waits = Waiting for the file dialog; files can also be dropped here
library-dialog-files = Add documents to the library
library-dialog-folder = Add a folder to the library
library-dialog-kinds = Documents and recordings
library-dialog-all = All files
