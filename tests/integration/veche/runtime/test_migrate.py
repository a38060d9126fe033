"""Migrations of packages that the tests write, on a real PostgreSQL."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import psycopg2.errors
import pytest
from psycopg2.extensions import make_dsn

from tests.support.postgres import database, execute
from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.database import migrate as module
from veche.runtime.database.migrate import (
    KERNEL_SETS,
    ForeignDatabaseError,
    MigrationSet,
    migrate,
    pending,
    read_migrations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postgres

FIRST = "CREATE TABLE town.house (id int)"
SECOND = "ALTER TABLE town.house ADD COLUMN door text"


class Town:
    """A package with migrations in a folder of the test."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name / "migrations"
        self.folder.mkdir(parents=True)
        (folder / name / "__init__.py").touch()
        self.set = MigrationSet("town", name)

    def write(self, name: str, sql: str) -> None:
        (self.folder / f"{name}.sql").write_text(sql)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    name = f"town_{tmp_path.name.replace('-', '_')}"
    monkeypatch.syspath_prepend(tmp_path)
    yield Town(tmp_path, name)
    sys.modules.pop(name, None)


@pytest.fixture
def dsn() -> Iterator[str]:
    with database() as dsn:
        yield dsn


def columns(dsn: str) -> list[object]:
    rows = execute(
        dsn,
        "SELECT column_name::text FROM information_schema.columns"
        " WHERE table_schema = 'town' ORDER BY 1",
    )
    return [name for (name,) in rows]


def test_what_is_missing_is_applied_once_in_order(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    assert pending(dsn, [town.set]) == ["town/0001_houses"]
    assert migrate(dsn, [town.set]) == ["town/0001_houses"]
    assert migrate(dsn, [town.set]) == []

    town.write("0002_doors", SECOND)
    assert migrate(dsn, [town.set]) == ["town/0002_doors"]
    assert columns(dsn) == ["door", "id"]
    assert pending(dsn, [town.set]) == []


def test_asking_what_is_missing_changes_nothing(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    pending(dsn, [town.set])
    schemas = execute(dsn, "SELECT nspname FROM pg_namespace WHERE nspname IN ('town', 'veche')")
    assert schemas == []


def test_a_file_may_make_its_schema_itself(dsn: str, town: Town) -> None:
    town.write("0001_houses", f"CREATE SCHEMA town; {FIRST}")
    assert migrate(dsn, [town.set])


def test_percent_signs_are_left_alone(dsn: str, town: Town) -> None:
    town.write("0001_houses", f"{FIRST}; COMMENT ON TABLE town.house IS '100 %s'")
    migrate(dsn, [town.set])
    assert execute(dsn, "SELECT obj_description('town.house'::regclass)") == [("100 %s",)]


def test_a_wrong_file_leaves_nothing_of_itself_and_keeps_those_before(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    town.write("0002_doors", f"{SECOND}; SELECT 1/0")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(dsn, [town.set])
    assert columns(dsn) == ["id"]

    town.write("0002_doors", SECOND)
    assert migrate(dsn, [town.set]) == ["town/0002_doors"]


def test_a_file_that_was_changed_after_it_was_applied_is_refused(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    migrate(dsn, [town.set])
    town.write("0001_houses", f"{FIRST} -- better")
    town.write("0002_doors", SECOND)
    for call in (migrate, pending):
        with pytest.raises(ForeignDatabaseError, match="town/0001_houses was changed"):
            call(dsn, [town.set])
    assert columns(dsn) == ["id"]


def test_older_code_goes_on_working_if_the_newer_file_allows_it(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    town.write("0002_doors", SECOND)
    migrate(dsn, [town.set])
    (town.folder / "0002_doors.sql").unlink()
    assert migrate(dsn, [town.set]) == []


def test_older_code_is_refused_if_the_newer_file_says_so(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    town.write("0002_doors", f"-- compat: 2\n{SECOND}")
    migrate(dsn, [town.set])
    (town.folder / "0002_doors.sql").unlink()
    for call in (migrate, pending):
        with pytest.raises(ForeignDatabaseError, match=r"newer Veche.*needs.*0002.*knows 0001"):
            call(dsn, [town.set])


def test_a_compat_of_the_code_that_is_here_is_fine(dsn: str, town: Town) -> None:
    town.write("0001_houses", f"-- compat: 1\n{FIRST}")
    town.write("0002_doors", f"-- compat: 2\n{SECOND}")
    assert len(migrate(dsn, [town.set])) == 2
    assert pending(dsn, [town.set]) == []


def test_a_schema_of_somebody_else_is_left_alone(dsn: str, town: Town) -> None:
    execute(dsn, "CREATE SCHEMA town")
    town.write("0001_houses", FIRST)
    with pytest.raises(ForeignDatabaseError, match="a schema town that is not Veche's"):
        migrate(dsn, [town.set])
    assert execute(dsn, "SELECT to_regnamespace('veche')") == [(None,)]


def test_a_table_like_ours_that_is_not_ours_is_refused(dsn: str, town: Town) -> None:
    execute(dsn, "CREATE SCHEMA veche")
    execute(dsn, "CREATE TABLE veche.migration (version int)")
    town.write("0001_houses", FIRST)
    with pytest.raises(ForeignDatabaseError, match=r"veche\.migration"):
        migrate(dsn, [town.set])


def test_another_encoding_is_refused(dsn: str, town: Town) -> None:
    name = execute(dsn, "SELECT current_database() || '_latin'")[0][0]
    with closing(psycopg2.connect(dsn)) as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
            )
        try:
            with pytest.raises(ForeignDatabaseError, match="encoding is LATIN1"):
                migrate(make_dsn(dsn, dbname=name), [town.set])
        finally:
            with admin.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name}")


def test_an_older_server_is_refused(dsn: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only one version of PostgreSQL is installed here, so the bound is moved instead.
    monkeypatch.setattr(module, "SERVER_VERSION_MIN", 99)
    with pytest.raises(ForeignDatabaseError, match="is too old: Veche needs 99"):
        migrate(dsn, [town.set])


@pytest.mark.parametrize("name", ["0002_houses", "1_houses", "0001-houses", "0001_Houses"])
def test_a_name_out_of_order_is_refused(town: Town, name: str) -> None:
    town.write(name, FIRST)
    with pytest.raises(ConfigError, match="0001 is due"):
        read_migrations(town.set)


def test_two_files_of_one_number_are_refused(town: Town) -> None:
    town.write("0001_doors", FIRST)
    town.write("0001_houses", FIRST)
    with pytest.raises(ConfigError, match="0002 is due"):
        read_migrations(town.set)


def test_other_files_do_not_matter(town: Town) -> None:
    (town.folder / "README.md").write_text("Notes.")
    assert read_migrations(town.set) == []


def test_a_package_without_migrations_has_none() -> None:
    assert read_migrations(MigrationSet("none", "veche.protocol")) == []


@pytest.mark.parametrize("schema", ["", "Town", "a b", "x; DROP", "1a", "x" * 32])
def test_a_schema_is_a_plain_word(schema: str) -> None:
    with pytest.raises(ValueError, match="schema"):
        MigrationSet(schema, "veche")


def test_two_that_migrate_at_once_do_it_once(dsn: str, town: Town) -> None:
    town.write("0001_houses", f"{FIRST}; SELECT pg_sleep(0.3)")
    applied: list[list[str]] = []

    def work() -> None:
        applied.append(migrate(dsn, [town.set]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], [], [], ["town/0001_houses"]]


def test_who_waits_too_long_for_another_that_migrates_comes_again(
    dsn: str, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_MS_MAX", 200)
    with closing(psycopg2.connect(dsn)) as other, other, other.cursor() as txn:
        txn.execute("SELECT pg_advisory_lock(hashtextextended('veche.migrate', 0))")
        with pytest.raises(UnavailableError, match="another process"):
            migrate(dsn, [town.set])


def test_a_table_in_use_is_not_waited_for_long(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    migrate(dsn, [town.set])
    town.write("0002_doors", f"SET LOCAL lock_timeout = 100; {SECOND}")
    with closing(psycopg2.connect(dsn)) as other, other, other.cursor() as txn:
        txn.execute("LOCK TABLE town.house IN ACCESS SHARE MODE")
        with pytest.raises(UnavailableError, match=r"town/0002_doors: a table is in use"):
            migrate(dsn, [town.set])
    assert migrate(dsn, [town.set]) == ["town/0002_doors"]


def test_no_answer_is_unavailable(town: Town) -> None:
    for call in (migrate, pending):
        with pytest.raises(UnavailableError):
            call("host=/nowhere dbname=none", [town.set])


def test_the_kernels_migrations_apply(dsn: str) -> None:
    names = migrate(dsn, KERNEL_SETS)
    assert names
    assert migrate(dsn, KERNEL_SETS) == []


def test_a_compat_of_a_later_migration_is_refused(town: Town) -> None:
    town.write("0001_houses", f"-- compat: 2\n{FIRST}")
    with pytest.raises(ConfigError, match="at most its own number, 1"):
        read_migrations(town.set)
