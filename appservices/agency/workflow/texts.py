"""Texts for the person while a case moves: its card, status, decisions and reminders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.case import QuestionKind
from appservices.agency.cases.core.commands import CASE_COMMANDS
from appservices.agency.cases.core.states import WITH_OFFICE, State, TimerKind
from appservices.agency.cases.texts.words import happened_words, role_words, state_words
from appservices.agency.fees.texts import due_words, next_words, unpaid_words
from appservices.agency.language.core.definition import SILENCE, ReviewStep, Silence, WaitStep
from appservices.agency.signatures.texts import next_words as sign_words
from appservices.agency.signatures.texts import why_signing_doc
from veche.contracts.agency.case import RULE_CHARACTERS_MAX, CaseCard, CaseClock
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import Case, Issued, Refusal
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from veche.protocol.texts.localizer import Localizer

STATUS_ENTRIES_MAX: Final = 15
"""Entries of the history that ``status`` shows, the newest; the export has them all."""
STATUS_TEXT_CHARACTERS_MAX: Final = 100
"""Characters of a text that ``status`` shows in an entry."""

_NEXT: Final = {
    State.DRAFT: N_("Answer the questions and submit."),
    State.SUBMITTED: N_("A clerk takes your case."),
    State.PAYING: N_("Pay the fee."),
    State.SIGNING: N_("Everyone signs the document."),
    State.IN_REVIEW: N_("A clerk looks at your case and decides."),
    State.NEEDS_MORE: N_("Answer the question of the office."),
    State.DECIDED_YES: N_("The office makes your document and sends it here."),
    State.SERVED: N_("Nothing more is needed."),
    State.APPEALED: N_("The appeal is decided."),
    State.WITHDRAWN: N_("Nothing more. You can start again at any time."),
    State.EXPIRED: N_("Nothing more. You can start again at any time."),
    State.CLOSED: N_("Nothing more. You can start again at any time."),
}


def card_of(definition: ServiceDefinition, case: Case, context: Context) -> CaseCard:
    """The card of a case, for clients that know cases."""
    due_at_ms = case.due_at_ms
    law = definition.deadline.law.text(context.language)
    clock = None if due_at_ms is None else CaseClock(due_at_ms=due_at_ms, rule=law)
    return CaseCard(
        v=1,
        id=case.id,
        service=case.service,
        state=case.state.value,
        office=context.office.name(context.language),
        clock=clock,
        step=next_step(definition, case, context)[:RULE_CHARACTERS_MAX],
        history_len=len(case.history),
    )


def document_filename(case: Case) -> str:
    """Return the file name of a case's document."""
    return f"{case.service}-{case.number}.pdf"


def card_facts(
    definition: ServiceDefinition, case: Case, context: Context
) -> list[tuple[str, str]]:
    """The card of a case, as labels with their values."""
    localizer = context.person
    facts = [
        (localizer.text("Case"), case.number),
        (localizer.text("State"), state_words(case.state, localizer)),
        (localizer.text("Office"), context.office.name(context.language)),
    ]
    if case.due_at_ms is not None:
        facts += [
            (localizer.text("Due"), localizer.date(case.due_at_ms)),
            (localizer.text("By the rule"), definition.deadline.law.text(context.language)),
        ]
    if case.fee is not None:
        facts.append((localizer.text("To pay"), due_words(case.fee, context)))
    if case.wiped_at_ms is not None:
        # Of the documents themselves nothing else is left.
        facts += [(_digest_of(one, localizer), one.sha256) for one in case.documents]
    facts.append((localizer.text("Next"), next_step(definition, case, context)))
    return facts


def card_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """The card of a case, in words."""
    (number, case_number), (state, state_text), *others = card_facts(definition, case, context)
    facts: list[tuple[str, Item]] = [
        (number, Mono(case_number)),
        (state, Bold(state_text)),
        *others,
    ]
    return (Heading(definition.title.text(context.language)), Facts(facts))


def next_step(definition: ServiceDefinition, case: Case, context: Context) -> str:
    """Say in one sentence what happens next."""
    special = _special_step(definition, case, context)
    return special or context.person.text(_NEXT[case.state])


def _special_step(definition: ServiceDefinition, case: Case, context: Context) -> str:
    """Say what happens next where the state alone does not; else empty."""
    localizer, words = context.person, ""
    if case.wiped_at_ms is not None:
        words = wiped_words(case.wiped_at_ms, context)
    elif case.state is State.DECIDED_NO and case.refusal is not None:
        until = localizer.date(case.refusal.appeal_until_ms)
        words = localizer.text("You can appeal until {date}.", date=until)
    elif case.fee is not None:
        words = next_words(case.fee, context)
    elif case.state is State.SIGNING and case.signatures is not None:
        words = sign_words(definition, case.signatures, context)
    elif case.timer(TimerKind.WAIT) is not None:
        words = _wait_reason(definition, case, context)
    elif case.state is State.IN_REVIEW and case.first_approval is not None:
        words = localizer.text("A second person looks at your case: the rules ask for two.")
    elif case.pending is not None and case.pending.has_failed:
        words = localizer.text(
            "Your document could not be made yet. The office knows and mends it."
        )
    elif case.state is State.DRAFT and definition.needs_key and case.form is None:
        words = localizer.text("Approve your answers with the key of your device.")
    elif case.state is State.SUBMITTED and not case.has_room:
        words = localizer.text("A room is being made for your case.")
    return words


def wiped_words(at_ms: int, context: Context) -> str:
    """Say that the content of a case was deleted."""
    return context.person.text(
        "Nothing. Its answers, texts and files were removed on {date}: the time for which the"
        " office keeps them is over. The record of what happened, and when, stays.",
        date=context.person.date(at_ms),
    )


def _wait_reason(definition: ServiceDefinition, case: Case, context: Context) -> str:
    step = definition.steps[case.step]
    return step.reason.text(context.language) if isinstance(step, WaitStep) else ""


def status_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """Where a case stands, and how it came there."""
    localizer = context.person
    shown = case.history[-STATUS_ENTRIES_MAX:]
    earlier = len(case.history) - len(shown)
    lines: list[Item] = []
    for entry in shown:
        what = happened_words(entry.happened, localizer)
        line = f"{localizer.moment(entry.at_ms)} · {role_words(entry.role, localizer)}: {what}"
        lines.append(f"{line}: {clipped(entry.text)}" if entry.text else line)
    doc: Doc = (
        *card_doc(definition, case, context),
        Paragraph(localizer.text("What happened so far:")),
    )
    if earlier:
        count = localizer.plural(
            "{count} earlier entry is in the export.",
            "{count} earlier entries are in the export.",
            earlier,
        )
        doc = (*doc, Paragraph(count))
    return (*doc, Bullets(lines))


def clipped(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    if len(line) <= STATUS_TEXT_CHARACTERS_MAX:
        return line
    return line[: STATUS_TEXT_CHARACTERS_MAX - 1] + "…"


def why_doc(  # noqa: PLR0911 -- one for each thing that is waited for
    definition: ServiceDefinition, case: Case, context: Context
) -> Doc:
    """Explain what the case waits for, by which rule, until when, and what happens then."""
    if case.state in WITH_OFFICE:
        return _why_office(definition, case, context)
    if case.state is State.SIGNING and case.signatures is not None:
        return why_signing_doc(definition, case.signatures, context)
    localizer = context.person
    if case.fee is not None:
        return (
            Paragraph(
                localizer.text("We are waiting for you."), " ", next_words(case.fee, context)
            ),
            Paragraph(unpaid_words(definition, case.fee, context)),
        )
    if case.state in {State.DRAFT, State.NEEDS_MORE}:
        expiry = case.timer(TimerKind.EXPIRY)
        until = localizer.date(expiry.at_ms) if expiry else ""
        return (
            Paragraph(
                localizer.text("We are waiting for you."), " ", next_step(definition, case, context)
            ),
            Paragraph(
                localizer.text("You have until {date}. After that the case expires.", date=until)
            ),
        )
    if case.wiped_at_ms is not None:
        return (Paragraph(wiped_words(case.wiped_at_ms, context)),)
    if case.refusal is not None:
        return (
            Paragraph(localizer.text("Nothing is being waited for: the case is decided.")),
            *refusal_doc(definition, case.refusal, context),
        )
    state = state_words(case.state, localizer)
    return (Paragraph(localizer.text("Nothing is being waited for: {state}.", state=state)),)


def _why_office(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    localizer = context.person
    office = context.office.name(context.language)
    wait = case.timer(TimerKind.WAIT)
    if wait is not None:
        return (
            Paragraph(_wait_reason(definition, case, context)),
            Paragraph(localizer.text("It goes on after {date}.", date=localizer.date(wait.at_ms))),
        )
    facts: list[tuple[str, Item]] = [
        (localizer.text("We are waiting for"), office),
        (localizer.text("What is to be done"), next_step(definition, case, context)),
        (localizer.text("By the rule"), definition.deadline.law.text(context.language)),
    ]
    if case.due_at_ms is not None:
        facts.append((localizer.text("Until"), localizer.date(case.due_at_ms)))
    return (Facts(facts), Paragraph(_after_due(definition, case, context)))


def _after_due(definition: ServiceDefinition, case: Case, context: Context) -> str:
    """Say what happens if the office misses the deadline."""
    localizer = context.person
    deadline = definition.deadline
    if case.timer(TimerKind.OVERDUE) is not None:
        days = localizer.plural(
            "If it is late, the case is handed up and gets {count} more working day.",
            "If it is late, the case is handed up and gets {count} more working days.",
            deadline.escalated_working_days,
        )
        return f"{days} {silence_words(definition, context)}".strip()
    return silence_words(definition, context)


def silence_words(definition: ServiceDefinition, context: Context) -> str:
    """Say what it means if the office does not decide; empty if there is no desk."""
    localizer = context.person
    if not any(isinstance(step, ReviewStep) for step in definition.steps):
        return ""
    match definition.deadline.silence_means:
        case Silence.REFUSED_AND_APPEALABLE:
            return localizer.text(
                "If the office still does not decide, it counts as refused: you can appeal."
            )
        case Silence.APPROVED:
            return localizer.text("If the office still does not decide, it counts as approved.")
        case Silence.KEEPS_WAITING:
            return localizer.text("If nobody decides in time, the case is handed up.")


def submitted_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """The office has it, and until when it decides."""
    localizer = context.person
    doc: Doc = (
        Paragraph(
            Bold(localizer.text("We have it.")),
            " ",
            localizer.text("The number of your case is {number}.", number=case.number),
        ),
    )
    if case.due_at_ms is not None:
        date = localizer.date(case.due_at_ms)
        law = definition.deadline.law.text(context.language)
        due = localizer.text("The office decides by {date} ({rule}).", date=date, rule=law)
        doc = (*doc, Paragraph(due))
    if not case.has_room:
        room = localizer.text(
            "Your case gets a chat of its own. If your app asks, accept the invitation to it."
        )
        return (*doc, Paragraph(room))
    return (*doc, Paragraph(always_words(context)))


def always_words(context: Context) -> str:
    """List the commands that the person can write at any time."""
    words = ", ".join(command.word(context.language) for command in CASE_COMMANDS)
    return context.person.text("You can always write: {words}. Or send a file.", words=words)


def reason_of(
    definition: ServiceDefinition, refusal: Refusal, context: Context
) -> tuple[str, str, str]:
    """Why a case was refused: the reason in words, the law, and what the office says to it."""
    reason = definition.refusal.reason(refusal.code) if definition.refusal else None
    if reason is not None:
        title, law = reason.title.text(context.language), reason.law.text(context.language)
    else:
        title = context.person.text("The office did not decide in time.")
        law = definition.deadline.law.text(context.language)
    return title, refusal.law or law, refusal.text or _rule_words(refusal, context)


def refusal_doc(definition: ServiceDefinition, refusal: Refusal, context: Context) -> Doc:
    """A refusal: why, by which law, in which words, how to appeal, until when."""
    localizer = context.person
    rules = definition.refusal
    title, law, words = reason_of(definition, refusal, context)
    doc: Doc = (
        Heading(localizer.text("Refused")),
        Facts(
            [
                (localizer.text("Reason"), title),
                (localizer.text("Law"), law),
            ]
        ),
    )
    until = localizer.date(refusal.appeal_until_ms)
    appeal = rules.appeal.text(context.language) if rules else ""
    return (
        *doc,
        Paragraph(words),
        Facts([(localizer.text("How to appeal"), appeal), (localizer.text("Until"), Bold(until))]),
    )


def _rule_words(refusal: Refusal, context: Context) -> str:
    localizer = context.person
    if refusal.code == SILENCE:
        return localizer.text(
            "Nobody has looked at your reasons. By law you can appeal as if it had been refused."
        )
    return localizer.text("This follows from your answers, by the rules of the service.")


def approved_doc(definition: ServiceDefinition, context: Context, *, by_silence: bool) -> Doc:
    """It is approved."""
    localizer = context.person
    title = definition.title.text(context.language)
    words = (
        localizer.text("The office did not decide in time, so it counts as approved.")
        if by_silence
        else localizer.text("Your case is approved.")
    )
    return (Paragraph(Bold(title), ": ", words),)


def served_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """It is done; with the SHA-256 of each document, since many clients show no captions."""
    localizer = context.person
    title = definition.title.text(context.language)
    doc: Doc = (Paragraph(Bold(title), ": ", localizer.text("done. Nothing more is needed.")),)
    hashes = [(_digest_of(one, localizer), Mono(one.sha256)) for one in case.documents]
    return (*doc, Facts(hashes)) if hashes else doc


def _digest_of(issued: Issued, localizer: Localizer) -> str:
    """Name the file of a SHA-256; before signing, a document has another one."""
    return localizer.text("{title} · SHA-256 of the file", title=issued.title)


def overdue_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """The office is late, and who has it now."""
    localizer = context.person
    date = localizer.date(case.due_at_ms) if case.due_at_ms else ""
    return (
        Paragraph(Bold(localizer.text("The office is late."))),
        Paragraph(
            localizer.text("Your case was handed up, with a new deadline: {date}.", date=date),
            " ",
            _after_due(definition, case, context),
        ),
    )


def question_doc(case: Case, context: Context) -> Doc:
    """A question was passed on, and until when it is answered."""
    localizer = context.person
    if case.question is None:
        return ()
    date = localizer.date(case.question.due_at_ms)
    words = (
        localizer.text("We have asked the office to tell you why. It answers by {date}.", date=date)
        if case.question.kind is QuestionKind.WHY
        else localizer.text("A human being answers you here by {date}.", date=date)
    )
    return (Paragraph(words),)


def unanswered_doc(case: Case, context: Context) -> Doc:
    """A question was not answered in time."""
    localizer = context.person
    if case.question is None:
        return (
            Paragraph(
                localizer.text(
                    "The office has not answered your question, although it was handed up. You can"
                    " complain to whoever supervises the office; the export of this case shows"
                    " what was asked and when."
                )
            ),
        )
    date = localizer.date(case.question.due_at_ms)
    words = localizer.text(
        "The office has not answered your question in time. It was handed up; the answer is now"
        " due by {date}.",
        date=date,
    )
    return (Paragraph(words),)


def reminder_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """The person is asked to answer before the case expires."""
    localizer = context.person
    expiry = case.timer(TimerKind.EXPIRY)
    until_ms = case.fee.due_at_ms if case.fee else expiry.at_ms if expiry else None
    until = "" if until_ms is None else localizer.date(until_ms)
    title = definition.title.text(context.language)
    return (
        Paragraph(
            Bold(title),
            ": ",
            localizer.text("we are still waiting for you, until {date}.", date=until),
            " ",
            next_step(definition, case, context),
        ),
    )


def ended_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """It is withdrawn or expired: nothing more will happen."""
    localizer = context.person
    title = definition.title.text(context.language)
    words = (
        localizer.text("You have withdrawn it. The office does nothing more.")
        if case.state is State.WITHDRAWN
        else localizer.text("It has expired, because there was no answer in time.")
    )
    return (Paragraph(Bold(title), ": ", words, " ", localizer.text(_NEXT[case.state])),)


def reply_doc(text: str, context: Context) -> Doc:
    """Write the reply of somebody of the office."""
    return (Paragraph(Bold(context.office.name(context.language)), ": ", text),)
