"""Optional terms of an invoice: tips, a quote, the organisation's own consent, shares of others.

They travel with the order of the invoice and not with its card: who gets a share of the money is no
matter of the payer's.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.wire import Wire

TIPS_MAX: Final = 4
"""Most tips that a payer may choose from."""
TIP_PER_MILLE_MAX: Final = 1_000
"""Largest tip: as much as the invoice."""
SHARES_MAX: Final = 50

Minor = Annotated[int, Field(ge=1, le=INTEGER_MAX)]
PerMille = Annotated[int, Field(ge=1, le=1_000)]


class Tip(Wire):
    """One tip that may be chosen.

    Attributes:
        minor: So much, in minor units.
        per_mille: So many thousandths of the invoice, rounded down: 100 is 10 per cent.
    """

    minor: Minor | None = None
    per_mille: Annotated[int, Field(ge=1, le=TIP_PER_MILLE_MAX)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.minor is None) == (self.per_mille is None):
            raise ValueError("either minor or per_mille")
        return self

    def of(self, amount_minor: int) -> int:
        """How much it is of an invoice, in minor units."""
        if self.minor is not None:
            return self.minor
        return amount_minor * (self.per_mille or 0) // 1_000


class InvoiceShare(Wire):
    """The share of a payment that somebody else gets.

    Attributes:
        to: Name of an organisation that has its account here; absent where ``parts`` is.
        parts: The share is shared once more; at most four deep.
        minor: A fixed amount, taken first.
        per_mille: Thousandths of what the fixed amounts leave, rounded down.
        rest: Whatever the others leave. Without one the organisation keeps it.
        min_minor: Least of it: the invoice is refused if it is less.
        max_minor: Most of it: what is over goes to the rest.
        what: As what it stands in the books.
    """

    to: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$")] | None = None
    parts: Annotated[tuple[InvoiceShare, ...], Field(strict=False, max_length=SHARES_MAX)] = ()
    minor: Minor | None = None
    per_mille: PerMille | None = None
    rest: bool = False
    min_minor: Annotated[int, Field(ge=0, le=INTEGER_MAX)] = 0
    max_minor: Minor | None = None
    what: Literal["share", "fee", "tax"] = "share"

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.to is None) != bool(self.parts):
            raise ValueError("either to or parts")
        if (self.minor is not None) + (self.per_mille is not None) + self.rest != 1:
            raise ValueError("one of minor, per_mille and rest")
        return self

    def names(self) -> list[str]:
        """All organisations in it, in all its depth."""
        if self.to is not None:
            return [self.to]
        return [name for one in self.parts for name in one.names()]
