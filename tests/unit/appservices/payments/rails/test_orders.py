from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.banks.core.orders import (
    TABLE,
    OrderEffect,
    OrderInput,
    OrderState,
    mermaid,
    step,
)
from appservices.payments.banks.core.reference import reference
from tests.support.processes import ROOT
from tests.support.tables import each_row
from veche.protocol.errors import ConflictError

E, I, S = OrderEffect, OrderInput, OrderState  # noqa: E741 -- short in a table
OF_BANK = [given_ for given_ in OrderInput if given_ is not OrderInput.FILE_WRITTEN]


@each_row(("state", "given_"), list(itertools.product(OrderState, OrderInput)))
def test_what_is_not_in_the_table_is_refused(state: OrderState, given_: OrderInput) -> None:
    if (state, given_) in TABLE:
        assert step(state, given_) == TABLE[state, given_]
    else:
        with pytest.raises(ConflictError):
            step(state, given_)


@each_row("given_", OF_BANK)
@each_row("state", [s for s in OrderState if s is not OrderState.QUEUED])
def test_the_bank_may_say_anything_of_an_order_that_it_has(
    state: OrderState, given_: OrderInput
) -> None:
    step(state, given_)


def test_a_bank_cannot_know_an_order_whose_file_is_not_written() -> None:
    assert [given_ for state, given_ in TABLE if state is S.QUEUED and given_ in OF_BANK] == [
        I.SILENT
    ]


@given(st.lists(st.sampled_from(OF_BANK), max_size=12))
def test_the_hold_ends_once_and_every_line_moves_money_once(told: list[OrderInput]) -> None:
    state = S.FILED
    effects: list[OrderEffect] = []
    for given_ in told:
        state, more = step(state, given_)
        effects += more

    assert effects.count(E.POST) + effects.count(E.VOID) <= 1
    lines = sum(given_ in (I.BOOKED, I.RETURNED) for given_ in told)
    assert sum(effects.count(one) for one in (E.CLEAR, E.GIVE_BACK, E.SUSPEND)) == lines
    assert effects.count(E.CLEAR) <= 1
    assert effects.count(E.GIVE_BACK) <= effects.count(E.CLEAR)


@each_row(
    ("told", "state", "effects"),
    [
        ([I.TAKEN, I.ACCEPTED, I.BOOKED], S.BOOKED, [E.POST, E.CLEAR]),
        ([I.TAKEN, I.SETTLED, I.BOOKED], S.BOOKED, [E.POST, E.CLEAR]),
        ([I.BOOKED, I.TAKEN, I.SETTLED], S.BOOKED, [E.POST, E.CLEAR]),
        ([I.TAKEN, I.REJECTED], S.REJECTED, [E.VOID]),
        ([I.TAKEN, I.BOOKED, I.RETURNED], S.RETURNED, [E.POST, E.CLEAR, E.GIVE_BACK]),
        ([I.TAKEN, I.REJECTED, I.BOOKED], S.CONFLICT, [E.VOID, E.SUSPEND, E.ALARM]),
        ([I.TAKEN, I.BOOKED, I.REJECTED], S.CONFLICT, [E.POST, E.CLEAR, E.ALARM]),
        ([I.TAKEN, I.BOOKED, I.BOOKED], S.CONFLICT, [E.POST, E.CLEAR, E.SUSPEND, E.ALARM]),
        ([I.TAKEN, I.SILENT, I.BOOKED], S.BOOKED, [E.ALARM, E.POST, E.CLEAR]),
        ([I.TAKEN, I.PENDING, I.SILENT], S.ASKED, [E.ALARM]),
    ],
)
def test_what_banks_do_leads_where_it_should(
    told: list[OrderInput], state: OrderState, effects: list[OrderEffect]
) -> None:
    at = S.FILED
    done: list[OrderEffect] = []
    for given_ in told:
        at, more = step(at, given_)
        done += more
    assert (at, done) == (state, effects)


def test_the_diagram_has_every_state() -> None:
    text = mermaid()
    assert [one for one in OrderState if one.value not in text] == []


def test_the_page_is_what_the_table_says() -> None:
    page = ROOT / "docs/reference/bank-orders.md"
    assert page.read_text() == reference(), (
        f"python -m appservices.payments.banks.core.reference >{page.relative_to(ROOT)}"
    )
