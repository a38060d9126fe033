"""Telling people what the homeserver's guard of names did.

Their own display name was set back, or who invited them is almost called like an office.
The homeserver's module ``official_accounts`` keeps what nobody was told of. What is taken from
there is written down here in one transaction with the job that tells it, so it is told once,
whichever process asked, and however often. An answer that is lost is asked for again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from appservices.acts import store, texts
from appservices.acts.chat import greet
from appservices.acts.conversation import Parts
from veche.bots import OpenChat, invite
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import MalformedError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.wire import Wire, parse
from veche.runtime.matrix.client import MatrixError
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

TELL: Final = "directory.notice"
"""Kind of the job that tells somebody."""
PATH: Final = "/_synapse/client/veche/notices"
EVERY_MS: Final = 3_000
ABSENT_MS: Final = 60_000
"""How often it is asked where the homeserver has no such module."""
_ABSENT: Final = frozenset({403, 404})


class Notice(Wire):
    """A notice to a person.

    Attributes:
        id: The same whenever it is given.
        at_ms: When it happened, UTC.
        kind: Whether their own name was set back, or somebody came close to an official one.
        person: Who is told.
        about: Whose name it was.
        name: The protected name.
        rule: How the names are alike.
        appeal: Where to appeal.
    """

    id: str
    at_ms: int
    kind: Literal["reset", "near_miss"]
    person: str
    about: str
    name: str
    rule: str
    appeal: str


class Notices:
    """Asks the homeserver for what people should be told; several processes do no harm."""

    def __init__(self, parts: Parts) -> None:
        """Nothing is asked before ``start``."""
        self._bot = parts.bot.user_id
        self._host = parts.host
        self._told: Sequence[str] = ()

    def start(self) -> None:
        """Ask again and again; ends with the process."""
        again = EVERY_MS, "nobody is told of names now"
        pause = WakeEvent(self._host.reactor)
        self._host.spawn("directory.notices", pause.repeat(self.look, *again))

    async def look(self) -> int | None:
        """Say what was taken, and take what is new; how long to wait, None: as always."""
        body = {"told": list(self._told)}
        try:
            answer = await self._host.client.call("POST", PATH, user=self._bot, body=body)
        except MatrixError as e:
            if e.status not in _ABSENT:
                raise
            return ABSENT_MS
        given = answer["notices"]
        found = [notice for one in given if (notice := _read(one)) is not None]
        if found:
            await self._host.database.run("directory.notices", _take, found, self._host.now_ms())
        self._told = [one["id"] for one in given]
        return 0 if given else None


def _read(given: object) -> Notice | None:
    """A notice; one of a form that is not known here keeps no other from being told."""
    try:
        return parse(Notice, given, where="notices")
    except MalformedError as e:
        logger.error("a notice of the homeserver is not told: %s", e)  # noqa: TRY400 -- the error says it
        return None


def _take(txn: Cursor, found: Sequence[Notice], now_ms: int) -> None:
    for one in found:
        if store.keep_notice(txn, one.id, now_ms):
            jobs.schedule(txn, Job(effect_id("notice", one.id), TELL, one.model_dump(), now_ms))


class Tell(OpenChat[Parts]):
    """Tells somebody, in a chat that is made if they have none."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Tell them."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(result["room"])
        if not invite(scene, room_id, person):
            greet(scene, room_id, person)
        said = parse(Notice, job.payload, where="notice")
        localizer = scene.localizer(person)
        if said.kind == "reset":
            doc = texts.reset_doc(localizer, said.name, said.rule, said.appeal)
        else:
            doc = texts.near_miss_doc(localizer, said.name, said.about)
        scene.tell(room_id, person, doc)
