# Conversations: their list, questions and answers, search, files out and in.
conversations-show-version = Show this version
conversations-ask-edited = Ask again
conversations-edit-answer = Edit answer
conversations-keep-edited = Keep
conversations-restore-answer = Back to what the model wrote
conversations-answer-again = Answer again
conversations-answer-again-with = Answer again with…
conversations-another-model = With another model
conversations-other-sampling = With other sampling
conversations-no-more-versions = There is no further version
conversations-previous-question = Previous version of the question
conversations-next-question = Next version of the question
conversations-previous-answer = Previous answer
conversations-next-answer = Next answer
conversations-edit-question-field = Edited question
conversations-edit-answer-field = Edited answer
conversations-edit-question-hint = The old question stays beside it. Enter asks.
conversations-edit-answer-hint = What the model wrote can come back. Ctrl+Enter keeps.
conversations-edited = edited
conversations-temperature-of = Temperature { $value }
conversations-undo = Undo
conversations-question-deleted = Question and answer were deleted
conversations-answer-copied = Answer copied
conversations-pin = Pin
conversations-unpin = Unpin
conversations-move = Move to folder
conversations-no-folder = No folder
conversations-new-folder = New folder…
conversations-folder = Folder
conversations-folder-name = Name of the folder
conversations-folder-of = Folder { $name }, { $count }
conversations-rename-folder = Rename folder
conversations-dissolve-folder = Dissolve folder
conversations-rename = Rename
conversations-delete = Delete
conversations-title = Title
conversations-more = More
conversations-more-of = More about { $name }
conversations-deleted = “{ $title }” was deleted
conversations-all-deleted = All conversations were deleted
conversations-all-but-prompts = All conversations were deleted, but not what was kept of their prompts: { $reason }
conversations-cannot-read = This conversation cannot be read: { $reason }
conversations-new-temporary = New temporary conversation
conversations-keep-temporary = Keep this conversation
conversations-kept = The conversation is kept from now on
conversations-temporary = Temporary conversation
conversations-temporary-hint = Nothing of it is written to the disk: it is gone when Medley is closed.
conversations-setup = Settings of this conversation
conversations-setup-hint = They hold for the next answers of this conversation only.
conversations-model = Model
conversations-as-in-settings = As in the settings ({ $value })
conversations-as-settings = As in the settings
conversations-instructions = Instructions
conversations-instructions-hint = How the model should answer, in the place of the built-in instructions
conversations-with-instructions = own instructions
conversations-written-by = Answers are written by { $model }
conversations-sampling = Choice of words
conversations-preset-exact = Exact
conversations-preset-balanced = Balanced
conversations-preset-inventive = Inventive
conversations-preset-name = Name for these values
conversations-save-preset = Save as preset
conversations-delete-preset = Delete preset
conversations-delete-preset-of = Delete preset { $name }
conversations-temperature = Temperature
conversations-temperature-hint = 0 gives the likeliest words and the same answer every time
conversations-top-p = Top p
conversations-top-p-hint = Keeps the likeliest words that together reach this probability; 1 keeps all
conversations-min-p = Min p
conversations-min-p-hint = Drops words less likely than this share of the likeliest one
conversations-repetition = Repetition penalty
conversations-repetition-hint = Makes words that were written lately less likely; 1 leaves them
conversations-top-k = Top k
conversations-top-k-hint = Keeps only so many of the likeliest words; 0 keeps all
conversations-longest = Longest answer
conversations-tokens-suffix = {" tokens"}
conversations-seed = Seed
conversations-seed-hint = The same seed and values give the same answer
conversations-search = Search all conversations
conversations-close-search = Close search
conversations-searching = Searching…
conversations-search-failed = The search failed: { $reason }
conversations-nothing-found = “{ $text }” stands in no conversation.
conversations-found-gone = It is no longer there
conversations-jump = Show where it stands
conversations-match = Found in { $title }: { $text }
conversations-draft = Draft: { $text }
conversations-export = Export
conversations-import = Import conversations…
conversations-format-json = JSON (everything)
conversations-exported = Written to { $file }
conversations-open-file = Open
conversations-none-shown = No conversation is shown
conversations-nothing-to-export = Nothing was asked in it yet
conversations-nothing-written = Write something first
conversations-dialog-open = The file dialog is open
conversations-you = You
conversations-files = Files: { $names }
conversations-newer = { $file } was written by a newer Medley (format { $found }, this one knows { $known }). It is shown, but not changed: what you do now is not kept. Use the newer Medley, or set MEDLEY_DATA to another folder.
conversations-reading-first = Reading { $file } first: { $how }
conversations-waiting = Waiting for the answer before this one
conversations-not-answered = This could not be answered
conversations-interrupted = Medley was closed while this was written.
conversations-stopped = Stopped.
conversations-too-long = The answer reached its largest length; the settings can allow more.
conversations-nothing-said = The model had nothing to say. Ask in other words.
conversations-evidence = Evidence
conversations-per-second = { $rate } a second
conversations-first-word = first word after { $seconds } s
conversations-to-the-end = Go to the end
conversations-greeting = Ask about your files
conversations-greeting-with-files = What would you like to know?
conversations-greeting-hint = Drop pictures, recordings, videos or documents anywhere in this window, then ask a question. Every answer comes with the place it was found.
conversations-pictures = Pictures
conversations-recordings = Recordings
conversations-videos = Videos
conversations-documents = Documents
conversations-private = Everything stays on this computer.
conversations-about-all = About all files
conversations-about-one = About { $file }
conversations-about-some = About { $count } of { $total } files
conversations-about-hint = Which files the next questions are about
conversations-all-files = All files
conversations-open-documents = Open documents
conversations-shown-document = The document that is shown
conversations-ask-hint = Ask about your files
conversations-question-field = Question
conversations-dialog-waiting = Waiting for the file dialog
conversations-type-path = Type a path instead
conversations-stop-keys = Stop (Esc)
conversations-send-keys = Send (Enter)
conversations-enter-hint = Enter asks, Shift+Enter begins a line
conversations-group-temporary = Temporary
conversations-group-pinned = Pinned
conversations-group-today = Today
conversations-group-week = Last 7 days
conversations-group-month = Last 30 days
conversations-group-older = Older
conversations-answering = answering…
conversations-just-now = just now
conversations-more-places = { $count ->
    [one] { $count } more place
   *[other] { $count } more places
}
conversations-tokens = { $count ->
    [one] { $count } token
   *[other] { $count } tokens
}
conversations-found = { $count ->
    [one] { $count } place found
   *[other] { $count } places found
}
conversations-imported = { $count ->
    [one] { $count } conversation imported
   *[other] { $count } conversations imported
}
conversations-other-branches = { $count ->
    [one] This is the version that was shown. { $count } question with its answer stands in other versions; the JSON export has it.
   *[other] This is the version that was shown. { $count } questions with their answers stand in other versions; the JSON export has them.
}
conversations-unsaved = { $count ->
    [one] { $count } change could not be written to the disk yet ({ $reason }). Nothing is lost: Medley keeps it and tries again. Make room on the disk, and leave this window open.
   *[other] { $count } changes could not be written to the disk yet ({ $reason }). Nothing is lost: Medley keeps them and tries again. Make room on the disk, and leave this window open.
}
conversations-minutes-ago = { $count ->
    [one] { $count } minute ago
   *[other] { $count } minutes ago
}
conversations-hours-ago = { $count ->
    [one] { $count } hour ago
   *[other] { $count } hours ago
}
conversations-days-ago = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
}
conversations-months-ago = { $count ->
    [one] { $count } month ago
   *[other] { $count } months ago
}
conversations-years-ago = { $count ->
    [one] { $count } year ago
   *[other] { $count } years ago
}
conversations-no-temporary-folder = There is no folder for the files of a temporary conversation: { $reason }
