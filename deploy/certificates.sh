#!/bin/sh
# Certificates by an authority of one's own, for where no public one serves. Needs OpenSSL 3.
set -eu

if [ $# -lt 3 ]; then
    cat >&2 <<'TEXT'
usage: certificates.sh FOLDER SERVER NAMES [OWNER]

Makes FOLDER/SERVER/tls.key and tls.crt, for NAMES such as DNS:postgres,IP:127.0.0.1, good for a
year; FOLDER/trust/ca.crt, by which clients verify it; and FOLDER/authority/ca.key, which nobody
else needs. The key is OWNER's (a user's id), or of whoever runs this.

Run it again, at least monthly, to renew: what is good for another 30 days is kept, and what another
authority has signed in any case. A server reads the new one when it is reloaded.
TEXT
    exit 2
fi

folder=$1 server=$1/$2 names=$3 owner=${4:-}
key=$folder/authority/ca.key ca=$folder/trust/ca.crt
authority="Authority of Playlist API"
month=$((30 * 24 * 3600))

make_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# The authority's key is in its place last, and a server's certificate: who is interrupted begins anew.

make_authority() {
    make_key "$key.new"
    openssl req -x509 -key "$key.new" -days 3650 -subj "/CN=$authority" \
        -addext keyUsage=critical,keyCertSign,cRLSign -out "$ca.new"
    chmod 644 "$ca.new"
    mv -f "$ca.new" "$ca"
    mv -f "$key.new" "$key"
}

make_certificate() {
    make_key "$server/tls.key.new"
    openssl req -x509 -key "$server/tls.key.new" -CA "$ca" -CAkey "$key" -days 365 \
        -subj "/CN=$(basename "$server")" -addext "subjectAltName=$names" \
        -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
        -addext extendedKeyUsage=serverAuth -out "$server/tls.crt.new"
    chmod 644 "$server/tls.crt.new"
    [ -z "$owner" ] || chown "$owner" "$server/tls.key.new"
    rm -f "$server/tls.crt"
    mv -f "$server/tls.key.new" "$server/tls.key"
    mv -f "$server/tls.crt.new" "$server/tls.crt"
}

is_anothers() {
    ! openssl x509 -in "$server/tls.crt" -noout -issuer | grep -q "$authority"
}

is_for_these_names() {
    openssl x509 -in "$server/tls.crt" -noout -ext subjectAltName |
        sed 's/IP Address/IP/g; s/ //g' | grep -qxF "$names"
}

is_good() {
    openssl verify -CAfile "$ca" -attime $(($(date +%s) + month)) "$server/tls.crt" >/dev/null 2>&1
}

umask 022
mkdir -p "$folder/trust" "$server"
umask 077
mkdir -p "$folder/authority"
[ -e "$key" ] || make_authority
if ! [ -e "$server/tls.crt" ]; then
    make_certificate
elif ! is_anothers && ! { is_good && is_for_these_names; }; then
    make_certificate
fi
