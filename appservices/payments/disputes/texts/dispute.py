"""Disputes in words: opened, answered, decided, ended; each with its clock."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.disputes.core.dispute import (
    OPEN_MAX,
    WORDS_CHARACTERS_MAX,
    Dispute,
    DisputeState,
    End,
)
from appservices.payments.disputes.core.order import DisputeProblem
from appservices.payments.transfers.texts.views import Party, named, number_of, without_example
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer


_EXAMPLE_MINOR: Final = 500


class Side(enum.Enum):
    """The side of somebody who is told of a dispute."""

    PAYER = "payer"
    PAYEE = "payee"
    DESK = "desk"


_PROBLEMS: Final[Mapping[DisputeProblem, str]] = {
    DisputeProblem.USAGE: N_("Write the number of what you paid, and what was wrong:"),
    DisputeProblem.NO_PAYMENT: N_(
        "You paid nothing of this number that could be disputed. Write “history” to see what you"
        " paid:"
    ),
    DisputeProblem.NO_REASON: N_("Write too why:"),
    DisputeProblem.BAD_WORDS: N_("Write at most {count} characters, all of which can be seen:"),
    DisputeProblem.NOT_POSITIVE: N_("The amount has to be above zero:"),
    DisputeProblem.TOO_MUCH: N_("That is more than can still go back of this payment:"),
    DisputeProblem.TOO_OLD: N_("It is too long ago to be disputed here."),
    DisputeProblem.TWICE: N_("This payment is, or was, disputed: that can be done once."),
    DisputeProblem.TOO_MANY: N_("You have {most} disputes that are not over: end one first."),
    DisputeProblem.NOTHING_LEFT: N_("All of this payment has gone back already."),
    DisputeProblem.NO_DESK: N_(
        "Nobody decides disputes here. Ask whom you paid to give it back, or turn to a court."
    ),
    DisputeProblem.NO_AMOUNT: N_("Write how much goes back, and why:"),
    DisputeProblem.BAD_AMOUNT: N_("I cannot read this amount. Write it like this:"),
    DisputeProblem.OTHER_CURRENCY: N_(
        "An amount is written with the currency of the payment, {currency}; if you meant none,"
        " begin with another word:"
    ),
}


@attrs.frozen
class DisputeView:
    """A dispute with its names.

    Attributes:
        payer: Who disputes.
        payee: The payee.
        currency: ISO 4217.
        reference: What the payment was for; may be empty.
        reason: What the payer says.
        answer: What the payee says; may be empty.
        decision: What the desk says; may be empty.
        appeal: What who appealed says; may be empty.
        ruler: Matrix id of who decided first; empty: nobody yet, or it was the last decision.
        evidence: What was sent as evidence, one line each.
    """

    dispute: Dispute
    payer: Party
    payee: Party
    currency: str
    reference: str
    reason: str
    answer: str = ""
    decision: str = ""
    appeal: str = ""
    ruler: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """By which people find it: that of the payment."""
        return number_of(self.dispute.payment_id)


def dispute_problem_doc(
    problem: DisputeProblem, number: str, currency: str, localizer: Localizer
) -> Doc:
    """Why it cannot be done, with what can be written."""
    words = _problem(problem, currency, localizer)
    if not words.endswith(":"):
        return (Paragraph(words),)
    if problem is DisputeProblem.NO_AMOUNT:
        example = decision_example(number, localizer.money(_EXAMPLE_MINOR, currency), localizer)
    else:
        example = localizer.text(
            "dispute {number} 5.00 {currency} two were broken", number=number, currency=currency
        )
    return (Paragraph(words, "\n", Mono(example)),)


def dispute_problem_words(problem: DisputeProblem, currency: str, localizer: Localizer) -> str:
    """Why it cannot be done, where no example follows."""
    return without_example(_problem(problem, currency, localizer))


def _problem(problem: DisputeProblem, currency: str, localizer: Localizer) -> str:
    values = {"count": WORDS_CHARACTERS_MAX, "most": OPEN_MAX, "currency": currency}
    return localizer.text(_PROBLEMS[problem], **values)


def terms_words(
    payee: str, until_ms: tuple[int, int, int], localizer: Localizer
) -> tuple[str, ...]:
    """Explain what happens in a new dispute, and by when at the latest.

    Args:
        payee: What whoever was paid is called.
        until_ms: Until when they have to answer, the institution to decide, both to appeal.
        localizer: How to say it.
    """
    answer, decide, appeal = map(localizer.moment, until_ms)
    return (
        localizer.text(
            "Once you approve it, the amount is set aside at {name}, nothing else of theirs.",
            name=payee,
        ),
        localizer.text(
            "{name} has until {moment} to give it back, or to say why not.",
            name=payee,
            moment=answer,
        ),
        localizer.text(
            "If it does not come back, the institution decides by {moment} at the latest. Without"
            " a decision {name} has it again.",
            moment=decide,
            name=payee,
        ),
        localizer.text(
            "Either side can appeal that once, by {moment} at the latest; others decide then.",
            moment=appeal,
        ),
        localizer.text("You can take it back until it is decided. A payment can be disputed once."),
    )


def decision_example(number: str, amount: str, localizer: Localizer) -> str:
    """How the desk decides."""
    return localizer.text(
        "dispute {number} {amount} because two were broken", number=number, amount=amount
    )


def dispute_doc(view: DisputeView, side: Side, localizer: Localizer) -> Doc:
    """How a dispute stands, for one side, and what it can write."""
    return (*stands_doc(view, side, localizer), *how_doc(view, side, localizer))


def stands_doc(view: DisputeView, side: Side, localizer: Localizer) -> Doc:
    """How a dispute stands, for one side; the payer's can be read by all."""
    dispute = view.dispute
    facts: list[tuple[str, Item]] = [
        (localizer.text("Paid by"), named(view.payer)),
        (localizer.text("Paid to"), named(view.payee)),
        (localizer.text("Disputed"), Bold(localizer.money(dispute.amount_minor, view.currency))),
    ]
    if dispute.state not in {DisputeState.ASKED, DisputeState.FREEZING, DisputeState.CANCELLED}:
        held = localizer.money(dispute.held_minor, view.currency)
        facts.append((localizer.text("Set aside"), held))
    said = (
        (localizer.text("What for"), view.reference),
        (localizer.text("What was wrong"), view.reason),
        (localizer.text("Answer"), view.answer),
        (localizer.text("Decision"), view.decision),
        (localizer.text("Appeal"), view.appeal),
    )
    facts += [(label, words) for label, words in said if words]
    facts.append((localizer.text("Number"), Mono(view.number)))
    return (
        Heading(localizer.text("Dispute")),
        Facts(facts),
        *_evidence(view, localizer),
        Paragraph(dispute_words(view, side, localizer)),
    )


def how_doc(view: DisputeView, side: Side, localizer: Localizer) -> Doc:
    """List the commands of one side now."""
    example = example_for(view, side, localizer)
    return (
        (Paragraph(localizer.text("Write for example:"), "\n", Mono(example)),) if example else ()
    )


def example_for(view: DisputeView, side: Side, localizer: Localizer) -> str:
    """Give an example of a side's command now; empty if there is none."""
    state = view.dispute.state
    if side is Side.DESK and state in {DisputeState.AT_DESK, DisputeState.APPEALED}:
        held = localizer.money(view.dispute.held_minor, view.currency)
        return decision_example(view.number, held, localizer)
    if side is Side.PAYEE and state is DisputeState.OPEN:
        return localizer.text("dispute {number} all three arrived whole", number=view.number)
    if side is not Side.DESK and state is DisputeState.DECIDED:
        return localizer.text("dispute {number} the photo was overlooked", number=view.number)
    return ""


def shown_opening(view: DisputeView, localizer: Localizer) -> str:
    """Write the text that the payer signs."""
    return localizer.text(
        "I dispute {amount} of the payment {number} to {name} ({address}): {reason}",
        amount=localizer.money(view.dispute.amount_minor, view.currency),
        number=view.number,
        name=view.payee.name,
        address=view.payee.address,
        reason=view.reason,
    )


def shown_agreeing(view: DisputeView, localizer: Localizer) -> str:
    """Write the text that the payee signs to refund; clerks sign for their organisation."""
    if view.payee.person is None:
        return localizer.text(
            "For {payee} I give {amount} of the payment {number} back to {name} ({address}).",
            payee=view.payee.name,
            amount=localizer.money(view.dispute.held_minor, view.currency),
            number=view.number,
            name=view.payer.name,
            address=view.payer.address,
        )
    return localizer.text(
        "I give {amount} of the payment {number} back to {name} ({address}).",
        amount=localizer.money(view.dispute.held_minor, view.currency),
        number=view.number,
        name=view.payer.name,
        address=view.payer.address,
    )


def shown_decision(view: DisputeView, given_minor: int, words: str, localizer: Localizer) -> str:
    """Write the text that a member of the desk signs."""
    return localizer.text(
        "{given} of the payment {number} goes back to {payer}, and {rest} stays with {payee}:"
        " {reason}",
        number=view.number,
        given=localizer.money(given_minor, view.currency),
        payer=view.payer.name,
        rest=localizer.money(view.dispute.held_minor - given_minor, view.currency),
        payee=view.payee.name,
        reason=words,
    )


def dispute_words(  # noqa: PLR0911 -- a state a line
    view: DisputeView, side: Side, localizer: Localizer
) -> str:
    """How a dispute stands, in a sentence or two."""
    dispute = view.dispute
    match dispute.state:
        case DisputeState.ASKED:
            return localizer.text("Nothing is set aside before you approve it.")
        case DisputeState.FREEZING:
            return localizer.text("The amount is being set aside.")
        case DisputeState.OPEN:
            return _open(view, side, localizer)
        case DisputeState.AT_DESK:
            return _at_desk(view, side, localizer)
        case DisputeState.DECIDED:
            return localizer.text(
                "{decision} Until {moment} either side can appeal; others decide then.",
                decision=_decided(view, dispute.ruled_minor or 0, localizer),
                moment=localizer.moment(dispute.due_at_ms or 0),
            )
        case DisputeState.APPEALED:
            return _appealed(view, side, localizer)
        case DisputeState.ENDING:
            return localizer.text("It is decided; the money is on its way.")
        case DisputeState.CANCELLED if dispute.approved_by is not None:
            return localizer.text(
                "{name} has nothing here that could be set aside now. You can try again later.",
                name=view.payee.name,
            )
        case DisputeState.CLOSED:
            return _closed(view, localizer)
        case _:
            return localizer.text("Nothing is disputed.")


def _open(view: DisputeView, side: Side, localizer: Localizer) -> str:
    moment = localizer.moment(view.dispute.due_at_ms or 0)
    if side is Side.PAYEE:
        return localizer.text(
            "This amount of yours is set aside, nothing else. Give it back, or say why not, until"
            " {moment}; then the institution decides.",
            moment=moment,
        )
    return localizer.text(
        "{name} has until {moment} to answer; then the institution decides.",
        name=view.payee.name,
        moment=moment,
    )


def _at_desk(view: DisputeView, side: Side, localizer: Localizer) -> str:
    moment = localizer.moment(view.dispute.due_at_ms or 0)
    if side is Side.DESK:
        return localizer.text(
            "Please decide until {moment}. After that the payee has it again.", moment=moment
        )
    return localizer.text(
        "The institution decides until {moment}. If it does not, {name} has it again.",
        moment=moment,
        name=view.payee.name,
    )


def _closed(view: DisputeView, localizer: Localizer) -> str:
    dispute = view.dispute
    given = localizer.money(dispute.given_minor or 0, view.currency)
    match dispute.end:
        case End.AGREED:
            return localizer.text("{name} gave {amount} back.", name=view.payee.name, amount=given)
        case End.DECIDED:
            return _decided(view, dispute.given_minor or 0, localizer)
        case End.WITHDRAWN:
            return localizer.text(
                "{payer} took it back; {payee} has the amount again.",
                payer=view.payer.name,
                payee=view.payee.name,
            )
        case _:
            return localizer.text(
                "It was not decided in time; {name} has the amount again.", name=view.payee.name
            )


def _decided(view: DisputeView, given_minor: int, localizer: Localizer) -> str:
    return localizer.text(
        "The institution decided: {given} goes back, {rest} stays with {name}.",
        given=localizer.money(given_minor, view.currency),
        rest=localizer.money(view.dispute.held_minor - given_minor, view.currency),
        name=view.payee.name,
    )


def _appealed(view: DisputeView, side: Side, localizer: Localizer) -> str:
    moment = localizer.moment(view.dispute.due_at_ms or 0)
    decision = _decided(view, view.dispute.ruled_minor or 0, localizer)
    if side is Side.DESK:
        return localizer.text(
            "{decision} That was appealed. Please decide until {moment}; after that it stands.",
            decision=decision,
            moment=moment,
        )
    return localizer.text(
        "{decision} That was appealed: others decide until {moment}. If they do not, it stands.",
        decision=decision,
        moment=moment,
    )


def _evidence(view: DisputeView, localizer: Localizer) -> Doc:
    if not view.evidence:
        return ()
    return (Paragraph(localizer.text("Evidence, each with its SHA-256:")), Bullets(view.evidence))
