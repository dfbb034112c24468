# One call of a varlink method over a Unix socket, for scenarios: keeps the descriptors that come back.
# Not our own client, so that what the helper refuses is not refused before it is asked.
import array
import json
import socket

ROOT = "/run/banger-root/bangerd-root.sock"


class Refused(Exception):
    pass


def call(method, parameters=None, address=ROOT):
    """The reply's parameters and its descriptors; Refused with the error's name and message."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(address)
        request = {"method": method, "parameters": parameters or {}}
        client.sendall(json.dumps(request).encode() + b"\0")
        data, fds = b"", array.array("i")
        while not data.endswith(b"\0"):
            chunk, ancillary, _, _ = client.recvmsg(65536, socket.CMSG_SPACE(16))
            if not chunk:
                raise ConnectionError("cut off")
            data += chunk
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(value)
    reply = json.loads(data[:-1])
    if "error" in reply:
        raise Refused(f"{reply['error']}: {reply.get('parameters', {}).get('message')}")
    return reply.get("parameters", {}), list(fds)
