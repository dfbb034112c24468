# shellcheck shell=bash
# The host image: made by mmdebstrap, cached by a hash of all that goes into it.
# Needs SMOKE (this folder), common.sh and fetch.sh.

IMAGE_SUITE=bookworm
IMAGE_DISK_MIB=${BANGER_HOST_DISK_MIB:-12288}

# image_ensure prints the directory of the image, made first where absent.
# It holds root.ext4, vmlinuz, initrd, key and known_hosts.
image_ensure() {
        local cache dir
        cache=$(cache_dir)
        mkdir -p "$cache"
        exec {IMAGE_LOCK}>"$cache/lock"
        flock "$IMAGE_LOCK"
        dir=$cache/host-$(image_hash)
        if [[ ! -e $dir/root.ext4 ]]; then
                note "making the host image (once; cached)"
                image_make "$dir"
        fi
        touch "$dir"
        image_prune "$cache" "$dir"
        exec {IMAGE_LOCK}>&-
        printf '%s\n' "$dir"
}

image_hash() {
        {
                find "$SMOKE/image" -type f -printf '%P %m\n' | LC_ALL=C sort
                find "$SMOKE/image" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat
                cat "$SMOKE/lib/image.sh"
                fetch_inputs
                say "$IMAGE_DISK_MIB"
        } | sha256sum | cut -c1-16
}

# image_prune CACHE KEEP leaves the current image and the one used before it,
# and what a killed build left goes after a day.
image_prune() {
        local old
        while read -r old; do
                [[ $old == "$2" ]] || rm -rf "$old"
        done < <(find "$1" -maxdepth 1 -name 'host-*' -printf '%T@ %p\n' | sort -rn | tail -n +3 | cut -d' ' -f2-)
        find "$1" -maxdepth 1 -name 'new.*' -mmin +1440 -exec rm -rf {} +
}

# image_make DIR makes the image beside DIR and renames it, so that a killed
# build never leaves half an image under the final name.
image_make() {
        local new stage
        new=$(mktemp -d "${1%/*}/new.XXXXXX")
        # mmdebstrap's hook may run as another user of a user namespace, to whom
        # the stage must be open: not below somebody's home.
        stage=$(mktemp -d "${TMPDIR:-/tmp}/banger-image.XXXXXX")
        chmod 1777 "$stage"
        # A process of its own: bash ignores `set -e` in all that a condition runs.
        if ! "$SMOKE/host" build-image "$new" "$stage"; then
                rm -rf "$new" "$stage"
                die "cannot make the host image"
        fi
        rm -rf "$stage"
        mv "$new" "$1"
}

image_build() {
        local new=$1 stage=$2
        stage_fill "$stage"
        guest_make "$stage"
        tree_make "$stage"
        tar -C "$new" --strip-components=2 --transform='s/-[0-9].*//' --wildcards \
                -xf "$stage/root.tar" './boot/vmlinuz-*' './boot/initrd.img-*'
        mv "$new/initrd.img" "$new/initrd"
        disk_make "$stage" "$stage/root.ext4"
        cp --sparse=always "$stage/root.ext4" "$new/root.ext4"
        mv "$stage/key" "$new/key"
        chmod 0600 "$new/key"
        printf 'testhost %s\n' "$(cut -d' ' -f1,2 "$stage/hostkey.pub")" >"$new/known_hosts"
}

# stage_fill DIR gathers all that the customize hook puts into the image.
stage_fill() {
        vmm_fetch "$1"
        varlink_fetch "$1"
        ssh-keygen -q -t ed25519 -N '' -C harness -f "$1/key"
        ssh-keygen -q -t ed25519 -N '' -C testhost -f "$1/hostkey"
        chmod 0644 "$1/hostkey"
        cp -R "$SMOKE/image/root" "$1/overlay"
        chmod -R go=u,go-w "$1/overlay" "$1/varlink"
        cp "$SMOKE/image/setup" "$1/setup"
}

# debian_make FILE PACKAGES [OPTION...]: a Debian root as a tar, taken from where this machine's apt
# takes it.
debian_make() {
        local file=$1 packages=$2 mirrors=() options=() line
        shift 2
        while read -r line; do mirrors+=("$line"); done < <(apt_mirrors)
        while read -r line; do options+=("--aptopt=$line"); done < <(apt_options)
        mmdebstrap --variant=minbase --include="$packages" --skip=output/dev \
                --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/locale/*' "${options[@]}" "$@" \
                "$IMAGE_SUITE" "$file" "${mirrors[@]}" >"$file.log" 2>&1 || {
                tail -n 40 "$file.log" >&2
                return 1
        }
}

# guest_make STAGE: a Debian with systemd as its users have it, to be imported as an image. Without
# documents, for emulation has to write every file of it once more.
guest_make() {
        # shellcheck disable=SC2016
        debian_make "$1/guest.tar" systemd,systemd-sysv,dbus,iproute2 \
                --dpkgopt='path-exclude=/usr/share/doc/*' \
                --dpkgopt='path-exclude=/usr/share/zoneinfo/*' \
                --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/*'
}

tree_make() {
        local packages
        packages=$(sed 's/#.*//' "$SMOKE/image/packages" | xargs | tr ' ' ,)
        # The initrd is made while packages are configured: its settings come first.
        # shellcheck disable=SC2016
        STAGE=$1 debian_make "$1/root.tar" "$packages" \
                --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
                --essential-hook='cp "$STAGE/overlay/etc/initramfs-tools/conf.d/smoke" "$1/etc/initramfs-tools/conf.d/"' \
                --essential-hook='printf "virtio_pci\nvirtio_blk\next4\n" >"$1/etc/initramfs-tools/modules"' \
                --customize-hook='"$STAGE/setup" "$1"'
}

# apt_mirrors prints where this machine's apt takes Debian from, if it says so;
# otherwise mmdebstrap takes its default.
apt_mirrors() {
        # shellcheck disable=SC2016
        apt-get indextargets --format '$(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
                'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
                sed -n "s/^${IMAGE_SUITE}[a-z-]* \(deb .*\)/\1/p" | sort -u
}

# apt_options prints how this machine's apt reaches its mirrors.
apt_options() {
        apt-config dump | grep -E '^Acquire::(http|https|ftp|Retries|Check-)' || true
}

# disk_make STAGE FILE makes the ext4, in a user namespace where we are not root.
disk_make() {
        local as_root=()
        ((EUID == 0)) || as_root=(mmdebstrap --unshare-helper)
        # The sizes keep inode tables small; nothing is left for the kernel to
        # initialise in the background of every boot.
        # shellcheck disable=SC2016
        "${as_root[@]}" sh -euc '
                mkdir -p "$1/root/dev"
                tar -C "$1/root" --numeric-owner --xattrs --xattrs-include="*" -xpf "$1/root.tar"
                truncate -s "$3M" "$2"
                mkfs.ext4 -q -F -L testhost -m 0 -i 32768 -E lazy_itable_init=0,lazy_journal_init=0 \
                        -d "$1/root" "$2"
                rm -rf "$1/root"
        ' sh "$1" "$2" "$IMAGE_DISK_MIB"
}
