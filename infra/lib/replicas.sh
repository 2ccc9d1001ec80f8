# shellcheck shell=bash
# The replicas: all at once at the start, one after the other when they must change under load.

READY_LIMIT=300 # seconds for the whole catalogue to be in memory

start_replicas() {
    local name
    for name in "${REPLICAS[@]}"; do start_service "$name"; done
    for name in "${REPLICAS[@]}"; do wait_ready "$name" "$READY_LIMIT"; done
}

# outdated NAME: it runs since before this run, which has put something else in place, or an earlier one that failed has.
outdated() {
    [[ -z ${STARTED[$1]:-} ]] || return 1
    changed "$STATE/service/$1/run" || [[ ! /proc/$(service_pid "$1")/exe -ef $STATE/bin/atelierd ]]
}

# reloads NAME OUTCOME: how many have been applied, or refused.
reloads() {
    fetch "$(operations "$1" /metrics)" | sed -n "s/^atelier_reloads_total{outcome=\"$2\"} //p"
}

# reload_replica NAME: it reads its files again, and this ends the script if it refuses them. What has to wait for a
# restart is said.
reload_replica() {
    local applied refused since waiting
    since=$(date -u +%FT%T.%6NZ)
    applied=$(reloads "$1" applied) refused=$(reloads "$1" refused)
    sv hup "$STATE/service/$1"
    until_true 100 reloaded "$1" "$applied" "$refused" || die "$1 does not reload: $(last_words "$1")"
    if [[ $(reloads "$1" refused) != "$refused" ]]; then
        until_true 10 since "$since" reload_refused "$1" >/dev/null || true # svlogd writes a moment later
        die "$1 goes on as before: $(grep -F '"reload_refused"' "$STATE/log/$1/current" | tail -n 1 | jq -r .error)"
    fi
    until_true 10 since "$since" reloaded "$1" >/dev/null || true
    waiting=$(since "$since" option_needs_restart "$1" | jq -r '"--" + .option' | sort -u | paste -sd ' ') || true
    [[ -z $waiting ]] || STEP_NOTE="$waiting: not before infra/restart"
}

# since TIME EVENT NAME: the replica's lines of its log about that, from then on.
since() {
    grep -F "\"$2\"" "$STATE/log/$3/current" | jq -ce --arg time "$1" 'select(.time >= $time)'
}

# reloaded NAME APPLIED REFUSED: one of the two has moved.
reloaded() {
    [[ $(reloads "$1" applied) != "$2" || $(reloads "$1" refused) != "$3" ]]
}

# roll NAME: out of NGINX, drain, start, ready, back in. Whatever happens, it is put back in.
roll() {
    local undo=("${UNDO[@]}")
    OUT=$1
    UNDO+=(put_back)
    touch "$STATE/nginx/out/$OUT"
    write_nginx "$OUT"
    reload nginx-stream
    stop_service "$OUT"
    sv up "$STATE/service/$OUT"
    wait_ready "$OUT" "$READY_LIMIT"
    put_back
    UNDO=("${undo[@]}")
}

# put_back: replica OUT runs, and NGINX uses it again.
put_back() {
    sv up "$STATE/service/$OUT"
    rm -f "$STATE/nginx/out/$OUT"
    write_nginx
    reload nginx-stream
}
