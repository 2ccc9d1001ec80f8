# shellcheck shell=bash
# The stack's certificates in tls/: ca.pem (for clients), server.pem and server.key (replicas and NGINX); and
# tickets.keys, with which the replicas encrypt TLS session tickets.

AUTHORITY="Atelier local authority"
THIRTY_DAYS=$((30 * 24 * 3600))

# Made where they are missing, and again thirty days before they end.
make_certificates() {
    make_authority
    make_certificate server localhost "DNS:localhost, DNS:atelier.localhost, IP:127.0.0.1, IP:::1"
    [[ -s $STATE/tls/tickets.keys ]] || add_ticket_key
}

make_authority() {
    mkdir -p "$STATE/tls"
    valid "$STATE/tls/ca" || make_ca "$STATE/tls/ca"
}

# make_certificate FILE COMMON-NAME NAMES: tls/FILE.pem and .key for those names, which FILE.names remembers. One of
# another authority stays as it is: somebody has put it there.
make_certificate() {
    local file=$STATE/tls/$1
    [[ ! -s $file.pem ]] || openssl x509 -in "$file.pem" -noout -issuer | grep -qF "$AUTHORITY" || return 0
    if ! valid "$file" || ! openssl verify -CAfile "$STATE/tls/ca.pem" "$file.pem" || [[ $(<"$file.names") != "$3" ]]; then
        make_server "$file" "${@:2}"
    fi
}

# add_ticket_key: a new first key of 80 bytes; two of those before it stay.
add_ticket_key() {
    local keys=$STATE/tls/tickets.keys
    touch "$keys"
    (($(stat -c %s "$keys") % 80 == 0)) || die "$(shown "$keys") is no list of keys of 80 bytes; is it encrypted?"
    {
        head -c 80 /dev/urandom
        head -c 160 "$keys"
    } | put "$keys" 600
}

# valid FILE: certificate and key are there, belong together (unless the key is encrypted, by ansible-vault), and last.
valid() {
    [[ -s $1.pem && -s $1.key ]] && openssl x509 -in "$1.pem" -noout -checkend "$THIRTY_DAYS" || return 1
    ! grep -q -e '-----BEGIN' "$1.key" || [[ $(openssl x509 -in "$1.pem" -noout -pubkey) == "$(openssl pkey -in "$1.key" -pubout)" ]]
}

# new_key: an EC key, and a request or certificate for it, by tls/openssl.cnf.
new_key() {
    COMMON_NAME=$1 SERVER_NAMES='' openssl req -config "$ROOT/infra/tls/openssl.cnf" -nodes \
        -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "${@:2}"
}

make_ca() {
    (
        umask 077
        new_key "$AUTHORITY" -x509 -extensions ca -days 3650 -keyout "$1.key.new" -out "$1.new"
    )
    mv -f "$1.key.new" "$1.key"
    put "$1.pem" <"$1.new"
    rm -f "$1.new"
}

# make_server FILE COMMON-NAME NAMES
make_server() {
    local ca=$STATE/tls/ca
    (
        umask 077
        new_key "$2" -keyout "$1.key.new" -out "$1.csr"
    )
    SERVER_NAMES=$3 openssl x509 -req -in "$1.csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial -days 365 \
        -extfile <(sed -n '/^\[server\]/,$p' "$ROOT/infra/tls/openssl.cnf") -extensions server -out "$1.new"
    mv -f "$1.key.new" "$1.key"
    put "$1.pem" <"$1.new"
    put "$1.names" <<<"$3"
    rm -f "$1.new" "$1.csr"
}
