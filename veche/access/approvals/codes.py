"""The code in the chat: small payments approved by four digits, from a device the person confirmed.

The one exception to "nothing is approved without a key", off until the person turns it on (design
of Veche, architecture, rule 3). It goes the way of every message: what is replied is an event of
the person's room, read here before it is read as an answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from veche.access.approvals import limits, store
from veche.access.approvals.asking import code_of, shown_of
from veche.access.approvals.core import (
    TRIES_MAX,
    AskedState,
    CodeVerdict,
    Event,
    judge_code,
    typed_code,
)
from veche.access.approvals.store import Evidence
from veche.chat import prompts
from veche.chat.prompts import Heard
from veche.protocol.answers import Chosen, RefusalReason, Refused, closed_for, is_reply
from veche.protocol.canonical import canonical
from veche.protocol.ids import Ulid
from veche.protocol.inbound import DeviceStanding
from veche.protocol.message import RelationKind
from veche.protocol.prompts import ANSWER_KEY
from veche.protocol.texts.typed_choice import without_quote
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.access.approvals.parts import Parts
    from veche.access.approvals.store import Code
    from veche.chat.prompts import Kept
    from veche.protocol.approval import ShownMoney
    from veche.protocol.ids import EffectId
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

MEANS: Final = "code"
_MESSAGE: Final = "m.room.message"
_REASONS: Final[Mapping[CodeVerdict, RefusalReason]] = {
    CodeVerdict.WRONG: RefusalReason.CODE_WRONG,
    CodeVerdict.SPENT: RefusalReason.CODE_SPENT,
    CodeVerdict.UNTRUSTED: RefusalReason.TRUST_TOO_LOW,
    CodeVerdict.OVER_LIMIT: RefusalReason.CODE_OVER_LIMIT,
}


def hear(
    txn: Cursor,
    parts: Parts,
    inbound: Inbound,
    *,
    thread: EffectId | None = None,
    is_dialogue: bool = False,
) -> Heard:
    """As ``prompts.hear``; a code that approves a choice is an answer that chooses it.

    Raises:
        UnavailableError: As ``prompts.hear``.
    """
    code = _code_in(inbound)
    if code is not None:
        heard = _hear_code(txn, parts, inbound, code, thread)
        if heard is not None:
            return heard
    return prompts.hear(txn, inbound, thread=thread, is_dialogue=is_dialogue)


def _code_in(inbound: Inbound) -> str | None:
    """The code that a message is, alone."""
    content, typed = inbound.content, inbound.content.get("body")
    relates = mapping(content.get("m.relates_to"))
    is_plain = (
        inbound.event_type == _MESSAGE
        and inbound.state_key is None
        and content.get("msgtype") == "m.text"
        and ANSWER_KEY not in content
        # Whoever could edit a code could approve with a message that was read long ago.
        and relates.get("rel_type") != RelationKind.REPLACE.value
    )
    if not is_plain or not isinstance(typed, str):
        return None
    return typed_code(without_quote(typed) if is_reply(content) else typed)


def _hear_code(
    txn: Cursor, parts: Parts, inbound: Inbound, typed: str, thread: EffectId | None
) -> Heard | None:
    """Take a code and return its result; None if no question here waits for one."""
    kept = prompts.candidates(txn, inbound, thread)
    open_ = [one for one in kept if one.is_open]
    known = store.approved_by_event(txn, inbound.event_id)
    if known is not None:
        nonce, prompt_id, choice = known
        about = next((one for one in kept if one.id == prompt_id), None)
        return Heard(Chosen(Ulid(prompt_id), choice, None, "text", nonce), about, open_)
    meant = _meant(inbound, kept)
    codes = {one.prompt_id: one for one in store.lock_codes(txn, inbound.sender, [*meant])}
    if not codes:
        return None
    right = [one for one in codes.values() if code_of(parts.key, one.nonce) == typed]
    if len(right) > 1:
        return Heard(Refused(None, RefusalReason.AMBIGUOUS), None, open_)
    if not right and next(iter(meant)) not in codes:
        return None  # the newest question waits for something else, which may be four digits too
    code = right[0] if right else next(codes[one] for one in meant if one in codes)
    verdict = _judge(txn, parts, inbound, code, typed)
    about = meant[code.prompt_id]
    prompt_id = Ulid(code.prompt_id)
    if verdict is not CodeVerdict.GOOD:
        return Heard(Refused(prompt_id, _REASONS[verdict], code.choice), about, open_)
    return Heard(Chosen(prompt_id, code.choice, None, "text", code.nonce), about, open_)


def _meant(inbound: Inbound, kept: Sequence[Kept]) -> dict[str, Kept]:
    """The questions that a code may be for, the newest first."""
    standing = [one for one in kept if closed_for(one.asked, inbound.sender, inbound.at_ms) is None]
    if is_reply(inbound.content):
        relates = mapping(inbound.content.get("m.relates_to"))
        target = mapping(relates.get("m.in_reply_to")).get("event_id")
        standing = [one for one in standing if one.asked.event_id == target is not None]
    return {one.id: one for one in standing}


def _judge(txn: Cursor, parts: Parts, inbound: Inbound, code: Code, typed: str) -> CodeVerdict:
    """Judge a code, and write down what it came to."""
    shown = shown_of("payment", code.shown)
    minor, currency = shown.amount.minor, shown.amount.currency
    person, now_ms = code.person, inbound.at_ms
    standing = inbound.standing
    if standing is DeviceStanding.VERIFIED and not store.is_pinned(txn, person):
        standing = DeviceStanding.IDENTITY_CHANGED
    devices = store.sender_devices(txn, inbound.bot, inbound.room_id, inbound.event_id)
    if len(devices) > 1:
        standing = DeviceStanding.UNKNOWN
    verdict = judge_code(
        expected=code_of(parts.key, code.nonce),
        typed=typed,
        tries=code.tries,
        standing=standing,
        left_minor=limits.left_minor(txn, parts.rules, person, currency, now_ms),
        minor=minor,
    )
    if verdict is CodeVerdict.WRONG:
        store.count_try(txn, code.nonce)
        if code.tries + 1 == TRIES_MAX:
            store.log(txn, person, Event.REFUSED, now_ms, kind="payment", why="codes")
    elif verdict is CodeVerdict.GOOD:
        _approve(txn, parts, inbound, code, (shown.amount, next(iter(devices), None)))
    return verdict


def _approve(
    txn: Cursor, parts: Parts, inbound: Inbound, code: Code, of: tuple[ShownMoney, str | None]
) -> None:
    """Keep the evidence; ``of``: how much, and by which device, if that is known."""
    (amount, device), person, now_ms = of, code.person, inbound.at_ms
    evidence = Evidence(
        nonce=code.nonce,
        person=person,
        kind="payment",
        means=MEANS,
        key_id=None,
        signed=_approval_bytes(code, now_ms),
        proof={
            "event": inbound.event_id,
            "room": inbound.room_id,
            "device": device,
            "message": inbound.content.get("body"),
        },
        at_ms=now_ms,
        event_id=inbound.event_id,
    )
    store.add_evidence(txn, parts.vault, evidence, minor=amount.minor, currency=amount.currency)
    store.end_asked(txn, code.nonce, AskedState.APPROVED, now_ms)
    store.log(txn, person, Event.USED, now_ms, kind="payment", means=MEANS, nonce=code.nonce)


def _approval_bytes(code: Code, now_ms: int) -> bytes:
    """Canonical JSON of the approval, as a key would have signed it."""
    return canonical(
        {
            "v": 1,
            "kind": "payment",
            "nonce": code.nonce,
            "person": code.person,
            "shown": json.loads(code.shown),
            "at_ms": now_ms,
        }
    )
