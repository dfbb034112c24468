# shellcheck shell=bash
# What a scenario says. It runs on the build machine, started by smoke/run with
#   HOST_DIR      the host's state directory
#   SCENARIO_DIR  a directory of its own; `why` in it is the reason of a failure
#   PRIVILEGED    yes for one that may use `administrator`
#
#   owner CMD          the owner's shell, in a login of this scenario's: where product commands run
#   other CMD          another user's
#   root CMD           set-up, faults and evidence; never a product command
#   administrator CMD  the owner through sudo, to install and uninstall
#   expect N FUNCTION CMD...   run it, keep what it prints, want its exit status N
#   expect_output REGEX        of the last expect; expect_no_output likewise
#   output                     print what the last expect kept
#   output_json EXPRESSION     a Python expression on it, as `it`
#   eventually SECONDS FUNCTION CMD...   until it succeeds; STRETCH times as long
#   fail WHY
set -Eeuo pipefail

. "${SMOKE:?a scenario is started by smoke/run}/lib/common.sh"
. "$SMOKE/lib/login.sh"

# A command position: what follows is run, not mentioned.
PRODUCT_COMMAND='(^|[;&|({]|\$\(|exec |env |sudo |-- )[[:space:]]*(/[a-z/]*bin/)?banger(d|d-root|-worker|-tui)?([[:space:]]|$)'

trap 'scenario_failed $? "$LINENO" "$BASH_COMMAND"' ERR

scenario_failed() {
        [[ -s $SCENARIO_DIR/why ]] || say "line $2: status $1 of: $3" >"$SCENARIO_DIR/why"
}

fail() {
        say "$*" >"$SCENARIO_DIR/why"
        exit 1
}

owner() {
        login "$HOST_DIR" owner '[ "$(id -u)" -ne 0 ] || exit 99; '"$*"
}

other() {
        login "$HOST_DIR" other "$@"
}

root() {
        [[ ! "$*" =~ $PRODUCT_COMMAND ]] || fail "a product command as root: $*"
        login_root "$HOST_DIR" "$@"
}

administrator() {
        [[ ${PRIVILEGED:-no} == yes ]] || fail "sudo in a scenario that is not privileged: $*"
        local status=0
        root 'echo "owner ALL=(ALL:ALL) NOPASSWD: ALL" >/etc/sudoers.d/smoke'
        login "$HOST_DIR" owner "sudo.real -n $*" || status=$?
        root 'rm /etc/sudoers.d/smoke'
        return "$status"
}

# expect STATUS[,STATUS] FUNCTION CMD...
expect() {
        local wanted=$1 status=0 began
        shift
        began=$(now_ms)
        "$@" >"$SCENARIO_DIR/output" 2>&1 || status=$?
        say "--- $* [$status, $(seconds_since "$began") s]"
        cat "$SCENARIO_DIR/output"
        [[ ,$wanted, == *,$status,* ]] ||
                fail "$*: status $status instead of $wanted: $(tail -n 1 "$SCENARIO_DIR/output")"
}

output() { cat "$SCENARIO_DIR/output"; }

expect_output() {
        grep -Eiq -- "$1" "$SCENARIO_DIR/output" ||
                fail "no /$1/ in what it printed: $(head -n 2 "$SCENARIO_DIR/output" | xargs -d '\n')"
}

expect_no_output() {
        ! grep -Ei -- "$1" "$SCENARIO_DIR/output" || fail "/$1/ in what it printed"
}

output_json() {
        python3 -c 'import json, sys
it = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$SCENARIO_DIR/output" "$1" || fail "not the JSON expected: $1"
}

eventually() {
        local began
        began=$(now_ms)
        wait_until "$@" || fail "not within $(($1 * STRETCH)) s: ${*:2}"
        say "--- until ${*:2} [$(seconds_since "$began") s]"
}

# manifest FILE writes what there is on the host, for comparison.
manifest() {
        login_root "$HOST_DIR" 'bash -s' <"$SMOKE/lib/manifest" >"$1"
}

# same_manifest BEFORE AFTER: nothing came, went or changed.
same_manifest() {
        diff -U0 --label before --label after "$1" "$2" ||
                fail "changed: $(diff "$1" "$2" | grep -c '^[<>]') lines, first: $(diff "$1" "$2" | grep -m1 '^[<>]')"
}
