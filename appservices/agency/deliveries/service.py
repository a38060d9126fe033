"""Following messages with legal effect: what is learned of them, and the receipt of it.

What the homeserver knows is asked of its module ``delivery_evidence``. Where that is missing, a
message stays accepted until the person answers it or the rule of the organisation has run out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.inputs import LegallyServed
from appservices.agency.cases.service.cases import case_of, locked_case, step_file
from appservices.agency.cases.service.conversation import OfficeParts
from appservices.agency.deliveries import core as delivery
from appservices.agency.deliveries import store as deliveries
from appservices.agency.deliveries.core import DELIVERY_KEY, Fact, How, Kind
from appservices.agency.deliveries.store import Delivery
from appservices.agency.deliveries.texts import stages_doc
from appservices.agency.desk.service import tell_desk
from veche.bots import ChatJob
from veche.chat.attention import REACTION
from veche.messaging import jobs, outbox
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.canonical import canonical
from veche.protocol.ids import EffectId, as_event_id
from veche.protocol.inbound import Trust
from veche.protocol.wire import mapping
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.service.locked_case import LockedCase
    from appservices.agency.cases.store import CaseFile
    from veche.messaging.jobs import JobHandler
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor


FOLLOW: Final = "agency.delivery"
FIRST_LOOK_MS: Final = 2_000


def follow(locked: LockedCase, effect_id: EffectId, sha256: str, of: str) -> None:
    """Follow a message until it is served.

    Args:
        locked: The case.
        effect_id: Of the message.
        sha256: Of its text or file, hexadecimal.
        of: Which: ``text`` or ``file``.
    """
    scene, file = locked.scene, locked.file
    one = Delivery(
        id=scene.sender.fresh_ulid("delivery"),
        case_id=file.case.id,
        bot=file.bot,
        person=file.person,
        room_id=file.person_room,
        effect_id=effect_id,
        sha256=sha256,
        of=of,
        made_at_ms=scene.now_ms,
    )
    deliveries.add(scene.txn, one)
    locked.send_off(FOLLOW, {"delivery": one.id, "look": 0}, scene.now_ms + FIRST_LOOK_MS)


SEND_RECEIPT: Final = "agency.delivery_receipt"
PATH: Final = "/_synapse/client/veche/delivery"
LOOKS_MS: Final = (2_000, 10_000, 60_000, 600_000, 3_600_000, 21_600_000, 86_400_000)
"""How long after each look the next one is; then as after the last."""
FOLLOWED_MS_MAX: Final = 400 * 24 * 3_600_000
"""How long a message is followed that nothing ever shows to be served."""
_ABSENT: Final = frozenset({403, 404})
"""What a homeserver answers without our module, or with one that does not know us."""


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


_KNOWN: Final = ("stored_ms", "acknowledged_ms", "read_ms")


def _ms(known: Mapping[str, Any], name: str) -> int | None:
    value = known.get(name)
    return value if type(value) is int and value >= 0 else None


def _facts(scene: Conversation, one: Delivery, known: Mapping[str, int | None]) -> list[Fact]:
    """What the homeserver's answer says of a message that it has."""
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


def learn(scene: Conversation, file: CaseFile, one: Delivery, facts: list[Fact]) -> None:
    """Add what is known of a message, and tell the case once it is served.

    Args:
        scene: The transaction. Nothing was said in it yet.
        file: The case, locked.
        one: The message, locked, with what it had before.
        facts: What was learned, in the order of the stages.
    """
    record, rule = one.record, scene.workplace.served_rule
    for fact in facts:
        record = record.note(fact)
    deemed_ms = delivery.deemed_at_ms(record, rule, scene.workplace.office.calendar)
    if deemed_ms is not None and deemed_ms <= scene.now_ms:
        record = record.note(Fact(Kind.DEEMED, How.RULE, deemed_ms))
    was_served = one.record.served
    deliveries.save(scene.txn, attrs.evolve(one, record=record))
    served = record.served
    if served is None or was_served is not None:
        return
    law = rule.text(scene.language_of(file.person)) if rule and served.kind is Kind.DEEMED else None
    step_file(scene, file, LegallyServed(served.at_ms, law))
    _send_receipt(scene, file, one.id, to="person")


def note_answer(scene: Conversation, inbound: Inbound) -> None:
    """A person has said something that counts: whether it answers such a message.

    A reaction is none: it travels in clear, and any server could have made it.
    """
    if inbound.event_type == REACTION or inbound.trust is Trust.ANY:
        return
    relates = mapping(inbound.content.get("m.relates_to"))
    if relates.get("rel_type") == "m.replace":
        return
    reply = mapping(relates.get("m.in_reply_to"))
    about = None if reply and relates.get("is_falling_back") is True else reply.get("event_id")
    event_id = as_event_id(about or relates.get("event_id"))
    if event_id is None:
        return
    bot = scene.sender.bot.user_id
    found = deliveries.of_event(scene.txn, bot, inbound.room_id, event_id)
    if found is None and (effect := outbox.effect_of(scene.txn, inbound.room_id, event_id)):
        found = deliveries.of_effect(scene.txn, effect)
    one = deliveries.read(scene.txn, found) if found else None
    if one is None or one.person != inbound.sender:
        return
    file = store.lock_case(scene.txn, one.case_id)
    one = deliveries.read(scene.txn, one.id, is_locked=True)
    if file is None or one is None:
        return
    one = attrs.evolve(one, event_id=event_id)
    accepted = Fact(Kind.ACCEPTED, How.OUTBOX, scene.now_ms)
    learn(scene, file, one, [accepted, Fact(Kind.DISPLAYED, How.ANSWER, inbound.at_ms)])


def note_lost(scene: Conversation, effect_id: EffectId) -> None:
    """A message is never sent."""
    found = deliveries.of_effect(scene.txn, effect_id)
    one = deliveries.read(scene.txn, found, is_locked=True) if found else None
    if one is not None:
        lost = one.record.note(Fact(Kind.LOST, How.REFUSED, scene.now_ms))
        deliveries.save(scene.txn, attrs.evolve(one, record=lost))


def show_stages(scene: Conversation, file: CaseFile, *, is_desk: bool) -> None:
    """Say how far each message of a case has come, and send the receipts of them.

    Args:
        scene: The transaction.
        file: The case, locked.
        is_desk: Whether the staff asks, in its thread; else the person, in their room.
    """
    locked = locked_case(scene, file)
    found = deliveries.of_case(scene.txn, file.case.id)
    localizer = locked.context.staff if is_desk else locked.context.person
    doc = stages_doc([(one.record, one.has_evidence) for one in found], localizer)
    if is_desk:
        tell_desk(locked, locked.definition.desk, doc)
    else:
        locked.tell_person(doc, is_quiet=True)
    store.save_case(scene.txn, locked.file)
    for one in found:
        _send_receipt(scene, file, one.id, to="desk" if is_desk else "person")


def _send_receipt(scene: Conversation, file: CaseFile, delivery_id: str, *, to: str) -> None:
    payload = {"delivery": delivery_id, "to": to}
    locked_case(scene, file).send_off(SEND_RECEIPT, payload)


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


def signed_receipt(
    scene: Conversation, file: CaseFile, one: Delivery, now_ms: int
) -> dict[str, Any]:
    """What an organisation says of a message, signed by the key of its log of acts.

    Args:
        scene: The transaction.
        file: The case.
        one: The message.
        now_ms: Moment, UTC.
    """
    rule, workplace = scene.workplace.served_rule, scene.workplace
    body = {
        "v": 1,
        "id": one.id,
        "organisation": workplace.organisation,
        "sender": one.bot,
        "recipient": one.person,
        "case": file.case.number,
        "event_id": one.event_id,
        "sha256": one.sha256,
        "of": one.of,
        "evidence": "module" if one.has_evidence else "absent",
        "rule": rule
        and {
            "after": rule.after,
            "days": rule.days,
            "law": rule.text(scene.language_of(file.person)),
        },
        "stages": delivery.to_json(one.record),
        "at_ms": now_ms,
    }
    signer = scene.parts.host.act_heads.signer(workplace.organisation)
    return signer.sign_object({DELIVERY_KEY: body})
