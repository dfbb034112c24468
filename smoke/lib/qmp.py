#!/usr/bin/python3
"""qmp.py SOCKET COMMAND [JSON-ARGUMENTS]: one QMP command, its return value out."""
import json
import socket
import sys


def main():
    path, command = sys.argv[1:3]
    arguments = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(path)
        stream = connection.makefile("rw")
        json.loads(stream.readline())
        for execute, values in (("qmp_capabilities", {}), (command, arguments)):
            stream.write(json.dumps({"execute": execute, "arguments": values}) + "\n")
            stream.flush()
            reply = next_reply(stream)
    print(reply if isinstance(reply, str) else json.dumps(reply))


def next_reply(stream):
    for line in stream:
        message = json.loads(line)
        if "error" in message:
            sys.exit(f"qmp: {message['error']['desc']}")
        if "return" in message:
            return message["return"]
    sys.exit("qmp: connection closed")


main()
