from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import empty_synapse_database, execute
from veche.runtime.database.synapse_database import make_synapse_database

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres


@contextmanager
def server() -> Iterator[tuple[str, str, str]]:
    """URL of a database of the server; URL and name of one more that may be dropped."""
    with empty_synapse_database() as other, empty_synapse_database() as url:
        yield other, url, str(execute(url, "SELECT current_database()")[0][0])


def test_a_database_that_is_not_there_is_made_as_synapse_wants_it() -> None:
    with server() as (other, url, name):
        drop(other, name)

        assert not make_synapse_database(other, name)
        assert execute(
            url, "SELECT datcollate, datctype FROM pg_database WHERE datname = %s", name
        ) == [("C", "C")]


def test_an_empty_one_stays() -> None:
    with server() as (other, url, name):
        before = identity(url)

        assert not make_synapse_database(other, name)
        assert identity(url) == before


@pytest.mark.parametrize(
    "tables", ["CREATE TABLE background_updates (x int)", "CREATE TABLE users (name text)"]
)
def test_a_half_made_one_is_made_again(tables: str) -> None:
    with server() as (other, url, name):
        execute(url, tables)

        assert make_synapse_database(other, name)
        assert execute(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_one_with_a_user_is_never_dropped() -> None:
    with server() as (other, url, name):
        execute(url, "CREATE TABLE users (name text)")
        execute(url, "INSERT INTO users VALUES ('@alice:veche.test')")

        assert not make_synapse_database(other, name)
        assert execute(url, "SELECT name FROM users") == [("@alice:veche.test",)]


def identity(url: str) -> object:
    return execute(url, "SELECT oid FROM pg_database WHERE datname = current_database()")


def drop(url: str, name: str) -> None:
    import psycopg2  # noqa: PLC0415

    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as txn:
        txn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    connection.close()
