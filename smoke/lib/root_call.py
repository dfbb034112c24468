# Calls of a varlink method over a Unix socket, for scenarios: keeps the descriptors that come back.
# Not our own client, so that what the helper refuses is not refused before it is asked.
import array
import json
import socket

ROOT = "/run/banger-root/bangerd-root.sock"


class Refused(Exception):
    pass


class Connection:
    def __init__(self, address=ROOT):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, parameters=None, fds=()):
        request = json.dumps({"method": method, "parameters": parameters or {}}).encode() + b"\0"
        if fds:
            sent = socket.send_fds(self.socket, [request], list(fds))
            assert sent == len(request), "sent in part"
        else:
            self.socket.sendall(request)

    def receive(self):
        """The reply's parameters and its descriptors; Refused with the error's name and message."""
        data, fds = b"", array.array("i")
        while not data.endswith(b"\0"):
            chunk, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(16))
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


def call(method, parameters=None, address=ROOT, fds=()):
    """One call on a connection of its own."""
    with Connection(address) as connection:
        connection.send(method, parameters, fds)
        return connection.receive()
