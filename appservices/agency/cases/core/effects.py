"""Effects of a step for the shell: frozen values, in order, each one row of an outbox.

The shell knows rooms, Matrix ids and prompts; the core knows persons, desks and questions. An
effect's id is derived from the case's id, its serial and its place among the effects of the step.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.inbound import Trust
from veche.protocol.prompts import Choice, Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.cases.core.case import Fee, HistoryEntry, Issued, Timer
    from veche.contracts.agency.case import CaseCard
    from veche.protocol.approval import AskedApproval
    from veche.protocol.forms import Form
    from veche.protocol.ids import Ulid, UserId
    from veche.protocol.message import Doc

NO_APPROVALS: Final[Mapping[str, AskedApproval]] = MappingProxyType({})


class Party(enum.Enum):
    """To whom something is said."""

    PERSON = "person"
    STAFF = "staff"
    NOBODY = "nobody"
    """A clock or a machine came too late: there is nobody to tell."""


class Topic(enum.StrEnum):
    """The topic of a question. A new question of a topic replaces the one before."""

    LANGUAGE = "language"
    MENU = "menu"
    START = "start"
    FORM = "form"
    APPROVE = "approve"
    MORE = "more"
    WITHDRAW = "withdraw"
    CLAIM = "claim"
    DECIDE = "decide"
    WRITE = "write"
    REPLY = "reply"
    RETRY = "retry"
    FORWARD = "forward"
    QUESTION = "question"


@attrs.frozen
class Release:
    """A release of answers to an office, which a person approves with their key.

    Attributes:
        to: Name of the office.
        service: Title of the service.
        number: Number of the case.
        values: Each answer with its label, as the person reads them, in the order of the form.
    """

    to: str
    service: str
    number: str
    values: tuple[tuple[str, str], ...]


@attrs.frozen
class Question:
    """Something that is asked; the shell gives it an id and says who may answer.

    Attributes:
        topic: What it is about.
        intro: What this is and what is asked, in words.
        choices: What can be chosen; empty: it is answered in words or by the form.
        form: Fields for clients that show forms.
        expires_at_ms: From then on an answer is late, UTC.
        min_trust: How sure it must be who answers.
        to: Whom of the staff it is for; None: the person, or anybody of the desk.
        is_single_use: Whether exactly one answer counts.
        approve: What the key of the person's device must approve, by the id of the choice.
        whole_form: The form that a page fills in, where it is too large to travel beside it.
    """

    topic: Topic
    intro: Doc
    expires_at_ms: int
    choices: tuple[Choice, ...] = ()
    form: Form | None = None
    min_trust: Trust = Trust.ANY
    to: str | None = None
    is_single_use: bool = True
    approve: Mapping[str, Release] = attrs.field(factory=dict)
    whole_form: Form | None = None

    def prompt(
        self,
        prompt_id: Ulid,
        scope: Sequence[UserId],
        url: str | None = None,
        approve: Mapping[str, AskedApproval] = NO_APPROVALS,
    ) -> Prompt:
        """The prompt that asks it.

        Args:
            prompt_id: Of the prompt.
            scope: Who may answer; empty: anybody in the room.
            url: The page where it can be answered too.
            approve: What a key must approve, by the id of the choice: that of ``self.approve``,
                made by the shell.
        """
        choices = [one.model_copy(update={"approve": approve.get(one.id)}) for one in self.choices]
        return Prompt.model_validate(
            {
                "v": 1,
                "id": prompt_id,
                "scope": tuple(scope),
                "single_use": self.is_single_use,
                "expires_at_ms": self.expires_at_ms,
                "min_trust": self.min_trust.label,
                "choices": choices,
                "form": self.form,
                "url": url,
            }
        )


@attrs.frozen
class MakeRoom:
    """Make the encrypted room of the case, then put in ``RoomMade``.

    Attributes:
        name: Of the room; it says nothing that only the person may know.
    """

    name: str


@attrs.frozen
class InviteClerk:
    """Let a clerk into the room of the case."""

    staff: str


@attrs.frozen
class RemoveClerk:
    """Let a clerk leave the room of the case; the person keeps it."""

    staff: str


@attrs.frozen
class TellPerson:
    """Say something to the person.

    Attributes:
        is_quiet: It needs no attention: nothing rings.
        is_served: It is to be served: it is followed until it is, and proven.
    """

    doc: Doc
    is_quiet: bool = False
    is_served: bool = False


@attrs.frozen
class AskPerson:
    """Ask the person."""

    question: Question


@attrs.frozen
class UpdateCard:
    """Show where the case stands: post the card, or edit the one that was posted."""

    doc: Doc
    card: CaseCard


@attrs.frozen
class PostToDesk:
    """Put a case on a desk: a new card in its room, with a question."""

    desk: str
    doc: Doc
    question: Question


@attrs.frozen
class UpdateDeskCard:
    """Edit the card of the case at the desk, if it has one."""

    desk: str
    doc: Doc


@attrs.frozen
class TellDesk:
    """Say something in the thread of the case at the desk."""

    desk: str
    doc: Doc


@attrs.frozen
class AskDesk:
    """Ask somebody, or anybody, in the thread of the case at the desk."""

    desk: str
    question: Question


@attrs.frozen
class Escalate:
    """Hand the case up.

    Attributes:
        to: The role or desk that the service names.
        question: What is asked of it; None: it is only told.
    """

    to: str
    doc: Doc
    question: Question | None = None


@attrs.frozen
class CloseQuestions:
    """End the open questions of some topics: no answer to them counts any more."""

    topics: tuple[Topic, ...]


@attrs.frozen
class MakeDocument:
    """Make a document, then put in ``DocumentMade`` or ``DocumentFailed``.

    Attributes:
        template: File name, beside the service's file.
        data: What the template gets; JSON without floats.
    """

    template: str
    data: Mapping[str, Any]


@attrs.frozen
class AskFee:
    """Have an invoice made, then put in ``FeeAsked`` or ``FeeFailed``; later ``FeePaid``.

    Attributes:
        fee: What is to be paid.
    """

    fee: Fee


@attrs.frozen
class GiveUpFee:
    """Take the invoice of a fee back, so that what was paid of it comes back by itself.

    Attributes:
        number: Of the fee.
    """

    number: int


@attrs.frozen
class AskSignatures:
    """Have the pending document made and sent to be signed.

    Then put in ``SignaturesAsked`` or ``SigningFailed``; later ``AllSigned`` or ``NotSigned``.

    Attributes:
        number: Of the document.
        template: File name, beside the service's file.
        data: What the template gets; JSON without floats.
    """

    number: int
    template: str
    data: Mapping[str, Any]


@attrs.frozen
class GiveUpSignatures:
    """Take back what is being signed.

    Attributes:
        session: Of the service of signing.
    """

    session: str


@attrs.frozen
class FetchSigned:
    """Fetch the signed file, then put in ``DocumentMade`` or ``DocumentFailed``.

    Attributes:
        session: Of the service of signing.
    """

    session: str


@attrs.frozen
class SendDocument:
    """Deliver the document that was made last.

    Attributes:
        filename: To save it under.
        caption: One sentence.
        kind: Id of the kind of document: that of the service.
        issued: What ``org.veche.document`` tells of it.
    """

    filename: str
    caption: str
    kind: str
    issued: Issued


@attrs.frozen
class SendExport:
    """Sign an object and send it as a file.

    Attributes:
        filename: To save it under.
        data: JSON without floats.
    """

    filename: str
    data: Mapping[str, Any]


@attrs.frozen
class SetClock:
    """Put in ``TimerFired`` at a time; a timer of the same kind set before means nothing."""

    timer: Timer


@attrs.frozen
class RecordHistory:
    """Keep an entry of the history."""

    entry: HistoryEntry


@attrs.frozen
class Close:
    """The case is over: nothing more will be sent."""


class RefusalReason(enum.Enum):
    """Why an input changed nothing."""

    NOT_NOW = "not_now"
    """It makes no sense where the case stands."""
    STALE = "stale"
    """A clock or a machine came too late."""
    TRUST_TOO_LOW = "trust_too_low"
    KEY_NEEDED = "key_needed"
    """Only the key of the person's device can do it."""
    NOT_YOURS = "not_yours"
    """Another clerk has the case, or nobody."""
    NOT_ALLOWED = "not_allowed"
    """The role may not do it, or the service has no such decision."""
    SAME_PERSON = "same_person"
    """Two persons must approve, and this one has approved already."""
    UNKNOWN = "unknown"
    """No such reason, flag or answer."""
    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    ALREADY = "already"
    """It is done, or asked, already."""


@attrs.frozen
class Refused:
    """Say that nothing has changed, and why.

    Attributes:
        party: To whom.
        reason: Why, for programs.
        doc: Why, in words; empty for nobody.
    """

    party: Party
    reason: RefusalReason
    doc: Doc


Effect = (
    MakeRoom
    | InviteClerk
    | RemoveClerk
    | TellPerson
    | AskPerson
    | UpdateCard
    | PostToDesk
    | UpdateDeskCard
    | TellDesk
    | AskDesk
    | Escalate
    | CloseQuestions
    | MakeDocument
    | AskFee
    | GiveUpFee
    | AskSignatures
    | GiveUpSignatures
    | FetchSigned
    | SendDocument
    | SendExport
    | SetClock
    | RecordHistory
    | Close
    | Refused
)
