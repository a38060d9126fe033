"""A bill that several pay together, in words: for who asks them, and for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.split import PARTS_MAX
from appservices.payments.bills.core.bill import BillState
from appservices.payments.bills.core.order import WEIGHT_MAX as PARTS_EACH_MAX
from appservices.payments.bills.core.order import BillProblem
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.amounts.core.order import OrderProblem
    from appservices.payments.transfers.texts.views import Party
    from veche.protocol.message import Item
    from veche.protocol.texts.localizer import Localizer

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
        title: Purpose; may be empty.
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


def title_of(view: BillView, localizer: Localizer) -> str:
    """Return the title of a bill, also where nobody gave one."""
    return view.title or localizer.text("the bill")


def bill_doc(view: BillView, localizer: Localizer) -> Doc:
    """Where a bill stands, for who asked for it."""
    lines: list[Item] = [
        (
            Bold(one.payer.name),
            f": {localizer.money(one.minor, view.currency)}, {_state(one, localizer)}",
        )
        for one in view.shares
    ]
    facts: list[tuple[str, Item]] = [
        (localizer.text("Together"), Bold(localizer.money(view.total_minor, view.currency))),
        (localizer.text("Until"), localizer.moment(view.due_at_ms)),
    ]
    if view.title:
        facts.insert(0, (localizer.text("What for"), view.title))
    words = localizer.text(
        "It is paid once all have agreed. If somebody has not by then, nobody pays anything."
    )
    return (
        Heading(localizer.text("Shared bill")),
        Facts(facts),
        Bullets(lines),
        Paragraph(words),
    )


def share_doc(view: BillView, localizer: Localizer) -> Doc:
    """Write the text above the question to a sharer."""
    words = localizer.text(
        "{name} asks you for your share of a bill of {amount}.",
        name=view.organiser.name,
        amount=localizer.money(view.total_minor, view.currency),
    )
    if view.asked_count == 1:
        alone = localizer.text("It is paid as soon as you approve it.")
        return (Heading(localizer.text("Shared bill")), Paragraph(words), Paragraph(alone))
    rule = localizer.text(
        "Your share is set aside when you approve it, and paid once all {count} have agreed. If"
        " somebody has not by {moment}, you have it again.",
        count=view.asked_count,
        moment=localizer.moment(view.due_at_ms),
    )
    return (Heading(localizer.text("Shared bill")), Paragraph(words), Paragraph(rule))


def set_aside_doc(view: BillView, minor: int, localizer: Localizer) -> Doc:
    """Say that a share is set aside."""
    words = localizer.text(
        "{amount} are set aside for {title}. They are paid once all have agreed, until {moment}.",
        amount=localizer.money(minor, view.currency),
        title=title_of(view, localizer),
        moment=localizer.moment(view.due_at_ms),
    )
    return (Paragraph(words),)


def progress_doc(view: BillView, payer: Party, localizer: Localizer) -> Doc:
    """Say that one more sharer has agreed."""
    words = localizer.text(
        "{name} has agreed to pay their share of {title}: {agreed} of {count}.",
        name=payer.name,
        title=title_of(view, localizer),
        agreed=view.agreed_count,
        count=view.asked_count,
    )
    return (Paragraph(words),)


def declined_doc(view: BillView, payer: Party, localizer: Localizer) -> Doc:
    """Tell the requester that somebody does not pay their share, without the reason."""
    words = localizer.text(
        "{name} does not pay their share of {title}. Nothing is paid unless you do something about"
        " it.",
        name=payer.name,
        title=title_of(view, localizer),
    )
    return (Paragraph(words),)


def end_doc(view: BillView, state: BillState, localizer: Localizer) -> Doc:
    """How a bill ended, and who had not agreed."""
    words = localizer.text(
        _ENDS[state],
        amount=localizer.money(view.total_minor, view.currency),
        title=title_of(view, localizer),
    )
    missing = [one.payer.name for one in view.shares if not one.is_own and not one.is_agreed]
    if state is not BillState.EXPIRED or not missing:
        return (Paragraph(words),)
    return (Paragraph(words), Paragraph(localizer.text("These had not:")), Bullets(missing))


def bill_problem_doc(problem: BillProblem, currency: str, localizer: Localizer) -> Doc:
    """Explain the mistake in the order of a bill, with a correct example."""
    words = localizer.text(_PROBLEMS[problem], count=PARTS_MAX, parts=PARTS_EACH_MAX)
    return (Paragraph(words, "\n", _example(currency, localizer)),)


def bill_usage_doc(problem: OrderProblem, words: str, currency: str, localizer: Localizer) -> Doc:
    """Likewise of its amount.

    Args:
        problem: What is wrong with it.
        words: What is said of that where somebody is paid.
        currency: Of the example.
        localizer: How the person is spoken to.
    """
    if problem.value == "usage":
        words = localizer.text("How much is the bill, and who shares it? Write it in one line:")
    return (Paragraph(words, "\n", _example(currency, localizer)),)


def unknown_sharers_doc(names: Sequence[str], localizer: Localizer) -> Doc:
    """List the people who cannot be asked; nobody was asked."""
    words = localizer.text(
        "Nobody of these names can be asked here. Look at how they are written. Nobody was asked:"
    )
    return (Paragraph(words), Bullets([Mono(name) for name in names]))


def no_bills_doc(localizer: Localizer) -> Doc:
    """Say that no bill of theirs is open."""
    return (Paragraph(localizer.text("No bill of yours waits for anybody.")),)


def too_many_bills_doc(localizer: Localizer) -> Doc:
    """Say that too many bills are open."""
    words = localizer.text("Too many bills of yours are open. Write “splits” to see and end them.")
    return (Paragraph(words),)


def _example(currency: str, localizer: Localizer) -> Mono:
    return Mono(localizer.text("split 60.00 {currency} @alice @bob:2 dinner", currency=currency))


def _state(one: ShareView, localizer: Localizer) -> str:
    if one.is_own:
        return localizer.text("your own share")
    if one.is_agreed:
        return localizer.text("has agreed")
    return localizer.text("does not pay") if one.is_declined else localizer.text("is asked")
