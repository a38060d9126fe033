"""Transactions against a real PostgreSQL, which is killed, restarted and filled up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.errors
import pytest
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.long import many
from tests.support.postgres import database, execute, lay_data
from tests.support.processes import TIMEOUT_S, wait_until
from veche.protocol.errors import RefusedError, UnavailableError
from veche.runtime import metrics
from veche.runtime.database import ATTEMPTS_MAX, CommitUnknownError, Cursor, Database, connect
from veche.runtime.database import transactions as module
from veche.runtime.database.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

reactor: Any = default_reactor

pytestmark = pytest.mark.postgres

KILLS = many(ordinary=2, long=4)


def add(txn: Cursor, number: int = 1) -> int:
    txn.execute("UPDATE counter SET n = n + %s RETURNING n", (number,))
    return int((txn.fetchone() or (0,))[0])


def sample(name: str, /, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0


class DatabaseCase(TestCase):
    """A database with one counter, and a pool of two threads."""

    timeout = TIMEOUT_S

    def setUp(self) -> None:
        holder = database()
        self.dsn = holder.__enter__()
        self.addCleanup(holder.__exit__, None, None, None)
        execute(self.dsn, "CREATE TABLE counter AS SELECT 0 AS n")
        self.database = Database(self.dsn, reactor, threads=2)
        self.addCleanup(self.database.close)

    def count(self) -> object:
        return execute(self.dsn, "SELECT n FROM counter")[0][0]


class TransactionTests(DatabaseCase):
    async def test_a_transaction_is_committed_and_its_result_returned(self) -> None:
        assert await self.database.run("add", add, 3) == 3
        assert await self.database.run("add", add, number=4) == 7
        assert self.count() == 7

    async def test_a_transaction_runs_outside_the_reactors_thread(self) -> None:
        def name(_txn: Cursor) -> str:
            return threading.current_thread().name

        assert (await self.database.run("name", name)).startswith("database-")

    async def test_an_error_of_the_transaction_leaves_nothing(self) -> None:
        def fail(txn: Cursor) -> None:
            add(txn)
            raise RefusedError("no")

        with pytest.raises(RefusedError):
            await self.database.run("fail", fail)
        assert self.count() == 0
        assert await self.database.run("add", add) == 1

    async def test_an_error_of_the_database_is_raised_as_it_is(self) -> None:
        def fail(txn: Cursor) -> None:
            txn.execute("SELECT 1/0")

        with pytest.raises(psycopg2.errors.DivisionByZero):
            await self.database.run("fail", fail)
        assert await self.database.run("add", add) == 1

    async def test_a_constraint_that_fails_at_the_commit_is_raised(self) -> None:
        execute(self.dsn, "CREATE TABLE one (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")

        def twice(txn: Cursor) -> None:
            txn.execute("INSERT INTO one (id) VALUES (1), (1)")

        with pytest.raises(psycopg2.errors.UniqueViolation):
            await self.database.run("twice", twice)
        assert await self.database.run("add", add) == 1

    async def test_many_at_once_all_end(self) -> None:
        calls = [Deferred.fromCoroutine(self.database.run("add", add)) for _ in range(300)]
        assert sorted(await gatherResults(calls)) == list(range(1, 301))

    async def test_a_cancelled_caller_does_not_stop_the_transaction(self) -> None:
        started, go_on = threading.Event(), threading.Event()

        def slow(txn: Cursor) -> None:
            started.set()
            go_on.wait(10)
            add(txn)

        call = Deferred.fromCoroutine(self.database.run("slow", slow))
        started.wait(10)
        call.cancel()
        go_on.set()

        with pytest.raises(CancelledError):
            await call
        await self.database.run("add", add)
        self.database.close()
        assert self.count() == 2

    async def test_the_session_is_set_up(self) -> None:
        def settings(txn: Cursor) -> dict[str, str]:
            names = ("lock_timeout", "statement_timeout", "TimeZone", "client_encoding")
            shown = {}
            for name in names:
                txn.execute(f"SHOW {name}")
                shown[name] = (txn.fetchone() or ("",))[0]
            return shown

        assert await self.database.run("settings", settings) == {
            "lock_timeout": "4s",
            "statement_timeout": "30s",
            "TimeZone": "UTC",
            "client_encoding": "UTF8",
        }

    async def test_what_is_for_later_runs_before_the_next_statement(self) -> None:
        def work(txn: Cursor) -> int:
            txn.later("UPDATE counter SET n = n + %s", (5,))
            return add(txn)

        assert await self.database.run("work", work) == 6
        assert self.count() == 6

    async def test_what_is_for_later_runs_before_the_commit(self) -> None:
        await self.database.run("work", lambda txn: txn.later("UPDATE counter SET n = 7"))

        assert self.count() == 7

    async def test_what_is_for_later_and_wrong_fails_the_transaction(self) -> None:
        def work(txn: Cursor) -> None:
            add(txn)
            txn.later("SELECT 1/0")

        with pytest.raises(psycopg2.errors.DivisionByZero):
            await self.database.run("work", work)
        assert self.count() == 0
        assert await self.database.run("add", add) == 1

    async def test_a_transaction_that_failed_takes_what_is_for_later_with_it(self) -> None:
        def work(txn: Cursor) -> None:
            txn.later("UPDATE counter SET n = 7")
            raise RefusedError("no")

        with pytest.raises(RefusedError):
            await self.database.run("work", work)
        assert await self.database.run("add", add) == 1

    async def test_a_statement_that_is_alone_is_committed(self) -> None:
        await self.database.run("alone", lambda txn: txn.alone("UPDATE counter SET n = 7"))

        assert self.count() == 7

    async def test_a_statement_that_is_alone_has_none_beside_it(self) -> None:
        def before(txn: Cursor) -> None:
            add(txn)
            txn.alone("UPDATE counter SET n = 7")

        def after(txn: Cursor) -> None:
            txn.alone("SELECT 1")
            add(txn)

        for work in (before, after):
            with pytest.raises(RuntimeError, match="alone"):
                await self.database.run("work", work)
        assert self.count() == 0

    async def test_the_last_statement_answers_and_is_committed_in_one_trip(self) -> None:
        def work(txn: Cursor) -> tuple[object, bool]:
            add(txn)
            txn.later("UPDATE counter SET n = n + 5")
            row = txn.last("SELECT n + %s AS more, NULL AS less FROM counter", (10,))
            return row, txn.connection.info.transaction_status == TRANSACTION_STATUS_IDLE

        assert await self.database.run("work", work) == ({"more": 16, "less": None}, True)
        assert self.count() == 6

    async def test_a_last_statement_that_fails_takes_its_transaction_with_it(self) -> None:
        def wrong(txn: Cursor) -> None:
            add(txn)
            txn.last("SELECT 1/0 AS n")

        def hidden(txn: Cursor) -> None:
            add(txn)
            with pytest.raises(psycopg2.Error):
                txn.execute("SELECT 1/0")
            txn.last("SELECT n FROM counter")

        for work, error in (
            (wrong, psycopg2.errors.DivisionByZero),
            (hidden, psycopg2.errors.InFailedSqlTransaction),
        ):
            with pytest.raises(error):
                await self.database.run("work", work)
        assert self.count() == 0

    async def test_nothing_follows_the_last_statement(self) -> None:
        def work(txn: Cursor) -> None:
            txn.last("SELECT 1 AS n")
            add(txn)

        with pytest.raises(RuntimeError, match="alone"):
            await self.database.run("work", work)

    async def test_a_transaction_is_timed(self) -> None:
        before = sample("veche_transaction_seconds_count", name="timed")
        await self.database.run("timed", add)
        assert sample("veche_transaction_seconds_count", name="timed") == before + 1


class ConflictTests(DatabaseCase):
    async def test_a_deadlock_is_run_again(self) -> None:
        execute(self.dsn, "CREATE TABLE pair AS SELECT i, 0 AS n FROM generate_series(1, 2) i")
        both = threading.Barrier(2)
        attempts: list[int] = []

        def touch(txn: Cursor, first: int, second: int) -> None:
            attempts.append(first)
            txn.execute("UPDATE pair SET n = n + 1 WHERE i = %s", (first,))
            if len(attempts) <= 2:
                both.wait(10)
            txn.execute("UPDATE pair SET n = n + 1 WHERE i = %s", (second,))

        calls = [self.database.run("touch", touch, *pair) for pair in ((1, 2), (2, 1))]
        await gatherResults([Deferred.fromCoroutine(call) for call in calls])

        # Begun anew, it may meet the other once more before that one has gone on.
        assert 3 <= len(attempts) <= 2 * ATTEMPTS_MAX
        assert execute(self.dsn, "SELECT n FROM pair") == [(2,), (2,)]

    async def test_a_serialization_failure_is_run_again(self) -> None:
        execute(
            self.dsn,
            f"ALTER DATABASE {self._name()} SET default_transaction_isolation = 'serializable'",
        )
        both = threading.Barrier(2)
        attempts: list[int] = []

        def copy(txn: Cursor) -> None:
            attempts.append(1)
            txn.execute("SELECT n FROM counter")
            (number,) = txn.fetchone() or (0,)
            if len(attempts) <= 2:
                both.wait(10)
            txn.execute("UPDATE counter SET n = %s", (number + 1,))

        pool = Database(self.dsn, reactor, threads=2)
        self.addCleanup(pool.close)
        await gatherResults([Deferred.fromCoroutine(pool.run("copy", copy)) for _ in range(2)])

        assert len(attempts) == 3
        assert self.count() == 2

    async def test_endless_conflicts_are_given_up(self) -> None:
        attempts: list[int] = []

        def conflict(txn: Cursor) -> None:
            attempts.append(1)
            add(txn)
            txn.execute("DO $$ BEGIN RAISE 'made up' USING ERRCODE = '40001'; END $$")

        before = sample("veche_transaction_unavailable_total", name="c", reason="conflict")
        with pytest.raises(UnavailableError):
            await self.database.run("c", conflict)
        assert len(attempts) == ATTEMPTS_MAX
        assert self.count() == 0
        after = sample("veche_transaction_unavailable_total", name="c", reason="conflict")
        assert after == before + 1

    async def test_a_lock_that_is_not_to_be_had_is_unavailable_now(self) -> None:
        self.patch(module, "LOCK_TIMEOUT_MS", 200)  # type: ignore[no-untyped-call]  # Twisted
        pool = Database(self.dsn, reactor, threads=1)
        self.addCleanup(pool.close)
        with closing(psycopg2.connect(self.dsn)) as other, other, other.cursor() as txn:
            txn.execute("LOCK TABLE counter")
            with pytest.raises(UnavailableError) as caught:
                await pool.run("add", add)
        assert isinstance(caught.value.__cause__, psycopg2.errors.LockNotAvailable)
        assert caught.value.retry_after_ms > 0

    async def test_a_statement_that_takes_too_long_is_unavailable_now(self) -> None:
        def slow(txn: Cursor) -> None:
            txn.execute("SET LOCAL statement_timeout = 50; SELECT pg_sleep(20)")

        with pytest.raises(UnavailableError):
            await self.database.run("slow", slow)
        assert await self.database.run("add", add) == 1

    def _name(self) -> str:
        return str(execute(self.dsn, "SELECT current_database()")[0][0])


class BoundTests(DatabaseCase):
    async def test_one_more_than_may_wait_is_refused(self) -> None:
        self.patch(module, "WAITING_MAX", 3)  # type: ignore[no-untyped-call]  # Twisted
        started, go_on = threading.Semaphore(0), threading.Event()

        def hold(txn: Cursor) -> None:
            started.release()
            go_on.wait(TIMEOUT_S)
            add(txn)

        held = [Deferred.fromCoroutine(self.database.run("hold", hold)) for _ in range(2)]
        for _ in range(2):
            assert started.acquire(timeout=60)  # by a thread that has just begun
        waiting = [Deferred.fromCoroutine(self.database.run("add", add)) for _ in range(3)]
        with pytest.raises(UnavailableError, match="too many"):
            await self.database.run("add", add)
        waiting_count = sample("veche_transactions_waiting")
        go_on.set()

        await gatherResults(held)
        await gatherResults(waiting)
        assert self.count() == 5
        assert (waiting_count, sample("veche_transactions_waiting")) == (3, 0)

    async def test_what_waits_when_it_is_closed_is_refused(self) -> None:
        started = threading.Semaphore(0)

        def hold(txn: Cursor) -> None:
            started.release()
            self.database._is_closed.wait(TIMEOUT_S)
            add(txn)

        held = [Deferred.fromCoroutine(self.database.run("hold", hold)) for _ in range(2)]
        for _ in range(2):
            assert started.acquire(timeout=60)
        waiting = Deferred.fromCoroutine(self.database.run("add", add))
        self.database.close()

        with pytest.raises(UnavailableError, match="closed"):
            await waiting
        await gatherResults(held)
        with pytest.raises(UnavailableError, match="closed"):
            await self.database.run("add", add)
        assert self.count() == 2

    async def test_closing_closes_the_connections(self) -> None:
        await self.database.run("add", add)
        self.database.close()
        others = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        # The server notices a little later.
        wait_until(lambda: execute(self.dsn, others) == [(0,)], TIMEOUT_S, "still connected")


class LostConnectionTests(DatabaseCase):
    async def test_a_connection_that_broke_while_idle_is_made_again(self) -> None:
        await self.database.run("add", add)
        self._end_sessions()
        assert await self.database.run("add", add) == 2

    async def test_a_connection_that_breaks_before_the_commit_is_run_again(self) -> None:
        attempts: list[int] = []

        def break_once(txn: Cursor) -> int:
            attempts.append(1)
            number = add(txn)
            if len(attempts) == 1:
                self._end_sessions()
            txn.execute("SELECT 1")
            return number

        again = sample("veche_transaction_again_total", name="b", reason="connection")
        assert await self.database.run("b", break_once) == 1
        assert self.count() == 1
        assert sample("veche_transaction_again_total", name="b", reason="connection") == again + 1

    async def test_a_transaction_knows_that_it_runs_again(self) -> None:
        seen: list[bool] = []

        def demand(txn: Cursor) -> None:
            seen.append(txn.is_again)
            if not txn.is_again:
                self._end_sessions()
            txn.execute("SELECT 1")

        await self.database.run("again", demand)

        assert seen == [False, True]

    async def test_a_connection_that_breaks_at_the_commit_is_not_run_again(self) -> None:
        attempts: list[int] = []

        def break_at_end(txn: Cursor) -> None:
            attempts.append(1)
            add(txn)
            self._end_sessions()

        with pytest.raises(CommitUnknownError):
            await self.database.run("break", break_at_end)
        assert attempts == [1]
        assert self.count() == 0
        assert await self.database.run("add", add) == 1

    async def test_a_bug_that_closes_the_cursor_is_raised(self) -> None:
        def close(txn: Cursor) -> None:
            txn.close()
            txn.execute("SELECT 1")

        with pytest.raises(psycopg2.InterfaceError):
            await self.database.run("close", close)

    async def test_nobody_there_is_unavailable_after_some_tries(self) -> None:
        delays_s = dict.fromkeys(module._DELAYS_S, (0.0, 0.01, 0.02, 0.05))
        self.patch(module, "_DELAYS_S", delays_s)  # type: ignore[no-untyped-call]  # Twisted
        pool = Database("host=/nowhere dbname=none", reactor, threads=1)
        self.addCleanup(pool.close)
        with pytest.raises(UnavailableError):
            await pool.run("add", add)

    def _end_sessions(self) -> None:
        execute(
            self.dsn,
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )


class ServerTests(TestCase):
    """What happens to a whole server of our own."""

    timeout = TIMEOUT_S

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="veche-"))
        self.addCleanup(shutil.rmtree, self.folder)
        lay_data(self.folder / "pg")
        self.server = EmbeddedPostgres(self.folder / "pg")
        self.server.start()
        self.addCleanup(self.server.stop)
        self.dsn = self.server.create_database("veche")
        execute(self.dsn, "CREATE TABLE counter AS SELECT 0 AS n")
        self.database = Database(self.dsn, reactor, threads=3)
        self.addCleanup(self.database.close)

    async def test_a_restart_is_survived(self) -> None:
        # However long the server takes to start here.
        delays_s = dict.fromkeys(module._DELAYS_S, (0.1,) * 1_000)
        self.patch(module, "_DELAYS_S", delays_s)  # type: ignore[no-untyped-call]  # Twisted
        await self.database.run("add", add)
        self.server.stop()
        call = Deferred.fromCoroutine(self.database.run("add", add))
        self.server.start()
        assert await call == 2

    async def test_nothing_acknowledged_is_lost_when_the_server_is_killed_again_and_again(
        self,
    ) -> None:
        acknowledged = 0
        unknown = 0
        is_over = False

        async def work() -> None:
            nonlocal acknowledged, unknown
            while not is_over:
                try:
                    await self.database.run("add", add)
                    acknowledged += 1
                except CommitUnknownError:
                    unknown += 1
                except UnavailableError:
                    pass

        def kill_and_start() -> None:
            for _ in range(KILLS):
                before = acknowledged
                deadline = time.monotonic() + 60
                while acknowledged < before + 50 and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert self.server.pid is not None
                os.kill(self.server.pid, signal.SIGKILL)
                self.server.stop()
                self.server.start()

        workers = [Deferred.fromCoroutine(work()) for _ in range(6)]
        await deferToThread(kill_and_start)
        is_over = True
        await gatherResults(workers)

        ((count,),) = execute(self.dsn, "SELECT n FROM counter")
        assert isinstance(count, int)
        assert acknowledged >= 50 * KILLS
        assert acknowledged <= count <= acknowledged + unknown

    async def test_a_query_without_room_for_its_files_is_unavailable_later(self) -> None:
        def sort(txn: Cursor) -> None:
            txn.execute("SET LOCAL temp_file_limit = '1MB'; SET LOCAL work_mem = '64kB'")
            txn.execute("SELECT * FROM generate_series(1, 500000) i ORDER BY -i")

        with (
            self.assertLogs("veche.runtime.database", "ERROR"),
            pytest.raises(UnavailableError, match="no room") as caught,
        ):
            await self.database.run("sort", sort)
        assert caught.value.retry_after_ms == 30_000
        assert await self.database.run("add", add) == 1


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own; the test is skipped where we may not mount one."""
    folder.mkdir()
    command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True, capture_output=True)


def fill(txn: Cursor, kib: int) -> None:
    txn.execute(
        "INSERT INTO heavy (data) SELECT string_agg(md5(random()::text), '')"
        " FROM generate_series(1, 32) j, generate_series(1, %s) i GROUP BY i",
        (kib,),
    )


class FullDiskTests(TestCase):
    timeout = TIMEOUT_S

    async def test_a_full_disk_is_unavailable_and_over_when_there_is_room_again(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="veche-"))
        folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, folder)
        with (
            small_disk(folder / "disk", "160M") as disk,
            EmbeddedPostgres(disk / "pg", is_durable=False) as server,
        ):
            dsn = server.create_database("veche")
            execute(dsn, "CREATE TABLE counter AS SELECT 0 AS n")
            execute(dsn, "CREATE TABLE heavy (data text)")
            execute(dsn, "ALTER TABLE heavy ALTER data SET STORAGE EXTERNAL")
            # Free it again without a word to PostgreSQL, as an operator would.
            ballast = disk / "ballast"
            ballast.write_bytes(b"\0" * (24 << 20))
            pool = Database(dsn, reactor, threads=2)
            try:
                error = await self._fill_up(pool)
                ballast.unlink()
                assert await self._add_at_last(pool) == 1
            finally:
                pool.close()
        assert error.retry_after_ms > 0

    async def _fill_up(self, pool: Database) -> UnavailableError:
        for _ in range(200):
            try:
                await pool.run("fill", fill, 1_000)
            except UnavailableError as e:
                return e
        raise AssertionError("the disk did not fill up")

    async def _add_at_last(self, pool: Database) -> int:
        # Its log was full, too: the server may be starting again.
        deadline_s = time.monotonic() + TIMEOUT_S / 2
        while time.monotonic() < deadline_s:
            try:
                return await pool.run("add", add)
            except UnavailableError:
                continue
        raise AssertionError("there was room, and it did not go on")


def test_a_setting_with_a_space_is_passed_on() -> None:
    settings: dict[str, Any] = {"veche.test": "a b\\c"}
    with (
        database() as dsn,
        closing(connect(dsn, application_name="veche test", **settings)) as one,
        one.cursor() as txn,
    ):
        txn.execute("SELECT current_setting('veche.test'), current_setting('application_name')")
        assert txn.fetchone() == ("a b\\c", "veche test")


def test_what_the_connection_string_says_goes_first() -> None:
    with database() as dsn:
        given: Any = f"{dsn} application_name=theirs options='-c lock_timeout=7s'"
        with closing(connect(given)) as one, one.cursor() as txn:
            txn.execute(
                "SELECT current_setting('lock_timeout'), current_setting('application_name')"
            )
            assert txn.fetchone() == ("7s", "theirs")
