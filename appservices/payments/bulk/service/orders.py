"""HTTP operations on bulk payouts: order, approve by a second key, stop, look.

Money moves by what was signed, not by who holds a connection: the instruction and the second
approval are envelopes, checked over the object as received, and kept with the payout.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.acts import service as acting
from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.bulk import store
from appservices.payments.bulk.api import (
    AHEAD_MS_MAX,
    KEY_ID,
    PAGE_LINES_MAX,
    SIGNED_MS_MAX,
    PayoutLinesView,
    PayoutLineView,
    PayoutView,
)
from appservices.payments.bulk.core import BulkPayout, LineState, PayoutInput, PayoutState
from appservices.payments.bulk.service import bulk
from appservices.payments.bulk.store import NewLine
from appservices.payments.formats.core.plain import iban
from appservices.payments.holders import store as holders
from appservices.payments.payouts import service as payouts
from veche.protocol.canonical import canonical
from veche.protocol.errors import (
    ActRequiredError,
    BadSignatureError,
    ConflictError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
)
from veche.protocol.ids import ulid
from veche.protocol.money import MINOR_MAX, Money
from veche.transparency.envelope import verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.bulk.api import ApprovePayoutBody, PayoutBody, PayoutLine
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.api.bearer import OrganisationCaller

logger = logging.getLogger(__name__)

_PAID: Final = LineState.PAID.value


class TwoKeysError(ForbiddenError):
    """A payout above the organisation's limit needs another key than the one that ordered it."""

    errcode = "ORG.VECHE.TWO_KEYS"


def order(
    scene: Conversation, caller: OrganisationCaller, body: PayoutBody, envelope: Mapping[str, Any]
) -> PayoutView:
    """Take an instruction; it begins at once, or waits for a second key.

    Args:
        scene: The transaction.
        caller: Whose money it is.
        body: The instruction.
        envelope: As it was received, with its signatures.

    Raises:
        BadSignatureError: The caller's key has not signed it.
        MalformedError: Something of it is out of bounds; the field is named.
        ActRequiredError: It is an office's, and does not say on what ground.
        ConflictError: There is a payout of this number of theirs already.
    """
    _check_signed(scene, caller, body, envelope)
    _check(scene, caller, body)
    total_minor = sum(line.minor for line in body.lines)
    signed = canonical(_without_signatures(envelope), where="body")
    payout = BulkPayout(
        id=ulid(scene.now_ms, scene.vault.chance(f"{scene.sender.cause} {scene.now_ms}")),
        payer=scene.organisation(caller.id).id,
        ledger=holders.currencies(scene.txn)[body.currency],
        ours=body.ours,
        state=PayoutState.WAITING,
        total_minor=total_minor,
        lines=len(body.lines),
        gone_minor=0,
        sha256=hashlib.sha256(signed).digest(),
        made_by=caller.mark,
        approved_by=None,
        made_at_ms=scene.now_ms,
    )
    holders.lock_holder(scene.txn, payout.payer)
    kept = {
        "organisation": caller.id,
        "name": caller.name,
        "title": body.title,
        "currency": body.currency,
        "act": body.act.model_dump(mode="json") if body.act is not None else None,
        "envelope": dict(envelope),
    }
    lines = [_line(scene, line) for line in body.lines]
    if not store.add(scene.txn, payout, scene.vault.seal(kept), lines, scene.now_ms):
        raise ConflictError("There is a payout with this number (`ours`) already")
    logger.info("payout %s of %s: %d lines", payout.id, caller.id, payout.lines)
    section = scene.section.organisation(caller.id)
    # Several that are small one by one count together: else the limit would be none.
    earlier = store.one_key_minor(scene.txn, payout.payer, payout.ledger, scene.now_ms - DAY_MS)
    together = Money(minor=min(MINOR_MAX, total_minor + earlier), currency=body.currency)
    if section is None or not section.needs_two_keys(together):
        payout = bulk.take_step(scene, payout, PayoutInput.APPROVE)
    return _view(scene, payout, body.currency)


def approve(
    scene: Conversation,
    caller: OrganisationCaller,
    payout_id: str,
    body: ApprovePayoutBody,
    envelope: Mapping[str, Any],
) -> PayoutView:
    """Let a payout begin, by a second key.

    Raises:
        NotFoundError: There is no such payout of theirs.
        BadSignatureError: The caller's key has not signed this.
        TwoKeysError: It is the key that ordered it, or signs with the same secret.
        ConflictError: It is another instruction than the one that was signed.
        PayoutStateError: It does not wait.
    """
    payout = _payout(scene, caller, payout_id)
    _check_signed(scene, caller, body, envelope)
    if body.payout != payout_id or body.sha256 != payout.sha256.hex():
        raise ConflictError("What was approved is not this payout")
    if caller.mark == payout.made_by:
        raise TwoKeysError("Another key has to approve this than the one that ordered it")
    section = scene.section.organisation(caller.id)
    if section is None or payout.made_by not in {one.public_key for one in section.keys}:
        raise TwoKeysError("The key that ordered this is none of yours any more: stop this payout")
    after = bulk.take_step(scene, payout, PayoutInput.APPROVE)
    approval = scene.vault.seal({"envelope": dict(envelope)})
    store.approve(scene.txn, payout_id, caller.mark, approval)
    return _view(scene, after, _currency(scene, payout))


def stop(
    scene: Conversation, caller: OrganisationCaller, payout_id: str, reason: str
) -> PayoutView:
    """Begin no more lines of a payout; what is left goes back.

    Raises:
        NotFoundError: There is no such payout of theirs.
        PayoutStateError: It is over, or ends already.
    """
    payout = _payout(scene, caller, payout_id)
    after = bulk.take_step(scene, payout, PayoutInput.STOP)
    logger.info("payout %s is stopped by %s: %d characters", payout_id, caller.id, len(reason))
    return _view(scene, after, _currency(scene, payout))


def read(scene: Conversation, caller: OrganisationCaller, payout_id: str) -> PayoutView:
    """A payout of an organisation.

    Raises:
        NotFoundError: There is no such payout of theirs.
    """
    payout = _payout(scene, caller, payout_id, is_locked=False)
    return _view(scene, payout, _currency(scene, payout))


def lines_of(
    scene: Conversation, caller: OrganisationCaller, payout_id: str, after: int
) -> PayoutLinesView:
    """Lines of a payout after a place.

    Raises:
        NotFoundError: There is no such payout of theirs.
    """
    _payout(scene, caller, payout_id, is_locked=False)
    found = [one.line for one in store.lines_after(scene.txn, payout_id, after, PAGE_LINES_MAX)]
    views = tuple(
        PayoutLineView(
            n=line.n,
            ours=line.ours,
            state=line.state.value,
            minor=line.amount_minor,
            payment=line.payment_id,
            why=line.why,
        )
        for line in found
    )
    return PayoutLinesView(lines=views, cursor=found[-1].n if found else after)


def _check(scene: Conversation, caller: OrganisationCaller, body: PayoutBody) -> None:
    if body.currency not in scene.section.currencies:
        here = ", ".join(scene.section.currencies)
        raise MalformedError("body.currency", f"this currency is not kept here; here are: {here}")
    if sum(line.minor for line in body.lines) > MINOR_MAX:
        raise MalformedError("body.lines", "too much in one payout: split it")
    if acting.is_office(scene, caller.id) and body.act is None:
        raise ActRequiredError("What an office pays to persons is an act: send `act`, its ground")
    bot = scene.sender.bot.user_id
    server = bot.partition(":")[2]
    for number, line in enumerate(body.lines):
        where = f"body.lines.{number}"
        if line.iban is not None:
            if scene.banking.is_own(iban(line.iban, f"{where}.iban")):
                raise MalformedError(f"{where}.iban", "is an account of the institution itself")
            if payouts.bank_for(scene, body.currency) is None:
                raise MalformedError(f"{where}.iban", "no bank here pays out in this currency")
        elif line.to is not None and (line.to.partition(":")[2] != server or line.to == bot):
            raise MalformedError(f"{where}.to", "should be a person of this homeserver")


def _check_signed(
    scene: Conversation,
    caller: OrganisationCaller,
    body: PayoutBody | ApprovePayoutBody,
    envelope: Mapping[str, Any],
) -> None:
    """Refuse what the caller's key has not signed, for us, lately."""
    if caller.public_key is None:
        raise BadSignatureError("This key has no public_key by which instructions are checked")
    verify(envelope, caller.id, {KEY_ID: caller.public_key})
    if body.institution != scene.section.id:
        raise MalformedError("body.institution", f"should be {scene.section.id}")
    if body.organisation != caller.id:
        raise MalformedError("body.organisation", f"should be {caller.id}")
    if not scene.now_ms - SIGNED_MS_MAX <= body.at_ms <= scene.now_ms + AHEAD_MS_MAX:
        raise MalformedError("body.at_ms", "should be now: sign it again")


def _line(scene: Conversation, line: PayoutLine) -> NewLine:
    told = {
        "to": line.to,
        "iban": iban(line.iban) if line.iban is not None else None,
        "name": line.name,
        "reference": line.reference,
    }
    return NewLine(line.ours, line.minor, scene.vault.seal(told))


def _payout(
    scene: Conversation, caller: OrganisationCaller, payout_id: str, *, is_locked: bool = True
) -> BulkPayout:
    holder = scene.organisation(caller.id).id
    if store.payer_of(scene.txn, payout_id) != holder:
        raise NotFoundError("There is no such payout")
    if not is_locked:
        return store.payout(scene.txn, payout_id)
    found = bulk.lock(scene, payout_id)
    assert found is not None, "it was there just now, and stays"  # noqa: S101 -- our bug
    return found


def _currency(scene: Conversation, payout: BulkPayout) -> str:
    codes = {number: code for code, number in holders.currencies(scene.txn).items()}
    return codes[payout.ledger]


def _without_signatures(envelope: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in envelope.items() if key not in {"signatures", "unsigned"}}


def _view(scene: Conversation, payout: BulkPayout, currency: str) -> PayoutView:
    now, counts = store.payout(scene.txn, payout.id), store.counts(scene.txn, payout.id)
    return PayoutView(
        id=now.id,
        ours=now.ours,
        state=now.state.value,
        total=Money(minor=now.total_minor, currency=currency),
        paid=Money(minor=counts.get(_PAID, (0, 0))[1], currency=currency),
        lines={state: count for state, (count, _) in sorted(counts.items())},
        sha256=now.sha256.hex(),
        made_at_ms=now.made_at_ms,
    )
