# shellcheck shell=bash
# What scenarios with VMs share. Sourced after scenario.sh.

GUEST_DEBIAN=/usr/local/share/smoke/debian.tar

# image_id NAME prints nothing where there is none of that name.
image_id() {
        owner 'banger image list --json' | python3 -c 'import json, sys
print(*[i["id"] for i in json.load(sys.stdin).get("images", []) if i["name"] == sys.argv[1]])' "$1"
}

image_known() { [[ -n $(image_id "$1") ]]; }

# image_tiny: a tree with only a static shell, imported as "tiny": no init, no sshd, no /etc.
image_tiny() {
        image_known tiny || expect 0 owner 'rm -rf tree && mkdir -p tree/bin && cp /bin/busybox tree/bin/ &&
                for name in sh arping cat dd dmesg echo env false grep halt head httpd id ip kill ls md5sum mkdir nc nslookup ping poweroff printf pwd reboot sleep sync timeout touch true uname wc wget; do
                        ln -s busybox tree/bin/$name || exit
                done && banger image import tiny tree && rm -rf tree'
}

# image_debian: a Debian with systemd, from a tar.
image_debian() {
        image_known debian || expect 0 owner "banger image import debian $GUEST_DEBIAN"
}

# vm_leftovers prints what the kernel and systemd still hold of VMs.
vm_leftovers() {
        root 'ip -o link show type tun
                losetup -n -O NAME,BACK-FILE -l
                dmsetup ls --noheadings 2>/dev/null | grep -v "No devices found"
                find /var/lib/banger/jails -mindepth 2
                nft list ruleset | grep -oE "(banger:|bgr-|vm-)[0-9a-f]{10}" | sort -u | sed "s/^/nft /"
                systemctl list-units --all --plain --no-legend "banger-vm-*"
                true'
}

expect_no_leftovers() {
        local left
        left=$(vm_leftovers)
        [[ -z $left ]] || fail "left behind: $(head -n 3 <<<"$left" | xargs -d '\n')"
}

# vm_field NAME EXPRESSION: a Python expression on its `vm show`, as `it`.
vm_field() {
        expect 0 owner "banger vm show $1 --json" >&2
        output_json "$2"
}

# vm_consoles prints what bangerd keeps of the guests' consoles, in the order in which it came.
vm_consoles() {
        root 'for fd in /proc/$(systemctl show --value -p MainPID bangerd)/fd/*; do
                [[ $(readlink $fd) == *memfd:banger-rings* ]] && tr "\0\r" "\n\n" <$fd; done; true'
}

# vm_remove NAME... whatever their state; after a failure what they said goes into the log first.
vm_remove() {
        local name
        [[ ! -s $SCENARIO_DIR/why ]] || vm_consoles | grep -av '^$' | tail -n 200 || true
        for name; do owner "banger vm delete --force $name" >/dev/null 2>&1 || true; done
}
