#!/usr/bin/python3
"""flood.py SOCKET [CONNECTIONS FILE]: the helper's callers at their worst.

Runs in the host as the owner. Without CONNECTIONS: many requests on one connection,
clients that stall, and requests at and past the cap. With them: so many connections that
say nothing, until FILE is gone; some have sent a descriptor whose close takes very long, and
some of these have left. Prints what came of each; 1 if it is not what should.
"""
import json
import os
import resource
import select
import socket
import struct
import sys
import threading
import time

PATH = sys.argv[1]
PING = json.dumps({"method": "io.banger.Root.Ping"}).encode()
REQUESTS = 10000
CAP = 64 << 10  # varlink_limits_helper
STALL_S = 5  # helper/main.c
PATIENCE_S = 60
SERVED = 56  # helper/main.c: sessions_max - sessions_reserved
LINGERING = 20


def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    connection.connect(PATH)
    return connection


def replies(connection, wanted):
    """How many came before the end; an error ends it too."""
    n, rest = 0, b""
    try:
        while n < wanted:
            data = connection.recv(65536)
            if not data:
                break
            *whole, rest = (rest + data).split(b"\0")
            for message in whole:
                if "error" in json.loads(message):
                    return n
                n += 1
    except ConnectionResetError:
        pass
    return n


def ping():
    with connect() as connection:
        connection.sendall(PING + b"\0")
        return replies(connection, 1) == 1


def pipelined():
    with connect() as connection:
        sender = threading.Thread(target=connection.sendall, args=((PING + b"\0") * REQUESTS,))
        sender.start()
        n = replies(connection, REQUESTS)
        sender.join()
        return n == REQUESTS, f"{n} of {REQUESTS} answered"


def unread():
    """Whoever does not read is not waited for."""
    with connect() as connection:
        try:
            for _ in range(REQUESTS):
                connection.sendall(PING + b"\0")
        except (BrokenPipeError, ConnectionResetError):
            return True, "cut off"
    return False, "all of it taken"


def cut_off(connection, trickle):
    """After how many seconds half a request is given up."""
    began = time.monotonic()
    connection.sendall(PING[:10])
    while time.monotonic() - began < PATIENCE_S:
        try:
            if trickle:
                connection.sendall(b" ")
            if select.select([connection], [], [], 0.5)[0] and not connection.recv(4096):
                break
        except (BrokenPipeError, ConnectionResetError):
            break
    return time.monotonic() - began


def stalled(trickle):
    with connect() as connection:
        alive = []
        other = threading.Thread(target=lambda: alive.append(ping()))
        other.start()
        seconds = cut_off(connection, trickle)
        other.join()
    fine = STALL_S - 1 < seconds < PATIENCE_S and alive == [True]
    return fine, f"cut off after {seconds:.0f} s, others served: {alive}"


def sized(size, wanted):
    with connect() as connection:
        try:
            connection.sendall(PING + b" " * (size - len(PING)) + b"\0")
        except (BrokenPipeError, ConnectionResetError):
            pass
        n = replies(connection, 1)
        return n == wanted, f"{n} answered"


CASES = [
    ("10,000 requests at once", pipelined),
    ("10,000 requests whose answers nobody reads", unread),
    ("a client that stalls half-way", lambda: stalled(False)),
    ("one that sends a byte now and then", lambda: stalled(True)),
    ("a request of the largest size", lambda: sized(CAP, 1)),
    ("one byte more", lambda: sized(CAP + 1, 0)),
    ("sixteen times that", lambda: sized(CAP * 16, 0)),
]


def run_cases():
    wrong = []
    for name, case in CASES:
        began = time.monotonic()
        fine, what = case()
        alive = ping()
        print(f"{'ok' if fine and alive else 'WRONG':5} {name}: {what} "
              f"({time.monotonic() - began:.1f} s)", flush=True)
        if not fine or not alive:
            wrong.append(name)
    if wrong:
        print("wrong: " + "; ".join(wrong))
    return not wrong


def make_lingering(listener):
    """A TCP socket whose close waits for its peer to read; and that peer."""
    lingering = socket.socket()
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1000))
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    lingering.connect(listener.getsockname())
    peer = listener.accept()[0]
    lingering.setblocking(False)
    try:
        while lingering.send(bytes(4096)):
            pass
    except BlockingIOError:
        pass
    return lingering, peer


def send_lingering(listener, get_connection):
    """Leaves the only copy in the connection; returns that and the peer."""
    lingering, peer = make_lingering(listener)
    with lingering:
        connection = get_connection()
        try:
            socket.send_fds(connection, [PING[:1]], [lingering.fileno()])
        except BrokenPipeError:
            pass
    return connection, peer


def hold(n_connections, path):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    connections = [connect() for _ in range(n_connections)]
    # Of those who wait for a session, and who leave; and of those who are turned away.
    peers = []
    for _ in range(LINGERING):
        connection, peer = send_lingering(listener, lambda: connections.pop(SERVED + 10))
        connection.close()
        peers.append(peer)
    for _ in range(LINGERING):
        connection, peer = send_lingering(listener, connect)
        connections.append(connection)
        peers.append(peer)
    waiting = {connection.fileno(): connection for connection in connections}
    poller = select.poll()
    for descriptor in waiting:
        poller.register(descriptor, select.POLLIN)
    print(f"holding {len(waiting)}, and {len(peers)} descriptors that linger", flush=True)
    n_cut = 0
    while os.path.exists(path):
        for descriptor, _ in poller.poll(500):
            poller.unregister(descriptor)
            waiting.pop(descriptor).close()
            n_cut += 1
            if n_cut == 1:
                print("cut off: the first", flush=True)
    for connection in waiting.values():
        connection.close()
    began = time.monotonic()
    alive = ping()
    print(f"{n_cut} were cut off; "
          f"served {time.monotonic() - began:.1f} s after the others left: {alive}")
    return alive


if len(sys.argv) > 2:
    sys.exit(not hold(int(sys.argv[2]), sys.argv[3]))
sys.exit(not run_cases())
