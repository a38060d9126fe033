"""A service, as its file declares it: frozen, checked, ready for the case machine."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import attrs

from veche.protocol.forms import Field, FieldChoice, FieldKind, Form
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.language.core.conditions import Condition
    from appservices.agency.working_days.core import QuietHours
    from veche.protocol.inbound import Trust

STEPS_MAX: Final = 30
"""Most steps of a service."""
RELEASE_FIELDS_MAX: Final = 20
"""Most questions of a service that asks for the key."""
SILENCE: Final = "silence"
"""Code of a refusal because the office said nothing; no reason of a service may have it."""

StepKind = Literal["form", "review", "decide", "document", "message", "wait", "pay", "sign"]
"""What pages know a step by; each class of steps names its own."""


@attrs.frozen
class Texts:
    """One text of a service in each of its languages.

    Attributes:
        by_language: In the order of the file; the first stands in where a language is missing.
    """

    by_language: Mapping[str, str]

    def text(self, language: str) -> str:
        """The text in ``language``, else in the service's first language."""
        found = self.by_language.get(language)
        return found if found is not None else next(iter(self.by_language.values()))


@attrs.frozen
class ChoiceDefinition:
    """One answer that a field offers."""

    id: str
    label: Texts


@attrs.frozen
class FieldDefinition:
    """A field of the form in all languages; see ``veche.protocol.forms.Field`` for the bounds.

    Attributes:
        purpose: What the answer is used for, an id; None: to decide the case.
    """

    id: str
    kind: FieldKind
    label: Texts
    help: Texts | None = None
    required: bool = False
    choices: tuple[ChoiceDefinition, ...] | None = None
    min: str | int | None = None
    max: str | int | None = None
    max_length: int | None = None
    currency: str | None = None
    mimetypes: tuple[str, ...] | None = None
    bytes_max: int | None = None
    purpose: str | None = None

    def field(self, language: str) -> Field:
        """The field as it is asked in a language.

        Raises:
            pydantic.ValidationError: Its bounds do not fit its kind; never after the file was
                read without a problem.
        """
        choices = tuple(
            FieldChoice(id=choice.id, label=choice.label.text(language))
            for choice in self.choices or ()
        )
        return Field(
            id=self.id,
            kind=self.kind,
            label=self.label.text(language),
            required=self.required,
            help=self.help.text(language) if self.help else None,
            choices=choices or None,
            min=self.min,
            max=self.max,
            max_length=self.max_length,
            currency=self.currency,
            mimetypes=self.mimetypes,
            bytes_max=self.bytes_max,
        )


class Silence(enum.Enum):
    """The effect if the office still says nothing after the escalation."""

    REFUSED_AND_APPEALABLE = "refused_and_appealable"
    APPROVED = "approved"
    KEEPS_WAITING = "keeps_waiting"
    """Nothing is decided: the office is reminded again and again, and the person told."""


@attrs.frozen
class Deadline:
    """Until when the office decides, and what happens if it does not.

    Attributes:
        working_days: From the day on which the person submits.
        law: The rule that sets it, as a person may look it up.
        escalate_to: Role or desk that takes over when it is missed.
        escalated_working_days: What that role has, from the missed day.
        answer_working_days: How long the office has for a question of the person.
        silence_means: What happens after that.
    """

    working_days: int
    law: Texts
    escalate_to: str
    escalated_working_days: int
    answer_working_days: int
    silence_means: Silence


class Decision(enum.Enum):
    """A decision that a desk may make about a case."""

    APPROVE = "approve"
    REFUSE = "refuse"
    ASK_MORE = "ask_more"


@attrs.frozen
class Flag:
    """A remark of a clerk that conditions can look at."""

    id: str
    title: Texts


@attrs.frozen
class Review:
    """How a desk decides.

    Attributes:
        desk: Name of the desk, as in the office's configuration.
        decisions: What it may do.
        two_persons_if: Where it holds, two persons must approve; None: never.
        flags: Remarks that a clerk can make.
        answer_days: Calendar days that a person has to answer a question of the desk.
    """

    desk: str
    decisions: frozenset[Decision]
    two_persons_if: Condition | None
    flags: tuple[Flag, ...]
    answer_days: int


@attrs.frozen
class Reason:
    """Why a case may be refused."""

    code: str
    title: Texts
    law: Texts


@attrs.frozen
class RefusalRules:
    """The parts that every refusal has.

    Attributes:
        reasons: From which the desk chooses.
        appeal: How to appeal.
        appeal_days: Calendar days in which one can, from the day of the refusal.
    """

    reasons: tuple[Reason, ...]
    appeal: Texts
    appeal_days: int

    def reason(self, code: str) -> Reason | None:
        """The reason with a code."""
        return next((reason for reason in self.reasons if reason.code == code), None)


@attrs.frozen
class DocumentRules:
    """The document that the person gets.

    Attributes:
        template: File name of the typst template, beside the service file.
        title: Of the document.
        valid_days: Calendar days from the day of issue; None: without end.
    """

    template: str
    title: Texts
    valid_days: int | None


@attrs.frozen
class Notify:
    """How the person hears of the case.

    Attributes:
        quiet: Hours in which no reminder is sent; answers and decisions come at any time.
    """

    quiet: QuietHours | None = None


@attrs.frozen
class FormStep:
    """The person fills in fields, in this order.

    Attributes:
        fields: Ids of the fields, at least one.
        condition: Where it does not hold, the step is left out; None: never left out.
    """

    kind: ClassVar[StepKind] = "form"
    fields: tuple[str, ...]
    condition: Condition | None = None


@attrs.frozen
class ReviewStep:
    """The desk decides."""

    kind: ClassVar[StepKind] = "review"
    condition: Condition | None = None


@attrs.frozen
class DecideStep:
    """The rule decides, without a clerk.

    Attributes:
        decision: ``APPROVE`` or ``REFUSE``.
        reason: Code of the reason of a refusal; None for an approval.
        condition: Where it does not hold, the step is left out.
    """

    kind: ClassVar[StepKind] = "decide"
    decision: Decision
    reason: str | None
    condition: Condition | None = None


@attrs.frozen
class DocumentStep:
    """The document is made and delivered."""

    kind: ClassVar[StepKind] = "document"
    condition: Condition | None = None


@attrs.frozen
class MessageStep:
    """The person is told something.

    Attributes:
        text: What.
        is_after_refusal: Told only after a refusal; else never after one.
        condition: Where it does not hold, nothing is told.
    """

    kind: ClassVar[StepKind] = "message"
    text: Texts
    is_after_refusal: bool = False
    condition: Condition | None = None


@attrs.frozen
class WaitStep:
    """Nothing happens for a while, because a rule says so.

    Attributes:
        working_days: How long.
        reason: Why, for the person.
        condition: Where it does not hold, nobody waits.
    """

    kind: ClassVar[StepKind] = "wait"
    working_days: int
    reason: Texts
    condition: Condition | None = None


@attrs.frozen
class PayStep:
    """The person pays a fee; the case goes on by itself once it is paid.

    Attributes:
        amount: How much, above zero; None: what ``field`` says.
        field: A money field of the form, whose answer is the amount; where it is empty or zero,
            nothing is asked. None: ``amount`` is fixed.
        purpose: What for, for the person; it stands on the invoice.
        law: The rule by which it is asked for.
        due_days: Calendar days that the person has.
        unpaid: Code of the reason for which the case is refused if it is not paid in time; None:
            it expires.
        condition: Where it does not hold, nothing is to be paid.
    """

    kind: ClassVar[StepKind] = "pay"
    amount: Money | None
    field: str | None
    purpose: Texts
    law: Texts
    due_days: int
    unpaid: str | None = None
    condition: Condition | None = None

    def fee(self, answers: Mapping[str, object]) -> Money | None:
        """Return the fee for somebody with these answers; None: nothing."""
        answer = self.amount if self.field is None else answers.get(self.field)
        if answer is None:
            return None
        fee = answer if isinstance(answer, Money) else Money.model_validate(answer)
        return fee if fee.minor > 0 else None


class Signer(enum.Enum):
    """The signer of a case's document."""

    PERSON = "person"
    """Whose case it is."""
    CLERK = "clerk"
    """Who approved it, for the office."""


@attrs.frozen
class SignStep:
    """The document is made, signed by persons, and then delivered.

    Attributes:
        by: Who signs, in this order; at last the organisation's seal is put on it.
        law: The rule by which it is signed.
        due_days: Calendar days that they have; then the case expires.
        condition: Where it does not hold, there is no document.
    """

    kind: ClassVar[StepKind] = "sign"
    by: tuple[Signer, ...]
    law: Texts
    due_days: int
    condition: Condition | None = None


Step = (
    FormStep | ReviewStep | DecideStep | DocumentStep | MessageStep | WaitStep | PayStep | SignStep
)


@attrs.frozen
class ServiceDefinition:
    """A service that a person can ask for.

    Attributes:
        id: Its id, the same in all versions.
        version: Counted up by whoever changes the file; a case ends on the one it began with.
        digest: SHA-256 of the file, hexadecimal.
        languages: Of its texts, in the order of the title.
        title: Its name.
        about: What it is for and what one needs; None: the title says it.
        keywords: Further words by which it is found, apart by commas; None: none.
        needs_key: Whether the person approves what they submit with the key of their device.
        min_trust: How sure it must be that the person submits.
        deadline: Until when the office decides.
        fields: Of all its forms.
        review: How a desk decides; None: no step needs a desk.
        refusal: What a refusal says; None: nothing can be refused.
        document: The document; None: there is none.
        notify: How the person hears of it.
        steps: What happens, in this order.
    """

    id: str
    version: int
    digest: str
    languages: tuple[str, ...]
    title: Texts
    about: Texts | None
    keywords: Texts | None
    needs_key: bool
    min_trust: Trust
    deadline: Deadline
    fields: tuple[FieldDefinition, ...]
    review: Review | None
    refusal: RefusalRules | None
    document: DocumentRules | None
    notify: Notify
    steps: tuple[Step, ...]

    def form(self, field_ids: tuple[str, ...], language: str) -> Form:
        """The form of these fields, in their order, in a language."""
        by_id = {field.id: field for field in self.fields}
        return Form(fields=tuple(by_id[id_].field(language) for id_ in field_ids))

    @property
    def desk(self) -> str:
        """The desk that answers for its cases."""
        return self.review.desk if self.review else self.deadline.escalate_to

    @property
    def pays(self) -> bool:
        """Return whether a fee may be asked for."""
        return bool(self.fees)

    @property
    def fees(self) -> list[PayStep]:
        """The steps at which a fee may be asked for."""
        return [step for step in self.steps if isinstance(step, PayStep)]

    @property
    def signs(self) -> bool:
        """Return whether a document is signed by persons."""
        return any(isinstance(step, SignStep) for step in self.steps)

    @property
    def decides(self) -> bool:
        """Return whether its cases end with a decision."""
        return any(isinstance(step, ReviewStep | DecideStep) for step in self.steps)
