"""The whole table of a payment: each state with each input."""

import itertools

import pytest

from appservices.payments.transfers.core.payment import (
    OVER,
    TABLE,
    Effect,
    Input,
    Kind,
    Payment,
    PaymentStateError,
    State,
    step,
)
from tests.support.tables import each_row

EVERYTHING = list(itertools.product(State, Input))


def payment(state: State) -> Payment:
    return Payment(
        id="01KAXV3Q0G0000000000000000",
        kind=Kind.PAY,
        state=state,
        payer=1,
        payee=2,
        ledger=1,
        amount_minor=1250,
        fee_minor=10,
        asked_at_ms=1,
        due_at_ms=2,
        approved_by="nonce",
    )


@each_row(("state", "heard"), EVERYTHING)
def test_a_step_is_in_the_table_or_changes_nothing(state: State, heard: Input) -> None:
    before = payment(state)
    if (state, heard) in TABLE:
        after, effects = step(before, heard, why="no_cover")
        assert (after.state, effects) == TABLE[state, heard]
    else:
        with pytest.raises(PaymentStateError, match=f"the payment is {state.value} already"):
            step(before, heard)


def test_money_is_tried_to_be_moved_wherever_paying_is_entered_and_nowhere_else() -> None:
    for state, effects in TABLE.values():
        assert (Effect.ATTEMPT in effects) == (state is State.PAYING)


def test_only_the_writer_ends_an_attempt() -> None:
    assert {heard for state, heard in TABLE if state is State.PAYING} == {
        Input.MOVED,
        Input.NOT_MOVED,
    }


def test_only_an_attempt_becomes_paid() -> None:
    into = {key for key, (state, _) in TABLE.items() if state is State.PAID}

    assert into == {(State.PAYING, Input.MOVED)}


def test_nothing_leaves_a_state_that_is_over() -> None:
    assert {state for state, _ in TABLE} == set(State) - OVER


def test_a_reason_is_kept_of_a_refusal_alone() -> None:
    for state, heard in TABLE:
        after, _ = step(payment(state), heard, why="no_cover")
        assert (after.why is not None) == (after.state is State.REFUSED)


def test_a_wait_knows_its_end_and_nothing_else_does() -> None:
    after, _ = step(payment(State.ASKED), Input.WAIT, due_at_ms=77)
    paying, _ = step(after, Input.GO)

    assert (after.due_at_ms, paying.due_at_ms) == (77, None)
    assert paying.total_minor == 1260
