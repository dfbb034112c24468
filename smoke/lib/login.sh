# shellcheck shell=bash
# Logins in the host. DIR is a host's state directory, as host_boot left it.
# LOGIN_TIMEOUT_S ends one that takes longer (status 124); 0 is no limit.

# login DIR USER [CMD...] goes through one connection a user, opened at need and kept: under emulation a
# login of its own takes 2 s, a command over one 0.1 s.
login() {
        local dir=$1 user=$2
        shift 2
        login_open "$dir" "$user"
        login_ssh "$dir" -o ControlPath="$dir/$user.ctl" "$user@testhost" "$@"
}

login_root() { login "$1" root "${@:2}"; }

# login_open DIR USER: at most one at a time. Where it fails, login_ssh connects by itself.
login_open() {
        [[ ! -S $1/$2.ctl ]] || return 0
        (
                flock 9
                # What stays in the background must not keep the lock.
                [[ -S $1/$2.ctl ]] || login_ssh "$1" -o ControlPath="$1/$2.ctl" -MNf "$2@testhost" 9>&-
        ) 9>"$1/login.lock" </dev/null >/dev/null 2>&1 || true
}

# login_close DIR [USER] ends the user's connection, or everybody's; the next command opens another.
login_close() {
        local socket
        for socket in "$1"/${2:-*}.ctl; do
                [[ ! -S $socket ]] ||
                        LOGIN_TIMEOUT_S=10 login_ssh "$1" -o ControlPath="$socket" -O exit testhost >/dev/null 2>&1 || true
                rm -f "$socket"
        done
}

login_ssh() {
        local dir=$1
        shift
        timeout --foreground -k 5 "${LOGIN_TIMEOUT_S:-0}" ssh -F none -p "$(<"$dir/port")" -i "$dir/image/key" \
                -o HostName=127.0.0.1 -o HostKeyAlias=testhost -o IdentitiesOnly=yes -o BatchMode=yes \
                -o UserKnownHostsFile="$dir/image/known_hosts" -o GlobalKnownHostsFile=/dev/null \
                -o StrictHostKeyChecking=yes -o LogLevel=ERROR -o ConnectTimeout=30 \
                -o ServerAliveInterval=15 -o ServerAliveCountMax=4 "$@"
}
