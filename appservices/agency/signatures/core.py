"""Documents that are signed by persons before they are delivered: asked for, signed, and given up.

A case whose document is being signed stands in ``SIGNING``; the office's clock stands still
meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core.case import HISTORY_MAX, Signatures
from appservices.agency.cases.core.effects import (
    AskSignatures,
    Escalate,
    FetchSigned,
    GiveUpSignatures,
    TellPerson,
    Topic,
)
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.cases.core.terms import start_office_clock, stop_office_clock
from appservices.agency.cases.core.turn import stale
from appservices.agency.desk.texts import escalated_signing_doc, retry_signing_question
from appservices.agency.documents.core import document_data
from appservices.agency.language.core.definition import Signer
from appservices.agency.offices.core.office import Role
from appservices.agency.signatures.texts import asked_doc, signed_doc

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import PendingDocument
    from appservices.agency.cases.core.inputs import (
        AllSigned,
        NotSigned,
        SignaturesAsked,
        SigningFailed,
    )
    from appservices.agency.cases.core.turn import Turn
    from appservices.agency.language.core.definition import SignStep

GRACE_MS: Final = 60 * 60 * 1000
"""How long after the last moment to sign a case still waits to hear of it."""


def ask_signatures(turn: Turn, step: SignStep, pending: PendingDocument) -> None:
    """Have the pending document signed; the case waits until everyone has."""
    stop_office_clock(turn)
    until_ms = turn.context.office.calendar.after_days(turn.context.now_ms, step.due_days)
    asked = Signatures(
        number=pending.number,
        step=turn.case.step,
        due_at_ms=until_ms,
        clerk=turn.case.decided_by if Signer.CLERK in step.by else None,
    )
    turn.change(state=State.SIGNING, pending=pending, signatures=asked)
    turn.set_clock(TimerKind.EXPIRY, until_ms + GRACE_MS)
    turn.record(Role.OFFICE, Happened.SIGNATURES_ASKED)
    emit_signatures(turn)


def emit_signatures(turn: Turn) -> None:
    """Let the pending document be made and sent to be signed, or again."""
    rules, pending = turn.definition.document, turn.case.pending
    if rules is None or pending is None:
        raise AssertionError("only a pending document is signed")
    data = document_data(turn.definition, turn.case, pending, turn.context)
    turn.emit(AskSignatures(pending.number, rules.template, data))


def give_up_signatures(turn: Turn) -> None:
    """The document is not to be signed any more by those who were asked."""
    asked = turn.case.signatures
    if asked is not None and asked.session is not None and not asked.is_signed:
        turn.emit(GiveUpSignatures(asked.session))


def keep_signatures(turn: Turn, **changes: Any) -> None:
    """Note what has become of the signatures that were asked for."""
    asked = turn.case.signatures
    assert asked is not None, "they were asked for"  # noqa: S101 -- our bug
    turn.change(signatures=attrs.evolve(asked, **changes))


def signatures_asked(turn: Turn, heard: SignaturesAsked) -> None:
    """The document is with the service of signing: tell the person how it goes on."""
    asked = _waiting(turn, heard.number)
    if asked.session is not None:
        raise stale()
    keep_signatures(turn, session=heard.session, has_failed=False)
    turn.close(Topic.RETRY)
    turn.emit(TellPerson(asked_doc(turn.definition, turn.case, turn.context)))


def signing_failed(turn: Turn, heard: SigningFailed) -> None:
    """The document cannot be sent, or not be signed by whom it was: the office must mend it."""
    _waiting(turn, heard.number)
    give_up_signatures(turn)
    keep_signatures(turn, session=None, has_failed=True)
    if len(turn.case.history) < HISTORY_MAX:
        turn.record(Role.OFFICE, Happened.SIGNING_FAILED)
    question = retry_signing_question(turn.case, heard.reason, turn.context)
    doc = escalated_signing_doc(turn.definition, turn.case, turn.context)
    turn.emit(Escalate(turn.definition.deadline.escalate_to, doc, question))


def all_signed(turn: Turn, heard: AllSigned) -> None:
    """Everyone has signed: the office's clock runs again, and the signed file is fetched."""
    waiting_session(turn, heard)
    turn.drop_clocks(TimerKind.EXPIRY, TimerKind.REMINDER)
    turn.close(Topic.RETRY)
    keep_signatures(turn, is_signed=True)
    turn.change(state=State.DECIDED_YES)
    turn.record(Role.OFFICE, Happened.SIGNED)
    turn.emit(TellPerson(signed_doc(turn.context)), FetchSigned(heard.session))
    start_office_clock(turn, turn.case.days_left or 1)


def _waiting(turn: Turn, number: int) -> Signatures:
    asked = turn.case.signatures
    if asked is None or asked.number != number or asked.is_signed:
        raise stale()
    return asked


def waiting_session(turn: Turn, heard: AllSigned | NotSigned) -> None:
    """Make sure that the news is of the very session that was asked for.

    Whoever asks for signatures in the name of the organisation chooses what they refer to.
    """
    if _waiting(turn, heard.number).session != heard.session:
        raise stale()
