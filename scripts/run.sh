#!/usr/bin/env bash
# Opens the window; where there is no display, runs the tour over the sample media.
set -euo pipefail
cd "$(dirname "$0")/.."
medley="$1"
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    exec "$medley"
fi
echo "There is no display, so this is the tour over the sample media (a window opens where DISPLAY is set)." >&2
exec "$medley" tour
