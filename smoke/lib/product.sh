# shellcheck shell=bash
# The product's files: from a build to a host, and its install there.

# product_payload FILE makes a tar of what `make install` places. What it builds on the way goes
# with it, however it ends.
product_payload() (
        tree=${BANGER_DESTDIR:-}
        if [[ -z $tree ]]; then
                made=$(mktemp -d "${TMPDIR:-/tmp}/banger-build.XXXXXX") || exit
                trap 'rm -rf "$made"' EXIT
                trap 'exit 130' INT
                trap 'exit 143' TERM
                tree=$made/tree
                product_build "$made/build" "$tree" || die "cannot build and install the product"
        fi
        [[ -d $tree ]] || die "no directory $tree"
        tar -C "$tree" --owner=0 --group=0 --numeric-owner -cf "$1" .
)

# product_build BUILD TREE installs into TREE from $BANGER_BUILD, or from a build made in BUILD.
product_build() {
        local build=${BANGER_BUILD:-}
        if [[ -z $build ]]; then
                build=$1
                mkdir "$build" || return
                (cd "$build" && "$SMOKE/../configure" --prefix=/usr && make -j "$(nproc)") >&2 || return
        fi
        make --silent -C "$build" install DESTDIR="$2" >&2
}

# product_place DIR unpacks the second disk in the host, as a package would.
product_place() {
        login_root "$1" 'tar -C / --keep-directory-symlink --no-overwrite-dir -xf /dev/vdb &&
                systemctl daemon-reload && udevadm control --reload' || return
        [[ ${BANGER_SANITIZERS:-no} == no ]] || product_sanitize "$1"
}

# product_sanitize DIR: a sandbox keeps LeakSanitizer from attaching, and the limit of core files from
# being set.
product_sanitize() {
        login_root "$1" 'mkdir -p /etc/systemd/system.conf.d &&
                printf "[Manager]\nDefaultEnvironment=ASAN_OPTIONS=detect_leaks=0:disable_coredump=0 UBSAN_OPTIONS=print_stacktrace=1\n" \
                        >/etc/systemd/system.conf.d/sanitizers.conf && systemctl daemon-reexec'
}

# product_install DIR is the one thing that needs sudo.
product_install() (
        export HOST_DIR=$1 SCENARIO_DIR=$1 PRIVILEGED=yes
        . "$SMOKE/lib/scenario.sh"
        LOGIN_TIMEOUT_S=$((180 * STRETCH)) administrator 'banger system install --owner owner --yes'
)
