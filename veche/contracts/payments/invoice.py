"""An invoice: what an organisation asks to be paid, line by line, and how one objects."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.contracts.payments.invoice_tax import LineTax, check_taxes
from veche.protocol.acts import ActReceipt
from veche.protocol.approval import Name, Text, Title
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

INVOICE_KEY: Final = "org.veche.invoice"
LINES_MAX: Final = 200


class InvoiceLine(Wire):
    """One line; a discount is negative.

    Attributes:
        text: Purpose.
        amount: Amount with its tax.
        tax: The tax; None: the invoice says nothing of taxes.
    """

    text: Name
    amount: Money
    tax: LineTax | None = None


class InvoiceCard(Wire):
    """An invoice in one version.

    Attributes:
        v: Version of this form, 1.
        id: Id of the invoice.
        version: Number from 1; a newer version replaces the older one.
        issuer: Name of the organisation in the log of acts.
        issuer_name: Name of the issuer.
        title: Purpose, in a few words.
        notice_id: The office's own number, the only one there is of this number.
        lines: At most ``LINES_MAX``; they add up to the total.
        total: Above zero.
        due_at_ms: Deadline for payment, UTC.
        law: The law or rule behind it.
        appeal: How to object, and the deadline.
        act: Receipt of the act by which an office asks for it.
    """

    v: Literal[1]
    id: WireUlid
    version: Annotated[int, Field(ge=1)] = 1
    issuer: Name
    issuer_name: Name
    title: Title
    notice_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9/ .-]{1,35}$")] | None = None
    lines: Annotated[
        tuple[InvoiceLine, ...], Field(strict=False, min_length=1, max_length=LINES_MAX)
    ]
    total: Money
    due_at_ms: Annotated[int, Field(ge=0)]
    law: Text | None = None
    appeal: Text | None = None
    act: ActReceipt | None = None

    @model_validator(mode="after")
    def _check_total(self) -> Self:
        if any(line.amount.currency != self.total.currency for line in self.lines):
            raise ValueError("the lines and the total must be in one currency")
        if sum(line.amount.minor for line in self.lines) != self.total.minor:
            raise ValueError("the lines must add up to the total")
        if self.total.minor < 1:
            raise ValueError("the total must be above zero")
        check_taxes(line.tax for line in self.lines)
        return self
