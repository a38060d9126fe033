"""A ledger in PostgreSQL, for tests."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.ledger.core import Result
from appservices.payments.ledger.store import oracle
from appservices.payments.ledger.store.ledger import PostgresLedger
from tests.support.postgres import database, session
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet

if TYPE_CHECKING:
    from collections.abc import Iterator

PAYMENTS: Final = MigrationSet("payments", "appservices.payments")
WORDS: Final = {result.value: result.word for result in Result}


@contextmanager
def ledger() -> Iterator[tuple[str, PostgresLedger]]:
    """Connection string of a fresh database, and its ledger."""
    with ExitStack() as stack:
        dsn = stack.enter_context(database(*KERNEL_SETS, PAYMENTS))
        yield dsn, stack.enter_context(opened(dsn))


@contextmanager
def opened(dsn: str, role: str | None = None) -> Iterator[PostgresLedger]:
    """The ledger of a database, for a role other than its owner's if one is named."""
    settings = {} if role is None else {"role": role}
    with closing(connect(dsn, **settings)) as reads, closing(connect(dsn, **settings)) as writes:
        yield PostgresLedger(0, reads, writes)


def problems(dsn: str) -> list[str]:
    """What the second oracle finds."""
    with session(dsn) as connection, connection.cursor() as txn:
        return oracle.problems(txn, 0, WORDS)


def problems_after(dsn: str, *statements: str, after_seq: int = 0) -> list[str]:
    """What the second oracle would find after statements, which are taken back."""
    with session(dsn) as connection, connection.cursor() as txn:
        for statement in statements:
            txn.execute(statement)
        return oracle.problems(txn, 0, WORDS, after_seq=after_seq)


def sql(dsn: str, *statements: str, role: str | None = None) -> list[Any]:
    """Go round the service: statements in one transaction; what the last one yields."""
    with closing(connect(dsn)) as connection, connection, connection.cursor() as txn:
        if role is not None:
            txn.execute(f"SET ROLE {role}")
        for statement in statements:
            txn.execute(statement)
        return txn.fetchall() if txn.description else []
