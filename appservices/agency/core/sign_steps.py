"""What the service of signing reports of a document, and what happens if nothing comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.core.case import HISTORY_MAX
from appservices.agency.core.effects import Escalate, FetchSigned, TellPerson, Topic
from appservices.agency.core.office import Role
from appservices.agency.core.signing import give_up_signatures, keep_signatures
from appservices.agency.core.states import Happened, State, TimerKind
from appservices.agency.core.terms import start_office_clock
from appservices.agency.core.texts.desk import escalated_signing_doc, retry_signing_question
from appservices.agency.core.texts.signing import asked_doc, signed_doc
from appservices.agency.core.turn import stale

if TYPE_CHECKING:
    from appservices.agency.core.case import Signatures
    from appservices.agency.core.inputs import (
        AllSigned,
        NotSigned,
        SignaturesAsked,
        SigningFailed,
    )
    from appservices.agency.core.turn import Turn


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
