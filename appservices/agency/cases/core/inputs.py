"""Inputs to a case: from the person, the staff, the clock, and our own machines."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs

from appservices.agency.cases.core.states import TimerKind
from veche.protocol.inbound import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.language.core.definition import Decision
    from appservices.agency.offices.core.office import Staff
    from veche.protocol.forms import Problem
    from veche.protocol.forms.state import Input as FormInput


class InputKind(enum.Enum):
    """The kinds of inputs: the columns of the table of transitions."""

    ANSWERS = "answers"
    WITHDRAW = "withdraw"
    STATUS = "status"
    WHY = "why"
    ASK_HUMAN = "ask_human"
    ADD_FILE = "add_file"
    EXPORT = "export"
    CLAIM = "claim"
    RETURN = "return"
    ASSIGN = "assign"
    FLAG = "flag"
    WRITE = "write"
    DESK_ANSWERS = "desk_answers"
    ASK_MORE = "ask_more"
    APPROVE = "approve"
    REFUSE = "refuse"
    REPLY = "reply"
    RETRY = "retry"
    CALL = "call"
    CALL_CONFIRMED = "call_confirmed"
    REMINDER = "reminder"
    OVERDUE = "overdue"
    EXPIRY = "expiry"
    QUESTION_OVERDUE = "question_overdue"
    WAITED = "waited"
    CLOSING = "closing"
    ROOM_MADE = "room_made"
    DOCUMENT_MADE = "document_made"
    DOCUMENT_FAILED = "document_failed"
    FEE_ASKED = "fee_asked"
    FEE_FAILED = "fee_failed"
    FEE_PAID = "fee_paid"
    FEE_REFUNDED = "fee_refunded"
    SIGNATURES_ASKED = "signatures_asked"
    SIGNING_FAILED = "signing_failed"
    ALL_SIGNED = "all_signed"
    NOT_SIGNED = "not_signed"
    LEGALLY_SERVED = "legally_served"


@attrs.frozen
class Answers:
    """The person says, presses or sends something: to the form, or to the desk's question."""

    kind: ClassVar = InputKind.ANSWERS
    said: FormInput
    trust: Trust = Trust.ANY


@attrs.frozen
class Withdraw:
    """The person takes the case back.

    Attributes:
        is_confirmed: Whether they were asked and said yes.
    """

    kind: ClassVar = InputKind.WITHDRAW
    is_confirmed: bool = False


@attrs.frozen
class Status:
    """The person wants to know where it stands."""

    kind: ClassVar = InputKind.STATUS


@attrs.frozen
class Why:
    """The person wants to know what is being waited for."""

    kind: ClassVar = InputKind.WHY


@attrs.frozen
class AskHuman:
    """The person asks for a human being."""

    kind: ClassVar = InputKind.ASK_HUMAN
    text: str = ""


@attrs.frozen
class AddFile:
    """The person adds a file that was not asked for.

    Attributes:
        file: A value of the kind ``file`` (see ``veche.protocol.forms``).
        problem: What was found when it was fetched; None: nothing.
        trust: How sure it is that the person sent it.
    """

    kind: ClassVar = InputKind.ADD_FILE
    file: Mapping[str, Any]
    problem: Problem | None = None
    trust: Trust = Trust.ANY


@attrs.frozen
class Export:
    """The person wants the whole case as a file."""

    kind: ClassVar = InputKind.EXPORT


@attrs.frozen
class Claim:
    """A clerk takes the case."""

    kind: ClassVar = InputKind.CLAIM
    by: Staff


@attrs.frozen
class Return:
    """A clerk gives the case back to the desk."""

    kind: ClassVar = InputKind.RETURN
    by: Staff


@attrs.frozen
class Assign:
    """Somebody gives the case to a clerk.

    Attributes:
        to: Id in the staff list.
    """

    kind: ClassVar = InputKind.ASSIGN
    by: Staff
    to: str


@attrs.frozen
class FlagCase:
    """A clerk makes a remark, or takes it back."""

    kind: ClassVar = InputKind.FLAG
    by: Staff
    flag: str
    is_set: bool = True


@attrs.frozen
class Write:
    """A clerk wants to refuse, or to ask for more, and has not yet said how.

    Attributes:
        decision: ``REFUSE`` or ``ASK_MORE``.
    """

    kind: ClassVar = InputKind.WRITE
    by: Staff
    decision: Decision


@attrs.frozen
class DeskAnswers:
    """A clerk goes on writing."""

    kind: ClassVar = InputKind.DESK_ANSWERS
    by: Staff
    said: FormInput


@attrs.frozen
class AskMore:
    """A clerk asks the person for more."""

    kind: ClassVar = InputKind.ASK_MORE
    by: Staff
    text: str


@attrs.frozen
class Approve:
    """A clerk approves."""

    kind: ClassVar = InputKind.APPROVE
    by: Staff


@attrs.frozen
class Refuse:
    """A clerk refuses.

    Attributes:
        reason: Code of a reason of the service.
        law: The rule in words; empty: that of the reason.
        text: Why, in the clerk's words, for the person.
    """

    kind: ClassVar = InputKind.REFUSE
    by: Staff
    reason: str
    law: str
    text: str


@attrs.frozen
class Reply:
    """Somebody of the office writes to the person, usually to answer a question."""

    kind: ClassVar = InputKind.REPLY
    by: Staff
    text: str


@attrs.frozen
class Retry:
    """Somebody of the office lets the document, or the invoice, be made again."""

    kind: ClassVar = InputKind.RETRY
    by: Staff


@attrs.frozen
class Call:
    """Somebody of the office is about to call the person."""

    kind: ClassVar = InputKind.CALL
    by: Staff


@attrs.frozen
class CallConfirmed:
    """The person has asked whether it is the office that calls, and it is."""

    kind: ClassVar = InputKind.CALL_CONFIRMED


@attrs.frozen
class TimerFired:
    """A timer of the case has fired.

    Attributes:
        timer: Which.
        serial: That of the clock; a clock that was set anew meanwhile means nothing.
    """

    timer: TimerKind
    serial: int

    @property
    def kind(self) -> InputKind:
        """The column of its clock."""
        return CLOCK_KINDS[self.timer]


@attrs.frozen
class RoomMade:
    """The room of the case is ready."""

    kind: ClassVar = InputKind.ROOM_MADE


@attrs.frozen
class DocumentMade:
    """The document is made and stored.

    Attributes:
        sha256: Of the plain file, hexadecimal.
        size_bytes: Of the plain file.
    """

    kind: ClassVar = InputKind.DOCUMENT_MADE
    sha256: str
    size_bytes: int


@attrs.frozen
class DocumentFailed:
    """The document cannot be made.

    Attributes:
        reason: For the office; without values of the case.
    """

    kind: ClassVar = InputKind.DOCUMENT_FAILED
    reason: str


@attrs.frozen
class FeeAsked:
    """The invoice of a fee is made.

    Attributes:
        number: Of the fee.
        reference: By which it is paid.
        url: Page on which it is paid; None: there is none.
    """

    kind: ClassVar = InputKind.FEE_ASKED
    number: int
    reference: str
    url: str | None


@attrs.frozen
class FeeFailed:
    """No invoice can be made.

    Attributes:
        number: Of the fee.
        reason: For the office.
    """

    kind: ClassVar = InputKind.FEE_FAILED
    number: int
    reason: str


@attrs.frozen
class FeePaid:
    """A fee is paid."""

    kind: ClassVar = InputKind.FEE_PAID
    number: int


@attrs.frozen
class FeeRefunded:
    """The person has a fee again that they paid."""

    kind: ClassVar = InputKind.FEE_REFUNDED
    number: int


@attrs.frozen
class SignaturesAsked:
    """A document is with the service of signing.

    Attributes:
        number: Of the document.
        session: There.
    """

    kind: ClassVar = InputKind.SIGNATURES_ASKED
    number: int
    session: str


@attrs.frozen
class SigningFailed:
    """A document cannot be sent to be signed.

    Attributes:
        number: Of the document.
        reason: For the office.
    """

    kind: ClassVar = InputKind.SIGNING_FAILED
    number: int
    reason: str


@attrs.frozen
class AllSigned:
    """Everyone has signed a document.

    Attributes:
        number: Of the document.
        session: In which they have.
    """

    kind: ClassVar = InputKind.ALL_SIGNED
    number: int
    session: str


@attrs.frozen
class NotSigned:
    """A document is not signed, and never will be.

    Attributes:
        number: Of the document.
        session: In which it was to be signed.
        is_late: Whether the time was over; else somebody declined.
    """

    kind: ClassVar = InputKind.NOT_SIGNED
    number: int
    session: str
    is_late: bool


@attrs.frozen
class LegallyServed:
    """A message of the office counts as served.

    Attributes:
        at_ms: Since when, UTC.
        law: The rule by which it does although nobody saw it; None: it was displayed.
    """

    kind: ClassVar = InputKind.LEGALLY_SERVED
    at_ms: int
    law: str | None


CLOCK_KINDS: Final = {
    TimerKind.REMINDER: InputKind.REMINDER,
    TimerKind.OVERDUE: InputKind.OVERDUE,
    TimerKind.EXPIRY: InputKind.EXPIRY,
    TimerKind.QUESTION: InputKind.QUESTION_OVERDUE,
    TimerKind.WAIT: InputKind.WAITED,
    TimerKind.CLOSING: InputKind.CLOSING,
}

PersonInput = Answers | Withdraw | Status | Why | AskHuman | AddFile | Export | CallConfirmed
StaffInput = (
    Claim
    | Return
    | Assign
    | FlagCase
    | Write
    | DeskAnswers
    | AskMore
    | Approve
    | Refuse
    | Reply
    | Retry
    | Call
)
MachineInput = (
    RoomMade
    | DocumentMade
    | DocumentFailed
    | FeeAsked
    | FeeFailed
    | FeePaid
    | FeeRefunded
    | SignaturesAsked
    | SigningFailed
    | AllSigned
    | NotSigned
    | LegallyServed
)
Input = PersonInput | StaffInput | TimerFired | MachineInput
