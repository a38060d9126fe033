"""Lines of a tax invoice that a refund takes back, with their taxes, for a credit note.

All credit notes of an invoice together never take back more at a rate than it has there, and the
last one takes back exactly what is left. Whoever gives money back may say for which lines; else
the whole is taken back line by line, and a part at all rates in proportion to what is left there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.tax.core.tax import Amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.tax.core.tax import Taxed
    from veche.contracts.payments.invoice_tax import LineTax

_Rate = tuple[str, int]


def credited(
    invoice: Taxed, before: Sequence[Amount], minor: int, wanted: Sequence[Amount], text: str
) -> list[Amount]:
    """The lines of a credit note; none if nothing of the invoice is left to take back.

    Args:
        invoice: As it was paid.
        before: The lines of its earlier credit notes.
        minor: How much is given back; what is more than is left of the invoice (a tip) is left out.
        wanted: For which lines; they count if they ``fit``.
        text: What a line says that is no line of the invoice.
    """
    left = left_of(invoice, before)
    whole = sum(minor for minor, _ in left.values())
    given = min(minor, whole)
    if given <= 0:
        return []
    if not before and given == invoice.gross_minor:
        return [*invoice.lines, *invoice.extras]
    if wanted and fits(invoice, before, given, wanted):
        return list(wanted)
    return _shared(left, given, text)


def fits(invoice: Taxed, before: Sequence[Amount], minor: int, wanted: Sequence[Amount]) -> bool:
    """Return whether lines add up to an amount, at the invoice's rates and within what is left."""
    left = {rate: minor for rate, (minor, _) in left_of(invoice, before).items()}
    for one in wanted:
        if _rate(one.tax) not in left or one.gross_minor <= 0:
            return False
        left[_rate(one.tax)] -= one.gross_minor
    return sum(one.gross_minor for one in wanted) == minor and min(left.values()) >= 0


def left_of(invoice: Taxed, before: Sequence[Amount]) -> dict[_Rate, tuple[int, LineTax]]:
    """Return the rest of an invoice at each rate, with its tax."""
    left: dict[_Rate, int] = {}
    for one in (*invoice.lines, *invoice.extras):
        left[_rate(one.tax)] = left.get(_rate(one.tax), 0) + one.gross_minor
    for one in before:
        left[_rate(one.tax)] = left.get(_rate(one.tax), 0) - one.gross_minor
    taxes = {_rate(group.tax): group.tax for group in invoice.groups}
    return {rate: (minor, taxes[rate]) for rate, minor in left.items() if minor > 0}


def _shared(left: dict[_Rate, tuple[int, LineTax]], minor: int, text: str) -> list[Amount]:
    """An amount over rates, in proportion to what is left at each."""
    whole, before, seen = sum(one for one, _ in left.values()), 0, 0
    found = []
    for weight, tax in left.values():
        seen += weight
        until = minor * seen // whole
        if until != before:
            found.append(Amount(text, until - before, tax))
        before = until
    return found


def _rate(tax: LineTax) -> _Rate:
    return tax.category, tax.basis_points
