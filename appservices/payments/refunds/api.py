"""Money that organisations give back over HTTP, and payments as they see them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from veche.contracts.payments.invoice import LINES_MAX, InvoiceLine
from veche.contracts.payments.invoice_api import REASON_CHARACTERS_MAX, Ours
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

REFUNDS_MAX: Final = 1_000
"""Most refunds of one invoice."""


RefundLines = Annotated[
    tuple[InvoiceLine, ...], Field(strict=False, min_length=1, max_length=LINES_MAX)
]


class RefundBody(Wire):
    """A refund.

    Attributes:
        amount: All that was paid, or a part of it; all refunds together are at most that.
        reason: In words, kept with it.
        ours: What the organisation knows it by.
        lines: Of an invoice that says its taxes: for what it is given back, as the credit note says
            it; each with its tax, together the amount. Left out: all of it, or a part of every
            rate.
    """

    amount: Money
    lines: RefundLines | None = None
    reason: Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX)]
    ours: Ours = ""


class RefundView(Wire):
    """A refund.

    Attributes:
        id: Of the payment that gives it back.
        invoice: Id of the invoice.
        state: ``paying``, ``paid``, or ``refused``; before that ``holding`` and ``held``, where it
            goes to another institution, which is asked.
        amount: What is given back.
        why: Code, where it is refused: ``no_cover``, …
        ours: What the organisation knows it by.
        at_ms: When it got into its state, UTC.
    """

    id: WireUlid
    invoice: WireUlid
    state: str
    amount: Money
    why: str | None = None
    ours: Ours = ""
    at_ms: int


class RefundsView(Wire):
    """The refunds of an invoice.

    Attributes:
        refunds: In their order.
        left: What could still be given back.
    """

    refunds: Annotated[tuple[RefundView, ...], Field(strict=False, max_length=REFUNDS_MAX)]
    left: Money


class PaymentView(Wire):
    """A payment to or from the organisation.

    Attributes:
        id: Of it.
        kind: ``invoice``, ``refund``, ``mandate``, ``pay``, …
        state: ``asked``, ``cooling``, ``paying``, ``paid``, ``refused``, …
        amount: What the payee gets.
        invoice: Id of the invoice that it pays.
        refund_of: Id of the payment that it gives back.
        refunded: What was given back of it, or is being given back.
        why: Code, where it is refused.
        at_ms: When it got into its state, UTC.
    """

    id: WireUlid
    kind: str
    state: str
    amount: Money
    invoice: WireUlid | None = None
    refund_of: WireUlid | None = None
    refunded: Money
    why: str | None = None
    at_ms: int
