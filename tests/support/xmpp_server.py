"""A real XMPP server on the loopback address: Debian's Prosody, with a configuration of its own.

It knows the people of ``xmpp.test``, and has components: the bridge's, and one of somebody else's.
"""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING, Final

import attrs

from tests.support.processes import Child, free_ports
from tests.support.programs import program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PEOPLE: Final = "xmpp.test"
VECHE: Final = "office.xmpp.test"
OTHERS: Final = "others.xmpp.test"
PASSWORD: Final = "of a test"  # noqa: S105
SECRET: Final = "of-the-component"  # noqa: S105
STANZA_BYTES_MAX: Final = 4 << 20
"""Much more than Prosody lets pass by itself, so that a bomb comes to the bridge."""
_CONFIGURATION: Final = """\
daemonize = false
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
s2s_direct_tls_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
component_ports = {{ {component_port} }}
component_interfaces = {{ "127.0.0.1" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "carbons", "offline" }}
modules_disabled = {{ "s2s", "tls" }}
authentication = "internal_hashed"
limits = {{ }}
c2s_stanza_size_limit = {stanza_bytes_max}
log = {{ info = "*stdout" }}
VirtualHost "{people}"
Component "{veche}"
  component_secret = "{secret}"
Component "{others}"
  component_secret = "{secret}"
"""


@attrs.define
class XmppServer:
    """Prosody; start it, and stop it.

    Attributes:
        folder: For its files.
        people: Names before the @ of those who have an account.
        port: For clients.
        component_port: For components.
    """

    folder: Path
    people: Sequence[str]
    port: int = attrs.field(init=False)
    component_port: int = attrs.field(init=False)
    child: Child = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.port, self.component_port = free_ports(2)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "data").mkdir()
        path = self.folder / "prosody.cfg.lua"
        path.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                port=self.port,
                component_port=self.component_port,
                people=PEOPLE,
                veche=VECHE,
                others=OTHERS,
                secret=SECRET,
                stanza_bytes_max=STANZA_BYTES_MAX,
            )
        )
        control = (program("prosodyctl"), "--config", str(path), "register")
        for name in self.people:
            command = (*control, name, PEOPLE, PASSWORD)
            subprocess.run(command, check=True, capture_output=True)
        server = (program("prosody"), "--config", str(path), "-F")
        self.child = Child(server, self.folder, self.folder / "output.log", {})

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.child.start()
        self.child.wait_for(self._answers, 30, "Prosody does not answer")

    def stop(self) -> None:
        """End it."""
        self.child.stop()

    def remove(self, name: str) -> None:
        """Take an account away."""
        (self.folder / "data" / "xmpp%2etest" / "accounts" / f"{name}.dat").unlink()

    def _answers(self) -> bool:
        try:
            for port in (self.port, self.component_port):
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return False
        return True
