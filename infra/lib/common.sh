# shellcheck shell=bash
# Sourced first by every script in infra/: where the project is, how to speak, how to fail.
#
# Always holds: progress goes to fd 3 (the caller's stdout), the one line that says what went wrong to fd 4
# (the caller's stderr); everything that a step's commands print goes to the step's log.
set -Eeuo pipefail
shopt -s inherit_errexit lastpipe # lastpipe: `… | put FILE` runs put in this shell

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
SELF=infra/${0##*/}
CALLER_DIR=$PWD

# Debian's own programs, whatever the caller has first on PATH; no setting of the caller's psql or git.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
unset "${!PG@}" "${!SQITCH_@}" CDPATH
# The clone may belong to another user than the one who builds; git only reads it.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$ROOT

exec 3>&1 4>&2

REPORTED=99 # exit status of die: the line is printed; finish turns it into 1
STEP=       # what is being done, for the line about its failure
STEP_LOG=   # where its commands' output goes
INTERRUPTED= # the exit status, once a signal has come
UNDO=()     # commands that take back what this run did, for a failure; run last first

# use PART…: the files of lib/ that a script needs.
use() {
    local part
    for part; do
        # shellcheck source=/dev/null
        . "$ROOT/infra/lib/$part.sh"
    done
}

say() {
    printf '%s\n' "$*" >&3
}

# die TEXT: ends the script; TEXT says what is wrong and what to do, in one line.
die() {
    [[ -z $STEP ]] || say "failed"
    printf '%s: %s\n' "$SELF" "$*" >&4
    exit "$REPORTED"
}

usage_error() {
    printf '%s: %s; %s --help lists the options\n' "$SELF" "$*" "$SELF" >&4
    trap - EXIT
    exit 2
}

# The comment at the top of the script is its help.
print_help() {
    sed -n '2,/^[^#]/{/^# shellcheck /!s/^# \{0,1\}//p}' "$0"
    trap - EXIT
    exit 0
}

# need_value OPTION WORDS-LEFT: complains if the option's value is missing.
need_value() {
    (($2 >= 2)) || usage_error "$1 needs a value"
}

# seconds SINCE: how long ago $EPOCHREALTIME was SINCE, with one decimal.
seconds() {
    local tenths=$(((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# step TITLE COMMAND…: runs it in this shell, with its output in a log; one line with the time taken.
step() {
    local title=$1 started=$EPOCHREALTIME
    shift
    STEP=$title STEP_NOTE=
    STEP_LOG=$LOGS/${title//[^a-zA-Z0-9]/-}.log
    printf '%-46s' "$title …" >&3
    "$@" >"$STEP_LOG" 2>&1 </dev/null
    STEP=
    say "$(seconds "$started") s${STEP_NOTE:+  $STEP_NOTE}"
}

# reason LOG: the line that most likely says why.
reason() {
    {
        grep -m1 -iE '(error|fatal):|\[emerg\]' "$1" ||
            grep -m1 -iE 'error|fatal|failed|cannot|denied|no space' "$1" ||
            grep -v '^[[:space:]]*$' "$1" | tail -n 1
    } | tr -s '[:space:]' ' ' | sed 's/ $//' | cut -c1-240
}

finish() {
    local status=$? undo
    trap - EXIT
    trap '' INT TERM HUP
    status=${INTERRUPTED:-$status} # the command that was interrupted may have had a status of its own
    ((status != 0)) || exit 0
    set +e
    if ((status == 130 || status == 143)); then
        [[ -z $STEP ]] || say "interrupted"
        printf '%s: interrupted; what this run had started is stopped\n' "$SELF" >&4
    elif ((status != REPORTED)) && [[ -n $STEP ]]; then
        say "failed"
        printf '%s: %s: %s (all of it: %s)\n' "$SELF" "$STEP" "$(reason "$STEP_LOG")" "$(shown "$STEP_LOG")" >&4
    elif ((status != REPORTED)); then
        printf '%s: failed with status %s at line %s\n' "$SELF" "$status" "${FAILED_AT:-?}" >&4
    fi
    for ((undo = ${#UNDO[@]} - 1; undo >= 0; undo--)); do
        ${UNDO[undo]} >/dev/null 2>&1 </dev/null
    done
    ((status != REPORTED)) || status=1
    exit "$status"
}

end_on_signals() {
    trap 'INTERRUPTED=130; exit 130' INT
    trap 'INTERRUPTED=143; exit 143' TERM HUP
}

# A signal between these two waits for the second: for what must not be left half done.
hold_signals() {
    HELD=
    trap 'HELD=130' INT
    trap 'HELD=143' TERM HUP
}

release_signals() {
    end_on_signals
    [[ -z $HELD ]] || exit "$HELD"
}

trap 'FAILED_AT=$LINENO' ERR
trap finish EXIT
end_on_signals

# shown PATH: as a person in the project's root would type it.
shown() {
    printf '%s' "${1#"$ROOT"/}"
}

# absolute PATH: as seen from where the caller is.
absolute() {
    (cd "$CALLER_DIR" && realpath -ms -- "$1")
}

# until_true TENTHS COMMAND…: tries about ten times a second until it succeeds; 1 when the time is over.
until_true() {
    local left=$1
    shift
    until "$@"; do
        ((left-- > 0)) || return 1
        sleep 0.1
    done
}

# gone PID
gone() {
    ! kill -0 "$1" 2>/dev/null
}

# put FILE [MODE]: writes stdin there in one go, if that changes anything; then FILE is added to CHANGED.
CHANGED=()
put() {
    local file=$1 mode=${2:-644} new
    new=$(mktemp "$file.XXXXXX")
    cat >"$new"
    chmod "$mode" "$new"
    if [[ -e $file ]] && cmp -s "$new" "$file"; then
        rm -f "$new"
        chmod "$mode" "$file"
    else
        mv -f "$new" "$file"
        CHANGED+=("$file")
    fi
}

# changed FILE…: whether this run has changed one of them.
changed() {
    local file
    for file; do
        [[ " ${CHANGED[*]} " != *" $file "* ]] || return 0
    done
    return 1
}
