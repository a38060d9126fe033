"""`veche db migrate` and `veche db grant` on real servers."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from tests.support.postgres import database, execute
from veche.cli.main import main
from veche.runtime.database.embedded import EmbeddedPostgres, is_running
from veche.server import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No services are installed."""
    monkeypatch.setattr(installed, "entry_points", lambda group: () if group else None)


@pytest.fixture
def folder() -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(prefix="veche-"))
    top.chmod(0o755)
    yield top
    shutil.rmtree(top)


def configured(folder: Path, section: str) -> list[str]:
    path = folder / "veche.yaml"
    path.write_text(
        "homeserver: {url: http://127.0.0.1:1, server_name: a.test, as_token_path: a,"
        f" hs_token_path: b}}\ncrypto: {{key_path: key}}\ndatabase: {section}\n"
    )
    return ["db", "migrate", "-c", str(path)]


def test_tables_are_made_once_and_each_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database() as dsn:
        command = configured(folder, f"{{url: {dsn!r}}}")
        assert main([*command, "--dry-run"]) == 0
        would = capsys.readouterr().out.splitlines()
        assert would[0].startswith("runtime/0001_")
        assert all(line.endswith(" would be applied") for line in would)
        assert execute(dsn, "SELECT to_regnamespace('runtime')") == [(None,)]

        assert main(command) == 0
        done = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in done] == [line.split()[0] for line in would]

        for words in (command, [*command, "--dry-run"]):
            assert main(words) == 0
            assert capsys.readouterr().out == "nothing to do\n"


def test_a_folders_server_runs_for_the_while_only(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(configured(folder, "{folder: pg}")) == 0
    assert not is_running(folder / "pg")
    assert "runtime/0001_" in capsys.readouterr().out


def test_a_folders_server_that_runs_already_is_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedPostgres(folder / "pg", is_durable=False) as server:
        server.create_database("veche")
        assert main(configured(folder, "{folder: pg}")) == 0
        assert is_running(folder / "pg")
    assert "runtime/0001_" in capsys.readouterr().out


def test_a_role_that_owns_nothing_gets_what_it_needs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database() as dsn:
        command = configured(folder, f"{{url: {dsn!r}}}")
        assert main(command) == 0
        assert main(["db", "grant", "veche_granted", *command[2:]]) == 1
        assert "veche_granted: there is no such role" in capsys.readouterr().err
        execute(dsn, "CREATE ROLE veche_granted LOGIN")
        try:
            assert main(["db", "grant", "veche_granted", *command[2:]]) == 0
            assert capsys.readouterr().out.endswith(
                "veche_granted may work with veche, runtime, crypto\n"
            )
            role = make_dsn(dsn, user="veche_granted")
            assert main([*configured(folder, f"{{url: {role!r}}}"), "--dry-run"]) == 0
            assert capsys.readouterr().out == "nothing to do\n"
        finally:
            execute(dsn, "DROP OWNED BY veche_granted")
            execute(dsn, "DROP ROLE veche_granted")


def test_an_owner_who_is_no_superuser_migrates_once_it_may_set_what_guards_the_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the installed services, and one of them has no table
    more = "payments: {id: a, name: {en: A}, time_zone: UTC, currencies: [EUR]}\nwidgets: {}\n"
    with database() as dsn:
        execute(dsn, "CREATE ROLE veche_plain LOGIN")
        execute(dsn, "CREATE ROLE veche_granted LOGIN")
        try:
            execute(dsn, f"ALTER DATABASE {parse_dsn(dsn)['dbname']} OWNER TO veche_plain")
            owner = make_dsn(dsn, user="veche_plain")
            command = configured(folder, f"{{url: {owner!r}}}\n{more}")
            assert main(["db", "grant", "veche_granted", *command[2:]]) == 1
            assert "is not applied yet: run `veche db migrate` first" in capsys.readouterr().err
            assert main(command) == 1
            remedy = "GRANT SET ON PARAMETER ledger.is_inside TO veche_plain"
            assert capsys.readouterr().err.endswith(f"let a superuser run: {remedy}\n")

            execute(dsn, remedy)
            assert main(command) == 0
            assert main(["db", "grant", "veche_granted", *command[2:]]) == 0
        finally:
            execute(dsn, f"ALTER DATABASE {parse_dsn(dsn)['dbname']} OWNER TO CURRENT_USER")
            for role in ("veche_granted", "veche_plain"):
                execute(dsn, f"DROP OWNED BY {role}")
                execute(dsn, f"DROP ROLE {role}")


def test_somebody_elses_database_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database() as dsn:
        execute(dsn, "CREATE SCHEMA runtime")
        assert main(configured(folder, f"{{url: {dsn!r}}}")) == 1
    assert "veche: the database has a schema runtime that is not Veche's" in capsys.readouterr().err


def test_no_server_is_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(configured(folder, "{url: 'host=/nowhere dbname=a'}")) == 1
    said = capsys.readouterr().err
    assert said.startswith("veche: the database does not answer: connection to server on socket")
    assert said.count("\n") == 1
