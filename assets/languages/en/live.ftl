# Listening.
live-already = Listening already
live-start = Start listening
live-choose = Choose what to listen to
live-default = Default microphone
live-looking = Looking for microphones…
live-no-microphone = No microphone was found: plug one in and allow Medley to use it
live-system = System sound: what the computer plays
live-problem = Not listening: { $problem }
live-level = Sound level
live-rest = Writing down the rest
live-opening = Opening { $source }
live-listening = Listening to { $source }
live-stop = Stop listening
