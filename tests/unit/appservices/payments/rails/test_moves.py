from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.banks.core.moves import Books, Held, hold, line_chain, order_chain
from appservices.payments.banks.core.orders import OrderEffect, OrderInput, OrderState, step
from appservices.payments.banks.core.port import OrderKind
from appservices.payments.ledger.core import Result, TransferFlag
from appservices.payments.ledger.core.requests import TransferCode, opening
from tests.support.ledger import EUR, Shard
from veche.protocol.ids import Ulid, derived_ulid

if TYPE_CHECKING:
    from collections.abc import Callable

PAYER, BANK, CLEARING, SUSPENSE, OPENING = 11, 8, 7, 9, 13
BOOKS = Books(EUR, BANK, CLEARING, SUSPENSE, OPENING)
AMOUNT, FUNDS, CAPITAL = 40, 100, 1_000
OF_BANK = [given for given in OrderInput if given is not OrderInput.FILE_WRITTEN]
LINES = {OrderInput.BOOKED: -AMOUNT, OrderInput.RETURNED: AMOUNT}


def a_shard() -> Shard:
    """A payer with funds, which came by the bank."""
    shard = Shard()
    codes = {PAYER: 1, BANK: 8, CLEARING: 7, SUSPENSE: 9, OPENING: 13}
    shard.open(*(opening(number, EUR, code) for number, code in codes.items()))
    first = line_chain(OPENING, BOOKS, TransferCode.FIRST_BALANCE, _id_of("first"), CAPITAL)
    top_up = line_chain(PAYER, BOOKS, TransferCode.TOP_UP, _id_of("top-up"), FUNDS)
    assert shard.ask(*first, *top_up) == [Result.CREATED] * 2
    return shard


def _id_of(cause: object) -> Callable[[str], Ulid]:
    return lambda part: derived_ulid(1, repr(cause), part)


def balance(shard: Shard, account: int) -> int:
    sums = shard.sums(account)
    return sums[3] - sums[1]


@given(st.lists(st.sampled_from(OF_BANK), max_size=6))
def test_whatever_a_bank_tells_the_ledgers_bank_account_follows_its_lines(
    told: list[OrderInput],
) -> None:
    shard = a_shard()
    order = Held(derived_ulid(1, "order"), OrderKind.PAYOUT, PAYER, AMOUNT)
    assert shard.ask(*hold(order, BOOKS)) == [Result.CREATED]
    state, lines = OrderState.FILED, 0
    for place, said in enumerate(told):
        state, effects = step(state, said)
        signed = LINES.get(said, 0)
        lines += signed
        chain = order_chain(order, effects, BOOKS, _id_of(place), signed_minor=signed)
        if chain:
            assert shard.ask(*chain) == [Result.CREATED] * len(chain)

    payer, held = balance(shard, PAYER), shard.sums(PAYER)[0]
    assert balance(shard, BANK) == -(CAPITAL + FUNDS + lines)
    assert payer in (FUNDS, FUNDS - AMOUNT)
    assert held == (AMOUNT if state in (OrderState.SENT, OrderState.ASKED, OrderState.FILED) else 0)
    accounts = (PAYER, BANK, CLEARING, SUSPENSE, OPENING)
    assert sum(balance(shard, one) for one in accounts) == 0
    if state in (OrderState.REJECTED, OrderState.RETURNED):
        assert payer == FUNDS


def test_a_collection_is_credited_by_its_line_and_taken_back_by_its_return() -> None:
    shard = a_shard()
    order = Held(derived_ulid(1, "order"), OrderKind.COLLECT, PAYER, AMOUNT)
    booked = order_chain(
        order, (OrderEffect.POST, OrderEffect.CLEAR), BOOKS, _id_of(1), signed_minor=AMOUNT
    )
    back = order_chain(order, (OrderEffect.GIVE_BACK,), BOOKS, _id_of(2), signed_minor=-AMOUNT)

    assert shard.ask(*booked) == [Result.CREATED]
    assert balance(shard, PAYER) == FUNDS + AMOUNT
    assert shard.ask(*back) == [Result.CREATED]
    assert balance(shard, PAYER) == FUNDS


def test_a_payout_without_cover_gets_no_hold() -> None:
    order = Held(derived_ulid(1, "order"), OrderKind.PAYOUT, PAYER, FUNDS + 1)
    assert a_shard().ask(*hold(order, BOOKS)) == [Result.EXCEEDS_CREDITS]


def test_what_ends_a_hold_and_what_moves_the_line_are_one() -> None:
    order = Held(derived_ulid(1, "order"), OrderKind.PAYOUT, PAYER, AMOUNT)
    effects = (OrderEffect.POST, OrderEffect.CLEAR)
    post, clear = order_chain(order, effects, BOOKS, _id_of(1), signed_minor=-AMOUNT)

    assert post.flags & TransferFlag.LINKED
    assert not clear.flags & TransferFlag.LINKED
