"""PostgreSQL: transactions, migrations, notifications and locks."""

from veche.runtime.database.transactions import (
    ATTEMPTS_MAX,
    CommitUnknownError,
    Connection,
    Cursor,
    Database,
    connect,
    is_unavailable,
)

__all__ = [
    "ATTEMPTS_MAX",
    "CommitUnknownError",
    "Connection",
    "Cursor",
    "Database",
    "connect",
    "is_unavailable",
]
