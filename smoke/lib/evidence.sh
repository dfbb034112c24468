# shellcheck shell=bash
# What a failure keeps.

# evidence_keep HOST_DIR DIR copies what the host has to say into DIR.
evidence_keep() {
        cp "$1/console.log" "$1/heart.log" "$1/qemu.log" "$2/" 2>/dev/null || true
        if ! host_alive "$1"; then
                host_diagnose "$1" >"$2/frozen.txt"
                return
        fi
        LOGIN_TIMEOUT_S=60 login_root "$1" 'journalctl --no-pager -o short-precise -b' >"$2/journal.txt" || true
        LOGIN_TIMEOUT_S=60 login_root "$1" 'bash -s' >"$2/state.txt" <<'EOF' || true
show() { printf '\n$ %s\n' "$*"; "$@" 2>&1; }
show systemctl --no-pager --failed
show systemctl --no-pager --lines=0 status 'banger*'
show systemd-cgls --no-pager
show ls -lR /run/banger /run/banger-root /etc/banger
show find /var/lib/banger -maxdepth 4 -ls
show ip -brief address
show nft list ruleset
show dmsetup table
show losetup --list
show ps -eo pid,ppid,user,stat,etime,args
show cat /proc/meminfo
show df -h
EOF
}
