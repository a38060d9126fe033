"""An invoice: what an organisation asks to be paid, line by line, and how one objects."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.contracts.payments.invoice_tax import Buyer, LineTax, check_taxes
from veche.contracts.payments.invoice_terms import InvoiceTerms
from veche.protocol.acts import ActReceipt, call_form
from veche.protocol.approval import Name, Text, Title
from veche.protocol.canonical import canonical
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

INVOICE_KEY: Final = "org.veche.invoice"
LINES_MAX: Final = 200


class InvoiceLine(Wire):
    """One line; a discount is negative.

    Attributes:
        text: What for.
        amount: With the tax that is in it.
        tax: Which that is; None: the invoice says nothing of taxes.
    """

    text: Name
    amount: Money
    tax: LineTax | None = None


class InvoiceCard(Wire):
    """An invoice in one version.

    Attributes:
        v: Version of this form, 1.
        id: Id of the invoice.
        version: From 1; a newer one takes the place of the older.
        issuer: Name of the organisation in the log of acts.
        issuer_name: What it is called.
        title: What it is for, in a few words.
        notice_id: The office's own number, the only one there is of this number.
        lines: At most ``LINES_MAX``; they add up to the total.
        total: Above zero.
        due_at_ms: Until when it can be paid, UTC.
        law: The rule by which it is asked for.
        appeal: How and until when one can object.
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


class InvoiceOrder(Wire):
    """What a service of an organisation hands to the payments bot to have an invoice paid.

    It travels as the payload of a job (``INVOICE_JOB``), never in a message.

    Attributes:
        card: The invoice.
        addressee: Who is asked to pay; None: whoever has its link, code or reference.
        reply: Kind of the job by which the organisation hears of it; its payload is ``about``
            with ``invoice``, ``state`` and ``payment`` beside it.
        about: What the organisation knows it by.
        terms: What it asks besides.
        buyer: Who buys, for a tax invoice; None: whoever pays.
        is_by_payer: Whoever pays made it, by the organisation's name; the words on it are theirs.
    """

    card: InvoiceCard
    addressee: Annotated[str, Field(pattern=r"^@[^:]*:.+$", max_length=255)] | None = None
    reply: Annotated[str, Field(pattern=r"^[a-z_.]{1,64}$")] | None = None
    about: dict[str, str] = Field(default_factory=dict)
    terms: InvoiceTerms = InvoiceTerms()
    buyer: Buyer | None = None
    is_by_payer: bool = False


def order_form(order: InvoiceOrder) -> dict[str, str]:
    """The clear form of an invoice that a service of this server orders, for its act.

    Args:
        order: To somebody. The ``act`` of its card does not count.
    """
    assert order.addressee is not None, "an office asks a person"  # noqa: S101 -- our bug
    card = order.card.model_dump(mode="json", exclude_none=True, exclude={"act"})
    sha256 = hashlib.sha256(canonical(card, where="invoice")).hexdigest()
    return call_form(
        "payments", "invoice", payee=order.card.issuer, addressee=order.addressee, sha256=sha256
    )


INVOICE_JOB: Final = "payments.invoice"
"""Kind of the job whose payload is an ``InvoiceOrder``."""
WITHDRAW_JOB: Final = "payments.withdraw"
"""Kind of the job whose payload names an ``invoice`` and its ``issuer``, to take it back; a
``reason`` beside them is told to the payer."""
