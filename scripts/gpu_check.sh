#!/usr/bin/env bash
# Compares a GPU with the processor of the same machine: every family of tests/golden/parity, the greedy answer and the
# perplexity of GGUF models, then speed and memory at several depths.
#
#   scripts/gpu_check.sh [MODEL.gguf …]
#
# MEDLEY is a medley that was built with `--features cuda` or `metal` (built with cuda unless given), DEVICE the device
# (cuda), DEPTHS the depths of the bench (0,512,4096), RUNS how often each figure is measured (3). MEDLEY_TESTS may name
# the engine's own test program, built with the same feature; its tests then run on the device, too.
set -uo pipefail
cd "$(dirname "$0")/.."
device="${DEVICE:-cuda}"
target="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/medley/target}"
if [ -z "${MEDLEY:-}" ]; then
    cargo build --release -p medley --features cuda || exit
    MEDLEY="$target/release/medley"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export MEDLEY_CACHE="$work/cache"
failed=0

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() { printf 'FAILED: %s\n' "$*"; failed=1; }
# The largest relative error of a comparison and its verdict.
verdict() {
    python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin if line.startswith("{")]
errors = [(line["relative_error"], line["tensor"]) for line in lines if "tensor" in line]
greedy = [line["greedy_equal"] for line in lines if "greedy_equal" in line]
worst = "%.1e (%s)" % max(errors) if errors else "nothing compared"
print(worst, "greedy", "the same" if all(greedy) else "ANOTHER")
sys.exit(0 if lines and lines[-1] == {"pass": True} else 1)'
}

step "the device"
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader

step "families against transformers, on $device and on the processor"
for folder in tests/golden/parity/*/; do
    family="$(basename "$folder")"
    case "$family" in bert | whisper) continue ;; esac
    for where in "$device" cpu; do
        if found="$("$MEDLEY" parity "$folder" --device "$where" --json 2>"$work/err" | verdict)"; then
            printf '%-20s %-8s %s\n' "$family" "$where" "$found"
        else
            fail "$family on $where: $found $(head -c 600 "$work/err")"
        fi
    done
done

if [ -n "${MEDLEY_TESTS:-}" ]; then
    step "the engine's tests with decoders on $device"
    MEDLEY_DEVICE="$device" timeout 120 "$MEDLEY_TESTS" -q decoder:: nn:: model:: generate:: tune:: prefix_store:: \
        >"$work/tests" 2>&1 || fail "tests"
    grep -E '^test result|panicked|FAILED|^    [a-z_:]+$' "$work/tests" | sort -u | head -40
fi

for model in "$@"; do
    step "$model: greedy answers and perplexity"
    same=0 asked=0
    for question in "Three rivers of Europe are" "The weather station stands" "Once upon a time there was a" "To change the filter,"; do
        for where in "$device" cpu; do
            "$MEDLEY" ask --raw --temperature 0 --max-tokens 64 --no-prefix-cache --cache f32 --model "$model" \
                --device "$where" "$question" >"$work/answer-${where%%:*}" 2>"$work/err" ||
                fail "$where: $(head -c 600 "$work/err")"
        done
        asked=$((asked + 1))
        cmp -s "$work/answer-${device%%:*}" "$work/answer-cpu" && same=$((same + 1))
    done
    echo "the same answer of 64 tokens to $same of $asked questions"
    for where in "$device" cpu; do
        printf '%-8s ' "$where"
        "$MEDLEY" perplexity --cache f32 --model "$model" --device "$where" tests/golden/english.txt 2>"$work/err" ||
            fail "$where: $(head -c 600 "$work/err")"
    done
    step "$model: speed"
    for where in "$device" cpu; do
        "$MEDLEY" bench --decoder-only --runs "${RUNS:-3}" --depth "${DEPTHS:-0,512,4096}" --model "$model" \
            --device "$where" --json 2>"$work/err" || fail "$where: $(head -c 600 "$work/err")"
    done
done

step "done"
exit "$failed"
