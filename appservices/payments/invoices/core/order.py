"""The order by which a service of an organisation has an invoice paid; it travels as a job."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field

from veche.contracts.payments.invoice import InvoiceCard
from veche.contracts.payments.invoice_tax import Buyer
from veche.contracts.payments.invoice_terms import SHARES_MAX, TIPS_MAX, InvoiceShare, Tip
from veche.protocol.acts import call_form
from veche.protocol.approval import Name
from veche.protocol.canonical import INTEGER_MAX, canonical
from veche.protocol.wire import Wire

OPTIONS_MAX: Final = 10
OPTION_CHARACTERS_MAX: Final = 60
INVOICE_JOB: Final = "payments.invoice"
"""Kind of the job whose payload is an ``InvoiceOrder``."""
WITHDRAW_JOB: Final = "payments.withdraw"
"""Kind of the job whose payload names an ``invoice`` and its ``issuer``, to take it back; a
``reason`` beside them is told to the payer."""


class InvoiceTerms(Wire):
    """An organisation's optional terms of an invoice.

    Attributes:
        confirm: The money is set aside first, and the organisation says yes or no.
        tips: What a payer may add, chosen before the approval.
        quote: The organisation is asked first what it costs besides: ``options``, or ``delivery``,
            for which the payer says where to.
        shares: Who else gets what of it.
    """

    confirm: bool = False
    tips: Annotated[tuple[Tip, ...], Field(strict=False, max_length=TIPS_MAX)] = ()
    quote: Literal["options", "delivery"] | None = None
    shares: Annotated[tuple[InvoiceShare, ...], Field(strict=False, max_length=SHARES_MAX)] = ()

    def largest_minor(self, total_minor: int) -> int:
        """Return the amount of an invoice with its largest tip, in minor units."""
        return total_minor + max((tip.of(total_minor) for tip in self.tips), default=0)


class InvoiceOrder(Wire):
    """Order that a service hands to the payments bot to have an invoice paid.

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


class QuoteOption(Wire):
    """One option of a quote.

    Attributes:
        id: What the organisation knows it by.
        label: What the payer reads.
        minor: What it costs beside the invoice; 0: nothing.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")]
    label: Annotated[Name, Field(max_length=OPTION_CHARACTERS_MAX)]
    minor: Annotated[int, Field(ge=0, le=INTEGER_MAX)]
