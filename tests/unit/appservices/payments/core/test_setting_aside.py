"""What is set aside as transfers, decided by the ledger itself: no end makes or loses money."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.disputes.core.dispute import Dispute, DisputeState
from appservices.payments.disputes.core.moves import dispute_hold
from appservices.payments.escrows.core.escrow import HOLD_MORE_MS, Escrow, EscrowState, OnSilence
from appservices.payments.escrows.core.moves import escrow_hold, post
from appservices.payments.ledger.core import AccountCode, AccountFlag, Result, Transfer
from appservices.payments.ledger.core.requests import chain, opening
from appservices.payments.postings.core import back_out, void
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.core.transfers import MAIN, Between, transfers_of
from tests.support.ledger import ALICE, BOB, EUR, Shard, new_id, people
from veche.protocol.ids import Ulid, derived_ulid

NOW_MS = 1_000
ASIDE = 77
ESCROW = Escrow(
    id=derived_ulid(5, "escrow"),
    state=EscrowState.FUNDING,
    buyer=1,
    seller=2,
    ledger=EUR,
    amount_minor=60,
    k=2,
    voters=(),
    on_silence=OnSilence.RETURN,
    asked_at_ms=1,
    ends_at_ms=NOW_MS + 5_000,
)
DISPUTE = Dispute(
    id=derived_ulid(5, "dispute"),
    payment_id=derived_ulid(5, "payment"),
    state=DisputeState.FREEZING,
    payer=1,
    payee=2,
    ledger=EUR,
    amount_minor=60,
    asked_at_ms=1,
    due_at_ms=2,
    hold_ends_at_ms=NOW_MS + 7_000,
)
PAYMENT = Payment(
    id=derived_ulid(5, "payment"),
    kind=Kind.ESCROW,
    state=State.PAYING,
    payer=1,
    payee=2,
    ledger=EUR,
    amount_minor=1,
    fee_minor=0,
    asked_at_ms=1,
)


def bank(code: AccountCode) -> Shard:
    """Alice has 100, Bob nothing; there is an account for what is set aside."""
    shard = people(Shard(now_ms=NOW_MS))
    shard.open(opening(ASIDE, EUR, code)._replace(salt=new_id()[:20]))
    return shard


def id_of(*names: str) -> Ulid:
    return derived_ulid(5, *names)


def released(shard: Shard, minor: int) -> list[Result]:
    paid = attrs.evolve(PAYMENT, amount_minor=minor)
    made = [
        post(id_of("hold"), id_of("post"), minor, Ulid(paid.id)),
        *transfers_of(paid, Between(ASIDE, BOB), {MAIN: id_of("main")}),
    ]
    return shard.ask(*chain(made))


def sums(shard: Shard) -> tuple[int, int, int]:
    """What Alice, Bob and the account between have; nothing of it is pending."""
    found = []
    for account in (ALICE, BOB, ASIDE):
        debits_pending, debits, credits_pending, credits_ = shard.sums(account)
        assert (debits_pending, credits_pending) == (0, 0)
        found.append(credits_ - debits)
    return found[0], found[1], found[2]


@given(st.integers(1, 60))
def test_an_escrow_is_posted_in_part_and_the_rest_is_the_buyer_s(minor: int) -> None:
    shard = bank(AccountCode.ESCROW)
    assert shard.ask(escrow_hold(ESCROW, ALICE, ASIDE, id_of("hold"), NOW_MS)) == [Result.CREATED]

    assert released(shard, minor) == [Result.CREATED] * 2
    assert sums(shard) == (100 - minor, minor, 0)
    assert shard.ask(void(id_of("hold"), id_of("void"))) == [Result.PENDING_TRANSFER_ALREADY_POSTED]


@given(st.integers(1, 60), st.integers(1, 60))
def test_what_an_escrow_released_goes_back_up_to_what_it_was(minor: int, back: int) -> None:
    shard = bank(AccountCode.ESCROW)
    shard.ask(escrow_hold(ESCROW, ALICE, ASIDE, id_of("hold"), NOW_MS))
    released(shard, minor)
    refund = attrs.evolve(PAYMENT, kind=Kind.REFUND, amount_minor=back, refund_of=PAYMENT.id)
    made: list[Transfer] = transfers_of(
        refund, Between(BOB, ASIDE), {MAIN: id_of("back")}, id_of("main")
    )
    results = shard.ask(*chain([*made, back_out(made[0], ALICE, id_of("post"), id_of("out"))]))

    if back <= minor:
        assert results == [Result.CREATED] * 2
        assert sums(shard) == (100 - minor + back, minor - back, 0)
    else:
        assert Result.CREATED not in results
        assert sums(shard) == (100 - minor, minor, 0)


def test_an_escrow_ends_by_the_ledger_s_time_if_nobody_ends_it() -> None:
    shard = bank(AccountCode.ESCROW)
    shard.ask(escrow_hold(ESCROW, ALICE, ASIDE, id_of("hold"), NOW_MS))
    shard.now_ms = ESCROW.ends_at_ms + HOLD_MORE_MS

    assert released(shard, 60) == [Result.PENDING_TRANSFER_EXPIRED, Result.LINKED_EVENT_FAILED]
    assert sums(shard) == (100, 0, 0)


@given(st.integers(0, 100), st.integers(0, 60))
def test_a_dispute_sets_aside_what_there_is_and_gives_back_as_a_refund(
    spent: int, given_minor: int
) -> None:
    shard = bank(AccountCode.DISPUTED)
    paid = attrs.evolve(PAYMENT, kind=Kind.PAY, amount_minor=60)
    shard.ask(*transfers_of(paid, Between(ALICE, BOB), {MAIN: id_of("main")}))
    spent = min(spent, 60)
    shard.one(BOB, ALICE, spent)
    shard.ask(dispute_hold(DISPUTE, BOB, ASIDE, id_of("hold"), NOW_MS))
    held = shard.sums(BOB)[0]
    assert held == 60 - spent
    given_minor = min(given_minor, held)
    end = [void(id_of("hold"), id_of("void"))]
    if given_minor:
        refund = attrs.evolve(
            PAYMENT, kind=Kind.REFUND, amount_minor=given_minor, refund_of=PAYMENT.id
        )
        between = Between(BOB, ALICE)
        end += transfers_of(refund, between, {MAIN: id_of("back")}, id_of("main"))
    results = shard.ask(*chain(end))

    assert set(results) == {Result.CREATED}
    assert sums(shard) == (40 + spent + given_minor, 60 - spent - given_minor, 0)


@pytest.mark.parametrize("code", [AccountCode.ESCROW, AccountCode.DISPUTED])
def test_nobody_is_paid_out_of_what_others_set_aside(code: AccountCode) -> None:
    assert opening(ASIDE, EUR, code).flags & AccountFlag.NO_OVERDRAFT
    shard = bank(code)
    shard.ask(escrow_hold(ESCROW, ALICE, ASIDE, id_of("hold"), NOW_MS))

    assert shard.one(ASIDE, BOB, 1) is Result.EXCEEDS_CREDITS
