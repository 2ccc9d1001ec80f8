# shellcheck shell=bash
# The stages of infra/test: each runs whatever became of the ones before; at the end the tests are counted.

FAILED_STAGES=0  # failed, and not by a failed test case
STAGE_LIMIT=1500 # seconds
SHOWN_LINES=60   # of a failed stage's log

# open_stages DIR: for logs, JUnit files and temporary files; nothing of an earlier run stays.
open_stages() {
    RESULTS=$1 TESTS_STARTED=$EPOCHREALTIME
    exec 9>"$RESULTS/lock"
    flock -n 9 || die "another infra/test is at work here; wait for it"
    rm -rf "$RESULTS"/*.xml "$RESULTS/log" "$RESULTS/tmp" "$RESULTS/home"
    mkdir -p "$RESULTS/log" "$RESULTS/tmp" "$RESULTS/home"
    export TMPDIR=$RESULTS/tmp HOME=$RESULTS/home
    UNDO+=(end_stage)
}

# stage TITLE COMMAND…: in a process group of its own, so that all of it can be ended.
stage() {
    local title=$1 started=$EPOCHREALTIME log=$RESULTS/log/${1//[^a-zA-Z0-9]/-}.log before verdict=
    shift
    before=$(count_cases)
    printf '%-34s' "$title …" >&3
    set -m
    (
        set +m
        "$@"
    ) >"$log" 2>&1 </dev/null 9>&- &
    STAGE_GROUP=$!
    set +m
    until_true $((STAGE_LIMIT * 10)) gone "$STAGE_GROUP" || verdict="  FAILED: longer than $STAGE_LIMIT s"
    end_stage
    wait "$STAGE_GROUP" || verdict=${verdict:-  FAILED}
    STAGE_GROUP=
    say "$(seconds "$started") s$verdict"
    [[ -n $verdict ]] || return 0
    tail -n "$SHOWN_LINES" "$log" >&3
    [[ $(count_cases | cut -d' ' -f2) != "$(cut -d' ' -f2 <<<"$before")" ]] || FAILED_STAGES=$((FAILED_STAGES + 1))
}

end_stage() {
    [[ -z ${STAGE_GROUP:-} ]] || kill -TERM -- "-$STAGE_GROUP" 2>/dev/null || true
}

# count_cases: "passed failed skipped" so far.
count_cases() {
    local files=()
    mapfile -d '' files < <(find "$RESULTS" -maxdepth 1 -name '*.xml' -print0)
    "$ROOT/infra/lib/count-tests" "${files[@]}"
}

# close_stages: the line of counts, and the script's status.
close_stages() {
    local passed failed skipped
    read -r passed failed skipped <<<"$(count_cases)"
    failed=$((failed + FAILED_STAGES))
    say "everything in $(shown "$RESULTS")/log, after $(seconds "$TESTS_STARTED") s"
    if ((skipped > 0)); then
        say "$passed passed, $failed failed, $skipped skipped"
    else
        say "$passed passed, $failed failed"
    fi
    ((passed > 0 && failed == 0)) || exit "$REPORTED"
}
