"""The XMPP connector with nothing behind it: each message is answered at once, with its own words.

Run as ``python -m tests.benchmarks.null_bridge PORT SECRET_PATH``. It has no database and no
homeserver: nothing is kept before it is acknowledged.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet import reactor  # noqa: TID251 -- a program of its own

from bridges.core.model import Outgoing, RemoteMessage, Rendered
from bridges.xmpp.config import Office, XmppSection
from bridges.xmpp.connector import Connector
from tests.support.xmpp_server import VECHE
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridges.core.model import PartReport, RemoteReport, SentPart

ADDRESS: Final = f"office@{VECHE}"
ANSWERS_MAX: Final = 10_000


@attrs.define
class NullBridge:
    """A host that answers, and keeps nothing."""

    reactor: Any
    server_name: str = "null.test"
    language: str = "en"
    connector: Any = None
    count: int = 0
    tasks: Tasks = attrs.field(factory=lambda: Tasks(running_max=ANSWERS_MAX))

    def seed(self, purpose: str) -> bytes:
        """The same for all purposes."""
        del purpose
        return bytes(32)

    async def queue_remote_event(self, event: RemoteMessage | RemoteReport | PartReport) -> None:
        """Answer a message."""
        if isinstance(event, RemoteMessage):
            self.count += 1
            words = f"answer {event.text}"
            person, office = event.sender.id, event.office
            rendered = Rendered(words)
            effect = f"{self.count:032x}"
            out = Outgoing(effect, event.portal_key, person, office, "", "", rendered)
            self.tasks.spawn("bench.answer", self._answer(out))

    async def forget_marks(self, ids: Sequence[str]) -> None:
        """Keep nothing."""

    async def note_sent_part(self, effect_id: str, part: SentPart) -> None:
        """Keep nothing."""

    async def _answer(self, out: Outgoing) -> None:
        await self.connector.handle_matrix_message(out)


def main(port: int, secret_path: Path) -> None:
    """Serve until it is ended."""
    bridge = NullBridge(reactor)
    section = XmppSection(
        domain=VECHE,
        offices={ADDRESS: Office(bot="@bot:null.test", name="Null")},
        secret_path=secret_path,
        server_port=port,
    )
    bridge.connector = Connector(bridge, section)
    ours: Any = reactor
    ours.callWhenRunning(lambda: bridge.tasks.spawn("bench.start", bridge.connector.start()))
    ours.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
