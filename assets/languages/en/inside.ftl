# How an answer came about.
inside-look = Look inside this answer
inside-title = Inside the answer
inside-close = Close the inside of the answer
inside-close-keys = Close (Esc)
inside-tokens = Tokens
inside-context = Context
inside-experts = Experts
inside-time = Time
inside-waits = It can be seen when the answer is complete.
inside-nothing = Nothing was kept of how this answer came about. Answer again to see it.
inside-off = Nothing is kept of how answers come about. Switch it on below, then answer again.
inside-again = Answer again
inside-keep = Keep how new answers come about
inside-keep-why = Takes a little time for each word; nothing leaves this computer.
inside-tokens-none = The words of this answer were not watched: several chains or sections led to it.
inside-tokens-summary = { $tokens ->
    [one] { $tokens } token
   *[other] { $tokens } tokens
}  ·  { $mean } sure on average  ·  { $unsure } below 50 %
inside-unsure = unsure
inside-sure = sure
inside-tokens-hint = Point at a word to see what else the model could have written; click, or use the arrow keys, to keep it here.
inside-tokens-text = The answer by tokens; the arrow keys walk through them
inside-token-of = Token { $text }
inside-token-place = Token { $number } of { $of }
inside-token-written = Written: { $text }, { $share }
inside-token-possible = Possible: { $text }, { $share }
inside-written = written
inside-end = end of the answer
inside-structure = a mark without text
inside-context-none = Nothing is known of what the model read for this answer.
inside-context-summary = { $tokens ->
    [one] { $tokens } token was read
   *[other] { $tokens } tokens were read
} of { $of } that fit ({ $share })
inside-context-cached = { $tokens ->
    [one] { $tokens } of them was known
   *[other] { $tokens } of them were known
} from an earlier question
inside-context-text = What it says
inside-n-tokens = { $tokens ->
    [one] { $tokens } token
   *[other] { $tokens } tokens
}
inside-left-out = Not given to the model
inside-left-out-nothing = Nothing was left out.
inside-left-out-passages = { $name }: { $left } of { $of } passages, which fit the question less well
inside-left-out-turns = The first { $left } of { $of } earlier questions, with their answers
inside-part-instructions = Instructions
inside-part-medium = Seen and heard
inside-part-earlier-question = Earlier question
inside-part-earlier-answer = Earlier answer
inside-part-notes = Notes
inside-part-question = Question
inside-part-form = Form of the conversation
inside-experts-none = This model has no experts: every token goes through all of its weights.
inside-experts-cached = All of the prompt was known from an earlier question, so no experts were counted for it.
inside-experts-text = Text
inside-experts-pictures = Pictures
inside-experts-video = Video
inside-experts-sound = Sound
inside-experts-answer = Answer
inside-experts-summary = { $layers ->
    [one] { $layers } layer
   *[other] { $layers } layers
} of { $experts } experts, { $chosen } chosen for each token. The stronger the colour, the more often.
inside-experts-axes = Rows are layers, the last on top; columns are experts.
inside-experts-cell = Layer { $layer }, expert { $expert }: { $count } of { $of } tokens ({ $share })
inside-experts-most = Chosen most: expert { $expert } of layer { $layer }, for { $share } of the tokens.
inside-experts-idle = { $idle } of { $of } experts were never chosen.
inside-experts-not-counted = { $tokens ->
    [one] { $tokens } token of the prompt was read for an earlier question and is
   *[other] { $tokens } tokens of the prompt were read for an earlier question and are
} not counted here.
inside-time-none = Nothing is known of where the time went.
inside-time-summary = { $seconds } in all
inside-time-rest = Everything else
inside-stage-load = Loading models
inside-stage-decode = Reading
inside-stage-encode = Looking and listening
inside-stage-search = Finding the evidence
inside-stage-prefill = Reading the prompt
inside-stage-generate = Writing
inside-stage-sections = Reading every section
inside-stage-join = Joining the notes
inside-unreadable = How it came about could not be read: { $reason }
