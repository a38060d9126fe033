"""The public room in which the heads of the ledger are posted, for anybody to keep.

A head on a site can be taken down, or be another one for somebody else. What was said in a room is
on the servers and devices of all who are in it, in one order, and nobody takes it back there. It
tells a size and a hash, nothing of persons, so this one room is public and not encrypted. With
each head go those that other institutions witnessed, and that this one did. Source: design of
Veche, payments §6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import CATALOGUE, PURPOSE
from appservices.payments.proofs.service import heads
from appservices.payments.witnesses import store
from appservices.payments.witnesses.texts import head_doc, room_name, room_topic
from veche.chat.sending import Ground
from veche.contracts.payments.ledger_heads import (
    HEADS_KEY,
    WITNESSED_BYTES_MAX,
    WITNESSED_MAX,
    LedgerHeads,
)
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.ids import RoomId, effect_id
from veche.protocol.texts.localizer import Localizer
from veche.runtime.matrix.rooms import RoomPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.config import PaymentsSection
    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

OPEN_ROOM: Final = "payments.heads_room"
"""Job: makes the room, or finds the one that was made."""
ALIAS: Final = "veche_ledger"
_GROUND: Final = Ground(person=None, purpose=PURPOSE, basis="publication of the ledger's heads")


def address(section: PaymentsSection, server: str) -> str | None:
    """Address of the room; None if there is to be none."""
    return f"#{ALIAS}:{server}" if section.has_heads_room else None


def start(scene: Conversation) -> None:
    """Have the room made, unless there is one, or is to be none."""
    if scene.section.has_heads_room and store.known(scene.txn) is None:
        id_ = effect_id(OPEN_ROOM, scene.sender.bot.user_id)
        jobs.schedule(scene.txn, Job(id_, OPEN_ROOM, {}, scene.now_ms))


def post(scene: Conversation) -> None:
    """Post the newest head, if there is a newer one than was posted, and it is time to."""
    place = store.place(scene.txn)
    newest = heads.TREE.newest(scene.txn)
    if place is None or newest is None or newest.size <= place.size:
        return
    is_due = scene.now_ms - place.at_ms >= scene.section.heads_room_every_ms
    if not scene.section.has_heads_room or not is_due:
        return
    _, path = heads.extended(scene.txn, place.size)
    witnessed = _witnessed(scene)
    payload = LedgerHeads(
        v=1,
        checkpoint=newest.note,
        after=place.size,
        consistency=list(path),
        witnessed=witnessed,
    )
    doc = head_doc(
        newest.size, newest.note, _witnesses(scene, witnessed), _localizer(scene.section)
    )
    scene.sender.say(place.room_id, message.notice(doc, payload={HEADS_KEY: payload}), _GROUND)
    store.posted(scene.txn, newest.size, scene.now_ms)


def _witnessed(scene: Conversation) -> list[str]:
    """Heads with others' signatures: our newest one that witnesses have signed, those of peers."""
    vouched = scene.parts.receipts.vouched.newest(scene.txn)
    ours = [vouched.note] if vouched is not None else []
    fitting = [note for note in ours if len(note.encode()) <= WITNESSED_BYTES_MAX]
    limit = WITNESSED_MAX - len(fitting)
    return fitting + store.take_witnessed(scene.txn, limit, WITNESSED_BYTES_MAX)


def _witnesses(scene: Conversation, notes: Sequence[str]) -> list[str]:
    """Servers of the institutions that signed a head of ours."""
    ours = scene.parts.receipts.signer.verifier.name
    signed = [note for note in notes if note.startswith(f"{ours}\n")]
    named = {line.split(" ")[1] for note in signed for line in note.split("\n\n")[1].splitlines()}
    return sorted(name.partition("/")[0] for name in named - {ours})


def _localizer(section: PaymentsSection) -> Localizer:
    return Localizer(section.language, section.time_zone, CATALOGUE)


class OpenRoom:
    """Makes the room."""

    def __init__(self, parts: Parts) -> None:
        """Make it."""
        self._parts = parts

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make it, or find it by its address."""
        host, section, bot = self._parts.host, self._parts.section, self._parts.bot.user_id
        localizer = _localizer(section)
        told = {
            "m.room.name": {"name": room_name(section.name_in(section.language), localizer)},
            "m.room.topic": {"topic": room_topic(localizer)},
        }
        state = [{"type": one, "state_key": "", "content": told[one]} for one in told]
        plan = RoomPlan(initial_state=state, public_alias=ALIAS)
        return {"room": await host.rooms.create(bot, host.device_id(bot), plan, job.id)}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Keep it; the newest head is posted with the next look."""
        store.keep_place(txn, RoomId(result["room"]))

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """The homeserver allows no such room; it was logged, and is tried at the next start."""
