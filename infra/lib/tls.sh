# shellcheck shell=bash
# The stack's certificates in tls/: ca.pem (for clients), server.pem and server.key (replicas and NGINX).

THIRTY_DAYS=$((30 * 24 * 3600))

# Made where they are missing, and again thirty days before they end.
make_certificates() {
    local tls=$STATE/tls
    mkdir -p "$tls"
    valid "$tls/ca.pem" "$tls/ca.key" || make_ca "$tls"
    if ! valid "$tls/server.pem" "$tls/server.key" || ! openssl verify -CAfile "$tls/ca.pem" "$tls/server.pem"; then
        make_server "$tls"
    fi
}

# valid CERTIFICATE KEY
valid() {
    [[ -s $1 && -s $2 ]] && openssl x509 -in "$1" -noout -checkend "$THIRTY_DAYS"
}

# new_key: an EC key, and a request or certificate for it, by tls/openssl.cnf.
new_key() {
    COMMON_NAME=$1 openssl req -config "$ROOT/infra/tls/openssl.cnf" -nodes \
        -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "${@:2}"
}

make_ca() {
    (
        umask 077
        new_key "Atelier local authority" -x509 -extensions ca -days 3650 -keyout "$1/ca.key" -out "$1/ca.new"
    )
    put "$1/ca.pem" <"$1/ca.new"
    rm -f "$1/ca.new"
}

make_server() {
    (
        umask 077
        new_key localhost -keyout "$1/server.key" -out "$1/server.csr"
    )
    openssl x509 -req -in "$1/server.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 365 \
        -extfile <(sed -n '/^\[server\]/,$p' "$ROOT/infra/tls/openssl.cnf") -extensions server -out "$1/server.new"
    put "$1/server.pem" <"$1/server.new"
    rm -f "$1/server.new" "$1/server.csr"
}
