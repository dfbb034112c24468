# A call of the helper with strace on the process that serves it: to see its system calls, or to kill
# it before one of them. The helper is the installed one in its own unit and sandbox: a connection has
# a process of its own, which waits for the request when strace takes hold of it from outside.
import os
import re
import subprocess
import tempfile
import time
from typing import NamedTuple

import root_call

HELPER = "bangerd-root"
ATTACH_TIMEOUT_S = 30
# poll and ppoll, by their numbers in asm/unistd_64.h: how /proc/PID/syscall names them.
WAITING = ("7", "271")

# These change nothing outside of the process, or nothing that its end would not undo at once: a
# descriptor closed, a lock let go. A kill before one is a kill before the next that is not here.
INNER = set(
    """access faccessat faccessat2 stat fstat newfstatat lstat statx statfs fstatfs read readv
    pread64 lseek getdents64 readlink readlinkat poll ppoll recvmsg recvfrom getsockopt getsockname
    getpeername getpid gettid getppid getuid geteuid getgid getegid getgroups getrandom uname sysinfo times
    clock_gettime clock_getres gettimeofday brk mmap munmap mremap mprotect madvise rt_sigaction
    rt_sigprocmask rt_sigreturn restart_syscall close close_range dup dup2 dup3 fcntl flock socket
    socketpair connect setsockopt listen epoll_create1 epoll_ctl epoll_wait futex prctl umask setsid
    prlimit64 getrlimit getcwd openat2 memfd_create sched_getaffinity clock_nanosleep nanosleep
    capget name_to_handle_at semop pselect6 select""".split()
)
# Of the others, those that ask only: as strace writes them.
ASKING = re.compile(
    r"nlmsg_type=(?:RTM_GET|NLMSG_DONE|NLMSG_NOOP|NFNL_SUBSYS_NFTABLES<<8\|NFT_MSG_GET|0xa10)|"
    r"^bind\(\d+, \{sa_family=AF_NETLINK|"
    r"^ioctl\(\d+, (?:DM_VERSION|DM_LIST|DM_DEV_STATUS|DM_TABLE_STATUS|LOOP_GET_STATUS|TCGETS)|"
    r"^(?:sendto|sendmsg|write|writev)\(.*(?:AUTH EXTERNAL|NEGOTIATE_UNIX_FD|DBus\.Properties|"
    r"\bs\\0.\\0.\\0\\0\\0(?:Hello|AddMatch|GetLink|Ping)\\0)"
)
CREATES = re.compile(r"\bO_(?:CREAT|TRUNC|TMPFILE)\b")
LINE = re.compile(r"^(\w+)\((.*)$")


class Point(NamedTuple):
    """The n-th call of that name since strace took hold, from 1 as strace's `when=` counts."""

    name: str
    n: int
    line: str


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def find_helper():
    """The process that systemd started; 0 if there is none."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and read(f"/proc/{entry}/comm").strip() == HELPER:
            if read(f"/proc/{entry}/stat").rsplit(") ", 1)[-1].split()[1] == "1":
                return int(entry)
    return 0


helper = 0


def helper_children():
    """The processes that serve a connection."""
    global helper
    if not helper or read(f"/proc/{helper}/comm").strip() != HELPER:
        helper = find_helper()
    return {int(pid) for pid in read(f"/proc/{helper}/task/{helper}/children").split()}


def is_waiting(pid):
    return read(f"/proc/{pid}/syscall").split(" ")[0] in WAITING


def until(condition, what, seconds=ATTACH_TIMEOUT_S):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(0.005)


class Traced:
    """A connection whose process strace holds."""

    def __init__(self, *options):
        before = helper_children()
        self.connection = root_call.Connection()
        self.pid = until(lambda: helper_children() - before, "a process for the connection").pop()
        until(lambda: is_waiting(self.pid), "that it waits for a request")
        self.strace = subprocess.Popen(
            ["strace", "-p", str(self.pid), *options], stderr=subprocess.PIPE, text=True
        )
        line = self.strace.stderr.readline()
        if "attached" not in line:
            raise SystemExit(f"strace: {line.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.socket.close()
        try:
            self.strace.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.strace.terminate()
            self.strace.communicate()


def trace(method, parameters, fds=()):
    """Makes the call. Answers its reply, and the lines of strace from the request to the reply."""
    with tempfile.NamedTemporaryFile("r", prefix="fault.") as file:
        with Traced("-s", "400", "-o", file.name) as traced:
            traced.connection.send(method, parameters, fds)
            reply = traced.connection.receive()
        return reply, file.read().splitlines()


def points(lines, all_calls=False):
    """Where to kill: before each call that could change something and before that which sends the
    reply, or before every call."""
    counts, found, client = {}, [], None
    for line in lines:
        match = LINE.match(line)
        if not match:
            continue
        name, rest = match.groups()
        counts[name] = counts.get(name, 0) + 1
        if client is None:
            if name in ("recvmsg", "read", "recvfrom"):
                client = rest.split(",")[0]
            continue
        point = Point(name, counts[name], line)
        replies = name in ("sendmsg", "sendto", "write") and rest.split(",")[0] == client
        if all_calls or replies or could_change(point):
            found.append(point)
        if replies:
            return found
    raise SystemExit("no reply in what strace saw")


def could_change(point):
    if point.name in INNER or ASKING.search(point.line):
        return False
    return point.name not in ("open", "openat") or bool(CREATES.search(point.line))


def kill_at(point, method, parameters, fds=()):
    """Makes the call and kills its process at the entry of that system call, which is not made.
    False: it ended without coming there, as a wait that took fewer turns does."""
    with Traced(
        "-o", "/dev/null", "-e", f"trace={point.name}",
        "-e", f"inject={point.name}:signal=SIGKILL:when={point.n}",
    ) as traced:
        traced.connection.send(method, parameters, fds)
        try:
            _, returned = traced.connection.receive()
        except ConnectionError:
            return True
        for fd in returned:
            os.close(fd)
        return False
