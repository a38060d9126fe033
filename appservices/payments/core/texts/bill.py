"""A bill that several pay together, in words: for who asks them, and for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.bill import BillState
from appservices.payments.core.bill_order import WEIGHT_MAX as PARTS_EACH_MAX
from appservices.payments.core.bill_order import BillProblem
from appservices.payments.core.split import PARTS_MAX
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.core.order import OrderProblem
    from appservices.payments.core.texts.views import Party
    from veche.protocol.message import Item
    from veche.protocol.texts.localizer import Speech

_PROBLEMS: Final[Mapping[BillProblem, str]] = {
    BillProblem.NOBODY: N_("Who pays a share? Name them after the amount, each with an @:"),
    BillProblem.TWICE: N_("Somebody is named twice. Name each of them once:"),
    BillProblem.TOO_MANY: N_("At most {count} can share a bill. Name fewer of them:"),
    BillProblem.BAD_PARTS: N_(
        "I cannot read a name. “@bob:2” pays two parts (at most {parts}), “@bob=10.00” that amount:"
    ),
    BillProblem.TOO_LITTLE: N_("The fixed amounts are more than the bill. Write them anew:"),
    BillProblem.REMAINS: N_(
        "The fixed amounts are less than the bill. Who pays the rest? Name one of them without an"
        " amount:"
    ),
    BillProblem.NOTHING_LEFT: N_("Somebody would have nothing to pay. Write the shares anew:"),
}
_ENDS: Final[Mapping[BillState, str]] = {
    BillState.PAID: N_("All shares are paid: {amount} for {title}."),
    BillState.EXPIRED: N_(
        "Not all agreed in time, so nobody has paid anything: {amount} for {title}."
    ),
    BillState.FAILED: N_("The shares could not be paid, so nobody has paid anything: {title}."),
    BillState.CANCELLED: N_("The bill is cancelled; nobody has paid anything: {title}."),
}


@attrs.frozen
class ShareView:
    """A share of a bill, for who asked for it.

    Attributes:
        minor: How much.
        is_own: Of who asked; it is not paid to themselves.
        is_agreed: It is set aside, or paid.
        is_declined: Its payer does not pay it, whatever the reason.
    """

    payer: Party
    minor: int
    is_own: bool = False
    is_agreed: bool = False
    is_declined: bool = False


@attrs.frozen
class BillView:
    """A bill with its names.

    Attributes:
        organiser: Who gets the money.
        title: What for; may be empty.
        total_minor: All of it, with the organiser's own share.
        due_at_ms: Until when all have to agree, UTC.
    """

    organiser: Party
    title: str
    total_minor: int
    currency: str
    due_at_ms: int
    shares: Sequence[ShareView]

    @property
    def agreed_count(self) -> int:
        """How many of the others have agreed."""
        return sum(one.is_agreed for one in self.shares)

    @property
    def asked_count(self) -> int:
        """How many of the others there are."""
        return sum(not one.is_own for one in self.shares)


def title_of(view: BillView, speech: Speech) -> str:
    """What a bill is for, also where nobody said it."""
    return view.title or speech.text("the bill")


def bill_doc(view: BillView, speech: Speech) -> Doc:
    """Where a bill stands, for who asked for it."""
    lines: list[Item] = [
        (Bold(one.payer.name), f": {speech.money(one.minor, view.currency)}, {_state(one, speech)}")
        for one in view.shares
    ]
    facts: list[tuple[str, Item]] = [
        (speech.text("Together"), Bold(speech.money(view.total_minor, view.currency))),
        (speech.text("Until"), speech.moment(view.due_at_ms)),
    ]
    if view.title:
        facts.insert(0, (speech.text("What for"), view.title))
    words = speech.text(
        "It is paid once all have agreed. If somebody has not by then, nobody pays anything."
    )
    return (
        Heading(speech.text("Shared bill")),
        Facts(facts),
        Bullets(lines),
        Paragraph(words),
    )


def share_doc(view: BillView, speech: Speech) -> Doc:
    """What stands above the question to one of those who share a bill."""
    words = speech.text(
        "{name} asks you for your share of a bill of {amount}.",
        name=view.organiser.name,
        amount=speech.money(view.total_minor, view.currency),
    )
    if view.asked_count == 1:
        alone = speech.text("It is paid as soon as you approve it.")
        return (Heading(speech.text("Shared bill")), Paragraph(words), Paragraph(alone))
    rule = speech.text(
        "Your share is set aside when you approve it, and paid once all {count} have agreed. If"
        " somebody has not by {moment}, you have it again.",
        count=view.asked_count,
        moment=speech.moment(view.due_at_ms),
    )
    return (Heading(speech.text("Shared bill")), Paragraph(words), Paragraph(rule))


def set_aside_doc(view: BillView, minor: int, speech: Speech) -> Doc:
    """That a share is set aside."""
    words = speech.text(
        "{amount} are set aside for {title}. They are paid once all have agreed, until {moment}.",
        amount=speech.money(minor, view.currency),
        title=title_of(view, speech),
        moment=speech.moment(view.due_at_ms),
    )
    return (Paragraph(words),)


def progress_doc(view: BillView, payer: Party, speech: Speech) -> Doc:
    """That one more has agreed."""
    words = speech.text(
        "{name} has agreed to pay their share of {title}: {agreed} of {count}.",
        name=payer.name,
        title=title_of(view, speech),
        agreed=view.agreed_count,
        count=view.asked_count,
    )
    return (Paragraph(words),)


def declined_doc(view: BillView, payer: Party, speech: Speech) -> Doc:
    """That somebody does not pay their share; for who asked alone, without the reason."""
    words = speech.text(
        "{name} does not pay their share of {title}. Nothing is paid unless you do something about"
        " it.",
        name=payer.name,
        title=title_of(view, speech),
    )
    return (Paragraph(words),)


def end_doc(view: BillView, state: BillState, speech: Speech) -> Doc:
    """How a bill ended, and who had not agreed."""
    words = speech.text(
        _ENDS[state],
        amount=speech.money(view.total_minor, view.currency),
        title=title_of(view, speech),
    )
    missing = [one.payer.name for one in view.shares if not one.is_own and not one.is_agreed]
    if state is not BillState.EXPIRED or not missing:
        return (Paragraph(words),)
    return (Paragraph(words), Paragraph(speech.text("These had not:")), Bullets(missing))


def bill_problem_doc(problem: BillProblem, currency: str, speech: Speech) -> Doc:
    """What is missing or wrong in the order of a bill, with one that can be read."""
    words = speech.text(_PROBLEMS[problem], count=PARTS_MAX, parts=PARTS_EACH_MAX)
    return (Paragraph(words, "\n", _example(currency, speech)),)


def bill_usage_doc(problem: OrderProblem, words: str, currency: str, speech: Speech) -> Doc:
    """Likewise of its amount.

    Args:
        problem: What is wrong with it.
        words: What is said of that where somebody is paid.
        currency: Of the example.
        speech: How the person is spoken to.
    """
    if problem.value == "usage":
        words = speech.text("How much is the bill, and who shares it? Write it in one line:")
    return (Paragraph(words, "\n", _example(currency, speech)),)


def unknown_sharers_doc(names: Sequence[str], speech: Speech) -> Doc:
    """Who cannot be asked; nobody was."""
    words = speech.text(
        "Nobody of these names can be asked here. Look at how they are written. Nobody was asked:"
    )
    return (Paragraph(words), Bullets([Mono(name) for name in names]))


def no_bills_doc(speech: Speech) -> Doc:
    """That no bill of theirs is open."""
    return (Paragraph(speech.text("No bill of yours waits for anybody.")),)


def too_many_bills_doc(speech: Speech) -> Doc:
    """That too many are open."""
    words = speech.text("Too many bills of yours are open. Write “splits” to see and end them.")
    return (Paragraph(words),)


def _example(currency: str, speech: Speech) -> Mono:
    return Mono(speech.text("split 60.00 {currency} @alice @bob:2 dinner", currency=currency))


def _state(one: ShareView, speech: Speech) -> str:
    if one.is_own:
        return speech.text("your own share")
    if one.is_agreed:
        return speech.text("has agreed")
    return speech.text("does not pay") if one.is_declined else speech.text("is asked")
