"""Guardians of signatures in words: the rule, who accepts it, the documents that they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.sessions.core.records import NAME_CHARACTERS_MAX
from appservices.signing.sessions.texts.words import titled
from veche.protocol.guardian_texts import COMING, PROBLEMS
from veche.protocol.guardians import GUARDIANS_MAX, GuardProblem, RuleState
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.guardians.core import RuleView
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.guardians import Guardian, Tally
    from veche.protocol.texts.localizer import Localizer

_NAME_CHARACTERS: Final = min(50, NAME_CHARACTERS_MAX)
"""Of a name in a rule: what is signed has room for all of them, with their addresses."""
_PROBLEMS: Final[Mapping[GuardProblem, str]] = {
    GuardProblem.USAGE: N_("Write who, and how many of them, in one line:"),
    **PROBLEMS,
    GuardProblem.BAD_SHARE: N_("How many have to agree does not fit to whom you named:"),
}


def rules_doc(rules: Sequence[tuple[RuleState, RuleView]], localizer: Localizer) -> Doc:
    """Which rule of a person counts, and which will; how one is set."""
    doc: Doc = ()
    if not any(state is RuleState.ACTIVE for state, _ in rules):
        doc = (Paragraph(localizer.text("Nobody guards your signatures.")),)
    for state, view in rules:
        if state is not RuleState.ACTIVE:
            at_ms = view.counts_from_ms
            moment = localizer.moment(at_ms) if at_ms is not None else ""
            doc = (*doc, Paragraph(localizer.text(COMING[state], moment=moment)))
        doc = (*doc, Paragraph(rule_words(view, localizer)))
    intro = localizer.text("To choose guardians, or to do without them, write for example:")
    return (*doc, Paragraph(intro, "\n", *_examples(localizer)))


def guard_problem_doc(problem: GuardProblem, localizer: Localizer) -> Doc:
    """Why a rule cannot be read, with one that can."""
    words = localizer.text(_PROBLEMS[problem], count=GUARDIANS_MAX)
    return (Paragraph(words, "\n", *_examples(localizer)),)


def no_guardian_doc(name: str, localizer: Localizer) -> Doc:
    """Somebody who was named cannot be a guardian."""
    words = localizer.text(
        "Nobody else of the name {name} is here. Nothing has changed.", name=name
    )
    return (Paragraph(words),)


def proposal_doc(view: RuleView, localizer: Localizer) -> Doc:
    """Describe the rule that the person is asked to approve."""
    doc: Doc = (Heading(localizer.text("Guardians")), Paragraph(rule_words(view, localizer)))
    if view.guardians:
        names: list[Item] = [(Bold(one.name), " ", Mono(one.person)) for one in view.guardians]
        words = localizer.text(
            "Each of them is asked whether they accept. Whenever you want to sign, they see what"
            " the document is called, who asks you and who signs, not what is in it."
        )
        doc = (*doc, Bullets(names), Paragraph(words))
    words = localizer.text(
        "A stricter rule counts at once, a weaker one a day later, and the guardians are told."
    )
    return (*doc, Paragraph(words))


def shown_text(view: RuleView, localizer: Localizer) -> str:
    """The same in the words that are signed. They are kept in clear: so they have no names."""
    return _rule_words(view, [one.person for one in view.guardians], localizer)


def rule_words(view: RuleView, localizer: Localizer) -> str:
    """Describe a rule."""
    return _rule_words(view, [one.name[:_NAME_CHARACTERS] for one in view.guardians], localizer)


def _rule_words(view: RuleView, called: Sequence[str], localizer: Localizer) -> str:
    if not view.guardians:
        return localizer.text("Nobody has to agree to your signatures any more.")
    return localizer.text(
        "Before you sign, {needed} of {count} have to agree: {names}.",
        needed=view.needed,
        count=len(view.guardians),
        names=", ".join(called),
    )


def invitation_doc(view: RuleView, localizer: Localizer) -> Doc:
    """Somebody is asked to be a guardian."""
    words = localizer.text(
        "{name} asks you to be a guardian: they can sign documents here only once {needed} of"
        " {count} guardians agree. You are asked each time, and may say no.",
        name=view.owner.name,
        needed=view.needed,
        count=len(view.guardians),
    )
    who: list[tuple[str, Item]] = [(localizer.text("Of"), _named(view.owner))]
    return (Heading(localizer.text("Guardian")), Paragraph(words), Facts(who))


def acceptance_text(view: RuleView, localizer: Localizer) -> str:
    """Write the text that a guardian signs to accept."""
    return localizer.text(
        "I am a guardian of {person}: I am asked to agree to signatures of theirs.",
        person=view.owner.person,
    )


def asked_doc(
    session: Session, view: RuleView, gone: Sequence[Guardian], localizer: Localizer
) -> Doc:
    """Tell the signer that their guardians are asked about a document.

    Args:
        session: Of the document.
        view: By which rule.
        gone: Those who cannot be asked any more.
        localizer: How the person is spoken to.
    """
    words = localizer.text(
        "Before you can sign “{title}”, {needed} of your {count} guardians have to agree. They are"
        " asked now. I write to you as soon as you can sign.",
        title=titled(session, localizer),
        needed=view.needed,
        count=len(view.guardians) - len(gone),
    )
    return (Paragraph(words), *_gone(gone, localizer), *_parties(session, view, localizer))


def too_few_doc(session: Session, gone: Sequence[Guardian], localizer: Localizer) -> Doc:
    """Say that too many guardians left, so that nothing can be signed."""
    words = localizer.text(
        "Too few guardians can be asked, so you cannot sign “{title}”.",
        title=titled(session, localizer),
    )
    return (Paragraph(words), *_gone(gone, localizer))


def look_doc(session: Session, member: Member, view: RuleView, localizer: Localizer) -> Doc:
    """Write the question to a guardian about a document.

    Args:
        session: Of the document.
        member: Who wants to sign it.
        view: Their rule.
        localizer: How the guardian is spoken to.
    """
    others = [one.name for one in session.members if one.id != member.id]
    facts: list[tuple[str, Item]] = [
        (localizer.text("Of"), _named(view.owner)),
        (localizer.text("Document"), Bold(titled(session, localizer))),
        (localizer.text("Asked for by"), session.subject.requester_name),
        (localizer.text("Others who take part"), ", ".join(others) or "–"),
        (localizer.text("Code"), Mono(session.code)),
    ]
    words = localizer.text(
        "{needed} guardians have to agree, until {moment}. Somebody who hurries {name} wants"
        " exactly this: ask {name} what it is, on a way of your own, and if in doubt, refuse.",
        needed=view.needed,
        moment=localizer.moment(session.deadline_at_ms),
        name=view.owner.name,
    )
    head = Heading(localizer.text("Please look at a signature"))
    return (head, Facts(facts), *_parties(session, view, localizer), Paragraph(words))


def vote_text(session: Session, view: RuleView, localizer: Localizer) -> str:
    """Write the text that a guardian signs; kept in clear, so without title and names."""
    return localizer.text(
        "As a guardian I agree that {person} signs the document with the code {code}.",
        person=view.owner.person,
        code=session.code,
    )


def agreed_doc(session: Session, page: str | None, localizer: Localizer) -> Doc:
    """Tell the signer that enough guardians agree."""
    words = localizer.text(
        "Your guardians agree that you sign “{title}”. Sign it now as you wanted to.",
        title=titled(session, localizer),
    )
    if page is None:
        return (Paragraph(words),)
    return (Paragraph(Link(words, page)),)


def denied_doc(session: Session, counted: Tally, localizer: Localizer) -> Doc:
    """Say that guardians do not agree, with numbers but no names."""
    words = localizer.text(
        "Too few of your guardians agree that you sign “{title}”: you cannot. Of {needed} who are"
        " needed, agreed: {yes}; refused: {no}; could not be asked: {gone}. You can decline it.",
        title=titled(session, localizer),
        needed=counted.needed,
        yes=counted.yes,
        no=counted.no,
        gone=counted.gone,
    )
    return (Paragraph(words),)


def _gone(gone: Sequence[Guardian], localizer: Localizer) -> Doc:
    if not gone:
        return ()
    words = localizer.text(
        "Cannot be asked any more, and does not count: {names}. Write “guardians” to choose"
        " somebody else.",
        names=", ".join(one.name for one in gone),
    )
    return (Paragraph(words),)


def _parties(session: Session, view: RuleView, localizer: Localizer) -> Doc:
    """Guardians who gain by the document themselves, perhaps."""
    taking_part = {session.requester, *(one.person for one in session.members)}
    names = [one.name for one in view.guardians if one.person in taking_part]
    if not names:
        return ()
    words = localizer.text(
        "Guardians who take part in it themselves: {names}.", names=", ".join(names)
    )
    return (Paragraph(words),)


def _examples(localizer: Localizer) -> tuple[Mono | str, ...]:
    example = localizer.text("guardians @bob @carol 2 of 2")
    return (Mono(example), "\n", Mono(localizer.text("guardians off")))


def _named(one: Guardian) -> Item:
    return (Bold(one.name), " ", Mono(one.person))
