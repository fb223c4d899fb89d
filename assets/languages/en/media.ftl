media-long-text = The pasted text is long, so it was added as a file
# Evidence in the text of an answer and under it.
media-source = Source { $number }: { $file }, { $place }
media-no-source = No source found for this sentence
media-no-source-why = Nothing that was found in your files says this in the same words. Check it before you rely on it.
media-evidence = Evidence: { $file }, { $place }, { $words }
media-recognised = Recognised: { $what }
media-page = page { $page }
media-frame = frame { $time }
media-picture = picture
media-copy-code = Copy code

# The pane that shows a file.
media-show-file = Show the file
media-show-picture = Show the picture
media-show = Show { $file }
media-close = Close evidence
media-close-tip = Close (Esc)
media-open-tip = Open the file in its own program
media-no-more-evidence = There is no more evidence in this direction
media-which = { $number } of { $count }
media-picture-marked = { $file } with the place marked
media-loading-picture = Loading the picture…
media-loading-sound = Loading the sound…
media-farther = Farther
media-closer = Closer
media-whole = Fit
media-is-whole = All of it is shown
media-pixels = One pixel for each of the picture’s
media-ask-crop = Ask about a part
media-ask-crop-tip = Drag over a part of the picture, here or with Shift at any time; it goes with the next question
media-choose-part = Drag over the part that you want to ask about (Esc ends this)
media-ask-view = Ask about this view
media-too-small = This part is too small; drag over more of the picture
media-no-text = No text was found on this page.

# Sound and video.
media-frame-at = Frame at { $time }
media-frames-of = Frames of { $file }, at { $time }
media-play-from-here = Play from here
media-stop-playing = Stop playing
media-key-space = Space
media-back = Back 5 seconds
media-on = On 5 seconds
media-frame-back = Previous frame
media-frame-on = Next frame
media-no-more-frames = There is no more frame in this direction
media-speed = Speed
media-speed-tip = Speed; the voice keeps its pitch
media-subtitles = Subtitles
media-subtitles-tip = What is said, over the video
media-silent = It plays without sound: { $reason }
media-timeline = Timeline
media-strip = { $name }, at { $at } of { $total }
media-mark-start = Part begins here
media-mark-end = Part ends here
media-clear-marks = Mark nothing
media-ask-part = Ask about this part
media-drop-part = Ask about all of it
media-part = Part { $range } of { $file }
media-passage = Passage from { $source }: { $words }
media-mark-first = Mark where the part begins and where it ends first
media-not-in-conversation = This file is no longer part of the conversation; add it again
media-not-known-yet = This file is still being looked at; wait a moment

# Files that are added.
media-drop = Drop to add to the conversation
media-checking = checking…
media-waiting = waiting to be read
media-loading-models = loading models
media-reading = reading
media-transcript-of = Transcript of { $file }
media-show-transcript = Show the transcript
media-read-file = Read { $file }
media-read-document = Read the document
media-read-again-file = Read { $file } again
media-read-again = Read again
media-remove-file = Remove { $file }
media-remove = Remove file
media-remove-all = Remove all
media-many-files = { $count } files, { $read } read
media-many-failed = { $count } cannot be used
media-many-left = { $count } to go
media-more-failed = And { $count } more; all of them are in the list
media-show-all = Show all
media-show-summary = Show less
media-capture = Add a part of the screen…
media-no-capture = The desktop lets no part of the screen be chosen from here ({ $reason }); take the picture with its own tool and paste it with Ctrl+V
media-already = This file is already part of the conversation
media-tokens = ≈ { $count } tokens
media-tokens-tip = Everything that was read in it takes about { $count } tokens of the model’s context; an answer gets what fits the question best of it.

# How full the model’s memory is.
media-context-full = Context { $percent } % full
media-context-used = The last turn used { $used } of the { $total } tokens that the model can hold.
media-context-advice = Earlier turns will soon be left out; start a new conversation.
