# A file system of FUSE that does not answer, for scenarios: mute_fuse.py DIRECTORY [FILE]
# Mounted on DIRECTORY as any user may, for everybody; says "mounted". Without FILE nothing in it is ever
# answered, not even what the mount itself asks; with it, FILE can be opened, and its closing is answered to
# none but its owner.
# The protocol is Linux's include/uapi/linux/fuse.h, 7.31.
import array
import os
import socket
import struct
import subprocess
import sys
import time

LOOKUP, GETATTR, OPEN, FLUSH, INIT = 1, 3, 14, 25, 26
ROOT, FILE = 1, 2
YEAR_S = 365 * 24 * 3600


def mount(directory):
    """/dev/fuse of a mount that fusermount3 made, as libfuse gets it."""
    ours, theirs = socket.socketpair()
    subprocess.run(["fusermount3", "-o", "rw,nosuid,nodev,allow_other,default_permissions", "--", directory],
                   env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())}, pass_fds=[theirs.fileno()],
                   check=True)
    _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    return array.array("i", ancillary[0][2])[0]


def attributes(node):
    mode, links = (0o40755, 2) if node == ROOT else (0o100666, 1)
    return struct.pack("<6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, links, os.getuid(), os.getgid(), 0, 4096, 0)


def answer(operation, node, uid):
    """The reply's body, or None for silence."""
    if operation == INIT:
        return struct.pack("<4I2H2I2H8I", 7, 31, 65536, 0, 12, 9, 65536, 1, 16, 0, *[0] * 8)
    if operation == GETATTR:
        return struct.pack("<Q2I", YEAR_S, 0, 0) + attributes(node)
    if operation == LOOKUP:
        return struct.pack("<4Q2I", FILE, 0, YEAR_S, YEAR_S, 0, 0) + attributes(FILE)
    if operation == OPEN:
        return struct.pack("<Q2I", 0, 0, 0)
    if operation == FLUSH and uid == os.getuid():
        return b""
    return None


directory, name = sys.argv[1], sys.argv[2:]
device = mount(directory)
print("mounted", flush=True)
while not name:
    time.sleep(60)
while True:
    request = os.read(device, 1 << 20)
    _, operation, unique, node, uid = struct.unpack_from("<IIQQI", request)
    body = answer(operation, node, uid)
    if body is not None:
        os.write(device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
