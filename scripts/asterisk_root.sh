#!/usr/bin/env bash
# Installs a real Asterisk 22 into a folder of its own, for the tests and for trying things out.
#
#   scripts/asterisk_root.sh [FOLDER]        default: .cache/asterisk-root in this project
#
# Debian 12 has no Asterisk; the package of Debian's unstable branch is unpacked with all that
# it needs into FOLDER, and nothing outside FOLDER changes (except that the tool which unpacks
# it, mmdebstrap, is installed when it is missing). It takes 10 to 60 seconds; when FOLDER is
# complete already, none. The last line on stdout is FOLDER's full path.
#
# Root is needed to unpack and to chroot. To start it by hand:
#
#   chroot FOLDER /usr/sbin/asterisk -C /etc/asterisk/asterisk.conf -f
#
# IVR_DEBIAN_MIRROR names another Debian mirror than the one that apt uses here.
set -euo pipefail

say() { printf 'asterisk_root: %s\n' "$*" >&2; }
refuse() { say "$*"; exit 2; }

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=${1:-$project/.cache/asterisk-root}
case $root in /*) ;; *) root=$PWD/$root ;; esac
complete=$root/.ivr-complete

if [ -e "$complete" ]; then
    echo "$root"
    exit 0
fi

[ "$(uname -s)" = Linux ] || refuse "Asterisk can only be unpacked on Linux. Use Debian 12."
[ "$(id -u)" = 0 ] || refuse "Unpacking Asterisk needs root. Run this as root, or do without the tests marked asterisk."
command -v apt-get >/dev/null || refuse "There is no apt-get here. Asterisk is unpacked from Debian's packages: use Debian 12."

mkdir -p "$(dirname "$root")"
# Two test runs may ask at once: the second waits here and then finds the folder complete.
exec 9>"$root.lock"
flock 9
if [ -e "$complete" ]; then
    echo "$root"
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
log=$root.log
: >"$log"
trap 'status=$?; [ $status = 0 ] || { say "failed; the end of $log:"; tail -n 20 "$log" >&2; }' EXIT

updated=
update_apt() {
    [ -n "$updated" ] || apt-get -q update >>"$log" 2>&1 || refuse "apt-get update failed. Is the package mirror reachable?"
    updated=yes
}

mirror_of_apt() {
    local codename sites
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016  # $(SITE) is apt's own placeholder
    sites=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $codename" 2>>"$log")
    printf '%s' "${sites%%$'\n'*}"
}

mirror=${IVR_DEBIAN_MIRROR:-}
[ -n "$mirror" ] || mirror=$(mirror_of_apt)
if [ -z "$mirror" ]; then  # apt learns the codenames of its sources from its first update
    update_apt
    mirror=$(mirror_of_apt)
fi
[ -n "$mirror" ] || refuse "apt knows no mirror for this release. Name one in IVR_DEBIAN_MIRROR."

if ! command -v mmdebstrap >/dev/null; then
    say "installing mmdebstrap"
    install=(apt-get -q -y install --no-install-recommends mmdebstrap)
    "${install[@]}" >>"$log" 2>&1 || { update_apt; "${install[@]}" >>"$log" 2>&1; } ||
        refuse "mmdebstrap cannot be installed by apt-get."
fi

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || refuse "$keyring is missing. Install debian-archive-keyring."

say "unpacking Asterisk from $mirror into $root (10 to 60 seconds)"
unfinished=$root.unfinished
rm -rf "$unfinished" "$root"
unpack() {
    mmdebstrap --quiet --mode=root --variant=extract --include=asterisk,base-files \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' \
        --aptopt='APT::Install-Recommends "false"' \
        sid "$unfinished" "deb [signed-by=$keyring] $mirror sid main" >>"$log" 2>&1
}
# Unstable moves under our feet: a mirror in mid-update is worth a second look.
unpack || { say "trying once more"; rm -rf "$unfinished"; sleep 5; unpack; }

mkdir -p "$unfinished"/run/asterisk "$unfinished"/var/{log,lib,spool,cache}/asterisk
# Without its own name Asterisk asks the DNS for it when the first call comes.
printf '127.0.0.1 localhost %s\n' "$(hostname)" >"$unfinished/etc/hosts"
rm -rf "$unfinished"/var/cache/apt/archives/*.deb "$unfinished"/var/lib/apt/lists/*

version=$(chroot "$unfinished" /usr/sbin/asterisk -V 2>>"$log") || refuse "the unpacked Asterisk does not start here."
printf '%s\n' "$version" >"$unfinished/.ivr-complete"
mv "$unfinished" "$root"
say "$version is ready"
echo "$root"
