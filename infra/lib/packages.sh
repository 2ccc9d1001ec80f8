# shellcheck shell=bash
# Debian packages: which of the project's lists are not installed yet, and having them installed.

# missing_packages LIST…: what third_party/packages/LIST.txt name and this machine has not, also not as a part of another
# package (a newer nodejs brings npm).
missing_packages() {
    comm -23 <(sed -e 's/#.*//' "${@/#/"$ROOT/third_party/packages/"}" | tr -s '[:space:]' '\n' | grep . | sort -u) \
        <(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/^installed //p' |
            sed 's/([^)]*)//g' | tr -s ', ' '\n' | sort -u)
}

# may_install YES: --yes or CI=true says so; else a person at a terminal is asked, once.
may_install() {
    local answer
    [[ $1 != yes && ${CI:-} != true ]] || return 0
    [[ -t 0 && -t 1 ]] || return 1
    read -rp 'Install them now? [Y/n] ' answer
    [[ -z $answer || $answer == [Yy]* ]]
}

# The command that makes root of us; nothing if we are; fails if there is none.
root_command() {
    if ((EUID == 0)); then return 0; fi
    command -v sudo >/dev/null || return 1
    if [[ -t 0 ]]; then echo "sudo"; else echo "sudo -n"; fi
}

# install_packages YES LIST…: root only for this. Ends the script if they cannot be had.
install_packages() {
    local yes=$1 missing as_root output started
    shift
    [[ -r /etc/debian_version ]] || die "this is no Debian; it needs Debian 12 (bookworm)"
    mapfile -t missing < <(missing_packages "${@/%/.txt}")
    ((${#missing[@]} > 0)) || return 0
    say "Debian packages to install (with what they depend on): ${missing[*]}"
    as_root=$(root_command) || die "packages are missing; as root: apt-get install --no-install-recommends ${missing[*]}"
    may_install "$yes" || die "nothing installed; --yes installs the missing packages without asking"
    started=$EPOCHREALTIME
    printf '%-46s' "install ${#missing[@]} packages …" >&3
    # shellcheck disable=SC2086  # as_root is empty or a command with its words
    if ! output=$($as_root "$ROOT/infra/lib/install-packages" "${missing[@]}" 2>&1 </dev/null); then
        STEP=packages
        die "packages: $(sed -n 's/^E: //p' <<<"$output" | head -n 1 | grep . || tail -n 1 <<<"$output")"
    fi
    say "$(seconds "$started") s"
}
