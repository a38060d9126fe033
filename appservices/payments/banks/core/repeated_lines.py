"""Which lines that a bank told before are the money of a line that it tells now.

A bank may tell a batch twice: each payment in its advices, and one sum in the statement, at times
without a reference that both have. A statement has every line of its days. So what it has and no
advice had, and what advices of that day had and it has not, are the same money where they come to
the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.banks.core.reconcile import unique_subset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.banks.core.port import Entry


@attrs.frozen
class Told:
    """A line that was told before and is booked.

    Attributes:
        key: Of the line.
        batch: Key of the sum that it is a part of; empty: it stands alone.
        signed_minor: What it added to the balance.
        order_id: Our order, or empty.
    """

    key: str
    batch: str
    signed_minor: int
    order_id: str


def told_again(entry: Entry, told: Sequence[Told], *, is_stated: bool) -> Sequence[Told]:
    """Return the lines that are together the money of ``entry``; none: its money is new.

    Args:
        entry: Told now, by a key that is new.
        told: Payments of the batch that ``entry`` is the sum of, and lines of its day and side that
            only the other sort of message had.
        is_stated: Whether ``entry`` is of a statement. An advice does not have all lines of a day:
            it tells again only batches, and lines of one order.
    """
    groups: dict[str, list[Told]] = {}
    for one in told:
        groups.setdefault(one.batch or one.key, []).append(one)
    if any(one.batch == entry.key for one in told):
        return groups[entry.key]
    alike = [
        group
        for group in (*groups.values(), *([one] for one in told if is_stated))
        if sum(one.signed_minor for one in group) == entry.signed_minor and _is_of(entry, group)
    ]
    if alike:
        # Which of several does not matter: each is booked, and each has its line in the statement.
        return max(alike, key=lambda group: group[0].order_id == entry.order_id)
    if not is_stated:
        return []
    places = unique_subset([abs(one.signed_minor) for one in told], entry.amount_minor)
    return [told[place] for place in places or ()]


def _is_of(entry: Entry, group: Sequence[Told]) -> bool:
    """Return whether both sides name the same order, if they name one."""
    named = {one.order_id for one in group if one.order_id}
    return not entry.order_id or not named or named == {entry.order_id}
