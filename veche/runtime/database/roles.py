"""A role of the database that may work with the tables, but owns none of them.

Who owns tables can take off what guards them. So an operator lets one role migrate, and another one
run the services; ``grant`` gives that what it needs. A schema that guards itself has a function
``grant_to(regrole)`` and says by it what may be done; in all others rows may be read and changed.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

import psycopg2
from psycopg2 import sql

from veche.protocol.errors import ConfigError
from veche.runtime.database.migrate import pending, read_migrations
from veche.runtime.database.transactions import connect, no_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database.migrate import MigrationSet
    from veche.runtime.database.transactions import Cursor

_OWN: Final = "veche"
"""Where the migrations are recorded; only read."""
_GUARDED: Final = """
    SELECT n.nspname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.proname = 'grant_to' AND p.proargtypes = ARRAY['regrole'::regtype]::oidvector
        AND n.nspowner = current_user::regrole ORDER BY 1"""
_READ: Final = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
)
# Tables that a later migration makes come with the same rights.
_CHANGE: Final = (
    *_READ,
    "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}",
)


def grant(dsn: str, sets: Sequence[MigrationSet], role: str) -> list[str]:
    """Let a role work with the tables; again does no harm.

    Args:
        dsn: Of their owner; every migration is applied.
        sets: Whose schemas.
        role: Its name; it exists.

    Returns:
        The schemas, in the order in which the role got them.

    Raises:
        ConfigError: There is no such role, it owns the tables itself, or a migration is missing.
        UnavailableError: The database does not answer.
    """
    if missing := pending(dsn, sets):
        raise ConfigError(f"{missing[0]} is not applied yet: run `veche db migrate` first")
    try:
        connection = connect(dsn)
    except psycopg2.OperationalError as e:
        raise no_answer(e) from e
    with closing(connection), connection, connection.cursor() as txn:
        _check(txn, role)
        txn.execute(_GUARDED)
        guarded = [name for (name,) in txn.fetchall()]
        # A service without tables has no schema.
        made = [one.schema for one in sets if read_migrations(one)]
        open_ = [schema for schema in made if schema not in guarded]
        _all(txn, _READ, _OWN, role)
        for schema in open_:
            _all(txn, _CHANGE, schema, role)
        for schema in guarded:
            call = sql.SQL("SELECT {}.grant_to(%s::regrole)").format(sql.Identifier(schema))
            txn.execute(call, (sql.Identifier(role).as_string(connection),))
        return [_OWN, *open_, *guarded]


def _check(txn: Cursor, role: str) -> None:
    txn.execute(
        "SELECT pg_has_role(oid, current_user::regrole, 'MEMBER') OR rolsuper FROM pg_roles"
        " WHERE rolname = %s",
        (role,),
    )
    found = txn.fetchone()
    if found is None:
        raise ConfigError(f"{role}: there is no such role; make it with CREATE ROLE … LOGIN")
    if found[0]:
        raise ConfigError(f"{role}: it may do all that the owner of the tables may; take another")


def _all(txn: Cursor, statements: Sequence[str], schema: str, role: str) -> None:
    names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
    for statement in statements:
        txn.execute(sql.SQL(statement).format(**names))
