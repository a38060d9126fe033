"""View of a payment for texts: the same for its question, its receipts and the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.ids import UserId
from veche.protocol.message import Bold, Mono

if TYPE_CHECKING:
    from appservices.payments.transfers.core.payment import Kind
    from veche.protocol.message import Item

NUMBER_CHARACTERS: Final = 8


def number_of(payment_id: str) -> str:
    """How people call a payment: the end of its ULID, which is chance."""
    return payment_id[-NUMBER_CHARACTERS:]


def without_example(words: str) -> str:
    """A sentence that an example follows in the chat, where none does."""
    return f"{words[:-1]}." if words.endswith(":") else words


@attrs.frozen
class Party:
    """Somebody of a payment.

    Attributes:
        address: Matrix id of a person; of an organisation its name in the log of acts.
        name: As this institution knows them.
    """

    address: str
    name: str

    @property
    def person(self) -> UserId | None:
        """Matrix id; None for an organisation."""
        return UserId(self.address) if self.address.startswith("@") else None


def named(party: Party) -> Item:
    """Somebody with their address; that alone where no name is known."""
    address = Mono(party.address)
    return address if party.name == party.address else (Bold(party.name), " ", address)


@attrs.frozen
class PaymentView:
    """A payment with its names.

    Attributes:
        id: ULID.
        currency: ISO 4217.
        reference: Purpose; may be empty.
        at_ms: When it was asked for or, once it is over, made; UTC.
        tip_minor: How much of the amount is a tip.
        user: Who pays from the payer's account, by an allowance; None: the payer.
    """

    id: str
    kind: Kind
    payer: Party
    payee: Party
    amount_minor: int
    fee_minor: int
    currency: str
    reference: str
    at_ms: int
    tip_minor: int = 0
    user: Party | None = None

    @property
    def number(self) -> str:
        """How people call it."""
        return number_of(self.id)


@attrs.frozen
class ChosenView:
    """The choices of an invoice's payer from a quote.

    Attributes:
        invoice_minor: What the invoice comes to without it.
        label: What it is called, by its merchant.
        minor: Its price; 0: it costs nothing.
        place: Where to; empty where that is not asked.
    """

    invoice_minor: int
    label: str
    minor: int
    place: str


@attrs.frozen
class Balance:
    """A person's balance in one currency.

    Attributes:
        available_minor: What can be paid with.
        held_minor: Set aside for what is not finished.
    """

    currency: str
    available_minor: int
    held_minor: int
