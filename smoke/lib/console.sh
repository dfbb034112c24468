# shellcheck shell=bash
# The console in a terminal of tmux's, as the owner. Sourced after scenario.sh.

CONSOLE_TMUX='tmux -L console -f /dev/null'

# console_open WIDTH HEIGHT [COMMAND]: as a login shell would start it; what is left is its status.
console_open() {
        owner "$CONSOLE_TMUX kill-server 2>/dev/null
                while $CONSOLE_TMUX list-sessions >/dev/null 2>&1; do sleep 0.05; done; LC_ALL=C.UTF-8 $CONSOLE_TMUX -u new-session -d -x $1 -y $2 \
                '${3:-banger-tui}; echo ended with \$?; exec sleep 600'"
}

console_tmux() { owner "$CONSOLE_TMUX $*"; }
console_type() { console_tmux send-keys "$@"; }
console_screen() { console_tmux capture-pane -p; }
console_close() { console_tmux kill-server >/dev/null 2>&1 || true; }

# console_shows SECONDS REGEX, console_hides SECONDS REGEX: the screen has it by then, or no more.
console_shows() {
        wait_until "$1" console_has "$2" && return
        console_screen
        fail "not on the screen within $(($1 * STRETCH)) s: $2"
}

console_hides() {
        wait_until "$1" console_lacks "$2" && return
        console_screen
        fail "still on the screen after $(($1 * STRETCH)) s: $2"
}

console_has() { console_screen | grep -Eq -- "$1"; }
console_lacks() { ! console_has "$1"; }
