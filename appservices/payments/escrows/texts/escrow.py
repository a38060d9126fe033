"""Escrows in words: their terms, how they stand, what is to be decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.escrows.core.escrow import (
    LIFE_MS_MAX,
    VOTERS_MAX,
    Escrow,
    EscrowState,
    OnSilence,
    Role,
)
from appservices.payments.escrows.core.order import EscrowProblem
from appservices.payments.transfers.texts.paying import (
    FAILED,
    KEY_REVOKED,
    NO_COVER,
    NOT_PAYABLE,
    over_words,
)
from appservices.payments.transfers.texts.views import Party, named, number_of, without_example
from veche.protocol.message import Bold, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer

GUARDED: Final = "guarded"
"""Too few guardians approved it, or in time."""
TOO_LATE: Final = "too_late"
"""The wait would be over only after the escrow's date."""
NAME_CHARACTERS_MAX: Final = 40
"""Longest name in what is signed; the address stands beside it in full."""
ADDRESSES_CHARACTERS_MAX: Final = 900
"""All addresses of those who take part together: what is signed shows them in full."""

_PROBLEMS: Final[Mapping[EscrowProblem, str]] = {
    EscrowProblem.USAGE: N_(
        "Write with whom, how much and what for; then, if you like, the rules:"
    ),
    EscrowProblem.BAD_RULE: N_("I cannot read one of the rules. Write them like this:"),
    EscrowProblem.BAD_DATE: N_("I cannot read the date. Write it like this:"),
    EscrowProblem.TOO_EARLY: N_("The date is over already. Write a later one:"),
    EscrowProblem.TOO_LATE: N_("An escrow lasts at most {days} days. Write an earlier date:"),
    EscrowProblem.TOO_MANY: N_("Too many take part: at most {count}, you among them."),
    EscrowProblem.TWICE: N_("Everybody takes part once: you, the seller, the arbiters."),
    EscrowProblem.BAD_COUNT: N_(
        "More than half of all who take part have to agree, you and the seller among them; so for"
        " one arbiter write:"
    ),
}
_REFUSALS: Final[Mapping[str, str]] = {
    NOT_PAYABLE: N_("The money could not be put aside: the other cannot be paid here."),
    NO_COVER: N_("You have not enough for it. Nothing was put aside."),
    FAILED: N_("The money could not be put aside. You can try again."),
    KEY_REVOKED: N_(
        "The key that approved it was revoked while it waited, so nothing was put aside. You can"
        " propose it again and approve it with another key."
    ),
    GUARDED: N_("Too few of your guardians approved it, so nothing was put aside."),
    TOO_LATE: N_(
        "Because of your rules it would have to wait until after its date, so nothing was put"
        " aside. Propose it again with a later date."
    ),
}
_ENDS: Final[Mapping[EscrowState, str]] = {
    EscrowState.RELEASED: N_("{seller} got all of it: {amount}."),
    EscrowState.RETURNED: N_("{buyer} has all of it again: {amount}."),
    EscrowState.DECLINED: N_("Somebody does not take part, so nothing is put aside."),
    EscrowState.CANCELLED: N_("{buyer} stopped it; nothing is put aside."),
    EscrowState.EXPIRED: N_("Its time is over; nothing was put aside."),
    EscrowState.ENDING: N_("It is decided; the money is on its way."),
    EscrowState.FUNDING: N_("The money is being put aside."),
}


@attrs.frozen
class EscrowView:
    """An escrow with its names.

    Attributes:
        parties: Buyer, seller, arbiters: in the order of the voters.
        currency: ISO 4217.
        reference: Purpose; may be empty.
    """

    escrow: Escrow
    parties: tuple[Party, ...]
    currency: str
    reference: str

    @property
    def buyer(self) -> Party:
        """The buyer, who puts the money aside."""
        return self.parties[0]

    @property
    def seller(self) -> Party:
        """The seller, who may get the money."""
        return self.parties[1]

    @property
    def number(self) -> str:
        """How people call it."""
        return number_of(self.escrow.id)

    def named(self, holder: int) -> Party:
        """Somebody who takes part."""
        numbers = [one.holder for one in self.escrow.voters]
        return self.parties[numbers.index(holder)]


def problem_doc(problem: EscrowProblem, currency: str, localizer: Localizer) -> Doc:
    """Why an order cannot be read, with one that can."""
    words = _problem(problem, localizer)
    plain = escrow_example(currency, localizer)
    full = localizer.text(
        "escrow bob 100 {currency} bicycle; until 2026-12-24; arbiter carol; 2 of 3; else return",
        currency=currency,
    )
    return (Paragraph(words, "\n", Mono(plain), "\n", Mono(full)),)


def escrow_problem_words(problem: EscrowProblem, localizer: Localizer) -> str:
    """Why an escrow cannot be, where no example follows."""
    if problem is EscrowProblem.BAD_COUNT:
        return localizer.text("More than half of all who take part have to agree, and at most all.")
    return without_example(_problem(problem, localizer))


def _problem(problem: EscrowProblem, localizer: Localizer) -> str:
    return localizer.text(_PROBLEMS[problem], count=VOTERS_MAX, days=LIFE_MS_MAX // DAY_MS)


def no_escrow_doc(localizer: Localizer) -> Doc:
    """Say that the person has no escrow with this number."""
    words = localizer.text("No escrow of yours has this number. Write “escrow” to see them.")
    return (Paragraph(words),)


def share_above_doc(amount_minor: int, currency: str, example: str, localizer: Localizer) -> Doc:
    """Why the seller cannot get a share: it is more than all that there is."""
    words = localizer.text(
        "The seller can get {amount} at most: that is all there is. Write for example:",
        amount=localizer.money(amount_minor, currency),
    )
    return (Paragraph(words, "\n", Mono(example)),)


def escrow_example(currency: str, localizer: Localizer) -> str:
    """A short order of an escrow that can be read."""
    return localizer.text("escrow bob 100 {currency} bicycle", currency=currency)


def terms_doc(view: EscrowView, localizer: Localizer) -> Doc:
    """Everything that is agreed."""
    escrow = view.escrow
    amount = Bold(localizer.money(escrow.amount_minor, view.currency))
    facts: list[tuple[str, Item]] = [
        (localizer.text("Puts it aside"), named(view.buyer)),
        (localizer.text("May get it"), named(view.seller)),
        (localizer.text("Amount"), amount),
    ]
    if view.reference:
        facts.append((localizer.text("What for"), view.reference))
    facts += [(localizer.text("Arbiter"), named(one)) for one in view.parties[2:]]
    facts += [
        (localizer.text("Decided by"), _rule(view, localizer)),
        (
            localizer.text("If not, at {moment}", moment=localizer.moment(escrow.ends_at_ms)),
            silence_words(view, localizer),
        ),
        (localizer.text("Number"), Mono(view.number)),
    ]
    return (Heading(localizer.text("Escrow")), Facts(facts))


def state_doc(view: EscrowView, role: Role, localizer: Localizer) -> Doc:
    """How an escrow stands, for one who takes part."""
    words = state_words(view, role, localizer)
    return (*terms_doc(view, localizer), Paragraph(words), *_votes(view, localizer))


def vote_doc(view: EscrowView, voter: Party, to_seller: int, localizer: Localizer) -> Doc:
    """Tell the others somebody's decision."""
    words = localizer.text(
        "Escrow {number}: {name} decided. {split}",
        number=view.number,
        name=voter.name,
        split=split_words(view, to_seller, localizer),
    )
    if view.escrow.decided is None and not view.escrow.is_decidable:
        return (Paragraph(words, " ", _stuck(view, localizer)),)
    return (Paragraph(words),)


def shown_funding(view: EscrowView, localizer: Localizer) -> str:
    """Write the text that the buyer signs to put the money aside."""
    parts = [
        localizer.text(
            "I put {amount} aside for a deal with {seller}.",
            amount=localizer.money(view.escrow.amount_minor, view.currency),
            seller=_signed(view.seller),
        )
    ]
    if view.reference:
        parts.append(localizer.text("What for: {reference}.", reference=view.reference))
    if len(view.parties) > len(_BOTH):
        names = ", ".join(_signed(one) for one in view.parties[2:])
        parts.append(localizer.text("Arbiters: {names}.", names=names))
    parts.append(
        localizer.text(
            "{rule} decide whom it goes to; if they have not by {moment}: {silence}",
            rule=_rule(view, localizer),
            moment=localizer.moment(view.escrow.ends_at_ms),
            silence=silence_words(view, localizer),
        )
    )
    parts.append(localizer.text("Escrow {number}.", number=view.number))
    return " ".join(parts)


def shown_vote(view: EscrowView, to_seller: int, localizer: Localizer) -> str:
    """Write the text that a participant signs to decide."""
    return localizer.text(
        "I decide, once, in the escrow {number} of {amount} between {buyer} and {seller}: {split}",
        number=view.number,
        amount=localizer.money(view.escrow.amount_minor, view.currency),
        buyer=_signed(view.buyer),
        seller=_signed(view.seller),
        split=split_words(view, to_seller, localizer),
    )


def split_words(view: EscrowView, to_seller: int, localizer: Localizer) -> str:
    """State how the money is split."""
    amount = view.escrow.amount_minor
    if to_seller == amount:
        return localizer.text("All to {name}.", name=_short(view.seller))
    if to_seller == 0:
        return localizer.text("All back to {name}.", name=_short(view.buyer))
    return localizer.text(
        "{part} to {seller}, {rest} back to {buyer}.",
        part=localizer.money(to_seller, view.currency),
        seller=_short(view.seller),
        rest=localizer.money(amount - to_seller, view.currency),
        buyer=_short(view.buyer),
    )


def silence_words(view: EscrowView, localizer: Localizer) -> str:
    """Say what happens at the date if nobody has decided."""
    is_release = view.escrow.on_silence is OnSilence.RELEASE
    return split_words(view, view.escrow.amount_minor if is_release else 0, localizer)


def _waits(escrow: Escrow, role: Role, localizer: Localizer) -> str:
    """Say that it waits for the buyer's rules, without telling the others more."""
    if role is not Role.BUYER or escrow.due_at_ms is None:
        return localizer.text("Nothing is put aside yet.")
    if escrow.state is EscrowState.GUARDED:
        return _guarded(escrow.due_at_ms, localizer)
    return _wait(escrow.due_at_ms, localizer)


def _wait(until_ms: int, localizer: Localizer) -> str:
    """Say that it waits because of a rule with a time."""
    return localizer.text(
        "You approved it, and because of your rules it waits until {moment}. You can stop it until"
        " then.",
        moment=localizer.moment(until_ms),
    )


def _guarded(until_ms: int, localizer: Localizer) -> str:
    """Say that it waits for the buyer's guardians."""
    return localizer.text(
        "You approved it, and it waits for your guardians, who have until {moment}. You can stop it"
        " until then.",
        moment=localizer.moment(until_ms),
    )


_BOTH: Final = (Role.BUYER, Role.SELLER)


def state_words(  # noqa: PLR0911 -- a state a line
    view: EscrowView, role: Role, localizer: Localizer
) -> str:
    """How an escrow stands, in a sentence."""
    escrow, state = view.escrow, view.escrow.state
    if state is EscrowState.PROPOSED:
        names = [view.named(one.holder).name for one in escrow.voters if not one.has_agreed]
        return localizer.text(
            "Nothing is put aside yet. Still to agree: {names}.", names=", ".join(names)
        )
    if state is EscrowState.AGREED:
        if role is Role.BUYER:
            return localizer.text("All agreed. Put the money aside now?")
        return localizer.text(
            "All agreed. {buyer} is asked to put the money aside.", buyer=view.buyer.name
        )
    if state in {EscrowState.COOLING, EscrowState.GUARDED}:
        return _waits(escrow, role, localizer)
    if state is EscrowState.FUNDED:
        return localizer.text("The money is put aside. Everybody decides once.")
    if state is EscrowState.SHARED and escrow.to_seller is not None:
        return split_words(view, escrow.to_seller, localizer)
    if state is EscrowState.REFUSED:
        return _refused(view, role, localizer)
    amount = localizer.money(escrow.amount_minor, view.currency)
    buyer, seller = view.buyer.name, view.seller.name
    return localizer.text(_ENDS[state], buyer=buyer, seller=seller, amount=amount)


def _refused(view: EscrowView, role: Role, localizer: Localizer) -> str:
    """Why nothing was put aside: what the buyer has and set is for nobody else."""
    why = view.escrow.why
    if role is not Role.BUYER or why is None:
        return localizer.text("Nothing was put aside.")
    return localizer.text(_REFUSALS[why]) if why in _REFUSALS else over_words(why, localizer)


def _votes(view: EscrowView, localizer: Localizer) -> Doc:
    """List the decisions so far, as long as it is open."""
    escrow = view.escrow
    if escrow.state is not EscrowState.FUNDED:
        return ()
    facts: list[tuple[str, Item]] = [
        (view.named(one.holder).name, split_words(view, one.to_seller, localizer))
        for one in escrow.voters
        if one.to_seller is not None
    ]
    stuck: Doc = () if escrow.is_decidable else (Paragraph(_stuck(view, localizer)),)
    return (*((Facts(facts),) if facts else ()), *stuck)


def stuck_words(view: EscrowView, localizer: Localizer) -> str:
    """Say that no k participants can agree any more; empty if they can."""
    is_open = view.escrow.state is EscrowState.FUNDED
    return _stuck(view, localizer) if is_open and not view.escrow.is_decidable else ""


def _stuck(view: EscrowView, localizer: Localizer) -> str:
    return localizer.text(
        "They do not agree any more, so the date decides: {silence}",
        silence=silence_words(view, localizer),
    )


def _rule(view: EscrowView, localizer: Localizer) -> str:
    return localizer.text("{k} of {n}", k=view.escrow.k, n=len(view.escrow.voters))


def _short(party: Party) -> str:
    return party.name[:NAME_CHARACTERS_MAX]


def _signed(party: Party) -> str:
    return f"{_short(party)} ({party.address})"
