"""Orders, lines and statements for tests."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from appservices.payments.banks.core.port import (
    BankOrder,
    Entry,
    OrderKind,
    Party,
    Signed,
    Statement,
)
from veche.protocol.ids import derived_ulid, ulid

NOW_MS = 1_790_000_000_000
DAY = dt.date(2026, 9, 21)
OWN = Party("Town of Example", "DE89370400440532013000", "COBADEFF")
IBANS = ["DE48500105170532013000", "GB82WEST12345698765432", "BE72000000001616"]
LATIN = st.text("abcXYZ019 /?:().,'+-", max_size=70).map(lambda s: " ".join(s.split())[:70])
NAMES = LATIN.map(lambda s: " ".join(("A" + s.replace("/", "")).split()))


def order(number: int = 1, amount_minor: int = 1250, **changes: object) -> BankOrder:
    """A payout."""
    return BankOrder(
        **{
            "id": derived_ulid(NOW_MS, "test", number),
            "kind": OrderKind.PAYOUT,
            "own": OWN,
            "other": Party("Ivan Petrov", IBANS[0]),
            "amount_minor": amount_minor,
            "currency": "EUR",
            **changes,
        }  # type: ignore[arg-type]  # a builder
    )


def collection(number: int = 1, amount_minor: int = 1250) -> BankOrder:
    """A collection."""
    signed = Signed("M-1", dt.date(2026, 1, 31), "DE98ZZZ09999999999", is_first=True)
    return order(number, amount_minor, kind=OrderKind.COLLECT, mandate=signed)


def entry(number: int = 1, amount_minor: int = 1250, **changes: object) -> Entry:
    """A credit."""
    return Entry(
        **{
            "key": f"K{number}",
            "amount_minor": amount_minor,
            "is_credit": True,
            "currency": "EUR",
            "booked_on": DAY,
            **changes,
        }  # type: ignore[arg-type]  # a builder
    )


def statement(*entries: Entry, opening_minor: int = 0) -> Statement:
    """A day whose sums add up."""
    closing = opening_minor + sum(one.signed_minor for one in entries)
    return Statement("S1", OWN.account, "EUR", DAY, DAY, opening_minor, closing, list(entries))


ULIDS = st.builds(ulid, st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
ENTRIES = st.builds(
    Entry,
    key=st.text("ABC019", min_size=1, max_size=35),
    amount_minor=st.integers(1, 10**12),
    is_credit=st.booleans(),
    currency=st.just("EUR"),
    booked_on=st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)),
    order_id=st.just("") | ULIDS,
    other_name=st.just("") | NAMES,
    other_account=st.sampled_from(["", *IBANS, "1000017"]),
    own_account=st.sampled_from(["", OWN.account]),
    text=LATIN,
    return_code=st.sampled_from(["", "MS03"]),
)
