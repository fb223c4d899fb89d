#!/usr/bin/env bash
# Makes a Debian package and an AppImage of what was built, in packages/ beside the build.
#
#   scripts/package.sh BUILD_FOLDER OUT_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
build="$1" out="$2"
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

say() { printf 'package: %s\n' "$*" >&2; }

# What both packages contain, under $1.
install_files() {
    local usr="$1/usr"
    install -D -m 755 "$build/medley" "$usr/bin/medley"
    strip --strip-debug "$usr/bin/medley"
    install -D -m 644 packaging/medley.desktop "$usr/share/applications/medley.desktop"
    install -D -m 644 packaging/medley.metainfo.xml "$usr/share/metainfo/medley.metainfo.xml"
    install -D -m 644 packaging/medley.svg "$usr/share/icons/hicolor/scalable/apps/medley.svg"
    local size
    for size in 16 32 48 64 128 256; do
        install -d "$usr/share/icons/hicolor/${size}x$size/apps"
        rsvg-convert -w "$size" packaging/medley.svg -o "$usr/share/icons/hicolor/${size}x$size/apps/medley.png"
    done
    install -d "$usr/share/bash-completion/completions" "$usr/share/zsh/vendor-completions" \
        "$usr/share/fish/vendor_completions.d"
    "$build/medley" completions bash >"$usr/share/bash-completion/completions/medley"
    "$build/medley" completions zsh >"$usr/share/zsh/vendor-completions/_medley"
    "$build/medley" completions fish >"$usr/share/fish/vendor_completions.d/medley.fish"
    install -D -m 644 LICENSE-MIT "$usr/share/doc/medley/LICENSE-MIT"
    install -m 644 LICENSE-APACHE README.md "$usr/share/doc/medley/"
    # The tour shows them.
    (cd assets && find samples -type f -exec install -D -m 644 {} "$(realpath -m "$usr")/share/medley/{}" \;)
    # Folders and files as every package has them, whatever the umask.
    chmod -R u=rwX,go=rX "$1"
}

debian_package() {
    local root="$work/deb" arch
    arch="$(dpkg --print-architecture)"
    install_files "$root"
    cat >"$root/usr/share/doc/medley/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Medley

Files: *
Copyright: the Medley developers
License: MIT or Apache-2.0
 The texts stand beside this file as LICENSE-MIT and LICENSE-APACHE.
END
    # dpkg-shlibdeps wants to stand in a source package.
    mkdir -p "$work/source/debian"
    printf 'Source: medley\n\nPackage: medley\nArchitecture: any\n' >"$work/source/debian/control"
    local depends
    depends="$(cd "$work/source" && dpkg-shlibdeps -O -e"$root/usr/bin/medley" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')"
    [ -n "$depends" ] || { say "dpkg-shlibdeps names no libraries"; exit 1; }
    mkdir -p "$root/DEBIAN"
    cat >"$root/DEBIAN/control" <<END
Package: medley
Version: $version
Architecture: $arch
Maintainer: the Medley developers <medley@localhost>
Section: utils
Priority: optional
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends, libgl1, libegl1, libgl1-mesa-dri, libxkbcommon-x11-0, libxcursor1, libxi6, libxrandr2
Recommends: python3-pip, pulseaudio-utils, xdg-utils, ca-certificates, libwayland-egl1, libwayland-cursor0
Description: ask about pictures, sound, video and documents
 Medley answers questions about your files on your own machine, with the
 passage, the second or the part of the picture beside every answer. It
 transcribes recordings, tells who speaks, and reads long documents.
 .
 Models are fetched when you ask for them, with pip's settings.
END
    (cd "$root" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
    chmod -R u=rwX,go=rX "$root/DEBIAN"
    dpkg-deb --root-owner-group -Zxz --build "$root" "$out/medley_${version}_$arch.deb" >/dev/null
    say "$out/medley_${version}_$arch.deb"
}

# Libraries that every desktop has and that must fit its drivers, its C library and its display server.
stays='^(ld-linux|libc\.|libm\.|libpthread|libdl\.|librt\.|libresolv|libGL|libEGL|libdrm|libgbm|libX11\.|libX11-xcb|libxcb\.|libxcb-dri|libwayland-client|libasound|libfontconfig|libfreetype|libexpat|libz\.|libgcc_s|libstdc|libcom_err|libgpg-error)'

app_image() {
    local root="$work/AppDir" image name library
    install_files "$root"
    mkdir -p "$root/usr/lib"
    ldd "$root/usr/bin/medley" | sed -n 's/^[[:space:]]*\([^ ]*\) => \(\/[^ ]*\).*/\1 \2/p' | while read -r name library; do
        [[ "$name" =~ $stays ]] && continue
        install -m 644 "$library" "$root/usr/lib/$name"
        patchelf --force-rpath --set-rpath '$ORIGIN' "$root/usr/lib/$name"
        # Every library comes with its licence; some of Debian's FFmpeg are under the GPL.
        local package
        # Its path in the package may still be that from before /lib became a link to /usr/lib.
        library="$(realpath "$library")"
        package="$(dpkg-query -S "$library" "${library#/usr}" 2>/dev/null | sed -n '1s/:.*//p' || true)"
        [ -n "$package" ] || { say "no package is known for $library"; exit 1; }
        if [ -e "/usr/share/doc/$package/copyright" ]; then
            install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
        fi
    done
    patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$root/usr/bin/medley"
    ln -s usr/bin/medley "$root/AppRun"
    cp packaging/medley.desktop packaging/medley.svg "$root/"
    ln -s medley.svg "$root/.DirIcon"
    image="$out/Medley-$version-$(uname -m).AppImage"
    install -m 755 "$build/medley-appimage" "$work/start"
    strip "$work/start"
    # The mark of an AppImage of type 2, in bytes that ELF leaves free.
    printf 'AI\x02' | dd of="$work/start" bs=1 seek=8 conv=notrunc status=none
    mksquashfs "$root" "$work/files" -root-owned -noappend -comp gzip -quiet -no-progress
    cat "$work/start" "$work/files" >"$image.part"
    chmod 755 "$image.part"
    mv "$image.part" "$image"
    say "$image"
}

debian_package
app_image
