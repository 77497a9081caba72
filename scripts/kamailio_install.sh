#!/usr/bin/env bash
# Installs Kamailio 5.6 and SIPp from Debian's packages, for the edge and its tests.
#
#   scripts/kamailio_install.sh
#
# Root is needed when something is missing. No service is started: Debian's own Kamailio would
# take port 5060 with a configuration that is not ours.
set -euo pipefail

say() { printf 'kamailio_install: %s\n' "$*" >&2; }
refuse() { say "$*"; exit 2; }

complete() {
    local modules
    command -v kamailio >/dev/null && command -v sipp >/dev/null || return 1
    for modules in /usr/lib/*/kamailio/modules /usr/lib/kamailio/modules; do
        [ -e "$modules/tls.so" ] && [ -e "$modules/db_postgres.so" ] && [ -e "$modules/uuid.so" ] && return 0
    done
    return 1
}

complete && exit 0
[ "$(id -u)" = 0 ] || refuse "Kamailio or SIPp is missing, and installing them needs root. Run this as root, or do without the tests marked kamailio and sipp."
command -v apt-get >/dev/null || refuse "There is no apt-get here. Kamailio and SIPp come from Debian's packages: use Debian 12."

# Two test runs may ask at once.
exec 9>/var/lock/ivr-kamailio-install
flock 9
complete && exit 0

# What a package would start on installing (see invoke-rc.d(8)) is not wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi

log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
install=(apt-get -q -y install --no-install-recommends
    kamailio kamailio-extra-modules kamailio-tls-modules kamailio-postgres-modules sip-tester)
say "installing Kamailio and SIPp"
"${install[@]}" >"$log" 2>&1 ||
    { apt-get -q update >>"$log" 2>&1 && "${install[@]}" >>"$log" 2>&1; } ||
    { tail -n 20 "$log" >&2; refuse "apt-get cannot install them; the end of its output is above."; }
rm -f "$log"
complete || refuse "apt-get has installed them, and yet something is missing."
