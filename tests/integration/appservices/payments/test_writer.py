"""The writer of the ledger on a real PostgreSQL, in one process."""

from __future__ import annotations

import contextlib
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.errors
import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from appservices.payments.ledger.core import Account, Result, Transfer, TransferFlag
from appservices.payments.ledger.service import shift
from appservices.payments.ledger.service import writer as writers
from appservices.payments.ledger.service.work import BrokenWorkError, Outcome, Work
from appservices.payments.ledger.service.writer import Writer
from appservices.payments.ledger.store import shards
from appservices.payments.ledger.store.ledger import PostgresLedger
from tests.integration.appservices.payments.ledgers import PAYMENTS, problems
from tests.integration.veche.rig import until
from tests.support.ledger import ALICE, BOB, EUR, FEES, Shard, end, people, transfer
from tests.support.long import many
from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from veche.protocol.errors import RefusedError, UnavailableError
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from veche.runtime.database import Cursor

reactor: Any = default_reactor

pytestmark = pytest.mark.postgres

RICH = 10**9


class WriterCase(TestCase):
    """A ledger with some people, and a writer that leads."""

    timeout = TIMEOUT_S

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        # Who leads is tried for soon again, and a writer that lost its lock notices it soon.
        self.patch(writers, "STAND_BY_MS", 20)  # type: ignore[no-untyped-call]  # trial's
        self.patch(shift, "HEARTBEAT_MS", 100)  # type: ignore[no-untyped-call]  # trial's
        holder = database(*KERNEL_SETS, PAYMENTS)
        self.dsn = holder.__enter__()
        self.addCleanup(holder.__exit__, None, None, None)
        execute(self.dsn, "CREATE TABLE note (id serial, text text)")
        with closing(connect(self.dsn)) as reads, closing(connect(self.dsn)) as writes:
            people(Shard(PostgresLedger(0, reads, writes)), RICH)
        self.addCleanup(self.check)
        self.writer = self.new_writer()
        await until(lambda: self.writer.is_leading, "nobody leads")

    def new_writer(self) -> Writer:
        def expired(txn: Cursor, rows: Sequence[Any], _at_ms: int, _apart: Any) -> None:
            txn.execute("INSERT INTO note (text) VALUES (%s)", (f"expired {len(rows)}",))

        writer = Writer(self.dsn, reactor, expired=expired)
        writer.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(writer.stop()))
        return writer

    def check(self) -> None:
        assert problems(self.dsn) == []

    async def ask(self, *chain: Transfer, **kwargs: Any) -> Outcome:
        return await self.writer.submit(Work(chain, **kwargs))

    def notes(self) -> list[object]:
        return [text for (text,) in execute(self.dsn, "SELECT text FROM note ORDER BY id")]

    def blocks(self) -> int:
        [(count,)] = execute(self.dsn, "SELECT count(*) FROM ledger.block")
        assert isinstance(count, int)
        return count

    def posted(self, account: int) -> object:
        [(amount,)] = execute(
            self.dsn, "SELECT credits_posted - debits_posted FROM ledger.account WHERE id = %s",
            account,
        )  # fmt: skip
        return amount


def note(text: str) -> Any:
    def rider(txn: Cursor, outcome: Outcome) -> None:
        txn.execute("INSERT INTO note (text) VALUES (%s)", (f"{text} {outcome.is_done}",))

    return rider


def refusing(txn: Cursor, _outcome: Outcome) -> None:
    txn.execute("INSERT INTO note (text) VALUES ('never kept')")
    raise RefusedError("stale")


class AnswerTests(WriterCase):
    async def test_a_transfer_is_answered_once_it_is_kept(self) -> None:
        outcome = await self.ask(transfer(ALICE, BOB, 10))

        assert outcome.results == [Result.CREATED]
        assert self.posted(BOB) == 10
        assert [row.amount for row in outcome.rows] == [10]
        assert outcome.block is not None
        assert outcome.block.content.at_ms == outcome.at_ms

    async def test_the_same_work_again_is_done_and_moves_nothing(self) -> None:
        chain = (transfer(amount=10, flags=TransferFlag.LINKED), transfer(BOB, FEES, 1))
        await self.ask(*chain)

        again = await self.ask(*chain)
        assert again.is_done
        assert again.rows == ()
        assert self.posted(BOB) == 9

    async def test_a_chain_without_cover_is_not_done(self) -> None:
        chain = (transfer(amount=10, flags=TransferFlag.LINKED), transfer(amount=2 * RICH))

        assert not (await self.ask(*chain)).is_done
        assert self.posted(BOB) == 0

    async def test_accounts_are_opened_before_the_chain(self) -> None:
        new = Account(77, EUR, 1, 1)

        outcome = await self.ask(transfer(ALICE, 77, 5), accounts=[new])
        assert outcome.is_done
        assert self.posted(77) == 5
        assert (await self.ask(transfer(ALICE, 77, 5), accounts=[new])).is_done

    async def test_what_waits_together_is_one_block(self) -> None:
        before = self.blocks()
        first = Deferred.fromCoroutine(self.ask(transfer()))

        rest = [Deferred.fromCoroutine(self.ask(transfer())) for _ in range(200)]
        await gatherResults([first, *rest])
        assert self.blocks() - before <= 3
        assert self.posted(BOB) == 2010

    async def test_much_is_decided_while_a_block_is_kept(self) -> None:
        works = [Work([transfer(amount=1) for _ in range(600)]) for _ in range(20)]

        outcomes = await gatherResults([self.writer.submit(one) for one in works])
        assert all(set(one.results) == {Result.CREATED} for one in outcomes)
        assert self.posted(BOB) == 12_000

    async def test_a_hold_ends_by_itself_though_nobody_asks(self) -> None:
        await self.ask(transfer(amount=10, flags=TransferFlag.PENDING, timeout_ms=50))

        await until(lambda: self.notes() == ["expired 1"], "it does not expire")
        assert execute(self.dsn, "SELECT count(*) FROM ledger.hold") == [(0,)]

    async def test_a_hold_is_posted_in_a_later_block(self) -> None:
        hold = transfer(amount=10, flags=TransferFlag.PENDING)
        await self.ask(hold)

        assert (await self.ask(end(TransferFlag.POST, hold.id, 7))).is_done
        assert self.posted(BOB) == 7


class RiderTests(WriterCase):
    async def test_a_rider_is_kept_with_its_block(self) -> None:
        await self.ask(transfer(), rider=note("paid"))
        await self.ask(transfer(amount=2 * RICH), rider=note("paid"))

        assert self.notes() == ["paid True", "paid False"]

    async def test_a_rider_runs_though_nothing_new_happened(self) -> None:
        one = transfer()
        await self.ask(one)
        before = self.blocks()

        await self.ask(one, rider=note("again"))
        assert self.notes() == ["again True"]
        assert self.blocks() == before

    async def test_a_rider_that_raises_fails_its_work_alone(self) -> None:
        works = [Work([transfer(amount=1)], note("kept")) for _ in range(10)]
        works.insert(5, Work([transfer(amount=100)], refusing))
        answers = [self.writer.submit(one) for one in works]

        with pytest.raises(RefusedError):
            await answers.pop(5)
        await gatherResults(answers)
        assert self.notes() == ["kept True"] * 10
        assert self.posted(BOB) == 10

    async def test_nothing_is_kept_that_was_decided_on_top_of_a_failed_work(self) -> None:
        hold = transfer(amount=10, flags=TransferFlag.PENDING)
        await self.ask(hold)
        works = [Work([transfer(amount=1)], note("kept")) for _ in range(4 * shift.PIPELINE_FROM)]
        # Nothing of it is new, so no block shows that those after it were decided on top of it.
        works.insert(0, Work([hold], refusing))
        works.append(Work([end(TransferFlag.POST, hold.id)]))
        answers = [self.writer.submit(one) for one in works]

        with pytest.raises(RefusedError):
            await answers.pop(0)
        await gatherResults(answers)
        assert self.notes() == ["kept True"] * 4 * shift.PIPELINE_FROM
        assert self.posted(BOB) == 4 * shift.PIPELINE_FROM + 10

    async def test_the_next_block_is_not_tried_when_one_has_failed(self) -> None:
        half = 2 * shift.PIPELINE_FROM
        works = [Work([transfer(amount=1)]) for _ in range(2 * half)]
        works[0] = Work([transfer(amount=1)], refusing)
        works[half + 1] = Work([transfer(amount=1)], note("kept"))
        answers = [self.writer.submit(one) for one in works]

        with pytest.raises(RefusedError):
            await answers.pop(0)
        await gatherResults(answers)
        assert self.notes() == ["kept True"]
        assert self.posted(BOB) == 2 * half - 1

    async def test_holds_and_ids_of_a_failed_work_are_as_before(self) -> None:
        hold = transfer(amount=10, flags=TransferFlag.PENDING)
        await self.ask(hold)
        post = end(TransferFlag.POST, hold.id)
        with pytest.raises(RefusedError):
            await self.ask(post, rider=refusing)

        assert (await self.ask(post)).results == [Result.CREATED]

    async def test_a_rider_that_meets_a_conflict_runs_again(self) -> None:
        runs: list[int] = []

        def conflicting(txn: Cursor, outcome: Outcome) -> None:
            runs.append(1)
            if len(runs) < 3:
                txn.execute("DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END$$")
            note("at last")(txn, outcome)

        await self.ask(transfer(), rider=conflicting)
        assert self.notes() == ["at last True"]
        assert len(runs) == 3


class BreakingTests(WriterCase):
    async def test_a_work_that_breaks_its_block_fails_alone(self) -> None:
        broken = transfer(code=10**12)  # more than its column holds
        works = [Work([transfer(amount=1)]) for _ in range(40)]
        works.insert(17, Work([broken]))
        answers = [self.writer.submit(one) for one in works]

        with pytest.raises(BrokenWorkError):
            await answers.pop(17)
        outcomes = await gatherResults(answers)
        assert all(one.is_done for one in outcomes)
        assert self.posted(BOB) == 40
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    async def test_a_work_that_cannot_be_looked_up_fails_alone(self) -> None:
        answers = [
            Deferred.fromCoroutine(self.ask(one))
            for one in (transfer(amount=1), transfer(id="no id"), transfer(amount=1))
        ]

        with pytest.raises(BrokenWorkError):
            await answers.pop(1)
        await gatherResults(answers)
        assert self.posted(BOB) == 2

    async def test_riders_that_raise_are_found_at_once(self) -> None:
        before, runs = self.blocks(), []

        def counting(txn: Cursor, outcome: Outcome) -> None:
            runs.append(1)
            note("kept")(txn, outcome)

        works = [Work([transfer(amount=1)], counting if n % 2 else refusing) for n in range(40)]
        answers = [self.writer.submit(one) for one in works]

        for answer in answers[::2]:
            with pytest.raises(RefusedError):
                await answer
        await gatherResults(answers[1::2])
        assert self.notes() == ["kept True"] * 20
        assert self.blocks() - before <= 3
        assert len(runs) <= 5 * 20

    async def test_a_rider_that_lets_a_failed_statement_pass_fails_alone(self) -> None:
        def careless(txn: Cursor, _outcome: Outcome) -> None:
            with contextlib.suppress(psycopg2.Error):
                txn.execute("SELECT 1 / 0")

        for place in (0, 3, 6):  # also where nobody writes after it
            works = [Work([transfer(amount=1)], note("kept")) for _ in range(6)]
            works.insert(place, Work([transfer(amount=100)], careless))
            answers = [self.writer.submit(one) for one in works]

            with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
                await answers.pop(place)
            await gatherResults(answers)
        assert self.notes() == ["kept True"] * 18
        assert self.posted(BOB) == 18

    async def test_no_work_is_to_blame_for_a_hold_that_cannot_end(self) -> None:
        holds = [
            transfer(amount=1, flags=TransferFlag.PENDING, timeout_ms=200 + n) for n in range(5)
        ]
        await self.ask(*holds)
        execute(
            self.dsn,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.pending_id = TG_ARGV[0]::uuid THEN"
            " RAISE 'not this one' USING ERRCODE = 'VL003'; END IF;"
            " RETURN NEW; END $$; CREATE TRIGGER refuse BEFORE INSERT ON ledger.transfer"
            f" FOR EACH ROW EXECUTE FUNCTION refuse('{holds[2].id}')",
        )
        await until(lambda: self.left_open() < 5, "none ends")
        answers = [self.writer.submit(Work([transfer(amount=1)])) for _ in range(20)]
        answers.insert(7, self.writer.submit(Work([transfer(code=10**12)])))

        with pytest.raises(BrokenWorkError):
            await answers.pop(7)
        assert all(one.is_done for one in await gatherResults(answers))
        await until(lambda: self.left_open() == 1, "the others do not end")
        assert self.posted(BOB) == 20
        execute(self.dsn, "DROP TRIGGER refuse ON ledger.transfer")
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    def left_open(self) -> int:
        [(count,)] = execute(self.dsn, "SELECT count(*) FROM ledger.hold")
        assert isinstance(count, int)
        return count

    async def test_of_any_block_the_guilty_fail_and_the_innocent_are_paid(self) -> None:
        chance = Random(8)  # noqa: S311 -- the same each time
        kinds: dict[str, Callable[[], Work]] = {
            "good": lambda: Work([transfer(amount=1)], note("kept")),
            "plain": lambda: Work([transfer(amount=1)]),
            "broken": lambda: Work([transfer(code=10**12)], note("never")),
            "refused": lambda: Work([transfer()], refusing),
            "failing": lambda: Work([transfer()], lambda txn, _: txn.execute("SELECT 1 / 0")),
        }
        good = paid = 0
        for _ in range(many(ordinary=3, long=12)):
            # A writer that gave up its lead over a broken work takes it again.
            await until(lambda: self.writer.is_leading, "nobody leads")
            chosen = chance.choices(list(kinds), [8, 4, 1, 1, 1], k=chance.randint(1, 60))
            answers = [self.writer.submit(kinds[kind]()) for kind in chosen]
            for kind, answer in zip(chosen, answers, strict=True):
                try:
                    is_done = (await answer).is_done
                except (BrokenWorkError, RefusedError, psycopg2.Error):
                    is_done = False
                assert is_done is (kind in {"good", "plain"}), kind
            good += chosen.count("good")
            paid += chosen.count("good") + chosen.count("plain")

        assert self.notes() == ["kept True"] * good
        assert self.posted(BOB) == paid
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's


class MovingTests(WriterCase):
    async def test_another_process_stands_by_and_takes_over(self) -> None:
        other = self.new_writer()
        with pytest.raises(UnavailableError):
            await other.submit(Work([transfer()]))

        await self.writer.stop()
        await until(lambda: other.is_leading, "the other does not lead")
        assert (await other.submit(Work([transfer()]))).is_done

    async def test_a_lost_session_loses_nothing(self) -> None:
        answers = [Deferred.fromCoroutine(self.ask(transfer(amount=1))) for _ in range(50)]
        execute(
            self.dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ledger-%%' AND datname = current_database()",
        )

        outcomes = await gatherResults(answers)
        assert all(one.is_done for one in outcomes)
        assert self.posted(BOB) == 50

    async def test_a_commit_whose_answer_was_lost_is_not_done_again(self) -> None:
        keep = PostgresLedger.commit
        lost: list[object] = []

        def commit_and_lose(self: PostgresLedger, *args: Any) -> None:
            keep(self, *args)
            if not lost:
                lost.append(args)
                raise UnavailableError("the answer was lost", retry_after_ms=1)

        self.patch(PostgresLedger, "commit", commit_and_lose)  # type: ignore[no-untyped-call]  # trial
        outcome = await self.ask(transfer(amount=3), rider=note("once"))

        assert outcome.results == [Result.CREATED]
        assert self.notes() == ["once True"]
        assert self.posted(BOB) == 3

    async def test_a_writer_that_lost_its_lock_unawares_keeps_nothing(self) -> None:
        self.patch(shift, "HEARTBEAT_MS", 10**9)  # type: ignore[no-untyped-call]  # trial's
        execute(self.dsn, "SELECT ledger.take_over(0::smallint, 'somebody')")
        before = self.posted(BOB)

        outcome = await self.ask(transfer(amount=5))
        # It noticed, took the shard again in a new epoch, and only then was it kept.
        assert outcome.is_done
        assert outcome.block is not None
        assert execute(self.dsn, "SELECT epoch FROM ledger.shard") == [(outcome.block.epoch,)]
        assert self.posted(BOB) == 5
        assert before == 0

    async def test_a_writer_that_lost_its_lock_unawares_blames_nobody(self) -> None:
        self.patch(shift, "HEARTBEAT_MS", 10**9)  # type: ignore[no-untyped-call]  # trial's
        hold = transfer(flags=TransferFlag.PENDING)
        now_ms = int(reactor.seconds() * 1000)
        with closing(connect(self.dsn)) as reads, closing(connect(self.dsn)) as writes:
            other = Shard(PostgresLedger(0, reads, writes), now_ms=now_ms)
            assert other.ask(hold) == [Result.CREATED]

        # Its book knows neither the hold nor whose money it is.
        outcome = await self.ask(end(TransferFlag.POST, hold.id))
        assert outcome.results == [Result.CREATED]
        assert self.posted(BOB) == 10

    async def test_an_idle_writer_notices_that_it_is_none_any_more(self) -> None:
        changes: list[bool] = []
        self.writer.when_changed(changes.append)
        execute(self.dsn, "SELECT ledger.take_over(0::smallint, 'somebody')")

        await until(lambda: changes[:2] == [False, True], "it does not notice")

    async def test_one_lock_one_writer(self) -> None:
        [(count,)] = execute(
            self.dsn,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            shards.LOCK,
        )
        assert count == 1
