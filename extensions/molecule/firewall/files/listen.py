# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer on the ports that are probed, IPv4 and IPv6, with the port's number."""

import selectors
import socket

TCP = (53, 80, 443, 8443)
UDP = (53, 5353)

ready = selectors.DefaultSelector()
for kind, ports in ((socket.SOCK_STREAM, TCP), (socket.SOCK_DGRAM, UDP)):
    for port in ports:
        each = socket.socket(socket.AF_INET6, kind)
        each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            each.listen()
        ready.register(each, selectors.EVENT_READ, (kind, port))
while True:
    for key, _events in ready.select():
        kind, port = key.data
        if kind == socket.SOCK_STREAM:
            connection, _address = key.fileobj.accept()
            with connection:
                connection.sendall(str(port).encode())
        else:
            _data, address = key.fileobj.recvfrom(100)
            key.fileobj.sendto(str(port).encode(), address)
