#!/bin/bash
# Does Kamailio answer OPTIONS? 503 is an answer too: without a node it lives all the same.
set -eu
exec 3<>/dev/udp/172.28.0.10/5062
mark="$$-$RANDOM$RANDOM"
printf 'OPTIONS sip:172.28.0.10:5062 SIP/2.0\r\nVia: SIP/2.0/UDP 172.28.0.10;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:health@ivr.invalid>;tag=%s\r\nTo: <sip:172.28.0.10>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n' \
    "$mark" "$mark" "$mark" >/tmp/health-question
# As one datagram each way: bash itself would send it line by line, and read it byte by byte.
dd if=/tmp/health-question bs=4096 count=1 status=none >&3
answer=$(timeout 2 dd bs=4096 count=1 status=none <&3 | head -n 1)
[[ $answer == "SIP/2.0 "[25]* ]]
