"""Invoices as organisations make and follow them over HTTP.

An organisation makes an invoice under an ``Idempotency-Key`` of its own, and hears what becomes of
it from a list of events, which it reads from where it stopped: at least once, in one order.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from veche.protocol.approval import Text, Title
from veche.protocol.ids import WireUlid
from veche.protocol.invoice import LINES_MAX, InvoiceLine
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
    """What is to be paid.

    Attributes:
        addressee: Who is asked: a Matrix id of the institution's homeserver.
        title: What for, in a few words.
        lines: They add up to what is to be paid; a discount is negative.
        due_at_ms: Until when it can be paid, UTC.
        notice_id: The organisation's own number, of which there is only one.
        law: The rule by which it is asked for.
        appeal: How and until when one can object.
        ours: What the organisation knows it by; it stands beside every event of it.
    """

    addressee: Annotated[str, Field(pattern=r"^@[^:\s]*:\S+$", max_length=255)]
    title: Title
    lines: Annotated[
        tuple[InvoiceLine, ...], Field(strict=False, min_length=1, max_length=LINES_MAX)
    ]
    due_at_ms: Annotated[int, Field(ge=0)]
    notice_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9/ .-]{1,35}$")] | None = None
    law: Text | None = None
    appeal: Text | None = None
    ours: Ours = ""


class InvoiceView(Wire):
    """An invoice as the organisation sees it.

    Attributes:
        id: Of the invoice.
        version: From 1.
        state: ``issued``, ``paying``, ``paid``, ``objected``, ``expired``, ``withdrawn``,
            ``replaced``.
        amount: What is to be paid.
        reference: By which anybody who has it can pay it: ``RF…``.
        due_at_ms: Until when it can be paid, UTC.
        pay_url: Page on which it is paid; None: there is none.
        payment: Id of the payment, once it is paid.
        ours: What the organisation knows it by.
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
            ``refunded``, or ``refused``: another invoice has its ``notice_id`` already.
        at_ms: When, UTC.
        invoice: Id of the invoice.
        payment: Id of the payment or refund; None: there is none.
        ours: What the organisation knows the invoice by.
    """

    n: Annotated[int, Field(ge=1, le=CURSOR_MAX)]
    type: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$", max_length=64)]
    at_ms: int
    invoice: WireUlid
    payment: str | None = None
    ours: Ours = ""


class EventsView(Wire):
    """The next events.

    Attributes:
        events: In their order, at most ``EVENTS_MAX``.
        cursor: ``n`` of the last one: what to ask ``after`` next time.
    """

    events: Annotated[tuple[InvoiceEvent, ...], Field(strict=False, max_length=EVENTS_MAX)]
    cursor: Annotated[int, Field(ge=0, le=CURSOR_MAX)]
