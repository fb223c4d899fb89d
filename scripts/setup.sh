#!/usr/bin/env bash
# Makes this machine able to build, run and test Medley: system packages and the Rust toolchain.
# A stamp remembers that a list of packages was complete, so that the next start asks nobody.
#
#   scripts/setup.sh           what building and running need
#   scripts/setup.sh --tests   also what the tests need
#   scripts/setup.sh --package also what packages are made with
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Package, and why it is needed.
packages='
build-essential: links the program
pkg-config: finds the libraries below
libclang1-14|libclang1: reads the headers of FFmpeg
libclang-common-14-dev|libclang-common-dev|libclang-dev: the headers that come with it
libavutil-dev: FFmpeg, which reads video
libavcodec-dev: FFmpeg
libavformat-dev: FFmpeg
libswscale-dev: FFmpeg
libswresample-dev: FFmpeg
libasound2-dev: plays recordings
ca-certificates: trusts what is downloaded
python3-pip: fetches models from Python packages
libgl1: draws the window
libegl1: draws the window
libgl1-mesa-dri: draws the window
libxkbcommon-x11-0: keyboard of the window
libxcursor1: pointer of the window
libxi6: pointer of the window
libxrandr2: screens of the window
'
if [ "${1:-}" = --tests ]; then
    packages+='
ffmpeg: makes the recordings and videos of the tests
espeak-ng: speaks for the tests
xvfb: a display for the window in tests
mesa-vulkan-drivers: draws the pictures of interface tests
libvulkan1: draws the pictures of interface tests
xdotool: types into the window in tests
x11-utils: looks at the window in tests
imagemagick: compares pictures in tests
'
fi
if [ "${1:-}" = --package ]; then
    packages+='
dpkg-dev: finds what the package depends on
librsvg2-bin: draws the icon
patchelf: tells the program where its libraries are
squashfs-tools: the file system of the AppImage
'
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/medley"
stamp="$cache/setup-$(printf '%s' "$packages" | cksum | cut -d' ' -f1)"

installed() { dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# The first alternative that is installed, else the first that can be had.
choose() {
    local name
    for name in ${1//|/ }; do installed "$name" && return 0; done
    for name in ${1//|/ }; do
        if apt-cache show "$name" >/dev/null 2>&1; then missing+=("$name"); return 0; fi
    done
    missing+=("${1%%|*}")
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

system_packages() {
    [ -e "$stamp" ] && return 0
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "this is not a Debian or Ubuntu system, so nothing is installed here. Medley needs:"
        printf '%s' "$packages" | sed '/^$/d; s/^/    /' >&2
        say "(the names are Debian's). Trying to build with what is here."
        return 0
    fi
    local missing=() line
    while IFS= read -r line; do
        [ -n "$line" ] && choose "${line%%:*}"
    done <<<"$packages"
    if [ "${#missing[@]}" -gt 0 ]; then
        say "these system packages are missing and will be installed with apt:"
        local name
        for name in "${missing[@]}"; do
            printf '    %-26s %s\n' "$name" "$(grep -E "(^|\|)$name[|:]" <<<"$packages" | sed 's/^[^:]*: //')" >&2
        done
        if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
            fail "installing needs root and there is no sudo; as root, run: apt-get install ${missing[*]}"
        fi
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2 \
            || fail "apt-get update failed; look at its message above, then run make again"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "${missing[@]}" >&2 \
            || fail "apt-get install failed; look at its message above, then run make again"
    fi
    mkdir -p "$cache"
    touch "$stamp"
}

rust_version() { rustc --version 2>/dev/null | sed -E 's/^rustc ([0-9]+)\.([0-9]+).*/\1 \2/'; }

rust_is_new_enough() {
    local major minor
    read -r major minor <<<"$(rust_version)"
    [ -n "${minor:-}" ] && { [ "$major" -gt 1 ] || [ "$minor" -ge "$needed_minor" ]; }
}

# The distribution's own compiler is usually too old, so rustup brings one into the home folder.
rust_toolchain() {
    needed_minor="$(sed -nE 's/^rust-version = "1\.([0-9]+).*/\1/p' Cargo.toml)"
    PATH="$HOME/.cargo/bin:$PATH"
    command -v cargo >/dev/null && rust_is_new_enough && return 0
    if ! command -v rustup >/dev/null && command -v apt-get >/dev/null && apt-cache show rustup >/dev/null 2>&1; then
        say "installing rustup with apt: Medley needs Rust 1.$needed_minor or newer"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends rustup >&2 || true
    fi
    if ! command -v rustup >/dev/null; then
        say "Medley needs Rust 1.$needed_minor or newer and this system has none;"
        say "installing it with rustup into ~/.cargo and ~/.rustup, as rustup.rs describes"
        command -v curl >/dev/null || {
            command -v apt-get >/dev/null || fail "curl is missing; install it, or Rust itself, and run make again"
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends curl ca-certificates >&2
        }
        local installer
        installer="$(mktemp)"
        curl --proto '=https' --tlsv1.2 -sSf -o "$installer" https://sh.rustup.rs \
            || fail "rustup could not be fetched (no network?); install Rust 1.$needed_minor and run make again"
        sh "$installer" -y --profile minimal --no-modify-path >&2 \
            || fail "rustup failed; install Rust 1.$needed_minor by hand and run make again"
        rm -f "$installer"
    fi
    rust_is_new_enough && return 0
    say "fetching the current stable Rust with rustup"
    rustup toolchain install stable --profile minimal >&2 && rustup default stable >&2 \
        || fail "no Rust of 1.$needed_minor or newer could be installed; see rustup.rs, then run make again"
    rust_is_new_enough || fail "$(command -v rustc) is older than 1.$needed_minor; remove it or put ~/.cargo/bin first in PATH"
}

system_packages
rust_toolchain
