#!/usr/bin/env bash
# Opens FreeSWITCH's own Event Socket for this machine, with a password of its own.
#
#   scripts/freeswitch_secret.sh [CONF]      default: /etc/freeswitch
#
# Writes CONF/local/event_socket.xml and prints what fs_cli and the operator's tools need. An
# existing password is kept: remove the file for a new one. Restart FreeSWITCH, or:
#
#   fs_cli -x reloadxml; fs_cli -x 'reload mod_event_socket'      (while nobody is on a call)
set -euo pipefail

conf=${1:-/etc/freeswitch}
[ -f "$conf/freeswitch.xml" ] || {
    echo "freeswitch_secret: $conf holds no freeswitch.xml. Copy freeswitch/conf/ there first." >&2
    exit 2
}
mkdir -p "$conf/local"
file=$conf/local/event_socket.xml
if [ ! -e "$file" ]; then
    secret=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    (
        umask 077
        cat >"$file" <<XML
<include>
  <!-- Made by scripts/freeswitch_secret.sh. -->
  <X-PRE-PROCESS cmd="set" data="ivr_event_socket_password=$secret"/>
  <X-PRE-PROCESS cmd="set" data="ivr_event_socket_acl=loopback.auto"/>
</include>
XML
    )
    # Whoever runs FreeSWITCH has to read it, and owns the folder.
    chown --reference="$conf/freeswitch.xml" "$file"
fi
printf 'IVR_EVENT_SOCKET_PASSWORD=%s\n' "$(sed -n 's/.*password=\([0-9a-f]*\)".*/\1/p' "$file")"
