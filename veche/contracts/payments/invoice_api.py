"""Invoices as organisations make and follow them over HTTP.

An organisation makes an invoice under an ``Idempotency-Key`` of its own, and hears what becomes of
it from a list of events, which it reads from where it stopped: at least once, in one order.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.contracts.payments.act_offer import ActOffer
from veche.contracts.payments.invoice import LINES_MAX, InvoiceLine
from veche.contracts.payments.invoice_tax import Buyer, check_taxes
from veche.contracts.payments.invoice_terms import SHARES_MAX, TIPS_MAX, InvoiceShare, Tip
from veche.protocol.acts import call_form
from veche.protocol.approval import Text, Title
from veche.protocol.canonical import canonical
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

OURS_CHARACTERS_MAX: Final = 64
"""Longest mark of the organisation's own."""
REASON_CHARACTERS_MAX: Final = 300
EVENTS_MAX: Final = 100
"""Most events of one answer."""
CURSOR_MAX: Final = 2**53 - 1

PAID: Final = "invoice.paid"
REFUNDED: Final = "invoice.refunded"

Ours = Annotated[str, Field(pattern=r"^[!-~]*$", max_length=OURS_CHARACTERS_MAX)]


class InvoiceBody(Wire):
    """The body of a new invoice.

    Attributes:
        addressee: Who is asked: a Matrix id of the institution's homeserver, or of that of another
            institution with which there is an agreement; then ``confirm``, ``tips``, ``quote`` and
            ``shares`` are left out. None: nobody is, and whoever has its link, code or reference
            pays it, such as the next in the queue of a shop; an office names whom it asks.
        title: What for, in a few words.
        lines: They add up to what is to be paid; a discount is negative.
        due_at_ms: Deadline for payment, UTC.
        notice_id: The organisation's own number, of which there is only one.
        law: The law or rule behind it.
        appeal: How to object, and the deadline.
        ours: What the organisation knows it by; it stands beside every event of it.
        confirm: The money is set aside first, and the organisation is asked by the event
            ``invoice.confirm`` whether it may be paid.
        tips: What the payer may add; they choose before they approve.
        quote: The organisation is asked first what it costs besides, by the event
            ``invoice.quote``: ``options``, or ``delivery``, for which the payer says where to.
        shares: Which organisations get what of all that is paid; what is left is the
            organisation's own.
        act: Of an office, without which it asks nobody: see ``invoice_form``.
        buyer: Who buys, for the tax invoice; None: whoever pays, as they are called here.
    """

    addressee: Annotated[str, Field(pattern=r"^@[^:\s]*:\S+$", max_length=255)] | None = None
    title: Title
    lines: Annotated[
        tuple[InvoiceLine, ...], Field(strict=False, min_length=1, max_length=LINES_MAX)
    ]
    due_at_ms: Annotated[int, Field(ge=0)]
    notice_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9/ .-]{1,35}$")] | None = None
    law: Text | None = None
    appeal: Text | None = None
    ours: Ours = ""
    confirm: bool = False
    tips: Annotated[tuple[Tip, ...], Field(strict=False, max_length=TIPS_MAX)] = ()
    quote: Literal["options", "delivery"] | None = None
    shares: Annotated[tuple[InvoiceShare, ...], Field(strict=False, max_length=SHARES_MAX)] = ()
    act: ActOffer | None = None
    buyer: Buyer | None = None

    @model_validator(mode="after")
    def _check_taxes(self) -> Self:
        check_taxes(line.tax for line in self.lines)
        return self


def invoice_form(organisation: str, body: InvoiceBody) -> dict[str, str]:
    """The clear form of asking somebody to pay: what the act of an office is for.

    Args:
        organisation: Who asks, by its name in the log of acts.
        body: What is asked; its own ``act`` does not count.
    """
    asked = body.model_dump(mode="json", exclude_none=True, exclude={"act"})
    sha256 = hashlib.sha256(canonical(asked, where="body")).hexdigest()
    return call_form("payments", "invoice", payee=organisation, sha256=sha256)


class InvoiceView(Wire):
    """An invoice as the organisation sees it.

    Attributes:
        id: Of the invoice.
        version: From 1.
        state: ``issued``, ``paying``, ``paid``, ``objected``, ``expired``, ``withdrawn``,
            ``replaced``.
        amount: What is to be paid.
        reference: By which anybody who has it can pay it: ``RF…``.
        due_at_ms: Deadline for payment, UTC.
        pay_url: Page on which it is paid; None: there is none.
        payment: Id of the payment, once it is paid.
        ours: What the organisation knows it by.
        confirm_by_ms: Until when the payment is to be confirmed, UTC; None: none waits for it.
        to_pay: What the payment comes to, with what was chosen besides, or what was confirmed of
            it; None: there is no payment.
        tip_minor: How much of that is a tip.
        by_payer: What somebody wrote who paid the organisation by its name, and so made it; None:
            the organisation made it.
    """

    id: WireUlid
    version: Annotated[int, Field(ge=1)]
    state: str
    amount: Money
    reference: str
    due_at_ms: int
    pay_url: str | None = None
    payment: str | None = None
    ours: Ours = ""
    confirm_by_ms: int | None = None
    to_pay: Money | None = None
    tip_minor: int = 0
    by_payer: str | None = None


class WithdrawBody(Wire):
    """Why an invoice is taken back.

    Attributes:
        reason: In words, kept with it.
    """

    reason: Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX)]


class InvoiceEvent(Wire):
    """Something that became of an invoice.

    Attributes:
        n: Counts the events of the organisation, from 1, without a gap.
        type: ``invoice.`` and what happened: ``paid``, ``objected``, ``expired``, ``withdrawn``,
            ``refunded``, ``refund_refused``, ``quote``: the organisation says what it costs
            besides; ``confirm``: it says whether it may be paid; ``unconfirmed``: that payment is
            over without money, do not deliver; or ``refused``: another invoice has its
            ``notice_id`` already. ``payout.`` and ``paid``, ``failed``, ``returned`` of a line,
            or ``done``, ``stopped``, ``refused`` of the whole. ``dispute.`` and ``open``: the
            organisation answers; ``at_desk``, ``decided``, ``appealed``, ``closed``.
            ``mandate.`` and its state; ``charge.`` and ``paid``, ``refused`` or ``cancelled`` of a
            debit; ``escrow.`` and its state, or ``voted``.
        at_ms: When, UTC.
        invoice: Id of the invoice; None: it is of none.
        payment: Id of the payment or refund; None: there is none.
        payout: Id of the payout in bulk; None: it is of none.
        mandate: Id of the mandate; None: it is of none.
        escrow: Id of the escrow; None: it is of none.
        ours: What the organisation knows the invoice, or the line, by.
    """

    n: Annotated[int, Field(ge=1, le=CURSOR_MAX)]
    type: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$", max_length=64)]
    at_ms: int
    invoice: WireUlid | None = None
    payment: str | None = None
    payout: WireUlid | None = None
    mandate: WireUlid | None = None
    escrow: WireUlid | None = None
    ours: Ours = ""


class EventsView(Wire):
    """The next events.

    Attributes:
        events: In their order, at most ``EVENTS_MAX``.
        cursor: ``n`` of the last one: what to ask ``after`` next time.
    """

    events: Annotated[tuple[InvoiceEvent, ...], Field(strict=False, max_length=EVENTS_MAX)]
    cursor: Annotated[int, Field(ge=0, le=CURSOR_MAX)]
