# shellcheck shell=bash
# What the measurements on a throwaway host share. Sourced first; then
#   bench_begin DEFAULT-ROUNDS "$@"
# takes [--build DIR] [ROUNDS], boots a host in BENCH_DIR, installs banger there and imports the image
# "tiny". BENCH_ROUNDS is set from then on, and there are the words of a scenario: owner, root, expect
# (smoke/lib/scenario.sh). The host ends with the script.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SMOKE=$TOP/smoke
export SMOKE
. "$SMOKE/lib/common.sh"
. "$SMOKE/lib/login.sh"
. "$SMOKE/lib/product.sh"

bench_begin() {
        BENCH_ROUNDS=$1
        shift
        BENCH_DIR=$(mktemp -d "${TMPDIR:-/tmp}/banger-bench.XXXXXX")
        trap '"$SMOKE/host" down "$BENCH_DIR" >/dev/null 2>&1 || true; rm -rf "$BENCH_DIR"' EXIT
        if [[ ${1:-} == --build ]]; then
                export BANGER_BUILD=$2
                shift 2
        fi
        BENCH_ROUNDS=${1:-$BENCH_ROUNDS}
        product_payload "$BENCH_DIR/payload.tar"
        "$SMOKE/host" up --payload "$BENCH_DIR/payload.tar" "$BENCH_DIR" >&2
        product_place "$BENCH_DIR"
        product_install "$BENCH_DIR" >&2
        export HOST_DIR=$BENCH_DIR SCENARIO_DIR=$BENCH_DIR
        . "$SMOKE/lib/scenario.sh"
        . "$SMOKE/lib/vm.sh"
        image_tiny >&2
}

# bench_send FILE: to /root of the host, to be run there.
bench_send() {
        login_root "$HOST_DIR" "cat >/root/${1##*/} && chmod +x /root/${1##*/}" <"$1"
}
