# The helper's verbs that change something: from which state each is called, and what undoes it.
import os
import pty
import pwd
import shutil
import stat
import time

import fault_state
import root_call

SLOT = 77
SIZE_MIB = 64
# WORK_DISK_TAIL_BYTES: what a work disk's file has beside its device.
WORK_BYTES = SIZE_MIB * 1048576 + 4096


class Host:
    """The VM that all is done to; its files are made here, as bangerd makes them."""

    def __init__(self, vm, image, kernel, owner):
        self.vm, self.image, self.kernel = vm, image, kernel
        self.owner = pwd.getpwnam(owner)
        self.directory = f"{fault_state.STATE}/vms/{vm}"
        self.jail = f"{fault_state.STATE}/jails/firecracker/{vm}/root"
        self.attachment = {"vm": vm, "image": image, "work": True}
        self.slotted = {"vm": vm, "slot": SLOT}
        self.only = {"vm": vm}
        self.machine = {**self.slotted, "vcpus": 1, "memory_mib": 128}
        self.killing = {**self.only, "signal": "kill", "timeout_ms": 20000}
        self.masters = []

    def make_files(self):
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        os.chown(self.directory, self.owner.pw_uid, self.owner.pw_gid)
        self.make_file("work.img", WORK_BYTES)
        self.fresh_changes()

    def make_file(self, name, size):
        path = f"{self.directory}/{name}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            os.ftruncate(file.fileno(), size)
            os.fchown(file.fileno(), self.owner.pw_uid, self.owner.pw_gid)

    def fresh_changes(self):
        """As at a VM's first start: the owner's."""
        if os.path.lexists(f"{self.directory}/root.cow"):
            os.unlink(f"{self.directory}/root.cow")
        self.make_file("root.cow", SIZE_MIB * 1048576)

    def remove_files(self):
        shutil.rmtree(self.directory)

    def call(self, verb, parameters=None):
        """For what is on the way: without descriptors."""
        reply, fds = root_call.call(f"io.banger.Root.{verb}", parameters)
        for fd in fds:
            os.close(fd)
        return reply

    def network(self):
        return {
            "guests": [{"vm": self.vm, "slot": SLOT, "nat": True}],
            "forwards": [
                {"vm": self.vm, "protocol": "tcp", "host_port": 18080, "guest_port": 80},
                {"vm": self.vm, "protocol": "udp", "address": "0.0.0.0", "host_port": 18081,
                 "guest_port": 53},
            ],
        }

    def stdio(self):
        """A terminal and a pipe. Their other ends stay open: a hangup is another test."""
        master, slave = pty.openpty()
        reading, writing = os.pipe()
        self.masters += [master, reading]
        return [slave, writing]

    def launch(self):
        self.call("JailRemove", self.only)
        self.call("JailMake", {**self.slotted, "kernel": self.kernel})
        fds = self.stdio()
        root_call.call("io.banger.Root.Launch", self.machine, fds=fds)
        for fd in fds:
            os.close(fd)
        self.await_vmm()

    def await_vmm(self):
        """It is up, and what it makes in its jail is there."""
        deadline = time.monotonic() + 30
        while not os.path.exists(f"{self.jail}/run/firecracker.socket"):
            if time.monotonic() > deadline:
                raise SystemExit("the VMM has no API socket")
            time.sleep(0.02)

    def clear(self):
        """Whatever there is, of a run that was broken off too."""
        self.end()
        self.call("JailRemove", self.only)
        self.call("DiskDetach", self.only)
        self.fresh_changes()
        self.call("TapDelete", self.only)
        self.call("BridgeRemove")

    def end(self):
        self.call("Stop", self.killing)
        self.call("Reap", self.only)
        for fd in self.masters:
            os.close(fd)
        self.masters = []


class Verb:
    """enter() leads from nothing to the state that it is called in, undo() from whatever it has
    left back to that, leave() from that to nothing."""

    name = ""
    label = ""  # what is special about it
    slow = ()  # what fault_state can tell beside, where it matters
    cleans = True  # undo() does not begin with the verb itself

    def __init__(self, host):
        self.host = host
        self.held = []

    def parameters(self):
        return {}

    def stdio(self):
        return []

    def keep(self, fds):
        for fd in fds:
            os.close(fd)

    def keep_nothing(self):
        for fd in self.held:
            os.close(fd)
        self.held = []

    def ripen(self):
        """Waits for what comes after the reply."""

    def same(self, first, again):
        return first == again

    def may_refuse(self, error):  # when it is called again
        return False


class BridgeEnsure(Verb):
    name = "BridgeEnsure"
    slow = (fault_state.network,)

    def enter(self):
        pass

    def undo(self):
        self.host.call("BridgeRemove")

    leave = undo


class BridgeRemove(Verb):
    """With guests that are routed, so that there is all to be put back."""

    name = "BridgeRemove"
    slow = (fault_state.network,)

    def enter(self):
        self.host.call("BridgeEnsure")
        self.host.call("NetworkSet", self.host.network())

    undo = enter

    def leave(self):
        self.host.call("BridgeRemove")


class ResolverSet(Verb):
    name = "ResolverSet"
    slow = (fault_state.network, fault_state.resolver)

    def enter(self):
        self.host.call("BridgeEnsure")
        # It leaves the link without what narrows it only if it was never set.
        self.host.call("ResolverSet")
        self.host.call("ResolverClear")

    def undo(self):
        self.host.call("ResolverClear")

    def leave(self):
        self.host.call("BridgeRemove")


class ResolverClear(ResolverSet):
    name = "ResolverClear"

    def enter(self):
        self.host.call("BridgeEnsure")
        self.host.call("ResolverSet")

    def undo(self):
        self.host.call("ResolverSet")


class TapCreate(Verb):
    name = "TapCreate"
    slow = (fault_state.network,)

    def parameters(self):
        return self.host.slotted

    def enter(self):
        self.host.call("BridgeEnsure")

    def undo(self):
        self.host.call("TapDelete", self.host.only)

    def leave(self):
        self.host.call("BridgeRemove")


class TapDelete(Verb):
    name = "TapDelete"
    slow = (fault_state.network,)

    def parameters(self):
        return self.host.only

    def enter(self):
        self.host.call("BridgeEnsure")
        self.host.call("TapCreate", self.host.slotted)

    undo = enter

    def leave(self):
        self.host.call("TapDelete", self.host.only)
        self.host.call("BridgeRemove")


class NetworkSet(Verb):
    name = "NetworkSet"
    slow = (fault_state.network,)

    def parameters(self):
        return self.host.network()

    def enter(self):
        self.host.call("BridgeEnsure")
        self.host.call("TapCreate", self.host.slotted)

    def undo(self):
        self.host.call("NetworkSet")

    def leave(self):
        self.host.call("TapDelete", self.host.only)
        self.host.call("BridgeRemove")


class NetworkSetNobody(NetworkSet):
    label = " nobody"

    def parameters(self):
        return {}

    def enter(self):
        super().enter()
        self.undo()

    def undo(self):
        self.host.call("NetworkSet", self.host.network())


class DiskAttach(Verb):
    """At a VM's first start each time: root.cow is taken over."""

    name = "DiskAttach"

    def parameters(self):
        return self.host.attachment

    def enter(self):
        pass

    def undo(self):
        self.host.call("DiskDetach", self.host.only)
        self.host.fresh_changes()

    leave = undo


class DiskDetach(Verb):
    name = "DiskDetach"

    def parameters(self):
        return self.host.only

    def enter(self):
        self.host.call("DiskAttach", self.host.attachment)

    undo = enter

    def leave(self):
        self.host.call("DiskDetach", self.host.only)
        self.host.fresh_changes()


class DiskGrow(DiskAttach):
    """There is no way back; that the disk can be used comes closest."""

    name = "DiskGrow"

    def parameters(self):
        return {**self.host.only, "cow_mib": 2 * SIZE_MIB}

    def undo(self):
        self.host.call("DiskAttach", self.host.attachment)
        super().undo()

    leave = undo


class DiskOpen(DiskAttach):
    """The descriptors are kept: with the last one all is gone."""

    name = "DiskOpen"

    def parameters(self):
        return {"vm": self.host.vm, "image": self.host.image}

    def keep(self, fds):
        assert len(fds) == 1, fds
        assert os.pread(fds[0], 2, 1024 + 0x38) == b"\x53\xef", "no ext4"
        self.held += fds

    def undo(self):
        self.keep_nothing()
        super().undo()

    leave = undo


class JailMake(Verb):
    name = "JailMake"

    def parameters(self):
        return {**self.host.slotted, "kernel": self.host.kernel}

    def enter(self):
        self.host.call("DiskAttach", self.host.attachment)

    def undo(self):
        self.host.call("JailRemove", self.host.only)

    def leave(self):
        self.undo()
        self.host.call("DiskDetach", self.host.only)
        self.host.fresh_changes()


class JailRemove(JailMake):
    name = "JailRemove"

    def parameters(self):
        return self.host.only

    def enter(self):
        super().enter()
        self.undo()

    def undo(self):
        self.host.call("JailMake", {**self.host.slotted, "kernel": self.host.kernel})

    def leave(self):
        self.host.call("JailRemove", self.host.only)
        self.host.call("DiskDetach", self.host.only)
        self.host.fresh_changes()


class Launch(Verb):
    """Not to be asked for twice: its terminal and its pipe are another's by then. Whoever does not
    know if it was made ends the VM, which undo() does, and begins anew."""

    name = "Launch"

    def parameters(self):
        return self.host.machine

    def stdio(self):
        return self.host.stdio()

    def enter(self):
        self.host.call("BridgeEnsure")
        self.host.call("TapCreate", self.host.slotted)
        self.host.call("DiskAttach", self.host.attachment)
        self.host.call("JailMake", {**self.host.slotted, "kernel": self.host.kernel})

    def ripen(self):
        self.host.await_vmm()

    def may_refuse(self, error):
        return "is running" in str(error)

    def undo(self):
        self.host.end()
        self.host.call("JailRemove", self.host.only)
        self.host.call("JailMake", {**self.host.slotted, "kernel": self.host.kernel})

    def leave(self):
        self.host.clear()


class Sockets(Launch):
    """What it does is undone with the jail; here by hand, so that one VM serves for all points."""

    name = "Sockets"
    cleans = False

    def parameters(self):
        return {**self.host.slotted, "socket": "api", "timeout_ms": 20000}

    def stdio(self):
        return []

    def enter(self):
        super().enter()
        self.host.launch()
        self.path = f"{self.host.jail}/run/firecracker.socket"
        self.first = os.lstat(self.path)

    def undo(self):
        os.chown(self.path, self.first.st_uid, self.first.st_gid)
        os.chmod(self.path, stat.S_IMODE(self.first.st_mode))

    def may_refuse(self, error):
        return False


class Stop(Launch):
    name = "Stop"
    cleans = False

    def parameters(self):
        return self.host.killing

    def stdio(self):
        return []

    def enter(self):
        super().enter()
        self.host.launch()

    def ripen(self):
        pass

    def undo(self):
        self.host.end()
        self.host.launch()

    def may_refuse(self, error):
        return False


class Reap(Stop):
    """What it tells once is forgotten then: a second call may find no unit."""

    name = "Reap"

    def parameters(self):
        return self.host.only

    def enter(self):
        super().enter()
        self.host.call("Stop", self.host.killing)

    def same(self, first, again):
        return again in (first, {"state": "absent"})

    def undo(self):
        super().undo()
        self.host.call("Stop", self.host.killing)


ALL = [
    BridgeEnsure, BridgeRemove, ResolverSet, ResolverClear, TapCreate, TapDelete, NetworkSet,
    NetworkSetNobody, DiskAttach, DiskDetach, DiskGrow, DiskOpen, JailMake, JailRemove, Launch,
    Sockets, Stop, Reap,
]
