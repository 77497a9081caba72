#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml: one file each, random, in a folder that only its owner
# can enter. What is there is kept; remove a file for a new one, and start its users again.
#
#   scripts/secrets.sh [FOLDER]              default: secrets/ in this project
#
# The files themselves can be read by everybody: in a container their reader is another user.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${1:-$project/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
umask 022

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# secret NAME: its value, made when it is not there yet
secret() {
    [ -s "$folder/$1" ] || random >"$folder/$1"
    cat "$folder/$1"
}
# file NAME: written from stdin, so that it always agrees with the secrets
file() { cat >"$folder/$1"; }

postgres=$(secret postgres_password)
redis=$(secret redis_password)
ami=$(secret ivr_ami_secret)
event_socket=$(secret ivr_event_socket_password)

printf 'postgresql://ivr:%s@postgres:5432/ivr' "$postgres" | file ivr_database_url
printf 'redis://:%s@redis:6379/0' "$redis" | file ivr_redis_url
printf 'requirepass %s\n' "$redis" | file redis.conf
printf '#!define IVR_DATABASE "cdr=>postgres://ivr:%s@postgres:5432/ivr"\n' "$postgres" |
    file kamailio_database.cfg
file freeswitch.xml <<XML
<include>
  <X-PRE-PROCESS cmd="set" data="ivr_event_socket_password=$event_socket"/>
</include>
XML
file asterisk_manager.conf <<CONF
[general](+)
bindaddr = 172.28.1.31

[ivr]
secret = $ami
read = user
write = call,originate
deny = 0.0.0.0/0.0.0.0
permit = 172.28.1.11/255.255.255.255
permit = 172.28.1.12/255.255.255.255
eventfilter(action(include),name(UserEvent)) =
writetimeout = 500
CONF
"$project/scripts/tls_certificate.sh" "$folder" "${IVR_HOST_NAME:-localhost}"
chmod 444 "$folder"/*
chmod u+w "$folder"/*
echo "secrets: $(find "$folder" -type f | wc -l) files in $folder"
