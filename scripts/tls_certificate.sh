#!/usr/bin/env bash
# Makes a key and a certificate signed by nobody but itself, for trying TLS. For the world, put
# your own under the same names.
#
#   scripts/tls_certificate.sh FOLDER [NAME]     default for NAME: localhost
#
# Writes FOLDER/tls.key and FOLDER/tls.pem, valid for NAME and 127.0.0.1; what is there is kept.
set -euo pipefail

folder=${1:?"the folder is missing: scripts/tls_certificate.sh FOLDER [NAME]"}
name=${2:-localhost}
[ -e "$folder/tls.key" ] && [ -e "$folder/tls.pem" ] && exit 0
command -v openssl >/dev/null || {
    echo "tls_certificate: there is no openssl here. apt-get install openssl." >&2
    exit 2
}
mkdir -p "$folder"
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 \
    -subj "/CN=$name" -addext "subjectAltName=DNS:$name,IP:127.0.0.1" \
    -keyout "$folder/tls.key" -out "$folder/tls.pem" 2>/dev/null
