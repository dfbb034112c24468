# shellcheck shell=bash
# What every part of smoke/ uses: messages, waiting, places.

say() { printf '%s\n' "$*"; }
note() { printf 'smoke: %s\n' "$*" >&2; }
die() {
        note "$*"
        exit 1
}

# Milliseconds, for durations only.
now_ms() {
        local t=${EPOCHREALTIME/[.,]/}
        printf '%s\n' "${t%???}"
}

# seconds_since MS prints the time since now_ms gave MS, like 3.2.
seconds_since() {
        local ms=$(($(now_ms) - $1))
        printf '%d.%d\n' $((ms / 1000)) $((ms % 1000 / 100))
}

# All limits in this machine's time are so many times as long.
STRETCH=${BANGER_STRETCH:-1}

# wait_until SECONDS COMMAND... polls until the command succeeds; 1 when STRETCH times as many have passed.
# Ever less often, for who asks of an emulated host takes its time.
wait_until() {
        local deadline=$((SECONDS + $1 * STRETCH)) pause_ms=100
        shift
        until "$@"; do
                ((SECONDS < deadline)) || return 1
                sleep "0.$pause_ms"
                ((pause_ms = pause_ms < 800 ? pause_ms + 100 : pause_ms))
        done
}

cache_dir() {
        printf '%s\n' "${BANGER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/banger}"
}
