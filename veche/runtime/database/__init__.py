"""PostgreSQL: transactions, migrations, notifications and locks."""

from veche.runtime.database.cursor import LostError
from veche.runtime.database.exclusive import (
    DedicatedSession,
    SessionLostError,
    is_trouble,
    sqlstate,
)
from veche.runtime.database.transactions import (
    ATTEMPTS_MAX,
    DATABASE_FAILURES,
    CommitUnknownError,
    Connection,
    Cursor,
    Database,
    connect,
    is_cancelled,
    is_unavailable,
)

__all__ = [
    "ATTEMPTS_MAX",
    "DATABASE_FAILURES",
    "CommitUnknownError",
    "Connection",
    "Cursor",
    "Database",
    "DedicatedSession",
    "LostError",
    "SessionLostError",
    "connect",
    "is_cancelled",
    "is_trouble",
    "is_unavailable",
    "sqlstate",
]
