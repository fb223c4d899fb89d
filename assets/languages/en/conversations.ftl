conversations-show-version = Show this version
conversations-ask-edited = Ask again
conversations-edit-answer = Edit answer
conversations-keep-edited = Keep
conversations-restore-answer = Back to what the model wrote
conversations-answer-again = Answer again
conversations-pin = Pin
conversations-unpin = Unpin
