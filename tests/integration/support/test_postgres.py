"""One server for all test processes, gone when the last of them is, however it ends."""

import subprocess
import sys
from pathlib import Path

import psycopg2
import psycopg2.errors
import pytest

from tests.support.postgres import database, execute, synapse_database
from tests.support.processes import ROOT, wait_until
from veche.runtime.migrate import MigrationSet

pytestmark = pytest.mark.postgres

# Says which server it uses, then waits to be ended.
USER = (
    "import sys; from tests.support import postgres; "
    "print(postgres._server(), flush=True); sys.stdin.read()"
)


def user(run: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", USER],
        cwd=ROOT,
        env={"PYTEST_XDIST_TESTRUNUID": run, "PATH": "/usr/sbin:/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def dsn_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def is_up(dsn: str) -> bool:
    try:
        psycopg2.connect(dsn).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_processes_share_a_server_that_goes_when_the_last_is_killed(tmp_path: Path) -> None:
    run = tmp_path.name[-12:] + "k"
    with user(run) as first, user(run) as second:
        dsn = dsn_of(first)
        assert dsn_of(second) == dsn
        first.kill()
        first.wait()
        assert is_up(dsn)
        second.kill()
    folder = Path(dsn.split("host=")[1]).parents[1]
    wait_until(lambda: not folder.exists(), 120, "the server is still there")

    assert not is_up(dsn)
    with user(run) as third:
        assert is_up(dsn_of(third))
        third.kill()


def test_each_database_is_fresh_and_dropped() -> None:
    with database() as first, database() as second:
        execute(first, "CREATE TABLE only_here ()")
        found = execute(second, "SELECT 1 FROM pg_tables WHERE tablename = 'only_here'")
        assert first != second
        assert found == []
    assert not is_up(first)


def test_statements_share_a_connection_and_leave_nothing_open() -> None:
    with database() as dsn:
        pids = {execute(dsn, "SELECT pg_backend_pid()")[0] for _ in range(2)}
        execute(dsn, "CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1)")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            execute(dsn, "INSERT INTO one VALUES (1)")
        execute(dsn, "INSERT INTO one VALUES (2)")
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        [(count,)] = execute(dsn, f"{mine} AND state LIKE 'idle in transaction%%'")
        found = execute(dsn, "SELECT id FROM one ORDER BY id")
    assert len(pids) == 1
    assert count == 0
    assert found == [(1,), (2,)]


def test_a_database_is_dropped_under_whoever_still_uses_it() -> None:
    with database() as dsn:
        connection = psycopg2.connect(dsn)
    with pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.close()


def test_a_database_comes_with_the_migrations_asked_for() -> None:
    with database(MigrationSet("runtime", "veche.runtime")) as dsn:
        found = execute(dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'runtime'")
    assert found[0][0] != 0


def test_synapse_gets_the_collation_that_it_insists_on() -> None:
    with synapse_database() as dsn:
        query = "SELECT datcollate, datctype FROM pg_database WHERE datname = current_database()"
        assert execute(dsn, query) == [("C", "C")]


def test_synapse_finds_its_tables_and_nothing_left_to_do() -> None:
    with synapse_database() as dsn:
        assert execute(dsn, "SELECT count(*) FROM users") == [(0,)]
        assert execute(dsn, "SELECT count(*) FROM background_updates") == [(0,)]
