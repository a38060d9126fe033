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
    read_functions,
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

    def write_functions(self, sql: str) -> None:
        (self.folder.parent / "functions.sql").write_text(sql)


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


def a_function(body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION town.doors() RETURNS int LANGUAGE sql AS $${body}$$;\n"


def doors(dsn: str) -> object:
    [(count,)] = execute(dsn, "SELECT town.doors()")
    return count


def test_functions_are_applied_again_whenever_they_have_changed(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    town.write_functions(a_function("SELECT 1"))
    assert migrate(dsn, [town.set]) == ["town/0001_houses", "town/functions"]
    assert migrate(dsn, [town.set]) == []

    town.write_functions(a_function("SELECT 2"))
    assert pending(dsn, [town.set]) == ["town/functions"]
    assert migrate(dsn, [town.set]) == ["town/functions"]
    assert doors(dsn) == 2

    town.write_functions(a_function("SELECT 1"))
    assert migrate(dsn, [town.set]) == ["town/functions"]
    assert doors(dsn) == 1


def test_the_release_before_goes_on_working_with_newer_functions(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    town.write_functions(a_function("SELECT 1"))
    migrate(dsn, [town.set])
    town.write("0002_doors", SECOND)
    town.write_functions(a_function("SELECT 2"))
    migrate(dsn, [town.set])

    town.write_functions(a_function("SELECT 1"))
    assert pending(dsn, [town.set]) == []
    (town.folder / "0002_doors.sql").unlink()
    assert migrate(dsn, [town.set]) == []
    assert doors(dsn) == 2


def test_functions_and_the_migration_before_them_are_one_transaction(dsn: str, town: Town) -> None:
    town.write("0001_houses", FIRST)
    town.write_functions(a_function("SELECT nothing"))

    with pytest.raises(psycopg2.Error, match="nothing"):
        migrate(dsn, [town.set])

    assert pending(dsn, [town.set]) == ["town/0001_houses", "town/functions"]


FUNCTIONS = """
    SELECT pg_get_functiondef(p.oid), p.proacl::text, pg_get_userbyid(p.proowner)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p') AND n.nspname = ANY (%s) ORDER BY p.oid::regprocedure::text"""
SETS = {
    "runtime": (KERNEL_SETS[0], ["runtime"]),
    "crypto": (KERNEL_SETS[1], ["crypto"]),
    "payments": (MigrationSet("payments", "appservices.payments"), ["ledger", "payments"]),
    "signing": (MigrationSet("signing", "appservices.signing"), ["signing"]),
}


@pytest.mark.parametrize("name", SETS)
def test_an_upgraded_database_has_the_functions_of_a_new_one_and_all_stand_in_the_file(
    name: str,
) -> None:
    one, schemas = SETS[name]
    with database(*KERNEL_SETS, *({one} - {*KERNEL_SETS})) as dsn:
        new = execute(dsn, FUNCTIONS, schemas)
        for definition, *_ in new:
            # As an older release has left it: the same signature, and another body.
            head, _, _ = str(definition).partition("AS $function$")
            execute(dsn, f"SET check_function_bodies = off; {head} AS $$ BEGIN older $$")
        execute(dsn, "DELETE FROM veche.migration WHERE schema = %s", f"{name}/functions")
        assert execute(dsn, FUNCTIONS, schemas) != new
        assert migrate(dsn, [one]) == [f"{name}/functions"]
        upgraded = execute(dsn, FUNCTIONS, schemas)

    functions = read_functions(one)
    assert new
    assert upgraded == new
    assert functions is not None
    for definition, *_ in new:
        written = str(definition).replace("$function$", "$$").rstrip()
        assert f"\n{written};\n" in functions.sql, (
            "functions.sql lacks this, or has it otherwise than `pg_get_functiondef` says it"
        )
