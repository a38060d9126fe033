"""A case: what is known of one person's matter with one service."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.states import Happened, State, TimerKind
    from appservices.agency.language.core.definition import Decision
    from appservices.agency.offices.core.office import Role
    from veche.protocol.forms.state import FormState
    from veche.protocol.forms.values import Value
    from veche.protocol.ids import Ulid

HISTORY_MAX: Final = 500
"""Entries from which on only what ends the case is still done to it."""
FILES_MAX: Final = 20
"""Most files that a person may add beside the form."""
ASKED_MAX: Final = 10
"""Most times that a desk may ask for more."""
TEXT_CHARACTERS_MAX: Final = 2_000
"""Longest text that a clerk or a person adds: question, answer, reasons of a refusal. A character
takes up to twelve bytes in the edit of a message, so that with the words around it fits."""
QUESTION_ESCALATIONS_MAX: Final = 3
"""How often an unanswered question is handed up before the person is told how to complain."""


@attrs.frozen
class HistoryEntry:
    """One thing that happened.

    Attributes:
        at_ms: UTC.
        role: Who did it; never a name.
        state: Where the case stood afterwards.
        happened: What.
        text: What was written with it, if the person may read it; else None.
    """

    at_ms: int
    role: Role
    state: State
    happened: Happened
    text: str | None = None


@attrs.frozen
class Timer:
    """A clock that is set.

    Attributes:
        kind: What for.
        at_ms: When it rings, UTC.
        serial: Tells it from clocks of its kind that were set before.
    """

    kind: TimerKind
    at_ms: int
    serial: int


class QuestionKind(enum.Enum):
    """The kind of a person's question to the office."""

    HUMAN = "human"
    """For a human being, with a text or without."""
    WHY = "why"
    """Why it takes so long."""


@attrs.frozen
class OpenQuestion:
    """A question of the person that the office has not answered.

    Attributes:
        text: What was asked; empty if nothing was written.
        due_at_ms: Until when the office must answer, UTC.
        escalations: How often it was handed up.
    """

    kind: QuestionKind
    text: str
    due_at_ms: int
    escalations: int = 0


@attrs.frozen
class Refusal:
    """Why the case was refused, and what the person can do.

    Attributes:
        code: Of a reason of the service; ``silence`` if the office said nothing.
        law: The rule in words, if the clerk named another than that of the reason.
        text: The clerk's words; empty if a rule decided.
        appeal_until_ms: UTC.
    """

    code: str
    law: str | None
    text: str
    appeal_until_ms: int


@attrs.frozen
class Issued:
    """A document that was made.

    Attributes:
        number: Which document of the case it is, from 1.
        title: As it stands on it.
        sha256: Of the plain file, hexadecimal.
        size_bytes: Of the plain file.
        issued_at_ms: UTC.
        valid_until_ms: UTC; None: without end.
    """

    number: int
    title: str
    sha256: str
    size_bytes: int
    issued_at_ms: int
    valid_until_ms: int | None


@attrs.frozen
class PendingDocument:
    """A document that is being made.

    Attributes:
        number: Which document of the case it is, from 1.
        language: In which it is written.
        issued_at_ms: What stands on it, UTC; the same if it has to be made again.
        valid_until_ms: UTC; None: without end.
        has_failed: Whether it could not be made, and waits for the office.
    """

    number: int
    language: str
    issued_at_ms: int
    valid_until_ms: int | None
    has_failed: bool = False


class FeeState(enum.Enum):
    """The state of a fee."""

    ASKED = "asked"
    PAID = "paid"
    GIVEN_UP = "given_up"
    """The case ended without it: its invoice is taken back; what was paid comes back by itself."""
    REFUNDED = "refunded"
    """The person has it again."""


@attrs.frozen
class Fee:
    """A fee that was asked for.

    Attributes:
        number: Which fee of the case it is, from 1.
        step: Index of the step of the service that asks for it.
        minor: How much, in minor units of ``currency``; at least 1.
        currency: ISO 4217.
        due_at_ms: Until when it can be paid, UTC.
        goes_on: Where the case stood, and stands again once it is paid.
        state: What has become of it.
        reference: By which it is paid; None: there is no invoice yet.
        url: Page on which it is paid; None: there is none.
        has_failed: Whether no invoice could be made, which waits for the office.
    """

    number: int
    step: int
    minor: int
    currency: str
    due_at_ms: int
    goes_on: State
    state: FeeState = FeeState.ASKED
    reference: str | None = None
    url: str | None = None
    has_failed: bool = False

    @property
    def amount(self) -> Money:
        """How much."""
        return Money(minor=self.minor, currency=self.currency)


@attrs.frozen
class Signatures:
    """Signatures that were asked for on a document.

    Attributes:
        number: Which document of the case it is, from 1.
        step: Index of the step of the service that asks for them.
        due_at_ms: Until when it can be signed, UTC.
        clerk: Who signs for the office, an id of the staff list; None: nobody.
        session: Of the service of signing; None: it is not there yet.
        is_signed: Whether everyone has signed.
        has_failed: Whether it could not be sent to be signed, which waits for the office.
    """

    number: int
    step: int
    due_at_ms: int
    clerk: str | None = None
    session: str | None = None
    is_signed: bool = False
    has_failed: bool = False


@attrs.frozen
class AddedFile:
    """A file that the person added beside the form."""

    at_ms: int
    file: Mapping[str, Any]


@attrs.frozen
class DeskForm:
    """A clerk's unfinished text: the reasons of a refusal, or a question to the person."""

    decision: Decision
    by: str
    form: FormState


@attrs.frozen(kw_only=True)
class Case:
    """One matter of one person.

    Attributes:
        id: Id of the case.
        service: Id of the service.
        digest: Of the service's file with which it began, and on which it ends.
        subject: The person, as the organisation knows them; never a Matrix id.
        office: Id of the office.
        state: Where it stands.
        opened_at_ms: UTC.
        has_room: Whether the room in which the person follows it is there; no desk has it before.
        step: Index of the step of the service that it is at.
        form: The form that is being filled in; None: none.
        answers: What was filled in, by id of the field.
        is_approved: Whether the key of the person's device approved the answers.
        submitted_at_ms: UTC; None: not yet.
        due_at_ms: Until when the office decides, UTC; None while that is not for the office.
        days_left: Working days that were left when the desk asked the person; None otherwise.
        timers: The clocks that are set.
        is_at_desk: Whether its card stands at a desk.
        clerk: Who has it; an id of the staff list.
        decided_by: Who approved it in the end, an id of the staff list; None: nobody, or a rule.
        first_approval: Who approved it first, where two must; an id of the staff list.
        flags: Remarks of clerks.
        asked_count: How often the desk has asked for more.
        asked_text: What it asked last.
        desk_form: What a clerk is writing.
        question: What the person has asked, unanswered.
        refusal: Why it was refused.
        files: What the person added.
        documents: What was made.
        pending: The document that is being made now.
        signatures: What is or was signed last.
        fees: What was asked to be paid.
        history: Everything that happened, oldest first.
        serial: How many inputs have changed it; part of the ids of the effects.
        wiped_at_ms: When what is private of it was wiped, UTC; None: it was not.
    """

    id: Ulid
    service: str
    digest: str
    subject: str
    office: str
    state: State
    opened_at_ms: int
    has_room: bool = False
    step: int = 0
    form: FormState | None = None
    answers: Mapping[str, Value] = attrs.field(factory=dict)
    is_approved: bool = False
    submitted_at_ms: int | None = None
    due_at_ms: int | None = None
    days_left: int | None = None
    timers: tuple[Timer, ...] = ()
    is_at_desk: bool = False
    clerk: str | None = None
    decided_by: str | None = None
    first_approval: str | None = None
    flags: tuple[str, ...] = ()
    asked_count: int = 0
    asked_text: str | None = None
    desk_form: DeskForm | None = None
    question: OpenQuestion | None = None
    refusal: Refusal | None = None
    files: tuple[AddedFile, ...] = ()
    documents: tuple[Issued, ...] = ()
    pending: PendingDocument | None = None
    signatures: Signatures | None = None
    fees: tuple[Fee, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    serial: int = 0
    wiped_at_ms: int | None = None

    @property
    def number(self) -> str:
        """Short number for people: the last eight characters of its id."""
        return self.id[-8:]

    @property
    def fee(self) -> Fee | None:
        """The fee that is to be paid now; None: none is."""
        return next((fee for fee in self.fees if fee.state is FeeState.ASKED), None)

    def timer(self, kind: TimerKind) -> Timer | None:
        """The clock of a kind, if it is set."""
        return next((timer for timer in self.timers if timer.kind is kind), None)
