"""HTTP bodies of an organisation before a payment: extra costs, yes or no."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from appservices.payments.invoices.core.order import OPTIONS_MAX, QuoteOption
from veche.protocol.approval import Title
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire


class ConfirmBody(Wire):
    """The organisation says yes.

    Attributes:
        payment: Which, of the event ``invoice.confirm``.
        amount: How much of what is set aside; None: all of it.
    """

    payment: WireUlid
    amount: Money | None = None


class RefuseBody(Wire):
    """The organisation says no.

    Attributes:
        payment: Which, of the event ``invoice.confirm``.
        reason: In words, for the payer.
    """

    payment: WireUlid
    reason: Title | None = None


class QuoteBody(Wire):
    """The extra costs.

    Attributes:
        payment: Which, of the event ``invoice.quote``.
        options: From which the payer takes one; each is called otherwise.
    """

    payment: WireUlid
    options: Annotated[
        tuple[QuoteOption, ...], Field(strict=False, min_length=1, max_length=OPTIONS_MAX)
    ]

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        labels = {one.label.casefold() for one in self.options}
        ids = {one.id for one in self.options}
        if len(labels) < len(self.options) or len(ids) < len(self.options):
            raise ValueError("each option has an id and a label of its own")
        return self


class QuoteView(Wire):
    """A quote as the organisation sees it.

    Attributes:
        payment: Of the payment that waits for it.
        state: ``wanting`` (the payer has not said where to), ``asked``, ``offered``, ``chosen``.
        version: Counts the answers of the organisation.
        place: Where to; None if that is not asked, or not said yet.
        options: The newest of them; none before there are any.
    """

    payment: WireUlid
    state: str
    version: int
    place: str | None = None
    options: Annotated[tuple[QuoteOption, ...], Field(strict=False, max_length=OPTIONS_MAX)] = ()
