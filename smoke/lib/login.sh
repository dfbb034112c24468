# shellcheck shell=bash
# Logins in the host. DIR is a host's state directory, as host_boot left it.
# LOGIN_TIMEOUT_S ends one that takes longer (status 124); 0 is no limit.

# login DIR USER [CMD...] is one new ssh connection, a session of its own.
login() {
        local dir=$1 user=$2
        shift 2
        login_ssh "$dir" -o ControlPath=none "$user@testhost" "$@"
}

# login_root DIR CMD... goes through one kept connection: evidence must not cost
# a key exchange each time.
login_root() {
        local dir=$1
        shift
        [[ -S $dir/root.ctl ]] || login_root_open "$dir" || true
        login_ssh "$dir" -o ControlPath="$dir/root.ctl" root@testhost "$@"
}

login_root_open() {
        login_ssh "$1" -o ControlPath="$1/root.ctl" -MNf root@testhost </dev/null >/dev/null 2>&1
}

login_root_close() {
        [[ ! -S $1/root.ctl ]] ||
                login_ssh "$1" -o ControlPath="$1/root.ctl" -O exit root@testhost >/dev/null 2>&1 || true
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
