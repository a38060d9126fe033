"""Common start of all commands of `veche ledger`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from veche.runtime.database import connect
from veche.server.offline import opened

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from contextlib import ExitStack

    from appservices.payments.config import PaymentsSection
    from veche.runtime.config import Config
    from veche.runtime.database import Cursor

    Opened = Callable[[argparse.Namespace], tuple[Config, PaymentsSection]]
    Reading = Callable[[ExitStack, Config], Cursor]


class LedgerCommands:
    """Some of the commands, for ``appservices.payments.commands.ledger``."""

    def __init__(self, opened: Opened, reading: Reading) -> None:
        """Make them.

        Args:
            opened: Reads the configuration.
            reading: Begins a transaction that only reads.
        """
        self._opened = opened
        self._reading = reading


def writing(stack: ExitStack, config: Config) -> Cursor:
    """A transaction that is committed when ``stack`` is left without an error."""
    connection = stack.enter_context(closing(connect(opened(stack, config.database))))
    stack.enter_context(connection)
    return stack.enter_context(connection.cursor())
