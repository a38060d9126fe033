"""Holds, chains, balancing, closing, refunds and imports, as a person would tell them."""

from __future__ import annotations

import pytest

from appservices.payments.ledger.core import (
    AMOUNT_MAX,
    Account,
    AccountCode,
    AccountFlag,
    Result,
    Transfer,
    TransferFlag,
)
from appservices.payments.ledger.core import book as book_module
from appservices.payments.ledger.core.deciding import start
from appservices.payments.ledger.core.values import ROWS_MAX, expiry_id
from tests.support.ledger import ALICE, BANK, BOB, FEES, Shard, end, new_id, people, transfer

R, F = Result, TransferFlag
CREATED = R.CREATED
LINKED = F.LINKED


@pytest.fixture
def shard() -> Shard:
    return people(Shard())


def hold(shard: Shard, amount: int = 40, **kwargs: object) -> str:
    id_ = new_id()
    asked = transfer(amount=amount, id=id_, flags=F.PENDING)._replace(**kwargs)  # type: ignore[arg-type]
    assert shard.ask(asked) == [CREATED]
    return id_


class TestHolds:
    def test_money_that_is_held_is_not_there_twice(self, shard: Shard) -> None:
        hold(shard, 60)

        assert shard.one(amount=41) is R.EXCEEDS_CREDITS
        assert shard.one(amount=40) is CREATED

    def test_money_that_is_on_its_way_covers_nothing(self, shard: Shard) -> None:
        hold(shard, 60)

        assert shard.one(BOB, ALICE, 1) is R.EXCEEDS_CREDITS

    @pytest.mark.parametrize(
        ("ending", "alice", "bob"),
        [
            (end(F.POST, ""), (0, 40, 0, 100), (0, 0, 0, 40)),
            (end(F.POST, "", 15), (0, 15, 0, 100), (0, 0, 0, 15)),
            (end(F.POST, "", 0), (0, 0, 0, 100), (0, 0, 0, 0)),
            (end(F.VOID, ""), (0, 0, 0, 100), (0, 0, 0, 0)),
        ],
        ids=["all", "a part", "nothing", "void"],
    )
    def test_an_end_releases_what_it_does_not_post(
        self, shard: Shard, ending: Transfer, alice: tuple[int, ...], bob: tuple[int, ...]
    ) -> None:
        assert shard.ask(ending._replace(id=new_id(), pending_id=hold(shard))) == [CREATED]

        assert (shard.sums(ALICE), shard.sums(BOB)) == (alice, bob)

    def test_a_hold_expires_exactly_at_its_time(self, shard: Shard) -> None:
        early, late = hold(shard, 10, timeout_ms=50), hold(shard, 10, timeout_ms=50)
        shard.now_ms += 49
        assert shard.ask(end(F.POST, early)) == [CREATED]
        shard.now_ms += 1
        assert shard.ask(end(F.POST, late)) == [R.PENDING_TRANSFER_EXPIRED]
        assert shard.sums(ALICE) == (0, 10, 0, 100)

    def test_expiries_come_by_time_and_then_by_creation(self, shard: Shard) -> None:
        third, first, second = (hold(shard, 1, timeout_ms=ms) for ms in (20, 10, 10))
        shard.now_ms += 100
        shard.one(amount=2)

        *expired, last = shard.blocks()[-1].content.rows
        assert [row.pending_id for row in expired] == [first, second, third]
        assert [row.id for row in expired] == [
            expiry_id(id_, shard.now_ms) for id_ in (first, second, third)
        ]
        assert last.amount == 2

    def test_what_expires_leaves_room_for_what_is_asked(self, shard: Shard) -> None:
        holds = [transfer(amount=0, flags=F.PENDING, timeout_ms=1) for _ in range(10)]
        shard.ask(*holds)

        deciding = start(shard.book, shard.seq + 1, shard.now_ms + 1, ROWS_MAX - 3)

        assert len(deciding.rows) == 3
        assert shard.book.next_expiry_ms == shard.now_ms + 1

    def test_a_hold_of_a_chain_that_failed_leaves_no_expiry_behind(self, shard: Shard) -> None:
        id_ = new_id()
        held = transfer(amount=5, id=id_, flags=F.PENDING | LINKED, timeout_ms=5)
        shard.ask(held, transfer(code=0))
        assert shard.book.next_expiry_ms is None
        shard.ask(held._replace(flags=F.PENDING, timeout_ms=50))

        shard.now_ms += 5
        assert shard.ask(end(F.POST, id_)) == [CREATED]

    def test_the_clock_may_go_back_and_ledger_time_does_not(self, shard: Shard) -> None:
        id_ = hold(shard, timeout_ms=100)
        shard.now_ms += 99
        shard.one(amount=1)
        shard.now_ms -= 3_600_000
        shard.one(amount=1)

        assert shard.blocks()[-1].content.at_ms == 1_099
        assert shard.ask(end(F.POST, id_)) == [CREATED]


class TestChains:
    def test_a_chain_is_done_whole(self, shard: Shard) -> None:
        results = shard.ask(
            transfer(ALICE, BOB, 100, flags=LINKED),
            transfer(BOB, FEES, 100, flags=LINKED),
            transfer(FEES, ALICE, 100),
        )

        assert results == [CREATED] * 3

    def test_a_chain_that_fails_leaves_nothing_and_others_go_on(self, shard: Shard) -> None:
        before = hold(shard, 30)
        results = shard.ask(
            transfer(amount=1),
            transfer(amount=2, flags=LINKED),
            end(F.POST | LINKED, before),
            transfer(amount=3, flags=F.PENDING | LINKED, timeout_ms=9),
            transfer(amount=1_000, flags=LINKED),
            transfer(amount=4),
            transfer(amount=5),
        )

        failed = R.LINKED_EVENT_FAILED
        assert results == [CREATED, failed, failed, failed, R.EXCEEDS_CREDITS, failed, CREATED]
        assert shard.sums(ALICE) == (30, 6, 0, 100)
        assert list(shard.book.holds) == [before]

    def test_only_the_member_with_the_burning_answer_is_burned(self, shard: Shard) -> None:
        good, dear = transfer(amount=1, flags=LINKED), transfer(amount=1_000)
        shard.ask(good, dear)

        assert shard.ask(good, transfer(amount=1)) == [CREATED] * 2
        assert shard.ask(dear._replace(amount=1)) == [R.ID_ALREADY_FAILED]

    def test_a_chain_asked_again_is_known(self, shard: Shard) -> None:
        chain = [transfer(amount=1, flags=LINKED), transfer(amount=2)]
        shard.ask(*chain)

        assert shard.ask(*chain) == [R.EXISTS, R.LINKED_EVENT_FAILED]
        assert shard.sums(ALICE) == (0, 3, 0, 100)

    def test_an_open_chain_says_so_even_if_it_has_failed(self, shard: Shard) -> None:
        results = shard.ask(
            transfer(amount=1, flags=LINKED), transfer(code=0, flags=LINKED), transfer(flags=LINKED)
        )

        assert results == [
            R.LINKED_EVENT_FAILED,
            R.CODE_MUST_NOT_BE_ZERO,
            R.LINKED_EVENT_CHAIN_OPEN,
        ]

    def test_a_hold_made_and_posted_in_one_chain_is_taken_back(self, shard: Shard) -> None:
        id_ = new_id()
        shard.ask(
            transfer(amount=9, id=id_, flags=F.PENDING | LINKED),
            end(F.POST | LINKED, id_),
            transfer(code=0),
        )

        assert shard.sums(ALICE) == (0, 0, 0, 100)
        assert shard.ask(end(F.POST, id_)) == [R.PENDING_TRANSFER_NOT_FOUND]


class TestBalancing:
    @pytest.mark.parametrize(
        ("asked", "moved"), [(30, 30), (60, 60), (61, 60), (AMOUNT_MAX, 60), (0, 0)]
    )
    def test_what_is_there_is_paid_and_no_more(self, shard: Shard, asked: int, moved: int) -> None:
        hold(shard, 40)

        assert shard.one(amount=asked, flags=F.BALANCING_DEBIT) is CREATED
        assert shard.sums(ALICE) == (40, moved, 0, 100)

    def test_an_allowance_is_there_too(self, shard: Shard) -> None:
        shard.allow(ALICE, 5)

        assert shard.one(amount=1_000, flags=F.BALANCING_DEBIT | F.PENDING) is CREATED
        assert shard.sums(ALICE) == (105, 0, 0, 100)

    def test_nothing_is_paid_from_nothing(self, shard: Shard) -> None:
        assert shard.one(BOB, ALICE, 10, flags=F.BALANCING_DEBIT) is CREATED
        assert shard.sums(BOB) == (0, 0, 0, 0)

    def test_both_sides_take_the_smaller(self, shard: Shard) -> None:
        shard.one(BANK, FEES, 7)
        flags = F.BALANCING_DEBIT | F.BALANCING_CREDIT

        assert shard.one(ALICE, BANK, 50, flags=flags) is CREATED
        assert shard.sums(BANK) == (0, 7, 0, 7)


class TestClosing:
    @pytest.mark.parametrize("ending", [F.VOID, F.EXPIRE])
    def test_a_freeze_is_lifted_by_the_end_of_its_hold(
        self, shard: Shard, ending: TransferFlag
    ) -> None:
        order = hold(shard, 0, flags=F.PENDING | F.CLOSING_DEBIT, timeout_ms=50)
        assert shard.one() is R.DEBIT_ACCOUNT_ALREADY_CLOSED
        assert shard.one(FEES, ALICE) is R.CREDIT_ACCOUNT_ALREADY_CLOSED
        if ending is F.VOID:
            assert shard.ask(end(F.VOID, order)) == [CREATED]
        else:
            shard.now_ms += 50

        assert shard.one() is CREATED
        assert not shard.is_closed(ALICE)

    @pytest.mark.parametrize(
        ("closing", "answer"),
        [
            (F.CLOSING_DEBIT, R.DEBIT_ACCOUNT_ALREADY_CLOSED),
            (F.CLOSING_CREDIT, R.CREDIT_ACCOUNT_ALREADY_CLOSED),
            (F.CLOSING_DEBIT | F.CLOSING_CREDIT, R.DEBIT_ACCOUNT_ALREADY_CLOSED),
        ],
    )
    def test_a_freeze_is_never_posted_as_in_tigerbeetle(
        self, shard: Shard, closing: TransferFlag, answer: Result
    ) -> None:
        order = hold(shard, 0, flags=F.PENDING | closing)

        assert shard.ask(end(F.POST, order)) == [answer]
        assert shard.ask(end(F.VOID, order)) == [CREATED]
        assert shard.one() is CREATED

    def test_a_hold_on_a_closed_account_can_be_voided_and_not_posted(self, shard: Shard) -> None:
        before = hold(shard, 10)
        hold(shard, 0, flags=F.PENDING | F.CLOSING_CREDIT)

        assert shard.ask(end(F.POST, before)) == [R.CREDIT_ACCOUNT_ALREADY_CLOSED]
        assert shard.ask(end(F.VOID, before)) == [CREATED]

    def test_what_is_left_can_be_swept_and_the_account_closed_in_one_chain(
        self, shard: Shard
    ) -> None:
        results = shard.ask(
            transfer(ALICE, FEES, AMOUNT_MAX, flags=F.BALANCING_DEBIT | LINKED),
            transfer(ALICE, FEES, 0, flags=F.PENDING | F.CLOSING_DEBIT),
        )

        assert results == [CREATED] * 2
        assert shard.sums(ALICE) == (0, 100, 0, 100)
        assert shard.is_closed(ALICE)

    def test_a_freeze_in_a_chain_that_fails_does_not_close(self, shard: Shard) -> None:
        shard.ask(transfer(amount=0, flags=F.PENDING | F.CLOSING_DEBIT | LINKED), transfer(code=0))

        assert shard.one() is CREATED


class TestRefunds:
    def test_no_more_than_was_paid_in_parts(self, shard: Shard) -> None:
        paid = new_id()
        shard.one(amount=50, id=paid)
        shard.one(FEES, BOB, 50)

        assert shard.one(BOB, ALICE, 30, refund_of=paid) is CREATED
        assert shard.one(BOB, ALICE, 21, refund_of=paid) is R.EXCEEDS_REFUNDABLE
        assert shard.one(BOB, ALICE, 20, refund_of=paid) is CREATED
        assert shard.one(BOB, ALICE, 1, refund_of=paid) is R.EXCEEDS_REFUNDABLE

    def test_of_a_hold_what_was_posted_can_be_given_back(self, shard: Shard) -> None:
        held, post = hold(shard, 40), new_id()
        shard.ask(end(F.POST, held, 15, id=post))

        assert shard.one(BOB, ALICE, 1, refund_of=held) is R.REFUND_ORIGINAL_NOT_FOUND
        assert shard.one(BOB, ALICE, 16, refund_of=post) is R.EXCEEDS_CREDITS
        assert shard.one(BOB, ALICE, 15, refund_of=post) is CREATED

    def test_a_refund_on_hold_counts_until_it_is_released(self, shard: Shard) -> None:
        paid = new_id()
        shard.one(amount=50, id=paid)
        held = hold(shard, 40, debit_id=BOB, credit_id=ALICE, refund_of=paid)
        assert shard.one(BOB, ALICE, 11, refund_of=paid) is R.EXCEEDS_CREDITS
        shard.one(FEES, BOB, 100)
        assert shard.one(BOB, ALICE, 11, refund_of=paid) is R.EXCEEDS_REFUNDABLE

        assert shard.ask(end(F.POST, held, 5)) == [CREATED]
        assert shard.one(BOB, ALICE, 46, refund_of=paid) is R.EXCEEDS_REFUNDABLE
        assert shard.one(BOB, ALICE, 45, refund_of=paid) is CREATED

    @pytest.mark.parametrize("ending", [F.VOID, F.EXPIRE])
    def test_a_refund_on_hold_from_before_a_restart_is_released(
        self, shard: Shard, ending: TransferFlag
    ) -> None:
        paid = new_id()
        shard.one(amount=50, id=paid)
        held = hold(shard, 40, debit_id=BOB, credit_id=ALICE, refund_of=paid, timeout_ms=10)
        after = Shard(shard.store)
        if ending is F.VOID:
            after.ask(end(F.VOID, held))
        else:
            after.now_ms += 10

        assert after.one(BOB, ALICE, 50, refund_of=paid) is CREATED


class TestImports:
    def test_a_past_is_brought_in_with_its_own_times(self) -> None:
        shard = Shard(now_ms=1_000)
        shard.open(
            Account(ALICE, 1, 1, AccountFlag.IMPORTED, at_ms=100),
            Account(BOB, 1, 1, AccountFlag.IMPORTED | AccountFlag.CLOSED, at_ms=200),
            Account(FEES, 1, AccountCode.OPENING, AccountFlag.IMPORTED, at_ms=300),
        )
        past = [
            transfer(FEES, ALICE, 5, flags=F.IMPORTED, at_ms=400),
            transfer(FEES, ALICE, 6, flags=F.IMPORTED, at_ms=400),
            transfer(FEES, BOB, 6, flags=F.IMPORTED, at_ms=500),
            transfer(ALICE, FEES, 6, flags=F.IMPORTED, at_ms=1_000),
        ]

        assert shard.ask(*past) == [
            CREATED,
            R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS,
            R.CREDIT_ACCOUNT_ALREADY_CLOSED,
            CREATED,
        ]
        assert [row.at_ms for row in shard.blocks()[-1].content.rows] == [400, 1_000]
        assert shard.ask(past[0]) == [R.EXISTS]


class TestCaches:
    def test_accounts_beyond_the_bound_are_forgotten_but_for_those_of_open_holds(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(book_module, "ACCOUNTS_CACHED_MAX", 4)
        held = hold(shard, 40)
        assert set(shard.book.accounts) == {ALICE, BOB}

        shard.one(FEES, BANK, 0)
        assert shard.ask(end(F.POST, held)) == [CREATED]
        assert shard.sums(ALICE) == (0, 40, 0, 100)

    def test_blocks_in_flight_are_undone_newest_first(self, shard: Shard) -> None:
        before = {n: a.to_row() for n, a in shard.book.accounts.items()}
        first, second = transfer(amount=10), transfer(BOB, ALICE, 10, flags=F.PENDING)
        for number, request in enumerate(([first], [second], [end(F.POST, second.id)])):
            shard.book.learn(shard.store.look_up(shard.book.names(request)))
            deciding = start(shard.book, shard.seq + 1 + number, shard.now_ms)
            assert deciding.decide(request) == [CREATED]
            deciding.end()

        for _ in range(3):
            shard.book.undo()

        assert {n: shard.book.accounts[n].to_row() for n in before} == before
        assert [shard.book.rows, shard.book.ended, shard.book.holds] == [{}, {}, {}]
        assert shard.ask(first) == [CREATED]
