# shellcheck shell=bash
# Is a TCP port of the loopback address taken? Read from the kernel's table, so that nothing has to connect.

# Listening sockets (state 0A) that a listener on 127.0.0.1 or [::1] would collide with: "PORT INODE" a line.
listening() {
    { cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || true; } | awk '$4 == "0A" {
        split($2, at, ":")
        if (at[1] ~ /^(0100007F|0+|0+01000000|0000000000000000FFFF00000100007F)$/)
            print at[2], $10
    }'
}

# holder INODE: the program that has the socket, as far as we may look.
holder() {
    local fd pid
    fd=$(find /proc/[0-9]*/fd -lname "socket:\[$1\]" -print -quit 2>/dev/null) || true
    pid=${fd#/proc/}
    pid=${pid%%/*}
    if [[ -n $pid ]]; then
        echo "$(<"/proc/$pid/comm") (pid $pid)"
    else
        echo "another user's program"
    fi
}

# Stacks whose offsets differ by this never share a port (by 100 they do: 9001 + 100 is 9101).
OFFSET_STEP=2000

# check_free PORT…: ends the script at the first port that is taken.
check_free() {
    local table port line
    table=$(listening)
    for port; do
        line=$(grep -m1 "^$(printf '%04X' "$port") " <<<"$table") || continue
        die "port $port is in use by $(holder "${line#* }"); stop that, or move this stack with --port-offset $((PORT_OFFSET + OFFSET_STEP))"
    done
}
