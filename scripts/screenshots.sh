#!/usr/bin/env bash
# Makes docs/screenshots/*.png and the recording tour.webp from the real program with the real models, on a display of
# its own.
# Needs: Xvfb, xdotool, ImageMagick (import), ffmpeg, and the default models (`medley models pull`).
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/medley/target}
medley=${MEDLEY:-$target/release/medley}
display=${SCREENSHOT_DISPLAY:-97}
out=docs/screenshots
samples=$PWD/assets/samples
[ -x "$medley" ] || { echo "build first: make build ($medley is not there)" >&2; exit 1; }
mkdir -p "$out"

# The models of the user, but not the conversations.
models=${MEDLEY_DATA:-$HOME/.local/share/medley}/models
[ -d "$models" ] || { echo "no models in $models: run medley models pull" >&2; exit 1; }
data=$(mktemp -d)
ln -s "$models" "$data/models"

export DISPLAY=:$display LIBGL_ALWAYS_SOFTWARE=1 MEDLEY_DATA=$data
Xvfb ":$display" -screen 0 1280x800x24 -noreset >/dev/null 2>&1 &
xvfb=$!
app=
film=
cleanup() {
    [ -z "$film" ] || kill "$film" 2>/dev/null || true
    [ -z "$app" ] || kill "$app" 2>/dev/null || true
    kill "$xvfb" 2>/dev/null || true
    rm -rf "$data"
}
trap cleanup EXIT
sleep 1

shoot() {
    import -window root -crop "${width:-1280}x${height:-800}+0+0" +repage "$out/$1.png"
    echo "$out/$1.png"
}

# Waits until the picture has not changed for three seconds: the window draws nothing when idle.
settle() {
    local before='' now same=0
    for _ in $(seq "${1:-60}"); do
        sleep 1
        now=$(import -window root rgb:- | sha256sum)
        if [ "$now" = "$before" ]; then same=$((same + 1)); else same=0; fi
        [ "$same" -lt 3 ] || return 0
        before=$now
    done
    echo "the window still changes; the picture is taken anyway" >&2
}

start() {
    "$medley" "$@" >"$data/log" 2>&1 &
    app=$!
    window=
    for _ in $(seq 60); do
        window=$(xdotool search --onlyvisible --name '^Medley$' 2>/dev/null | tail -n 1) || true
        [ -z "$window" ] || break
        sleep 0.25
    done
    [ -n "$window" ] || { cat "$data/log" >&2; exit 1; }
    xdotool windowmove "$window" 0 0 windowsize "$window" "${width:-1280}" "${height:-800}"
    sleep 2
    timeout 20 xdotool windowfocus --sync "$window"
    sleep 0.5
}

stop() { kill "$app" && wait "$app" 2>/dev/null || true; app=; }

ask() {
    xdotool key ctrl+l
    sleep 0.3
    xdotool type --delay 15 "$1"
    sleep 0.3
    xdotool key Return
    settle 90
}

# With no evidence open, Alt+Down opens the first of the last answer.
open_evidence() { xdotool key alt+Down; settle 60; }

# Films the window until `cut`, ten pictures a second. What stands still costs nothing.
record() {
    ffmpeg -loglevel error -y -f x11grab -framerate 10 -video_size 1280x800 -i ":$display" \
        -c:v libx264 -preset ultrafast -qp 0 "$data/film.mkv" &
    film=$!
    sleep 1
}

cut() {
    kill -INT "$film" && wait "$film" || true
    film=
    ffmpeg -loglevel error -y -i "$data/film.mkv" -vf "mpdecimate=hi=200:lo=100:frac=0.01,scale=960:-2:flags=lanczos" \
        -fps_mode vfr -c:v libwebp_anim -quality 60 -compression_level 6 -loop 0 "$out/$1.webp"
    echo "$out/$1.webp"
}

# A question about two files, its evidence, a second question, the transcript.
tour() {
    record
    start "$samples/documents/weather-station.pdf" "$samples/speech/austen-0870.wav"
    settle
    ask "At what height above the sea does the station stand?"
    open_evidence
    sleep 1
    xdotool key Escape
    ask "What had Mister John Dashwood leisure to consider?"
    open_evidence
    xdotool key ctrl+t
    settle 20
    cut tour
    stop
}

start
shoot tour
# It is not offered again.
xdotool key Escape
sleep 0.5
shoot empty
stop

tour

start "$samples/pictures/chelsea.png" "$samples/pictures/text.png"
settle
shoot files
ask "What animal is in the picture?"
shoot picture-answer
open_evidence
shoot picture-evidence
xdotool key Escape
# How the answer came about, the models, the library, teaching.
for pane in i:inside m:models l:library t:teach; do
    xdotool key "ctrl+shift+${pane%%:*}"
    settle 20
    shoot "${pane##*:}"
    xdotool key Escape
    sleep 0.5
done
stop

start "$samples/documents/weather-station.pdf"
settle
ask "At what height above the sea does the station stand?"
open_evidence
shoot document-evidence
# A note about something that is found in it.
xdotool key Escape
xdotool key ctrl+f
sleep 0.5
xdotool type --delay 15 "spirit level"
settle
xdotool key F6
sleep 0.3
xdotool key n
sleep 1
xdotool type --delay 15 "Check again in spring."
settle
shoot document-notes
stop

start "$samples/speech/austen-0870.wav"
settle
ask "What had Mister John Dashwood leisure to consider?"
open_evidence
shoot recording-evidence
# Its transcript, with the question beside it.
xdotool key ctrl+t
settle
shoot transcript
stop

start "$samples/video/bigbuckbunny.mp4"
settle
ask "What can be seen in the video?"
open_evidence
shoot video-evidence
stop

# Files that cannot be read, and the settings.
printf '' >"$data/empty.pdf"
head -c 3000 "$samples/pictures/coffee.png" >"$data/half.png"
start "$samples/pictures/coffee.png" "$data/empty.pdf" "$data/half.png"
settle
shoot unreadable
xdotool key ctrl+comma
settle 20
shoot settings
stop

# The same in light colours, and in a small window.
python3 - "$data/conversations.db" <<'PYTHON'
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    row = db.execute("SELECT json FROM settings WHERE name = 'window'").fetchone()
    settings = json.loads(row[0]) if row else {}
    settings["theme"] = "light"
    db.execute("INSERT OR REPLACE INTO settings (name, json) VALUES ('window', ?)", (json.dumps(settings),))
PYTHON
start "$samples/documents/weather-station.pdf"
settle
ask "When is the screen repainted?"
open_evidence
shoot light
stop
width=640 height=480
start "$samples/pictures/coffee.png"
settle
ask "What is in this picture?"
shoot small
open_evidence
shoot small-evidence
stop
