"""Orders by which a service of an organisation proposes a mandate, and debits by one.

They travel as payloads of jobs, never in messages.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.protocol.acts import ActReceipt, call_form
from veche.protocol.approval import Name, Title
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

MANDATE_JOB: Final = "payments.mandate"
"""Kind of the job whose payload is a ``MandateOrder``."""
CHARGE_JOB: Final = "payments.charge"
"""Kind of the job whose payload is a ``ChargeOrder``."""
MANDATE_MS_MAX: Final = 3_653 * 86_400_000
"""Longest life of a mandate: ten years."""

Reply = Annotated[str, Field(pattern=r"^[a-z_.]{1,64}$")]
Moment = Annotated[int, Field(ge=0, le=2**53 - 1)]


class MandateOrder(Wire):
    """A mandate that an organisation proposes to a person.

    Attributes:
        id: Of the mandate.
        payee: Name of the organisation in the log of acts.
        payee_name: Name of the payee.
        payer: The person who is asked.
        purpose: What for, in a few words.
        each_max: Most of one charge.
        period: The time in which ``period_max`` counts.
        period_max: Most in one period; of the same currency, at least ``each_max``.
        starts_at_ms: From when on, UTC.
        ends_at_ms: Until when, UTC; at most ``MANDATE_MS_MAX`` later.
        count_max: Most charges.
        notice_ms: How long before each charge the payer is told.
        reply: Kind of the job by which the organisation hears of it; its payload is ``about``
            with ``mandate`` and ``state`` beside it.
        about: What the organisation knows it by.
    """

    id: WireUlid
    payee: Name
    payee_name: Name
    payer: Annotated[str, Field(pattern=r"^@[^:]*:.+$", max_length=255)]
    purpose: Title
    each_max: Money
    period: Literal["day", "week", "month", "year"]
    period_max: Money
    starts_at_ms: Moment
    ends_at_ms: Moment
    count_max: Annotated[int, Field(ge=1, le=100_000)] | None = None
    notice_ms: Annotated[int, Field(ge=0, le=90 * 86_400_000)] = 86_400_000
    reply: Reply | None = None
    about: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.each_max.currency != self.period_max.currency:
            raise ValueError("both caps must be in one currency")
        if not 1 <= self.each_max.minor <= self.period_max.minor:
            raise ValueError("the cap of a period must be at least that of a charge, above zero")
        if not 0 < self.ends_at_ms - self.starts_at_ms <= MANDATE_MS_MAX:
            raise ValueError("a mandate must end after it starts, within ten years")
        return self


class ChargeOrder(Wire):
    """A debit by a mandate: announced to the payer at once, made after the time of notice.

    Attributes:
        id: Of the charge; the same again does nothing.
        mandate: Id of the mandate.
        payee: Whose mandate it is.
        amount: How much.
        title: Purpose.
        reply: As of ``MandateOrder``; with ``charge`` and ``state``, and ``why`` if it is refused.
        about: What the organisation knows it by.
        act: Receipt of the act of an office, without which it takes nothing: see ``charge_form``.
    """

    id: WireUlid
    mandate: WireUlid
    payee: Name
    amount: Money
    title: Title
    reply: Reply | None = None
    about: dict[str, str] = Field(default_factory=dict)
    act: ActReceipt | None = None


def charge_form(order: ChargeOrder) -> dict[str, str]:
    """The clear form of a charge: what the act of an office is for, of the class ``payment_pull``.

    It is of this charge alone, so that the token takes money once.
    """
    return call_form(
        "payments",
        "charge",
        payee=order.payee,
        charge=order.id,
        mandate=order.mandate,
        amount=f"{order.amount.minor} {order.amount.currency}",
        title=order.title,
    )
