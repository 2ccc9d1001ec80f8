# shellcheck shell=bash
# What k6/run and k6/tenfold ask of a stack that is up. Sourced after infra/lib's common and stack; BASE is the URL of
# NGINX's TLS listener.

# ask PATH [CURL-WORDS…]: the answer, head and body, through the TLS listener. Ends the script on any but a good one.
ask() {
    local path=$1 answer
    shift
    answer=$(curl --silent --show-error --fail --include --max-time 10 --noproxy '*' --cacert "$STATE/tls/ca.pem" "$@" "$BASE$path" 2>&1) ||
        die "no good answer from $BASE$path (${answer##*$'\n'}); infra/status says what runs, infra/up starts it"
    echo "$answer"
}

# id_in ANSWER: of the first card in the body, which is one line.
id_in() {
    jq -er '.[0].id' <<<"${1##*$'\n'}" || die "$BASE/products gives a page without a card; is its catalogue being replaced?"
}

# ask_ids FIRST-LAST|'' [CURL-WORDS…]: FIRST_ID, LAST_ID, and PRODUCTS, how many ids there are; those named, or all that the
# server has. The link to the last page of one card each counts them.
ask_ids() {
    local wanted=$1 first last
    shift
    first=$(ask '/products?page=1&count=1' "$@")
    PRODUCTS=$(sed -n 's/.*page=\([0-9]*\)&count=1>; rel="last".*/\1/p' <<<"$first")
    [[ -n $PRODUCTS ]] || die "$BASE/products gives no link to its last page: is it the Products API?"
    last=$(ask "/products?page=$PRODUCTS&count=1")
    FIRST_ID=$(id_in "$first")
    LAST_ID=$(id_in "$last")
    if [[ -n $wanted ]]; then
        FIRST_ID=${wanted%-*} LAST_ID=${wanted#*-} PRODUCTS=$((LAST_ID - FIRST_ID + 1))
    fi
}

# about: what a result says besides its figures, as JSON; the commit is the one that the servers were built from.
about() {
    local commit
    commit=$(curl --silent --fail --max-time 2 --noproxy '*' "http://127.0.0.1:$(operations_port "${REPLICAS[0]}")/status" |
        jq -er .commit) || commit=unknown
    jq -nc --arg script "$NAME" --arg commit "$commit" --arg date "$STARTED" \
        --arg cpu "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" --argjson cores "$(nproc)" \
        --argjson memory_kb "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)" \
        --arg kernel "$(uname -sr)" --argjson load "$(cut -d' ' -f1 /proc/loadavg)" \
        --argjson ids "[$FIRST_ID, $LAST_ID]" --argjson products "$PRODUCTS" '{
            $script, $commit, $date,
            machine: {$cpu, $cores, memory_mb: ($memory_kb / 1024 | floor), $kernel, load_before: $load},
            settings: {$ids, $products}}'
}

# memory: of the replicas, in MB, as JSON: {"r1": 56, …}.
memory() {
    local name
    for name in "${REPLICAS[@]}"; do
        { curl --silent --fail --max-time 2 --noproxy '*' "http://127.0.0.1:$(operations_port "$name")/status" || echo '{}'; } |
            jq -c --arg name "$name" '{($name): (.resident_bytes // null | values / 1048576 | floor)}'
    done | jq -sc add
}

check_range() {
    [[ -z $1 || $1 =~ ^[1-9][0-9]{0,14}-[1-9][0-9]{0,14}$ && ${1%-*} -le ${1#*-} ]] ||
        usage_error "--ids is '$1'; FIRST-LAST is accepted, such as 1-10000"
}

# open_results: the folder RESULTS can be written in, STARTED is now, RESULT the file that this run's result goes to.
open_results() {
    [[ -w $RESULTS ]] || mkdir "$RESULTS" 2>/dev/null || die "cannot write in $(shown "$RESULTS"); name another folder with --results"
    STARTED=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    RESULT=$RESULTS/$NAME-${STARTED//[-:]/}.json
}
