#!/bin/sh
# Brings Debian's Chromium and its driver, where no driver is on PATH yet; without them the console's pages are not looked at.
# sh infra/chromium.sh
set -eu
command -v chromedriver >/dev/null && exit 0
command -v apt-get >/dev/null || { echo "chromium: this machine has no apt-get; put chromium and chromedriver on PATH by hand" >&2; exit 0; }
AS_ROOT=$([ "$(id -u)" = 0 ] || echo "sudo -n")
{ $AS_ROOT apt-get update -qq && $AS_ROOT apt-get install -qq -y --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 ||
    echo "chromium: Debian's packages could not be had; the tests of the console's pages are skipped" >&2
