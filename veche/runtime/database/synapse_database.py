"""The database of a Synapse that we run: made as Synapse wants it, and made again if half made.

Synapse commits while it makes its first tables. When it is killed then, it refuses that database
for ever. So one without any user is dropped: no Synapse has answered anybody from it yet.
"""

from __future__ import annotations

from contextlib import closing
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from veche.runtime.database.embedded import create_database

_HAS_TABLES: Final = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public')"
_HAS_USERS_TABLE: Final = "SELECT to_regclass('public.users') IS NOT NULL"
_HAS_USERS: Final = "SELECT EXISTS (SELECT 1 FROM public.users)"


def make_synapse_database(dsn: str, name: str) -> bool:
    """Make the database unless it is there and whole.

    Args:
        dsn: Of any other database of the server; its user may make databases.
        name: Of the database. No Synapse may be running on it.

    Returns:
        Whether a half-made one was dropped for it.
    """
    create_database(dsn, name)
    if _is_whole_or_empty(make_dsn(dsn, dbname=name)):
        return False
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as txn:
            txn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    create_database(dsn, name)
    return True


def _is_whole_or_empty(dsn: str) -> bool:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:

        def holds(question: str) -> bool:
            txn.execute(question)
            return bool((txn.fetchone() or (False,))[0])

        if not holds(_HAS_TABLES):
            return True
        return holds(_HAS_USERS_TABLE) and holds(_HAS_USERS)
