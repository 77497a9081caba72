#!/usr/bin/env bash
# Makes the one Manager Interface user that workers log in with, with a secret of its own.
#
#   scripts/asterisk_secret.sh [ETC]         default: /etc/asterisk
#
# Writes ETC/local/manager.conf and ETC/local/control.conf and prints what the workers need in
# their environment. An existing secret is kept: remove local/manager.conf for a new one. Then:
#
#   asterisk -rx 'manager reload'; asterisk -rx 'dialplan reload'
set -euo pipefail

etc=${1:-/etc/asterisk}
[ -f "$etc/manager.conf" ] || {
    echo "asterisk_secret: $etc holds no manager.conf. Copy asterisk/ there first." >&2
    exit 2
}
mkdir -p "$etc/local"
file=$etc/local/manager.conf
if [ ! -e "$file" ]; then
    secret=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    (
        umask 077
        cat >"$file" <<CONF
; Made by scripts/asterisk_secret.sh. Workers on other machines: add a permit line for each.
[ivr]
secret = $secret
read = user
write = call,originate
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
eventfilter(action(include),name(UserEvent)) =
writetimeout = 500
CONF
    )
    # Whoever runs Asterisk has to read it, and owns the folder.
    chown --reference="$etc/manager.conf" "$file"
fi
printf '[globals](+)\nIVR_CONTROL = yes\n' >"$etc/local/control.conf"
printf 'IVR_AMI_USER=ivr\nIVR_AMI_SECRET=%s\n' "$(sed -n 's/^secret = //p' "$file")"
