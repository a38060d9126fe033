"""Mandates as organisations ask for them, follow them, and debit by them over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from appservices.payments.mandates.core.order import Moment
from veche.contracts.payments.act_offer import ActOffer
from veche.contracts.payments.invoice_api import Ours
from veche.protocol.approval import Title
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire


class MandateBody(Wire):
    """The mandate that an organisation asks a person for.

    Attributes:
        payer: Who is asked: a Matrix id of the institution's homeserver.
        purpose: What for, in a few words.
        each_max: Most of one debit.
        period: The time in which ``period_max`` counts.
        period_max: Most in one period; of the same currency, at least ``each_max``.
        starts_at_ms: From when on, UTC; None: now.
        ends_at_ms: Until when, UTC; at most ten years later.
        count_max: Most debits; None: any number.
        notice_ms: How long before each debit the payer is told.
        ours: What the organisation knows it by; it stands beside every event of it.
    """

    payer: Annotated[str, Field(pattern=r"^@[^:\s]*:\S+$", max_length=255)]
    purpose: Title
    each_max: Money
    period: Literal["day", "week", "month", "year"]
    period_max: Money
    starts_at_ms: Moment | None = None
    ends_at_ms: Moment
    count_max: Annotated[int, Field(ge=1, le=100_000)] | None = None
    notice_ms: Annotated[int, Field(ge=0, le=90 * 86_400_000)] = 86_400_000
    ours: Ours = ""


class MandateView(Wire):
    """A mandate as the organisation sees it.

    Attributes:
        id: Of the mandate.
        state: ``proposed``, ``active``, ``paused`` or ``ended``.
        purpose: Purpose of the mandate.
        each_max: Most of one debit.
        period: The time in which ``period_max`` counts.
        period_max: Most in one period.
        left: What can still be debited in the period that runs; None: none runs.
        starts_at_ms: From when on, UTC.
        ends_at_ms: Until when, UTC.
        count: Debits so far.
        count_max: Most of them.
        notice_ms: How long before each debit the payer is told.
        ours: What the organisation knows it by.
    """

    id: WireUlid
    state: str
    purpose: str
    each_max: Money
    period: str
    period_max: Money
    left: Money | None
    starts_at_ms: int
    ends_at_ms: int
    count: int
    count_max: int | None
    notice_ms: int
    ours: Ours = ""


class EndBody(Wire):
    """The organisation's end of a mandate.

    Attributes:
        reason: In words, for the person.
    """

    reason: Title | None = None


class ChargeBody(Wire):
    """A debit by a mandate: announced to the payer at once, made after the time of notice.

    Attributes:
        amount: How much.
        title: Purpose.
        ours: What the organisation knows it by.
        id: Of the charge, for an office whose act says it; None: a new one.
        act: Of an office, without which it debits nobody: see ``charge_form``.
    """

    amount: Money
    title: Title
    ours: Ours = ""
    id: WireUlid | None = None
    act: ActOffer | None = None


class ChargeView(Wire):
    """A debit as the organisation sees it.

    Attributes:
        id: Id of the payment.
        mandate: By which it debits.
        state: ``cooling`` (announced), ``guarded`` (the payer's guardians are asked), ``paying``,
            ``paid``, ``refused``, ``cancelled``.
        amount: How much.
        due_at_ms: When the notice is over, UTC; None: it is.
        why: Why it was refused.
        ours: What the organisation knows it by.
    """

    id: WireUlid
    mandate: WireUlid
    state: str
    amount: Money
    due_at_ms: int | None = None
    why: str | None = None
    ours: Ours = ""
