"""Shared parts of commands that work on the database without a running `veche run`."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.database import connect, is_unavailable
from veche.runtime.database.embedded import EmbeddedPostgres, is_running
from veche.runtime.database.migrate import KERNEL_SETS, pending
from veche.server.installed import config_path, read_config, service_specs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from veche.runtime.config import Config, DatabaseSection
    from veche.runtime.database import Cursor

R = TypeVar("R")

_RETRY_MS: Final = 2_000


def config_of(arguments: argparse.Namespace) -> Config:
    """The configuration that a command was given, or that of this machine."""
    return read_config(config_path(arguments.config), service_specs())


def opened(stack: ExitStack, section: DatabaseSection) -> str:
    """The connection string; a server of our own in a folder runs until ``stack`` is left."""
    if section.folder is not None and not is_running(section.folder):
        server = stack.enter_context(EmbeddedPostgres(section.folder))
        return server.create_database("veche")
    return section.dsn()


@contextmanager
def database_of(config: Config) -> Iterator[str]:
    """The connection string of a database with our tables; its server runs meanwhile."""
    folder = config.database.folder
    if folder is not None and not (folder / "data").exists():
        raise ConfigError(f"{config.path}: database.folder: there is no database in {folder}")
    with ExitStack() as stack:
        dsn = opened(stack, config.database)
        # Its error says what PostgreSQL said, such as that there is no database of this name.
        transaction(dsn, lambda txn: txn.execute("SELECT 1"))
        if missing := pending(dsn, KERNEL_SETS):
            raise ConfigError(f"the database lacks {missing[0]}: veche db migrate -c {config.path}")
        yield dsn


def transaction(dsn: str, work: Callable[[Cursor], R]) -> R:
    """Run one transaction and commit it.

    Without time-outs of statements: a bot may have very many sessions to seal anew.
    """
    try:
        with (
            closing(
                connect(dsn, statement_timeout=0, idle_in_transaction_session_timeout=0)
            ) as connection,
            connection,
            connection.cursor() as txn,
        ):
            return work(txn)
    except Exception as e:
        if not is_unavailable(e):
            raise
        reason = str(e).strip().splitlines()[0]
        raise UnavailableError(
            f"the database cannot do it now, try again: {reason}", retry_after_ms=_RETRY_MS
        ) from e
