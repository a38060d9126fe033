"""The taxes of an invoice: what is in its amounts, so that lines, taxes and total add up.

Amounts include their tax. Of each rate the price without tax is rounded once, from the sum of its
lines, and handed out to them so that no cent is left over; the tax is then the rate of that price,
as EN 16931 wants it (BR-CO-17). Where no price with its tax makes the sum exactly, the cent that is
left stands as the rounding of the whole (BT-114), and what is paid stays what was asked.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.contracts.payments.invoice_tax import LineTax

WHOLE: Final = 10_000
"""Hundredths of a percent in all of it."""
_Rate = tuple[str, int]


@attrs.frozen
class Amount:
    """A line, or what comes on top of all lines or goes off.

    Attributes:
        text: Purpose.
        gross_minor: With tax.
        tax: Which is in it.
        net_minor: Without.
    """

    text: str
    gross_minor: int
    tax: LineTax
    net_minor: int = 0


@attrs.frozen
class TaxGroup:
    """All that is taxed in one way.

    Attributes:
        tax: How; its reason is that of all of them.
        net_minor: Without tax.
        tax_minor: The tax of it.
    """

    tax: LineTax
    net_minor: int
    tax_minor: int


@attrs.frozen
class Taxed:
    """An invoice with its taxes.

    Attributes:
        lines: In their order.
        extras: What comes on top or goes off, by rate.
        groups: One of each rate.
        gross_minor: What is to be paid.
    """

    lines: tuple[Amount, ...]
    extras: tuple[Amount, ...]
    groups: tuple[TaxGroup, ...]
    gross_minor: int

    @property
    def lines_minor(self) -> int:
        """The lines without tax."""
        return sum(one.net_minor for one in self.lines)

    @property
    def net_minor(self) -> int:
        """All of it without tax."""
        return sum(one.net_minor for one in self.groups)

    @property
    def tax_minor(self) -> int:
        """All taxes."""
        return sum(one.tax_minor for one in self.groups)

    @property
    def rounding_minor(self) -> int:
        """Difference between price with tax, and the sum paid."""
        return self.gross_minor - self.net_minor - self.tax_minor


def taxed(lines: Sequence[Amount], extra_minor: int = 0, extra_text: str = "") -> Taxed:
    """The taxes of an invoice.

    Args:
        lines: At least one; their ``net_minor`` does not count.
        extra_minor: What comes on top of them (delivery), or goes off where it is negative (less
            was confirmed); it is taxed as the lines are, in their proportion.
        extra_text: What that is.
    """
    extras = _shared(lines, extra_minor, extra_text) if extra_minor else []
    net: dict[int, int] = {}
    groups = []
    everything = [*lines, *extras]
    for rate in dict.fromkeys(_rate(one) for one in everything):
        places = [n for n, one in enumerate(everything) if _rate(one) == rate]
        members = [everything[n] for n in places]
        net |= dict(zip(places, _nets(members), strict=True))
        sum_minor = sum(net[n] for n in places)
        tax_minor = _rounded(sum_minor * rate[1], WHOLE)
        groups.append(TaxGroup(_joined(members), sum_minor, tax_minor))
    found = [attrs.evolve(one, net_minor=net[n]) for n, one in enumerate(everything)]
    return Taxed(
        lines=tuple(found[: len(lines)]),
        extras=tuple(found[len(lines) :]),
        groups=tuple(groups),
        gross_minor=sum(one.gross_minor for one in everything),
    )


def _nets(members: Sequence[Amount]) -> list[int]:
    """Return the net amounts of one rate, cut so that they add up to the net of their sum."""
    over = WHOLE + members[0].tax.basis_points
    sums = [0]
    for one in members:
        sums.append(sums[-1] + one.gross_minor)
    cuts = [_rounded(one * WHOLE, over) for one in sums]
    return [after - before for before, after in pairwise(cuts)]


def _shared(lines: Sequence[Amount], extra_minor: int, text: str) -> list[Amount]:
    """An amount over the rates of lines, in proportion to what is paid at each."""
    paid: dict[_Rate, int] = {}
    taxes: dict[_Rate, LineTax] = {}
    for one in lines:
        paid[_rate(one)] = paid.get(_rate(one), 0) + one.gross_minor
        taxes.setdefault(_rate(one), one.tax)
    weights = {rate: minor for rate, minor in paid.items() if minor > 0}
    whole, before, seen = sum(weights.values()), 0, 0
    found = []
    for rate, weight in weights.items():
        seen += weight
        until = extra_minor * seen // whole
        if until != before:
            found.append(Amount(text, until - before, taxes[rate]))
        before = until
    return found


def _joined(members: Sequence[Amount]) -> LineTax:
    """The tax of several: there is one group of each rate, so it has the reasons of all."""
    first = members[0].tax
    reasons = list(dict.fromkeys(one.tax.reason for one in members if one.tax.reason))
    return first.model_copy(update={"reason": "; ".join(reasons) or None})


def _rate(one: Amount) -> _Rate:
    return one.tax.category, one.tax.basis_points


def _rounded(dividend: int, divisor: int) -> int:
    """A quotient, rounded to the nearest whole; the half goes up."""
    return (2 * dividend + divisor) // (2 * divisor)
