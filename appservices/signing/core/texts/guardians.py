"""Guardians of signatures in words: the rule, who accepts it, the documents that they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.core.records import NAME_CHARACTERS_MAX
from appservices.signing.core.texts.words import titled
from veche.protocol.guardian_texts import COMING, PROBLEMS
from veche.protocol.guardians import GUARDIANS_MAX, GuardProblem, RuleState
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.core.guards import RuleView
    from appservices.signing.core.records import Member, Session
    from veche.protocol.guardians import Guardian, Tally
    from veche.protocol.texts.localizer import Speech

_NAME_CHARACTERS: Final = min(50, NAME_CHARACTERS_MAX)
"""Of a name in a rule: what is signed has room for all of them, with their addresses."""
_PROBLEMS: Final[Mapping[GuardProblem, str]] = {
    GuardProblem.USAGE: N_("Write who, and how many of them, in one line:"),
    **PROBLEMS,
    GuardProblem.BAD_SHARE: N_("How many have to agree does not fit to whom you named:"),
}


def rules_doc(rules: Sequence[tuple[RuleState, RuleView]], speech: Speech) -> Doc:
    """Which rule of a person counts, and which will; how one is set."""
    doc: Doc = ()
    if not any(state is RuleState.ACTIVE for state, _ in rules):
        doc = (Paragraph(speech.text("Nobody guards your signatures.")),)
    for state, view in rules:
        if state is not RuleState.ACTIVE:
            at_ms = view.counts_from_ms
            moment = speech.moment(at_ms) if at_ms is not None else ""
            doc = (*doc, Paragraph(speech.text(COMING[state], moment=moment)))
        doc = (*doc, Paragraph(rule_words(view, speech)))
    intro = speech.text("To choose guardians, or to do without them, write for example:")
    return (*doc, Paragraph(intro, "\n", *_examples(speech)))


def guard_problem_doc(problem: GuardProblem, speech: Speech) -> Doc:
    """Why a rule cannot be read, with one that can."""
    words = speech.text(_PROBLEMS[problem], count=GUARDIANS_MAX)
    return (Paragraph(words, "\n", *_examples(speech)),)


def no_guardian_doc(name: str, speech: Speech) -> Doc:
    """Somebody who was named cannot be a guardian."""
    words = speech.text("Nobody else of the name {name} is here. Nothing has changed.", name=name)
    return (Paragraph(words),)


def proposal_doc(view: RuleView, speech: Speech) -> Doc:
    """What the person is asked to approve."""
    doc: Doc = (Heading(speech.text("Guardians")), Paragraph(rule_words(view, speech)))
    if view.guardians:
        names: list[Item] = [(Bold(one.name), " ", Mono(one.person)) for one in view.guardians]
        words = speech.text(
            "Each of them is asked whether they accept. Whenever you want to sign, they see what"
            " the document is called, who asks you and who signs, not what is in it."
        )
        doc = (*doc, Bullets(names), Paragraph(words))
    words = speech.text(
        "A stricter rule counts at once, a weaker one a day later, and the guardians are told."
    )
    return (*doc, Paragraph(words))


def shown_text(view: RuleView, speech: Speech) -> str:
    """The same in the words that are signed. They are kept in clear: so they have no names."""
    return _rule_words(view, [one.person for one in view.guardians], speech)


def rule_words(view: RuleView, speech: Speech) -> str:
    """What a rule says."""
    return _rule_words(view, [one.name[:_NAME_CHARACTERS] for one in view.guardians], speech)


def _rule_words(view: RuleView, called: Sequence[str], speech: Speech) -> str:
    if not view.guardians:
        return speech.text("Nobody has to agree to your signatures any more.")
    return speech.text(
        "What you sign has to be agreed to first by {needed} of {count}: {names}.",
        needed=view.needed,
        count=len(view.guardians),
        names=", ".join(called),
    )


def invitation_doc(view: RuleView, speech: Speech) -> Doc:
    """Somebody is asked to be a guardian."""
    words = speech.text(
        "{name} asks you to be a guardian: they can sign documents here only once {needed} of"
        " {count} guardians agree. You are asked each time, and may say no.",
        name=view.owner.name,
        needed=view.needed,
        count=len(view.guardians),
    )
    who: list[tuple[str, Item]] = [(speech.text("Of"), _named(view.owner))]
    return (Heading(speech.text("Guardian")), Paragraph(words), Facts(who))


def acceptance_text(view: RuleView, speech: Speech) -> str:
    """What somebody signs who accepts to be a guardian."""
    return speech.text(
        "I am a guardian of {person}: I am asked to agree to signatures of theirs.",
        person=view.owner.person,
    )


def asked_doc(session: Session, view: RuleView, gone: Sequence[Guardian], speech: Speech) -> Doc:
    """That guardians are asked about a document, for who wants to sign it.

    Args:
        session: Of the document.
        view: By which rule.
        gone: Those who cannot be asked any more.
        speech: How the person is spoken to.
    """
    words = speech.text(
        "Before you can sign “{title}”, {needed} of your {count} guardians have to agree. They are"
        " asked now. I write to you as soon as you can sign.",
        title=titled(session, speech),
        needed=view.needed,
        count=len(view.guardians) - len(gone),
    )
    return (Paragraph(words), *_gone(gone, speech), *_parties(session, view, speech))


def too_few_doc(session: Session, gone: Sequence[Guardian], speech: Speech) -> Doc:
    """That so many guardians left that nothing can be signed."""
    words = speech.text(
        "Too few guardians can be asked, so you cannot sign “{title}”.",
        title=titled(session, speech),
    )
    return (Paragraph(words), *_gone(gone, speech))


def look_doc(session: Session, member: Member, view: RuleView, speech: Speech) -> Doc:
    """What a guardian is asked of a document.

    Args:
        session: Of the document.
        member: Who wants to sign it.
        view: Their rule.
        speech: How the guardian is spoken to.
    """
    others = [one.name for one in session.members if one.id != member.id]
    facts: list[tuple[str, Item]] = [
        (speech.text("Of"), _named(view.owner)),
        (speech.text("Document"), Bold(titled(session, speech))),
        (speech.text("Asked for by"), session.matter.requester_name),
        (speech.text("Others who take part"), ", ".join(others) or "–"),
        (speech.text("Code"), Mono(session.code)),
    ]
    words = speech.text(
        "{needed} guardians have to agree, until {moment}. Whoever hurries {name} wants exactly"
        " this: ask {name} what it is, on a way of your own, and if in doubt, refuse.",
        needed=view.needed,
        moment=speech.moment(session.deadline_at_ms),
        name=view.owner.name,
    )
    head = Heading(speech.text("Please look at a signature"))
    return (head, Facts(facts), *_parties(session, view, speech), Paragraph(words))


def vote_text(session: Session, view: RuleView, speech: Speech) -> str:
    """What a guardian signs who agrees. It is kept in clear: so it has no title, and no names."""
    return speech.text(
        "As a guardian I agree that {person} signs the document with the code {code}.",
        person=view.owner.person,
        code=session.code,
    )


def agreed_doc(session: Session, page: str | None, speech: Speech) -> Doc:
    """That enough guardians agree, for who wanted to sign."""
    words = speech.text(
        "Your guardians agree that you sign “{title}”. Sign it now as you wanted to.",
        title=titled(session, speech),
    )
    if page is None:
        return (Paragraph(words),)
    return (Paragraph(words, "\n", Link(page, page)),)


def denied_doc(session: Session, counted: Tally, speech: Speech) -> Doc:
    """That guardians do not agree; who, is told by number alone."""
    words = speech.text(
        "Too few of your guardians agree that you sign “{title}”: you cannot. Of {needed} who are"
        " needed, agreed: {yes}; refused: {no}; could not be asked: {gone}. You can decline it.",
        title=titled(session, speech),
        needed=counted.needed,
        yes=counted.yes,
        no=counted.no,
        gone=counted.gone,
    )
    return (Paragraph(words),)


def _gone(gone: Sequence[Guardian], speech: Speech) -> Doc:
    if not gone:
        return ()
    words = speech.text(
        "Cannot be asked any more, and does not count: {names}. Write “guardians” to choose"
        " somebody else.",
        names=", ".join(one.name for one in gone),
    )
    return (Paragraph(words),)


def _parties(session: Session, view: RuleView, speech: Speech) -> Doc:
    """Guardians who gain by the document themselves, perhaps."""
    taking_part = {session.requester, *(one.person for one in session.members)}
    names = [one.name for one in view.guardians if one.person in taking_part]
    if not names:
        return ()
    words = speech.text(
        "Guardians who take part in it themselves: {names}.", names=", ".join(names)
    )
    return (Paragraph(words),)


def _examples(speech: Speech) -> tuple[Mono | str, ...]:
    example = speech.text("guardians @bob @carol 2 of 2")
    return (Mono(example), "\n", Mono(speech.text("guardians off")))


def _named(one: Guardian) -> Item:
    return (Bold(one.name), " ", Mono(one.person))
