#!/bin/sh
# Puts Debian's promtool and prometheus into a folder, where they are not on PATH yet; starts and installs nothing else.
# sh infra/promtool.sh .venv/bin
set -eu
FOLDER=$1
command -v promtool >/dev/null && command -v prometheus >/dev/null && exit 0
[ -x "$FOLDER/promtool" ] && [ -x "$FOLDER/prometheus" ] && exit 0
command -v apt-get >/dev/null || { echo "promtool: this machine has no apt-get; put promtool on PATH by hand" >&2; exit 0; }
UNPACKED=$(mktemp -d)
trap 'rm -rf "$UNPACKED"' EXIT
(cd "$UNPACKED" && { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; }) ||
    { echo "promtool: Debian's package \`prometheus\` could not be had; its tests are skipped" >&2; exit 0; }
dpkg-deb -x "$UNPACKED"/prometheus_*.deb "$UNPACKED"
cp "$UNPACKED/usr/bin/promtool" "$UNPACKED/usr/bin/prometheus" "$FOLDER"
