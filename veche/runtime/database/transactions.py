"""Transactions in worker threads, run again where that is safe."""

from __future__ import annotations

import contextlib
import enum
import functools
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import psycopg2
from psycopg2.errors import QueryCanceled
from psycopg2.extensions import make_dsn, parse_dsn

from veche.protocol.errors import UnavailableError
from veche.runtime import metrics
from veche.runtime.database.cursor import Connection, Cursor
from veche.runtime.database.session_threads import SessionThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from twisted.internet.interfaces import IReactorFromThreads

__all__ = [
    "DATABASE_FAILURES",
    "CommitUnknownError",
    "Connection",
    "Cursor",
    "Database",
    "connect",
    "is_cancelled",
    "is_unavailable",
]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS_MAX: Final = 5
"""How often one transaction is run, the first time included."""
WAITING_MAX: Final = 10_000
"""How many transactions may wait for a thread; one more is refused."""
LOCK_TIMEOUT_MS: Final = 4_000
STATEMENT_TIMEOUT_MS: Final = 30_000
IDLE_TIMEOUT_MS: Final = 60_000
"""How long the server waits for the next statement of an open transaction."""
CONNECT_TIMEOUT_S: Final = 5

DATABASE_FAILURES: Final = (psycopg2.OperationalError, psycopg2.InterfaceError)
"""Failures of the database and not of a statement: the transaction may run again."""

_RETRY_AFTER_MS: Final = 2_000
_RETRY_AFTER_FULL_MS: Final = 30_000


class _Trouble(enum.Enum):
    """Why a transaction could not be done now."""

    CONFLICT = "conflict"
    CONNECTION = "connection"
    FULL = "full"
    TIMEOUT = "timeout"


# Before each next attempt; after the other troubles there is none. A lost connection is tried for
# longer than PostgreSQL needs to start again.
_DELAYS_S: Final[Mapping[_Trouble, Sequence[float]]] = {
    _Trouble.CONFLICT: (0.0, 0.002, 0.01, 0.05),
    _Trouble.CONNECTION: (0.0, 0.25, 1.0, 3.0),
}
# PostgreSQL's documentation, appendix A. What is not here is an error of the transaction.
_TROUBLES: Final = {
    "40001": _Trouble.CONFLICT,  # serialization_failure
    "40P01": _Trouble.CONFLICT,  # deadlock_detected
    "53300": _Trouble.CONNECTION,  # too_many_connections
    "57P01": _Trouble.CONNECTION,  # admin_shutdown
    "57P02": _Trouble.CONNECTION,  # crash_shutdown
    "57P03": _Trouble.CONNECTION,  # cannot_connect_now
    "25006": _Trouble.CONNECTION,  # read_only_sql_transaction: no longer the primary
    "53100": _Trouble.FULL,  # disk_full
    "53200": _Trouble.FULL,  # out_of_memory
    "53400": _Trouble.FULL,  # configuration_limit_exceeded, such as temp_file_limit
    "58030": _Trouble.FULL,  # io_error
    "55P03": _Trouble.TIMEOUT,  # lock_not_available
    "57014": _Trouble.TIMEOUT,  # query_canceled
}

_duration_s = metrics.histogram(
    "veche_transaction_seconds", "Time of a transaction in its thread, all attempts.", ["name"]
)
_again = metrics.counter(
    "veche_transaction_again_total", "Transactions that were run again.", ["name", "reason"]
)
_unavailable = metrics.counter(
    "veche_transaction_unavailable_total", "Transactions that were given up.", ["name", "reason"]
)
_waiting = metrics.gauge("veche_transactions_waiting", "Transactions waiting for a thread.")


# Looking a label up costs more than counting.
_duration_of: Final = functools.cache(_duration_s.labels)


class CommitUnknownError(UnavailableError):
    """The connection broke while it committed: the transaction is done wholly or not at all.

    It is not run again here, since that could do it twice. Whoever wants it repeats it with the
    same idempotency key.
    """

    errcode = "ORG.VECHE.COMMIT_UNKNOWN"


def connect(dsn: str, *, application_name: str = "veche", **settings: str | int) -> Connection:
    """A new connection with the time-outs that all of ours have; it blocks the caller.

    Args:
        dsn: URL or ``key=value`` text, as libpq reads it; what it says goes before ours.
        application_name: What PostgreSQL's list of connections calls it.
        **settings: Session settings beside or instead of ours, such as ``statement_timeout``.

    Raises:
        psycopg2.OperationalError: The server does not answer or refuses.
    """
    ours: dict[str, str | int] = {
        "lock_timeout": LOCK_TIMEOUT_MS,
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS,
        "timezone": "UTC",
        # Our statements are short: compiling them costs more than it saves.
        "jit": "off",
    }
    given = parse_dsn(dsn)
    options = " ".join(f"-c {name}={_escaped(value)}" for name, value in (ours | settings).items())
    wanted = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": application_name,
        "client_encoding": "UTF8",
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    missing = {name: value for name, value in wanted.items() if name not in given}
    if "options" in given:
        options = f"{options} {given['options']}"
    return psycopg2.connect(
        make_dsn(dsn, options=options, **missing), connection_factory=Connection
    )


def no_answer(error: psycopg2.OperationalError) -> UnavailableError:
    """Return what to tell an operator whose ``connect`` failed: why, as PostgreSQL says it."""
    reason = str(error).strip().partition("\n")[0]
    return UnavailableError(f"the database does not answer: {reason}", retry_after_ms=2_000)


def is_cancelled(error: Exception) -> bool:
    """Return whether PostgreSQL ended a statement that took too long."""
    return isinstance(error, QueryCanceled)


def is_unavailable(error: BaseException) -> bool:
    """Return whether ``connect`` failed since the server does not answer or refuses."""
    return isinstance(error, psycopg2.OperationalError)


def _escaped(value: str | int) -> str:
    return str(value).replace("\\", r"\\").replace(" ", r"\ ")


class Database:
    """Runs transactions in worker threads.

    A transaction is a plain function of a cursor. It may run more than once, so it has no
    effect outside the database. It runs to its end even if whoever awaits it is cancelled.
    """

    def __init__(self, dsn: str, reactor: IReactorFromThreads, *, threads: int = 4) -> None:
        self._is_closed = threading.Event()
        self._threads = SessionThreads(
            "database", reactor, lambda: _Session(dsn, self._is_closed), count=threads
        )
        _waiting.set_function(lambda: self._threads.waiting_count)

    async def run(
        self,
        name: str,
        transaction: Callable[Concatenate[Cursor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run one transaction and commit it.

        It runs again after a serialization failure, a deadlock, or a connection that was lost
        before the commit, at most ``ATTEMPTS_MAX`` times in all.

        Args:
            name: What it does, for logs and metrics; one of few fixed words.
            transaction: Called with a cursor, then the other arguments.
            *args: For ``transaction``.
            **kwargs: For ``transaction``.

        Raises:
            UnavailableError: No connection, a lock or a statement timed out, the disk is full,
                conflicts went on, or too many transactions wait. Nothing was changed.
            CommitUnknownError: The connection broke during the commit.
            psycopg2.Error: Any other error of the database; nothing was changed.
        """
        if self._is_closed.is_set():
            raise UnavailableError("the database is closed", retry_after_ms=_RETRY_AFTER_MS)
        if self._threads.waiting_count >= WAITING_MAX:
            _unavailable.labels(name, "busy").inc()
            raise UnavailableError(
                "too many transactions are waiting", retry_after_ms=_RETRY_AFTER_MS
            )
        return await self._threads.do(
            lambda session: session.run(name, lambda txn: transaction(txn, *args, **kwargs))
        )

    def close(self) -> None:
        """Refuse what waits, let end what runs, close every connection; it blocks meanwhile."""
        self._is_closed.set()
        self._threads.close(STATEMENT_TIMEOUT_MS / 1000)


class _Session:
    """The connection of one thread, made when it is needed and again when it broke."""

    def __init__(self, dsn: str, is_closed: threading.Event) -> None:
        self._dsn = dsn
        self._is_closed = is_closed
        self._connection: Connection | None = None

    def run(self, name: str, transaction: Callable[[Cursor], R]) -> R:
        """As ``Database.run``, blocking."""
        if self._is_closed.is_set():
            raise UnavailableError("the database is closed", retry_after_ms=_RETRY_AFTER_MS)
        started_s = time.perf_counter()
        try:
            return self._run(name, transaction)
        finally:
            _duration_of(name).observe(time.perf_counter() - started_s)

    def _run(self, name: str, transaction: Callable[[Cursor], R]) -> R:
        for attempt in itertools.count():
            try:
                return self._run_once(transaction, is_again=attempt > 0)
            except psycopg2.Error as e:
                trouble = self._trouble(e)
                delays_s = _DELAYS_S.get(trouble, ())
                if attempt >= len(delays_s) or self._is_closed.wait(delays_s[attempt]):
                    raise _given_up(name, trouble) from e
                logger.info(
                    "transaction %s: %s, attempt %d: %s", name, trouble.value, attempt + 2, e
                )
                _again.labels(name, trouble.value).inc()
        raise AssertionError

    def _run_once(self, transaction: Callable[[Cursor], R], *, is_again: bool) -> R:
        if self._connection is None:
            self._connection = connect(self._dsn)
            self._connection.autocommit = True  # the cursor begins and ends transactions
        txn = self._connection.cursor()
        txn.is_again = is_again
        txn.begin()
        try:
            result = transaction(txn)
        except BaseException:
            self._roll_back(txn)
            raise
        try:
            txn.commit()
        except psycopg2.Error as e:
            self._roll_back(txn)
            if self._connection is not None:
                raise
            raise CommitUnknownError(
                "the connection to the database broke during the commit",
                retry_after_ms=_RETRY_AFTER_MS,
            ) from e
        return result

    def _trouble(self, error: psycopg2.Error) -> _Trouble:
        """Classify an error; raise it again if it is the transaction's own."""
        trouble = _TROUBLES.get(error.pgcode or "")
        if trouble is None and self._connection is None:
            # Not connected, or broken without a last word of the server.
            trouble = _Trouble.CONNECTION
        if trouble is None:
            raise error
        if trouble is _Trouble.CONNECTION:
            self.drop()
        return trouble

    def _roll_back(self, txn: Cursor) -> None:
        if not txn.connection.closed:
            with contextlib.suppress(psycopg2.Error):
                txn.roll_back()
        if txn.connection.closed:
            self.drop()

    def drop(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg2.Error):
                connection.close()


def _given_up(name: str, trouble: _Trouble) -> UnavailableError:
    _unavailable.labels(name, trouble.value).inc()
    if trouble is _Trouble.FULL:
        logger.error("transaction %s: PostgreSQL has no room left", name)
        return UnavailableError(
            "the database has no room left", retry_after_ms=_RETRY_AFTER_FULL_MS
        )
    logger.warning("transaction %s given up: %s", name, trouble.value)
    return UnavailableError("the database cannot do it now", retry_after_ms=_RETRY_AFTER_MS)
