# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which of the ports of some addresses answer: python3 probe.py ADDRESS... prints "tcp 80" and so on."""

import concurrent.futures
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


def open_ports(address):
    """The ports of the address that answer, as the last line prints them."""
    asked = [("tcp", socket.SOCK_STREAM, port) for port in TCP] + [("udp", socket.SOCK_DGRAM, port) for port in UDP]
    # all at once, for those that are closed take a whole second
    with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
        waiting = {pool.submit(answers, address, kind, port): f"{name} {port}" for name, kind, port in asked}
    return {name for each, name in waiting.items() if each.result()}


found = [open_ports(address) for address in sys.argv[1:]]
if any(each != found[0] for each in found):
    sys.exit(f"the addresses differ: {found}")
print(", ".join(sorted(found[0])))
