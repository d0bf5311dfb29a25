# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which of the ports of some addresses answer: python3 probe.py ADDRESS... prints "tcp 80" and so on."""

import socket
import sys

TCP = (53, 80, 443, 8443)
UDP = (53, 5353)


def answers(address, kind, port):
    """Whether there is an answer within a time that is long for one network."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as each:
        each.settimeout(1)
        try:
            each.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                each.send(b"?")
            return each.recv(100) == str(port).encode()
        except OSError:
            return False


found = [
    {
        f"{name} {port}"
        for name, kind, ports in (("tcp", socket.SOCK_STREAM, TCP), ("udp", socket.SOCK_DGRAM, UDP))
        for port in ports
        if answers(address, kind, port)
    }
    for address in sys.argv[1:]
]
if any(each != found[0] for each in found):
    sys.exit(f"the addresses differ: {found}")
print(", ".join(sorted(found[0])))
