# What the helper and the host itself say of banger's objects, as lines that two runs share: without
# numbers that the kernel hands out and without counts of packets.
import collections
import os
import re
import stat
import subprocess

import root_call

STATE = "/var/lib/banger"
BRIDGE = "br-banger"  # unless banger.conf says otherwise


def read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return "-"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def inventory():
    for entry in root_call.call("io.banger.Root.Inventory")[0]["entries"]:
        name, detail = entry["name"], entry.get("detail", "")
        if entry["kind"] == "loop":
            name, detail = "loop", re.sub(r"inode \d+", "", detail)
        # udev may have one open for a moment; a link is up some time after it was set up.
        detail = re.sub(r"^dm-\d+|, (?:not )?open$", "", detail)
        detail = re.sub(r"\d+ packets, \d+ bytes", "", detail)
        if entry["kind"] == "link":
            detail = detail.split(",")[0]
        yield f"inventory {entry['kind']} {name} {entry.get('vm', '')} {detail}"


def links():
    for name in sorted(os.listdir("/sys/class/net")):
        base = f"/sys/class/net/{name}"
        alias = read(f"{base}/ifalias")
        if name != BRIDGE and not name.startswith("bgr-") and not alias.startswith("banger"):
            continue
        yield " ".join([
            f"link {name}", alias, f"up {int(read(f'{base}/flags'), 16) & 1}",
            os.path.basename(os.path.realpath(f"{base}/master")), read(f"{base}/tun_flags"),
            read(f"{base}/owner"), "isolated", read(f"{base}/brport/isolated"),
            "no-ipv6", read(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"),
            "localnet", read(f"/proc/sys/net/ipv4/conf/{name}/route_localnet"),
        ])


def devices():
    for name in os.listdir("/sys/block"):
        base = f"/sys/block/{name}"
        if name.startswith("dm-"):
            yield f"dm {read(f'{base}/dm/name')} {read(f'{base}/dm/uuid')} {read(f'{base}/size')}"
        elif os.path.exists(f"{base}/loop"):
            yield f"loop {read(f'{base}/size')} ro {read(f'{base}/ro')}"


def jails():
    for directory, _, names in os.walk(f"{STATE}/jails"):
        for path in [directory] + [os.path.join(directory, name) for name in names]:
            if path.endswith(("/.lock", "/.network")):
                continue
            st = os.lstat(path)
            yield f"jail {path} {stat.filemode(st.st_mode)} {st.st_uid}:{st.st_gid}"


def files(vm):
    for directory in f"vms/{vm}", "images":
        for name in os.listdir(f"{STATE}/{directory}"):
            st = os.lstat(f"{STATE}/{directory}/{name}")
            yield (f"file {directory}/{name} {stat.filemode(st.st_mode)} {st.st_uid}:{st.st_gid}"
                   f" {st.st_size} names {st.st_nlink}")


def network():
    for line in output("ip", "-br", "-4", "address").splitlines():
        if line.startswith(BRIDGE):
            fields = line.split()
            yield f"address {fields[0]} {' '.join(fields[2:])}"
    rules = re.sub(r"packets \d+ bytes \d+", "", output("nft", "list", "ruleset"))
    yield from (f"nft {number} {line}" for number, line in enumerate(rules.splitlines()))


def resolver():
    for line in output("resolvectl", "status", BRIDGE).splitlines():
        if "Current Scopes" not in line and not line.startswith("Link"):
            yield f"resolver {line.strip()}"


def forwarding():
    yield f"ip_forward {read('/proc/sys/net/ipv4/ip_forward')}"


def mounts():
    for line in read("/proc/self/mountinfo").splitlines():
        if STATE in line:
            yield f"mount {line.split()[4]}"


def units():
    path = "/sys/fs/cgroup/banger.slice"
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if name.startswith("banger-vm-"):
            yield f"unit {name} {'runs' if read(f'{path}/{name}/cgroup.procs') else 'empty'}"


def look(vm, slow):
    """All of it; of what a program has to be asked for, only what matters."""
    host = [*links(), *devices(), *jails(), *files(vm), *forwarding(), *mounts(), *units()]
    return sorted([*inventory(), *host, *(line for source in slow for line in source())])


def difference(wanted, found):
    wanted, found = collections.Counter(wanted), collections.Counter(found)
    return [f"- {line}" for line in wanted - found] + [f"+ {line}" for line in found - wanted]
