"""How the payee of an invoice shares what it is paid, and what of that a refund takes back."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.split import Part, Rest, Split, check, divide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.contracts.payments.invoice_terms import InvoiceShare

PER_MILLE: Final = 1_000
KEPT: Final = ""
"""Who keeps what is not shared: the payee of the invoice."""


@attrs.frozen
class Passed:
    """A part of a payment that its payee passes on.

    Attributes:
        n: Counts them, from 1.
        to: Name of an organisation.
        what: ``share``, ``fee`` or ``tax``.
        amount_minor: At least 1.
    """

    n: int
    to: str
    what: str
    amount_minor: int


def split_of(shares: Sequence[InvoiceShare]) -> tuple[Split, Sequence[tuple[str, str]]]:
    """The split that shares are: well formed, with the payee's own part last.

    Returns:
        The split, and by number whom each of its parts goes to and as what.

    Raises:
        SplitError: It is not well formed; see ``split.check``.
    """
    named: list[tuple[str, str]] = []
    parts = [_part(one, named) for one in shares]
    if not any(isinstance(part.share, Rest) for part in parts):
        parts.append(Part(KEPT, Rest()))
    split = Split(tuple(parts))
    check(split)
    return split, named


def passed_on(total_minor: int, shares: Sequence[InvoiceShare], payee: str) -> list[Passed]:
    """List the parts that the payee passes on, without its own part and empty ones.

    Raises:
        SplitError: It cannot be divided so.
    """
    split, named = split_of(shares)
    found: list[Passed] = []
    for key, minor in divide(total_minor, split):
        to, what = (payee, "") if key == KEPT else named[int(key)]
        if to != payee and minor:
            found.append(Passed(len(found) + 1, to, what, minor))
    return found


def taken_back(
    total_minor: int, back_minor: int, parts: Mapping[int, tuple[int, int]]
) -> dict[int, int]:
    """Return the amounts that a refund takes back of each part, in proportion.

    Once ``back_minor`` of the total have gone back, a part has given back its proportion of that,
    rounded down; the payee bears what rounding leaves. So no part ever gives back more than it got,
    and once all of the payment went back each gave back exactly what it got.

    Args:
        total_minor: Amount of the payment.
        back_minor: What has gone back of it, with this refund.
        parts: By number, what it got and what it gave back before.

    Returns:
        By number, what it gives back now; only what is above zero.
    """
    due = {
        n: max(0, got * back_minor // total_minor - before) for n, (got, before) in parts.items()
    }
    return {n: minor for n, minor in due.items() if minor}


def _part(one: InvoiceShare, named: list[tuple[str, str]]) -> Part:
    share: Fraction | int | Rest = Rest()
    if one.minor is not None:
        share = one.minor
    elif one.per_mille is not None:
        share = Fraction(one.per_mille, PER_MILLE)
    to: str | Split
    if one.parts:
        to = Split(tuple(_part(inner, named) for inner in one.parts))
    else:
        to = str(len(named))
        named.append((str(one.to), one.what))
    return Part(to, share, one.max_minor, one.min_minor)
