"""The ledger's stores: one suite for PostgreSQL and for the one in memory."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from appservices.payments.ledger.core import Result, TransferFlag
from appservices.payments.ledger.core.port import BrokenError, FencedError
from appservices.payments.ledger.core.replay import replay
from appservices.payments.ledger.core.values import AMOUNT_MAX, Names
from appservices.payments.ledger.store.memory_ledger import MemoryLedger
from tests.integration.appservices.payments.ledgers import ledger, opened, problems, sql
from tests.support.ledger import ALICE, BOB, FEES, Shard, end, new_id, people, transfer
from tests.support.long import seeds
from tests.unit.appservices.payments.ledger.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.ledger.core.port import LedgerStore

pytestmark = pytest.mark.postgres

CREATED = Result.CREATED


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[LedgerStore[Any]]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with ledger() as (dsn, store):
        yield store
        assert problems(dsn) == []


def test_what_was_decided_is_what_is_kept(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    hold, ref = new_id(), new_id()
    asked = transfer(amount=30, id=hold, flags=TransferFlag.PENDING, timeout_ms=9, ref=ref, ext=-7)

    assert shard.ask(asked, transfer(amount=5, channel=3)) == [CREATED, CREATED]

    kept = store.look_up(Names(ids=[hold], holds=[hold]))
    row = kept.rows[hold]
    assert (row.amount, row.flags, row.ref, row.ext, row.expires_at_ms) == (30, 2, ref, -7, 1_009)
    assert kept.ends == {}
    assert store.holds() == [row]
    assert shard.sums(ALICE) == (30, 5, 0, 100)
    assert shard.sums(BOB) == (0, 0, 30, 5)


def test_blocks_are_kept_as_they_were_committed(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    shard.ask(transfer(), transfer(amount=1_000), transfer())
    block = shard.seal(_decided(shard, amount=7))
    shard.commit(block)

    assert store.block(shard.seq) == block
    assert store.block(shard.seq + 1) is None
    assert [one.content.seq for one in shard.blocks()] == list(range(1, shard.seq + 1))


def test_a_burned_id_is_found_again(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    dear = transfer(amount=1_000)

    assert shard.ask(dear) == [Result.EXCEEDS_CREDITS]
    assert shard.one(FEES, ALICE, 5_000) is CREATED
    assert shard.ask(dear) == [Result.ID_ALREADY_FAILED]


def test_rows_of_an_account_come_in_order_and_by_pages(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    for amount in (1, 2, 3):
        shard.one(amount=amount)
    shard.one(BOB, ALICE, 4)

    first = store.rows(BOB, 0, 2)
    rest = store.rows(BOB, first[-1].pos, 10)
    assert [row.amount for row in first] == [1, 2]
    assert [row.amount for row in rest] == [3, 4]


@pytest.mark.parametrize("account", [ALICE, BOB])
def test_balances_are_known_at_any_time_with_and_without_a_history(
    store: LedgerStore[Any], account: int
) -> None:
    shard = people(Shard(store))
    hold = new_id()
    shard.ask(transfer(amount=9, id=hold, flags=TransferFlag.PENDING), transfer(amount=1))
    shard.ask(end(TransferFlag.POST, hold, 4), transfer(amount=2))
    sign = 1 if account == BOB else -1

    def net(pos: int) -> tuple[int, int] | None:
        sums = store.balances_at(account, pos)
        if sums is None:
            return None
        held = sums.credits_pending - sums.debits_pending
        return held, sums.credits_posted - sums.debits_posted

    rows = store.rows(account, 0, 100)[-4:]
    start = 0 if account == BOB else 100
    assert net(0) is None
    assert [net(row.pos) for row in rows] == [
        (sign * 9, start),
        (sign * 9, start + sign * 1),
        (0, start + sign * 5),
        (0, start + sign * 7),
    ]


def test_a_writer_that_starts_knows_what_another_left(store: LedgerStore[Any]) -> None:
    before = people(Shard(store))
    hold = new_id()
    before.one(amount=40, id=hold, flags=TransferFlag.PENDING, timeout_ms=500)

    after = Shard(store, now_ms=1_600)

    assert after.book.next_expiry_ms == 1_500
    assert after.ask(end(TransferFlag.POST, hold)) == [Result.PENDING_TRANSFER_EXPIRED]
    assert after.sums(ALICE) == (0, 0, 0, 100)


def test_an_older_writer_cannot_commit(store: LedgerStore[Any]) -> None:
    old = people(Shard(store))
    decided = _decided(old)
    Shard(store)

    with pytest.raises(FencedError):
        old.commit(old.seal(decided))
    assert old.sums(ALICE) == (0, 0, 0, 100)


def test_a_writer_with_an_old_view_cannot_commit(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    late = shard.seal(_decided(shard))
    shard.book.undo()
    shard.one()

    with pytest.raises(FencedError):
        store.commit(late)


def test_a_rider_that_raises_takes_the_block_with_it(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    decided = _decided(shard)

    def fall(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shard.commit(shard.seal(decided), fall)
    assert shard.sums(ALICE) == (0, 0, 0, 100)
    assert shard.one() is CREATED


def test_riders_run_with_their_block(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    ridden: list[object] = []

    shard.commit(shard.seal(_decided(shard)), ridden.append)

    assert len(ridden) == 1
    assert shard.sums(ALICE) == (0, 10, 0, 100)


def test_a_block_that_breaks_a_rule_is_refused_whole(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store))
    decided = _decided(shard)
    decided.rows[0] = decided.rows[0]._replace(amount=101)
    block = shard.seal(decided)

    with pytest.raises(BrokenError, match="no_overdraft"):
        store.commit(block)
    assert shard.sums(ALICE) == (0, 0, 0, 100)


def test_the_largest_amounts_are_kept(store: LedgerStore[Any]) -> None:
    shard = people(Shard(store), money=0)
    assert shard.allow(ALICE, AMOUNT_MAX) is CREATED

    assert shard.one(amount=AMOUNT_MAX) is CREATED
    assert shard.one(FEES, ALICE, AMOUNT_MAX) is CREATED
    assert shard.one(amount=1) is Result.OVERFLOWS_DEBITS_POSTED
    assert shard.sums(ALICE) == (0, AMOUNT_MAX, 0, AMOUNT_MAX)


@pytest.mark.parametrize("seed", seeds(ordinary=3, long=199, first=1))
def test_histories_that_no_person_would_think_of_are_kept_by_postgres(seed: int) -> None:
    with ledger() as (dsn, store):
        walk = Walk(Random(seed), store)  # noqa: S311 -- a history, not a secret
        for _ in range(60):
            walk.step()
        walk.settle()

        assert problems(dsn) == []
        memory = MemoryLedger()
        assert replay(walk.shard.blocks(), memory) == walk.shard.seq
        numbers = sorted(walk.model.accounts)
        assert memory.look_up(Names(accounts=numbers)) == store.look_up(Names(accounts=numbers))
        assert memory.holds() == store.holds()


def test_a_lost_connection_leaves_nothing_of_a_block() -> None:
    with ledger() as (dsn, store):
        shard = people(Shard(store))
        block = shard.seal(_decided(shard))

        def cut(txn: Any) -> None:
            pid = txn.connection.info.backend_pid
            sql(dsn, f"SELECT pg_terminate_backend({pid}, 60000)")

        with pytest.raises(psycopg2.Error):
            shard.commit(block, cut)
        with opened(dsn) as again:
            after = Shard(again)
            assert after.sums(ALICE) == (0, 0, 0, 100)
            assert after.one() is CREATED


def _decided(shard: Shard, **kwargs: Any) -> Any:
    asked = transfer(**kwargs)
    deciding = shard.decide([asked])
    assert deciding.decide([asked]) == [CREATED]
    return deciding
