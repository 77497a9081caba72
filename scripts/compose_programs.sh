#!/usr/bin/env bash
# What the native test of docker-compose.yml needs beside Kamailio and Asterisk: nft, installed, and
# Prometheus, unpacked from Debian's package into a folder of its own.
#
#   scripts/compose_programs.sh [FOLDER]     default: .cache/prometheus in this project
#
# The last line on stdout is the folder of Prometheus's programs. Root is needed to install nft.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${1:-$project/.cache/prometheus}
say() { printf 'compose_programs: %s\n' "$*" >&2; }
refuse() { say "$*"; exit 2; }

complete() { command -v nft >/dev/null && [ -x "$folder/usr/bin/promtool" ]; }

if ! complete; then
    command -v apt-get >/dev/null || refuse "There is no apt-get here. Use Debian 12."
    mkdir -p "$folder"
    exec 9>"$folder.lock"
    flock 9
    export DEBIAN_FRONTEND=noninteractive
    if ! command -v nft >/dev/null; then
        [ "$(id -u)" = 0 ] || refuse "nft is missing, and installing it needs root."
        { apt-get -q -y install --no-install-recommends nftables ||
            { apt-get -q update && apt-get -q -y install --no-install-recommends nftables; }; } \
            >&2 || refuse "apt-get cannot install nftables; its output is above."
    fi
    if [ ! -x "$folder/usr/bin/promtool" ]; then
        (
            cd "$folder"
            { apt-get -q download prometheus || { apt-get -q update && apt-get -q download prometheus; }; } \
                >&2 || refuse "apt-get cannot download prometheus; its output is above."
            for package in prometheus_*.deb; do dpkg-deb -x "$package" .; done
            rm -f prometheus_*.deb
        )
    fi
    complete || refuse "something is missing after all."
fi
echo "$folder/usr/bin"
