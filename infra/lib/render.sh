# shellcheck shell=bash
# Templates: NAME.in files with @TOKENS@.

# fill TEMPLATE TOKEN TEXT…: prints the template with each @TOKEN@ replaced.
fill() {
    local text
    text=$(<"$1")
    shift
    while (($# > 0)); do
        text=${text//"@$1@"/"$2"}
        shift 2
    done
    printf '%s\n' "$text"
}

# How many files a server may hold open: the hard limit, within reason.
open_files() {
    local limit
    limit=$(ulimit -Hn)
    if [[ $limit == unlimited ]] || ((limit > 32768)); then limit=32768; fi
    echo "$limit"
}
