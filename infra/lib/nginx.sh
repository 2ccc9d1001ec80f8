# shellcheck shell=bash
# The two NGINX processes: nginx-http (listeners HTTP and edge) and nginx-stream (listener TLS).

# write_nginx [NAME]: their configurations; replica NAME is out of the TLS listener.
write_nginx() {
    local name clear=() tls=() loaderio
    mkdir -p "$STATE/nginx/out"
    for name in "${REPLICAS[@]}"; do
        clear+=("$name=$(clear_port "$name")")
        tls+=("$name=$(tls_port "$name")$([[ $name != "${1:-}" ]] || echo :down)")
    done
    loaderio=$(setting LOADERIO)
    "$ROOT/infra/nginx/render" http "$STATE" "$HTTP_PORT" "$EDGE_PORT" ${loaderio:+--loaderio "$loaderio"} "${clear[@]}" | put "$STATE/etc/nginx-http.conf"
    "$ROOT/infra/nginx/render" stream "$STATE" "$TLS_PORT" "${tls[@]}" | put "$STATE/etc/nginx-stream.conf"
    for name in nginx-http nginx-stream; do
        nginx -t -q -e stderr -p "$STATE/nginx" -c "$STATE/etc/$name.conf"
    done
}

# reload NAME: one of the two, if it runs, takes up its configuration; back when no worker with the old one accepts any more.
reload() {
    local master old
    is_up "$1" || return 0
    master=$(service_pid "$1")
    old=$(workers "$master")
    sv hup "$STATE/service/$1"
    until_true 100 replaced "$master" "$old" || die "$1 does not take up its new configuration: $(last_words "$1")"
}

# workers MASTER: pids of those that accept connections.
workers() {
    local pid
    for pid in $(children "$1"); do
        [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"is shutting down"* ]] || echo "$pid"
    done 2>/dev/null
}

children() {
    { cat /proc/[0-9]*/stat 2>/dev/null || true; } |
        awk -v parent="$1" '{ pid = $1; sub(/^.*\) /, ""); if ($2 == parent) print pid }'
}

# replaced MASTER OLD: there are workers, and none of them is an old one.
replaced() {
    local now
    now=$(workers "$1")
    [[ -n $now ]] && ! grep -qxF "${2:-none}" <<<"$now"
}

# start_nginx: both, with what this run has changed.
start_nginx() {
    local name
    for name in nginx-http nginx-stream; do
        if is_up "$name"; then
            if changed "$STATE/service/$name/run"; then
                stop_service "$name"
            elif changed "$STATE/etc/$name.conf" "$STATE/tls/server.pem"; then
                reload "$name"
            fi
        fi
        start_service "$name"
    done
    wait_ready nginx-http 20
    wait_ready nginx-stream 20
}
