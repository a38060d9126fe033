"""News of documents signed by one approval: one message for all within some seconds.

Two hundred documents of one gesture would be two hundred messages that each was signed, and as many
that each is complete, to the signer and to who asks. What is said once for several names each of
them; what is not as it was wanted (a refusal, a time that was over, a file that is not wholly
proven) is said of each by itself, and each file comes with its report as before.

Which documents those are is read when it is said, from what is kept: nothing is counted before, so
nothing is lost if two come at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.cards.texts import together as words
from appservices.signing.cards.texts.news import result_doc, signature_doc, yours_doc
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service import keeping
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.store import listed, sessions, signatures
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import UserId, effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.store.signatures import Signature
    from veche.runtime.database import Cursor

SIGNED: Final = "signing.signed_together"
"""Job: says which documents somebody has signed in one span by one approval."""
COMPLETE: Final = "signing.complete_together"
"""Job: says which documents became complete in one span."""
SPAN_MS: Final = 30_000
"""What happens in such a span is said once, after it."""
GRACE_MS: Final = 5_000
"""Until what happened in a span is kept: transactions end before."""
COMPLETE_MAX: Final = 1_000
"""Documents of one person that become complete in a span."""
SEALED: Final = "sealed"
"""The verdict of a file that is wholly proven."""


def is_together(signature: Signature) -> bool:
    """Return whether it comes from an approval of several documents."""
    return signature.nonce is not None and signatures.TOGETHER in signature.details


def tell_signed(scene: Conversation, signature: Signature, signer: UserId, to: UserId) -> None:
    """Have it said soon that somebody has signed, with what else they sign by this approval.

    Args:
        scene: The transaction.
        signature: One of several by one approval.
        signer: Who signed.
        to: Whom it is told: the signer, or who asks.
    """
    _order(scene, SIGNED, signature.at_ms, {"to": to, "signer": signer, "nonce": signature.nonce})


def completed(scene: Conversation, session: Session, verdict: str | None) -> bool:
    """Return whether a document's completion is reported together with others."""
    if session.state is not State.COMPLETED or verdict != SEALED or session.is_blind:
        return False
    if session.closed_at_ms is None or keeping.is_forgotten(scene, session):
        return False
    return any(map(is_together, signatures.of_session(scene.txn, scene.vault, session.id)))


def tell_completed(scene: Conversation, session: Session, to: UserId) -> None:
    """Have it said soon that a document is complete, with those that become it at that time."""
    closed_at_ms = session.closed_at_ms
    assert closed_at_ms is not None, "it is closed"  # noqa: S101 -- our bug
    _order(scene, COMPLETE, closed_at_ms, {"to": to})


def _order(scene: Conversation, kind: str, at_ms: int, payload: dict[str, Any]) -> None:
    span = at_ms // SPAN_MS
    id_ = effect_id(kind, *payload.values(), span)
    due_at_ms = (span + 1) * SPAN_MS + GRACE_MS
    jobs.schedule(scene.txn, Job(id_, kind, {**payload, "span": span}, due_at_ms))


class SignedTogether(ChatJob[Parts]):
    """Says which documents somebody has signed in one span by one approval."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Say it to the signer, or to who asks."""
        scene, payload = self._parts.conversation(txn, job.id, now_ms), job.payload
        to, signer = UserId(payload["to"]), UserId(payload["signer"])
        room_id = scene.chat_of(to)
        if room_id is None:
            return
        span = payload["span"] * SPAN_MS
        ids = signatures.by_approval(txn, signer, payload["nonce"], span, span + SPAN_MS)
        found = [
            (session, member, signature)
            for session_id, party in ids
            for session, member, signature in _signed(scene, session_id, party)
            if to in (signer, session.requester)
        ]
        localizer, is_yours = scene.localizer(to), to == signer
        if len(found) == 1:
            session, member, signature = found[0]
            doc = (
                yours_doc(session, signature.level, localizer)
                if is_yours
                else signature_doc(session, member, signature.level, localizer)
            )
            scene.tell(room_id, to, doc, is_quiet=is_yours)
        elif found:
            _, member, signature = found[0]
            held = [session for session, _, _ in found]
            name = None if is_yours else member.name
            doc = words.signed_doc(name, held, signature.level, localizer)
            scene.tell(room_id, to, doc, is_quiet=is_yours)


class CompleteTogether(ChatJob[Parts]):
    """Says which documents became complete in one span."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Say it to one who gets their files."""
        scene, payload = self._parts.conversation(txn, job.id, now_ms), job.payload
        to, span = UserId(payload["to"]), payload["span"] * SPAN_MS
        room_id = scene.chat_of(to)
        if room_id is None:
            return
        ids = listed.completed_of(txn, to, span, span + SPAN_MS, COMPLETE_MAX)
        found = [one for one in _read(scene, ids) if completed(scene, one, SEALED)]
        check_url = scene.links.page("verify") if scene.links is not None else None
        localizer = scene.localizer(to)
        if len(found) == 1:
            until_ms = keeping.forgotten_at_ms(scene, found[0])
            scene.tell(room_id, to, result_doc(found[0], SEALED, check_url, until_ms, localizer))
        elif found:
            until = [keeping.forgotten_at_ms(scene, one) for one in found]
            until_ms = min((one for one in until if one is not None), default=None)
            scene.tell(room_id, to, words.complete_doc(found, check_url, until_ms, localizer))


def _signed(
    scene: Conversation, session_id: str, party: str
) -> Sequence[tuple[Session, Member, Signature]]:
    session = sessions.read(scene.txn, scene.vault, session_id)
    member = None if session is None else session.member(party)
    if session is None or member is None:
        return ()
    given = signatures.of_session(scene.txn, scene.vault, session.id)
    return [(session, member, one) for one in given if one.party == party]


def _read(scene: Conversation, ids: Sequence[str]) -> list[Session]:
    found = (sessions.read(scene.txn, scene.vault, one) for one in ids)
    return [one for one in found if one is not None]
