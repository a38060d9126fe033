"""Escrows as organisations that sell open, follow and decide them over HTTP."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from appservices.payments.mandates.core.order import Moment
from veche.contracts.payments.invoice_api import Ours
from veche.protocol.approval import Title
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

ARBITERS_MAX: Final = 7
PARTIES_MAX: Final = 9

Person = Annotated[str, Field(pattern=r"^@[^:\s]*:\S+$", max_length=255)]


class EscrowBody(Wire):
    """A deal in which the organisation sells: the buyer puts money aside until it is decided.

    Attributes:
        buyer: Who puts it aside: a Matrix id of the institution's homeserver.
        title: What for, in a few words.
        amount: How much.
        ends_at_ms: When ``on_silence`` happens by itself, UTC.
        on_silence: ``release``: the organisation gets it; ``return``: the buyer has it again.
        arbiters: Who decides besides, each of the institution's homeserver.
        k: How many of all have to say the same, more than half; None: just more than half.
        ours: What the organisation knows it by; it stands beside every event of it.
    """

    buyer: Person
    title: Title
    amount: Money
    ends_at_ms: Moment
    on_silence: Literal["release", "return"] = "return"
    arbiters: Annotated[tuple[Person, ...], Field(strict=False, max_length=ARBITERS_MAX)] = ()
    k: Annotated[int, Field(ge=2, le=PARTIES_MAX)] | None = None
    ours: Ours = ""


class DecideBody(Wire):
    """The organisation's decision, given once.

    Attributes:
        to_seller: What it shall get, of the currency of the escrow; the buyer has the rest again.
    """

    to_seller: Money


class EscrowVoteView(Wire):
    """The decision of a participant.

    Attributes:
        role: ``buyer``, ``seller`` or ``arbiter``.
        address: Matrix id of a person, id of the organisation.
        has_agreed: Whether they take part.
        to_seller: What they decided; None: nothing yet.
    """

    role: str
    address: str
    has_agreed: bool
    to_seller: Money | None = None


class EscrowView(Wire):
    """An escrow as the organisation sees it.

    Attributes:
        id: Of the escrow.
        state: ``proposed`` (arbiters are asked), ``agreed`` (the buyer is), ``cooling``,
            ``guarded`` (the buyer's guardians are asked), ``funding``, ``funded`` (to be decided),
            ``ending``, ``released``, ``returned``, ``shared``, ``declined``, ``cancelled``,
            ``expired``, ``refused``.
        amount: What is put aside.
        title: Purpose.
        k: How many have to say the same.
        parties: All who take part, in their order.
        on_silence: What happens at ``ends_at_ms`` by itself.
        ends_at_ms: UTC.
        to_seller: What was decided.
        payment: Id of the payment, once the organisation has it.
        why: Why it was refused.
        ours: What the organisation knows it by.
    """

    id: WireUlid
    state: str
    amount: Money
    title: str
    k: int
    parties: Annotated[tuple[EscrowVoteView, ...], Field(strict=False, max_length=PARTIES_MAX)]
    on_silence: str
    ends_at_ms: int
    to_seller: Money | None = None
    payment: str | None = None
    why: str | None = None
    ours: Ours = ""
