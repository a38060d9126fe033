"""A real message centre on the loopback address: the server of the npm package ``smpp``.

It has a queue of what goes to its account, and brings again what was not taken; see ``smsc.cjs``.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from tests.support.node import SKIP_NOTHING, WIDGETS, node
from tests.support.processes import ROOT, Child, free_ports

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM_ID: Final = "veche"
PASSWORD: Final = "secret"  # noqa: S105
OFFICE_NUMBER: Final = "+4930901820"
_PART: Final = ("reference", "total", "number")
_PROGRAM: Final = ROOT / "tests" / "support" / "smsc.cjs"


def why_no_centre() -> str:
    """Why there can be no message centre here; empty if there can."""
    if node() is not None and (WIDGETS / "node_modules" / "smpp").is_dir():
        return ""
    reason = "no node_modules/smpp: ./run installs it where there is a network"
    if os.environ.get(SKIP_NOTHING) == "1":
        pytest.fail(reason)
    return reason


@attrs.frozen
class Submit:
    """A part that the centre took.

    Attributes:
        octets: Signs of it.
    """

    id: str
    sender: str
    recipient: str
    coding: int
    text: str
    part: tuple[int, int, int] | None
    reference: int
    octets: int


@attrs.define
class MessageCentre:
    """The centre; start it, and stop it.

    Attributes:
        folder: For its log.
        port: For SMPP.
        control_port: For the tests.
    """

    folder: Path
    port: int = attrs.field(init=False)
    control_port: int = attrs.field(init=False)
    child: Child = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.port, self.control_port = free_ports(2)
        self.folder.mkdir(parents=True, exist_ok=True)
        command = (str(node()), str(_PROGRAM), str(self.port), str(self.control_port))
        environment = {"NODE_PATH": str(WIDGETS / "node_modules")}
        self.child = Child(command, ROOT, self.folder / "smsc.log", environment)

    def start(self) -> None:
        """Start it and wait until it answers; what it knew is gone."""
        self.child.start()
        self.child.wait_for(self._answers, 30, "the message centre does not answer")

    def stop(self) -> None:
        """End it."""
        self.child.stop()

    def tell(self, action: str, **given: Any) -> dict[str, Any]:
        """Have it do something; what it has seen."""
        url = f"http://127.0.0.1:{self.control_port}/{action}"
        request = urllib.request.Request(url, json.dumps(given).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- ours
            found = json.load(answer)
        assert isinstance(found, dict)
        return found

    def state(self) -> dict[str, Any]:
        """What it has seen."""
        return self.tell("state")

    def submits(self, recipient: str = "") -> list[Submit]:
        """The parts that it took for somebody, or all; in order."""
        found = []
        for one in self.state()["submits"]:
            part = one["part"] and tuple(
                one["part"][key] for key in ("reference", "total", "number")
            )
            made = Submit(
                one["id"],
                one["from"],
                one["to"],
                one["coding"],
                one["text"],
                part,
                one["reference"],
                one["octets"],
            )
            if recipient.lstrip("+") in {"", made.recipient}:
                found.append(made)
        return found

    def _answers(self) -> bool:
        try:
            for port in (self.port, self.control_port):
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return False
        return True
