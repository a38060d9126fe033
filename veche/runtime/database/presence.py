"""Sign of life of this process for the others: an advisory lock of its own session.

PostgreSQL gives the lock back as it ends the session: at once where the process was killed. It may
also be lost while the process lives, with its connection. So it says who need not be waited for,
and never who may do something: that is for what is checked in the transaction.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from veche.runtime.database.transactions import Cursor

LOCK: Final = 0x7665_6864
"""First half of the advisory locks of processes; the other half is the process's number. SQL asks
``runtime.living`` for these."""


class Presence:
    """This process.

    Attributes:
        number: By which others look for it; another one each time it starts.
    """

    def __init__(self) -> None:
        self.number = secrets.randbelow(2**31 - 1) + 1
        self._is_shown = False

    def show(self, txn: Cursor) -> None:
        """Be seen for as long as this session lives.

        Args:
            txn: Of a session that this process keeps.
        """
        # Shared, since an older session of ours may not be over yet for the server.
        txn.execute("SELECT pg_advisory_lock_shared(%s, %s)", (LOCK, self.number))
        self._is_shown = True

    @property
    def shown_number(self) -> int | None:
        """The number once others can see it; None before: they would take us for gone."""
        return self.number if self._is_shown else None
