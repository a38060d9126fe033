"""Messages with legal effect: followed, what is learned of each, and the receipt of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.inputs import LegallyServed
from appservices.agency.cases.service.cases import locked_case, step_file
from appservices.agency.deliveries import core as delivery
from appservices.agency.deliveries import store as deliveries
from appservices.agency.deliveries.core import DELIVERY_KEY, Fact, How, Kind
from appservices.agency.deliveries.store import Delivery
from appservices.agency.deliveries.texts import stages_doc
from appservices.agency.desk.service import tell_desk
from veche.chat.attention import REACTION
from veche.messaging import outbox
from veche.protocol.ids import EffectId, as_event_id
from veche.protocol.inbound import Trust
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.service.locked_case import LockedCase
    from appservices.agency.cases.store import CaseFile
    from veche.protocol.inbound import Inbound

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


def signed_receipt(
    scene: Conversation, file: CaseFile, one: Delivery, now_ms: int
) -> dict[str, Any]:
    """Build an organisation's receipt for a message, signed by the key of its log of acts.

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
