# SPDX-License-Identifier: GPL-3.0-or-later
"""Unbound, the CA's resolver: asks the authoritative servers in turn and remembers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .plan import Plan
from .process import Server
from .programs import program
from .query import txt_values


class Unbound(Server):
    """A resolver for the lab's zones only; a record missing on one server fails some validations, as in life."""

    def __init__(self, plan: Plan, lab_folder: Path) -> None:
        super().__init__("unbound", lab_folder)
        self.plan = plan

    def configure(self) -> None:
        """Write unbound.conf."""
        (self.folder / "unbound.conf").write_text(self._configuration(), encoding="ascii")

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("unbound"), "-d", "-c", str(self.folder / "unbound.conf")]

    def is_ready(self) -> bool:
        """Whether it takes a query over TCP."""
        txt_values(self.plan.address("unbound"), self.plan.resolver_port, "ready.invalid")
        return True

    def _configuration(self) -> str:
        return f"""\
server:
    interface: {self.plan.address("unbound")}@{self.plan.resolver_port}
    access-control: 127.0.0.0/8 allow
    username: ""
    chroot: ""
    directory: "{self.folder}"
    pidfile: ""
    do-daemonize: no
    use-syslog: no
    logfile: ""
    verbosity: 1
    num-threads: 1
    incoming-num-tcp: 1000
    num-queries-per-thread: 2048
    outgoing-range: 4096
    # Where the kernel would take them from, so that no server of a lab finds its port taken.
    outgoing-port-avoid: 0-32767
    module-config: "iterator"
    do-ip6: no
    do-not-query-localhost: no
    qname-minimisation: no
    harden-below-nxdomain: no
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
    # Nothing outside the lab is asked, whatever the name.
    local-zone: "." static
{"".join(f'    local-zone: "{zone}." transparent{chr(10)}' for zone in self.plan.options.zones)}
{"".join(f'    local-zone: "{name}" static{chr(10)}' for name in self.plan.options.unseen)}
remote-control:
    control-enable: no
""" + "".join(map(self._stub, self.plan.options.zones))

    def _stub(self, zone: str) -> str:
        addresses = "".join(
            f"    stub-addr: {responder.address}@{responder.port}\n"
            for responder in self.plan.responders
            if responder.name in self.plan.options.asked
        )
        return f'stub-zone:\n    name: "{zone}"\n    stub-no-cache: yes\n{addresses}'
