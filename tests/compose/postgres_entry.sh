#!/bin/bash
# What the image's entry point does, as far as docker-compose.yml asks for it.
set -eu
data=/var/lib/postgresql/data
chown nobody "$data"
chmod 700 "$data"
as() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
    install -o nobody -m 400 "$POSTGRES_PASSWORD_FILE" /tmp/password
    as initdb -D "$data" -U "$POSTGRES_USER" --pwfile /tmp/password -A scram-sha-256
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | as postgres --single -D "$data" postgres
fi
cd /
exec setpriv --reuid nobody --regid nogroup --clear-groups \
    postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
