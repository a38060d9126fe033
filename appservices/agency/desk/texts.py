"""Texts for the staff: the card of a case at a desk, its file, and the desk's questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.case import TEXT_CHARACTERS_MAX, Case, QuestionKind
from appservices.agency.cases.core.effects import Question, Topic
from appservices.agency.cases.core.states import State
from appservices.agency.cases.texts.words import staff_state_words
from appservices.agency.language.core.definition import Decision, Review
from appservices.agency.language.core.sections import LAW_CHARACTERS_MAX
from veche.protocol.forms import Field, FieldChoice, FieldKind, Form, show_value
from veche.protocol.inbound import Trust
from veche.protocol.message import Bold, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context

FILE_PART_CHARACTERS_MAX: Final = 2_500
"""Characters of answers in one message: each takes up to eight bytes, in text and HTML together."""
FILE_NAMES_CHARACTERS_MAX: Final = 1_000
"""Characters of the names of added files in one message."""
_DECIDED: Final = frozenset({State.DECIDED_YES, State.DECIDED_NO, State.SERVED, State.CLOSED})
DESK_QUESTION_MS: Final = 365 * 24 * 60 * 60 * 1000
"""How long a desk can answer a prompt; the clock of the case is much shorter."""


def desk_card_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """The card of a case at its desk. It names no person and shows no answer."""
    localizer = context.staff
    facts: list[tuple[str, Item]] = [
        (localizer.text("Case"), Mono(case.number)),
        (localizer.text("State"), Bold(staff_state_words(case.state, localizer))),
    ]
    if case.clerk is not None:
        facts.append((localizer.text("Clerk"), case.clerk))
    if case.first_approval is not None and case.state not in _DECIDED:
        facts.append((localizer.text("Approved first by"), case.first_approval))
    if case.due_at_ms is not None:
        facts.append((localizer.text("Due"), localizer.date(case.due_at_ms)))
    if case.flags:
        facts.append(
            (localizer.text("Remarks"), "; ".join(_flag_titles(definition, case, context)))
        )
    if case.wiped_at_ms is not None:
        facts.append((localizer.text("Content removed"), localizer.date(case.wiped_at_ms)))
    if case.question is not None:
        date = localizer.date(case.question.due_at_ms)
        facts.append((localizer.text("Answer the person by"), date))
    return (Heading(definition.title.text(context.office.language)), Facts(facts))


def _flag_titles(definition: ServiceDefinition, case: Case, context: Context) -> list[str]:
    flags = definition.review.flags if definition.review else ()
    return [flag.title.text(context.office.language) for flag in flags if flag.id in case.flags]


def file_docs(definition: ServiceDefinition, case: Case, context: Context) -> Iterator[Doc]:
    """Write the person's answers, in as many messages as needed."""
    localizer = context.staff
    language = context.office.language
    here = context.field_context(language)
    parts: list[tuple[str, Item]] = []
    size = 0
    for definition_of in definition.fields:
        if definition_of.id not in case.answers:
            continue
        field = definition_of.field(language)
        value = show_value(field, case.answers[field.id], here, context.catalogue)
        for piece in _pieces(value):
            if parts and size + len(piece) + len(field.label) > FILE_PART_CHARACTERS_MAX:
                yield (Heading(localizer.text("Answers")), Facts(parts))
                parts, size = [], 0
            parts.append((field.label, piece))
            size += len(piece) + len(field.label)
    if parts:
        yield (Heading(localizer.text("Answers")), Facts(parts))
    if case.files:
        names = "; ".join(str(added.file.get("name", "?")) for added in case.files)
        shown = names[:FILE_NAMES_CHARACTERS_MAX]
        yield (Facts([(localizer.text("Files added"), shown)]),)


def _pieces(value: str) -> Iterator[str]:
    for start in range(0, max(len(value), 1), FILE_PART_CHARACTERS_MAX):
        yield value[start : start + FILE_PART_CHARACTERS_MAX]


def claim_question(definition: ServiceDefinition, case: Case, context: Context) -> Question:
    """Ask who takes the case."""
    localizer = context.staff
    words = (
        localizer.text("Two persons must approve this case. Who is the second?")
        if case.first_approval is not None
        else localizer.text("Who takes this case?")
    )
    title = definition.title.text(context.office.language)
    return Question(
        Topic.CLAIM,
        (Paragraph(Bold(title), " ", Mono(case.number), ": ", words),),
        context.now_ms + DESK_QUESTION_MS,
        choices=(Choice(id="claim", label=localizer.text("I take it"), style="primary"),),
        min_trust=Trust.E2EE,
    )


def decide_question(
    definition: ServiceDefinition, case: Case, review: Review, context: Context
) -> Question:
    """Ask what to decide."""
    localizer = context.staff
    title = definition.title.text(context.office.language)
    return Question(
        Topic.DECIDE,
        (Paragraph(Bold(title), " ", Mono(case.number), ": ", localizer.text("What is decided?")),),
        context.now_ms + DESK_QUESTION_MS,
        choices=tuple(_decisions(case, review, context)),
        min_trust=Trust.E2EE,
        to=case.clerk,
    )


def _decisions(case: Case, review: Review, context: Context) -> Iterator[Choice]:
    localizer = context.staff
    labels = (
        (Decision.APPROVE, localizer.text("Approve"), "primary"),
        (Decision.REFUSE, localizer.text("Refuse"), "danger"),
        (Decision.ASK_MORE, localizer.text("Ask the person"), "secondary"),
    )
    for decision, label, style in labels:
        if decision in review.decisions:
            yield Choice.model_validate({"id": decision.value, "label": label, "style": style})
    yield Choice(id="return", label=localizer.text("Give it back to the desk"))
    for flag in review.flags:
        title = flag.title.text(context.office.language)
        if flag.id in case.flags:
            label = localizer.text("Take back: {remark}", remark=title)
            yield Choice(id=f"unflag.{flag.id}", label=label)
        else:
            yield Choice(id=f"flag.{flag.id}", label=localizer.text("Note: {remark}", remark=title))


def write_form(definition: ServiceDefinition, decision: Decision, context: Context) -> Form:
    """Build the form that a clerk fills in to refuse, or to ask for more."""
    localizer = context.staff
    language = context.office.language
    if decision is Decision.ASK_MORE:
        label = localizer.text("What do you ask the person?")
        return Form(fields=(_words_field("text", label),))
    reasons = definition.refusal.reasons if definition.refusal else ()
    return Form(
        fields=(
            Field(
                id="reason",
                kind=FieldKind.CHOICE,
                required=True,
                label=localizer.text("For which reason is it refused?"),
                choices=tuple(
                    FieldChoice(id=reason.code, label=reason.title.text(language))
                    for reason in reasons
                ),
            ),
            Field(
                id="law",
                kind=FieldKind.TEXT,
                max_length=LAW_CHARACTERS_MAX,
                label=localizer.text("By which law, if not by that of the reason?"),
            ),
            _words_field("text", localizer.text("Why? The person reads these words.")),
        )
    )


def _words_field(field_id: str, label: str) -> Field:
    return Field(
        id=field_id,
        kind=FieldKind.LONG_TEXT,
        required=True,
        label=label,
        max_length=TEXT_CHARACTERS_MAX,
    )


def reply_question(case: Case, context: Context) -> Question:
    """The person has asked something: who answers?"""
    localizer = context.staff
    asked = case.question
    words = (
        localizer.text("The person asks why it takes so long.")
        if asked is not None and asked.kind is QuestionKind.WHY
        else localizer.text("The person asks for a human being.")
    )
    doc: Doc = (Paragraph(Mono(case.number), ": ", Bold(words)),)
    if asked is not None and asked.text:
        doc = (*doc, Paragraph(asked.text))
    due = localizer.date(asked.due_at_ms) if asked is not None else ""
    how = localizer.text("Answer by {date}: reply to this message; the person reads it.", date=due)
    return Question(
        Topic.REPLY,
        (*doc, Paragraph(how)),
        context.now_ms + DESK_QUESTION_MS,
        form=answer_form(context),
        min_trust=Trust.E2EE,
    )


def answer_form(context: Context) -> Form:
    """One field: what the person is to read."""
    return Form(fields=(_words_field("text", context.staff.text("Your answer")),))


def retry_question(case: Case, reason: str, context: Context) -> Question:
    """The document could not be made: again?"""
    words = context.staff.text("The document could not be made.")
    return _retry_question(case, words, reason, context)


def retry_fee_question(case: Case, reason: str, context: Context) -> Question:
    """The invoice of a fee could not be made: again?"""
    words = context.staff.text("The invoice of the fee could not be made.")
    return _retry_question(case, words, reason, context)


def retry_signing_question(case: Case, reason: str, context: Context) -> Question:
    """The document could not be sent to be signed: again?"""
    words = context.staff.text("The document could not be sent to be signed.")
    return _retry_question(case, words, reason, context)


def _retry_question(case: Case, words: str, reason: str, context: Context) -> Question:
    localizer = context.staff
    return Question(
        Topic.RETRY,
        (Paragraph(Mono(case.number), ": ", Bold(words)), Paragraph(reason)),
        context.now_ms + DESK_QUESTION_MS,
        choices=(Choice(id="retry", label=localizer.text("Try again"), style="primary"),),
        min_trust=Trust.E2EE,
        is_single_use=False,
    )


def due_soon_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """The deadline is near."""
    localizer = context.staff
    date = localizer.date(case.due_at_ms) if case.due_at_ms else ""
    title = definition.title.text(context.office.language)
    return (
        Paragraph(
            Bold(title), " ", Mono(case.number), ": ", localizer.text("due on {date}.", date=date)
        ),
    )


def escalated_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """A case is handed up, because the desk has missed the deadline."""
    localizer = context.staff
    words = localizer.text("The deadline was missed. The case is yours to decide.")
    return (
        *desk_card_doc(definition, case, context),
        Paragraph(Bold(words)),
    )


def escalated_fee_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """A case is handed up, because its fee cannot be asked for."""
    words = context.staff.text("The case cannot go on before its fee is asked for.")
    return (*desk_card_doc(definition, case, context), Paragraph(Bold(words)))


def escalated_signing_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """A case is handed up, because its document cannot be sent to be signed."""
    words = context.staff.text("The case cannot go on before its document is signed.")
    return (*desk_card_doc(definition, case, context), Paragraph(Bold(words)))


def question_escalated_doc(case: Case, context: Context) -> Doc:
    """A question of the person is handed up."""
    localizer = context.staff
    words = localizer.text("A question of the person was not answered in time.")
    return (Paragraph(Mono(case.number), ": ", Bold(words)),)


def answer_doc(text: str, context: Context) -> Doc:
    """The person has answered the desk."""
    localizer = context.staff
    return (Paragraph(Bold(localizer.text("The person answers")), ": ", text),)


def file_added_doc(name: str, context: Context) -> Doc:
    """The person has added a file."""
    localizer = context.staff
    return (Paragraph(Bold(localizer.text("The person has added a file")), ": ", name),)


def ended_desk_doc(case: Case, context: Context, *, signer: str | None = None) -> Doc:
    """The case is over for the desk, but for whoever of the staff signs its document."""
    localizer = context.staff
    state = staff_state_words(case.state, localizer)
    if signer is None:
        words = localizer.text("This case is closed: {state}.", state=state)
    else:
        words = localizer.text(
            "Decided: {state}. {clerk} still has to sign: the signing bot sends the document.",
            state=state,
            clerk=signer,
        )
    return (Paragraph(Mono(case.number), ": ", words),)
