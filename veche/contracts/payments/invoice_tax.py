"""Extra data of a tax invoice: the tax in each line, and the buyer.

Amounts of an invoice include their tax, so that what is shown is what is paid. Categories are those
of UNCL 5305 as EN 16931 takes them; those between businesses of several countries (reverse charge,
export, intra-community supply) are not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.protocol.approval import Name, Title
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable

BASIS_POINTS_MAX: Final = 10_000
"""Highest rate: as much tax as price."""
VAT_ID: Final = r"^[A-Z]{2}[A-Z0-9]{2,13}$"
"""Number of somebody who pays value added tax, with its country before it."""
COUNTRY: Final = r"^[A-Z]{2}$"
SCHEME: Final = r"^[0-9A-Z]{2,4}$"
"""Of an electronic address, by the list EAS of the European Commission."""

TaxCategory = Literal["S", "Z", "E", "O"]
VatId = Annotated[str, Field(pattern=VAT_ID)]
Country = Annotated[str, Field(pattern=COUNTRY)]


class LineTax(Wire):
    """The tax that is in the amount of a line.

    Attributes:
        category: ``S``: taxed at a rate; ``Z``: at a rate of zero; ``E``: exempt; ``O``: no subject
            of tax, such as a fine.
        basis_points: The rate in hundredths of a percent: 1900 is 19 %; only of ``S``.
        reason: Reason why it is exempt or no subject of tax; ``E`` needs one, ``S`` and ``Z`` have
            none.
    """

    category: TaxCategory
    basis_points: Annotated[int, Field(ge=0, le=BASIS_POINTS_MAX)] = 0
    reason: Title | None = None

    @model_validator(mode="after")
    def _check_rate(self) -> Self:
        if (self.category == "S") != (self.basis_points > 0):
            raise ValueError("category S has a rate above zero, the others have none")
        if self.category == "E" and self.reason is None:
            raise ValueError("category E needs the reason of the exemption")
        if self.category in ("S", "Z") and self.reason is not None:
            raise ValueError("categories S and Z have no reason")
        return self


class Endpoint(Wire):
    """An electronic address to which invoices can be delivered.

    Attributes:
        scheme: Code of the list EAS, such as ``0088`` or ``9930``.
        id: The address within it.
    """

    scheme: Annotated[str, Field(pattern=SCHEME)]
    id: Annotated[str, Field(pattern=r"^[!-~]+$", max_length=100)]


class Buyer(Wire):
    """The buyer, as a tax invoice has to name them.

    Attributes:
        name: Of the person or company.
        street: Street with the house number.
        postcode: Postal code of the town.
        town: Of the address.
        country: ISO 3166-1 code.
        vat_id: Of a company.
        endpoint: Where a company takes invoices.
        reference: What the buyer wants to stand on it, such as the number of an order.
    """

    name: Name
    street: Name | None = None
    postcode: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9 -]{0,11}$")] | None = None
    town: Name | None = None
    country: Country
    vat_id: VatId | None = None
    endpoint: Endpoint | None = None
    reference: Title | None = None


def check_taxes(taxes: Iterable[LineTax | None]) -> None:
    """See that the taxes of an invoice's lines go together.

    Raises:
        ValueError: Some lines say their tax and others do not, or some are no subject of tax.
    """
    all_of_them = list(taxes)
    told = [one for one in all_of_them if one is not None]
    if told and len(told) < len(all_of_them):
        raise ValueError("either each line says its tax, or none does")
    if len({one.category == "O" for one in told}) > 1:
        raise ValueError("what is no subject of tax (O) needs an invoice of its own")
