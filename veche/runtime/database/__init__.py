"""PostgreSQL: transactions, migrations, notifications and locks."""

from veche.runtime.database.cursor import LostError
from veche.runtime.database.exclusive import (
    DedicatedSession,
    SessionLostError,
    end_stalled,
    is_trouble,
    sqlstate,
    transaction,
    try_lock,
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
    "end_stalled",
    "is_cancelled",
    "is_trouble",
    "is_unavailable",
    "sqlstate",
    "transaction",
    "try_lock",
]
