"""The states of an invoice, as one table: it is paid once, whoever pays it.

Source: design of Veche, payments §2 and §8.2. That two cannot pay one, and that no number of a
notice is asked for twice, the database sees to (``one_live_version``, ``one_notice``).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping


class InvoiceState(enum.Enum):
    """Where an invoice has got to."""

    ISSUED = "issued"
    OBJECTED = "objected"
    """Its clock stands still; nothing is due."""
    PAYING = "paying"
    """A payment of it is being made."""
    PAID = "paid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    """A newer version took its place."""


PAID_STATES: Final = frozenset({InvoiceState.PAYING, InvoiceState.PAID})
"""Somebody has paid it, or is about to."""


class InvoiceStatus(enum.Enum):
    """The status of an invoice for a shop's page, in words of Telegram's mini-apps."""

    PENDING = "pending"
    """It is not paid; it can be, or is about to be."""
    PAID = "paid"
    FAILED = "failed"
    """It cannot be paid by this link any more, or the money went back."""


class InvoiceInput(enum.Enum):
    """An input to the state machine of an invoice."""

    PAY = "pay"
    """Somebody's approved payment of it is about to be made."""
    MOVED = "moved"
    NOT_MOVED = "not_moved"
    OBJECT = "object"
    WITHDRAW = "withdraw"
    REPLACE = "replace"
    """A newer version is issued; also where an objection was heard and changes nothing."""
    TIME = "time"


class InvoiceEffect(enum.Enum):
    """An effect of a step."""

    TELL_ISSUER = "tell_issuer"
    """Whoever issued it hears of its state."""
    CLOSE_QUESTIONS = "close_questions"
    """Nobody is asked to pay it any more."""
    REFUND = "refund"
    """What was paid goes back by itself."""


_OVER: Final = (InvoiceEffect.CLOSE_QUESTIONS, InvoiceEffect.TELL_ISSUER)
INVOICE_TABLE: Final[
    Mapping[tuple[InvoiceState, InvoiceInput], tuple[InvoiceState, tuple[InvoiceEffect, ...]]]
] = {
    (InvoiceState.ISSUED, InvoiceInput.PAY): (InvoiceState.PAYING, ()),
    (InvoiceState.PAYING, InvoiceInput.MOVED): (InvoiceState.PAID, _OVER),
    (InvoiceState.PAYING, InvoiceInput.NOT_MOVED): (InvoiceState.ISSUED, ()),
    (InvoiceState.ISSUED, InvoiceInput.OBJECT): (InvoiceState.OBJECTED, _OVER),
    (InvoiceState.OBJECTED, InvoiceInput.REPLACE): (InvoiceState.REPLACED, ()),
    (InvoiceState.ISSUED, InvoiceInput.WITHDRAW): (InvoiceState.WITHDRAWN, _OVER),
    (InvoiceState.OBJECTED, InvoiceInput.WITHDRAW): (InvoiceState.WITHDRAWN, _OVER),
    (InvoiceState.PAID, InvoiceInput.WITHDRAW): (
        InvoiceState.WITHDRAWN,
        (InvoiceEffect.TELL_ISSUER, InvoiceEffect.REFUND),
    ),
    (InvoiceState.ISSUED, InvoiceInput.REPLACE): (
        InvoiceState.REPLACED,
        (InvoiceEffect.CLOSE_QUESTIONS,),
    ),
    (InvoiceState.ISSUED, InvoiceInput.TIME): (InvoiceState.EXPIRED, _OVER),
}


class InvoiceStateError(ConflictError):
    """The invoice is in a state in which this cannot be done; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.INVOICE_STATE"

    def __init__(self, state: InvoiceState) -> None:
        super().__init__(f"the invoice is {state.value} already")
        self.state = state


@attrs.frozen
class Invoice:
    """An invoice in one version.

    Attributes:
        id: ULID.
        version: From 1.
        payee: Number of the holder who issued it.
        addressee: Number of the holder who is asked to pay; None: whoever has it.
        ledger: Number of the currency.
        amount_minor: At least 1.
        due_at_ms: From then on it can be paid no more, UTC.
        paid_by: Id of the payment.
    """

    id: str
    version: int
    payee: int
    addressee: int | None
    notice_id: str | None
    ledger: int
    amount_minor: int
    due_at_ms: int
    state: InvoiceState
    paid_by: str | None = None


def status_of(invoice: Invoice, now_ms: int) -> InvoiceStatus:
    """Return the status for a shop's page, without payer, means or reason.

    Args:
        invoice: As it is.
        now_ms: UTC.
    """
    if invoice.state is InvoiceState.PAID:
        return InvoiceStatus.PAID
    is_open = invoice.state is InvoiceState.ISSUED and now_ms < invoice.due_at_ms
    if is_open or invoice.state is InvoiceState.PAYING:
        return InvoiceStatus.PENDING
    return InvoiceStatus.FAILED


def step_invoice(
    invoice: Invoice, heard: InvoiceInput, *, paid_by: str | None = None
) -> tuple[Invoice, tuple[InvoiceEffect, ...]]:
    """The invoice after an input, and what that brings about.

    Args:
        invoice: As it is.
        heard: What happens.
        paid_by: Id of the payment, for ``PAY``.

    Raises:
        InvoiceStateError: The table has no such step.
    """
    found = INVOICE_TABLE.get((invoice.state, heard))
    if found is None:
        raise InvoiceStateError(invoice.state)
    state, effects = found
    if heard is InvoiceInput.PAY:
        invoice = attrs.evolve(invoice, paid_by=paid_by)
    elif heard is InvoiceInput.NOT_MOVED:
        invoice = attrs.evolve(invoice, paid_by=None)
    return attrs.evolve(invoice, state=state), effects
