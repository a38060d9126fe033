"""The SMS connector with no homeserver behind it: it sends messages, and counts their receipts.

Run as ``python -m tests.benchmarks.null_sms PORT PASSWORD_PATH COUNT [DSN]``. With a database,
parts and receipts are kept in it as the host keeps them; without, nothing is kept. It says on
standard output how long the messages took, as JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg2
from twisted.internet import reactor  # noqa: TID251 -- a program of its own
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from bridges.core.errors import AwayError, UncertainError
from bridges.core.model import Outgoing, PartReport, PortalKey, Rendered
from bridges.host import receipts
from bridges.host.outbox import AT_ONCE_MAX
from bridges.sms.config import Office, SmsSection
from bridges.sms.connector import Connector
from tests.support.smsc import OFFICE_NUMBER, SYSTEM_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridges.core.model import RemoteMessage, RemoteReport, SentPart

NOW_MS: Final = 1_800_000_000_000
LOOK_S: Final = 0.01
AGAIN_S: Final = 0.2


@attrs.define
class NullBridge:
    """A host that keeps parts and receipts, if it has a database, and nothing else."""

    reactor: Any
    connection: Any = None
    server_name: str = "null.test"
    language: str = "en"
    reports: set[str] = attrs.field(factory=set)
    parts: set[str] = attrs.field(factory=set)

    def seed(self, purpose: str) -> bytes:
        """The same for all purposes."""
        del purpose
        return bytes(32)

    async def queue_remote_event(self, event: RemoteMessage | RemoteReport | PartReport) -> None:
        """Count a receipt."""
        if isinstance(event, PartReport):
            self.reports.add(event.part_id)
            if self.connection is not None:
                with self.connection, self.connection.cursor() as txn:
                    receipts.reported(txn, "sms", event, NOW_MS)

    async def forget_marks(self, ids: Sequence[str]) -> None:
        """Keep nothing."""

    async def note_sent_part(self, effect_id: str, part: SentPart) -> None:
        """Know a part."""
        self.parts.add(str(part.part_id))
        if self.connection is not None:
            with self.connection, self.connection.cursor() as txn:
                receipts.noted(txn, "sms", effect_id, part, NOW_MS)

    def has_all(self) -> bool:
        """Whether each part has its receipt."""
        return self.parts <= self.reports


async def send(connector: Connector, number: int) -> None:
    """Send a message until the centre has it."""
    person = f"+49171{number:07}"
    rendered = Rendered(f"Дело 77: новое сообщение № {number}")
    key = PortalKey(person)
    out = Outgoing(f"{number:032x}", key, person, OFFICE_NUMBER, "", "", rendered)
    while True:
        try:
            await connector.handle_matrix_message(out)
        except (AwayError, UncertainError):
            await deferLater(reactor, AGAIN_S)
        else:
            return


async def run(bridge: NullBridge, section: SmsSection, count: int) -> None:
    """Send ``count`` messages, and wait for all their receipts."""
    connector = Connector(bridge, section)
    await connector.start()
    while connector.trouble:
        await deferLater(reactor, LOOK_S)
    began_s = bridge.reactor.seconds()
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await send(connector, number)

    await gatherResults([Deferred.fromCoroutine(work()) for _ in range(AT_ONCE_MAX)])
    sent_s = bridge.reactor.seconds() - began_s
    while not bridge.has_all():
        await deferLater(reactor, LOOK_S)
    sys.stdout.write(json.dumps({"sent_s": sent_s}))
    await connector.stop()


def main(port: int, password_path: Path, count: int, dsn: str | None) -> None:
    """Run once."""
    section = SmsSection(
        offices={OFFICE_NUMBER: Office(bot="@bot:null.test")},
        host="127.0.0.1",
        port=port,
        tls=False,
        system_id=SYSTEM_ID,
        password_path=password_path,
    )
    ours: Any = reactor
    bridge = NullBridge(ours)

    def begin() -> None:
        running = Deferred.fromCoroutine(run(bridge, section, count))
        running.addErrback(lambda failure: sys.stderr.write(str(failure)))
        running.addBoth(lambda _: ours.stop())

    ours.callWhenRunning(begin)
    if dsn is None:
        ours.run()
        return
    with closing(psycopg2.connect(dsn)) as bridge.connection:
        ours.run()


if __name__ == "__main__":
    _, port_, path_, count_, *rest = sys.argv
    main(int(port_), Path(path_), int(count_), rest[0] if rest else None)
