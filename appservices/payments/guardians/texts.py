"""Guardians in words: the rule, who accepts it, the payments that they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.texts.views import named
from veche.protocol.guardian_texts import COMING, PROBLEMS
from veche.protocol.guardians import GUARDIANS_MAX, GuardProblem, RuleState
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.transfers.texts.views import Party, PaymentView
    from veche.protocol.guardians import Tally
    from veche.protocol.texts.localizer import Localizer

_NAME_CHARACTERS: Final = 50
"""Of a name in a rule: what is signed has room for all of them, with their addresses."""
_PROBLEMS: Final[Mapping[GuardProblem, str]] = {
    GuardProblem.USAGE: N_("Write who, how many of them, and above which amount, in one line:"),
    **PROBLEMS,
    GuardProblem.BAD_SHARE: N_("How many have to approve does not fit to whom you named:"),
}


@attrs.frozen
class RuleView:
    """A rule with its names.

    Attributes:
        owner: Whose payments are guarded.
        guardians: In their order; empty: nobody any more.
        needed: How many of them have to approve.
        above_minor: Above which amount.
        currency: ISO 4217.
        is_shown: They see whom and how much.
        counts_from_ms: UTC, where it waits.
    """

    owner: Party
    guardians: tuple[Party, ...]
    needed: int
    above_minor: int
    currency: str
    is_shown: bool = True
    counts_from_ms: int | None = None


def rules_doc(
    rules: Sequence[tuple[RuleState, RuleView]], currency: str, localizer: Localizer
) -> Doc:
    """Which rules count, and which will; how one is set.

    Args:
        rules: Of one person.
        currency: Of the example.
        localizer: How they are spoken to.
    """
    doc: Doc = ()
    if not any(state is RuleState.ACTIVE for state, _ in rules):
        doc = (Paragraph(localizer.text("Nobody guards your payments.")),)
    for state, view in rules:
        if state is not RuleState.ACTIVE:
            at_ms = view.counts_from_ms
            moment = localizer.moment(at_ms) if at_ms is not None else ""
            doc = (*doc, Paragraph(localizer.text(COMING[state], moment=moment)))
        doc = (*doc, Paragraph(rule_words(view, localizer), " ", seen_words(view, localizer)))
    intro = localizer.text("To choose guardians, or to do without them, write for example:")
    return (*doc, Paragraph(intro, "\n", *_examples(currency, localizer)))


def guard_problem_doc(problem: GuardProblem, currency: str, localizer: Localizer) -> Doc:
    """Why a rule cannot be read, with one that can."""
    words = localizer.text(_PROBLEMS[problem], count=GUARDIANS_MAX)
    return (Paragraph(words, "\n", *_examples(currency, localizer)),)


def guard_example(currency: str, localizer: Localizer) -> str:
    """A rule that can be read."""
    return localizer.text("guardians @bob @carol 2 of 2 above 200 {currency}", currency=currency)


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
        names: list[Item] = [named(one) for one in view.guardians]
        doc = (*doc, Bullets(names))
        words = localizer.text(
            "Each of them is asked whether they accept. They have 24 hours for a payment; then it"
            " is cancelled."
        )
        doc = (*doc, Paragraph(words))
    words = localizer.text(
        "A stricter rule counts at once, a weaker one a day later, and the guardians are told."
    )
    return (*doc, Paragraph(words))


def shown_text(view: RuleView, localizer: Localizer) -> str:
    """The same in the words that are signed."""
    if not view.guardians:
        return rule_words(view, localizer)
    who = ", ".join(one.address for one in view.guardians)
    return f"{rule_words(view, localizer)} {seen_words(view, localizer)} ({who})"


def rule_words(view: RuleView, localizer: Localizer) -> str:
    """Describe a rule."""
    if not view.guardians:
        return localizer.text("Nobody has to approve your payments any more.")
    return localizer.text(
        "Payments above {amount} in a day have to be approved by {needed} of {count}: {names}.",
        amount=localizer.money(view.above_minor, view.currency),
        needed=view.needed,
        count=len(view.guardians),
        names=", ".join(one.name[:_NAME_CHARACTERS] for one in view.guardians),
    )


def seen_words(view: RuleView, localizer: Localizer) -> str:
    """Describe the part of a payment that guardians see."""
    if not view.guardians:
        return ""
    if view.is_shown:
        return localizer.text("They see whom you pay and how much.")
    return localizer.text("They see neither whom you pay nor how much.")


def invitation_doc(view: RuleView, localizer: Localizer) -> Doc:
    """Somebody is asked to be a guardian."""
    words = localizer.text(
        "{name} asks you to be a guardian: payments of theirs above an amount wait until {needed}"
        " of {count} guardians approve. You are asked each time, and may say no.",
        name=view.owner.name,
        needed=view.needed,
        count=len(view.guardians),
    )
    who: list[tuple[str, Item]] = [(localizer.text("Of"), named(view.owner))]
    return (Heading(localizer.text("Guardian")), Paragraph(words), Facts(who))


def acceptance_text(view: RuleView, localizer: Localizer) -> str:
    """Write the text that a guardian signs to accept."""
    return localizer.text(
        "I am a guardian of {name} ({address}): I am asked to approve payments of theirs.",
        name=view.owner.name,
        address=view.owner.address,
    )


def guarded_doc(
    view: PaymentView, rule: RuleView, gone: Sequence[Party], until_ms: int, localizer: Localizer
) -> Doc:
    """Say that a payment waits for guardians.

    Args:
        view: The payment.
        rule: By which they are asked.
        gone: Those who cannot be asked any more.
        until_ms: Until when they have time, UTC.
        localizer: How the payer is spoken to.
    """
    words = localizer.text(
        "Your payment of {amount} to {name} is approved and waits for your guardians: {needed} of"
        " {count} have to approve it, until {moment}.",
        amount=localizer.money(view.amount_minor, view.currency),
        name=view.payee.name,
        needed=rule.needed,
        count=len(rule.guardians) - len(gone),
        moment=localizer.moment(until_ms),
    )
    doc: Doc = (Paragraph(words), *_gone(gone, localizer))
    if view.payee.address in {one.address for one in rule.guardians}:
        doc = (*doc, Paragraph(localizer.text("Whom you pay is one of them.")))
    return (*doc, Paragraph(localizer.text("You can still stop it until then.")))


def guarded_use_doc(view: PaymentView, until_ms: int, localizer: Localizer) -> Doc:
    """The same for somebody who pays from another's account: whose guardians, is not for them."""
    words = localizer.text(
        "Your payment of {amount} to {name} from the account of {owner} has to be approved by their"
        " guardians first, until {moment}.",
        amount=localizer.money(view.amount_minor, view.currency),
        name=view.payee.name,
        owner=view.payer.name,
        moment=localizer.moment(until_ms),
    )
    return (Paragraph(words), Paragraph(localizer.text("You can still stop it until then.")))


def too_few_doc(gone: Sequence[Party], localizer: Localizer) -> Doc:
    """Say that too many guardians left, so that nothing above the amount can be paid.

    Args:
        gone: Those who left; nobody for who pays from another's account.
        localizer: How they are spoken to.
    """
    words = localizer.text("Too few guardians can be asked, so nothing was paid.")
    return (Paragraph(words), *_gone(gone, localizer))


def look_doc(view: PaymentView, rule: RuleView, until_ms: int, localizer: Localizer) -> Doc:
    """Write the question to a guardian about a payment.

    Args:
        view: The payment.
        rule: Of the payer: it says what they are shown.
        until_ms: Until when they have time, UTC.
        localizer: How the guardian is spoken to.
    """
    what = localizer.text("Please look at a payment")
    if view.kind is Kind.ESCROW:
        what = localizer.text("Please look at an escrow")
    doc: Doc = (
        Heading(what),
        Facts(_shown_facts(view, rule, localizer)),
    )
    if not rule.is_shown:
        words = localizer.text(
            "You are not shown whom they pay or how much. Ask them, not by the call or chat that"
            " hurries them."
        )
        doc = (*doc, Paragraph(words))
    if view.payee.address in {one.address for one in rule.guardians}:
        doc = (*doc, Paragraph(localizer.text("The payee is one of the guardians.")))
    words = localizer.text(
        "{needed} guardians have to approve it, until {moment}. A caller who hurries {name} wants"
        " exactly this: if in doubt, refuse.",
        needed=rule.needed,
        moment=localizer.moment(until_ms),
        name=rule.owner.name,
    )
    return (*doc, Paragraph(words))


def vote_text(view: PaymentView, rule: RuleView, localizer: Localizer) -> str:
    """Write the text that a guardian signs to approve a payment or a hold."""
    if view.kind is Kind.ESCROW:
        return _escrow_vote(view, rule, localizer)
    if not rule.is_shown:
        return localizer.text(
            "As a guardian I approve the payment {number} of {name}.",
            number=view.number,
            name=rule.owner.address,
        )
    return localizer.text(
        "As a guardian I approve the payment {number} of {name}: {amount} to {payee}.",
        number=view.number,
        name=rule.owner.address,
        amount=localizer.money(view.amount_minor + view.fee_minor, view.currency),
        payee=f"{view.payee.name} ({view.payee.address})",
    )


def _escrow_vote(view: PaymentView, rule: RuleView, localizer: Localizer) -> str:
    if not rule.is_shown:
        return localizer.text(
            "As a guardian I approve the escrow {number} of {name}.",
            number=view.number,
            name=rule.owner.address,
        )
    return localizer.text(
        "As a guardian I approve the escrow {number} of {name}: {amount} put aside for {payee}.",
        number=view.number,
        name=rule.owner.address,
        amount=localizer.money(view.amount_minor, view.currency),
        payee=f"{view.payee.name} ({view.payee.address})",
    )


def denied_doc(view: PaymentView, tally: Tally, localizer: Localizer) -> Doc:
    """Say that guardians did not approve a payment, with numbers but no names."""
    words = localizer.text(
        "Your payment of {amount} to {name} was not approved by enough guardians. Nothing was paid."
        " Of {needed} who were needed, approved: {yes}; refused: {no}; did not answer: {silent};"
        " could not be asked: {gone}.",
        amount=localizer.money(view.amount_minor, view.currency),
        name=view.payee.name,
        needed=tally.needed,
        yes=tally.yes,
        no=tally.no,
        silent=tally.silent,
        gone=tally.gone,
    )
    return (Paragraph(words),)


def _shown_facts(view: PaymentView, rule: RuleView, localizer: Localizer) -> list[tuple[str, Item]]:
    facts: list[tuple[str, Item]] = [(localizer.text("Of"), named(rule.owner))]
    if view.user is not None:
        facts.append((localizer.text("Asked for by"), named(view.user)))
    if rule.is_shown:
        total = localizer.money(view.amount_minor + view.fee_minor, view.currency)
        facts += [
            (localizer.text("To"), named(view.payee)),
            (localizer.text("Amount"), Bold(total)),
        ]
        if view.reference:
            facts.append((localizer.text("What for"), view.reference))
    return [*facts, (localizer.text("Number"), Mono(view.number))]


def _gone(gone: Sequence[Party], localizer: Localizer) -> Doc:
    if not gone:
        return ()
    words = localizer.text(
        "Cannot be asked any more, and does not count: {names}. Write “guardians” to choose"
        " somebody else.",
        names=", ".join(one.name for one in gone),
    )
    return (Paragraph(words),)


def _examples(currency: str, localizer: Localizer) -> tuple[Mono | str, ...]:
    return (Mono(guard_example(currency, localizer)), "\n", Mono(localizer.text("guardians off")))
