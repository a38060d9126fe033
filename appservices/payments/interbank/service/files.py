"""The messages of ISO 20022 of some days between two institutions, and whether they add up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.interbank.core.movements import TXS_MAX
from appservices.payments.interbank.core.xml import write_payments, write_statuses
from appservices.payments.interbank.service.movements import BooksDifferError, days, of_day, sheets
from appservices.payments.statements.service.statements import midnight_ms

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from appservices.payments.banks.core.port import BankMessage
    from appservices.payments.interbank.core.movements import InterbankPayment
    from appservices.payments.interbank.service.movements import Books, Sheet

OUT: Final = "paid"
IN: Final = "received"
"""Ways, in names of files, as who writes them sees it."""
Key = tuple[bool, bool, str, str]
"""We pay, it is paid, the message, the currency: what goes into one message."""


@attrs.define
class Tally:
    """The counts and sums written, by direction and currency.

    Attributes:
        counts: Payments, by way and message; of those that were not paid, under pacs.002.
        paid_minor: Their sum, by way and currency.
        uncredited_minor: Of what they pay: what our ledger got on no day of these, or not yet.
    """

    counts: Counter[tuple[bool, str]] = attrs.field(factory=Counter)
    paid_minor: Counter[tuple[bool, str]] = attrs.field(factory=Counter)
    uncredited_minor: Counter[tuple[bool, str]] = attrs.field(factory=Counter)

    def add(self, one: InterbankPayment, *, is_ours: bool, span_ms: tuple[int, int]) -> None:
        """Count a payment."""
        if not one.standing.is_paid:
            self.counts[is_ours, "pacs.002"] += 1
            return
        key = is_ours, one.currency
        self.counts[is_ours, one.message[:8]] += 1
        self.paid_minor[key] += one.amount_minor or 0
        at_ms = one.credited_at_ms
        if not is_ours and (at_ms is None or not span_ms[0] <= at_ms < span_ms[1]):
            self.uncredited_minor[key] += one.amount_minor or 0


def messages(
    books: Books,
    span: tuple[dt.date, dt.date],
    now_ms: int,
    tally: Tally,
    most: int = TXS_MAX,
) -> Iterator[tuple[str, BankMessage]]:
    """The messages of days, each with a name for its file; a day at a time is in memory at most.

    Args:
        books: Ours with the other.
        span: First and last day.
        now_ms: UTC.
        tally: Is filled meanwhile.
        most: Payments of one message, at most ``TXS_MAX``.

    Raises:
        BooksDifferError: At the end, if what was written does not make what the ledger has.
    """
    span_ms = midnight_ms(span[0]), midnight_ms(span[1]) + 86_400_000
    for on in days(*span):
        waiting: dict[Key, list[InterbankPayment]] = {}
        numbers: Counter[Key] = Counter()
        for one in of_day(books, on):
            is_ours, is_paid = one.payer_at == books.own, one.standing.is_paid
            tally.add(one, is_ours=is_ours, span_ms=span_ms)
            key = (is_ours, is_paid, one.message, one.currency if is_paid else "")
            waiting.setdefault(key, []).append(one)
            if len(waiting[key]) == most:
                numbers[key] += 1
                yield from _written(waiting.pop(key), key, numbers[key], now_ms)
        for key, rest in sorted(waiting.items()):
            yield from _written(rest, key, numbers[key] + 1, now_ms)
    _check(sheets(books, *span), tally)


def _written(
    payments: Sequence[InterbankPayment], key: Key, number: int, now_ms: int
) -> Iterator[tuple[str, BankMessage]]:
    is_ours, is_paid, message, currency = key
    start = f"{payments[0].on.isoformat()}-{OUT if is_ours else IN}-{message[:8]}"
    if not is_paid:
        yield f"{start}-not-{number}.pacs.002.xml", write_statuses(payments, None, now_ms)
        return
    whole = write_payments(payments, now_ms)
    yield f"{start}-{currency}-{number}.xml", whole
    yield f"{start}-{currency}-{number}.pacs.002.xml", write_statuses(payments, whole, now_ms)


def _check(found: Sequence[Sheet], tally: Tally) -> None:
    """See that the messages make what the ledger has of payments.

    Raises:
        BooksDifferError: They do not.
    """
    expected = {(one.is_ours, one.currency): one.paid_minor - one.late_minor for one in found}
    for key in expected.keys() | tally.paid_minor.keys():
        written = tally.paid_minor[key] - tally.uncredited_minor[key]
        if written != expected.get(key, 0):
            raise BooksDifferError(
                f"{key[1]}: the messages make {written}, the ledger {expected.get(key, 0)}"
                " (minor units); look at `veche ledger check`"
            )
