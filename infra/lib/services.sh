# shellcheck shell=bash
# The processes of a stack under runit: runsvdir watches service/, one runsv a folder restarts what dies,
# one svlogd each writes log/NAME/current and rotates it.

# write_service NAME TEMPLATE [TOKEN TEXT…]: its folder, its log's folder.
write_service() {
    local name=$1 template=$2 dir=$STATE/service/$1
    shift 2
    mkdir -p "$dir/log" "$STATE/log/$name"
    fill "$ROOT/infra/runit/$template" NAME "$name" STATE "$STATE" OPEN_FILES "$(open_files)" "$@" | put "$dir/run" 755
    fill "$ROOT/infra/runit/log.in" NAME "$name" STATE "$STATE" | put "$dir/log/run" 755
    put "$STATE/log/$name/config" <"$ROOT/infra/runit/log-config"
}

# peers_of NAME: where a browser on this machine finds the other replicas' operations ports.
peers_of() {
    local name found=''
    for name in "${REPLICAS[@]}"; do
        [[ $name == "$1" ]] || found+=${found:+,}127.0.0.1:$(operations_port "$name")
    done
    echo "$found"
}

write_services() {
    local name
    write_service postgres postgres.in POSTGRES "$POSTGRES"
    mkdir -p "$STATE/service/postgres/control"
    fill "$ROOT/infra/runit/postgres-terminate.in" STATE "$STATE" | put "$STATE/service/postgres/control/t" 755
    write_options
    for name in "${REPLICAS[@]}"; do
        write_service "$name" replica.in POSTGRES_PORT "$POSTGRES_PORT" CLEAR_PORT "$(clear_port "$name")" \
            TLS_PORT "$(tls_port "$name")" OPERATIONS_PORT "$(operations_port "$name")" PATH_PREFIX "$PATH_PREFIX" \
            OPERATIONS_PEERS "$(peers_of "$name")"
    done
    write_service nginx-http nginx.in
    write_service nginx-stream nginx.in
}

# The replicas' options that people change; infra/reload has them read again.
write_options() {
    [[ -e $STATE/etc/atelierd.options ]] || put "$STATE/etc/atelierd.options" <<<"# ATELIERD_LOG_LEVEL=debug"
}

# process_start PID: when it began, in the kernel's ticks; with the pid this names a process for ever.
process_start() {
    local line words
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra words <<<"${line##*) }"
    echo "${words[19]}"
}

# supervisor_pid: of this stack's runsvdir; fails if it is not running or the pid is another's by now.
supervisor_pid() {
    local pid start
    read -r pid start 2>/dev/null <"$STATE/supervisor.pid" || return 1
    [[ $(process_start "$pid") == "$start" ]] || return 1
    echo "$pid"
}

# Every service begins down (a file of that name) until start_service takes the file away.
start_supervisor() {
    local name pid
    ! supervisor_pid >/dev/null || return 0
    stop_stack # what a killed supervisor may have left behind
    for name in "${SERVICES[@]}"; do touch "$STATE/service/$name/down"; done
    hold_signals # until it is written down who has to be stopped
    (
        cd "$STATE/service" || exit
        exec env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME="$STATE/home" TMPDIR="$STATE/tmp" \
            setsid runsvdir -P "$STATE/service" >>"$STATE/log/supervisor.log" 2>&1 </dev/null 3>&- 4>&- 9>&-
    ) &
    pid=$!
    disown
    echo "$pid $(process_start "$pid")" >"$STATE/supervisor.pid"
    UNDO=(stop_stack)
    STARTED_HERE=yes
    release_signals
    for name in "${SERVICES[@]}"; do
        until_true 100 supervised "$name" || die "the supervisor does not take up $name; see $(shown "$STATE")/log/supervisor.log"
    done
}

# supervised NAME: a runsv is at work for it.
supervised() {
    sv status "$STATE/service/$1" >/dev/null 2>&1
}

service_pid() {
    cat "$STATE/service/$1/supervise/pid" 2>/dev/null
}

# is_up NAME: its process runs (which says nothing about being ready).
is_up() {
    [[ $(sv status "$STATE/service/$1" 2>/dev/null) == run:* ]]
}

declare -gA STARTED=() # the services that this run has started; -g: `use` is a function

# start_service NAME: does nothing if it runs.
start_service() {
    ! is_up "$1" || return 0
    STARTED[$1]=yes
    [[ -n ${STARTED_HERE:-} ]] || UNDO+=("stop_service $1") # else stop_stack takes it back
    rm -f "$STATE/service/$1/down"
    sv up "$STATE/service/$1"
}

# stop_service NAME: asks, waits for what is in hand, after 20 s kills.
stop_service() {
    sv -w 20 force-stop "$STATE/service/$1"
}

# wait_ready NAME SECONDS: until is_ready. Ends the script at the limit, or sooner if the process keeps dying:
# it was down at twenty looks, or four times another one.
wait_ready() {
    local name=$1 deadline=$((SECONDS + $2)) pid last='' down=0 deaths=0
    until is_ready "$name"; do
        is_up "$name" || down=$((down + 1))
        pid=$(service_pid "$name") || true
        [[ -z $pid || -z $last || $pid == "$last" ]] || deaths=$((deaths + 1))
        last=${pid:-$last}
        ((down < 20 && deaths < 4)) || die "$name does not stay up: $(last_words "$name")"
        ((SECONDS < deadline)) || die "$name is not ready after $2 s: $(last_words "$name")"
        sleep 0.1
    done
}

is_ready() {
    case $1 in
        postgres) "$POSTGRES/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT" -t 2 ;;
        nginx-http) fetch "http://localhost:$HTTP_PORT/products?count=1" && fetch "https://localhost:$EDGE_PORT/products?count=1" ;;
        nginx-stream) fetch "https://localhost:$TLS_PORT/products?count=1" ;;
        *) fetch "$(operations "$1" /readyz)" ;;
    esac >/dev/null
}

# fetch URL: the body of a good answer; fails on any other. On this machine, whosever certificate somebody has put there.
fetch() {
    curl --silent --fail --max-time 2 --noproxy '*' --insecure "$1" 2>/dev/null
}

# operations NAME PATH: the URL on the replica's operations port.
operations() {
    echo "http://127.0.0.1:$(operations_port "$1")$2"
}

# last_words NAME: the end of its log, in one line.
last_words() {
    local log=$STATE/log/$1/current
    echo "$({ tail -n 1 "$log" 2>/dev/null || true; } | cut -c1-240) (log: $(shown "$log"))"
}

# stop_stack: everything, in the order in which nobody misses what is gone. Never signals by name.
stop_stack() {
    local pid
    if pid=$(supervisor_pid); then
        kill -TERM "$pid" # it leaves its runsv processes alone, and starts no new ones
        until_true 50 gone "$pid" || kill -KILL "$pid"
    fi
    shut_down nginx-http nginx-stream
    shut_down "${REPLICAS[@]}"
    shut_down postgres
    rm -f "$STATE/supervisor.pid"
}

# shut_down NAME…: ends the services and the runsv of each, waiting at most 20 s before it kills.
shut_down() {
    local name dirs=()
    for name; do
        ! supervised "$name" || dirs+=("$STATE/service/$name")
    done
    ((${#dirs[@]} == 0)) || sv -w 20 force-shutdown "${dirs[@]}" || true
    for name; do
        until_true 50 unsupervised "$name" || die "$name does not end: pid $(service_pid "$name")"
    done
}

unsupervised() {
    ! supervised "$1"
}
