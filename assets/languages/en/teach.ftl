# Teaching a model, adapters, and chains of thought.
teach-toggle = Teach a model
teach-title = Teach
teach-close = Close teaching
teach-close-tip = Close (Esc)
teach-about = A model can learn from questions with known answers. It thinks about them, keeps the thoughts that lead to the right answer, and becomes more likely to think so. What it learns is a small adapter beside the model; the model itself does not change.
teach-choose = Choose a file of questions…
teach-drop-here = Drop a file of questions and answers here, or click to choose one
teach-drop-file = Drop to learn from these questions
teach-file-form = One line for each: {"{"}"question": "2 + 3?", "answer": "5"{"}"}
teach-dialog = Questions and answers
teach-set = Change the run
teach-method = Method
teach-method-trice = TRICE
teach-method-trice-about = Keeps a thought for each question and improves it by sampling.
teach-method-star = STaR
teach-method-star-about = Thinks about every question, learns from what was right, and begins again; where it was wrong it sees the answer.
teach-method-rejection = Rejection
teach-method-rejection-about = Draws four thoughts for each question and learns from the right ones.
teach-method-direct = Direct
teach-method-direct-about = Learns the answers alone, without thoughts.
teach-model = Model
teach-model-about = The adapter fits this model only.
teach-budget = Budget
teach-steps = steps
teach-steps-tip = How often the adapter is changed
teach-batch = thoughts in a step
teach-batch-tip = More make each step steadier and slower
teach-held-out = questions to check with
teach-held-out-tip = They are not learnt from; at most half of all
teach-tokens = tokens in a thought
teach-tokens-tip = Longer thoughts are cut off
teach-start = Start
teach-stop = Stop
teach-resume = Go on
teach-resume-one = Go on with { $name }
teach-keep = Keep the adapter
teach-keep-one = Keep { $name }
teach-drop = Drop the adapter
teach-drop-one = Drop { $name }
teach-drop-sure = Delete it
teach-drop-not = Leave it
teach-rename = Rename
teach-rename-one = Rename { $name }
teach-name = Name of the adapter
teach-use = Answer with this adapter
teach-new-run = Another run
teach-no-data = Choose a file of questions first
teach-busy = A run goes on; stop it first
teach-not-running = No run goes on
teach-no-models = The models must be downloaded first
teach-questions = { $train ->
    [one] { $train } question to learn from, { $held } to check with, { $exemplars } as examples
   *[other] { $train } questions to learn from, { $held } to check with, { $exemplars } as examples
}
teach-parameters = { $count } numbers are tuned
teach-parameters-millions = { $whole }.{ $tenth } million numbers are tuned
teach-loading = Loading the model…
teach-stopping = Stopping; what was learnt is written down…
teach-seeking-exemplars = { $right ->
    [one] Looking for good examples, { $right } found
   *[other] Looking for good examples, { $right } found
}
teach-seeking-memory = First thoughts: { $done } of { $total } questions, { $right } right
teach-step = Step { $step } of { $steps }
teach-step-left = { $minutes ->
    [one] Step { $step } of { $steps }, about a minute left
   *[other] Step { $step } of { $steps }, about { $minutes } minutes left
}
teach-stopped = Stopped after { $step } of { $steps } steps
teach-failed = This run cannot go on
teach-done = The adapter is made. Keep it to answer with it.
teach-done-checked = The adapter is made: { $after } % of { $of } held-out questions right, { $before } % before. Keep it to answer with it.
teach-plot-loss = Loss
teach-plot-checked = Held-out accuracy
teach-plot-accepted = Right thoughts
teach-plot-proposals = proposed
teach-plot-memory = in memory
teach-plot-variance = Variance of the gradient
teach-plot-with = with control variate
teach-plot-without = without
teach-rationales = { $count ->
    [one] { $count } thought that led to the right answer
   *[other] { $count } thoughts that led to the right answer, the newest first
}
teach-rationales-more = { $count } more
teach-adapters = Adapters
teach-adapters-about = What was learnt and kept. Answers use the one that is chosen, with the model it was made for.
teach-without = The model as it is
teach-made = not kept yet
teach-n-steps = { $steps } steps
teach-accuracy = { $after } % right, { $before } % before
teach-answers-with = Answers with { $name }
teach-tuned-with = tuned: { $name }
teach-answers-without = Answers with the model as it is
teach-answers-about = What answers the next questions:
teach-think = Think: let chains of thought vote
teach-think-off = Think: off
teach-think-on = Think: { $count } chains vote
teach-think-about = The model thinks several times, and the answer that most chains reach counts. Each chain takes as long as an answer.
teach-think-none = Answer at once
teach-think-chains = { $count } chains vote
teach-thinking = { $done } of { $total } chains of thought
teach-vote = { $count } of { $total } chains say: { $answer }
teach-vote-other = { $count ->
    [one] { $count } says: { $answer }
   *[other] { $count } say: { $answer }
}
teach-vote-none = { $total } chains of thought, none with an answer
teach-chain = Chain { $number }
teach-chain-likeliest = The likeliest chain
teach-chain-no-answer = no answer
