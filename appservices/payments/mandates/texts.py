"""Mandates in words: proposed, listed, used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.mandates.core.mandate import ChargeProblem, MandateState
from veche.protocol.message import Bold, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.amounts.core.periods import Period
    from appservices.payments.mandates.core.order import MandateOrder
    from veche.protocol.texts.localizer import Localizer

_MINUTE_MS: Final = 60_000
_HOUR_MINUTES: Final = 60
_CAPS: Final[Mapping[Period, str]] = {
    "day": N_("at most {amount} a day"),
    "week": N_("at most {amount} a week"),
    "month": N_("at most {amount} a month"),
    "year": N_("at most {amount} a year"),
}
_STATES: Final[Mapping[MandateState, str]] = {
    MandateState.PROPOSED: N_("not given yet"),
    MandateState.ACTIVE: N_("active"),
    MandateState.PAUSED: N_("paused"),
    MandateState.ENDED: N_("ended"),
}
_PROBLEMS: Final[Mapping[ChargeProblem, str]] = {
    ChargeProblem.NOT_ACTIVE: N_("The mandate is not active."),
    ChargeProblem.NOT_BEGUN: N_("The mandate has not begun yet."),
    ChargeProblem.OVER: N_("The mandate is over."),
    ChargeProblem.ABOVE_EACH: N_("It is more than the mandate allows at once."),
    ChargeProblem.ABOVE_PERIOD: N_("It is more than the mandate allows in this time."),
    ChargeProblem.NO_NOTICE: N_("You were not told early enough."),
}


def proposal_doc(order: MandateOrder, localizer: Localizer) -> Doc:
    """Describe the mandate that a person is asked to approve."""
    intro = localizer.text(
        "{name} asks for a mandate: it may then debit you by itself, within these limits. You can"
        " stop it at any time, in one tap.",
        name=order.payee_name,
    )
    return (Heading(localizer.text("Mandate")), Paragraph(intro), _facts(order, localizer))


def shown_text(order: MandateOrder, localizer: Localizer) -> str:
    """The same in the words that are signed."""
    each = localizer.money(order.each_max.minor, order.each_max.currency)
    return localizer.text(
        "{name} may debit me for “{purpose}”: at most {each} at once, {cap}, until {end}. {notice}",
        name=order.payee_name,
        purpose=order.purpose,
        each=each,
        cap=cap_words(order, localizer),
        end=localizer.date(order.ends_at_ms),
        notice=notice_words(order, localizer),
    )


def mandate_doc(
    order: MandateOrder, state: MandateState, localizer: Localizer, *, is_void: bool = False
) -> Doc:
    """Show a mandate as it stands.

    Args:
        order: The mandate.
        state: Of it.
        localizer: How the payer is spoken to.
        is_void: The key that approved it is revoked.
    """
    heading = localizer.text("Mandate: {name}", name=order.payee_name)
    words = [localizer.text(_STATES[state])]
    if is_void:
        words.append(
            localizer.text(
                "You revoked the key that approved it. To let it go on, approve it with another"
                " key."
            )
        )
    return (Heading(heading), Paragraph(" ".join(words)), _facts(order, localizer))


def notice_doc(
    order: MandateOrder, amount: str, title: str, at_ms: int, localizer: Localizer
) -> Doc:
    """Announce a charge."""
    words = localizer.text(
        "{name} will debit you with {amount} for “{title}” on {moment}, by your mandate. Write"
        " “mandates” to stop it.",
        name=order.payee_name,
        amount=amount,
        title=title,
        moment=localizer.moment(at_ms),
    )
    return (Paragraph(words),)


def given_up_doc(order: MandateOrder, localizer: Localizer) -> Doc:
    """Say that the payee ended a mandate."""
    words = localizer.text(
        "{name} gave up the mandate for “{purpose}”: nothing is debited by it any more.",
        name=order.payee_name,
        purpose=order.purpose,
    )
    return (Paragraph(words),)


def charge_refused_doc(
    order: MandateOrder, amount: str, problem: ChargeProblem, localizer: Localizer
) -> Doc:
    """Say that a charge was tried and refused."""
    words = localizer.text(
        "{name} tried to debit you with {amount}, and it was refused. Nothing was paid.",
        name=order.payee_name,
        amount=amount,
    )
    return (Paragraph(words, " ", localizer.text(_PROBLEMS[problem])),)


def cap_words(order: MandateOrder, localizer: Localizer) -> str:
    """The cap of a period."""
    amount = localizer.money(order.period_max.minor, order.period_max.currency)
    return localizer.text(_CAPS[order.period], amount=amount)


def notice_words(order: MandateOrder, localizer: Localizer) -> str:
    """How long before a debit the payer hears of it, rounded down: never less than is said."""
    minutes = order.notice_ms // _MINUTE_MS
    if minutes == 0:
        return localizer.text("Debits are not announced before: each comes at once.")
    if minutes < _HOUR_MINUTES:
        return localizer.text("Each debit is announced {count} min before.", count=minutes)
    return localizer.text(
        "Each debit is announced {count} h before.", count=minutes // _HOUR_MINUTES
    )


def _facts(order: MandateOrder, localizer: Localizer) -> Facts:
    facts: list[tuple[str, Item]] = [
        (localizer.text("To"), (Bold(order.payee_name), " ", Mono(order.payee))),
        (localizer.text("What for"), order.purpose),
        (localizer.text("At once"), localizer.money(order.each_max.minor, order.each_max.currency)),
        (localizer.text("In all"), cap_words(order, localizer)),
        (localizer.text("From"), localizer.date(order.starts_at_ms)),
        (localizer.text("Until"), localizer.date(order.ends_at_ms)),
        (localizer.text("Notice"), notice_words(order, localizer)),
    ]
    if order.count_max is not None:
        facts.append((localizer.text("How often at most"), str(order.count_max)))
    return Facts(facts)
