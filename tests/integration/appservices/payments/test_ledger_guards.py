"""What the database refuses of the ledger, whatever the service does: each by going round it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from appservices.payments.ledger.core import Result, Row, TransferFlag
from appservices.payments.ledger.core.block import Block, Content, next_head, seal
from appservices.payments.ledger.core.port import BrokenError, FencedError
from appservices.payments.ledger.core.values import PLACES, Burned
from appservices.payments.ledger.store import copies
from tests.integration.appservices.payments.ledgers import ledger, opened, problems, sql
from tests.support.ledger import (
    ALICE,
    BANK,
    BOB,
    FEES,
    ZLOTY_FEES,
    Shard,
    end,
    new_id,
    people,
    transfer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appservices.payments.ledger.store.ledger import PostgresLedger

pytestmark = pytest.mark.postgres

NOW_MS = 2_000
INSERT = """
    INSERT INTO ledger.transfer (shard, pos, id, debit_id, credit_id, amount, released, ledger,
        code, flags, ext, channel, at_ms)
    SELECT 0, {pos}, gen_random_uuid(), 1, 2, 5, 0, 1, 1, 0, 0, 0, at_ms FROM ledger.shard"""


STATE = """
    SELECT a.*, s.*, (SELECT count(*) FROM ledger.transfer), (SELECT count(*) FROM ledger.block)
    FROM ledger.account AS a JOIN ledger.shard AS s USING (shard) ORDER BY a.id"""


class Rig:
    """A ledger where Alice has 100, of which 30 are held for Bob, and 20 were paid to him."""

    def __init__(self, dsn: str, store: PostgresLedger) -> None:
        self.dsn = dsn
        self.store = store
        self.shard = people(Shard(store))
        self.hold, self.paid = new_id(), new_id()
        self.shard.one(amount=30, id=self.hold, flags=TransferFlag.PENDING, timeout_ms=10_000)
        self.shard.one(amount=20, id=self.paid)

    def row(self, debit_id: int = ALICE, credit_id: int = BOB, **kwargs: Any) -> Row:
        """A row of the next block, which the core never decided."""
        values: dict[str, Any] = {
            "pos": (self.shard.seq + 1) * PLACES,
            "id": new_id(),
            "amount": 5,
            "released": 0,
            "ledger": 1,
            "code": 1,
            "flags": 0,
            "pending_id": None,
            "refund_of": None,
            "ref": None,
            "ext": 0,
            "channel": 0,
            "expires_at_ms": None,
            "at_ms": NOW_MS,
        }
        return Row(debit_id=debit_id, credit_id=credit_id, **(values | kwargs))

    def end(self, flags: int, **kwargs: Any) -> Row:
        """A row that ends the hold."""
        values: dict[str, Any] = {
            "flags": flags,
            "pending_id": self.hold,
            "released": 30,
            "amount": 0,
        }
        return self.row(**(values | kwargs))

    def block(self, *rows: Row, burned: tuple[Burned, ...] = ()) -> Block:
        """The next block, whose hashes are in order."""
        placed = [row._replace(pos=row.pos + place) for place, row in enumerate(rows)]
        content = Content(self.shard.seq + 1, NOW_MS, tuple(placed), (), burned)
        return seal(0, self.shard.epoch, self.shard.head, content)

    def commit(self, *rows: Row) -> None:
        """Commit rows as the next block."""
        self.store.commit(self.block(*rows))


@pytest.fixture(scope="module", params=["called", "copied"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """One for all tests, since nothing that they try is done; with both ways to send a block."""
    with pytest.MonkeyPatch.context() as patch, ledger() as (dsn, store):
        if request.param == "copied":
            patch.setattr(copies, "CALLED_MAX", 0)
        one = Rig(dsn, store)
        before = sql(dsn, STATE)
        yield one
        assert sql(dsn, STATE) == before
        assert problems(dsn) == []


@pytest.fixture
def fresh() -> Iterator[Rig]:
    """For tests that do something first."""
    with ledger() as (dsn, store):
        one = Rig(dsn, store)
        yield one
        assert problems(dsn) == []


@contextmanager
def refused(code: str, words: str | None = None) -> Iterator[None]:
    with pytest.raises(psycopg2.Error, match=words) as raised:
        yield
    assert raised.value.pgcode == code


@contextmanager
def role_of_the_service(rig: Rig) -> Iterator[str]:
    name = f"app_{new_id()[:12]}"
    sql(rig.dsn, f"CREATE ROLE {name}", f"SELECT ledger.grant_to('{name}')")
    yield name
    sql(rig.dsn, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture(scope="module")
def role(rig: Rig) -> Iterator[str]:
    with role_of_the_service(rig) as name:
        yield name


RECORDED = ["transfer", "event", "burned", "block", "balance"]
COMPUTED = ["shard", "account", "hold", "refunded", "unfinished"]


class TestNothingRecordedChanges:
    @pytest.mark.parametrize("table", RECORDED)
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE ledger.{} SET shard = shard", "DELETE FROM ledger.{}", "TRUNCATE ledger.{}"],
    )
    def test_by_hand(self, rig: Rig, table: str, statement: str) -> None:
        with refused("VL002", "append-only"):
            sql(rig.dsn, statement.format(table))


class TestBalancesAreTheFoldOfTheRows:
    @pytest.mark.parametrize("table", COMPUTED)
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger.{0} SET shard = shard",
            "DELETE FROM ledger.{0}",
            "TRUNCATE ledger.{0} CASCADE",
            "INSERT INTO ledger.{0} SELECT * FROM ledger.{0}",
        ],
    )
    def test_what_is_computed_is_not_written(self, rig: Rig, table: str, statement: str) -> None:
        with refused("VL002"):
            sql(rig.dsn, statement.format(table))

    def test_a_row_without_its_block_is_refused(self, rig: Rig) -> None:
        with refused("VL003", "without the block"):
            sql(rig.dsn, INSERT.format(pos=(rig.shard.seq + 1) * PLACES))

    def test_a_row_is_not_slipped_into_an_old_block(self, rig: Rig) -> None:
        with refused("VL003", "without the block"):
            sql(rig.dsn, INSERT.format(pos=PLACES + 4_000))

    def test_a_row_is_not_added_to_a_block_that_is_finished(self, rig: Rig) -> None:
        block = rig.block(rig.row())

        def add(txn: Any) -> None:
            txn.execute(INSERT.format(pos=block.content.seq * PLACES + 1))

        with pytest.raises(BrokenError, match="without the block"):
            rig.store.commit(block, add)

    def test_a_row_is_not_slipped_under_a_block_that_comes_in_one_call(self, rig: Rig) -> None:
        block = rig.block(rig.row())
        row = INSERT.format(pos=block.content.seq * PLACES + 1)

        with refused("VL003", "without the block"):
            sql(rig.dsn, row, _call(block), "SELECT 1")

    def test_a_line_of_the_history_is_not_written(self, rig: Rig) -> None:
        with refused("VL002"):
            sql(rig.dsn, "INSERT INTO ledger.balance VALUES (0, 1, 99, 0, 0, 0, 0)")

    def test_accounts_of_another_ledger_are_not_moved(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="of another ledger"):
            rig.commit(rig.row(FEES, ZLOTY_FEES))

    def test_accounts_that_are_not_there_are_not_moved(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="accounts unknown"):
            rig.commit(rig.row(FEES, 99))


class TestBounds:
    def test_no_overdraft(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="no_overdraft"):
            rig.commit(rig.row(amount=51))

    def test_no_overdraft_by_a_hold(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="no_overdraft"):
            rig.commit(rig.row(amount=51, flags=TransferFlag.PENDING))

    def test_no_overcredit(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="no_overcredit"):
            rig.commit(rig.row(FEES, BANK, amount=1))

    def test_no_negative_amount(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="amount"):
            rig.commit(rig.row(amount=-1))

    def test_no_sum_beyond_the_largest(self, rig: Rig) -> None:
        rows = [rig.row(FEES, BOB, amount=2**63 - 1), rig.row(FEES, BOB, amount=1)]

        with pytest.raises(BrokenError):
            rig.commit(*rows)

    @pytest.mark.parametrize("change", [{"code": 2**31}, {"ext": 2**63}, {"ref": "no id"}])
    def test_nothing_that_does_not_fit(self, rig: Rig, change: dict[str, Any]) -> None:
        with pytest.raises(BrokenError):
            rig.commit(rig.row(**change))

    def test_no_transfer_to_oneself(self, rig: Rig) -> None:
        with pytest.raises(BrokenError):
            rig.commit(rig.row(FEES, FEES))


class TestRefunds:
    def test_no_more_than_was_paid(self, fresh: Rig) -> None:
        fresh.shard.one(FEES, BOB, 50)
        fresh.shard.one(BOB, ALICE, 15, refund_of=fresh.paid)

        with pytest.raises(BrokenError, match="no_over_refund"):
            fresh.commit(fresh.row(BOB, ALICE, amount=6, refund_of=fresh.paid))

    @pytest.mark.parametrize(
        "change",
        [{"refund_of": new_id()}, {"debit_id": FEES}, {"credit_id": FEES}],
        ids=["of nothing", "by another", "to another"],
    )
    def test_only_back_where_it_came_from(self, rig: Rig, change: dict[str, Any]) -> None:
        row = rig.row(BOB, ALICE, amount=1, refund_of=rig.paid)._replace(**change)

        with pytest.raises(BrokenError, match="give back what was paid"):
            rig.commit(row)

    def test_nothing_of_a_hold(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="give back what was paid"):
            rig.commit(rig.row(BOB, ALICE, amount=1, refund_of=rig.hold))


class TestHolds:
    def test_an_id_is_recorded_once(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="transfer_once"):
            rig.commit(rig.row(id=rig.paid))

    def test_an_id_is_burned_once(self, rig: Rig) -> None:
        first = Burned((rig.shard.seq + 1) * PLACES, new_id(), Result.EXCEEDS_CREDITS, NOW_MS)
        block = rig.block(burned=(first, first._replace(pos=first.pos + 1)))

        with pytest.raises(BrokenError, match="burned_once"):
            rig.store.commit(block)

    def test_a_hold_ends_once(self, rig: Rig) -> None:
        void = rig.end(TransferFlag.VOID)

        with pytest.raises(BrokenError, match="transfer_resolves_once"):
            rig.commit(void, void._replace(id=new_id()))

    @pytest.mark.parametrize(
        "change",
        [
            {"released": 29},
            {"debit_id": BANK},
            {"credit_id": FEES},
            {"pending_id": new_id()},
            {"refund_of": new_id()},
            {"flags": TransferFlag.EXPIRE},
        ],
        ids=["in part", "of another", "to another", "of nothing", "as a refund", "too early"],
    )
    def test_a_hold_ends_as_it_is(self, rig: Rig, change: dict[str, Any]) -> None:
        with pytest.raises(BrokenError):
            rig.commit(rig.end(TransferFlag.VOID)._replace(**change))

    def test_no_more_is_posted_than_was_held(self, rig: Rig) -> None:
        with pytest.raises(BrokenError):
            rig.commit(rig.end(TransferFlag.POST, amount=31))

    def test_a_hold_is_not_posted_after_its_time(self, rig: Rig) -> None:
        late = rig.end(TransferFlag.POST, amount=30, at_ms=11_000)
        content = Content(rig.shard.seq + 1, 11_000, (late,))

        with pytest.raises(BrokenError, match="holds ended"):
            rig.store.commit(seal(0, rig.shard.epoch, rig.shard.head, content))


class TestWriters:
    def test_two_writers_at_once(self, fresh: Rig) -> None:
        block = fresh.block(fresh.row())
        Shard(fresh.store)

        with pytest.raises(FencedError):
            fresh.store.commit(block)

    def test_a_writer_that_did_not_see_the_last_block(self, fresh: Rig) -> None:
        block = fresh.block(fresh.row())
        fresh.shard.one(amount=1)

        with pytest.raises(FencedError):
            fresh.store.commit(block)

    def test_a_writer_that_does_not_ask_first(self, rig: Rig) -> None:
        values = _values(rig.block(rig.row())._replace(epoch=rig.shard.epoch - 1), 1)

        with refused("VL001"):
            sql(rig.dsn, f"SELECT ledger.commit_batch({values})")


def _sealed(block: Block, *, prev: bytes | None = None, **changes: Any) -> Block:
    """A block with something else in it, whose hashes are in order again."""
    content = block.content._replace(**changes)
    return seal(0, block.epoch, block.prev if prev is None else prev, content)


CHANGES: dict[str, tuple[type[Exception], Callable[[Block], Block]]] = {
    "it skips one": (FencedError, lambda b: _sealed(b, seq=b.content.seq + 1)),
    "it forks": (FencedError, lambda b: _sealed(b, prev=bytes(32))),
    "time goes back": (FencedError, lambda b: _sealed(b, at_ms=1)),
    "the head is another": (BrokenError, lambda b: b._replace(head=bytes(32))),
    "the root is another": (BrokenError, lambda b: b._replace(root=bytes(32))),
}


class TestBlocks:
    @pytest.mark.parametrize("change", CHANGES)
    def test_a_block_that_does_not_follow(self, rig: Rig, change: str) -> None:
        error, changed = CHANGES[change]

        with pytest.raises(error):
            rig.store.commit(changed(rig.block(rig.row())))

    @pytest.mark.parametrize("n", [0, 2])
    def test_a_block_that_lies_about_its_size(self, rig: Rig, n: int) -> None:
        block = rig.block(rig.row())
        row = INSERT.format(pos=block.content.seq * PLACES)

        with refused("VL003", "leaves of"):
            sql(rig.dsn, row, f"SELECT ledger.commit_batch({_values(block, n)})")

    @pytest.mark.parametrize("n", [1, 3])
    def test_a_call_that_lies_about_its_size(self, rig: Rig, n: int) -> None:
        block = rig.block(rig.row(), rig.row())

        with refused("VL003", "leaves of"):
            sql(rig.dsn, _call(block, n))

    @pytest.mark.parametrize("column", [1, 2, 3, 4, 6, 7])
    def test_a_call_whose_columns_are_of_unlike_length(self, rig: Rig, column: int) -> None:
        block = rig.block(rig.row(), rig.row())
        arrays = _arrays(block)
        arrays[column] = _arrays(rig.block(rig.row()))[column]

        with refused("23502"):
            sql(rig.dsn, _call(block, arrays=arrays))

    @pytest.mark.parametrize("flags", [2, 64, 128, 256])
    def test_a_flag_that_is_not_plain_is_asked_for_all_that_goes_with_it(
        self, fresh: Rig, flags: int
    ) -> None:
        fresh.store.commit(fresh.block(fresh.row(flags=flags)))

        assert sql(fresh.dsn, "SELECT count(*) FROM ledger.hold") == [(1 + (flags == 2),)]

    @pytest.mark.parametrize("place", [-1, PLACES])
    def test_a_place_outside_of_the_block(self, rig: Rig, place: int) -> None:
        row = rig.row()
        block = rig.block(row)
        astray = block.content._replace(rows=(row._replace(pos=row.pos + place),))

        with pytest.raises(BrokenError, match=r"outside of it|leaves of"):
            rig.store.commit(block._replace(content=astray))

    def test_rows_of_another_time(self, rig: Rig) -> None:
        with pytest.raises(BrokenError, match="another time"):
            rig.commit(rig.row(at_ms=NOW_MS - 1))


class TestTheServicesOwnRole:
    """Where the service has a role of its own, grants say the same before any trigger does."""

    def test_it_slips_no_row_in_by_saying_that_it_is_inside(self, rig: Rig, role: str) -> None:
        row = INSERT.format(pos=PLACES + 100)

        with refused("VL003", "without the block"):
            sql(rig.dsn, "SET LOCAL ledger.is_inside = 'on'", row, "SELECT 1", role=role)

    @pytest.mark.parametrize("table", [*COMPUTED, *RECORDED])
    def test_it_changes_nothing(self, rig: Rig, role: str, table: str) -> None:
        for statement in ("UPDATE ledger.{} SET shard = 0", "DELETE FROM ledger.{}"):
            with refused("42501"):
                sql(rig.dsn, statement.format(table), role=role)

    def test_it_does_not_get_past_the_triggers(self, rig: Rig, role: str) -> None:
        with refused("42501"):
            sql(
                rig.dsn,
                "SET ledger.is_inside = 'on'",
                "UPDATE ledger.account SET credits_posted = 1000000",
                role=role,
            )

    def test_it_is_all_that_a_writer_needs(self, fresh: Rig) -> None:
        with role_of_the_service(fresh) as role, opened(fresh.dsn, role) as store:
            shard = Shard(store)
            results = shard.ask(
                transfer(amount=10), transfer(amount=1_000), end(TransferFlag.POST, fresh.hold, 3)
            )
            refund = shard.one(BOB, ALICE, 4, refund_of=fresh.paid)

        assert results == [Result.CREATED, Result.EXCEEDS_CREDITS, Result.CREATED]
        assert refund is Result.CREATED


def test_a_function_that_is_called_by_another_plans_by_settings_of_its_own(rig: Rig) -> None:
    settings: dict[str, set[str]] = {"write_block": set(), "commit_batch": set()}
    for name, one in sql(rig.dsn, "SELECT proname, unnest(proconfig) FROM pg_proc"):
        settings.setdefault(name, set()).add(one.partition("=")[0])

    assert settings["write_block"]
    assert settings["write_block"] <= settings["commit_batch"]


def _arrays(block: Block) -> list[str | None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "CALLED_MAX", 512)
        return list(copies.sending_of(block).arrays or ())


def _call(block: Block, n: int | None = None, arrays: list[str | None] | None = None) -> str:
    size = block.content.size if n is None else n
    given = _arrays(block) if arrays is None else arrays
    columns = ", ".join("NULL" if one is None else f"'{one}'" for one in given)
    return f"SELECT ledger.write_block({_values(block, size)}, {columns})"


def _values(block: Block, n: int) -> str:
    content = block.content
    head = next_head(block.prev, content.seq, content.at_ms, n, block.root)
    hashes = ", ".join(f"decode('{part.hex()}', 'hex')" for part in (block.prev, block.root, head))
    return f"0::smallint, {block.epoch}, {content.seq}, {content.at_ms}, {n}, {hashes}"
