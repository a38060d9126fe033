"""A service that answers each message once, for tests of what carries services.

It is made the way a service of others is: a ``ServiceSpec``, and a process with a host. Run as
``python -m tests.support.echo -c FILE``; its section is ``echo: {}``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from veche.chat.sending import Ground, Sender
from veche.cli.processes.homeserver import APPSERVICE_ID
from veche.cli.serve import serve
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.messaging.service import BotAccount
from veche.protocol import message
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import Paragraph
from veche.runtime import log
from veche.runtime.config import Section, load_config
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.matrix.client import MatrixError
from veche.runtime.matrix.rooms import join
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.protocol.errors import RefusedError
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

JOIN: Final = "echo.join"
PROGRAM: Final = (sys.executable, "-m", "tests.support.echo")
"""Starts it."""
SECTIONS: Final[Mapping[str, Any]] = {"echo": {}}
MIGRATIONS: Final = MigrationSet("echo", "tests.support")
"""It has no tables."""


def bot_of(server_name: str) -> UserId:
    """The bot that answers."""
    return UserId(f"@{APPSERVICE_ID}_echo:{server_name}")


def answer_to(body: str) -> str:
    """What the bot answers."""
    return f"echo {body}"


class EchoSection(Section):
    """Nothing can be chosen."""


class Echo:
    """Joins wherever it is invited, and repeats every message with the trust it came with."""

    def __init__(self, host: BotPorts, _section: EchoSection) -> None:
        self._host = host
        self._bot = BotAccount(bot_of(host.server_name), "Echo", "echo")

    @property
    def bots(self) -> Sequence[BotAccount]:
        return [self._bot]

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        if inbound.content.get("membership") == "invite" and inbound.state_key == self._bot.user_id:
            payload = {"room": inbound.room_id}
            job = Job(effect_id(JOIN, inbound.event_id), JOIN, payload, inbound.at_ms)
            jobs.schedule(txn, job)
        elif inbound.event_type == "m.room.message":
            sender = Sender(txn, self._host.act_log, self._bot, inbound.event_id, inbound.at_ms)
            words = answer_to(str(inbound.content.get("body")))
            content = message.text((Paragraph(words),), mentions=[inbound.sender])
            sender.say(inbound.room_id, content, Ground(inbound.sender, "echo", "a test"))

    def receive_page(self, txn: Cursor, act: PageAct) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError(f"it has no page: {act}")

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError(f"every answer arrives: {undelivered}")

    def job_handlers(self) -> Mapping[str, JobHandler]:
        return {JOIN: Join(self._host, self._bot.user_id)}

    async def started(self) -> None:
        pass


class Join:
    """Accepts an invitation."""

    def __init__(self, host: BotPorts, bot: UserId) -> None:
        self._host = host
        self._bot = bot

    async def perform(self, job: Job) -> Mapping[str, Any]:
        room_id = RoomId(job.payload["room"])
        try:
            await join(self._host.client, self._bot, self._host.device_id(self._bot), room_id)
        except MatrixError as e:
            raise AssertionError(f"nobody takes an invitation back: {e}") from e
        await self._host.rooms.look(self._bot, room_id)
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        pass

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError(f"no errand is refused: {error}")


SERVICE: Final = ServiceSpec("echo", EchoSection, MIGRATIONS, Echo)


def main(path: Path) -> int:
    """Serve until told to stop."""
    config = load_config(path, {SERVICE.name: SERVICE.config})
    log.set_up(config.log.level, config.log.format)
    return serve(config, {SERVICE.name: SERVICE})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=Path, required=True)
    sys.exit(main(parser.parse_args().config))
