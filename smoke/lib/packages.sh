# shellcheck shell=bash
# The Debian packages that are missing on this machine, by the list in tests/packages.

PACKAGES_FILE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/tests/packages

# Where they have programs for root, mkfs.ext4 for one, an ordinary user's path does not lead.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# packages_missing PURPOSE... prints those of these headings.
packages_missing() {
        local package
        awk -v wanted="$*" '
                /^# [a-z]+:/ { purpose = substr($2, 1, length($2) - 1); next }
                { sub(/#.*/, "") }
                NF && index(" " wanted " ", " " purpose " ") { print $1 }
        ' "$PACKAGES_FILE" | while read -r package; do
                dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' ||
                        printf '%s\n' "$package"
        done
}

# packages_install PACKAGE... as root, else through sudo.
packages_install() {
        (($#)) || return 0
        packages_as_root apt-get -q update || return
        packages_as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get -q install -y --no-install-recommends "$@"
}

packages_as_root() {
        if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}
