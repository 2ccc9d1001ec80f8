# shellcheck shell=bash
# Who does the work: the caller; if that is root, an unprivileged user in its place.

# check_user NAME
check_user() {
    local id
    id=$(id -u "$1" 2>/dev/null) || die "there is no user $1 here; name one with --user"
    ((id != 0)) || die "--user must not be root: Postgres refuses to run as root"
}

# as_user NAME COMMAND…: with nothing of our environment but what is listed here.
as_user() {
    words_as_user "$@"
    "${WORDS[@]}"
}

# words_as_user NAME COMMAND…: fills WORDS with the whole command line.
words_as_user() {
    local user=$1 name
    WORDS=(env -i HOME="${STATE:-/nonexistent}/home")
    shift
    for name in PATH LC_ALL TERM CI PAGER "${!GIT_CONFIG_@}" "${!ATELIER_@}"; do
        [[ -z ${!name:-} ]] || WORDS+=("$name=${!name}")
    done
    WORDS+=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --no-new-privs)
    if [[ -n ${KEEP_NET_ADMIN:-} ]] && has_net_admin; then
        WORDS+=('--inh-caps=-all,+net_admin' '--ambient-caps=-all,+net_admin')
    else
        WORDS+=(--inh-caps=-all)
    fi
    WORDS+=(-- "$@")
}

# Whether this process may do what CAP_NET_ADMIN (12) allows; root in a container may not.
has_net_admin() {
    local effective
    effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    (((16#$effective >> 12) & 1))
}

# give_folder USER DIR: DIR exists and USER may write in it. Only what root owns changes hands.
give_folder() {
    local user=$1 dir=$2 owner
    mkdir -p "$dir" || die "cannot make $dir"
    find "$dir" -user root -exec chown -h "$user:" {} +
    owner=$(stat -c %U "$dir")
    as_user "$user" test -w "$dir" -a -x "$dir" ||
        die "user $user cannot write in $dir, which belongs to $owner; --user $owner goes on as that user"
}

# check_readable USER: before anything is installed or made. Of a user who does not exist yet, nobody is the measure.
check_readable() {
    local user=$1
    id "$user" >/dev/null 2>&1 || user=nobody
    as_user "$user" test -r "$ROOT/infra/lib/common.sh" ||
        die "user $1 cannot read $ROOT; move the project to where everybody may read (not below /root), or name another user with --user"
}

# continue_as USER WORDS…: this script again, as USER, in a folder that USER can be in.
continue_as() {
    local user=$1
    shift
    as_user "$user" test -x "$PWD" || cd "$ROOT" || exit
    words_as_user "$user" "$ROOT/$SELF" "$@"
    exec "${WORDS[@]}"
}
