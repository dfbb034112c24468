# shellcheck shell=bash
# One QEMU: start, watch, reset, end. Its state directory holds
#   qemu.pid qmp.sock port   how to reach it
#   console.log heart.log    what it says on its two serial ports
#   image                    a link to the host image it runs

# Emulation is slow, and so is a machine shared with others.
HOST_BOOT_S=${BANGER_HOST_BOOT_S:-120}
# What costs an emulated kernel a tenth of its time and is nobody's subject here.
HOST_QUICK='mitigations=off init_on_alloc=0'
# The heart beats every 5 s; this long without a beat is a frozen host.
HOST_SILENCE_S=${BANGER_HOST_SILENCE_S:-75}

# host_boot DIR MEMORY_MIB PAYLOAD LASTING returns when the host is up. A boot
# that freezes is tried once more, and says so.
host_boot() {
        local dir=$1 image began
        image=$(image_ensure)
        [[ ! -e $dir/qemu.pid ]] || die "a host already runs in $dir"
        ln -sfn "$image" "$dir/image"
        began=$(now_ms)
        qemu_start "$@"
        if ! host_wait "$dir"; then
                note "the host did not come up ($(host_diagnose "$dir")); booting it once more"
                host_end "$dir"
                mv "$dir/console.log" "$dir/console.frozen.log"
                qemu_start "$@"
                host_wait "$dir" || {
                        note "$(host_diagnose "$dir")"
                        host_end "$dir"
                        die "the host does not boot; see $dir/console.log"
                }
        fi
        note "host up in $(seconds_since "$began") s ($(qemu_accel), $2 MiB)"
}

# host_wait DIR waits until the host's system says it is up.
host_wait() {
        wait_until "$HOST_BOOT_S" host_settled "$1" || return 1
        grep -q '^ready' "$1/heart.log"
}

# host_settled DIR: it is up, or will not be.
host_settled() { grep -q '^ready' "$1/heart.log" || ! qemu_running "$1"; }

# host_reset DIR pulls the plug: nothing in the host is told.
host_reset() {
        login_close "$1"
        : >"$1/heart.log"
        qemu_qmp "$1" system_reset >/dev/null
        host_wait "$1"
}

host_alive() {
        local beat
        qemu_running "$1" || return 1
        beat=$(stat -c %Y "$1/heart.log")
        (($(date +%s) - beat < HOST_SILENCE_S * STRETCH))
}

# host_diagnose DIR says in a few words what the host was last seen doing.
host_diagnose() {
        if ! qemu_running "$1"; then
                printf 'QEMU ended: %s' "$(tail -n 1 "$1/qemu.log")"
        elif host_alive "$1"; then
                printf 'heart beating, no "ready"'
        else
                # Both processors in exc_int3 is the emulator's known fault.
                printf 'silent; %s' "$(qemu_qmp "$1" human-monitor-command \
                        '{"command-line": "info registers -a"}' 2>&1 | grep -o 'RIP=[0-9a-f]*' | xargs)"
        fi
}

host_end() {
        local pid
        login_close "$1"
        [[ -e $1/qemu.pid ]] || return 0
        pid=$(<"$1/qemu.pid")
        if qemu_running "$1"; then
                qemu_qmp "$1" quit >/dev/null 2>&1 || kill "$pid" 2>/dev/null || true
                wait_until 10 pid_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
                wait_until 10 pid_gone "$pid" || note "QEMU $pid does not end"
        fi
        rm -f "$1/qemu.pid" "$1/qmp.sock"
}

pid_gone() { [[ ! -e /proc/$1 ]]; }

# qemu_running DIR: the process of that number is still the one we started.
qemu_running() {
        local pid
        [[ -s $1/qemu.pid ]] || return 1
        pid=$(<"$1/qemu.pid")
        [[ -r /proc/$pid/cmdline ]] && tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$1/qemu.pid"
}

# qemu_accel prints kvm only where a KVM guest gets KVM itself.
qemu_accel() {
        if [[ -n ${BANGER_HOST_ACCEL:-} ]]; then
                say "$BANGER_HOST_ACCEL"
        elif [[ -w /dev/kvm ]] && grep -qs '^[Y1]' /sys/module/kvm_{amd,intel}/parameters/nested; then
                say kvm
        else
                say tcg
        fi
}

# qemu_start DIR MEMORY_MIB PAYLOAD LASTING
qemu_start() {
        local dir=$1 memory=$2 payload=$3 lasting=$4 args clock=()
        # shellcheck disable=SC2054
        args=(-machine q35,vmport=off -m "$memory" -smp "${BANGER_HOST_CPUS:-2}" -nodefaults -display none
                -kernel "$dir/image/vmlinuz" -initrd "$dir/image/initrd"
                -append "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=-1 systemd.log_color=no $HOST_QUICK"
                -chardev "file,id=console,path=$dir/console.log" -serial chardev:console
                -chardev "file,id=heart,path=$dir/heart.log" -serial chardev:heart
                -qmp "unix:$dir/qmp.sock,server=on,wait=off" -pidfile "$dir/qemu.pid"
                -netdev 'user,id=uplink,restrict=on,hostfwd=tcp:127.0.0.1:0-10.0.2.15:22'
                -device virtio-net-pci,netdev=uplink -device virtio-rng-pci)
        case $(qemu_accel) in
        kvm) args+=(-accel kvm -cpu host) ;;
        *)
                args+=(-accel 'tcg,thread=multi' -cpu 'EPYC,+svm')
                clock_slow "${BANGER_HOST_CLOCK:-1}"
                ;;
        esac
        if [[ $lasting == yes ]]; then
                [[ -e $dir/disk.qcow2 ]] ||
                        qemu-img create -q -f qcow2 -F raw -b "$(readlink -f "$dir/image")/root.ext4" "$dir/disk.qcow2"
                args+=(-drive "file=$dir/disk.qcow2,if=virtio,format=qcow2,cache=unsafe")
        else
                args+=(-no-reboot -drive "file=$dir/image/root.ext4,if=virtio,format=raw,snapshot=on")
        fi
        [[ -z $payload ]] || args+=(-drive "file=$payload,if=virtio,format=raw,readonly=on")
        : >"$dir/heart.log"
        : >"$dir/console.log"
        # A host that everybody forgot ends by itself.
        setsid timeout -k 5 "${BANGER_HOST_LIFETIME_S:-7200}" \
                "${clock[@]}" qemu-system-x86_64 "${args[@]}" </dev/null >"$dir/qemu.log" 2>&1 &
        disown
        wait_until 20 test -s "$dir/qemu.pid" || die "QEMU does not start: $(<"$dir/qemu.log")"
        qemu_port "$dir" >"$dir/port"
}

# clock_slow N: the emulated machine's clock takes N seconds for one, so that it seems N times as quick to
# all that counts seconds in it: what is in time there does not hang on who else uses this machine. Sets the
# caller's `clock`, the command in front of QEMU.
clock_slow() {
        local library
        (($1 > 1)) || return 0
        library=$(dpkg-query -L libfaketime | grep '/libfaketimeMT\.so\.1$')
        clock=(env "LD_PRELOAD=$library" NO_FAKE_STAT=1 "FAKETIME=+0 x$(awk -v n="$1" 'BEGIN { print 1 / n }')")
}

# qemu_port DIR prints the port on loopback that QEMU took for ssh.
qemu_port() {
        qemu_qmp "$1" human-monitor-command '{"command-line": "info usernet"}' |
                awk '/HOST_FORWARD/ {print $4; found = 1} END {exit !found}'
}

qemu_qmp() {
        python3 "$SMOKE/lib/qmp.py" "$1/qmp.sock" "${@:2}"
}
