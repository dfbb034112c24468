#!/usr/bin/python3
"""malformed.py SOCKET METHOD strict|lenient: what a server does with bad Varlink.

Runs in the host as the owner. Each case has a connection of its own and allowed
outcomes: `closed`, `reply`, or an error's last word. After each, a well-formed
call must work. `strict` is the helper: it refuses what the daemon may ignore.
"""
import array
import json
import socket
import sys
import time

PATH, METHOD, MODE = sys.argv[1:]
STRICT = MODE == "strict"
TIMEOUT_S = 20
CALL = json.dumps({"method": METHOD}).encode()
PARAMETER = {"InvalidParameter"}
REFUSED = {"closed"} | PARAMETER
LENIENT = set() if STRICT else {"reply"}


def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_S)
    connection.connect(PATH)
    return connection


def read_message(connection):
    data = b""
    while not data.endswith(b"\0"):
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return "closed"
        except socket.timeout:
            return "hung"
        if not piece:
            return "closed"
        data += piece
    # Only the first: a case sends one message that counts.
    message = json.loads(data.split(b"\0")[0])
    if "error" in message:
        return message["error"].rsplit(".", 1)[-1]
    return "reply"


def send(connection, data):
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    except socket.timeout:
        return "hung"
    return read_message(connection)


def outcome(data, descriptors=0, end=False):
    with connect() as connection:
        if descriptors:
            fds = array.array("i", [0] * descriptors)
            connection.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            return read_message(connection)
        if end:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return read_message(connection)
        return send(connection, data)


def call(**members):
    return json.dumps({"method": METHOD, **members}).encode() + b"\0"


def member(text):
    return CALL[:-1] + b", " + text + b"}\0"


def description(parameters):
    return json.dumps({"method": "org.varlink.service.GetInterfaceDescription",
                       "parameters": parameters}).encode() + b"\0"


def endless():
    """Bytes without a NUL, until the server has had enough."""
    with connect() as connection:
        sent = 0
        try:
            while sent < 64 << 20:
                connection.sendall(b'{"a":"' + b"x" * 65536)
                sent += 65536
        except (BrokenPipeError, ConnectionResetError):
            return "closed"
        except socket.timeout:
            return "hung"
    return f"took {sent} bytes"


def pipelined():
    """Two calls in one write are answered in order; a oneway call is not."""
    with connect() as connection:
        connection.sendall(call(oneway=True) + call() + CALL + b"\0")
        data = b""
        while data.count(b"\0") < 2:
            piece = connection.recv(65536)
            if not piece:
                return "closed"
            data += piece
        connection.settimeout(0.5)
        try:
            data += connection.recv(65536)
        except socket.timeout:
            pass
    return "reply" if data.count(b"\0") == 2 else f"{data.count(b'0')} replies"


def slowly():
    with connect() as connection:
        for byte in CALL + b"\0":
            connection.sendall(bytes([byte]))
        return read_message(connection)


def left_half_way():
    for _ in range(20):
        with connect() as connection:
            connection.sendall(CALL[:10])
    return "closed"


CASES = [
    ("well formed", lambda: outcome(CALL + b"\0"), {"reply"}),
    ("byte by byte", slowly, {"reply"}),
    ("pipelined and oneway", pipelined, {"reply"}),
    ("left half way", left_half_way, {"closed"}),
    ("not JSON", lambda: outcome(b"hello\0"), REFUSED),
    ("an HTTP request", lambda: outcome(b"GET / HTTP/1.1\r\n\r\n\0"), REFUSED),
    ("an empty message", lambda: outcome(b"\0"), REFUSED),
    ("no NUL, then the end", lambda: outcome(CALL, end=True), REFUSED),
    ("endless", endless, {"closed"}),
    ("one large string", lambda: outcome(call(parameters={"a": "x" * (8 << 20)})), REFUSED),
    ("too deep in arrays", lambda: outcome(b"[" * 5000 + b"]" * 5000 + b"\0"), REFUSED),
    ("too deep in objects", lambda: outcome(member(b'"parameters": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000)), REFUSED),
    ("an array", lambda: outcome(b"[]\0"), REFUSED),
    ("a string", lambda: outcome(b'"x"\0'), REFUSED),
    ("null", lambda: outcome(b"null\0"), REFUSED),
    ("cut short", lambda: outcome(CALL[:-1] + b"\0"), REFUSED),
    ("trailing bytes", lambda: outcome(CALL + b"x\0"), REFUSED),
    ("two objects", lambda: outcome(CALL + CALL + b"\0"), REFUSED),
    ("single quotes", lambda: outcome(CALL.replace(b'"', b"'") + b"\0"), REFUSED),
    ("NaN", lambda: outcome(member(b'"parameters": {"a": NaN}')), REFUSED),
    ("invalid UTF-8", lambda: outcome(member(b'"parameters": {"a": "\xff\xfe"}')), REFUSED),
    ("a lone surrogate", lambda: outcome(member(b'"parameters": {"a": "\\ud800"}')), REFUSED),
    ("a comment", lambda: outcome(member(b'/* */ "more": false')), REFUSED),
    ("no method", lambda: outcome(b"{}\0"), REFUSED),
    ("method of a wrong type", lambda: outcome(b'{"method": 5}\0'), REFUSED),
    ("method with a NUL in it", lambda: outcome(b'{"method": "io.banger.System\\u0000.GetStatus"}\0'),
     REFUSED | {"MethodNotFound", "InterfaceNotFound"}),
    ("method without a dot", lambda: outcome(b'{"method": "GetStatus"}\0'),
     REFUSED | {"MethodNotFound", "InterfaceNotFound"}),
    ("parameters of a wrong type", lambda: outcome(call(parameters=[])), REFUSED),
    ("more of a wrong type", lambda: outcome(call(more="yes")), REFUSED),
    ("a duplicate key", lambda: outcome(member(b'"method": "' + METHOD.encode() + b'"')), REFUSED),
    ("a duplicate parameter", lambda: outcome(
        b'{"method": "org.varlink.service.GetInterfaceDescription", "parameters": '
        b'{"interface": "org.varlink.service", "interface": "org.varlink.service"}}\0'), REFUSED),
    ("an unknown member", lambda: outcome(call(bogus=1)), REFUSED | LENIENT),
    ("an unknown parameter", lambda: outcome(call(parameters={"bogus": 1})), PARAMETER),
    ("no such method", lambda: outcome(CALL.replace(b'"}', b'Nix"}') + b"\0"), {"MethodNotFound"}),
    ("no such interface", lambda: outcome(b'{"method": "io.example.Nothing.Do"}\0'), {"InterfaceNotFound"}),
    ("a missing parameter", lambda: outcome(description({})), PARAMETER),
    ("a parameter of a wrong type", lambda: outcome(description({"interface": 7})), PARAMETER),
    ("an unknown interface", lambda: outcome(description({"interface": "io.example.Nothing"})),
     {"InterfaceNotFound"} | PARAMETER),
    ("one descriptor too many", lambda: outcome(CALL + b"\0", descriptors=1), REFUSED | {"reply"}),
    ("descriptors by the hundred", lambda: outcome(CALL + b"\0", descriptors=250), REFUSED | {"reply"}),
]


def main():
    wrong = []
    for name, case, allowed in CASES:
        began = time.monotonic()
        got = case()
        alive = outcome(CALL + b"\0")
        verdict = "ok" if got in allowed and alive == "reply" else "WRONG"
        print(f"{verdict:5} {name}: {got} ({time.monotonic() - began:.1f} s)"
              + ("" if alive == "reply" else f"; afterwards: {alive}"), flush=True)
        if verdict != "ok":
            wrong.append(f"{name}: {got}")
    if wrong:
        print("wrong: " + "; ".join(wrong))
    sys.exit(bool(wrong))


main()
