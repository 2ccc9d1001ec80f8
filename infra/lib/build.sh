# shellcheck shell=bash
# Building with CMake's presets, each in build/PRESET.

# build PRESET [TARGET…]: configures if needed and builds all, or those. Two builds of one preset wait for each other.
build() {
    local dir=$ROOT/build/$1 fresh=
    mkdir -p "$dir"
    # A project that was moved or copied brings a cache that knows the old place.
    grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$dir/CMakeCache.txt" || fresh=--fresh
    (
        flock -w 900 8 || die "another build is at work in build/$1 for 15 minutes; wait for it"
        cd "$ROOT" || exit
        cmake ${fresh:+"$fresh"} --preset "$1" -DATELIER_COMMIT="$(commit)" 8>&-
        cmake --build "$dir" -j "$(nproc)" ${2:+--target "${@:2}"} 8>&-
    ) 8>"$dir/.lock"
}

# commit: what is being built, for /metrics and /status.
commit() {
    git -C "$ROOT" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown
}

# program PRESET NAME: where the build has put it.
program() {
    local found
    found=$(find "$ROOT/build/$1/app" -type f -name "$2" -perm -u+x -print -quit)
    [[ -n $found ]] || die "build/$1 has no $2"
    echo "$found"
}

# install_programs: the stack's own copies, so that a build for another stack does not change this one.
install_programs() {
    local name
    for name in atelierd atelier-catalogue; do
        put "$STATE/bin/$name" 755 <"$(program release "$name")"
    done
}
