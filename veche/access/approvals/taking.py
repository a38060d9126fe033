"""Taking approvals: held against exactly what was asked, once, with the evidence of it.

All in one transaction: the evidence, the end of what was asked, and the answer that goes on to the
bot of the question as a row of its inbox. What was refused is counted and logged, so nothing here
raises for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from veche.access.approvals import identities, limits, store, texts
from veche.access.approvals.core import (
    DECLINE,
    REFUSED_LOGGED_MAX,
    AskedState,
    Event,
    KeyKind,
    Verdict,
    counts_on,
    identity_of,
    is_held,
    judge,
    limit_of,
)
from veche.access.approvals.errors import (
    ApprovalClockError,
    ApprovalDiffersError,
    ApprovalError,
    ApprovalOverError,
    KeyCounterError,
    KeyHeldError,
    KeyRevokedError,
    KeyUnknownError,
    NotApprovedError,
)
from veche.access.approvals.parts import language_of, tell
from veche.access.approvals.store import Evidence
from veche.access.sessions import Level
from veche.messaging.inbox.pages import hand_in, page_event_id
from veche.protocol.approval import Decline, MandateShown, PaymentShown, challenge_of
from veche.protocol.approval import signed_bytes as bytes_of
from veche.protocol.errors import BadSignatureError, ForbiddenError, LevelTooLowError, NotFoundError
from veche.protocol.inbound import PromptAnswer, Trust
from veche.protocol.p256 import verify
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.access.approvals.core import Asked, Key, Rules
    from veche.access.approvals.parts import Parts
    from veche.access.approvals.store import Question
    from veche.access.sessions import Session
    from veche.protocol.approval import Approval, AskedApproval, SignedApproval
    from veche.protocol.errors import VecheError
    from veche.runtime.database import Cursor

NOTHING_ASKED: Final = "Nothing is asked under this number: open the page from the chat again"
Outcome = Literal["approved", "declined"]

_OVER: Final = N_(
    "This was approved, declined or withdrawn before, or it is too late. Please look in the chat."
)
_DIFFERS: Final = N_(
    "The signed text differs from the question. Nothing has changed. Please open the page from"
    " the chat again."
)
_UNKNOWN: Final = N_(
    "This key is none of yours here. Please add it on the page of your keys first."
)
_REVOKED: Final = N_("This key was revoked. Please use another one.")
_NOT_APPROVED: Final = N_("Nothing was approved under this number. Please approve it again.")
_CLOCK: Final = N_("The clock of this device is wrong by more than five minutes. Please try again.")
_HELD: Final = N_("This key is new. It may approve this from {until_ms} on: then press again.")
_COUNTER: Final = N_(
    "There may be a copy of this passkey, so it approves nothing. Please revoke it, and add"
    " another."
)
_ERRORS: Final[Mapping[Verdict, tuple[type[ApprovalError], str]]] = {
    Verdict.OVER: (ApprovalOverError, _OVER),
    Verdict.DIFFERS: (ApprovalDiffersError, _DIFFERS),
    Verdict.KEY_UNKNOWN: (KeyUnknownError, _UNKNOWN),
    Verdict.KEY_REVOKED: (KeyRevokedError, _REVOKED),
    Verdict.CLOCK: (ApprovalClockError, _CLOCK),
    Verdict.KEY_COUNTER: (KeyCounterError, _COUNTER),
}
_TOLD: Final = frozenset(
    {
        Verdict.DIFFERS,
        Verdict.KEY_UNKNOWN,
        Verdict.KEY_REVOKED,
        Verdict.BAD_SIGNATURE,
        Verdict.KEY_COUNTER,
    }
)
"""What looks like somebody else, so that the person is told; once for each approval, since whoever
knows a nonce must not ring all day."""


@attrs.frozen
class Taken:
    """The result of taking a signed approval.

    Attributes:
        verdict: What it was worth.
        outcome: What it did, or why it was refused; then nothing has changed but the log.
    """

    verdict: Verdict
    outcome: Outcome | VecheError


def take(txn: Cursor, parts: Parts, signed: SignedApproval, now_ms: int) -> Taken:
    """Take an approval, or its refusal, that a key signed.

    Commit the transaction whatever comes back.

    Raises:
        NotFoundError: Nothing was asked under its nonce.
        MalformedError: It shows more than can be shown.
        UnavailableError: Who is in the room is being read.
        RefusedError: The bot that asked is not in the room any more.
    """
    found = store.asked_of(txn, signed.approval.nonce, now_ms, is_locked=True)
    if found is None:
        raise NotFoundError(NOTHING_ASKED)
    asked, question = found
    if not identities.is_current(txn, asked):
        asked = attrs.evolve(asked, state=AskedState.CLOSED)
    key = store.lock_key(txn, signed.key)
    spent_minor = _spent(txn, key, signed.approval)
    verdict = judge(asked, key, signed.approval, now_ms, parts.rules, spent_minor)
    sign_count = 0
    if verdict is Verdict.GOOD and key is not None:
        verdict, sign_count = _judge_signature(parts, key, signed)
    if verdict is not Verdict.GOOD or key is None:
        _refuse(txn, parts, asked, key, verdict, now_ms)
        return Taken(verdict, _error(verdict, key))
    store.set_used(txn, key.id, sign_count, now_ms)
    if not _keep(txn, parts, key, signed, now_ms):
        return Taken(Verdict.OVER, _error(Verdict.OVER, key))
    if isinstance(signed.approval, Decline):
        _end(txn, asked, AskedState.DECLINED, now_ms, key)
        _answer(txn, asked, question, DECLINE, Trust.SIGNED, now_ms)
        return Taken(verdict, "declined")
    _end(txn, asked, AskedState.APPROVED, now_ms, key)
    _answer(txn, asked, question, asked.choice, Trust.SIGNED, now_ms)
    _carry_out(txn, parts, asked, signed.approval, now_ms)
    return Taken(verdict, "approved")


def decline(txn: Cursor, session: Session, nonce: str, now_ms: int) -> None:
    """Say no without a key: whoever is signed in as the person may.

    Raises:
        NotFoundError: Nothing was asked of this person under the nonce.
        ApprovalOverError: It is over.
        LevelTooLowError: The question needs a surer answer.
        UnavailableError: Who is in the room is being read.
        RefusedError: The bot that asked is not in the room any more.
    """
    found = store.asked_of(txn, nonce, now_ms, is_locked=True)
    if found is None or found[0].person != session.person:
        raise NotFoundError("Nothing is asked of you under this number")
    asked, question = found
    if asked.state is not AskedState.OPEN:
        raise ApprovalOverError(_OVER)
    trust = session.level.trust
    if question is not None and trust < question.prompt.trust:
        if question.prompt.trust > Level.VERIFIED.trust:
            raise ForbiddenError("Please decline with your key")
        required = next(one for one in Level if one.trust >= question.prompt.trust)
        raise LevelTooLowError(
            "Please sign in with a link from the bot for this", required=required.label
        )
    _end(txn, asked, AskedState.DECLINED, now_ms, None)
    _answer(txn, asked, question, DECLINE, trust, now_ms)


def authorised(txn: Cursor, parts: Parts, nonce: str | None) -> Evidence:
    """Read the evidence of an approval that still counts: the only way to it for services.

    Until the transaction ends nobody revokes the key.

    Raises:
        NotApprovedError: Nothing was approved under the nonce, or it was declined.
        KeyRevokedError: The key that approved it was revoked since.
    """
    evidence = store.evidence_of(txn, parts.vault, nonce) if nonce is not None else None
    if evidence is None or evidence.kind == DECLINE:
        raise NotApprovedError(_NOT_APPROVED)
    key = store.share_key(txn, evidence.key_id) if evidence.key_id is not None else None
    if key is not None and key.revoked_at_ms is not None:
        raise KeyRevokedError(_REVOKED)
    return evidence


def is_key_held(
    txn: Cursor, key: Key, approval: Approval | AskedApproval, now_ms: int, rules: Rules
) -> bool:
    """Return whether a key is too new for an approval that is asked for."""
    return is_held(key, approval, now_ms, rules, _spent(txn, key, approval))


def _spent(txn: Cursor, key: Key | None, approval: Approval | AskedApproval | Decline) -> int:
    if key is None or isinstance(approval, Decline):
        return 0
    if not isinstance(approval.shown, PaymentShown):
        return 0
    currency = approval.shown.amount.currency
    return store.spent_by_key(txn, key.id, currency, key.held_until_ms)


def _judge_signature(parts: Parts, key: Key, signed: SignedApproval) -> tuple[Verdict, int]:
    """Judge the signature, and return the new counter of the key."""
    data = bytes_of(signed.approval)
    try:
        if key.kind is KeyKind.P256 and signed.signature is not None:
            verify(key.public_key, data, signed.signature)
            return Verdict.GOOD, 0
        if key.kind is KeyKind.WEBAUTHN and signed.webauthn is not None and parts.site is not None:
            challenge = challenge_of(data)
            from veche.access.approvals import passkeys  # noqa: PLC0415 -- 5 MiB, often not needed

            count = passkeys.check_assertion(parts.site, key.public_key, challenge, signed.webauthn)
            return (Verdict.GOOD if counts_on(key, count) else Verdict.KEY_COUNTER), count
    except BadSignatureError:
        pass
    return Verdict.BAD_SIGNATURE, 0


def _refuse(
    txn: Cursor, parts: Parts, asked: Asked, key: Key | None, verdict: Verdict, now_ms: int
) -> None:
    if verdict is Verdict.OVER:
        return  # a second press, as a rule
    store.count_refused(txn, asked.nonce)
    if asked.refused_count >= REFUSED_LOGGED_MAX:
        return
    person, kind = asked.person, asked.kind
    own = key if key is not None and key.person == person else None
    store.log(txn, person, Event.REFUSED, now_ms, key=own, kind=kind, why=verdict.value)
    if verdict in _TOLD and store.set_told(txn, asked.nonce):
        url = parts.links.keys() if parts.links is not None else None
        doc = texts.refused_doc(kind, verdict.value, url, language_of(txn, person))
        tell(txn, parts, person, f"refused {asked.nonce}", doc, now_ms)


def _keep(txn: Cursor, parts: Parts, key: Key, signed: SignedApproval, now_ms: int) -> bool:
    """Keep the evidence; False if there is some of this approval."""
    approval = signed.approval
    if signed.webauthn is not None:
        proof: dict[str, Any] = {"webauthn": signed.webauthn.model_dump(mode="json")}
    else:
        proof = {"signature": signed.signature}
    evidence = Evidence(
        nonce=approval.nonce,
        person=key.person,
        kind=approval.kind,
        means=key.kind.value,
        key_id=key.id,
        signed=bytes_of(approval),
        proof=proof,
        at_ms=now_ms,
    )
    shown = None if isinstance(approval, Decline) else approval.shown
    if not isinstance(shown, PaymentShown):
        return store.add_evidence(txn, parts.vault, evidence)
    amount = shown.amount
    return store.add_evidence(
        txn, parts.vault, evidence, minor=amount.minor, currency=amount.currency
    )


def _end(txn: Cursor, asked: Asked, state: AskedState, now_ms: int, key: Key | None) -> None:
    store.end_asked(txn, asked.nonce, state, now_ms)
    what = Event.USED if state is AskedState.APPROVED else Event.DECLINED
    store.log(txn, asked.person, what, now_ms, key=key, kind=asked.kind, nonce=asked.nonce)


def _answer(
    txn: Cursor,
    asked: Asked,
    question: Question | None,
    choice: str | None,
    trust: Trust,
    now_ms: int,
) -> None:
    """Let the bot that asked hear the answer."""
    if question is None:
        return  # of the daily limit
    answer = PromptAnswer(
        bot=question.bot,
        room_id=question.room_id,
        event_id=page_event_id(asked.person, f"approval {asked.nonce}"),
        sender=asked.person,
        trust=trust,
        at_ms=now_ms,
        prompt=question.prompt.id,
        choice=choice,
        nonce=asked.nonce if trust is Trust.SIGNED else None,
    )
    hand_in(txn, answer)


def _carry_out(txn: Cursor, parts: Parts, asked: Asked, approval: Approval, now_ms: int) -> None:
    """Carry out an approval that no service asked for: of a daily limit, or of an identity."""
    if asked.prompt_id is None and isinstance(approval.shown, MandateShown):
        cap = limit_of(approval.shown)
        identity = identity_of(asked)
        if cap is not None:
            limits.raised(txn, parts, asked.person, cap, asked.nonce, now_ms)
        elif identity is not None:
            identities.confirm(txn, parts, asked.person, identity, "key", now_ms)


def _error(verdict: Verdict, key: Key | None) -> VecheError:
    if verdict is Verdict.BAD_SIGNATURE:
        return BadSignatureError("The signature is not of this key over this")
    if verdict is Verdict.KEY_HELD:
        return KeyHeldError(_HELD, until_ms=0 if key is None else key.held_until_ms)
    kind, message = _ERRORS[verdict]
    return kind(message)
