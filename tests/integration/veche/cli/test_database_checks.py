"""The doctor's checks of the database, on real ones."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.support.postgres import database, execute
from tests.unit.veche.cli.diagnosis.patients import patient
from veche.cli.diagnosis import database as module
from veche.cli.diagnosis.database import (
    follows_system,
    look_at_collation,
    look_at_connection,
    look_at_tables,
    look_at_witnesses,
)
from veche.cli.diagnosis.homeserver import look_at_pushes
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS, migrate
from veche.transparency.notes import Cosigner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from veche.cli.diagnosis.finding import Patient
    from veche.runtime.database import Connection

pytestmark = pytest.mark.postgres


@contextmanager
def installation(folder: Path) -> Iterator[Patient]:
    """An installation with an empty database."""
    with database() as dsn:
        yield attrs.evolve(patient(folder), dsn=dsn)


def test_a_database_that_answers_is_fine(tmp_path: Path) -> None:
    with installation(tmp_path) as one:
        assert list(look_at_connection(one)) == []
        assert list(look_at_collation(one)) == []


@pytest.mark.parametrize(
    ("dsn", "part"),
    [
        ("host=/nowhere dbname=a", "No such file or directory"),
        ("host=127.0.0.1 port=1 dbname=a", "Connection refused"),
    ],
)
def test_no_answer_is_quoted_in_a_line(tmp_path: Path, dsn: str, part: str) -> None:
    ((what, mend),) = look_at_connection(attrs.evolve(patient(tmp_path), dsn=dsn))
    assert part in what
    assert "\n" not in what
    assert mend == "start PostgreSQL, or correct database.folder"


def test_an_unknown_database_is_quoted(tmp_path: Path) -> None:
    with installation(tmp_path) as one:
        execute(one.dsn, "SELECT 1")
        ((what, _),) = look_at_connection(attrs.evolve(one, dsn=f"{one.dsn} dbname=nobody_s"))
    assert 'database "nobody_s" does not exist' in what


class _Pooled:
    """A connection as a pooler in transaction mode gives it: each transaction by another server.

    There is no pooler among the packages of the tests, so it is made of two connections.
    """

    def __init__(self, dsn: str) -> None:
        self._connections: list[Connection] = [connect(dsn), connect(dsn)]

    def __enter__(self) -> None:
        self._connections.reverse()

    def __exit__(self, *_: object) -> None:
        self._connections[0].rollback()

    def cursor(self) -> object:
        return self._connections[0].cursor()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def test_a_pooler_that_hands_our_session_to_others_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "connect", _Pooled)
    with installation(tmp_path) as one:
        ((what, _),) = look_at_connection(one)
    assert what == "a pooler hands our session to others"


def test_tables_that_are_missing_and_then_made(tmp_path: Path) -> None:
    with installation(tmp_path) as one:
        ((what, mend),) = look_at_tables(one)
        assert "migrations are missing, first runtime/0001_" in what
        assert mend == "veche db migrate"

        migrate(one.dsn, KERNEL_SETS)
        assert list(look_at_tables(one)) == []


def test_somebody_elses_database_is_named(tmp_path: Path) -> None:
    with installation(tmp_path) as one:
        execute(one.dsn, "CREATE SCHEMA crypto")
        ((what, mend),) = look_at_tables(one)
    assert what == "the database has a schema crypto that is not Veche's"
    assert mend == "use a database of its own"


def test_a_file_that_was_changed_is_named(tmp_path: Path) -> None:
    with installation(tmp_path) as one:
        migrate(one.dsn, KERNEL_SETS)
        execute(one.dsn, "UPDATE veche.migration SET sha256 = sha256('') WHERE number = 1")
        ((what, mend),) = look_at_tables(one)
    assert what.endswith("was changed after it was applied")
    assert "restore the file" in mend


@pytest.mark.parametrize(
    ("provider", "collate", "is_risky"),
    [
        ("c", "en_US.UTF-8", True),
        ("c", "C", False),
        ("c", "C.UTF-8", False),
        ("b", "en_US.UTF-8", False),
        ("i", "en_US.UTF-8", False),
    ],
)
def test_an_order_of_texts_that_changes_with_the_system_is_seen(
    tmp_path: Path, provider: str, collate: str, is_risky: bool
) -> None:
    # No such locales are installed here, so the catalogue says so for one transaction.
    with installation(tmp_path) as one, closing(connect(one.dsn)) as connection:
        with connection.cursor() as txn:
            txn.execute(
                "UPDATE pg_database SET datlocprovider = %s, datcollate = %s"
                " WHERE datname = current_database()",
                (provider, collate),
            )
            assert follows_system(txn) is is_risky
        connection.rollback()


def test_a_risky_order_of_texts_has_a_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "follows_system", lambda _: True)
    with installation(tmp_path) as one:
        ((what, mend),) = look_at_collation(one)
    assert "is the system's" in what
    assert "LC_COLLATE 'C'" in mend


@pytest.mark.parametrize(
    ("asked_s", "words"),
    [(None, None), (60, None), (600, "600 s ago, and the homeserver has pushed nothing since")],
)
def test_pushes_that_stay_away_are_found(
    tmp_path: Path, asked_s: int | None, words: str | None
) -> None:
    with database(*KERNEL_SETS) as dsn:
        one = attrs.evolve(patient(tmp_path), dsn=dsn, now_s=lambda: 1_764_000_000.0)
        at_ms = None if asked_s is None else (1_764_000_000 - asked_s) * 1000
        execute(dsn, "UPDATE runtime.heartbeat SET asked_at_ms = %s RETURNING 1", at_ms)

        found = [what for what, _ in look_at_pushes(one)]

    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_witnesses_that_do_not_sign_are_named_with_why(tmp_path: Path) -> None:
    key = Cosigner("w.example/w1", b"w" * 32).verifier.to_text()
    section = WitnessesSection.model_validate({"of": [{"key": key, "url": "https://w.example"}]})
    with installation(tmp_path) as one:
        migrate(one.dsn, KERNEL_SETS)
        asked = attrs.evolve(one, config=attrs.evolve(one.config, witnesses=section))
        before = list(look_at_witnesses(asked))
        execute(
            one.dsn,
            "INSERT INTO runtime.witness_turn (origin, witness, due_at_ms, failures, why)"
            " VALUES ('log', %s, 0, 3, '404 unknown'), ('log', 'gone+1+x', 0, 9, 'no connection')",
            key,
        )
        ((what, mend),) = look_at_witnesses(asked)

    assert before == []
    assert what == "w.example/w1 has not signed the head of log, 3 times: 404 unknown"
    assert "witnesses.md" in mend
