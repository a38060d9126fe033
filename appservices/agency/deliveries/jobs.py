"""Following messages with legal effect, outside transactions: what the homeserver knows of them.

That is asked of its module ``delivery_evidence``. Where it is missing, a message stays accepted
until the person answers it or the rule of the organisation has run out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.service.cases import case_of, locked_case
from appservices.agency.cases.service.conversation import OfficeParts
from appservices.agency.deliveries import core as delivery
from appservices.agency.deliveries import store as deliveries
from appservices.agency.deliveries.core import Fact, How, Kind
from appservices.agency.deliveries.service import FOLLOW, SEND_RECEIPT, learn, signed_receipt
from veche.bots import ChatJob
from veche.messaging import jobs, outbox
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.canonical import canonical
from veche.protocol.ids import as_event_id
from veche.protocol.wire import mapping
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.deliveries.store import Delivery
    from veche.messaging.jobs import JobHandler
    from veche.runtime.database import Cursor

PATH: Final = "/_synapse/client/veche/delivery"
LOOKS_MS: Final = (2_000, 10_000, 60_000, 600_000, 3_600_000, 21_600_000, 86_400_000)
"""How long after each look the next one is; then as after the last."""
FOLLOWED_MS_MAX: Final = 400 * 24 * 3_600_000
"""How long a message is followed that nothing ever shows to be served."""
_ABSENT: Final = frozenset({403, 404})
"""What a homeserver answers without our module, or with one that does not know us."""
_KNOWN: Final = ("stored_ms", "acknowledged_ms", "read_ms")


def delivery_handlers(parts: OfficeParts) -> dict[str, JobHandler]:
    """The handlers of jobs about messages with legal effect."""
    return {FOLLOW: _Follow(parts), SEND_RECEIPT: _SendReceipt(parts)}


class _Follow(ChatJob[OfficeParts]):
    """Looks how far a message has come, until it is served."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        found = await self._host.database.run("agency.delivery", self._read, job)
        if found is None:
            return {}
        event_id, person = found
        asked = {"events": [{"event_id": event_id, "user_id": person}]}
        try:
            answer = await self._host.client.call("POST", PATH, user=self._bot, body=asked)
        except MatrixError as e:
            if e.status not in _ABSENT:
                raise
            return {"event": event_id, "known": None}
        events = answer.get("events")
        known = mapping(events[0]) if isinstance(events, list) and events else {}
        return {"event": event_id, "known": {name: _ms(known, name) for name in _KNOWN}}

    def _read(self, txn: Cursor, job: Job) -> tuple[str, str] | None:
        one = deliveries.read(txn, job.payload["delivery"])
        if one is None:
            return None
        event_id = one.event_id or outbox.event_of(txn, one.room_id, one.effect_id)
        return (event_id, one.person) if event_id else None

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        # Locked before anything is said, see `cases.take_step`.
        file = case_of(txn, job)
        one = deliveries.read(txn, job.payload["delivery"], is_locked=True)
        if one is None or one.record.stage in delivery.OVER:
            return
        facts = []
        if event_id := as_event_id(result.get("event")):
            one = attrs.evolve(one, event_id=event_id, has_evidence=result["known"] is not None)
            facts = _facts(scene, one, result["known"] or {})
        learn(scene, file, one, facts)
        self._look_again(scene, job)

    def _look_again(self, scene: Conversation, job: Job) -> None:
        one = deliveries.read(scene.txn, job.payload["delivery"])
        if one is None or one.record.stage in delivery.OVER:
            return
        look, now_ms = int(job.payload["look"]), scene.now_ms
        if now_ms - one.made_at_ms > FOLLOWED_MS_MAX:
            return
        due_at_ms = now_ms + LOOKS_MS[min(look, len(LOOKS_MS) - 1)]
        calendar = scene.workplace.office.calendar
        deemed_ms = delivery.deemed_at_ms(one.record, scene.workplace.served_rule, calendar)
        if deemed_ms is not None:
            due_at_ms = min(due_at_ms, max(deemed_ms, now_ms))
        payload = {**job.payload, "look": look + 1}
        jobs.schedule(scene.txn, Job(scene.sender.fresh_id(FOLLOW), FOLLOW, payload, due_at_ms))


class _SendReceipt(ChatJob[OfficeParts]):
    """Signs what is known of a message and sends it as a file."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        data = await self._host.database.run("agency.delivery_receipt", self._read, job)
        file = await upload_encrypted(self._host.client, self._bot, data)
        return {"file": file, "size_bytes": len(data)}

    def _read(self, txn: Cursor, job: Job) -> bytes:
        file = case_of(txn, job)
        one = deliveries.read(txn, job.payload["delivery"])
        assert one is not None, "a receipt is of a message"  # noqa: S101 -- rows stay
        scene = self._parts.conversation(txn, job.id, self._host.now_ms())
        return canonical(signed_receipt(scene, file, one, self._host.now_ms()))

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        file = case_of(txn, job)
        locked = locked_case(scene, file)
        is_desk = job.payload["to"] == "desk"
        context = locked.context
        caption = (context.staff if is_desk else context.person).text("Receipt of delivery")
        content = message.file(
            filename=f"delivery-{file.case.number}.json",
            caption=caption,
            encrypted_file=result["file"],
            mimetype="application/json",
            size_bytes=result["size_bytes"],
        )
        if not is_desk:
            scene.sender.say(file.person_room, content, locked.ground)
            return
        desk = store.desk_room(txn, file.bot, file.desk) if file.desk else None
        if desk is not None and file.desk_effect is not None:
            thread = outbox.Relation(message.RelationKind.THREAD, file.desk_effect)
            scene.sender.say(desk, content, locked.desk_ground, relation=thread)


def _ms(known: Mapping[str, Any], name: str) -> int | None:
    value = known.get(name)
    return value if type(value) is int and value >= 0 else None


def _facts(scene: Conversation, one: Delivery, known: Mapping[str, int | None]) -> list[Fact]:
    """List the facts in the homeserver's answer about a message that it has."""
    now_ms = scene.now_ms
    facts = [Fact(Kind.ACCEPTED, How.OUTBOX, now_ms)]
    is_local = one.person.partition(":")[2] == scene.parts.host.server_name
    arrived = (How.STORED, "stored_ms") if is_local else (How.ACKNOWLEDGED, "acknowledged_ms")
    if (at_ms := known.get(arrived[1])) is not None:
        facts.append(Fact(Kind.DELIVERED, arrived[0], at_ms))
    if known.get("read_ms") is not None and deliveries.counts(scene.txn, one.bot, one.person):
        # The receipt bears no moment that we could trust: it counts since we know of it.
        facts.append(Fact(Kind.DISPLAYED, How.READ_RECEIPT, now_ms))
    return facts
