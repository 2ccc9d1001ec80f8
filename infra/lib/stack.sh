# shellcheck shell=bash
# One stack: its state folder, its ports, its settings. STATE is set by the script; below it:
#   stack.env    settings        etc/       made configuration, passwords (0600)    tls/      certificates
#   postgres/    the database    service/   one folder a process, for runit         log/      one folder a process
#   bin/         programs        nginx/     temporary files, who is out             home/ tmp/

REPLICAS=(r1 r2 r3)
SERVICES=(postgres "${REPLICAS[@]}" nginx-http nginx-stream)

# open_settings: PORT_OFFSET of a stack that exists; ends the script if there is none.
open_settings() {
    [[ -r $STATE/stack.env ]] || die "there is no stack in $(shown "$STATE"); infra/up makes one"
    PORT_OFFSET=$(setting PORT_OFFSET)
    set_ports
}

# setting NAME: read, never executed: root reads a file that another user may write.
setting() {
    sed -n "s/^$1=\([a-zA-Z0-9._~/-]*\)$/\1/p" "$STATE/stack.env" | tail -n 1
}

check_offset() {
    if ! [[ $1 =~ ^(0|[1-9][0-9]{0,4})$ ]] || (($1 > 50000)); then
        die "--port-offset is '$1'; a whole number from 0 to 50000 is accepted"
    fi
}

set_ports() {
    check_offset "$PORT_OFFSET"
    POSTGRES_PORT=$((15432 + PORT_OFFSET))
    TLS_PORT=$((8443 + PORT_OFFSET)) HTTP_PORT=$((8080 + PORT_OFFSET)) EDGE_PORT=$((8444 + PORT_OFFSET))
}

# clear_port NAME, tls_port NAME, operations_port NAME: of replica r1, r2 or r3.
clear_port() { echo $((9000 + ${1#r} + PORT_OFFSET)); }
tls_port() { echo $((9440 + ${1#r} + PORT_OFFSET)); }
operations_port() { echo $((9100 + ${1#r} + PORT_OFFSET)); }

# ports_of SERVICE
ports_of() {
    case $1 in
        postgres) echo "$POSTGRES_PORT" ;;
        nginx-http) echo "$HTTP_PORT" "$EDGE_PORT" ;;
        nginx-stream) echo "$TLS_PORT" ;;
        *) echo "$(clear_port "$1")" "$(tls_port "$1")" "$(operations_port "$1")" ;;
    esac
}

# check_path: the state's path goes into configuration files of four languages.
check_path() {
    [[ $STATE =~ ^/[a-zA-Z0-9._/+@,-]+$ ]] ||
        die "the state folder's path is $STATE; letters, digits and . _ / + @ , - are accepted: move the project or use --var DIR"
}

# is_state DIR: a folder that infra/up made, or may make one of: new or empty.
is_state() {
    [[ -e $1/stack.env || ! -e $1 ]] || [[ -d $1 && -z $(ls -A "$1") ]]
}

# state_owner: who runs this stack.
state_owner() {
    stat -c %U "$STATE"
}

# lock_stack: one script at a time changes this stack; the lock ends with the script.
lock_stack() {
    exec 9>"$STATE/lock"
    flock -w 60 9 || die "another infra/up, down or restart has been at work on $(shown "$STATE") for a minute; wait for it"
}
