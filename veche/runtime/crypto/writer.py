"""One writer a device: a lock for liveness, an epoch for safety.

The advisory lock (``locks``) says who tries. The epoch is checked by the first statement of every
transaction that moves a ratchet, so a writer that was replaced commits nothing; and nothing is sent
that was not committed.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import vodozemac as vz
from twisted.internet.defer import DeferredLock

from veche.protocol.errors import UnavailableError
from veche.runtime.crypto import metrics
from veche.runtime.crypto.core.account import own_keys
from veche.runtime.crypto.keys import WrongOperatorKeyError
from veche.runtime.crypto.store import devices

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.runtime.crypto.core.values import OwnKeys
    from veche.runtime.crypto.keys import OperatorKey
    from veche.runtime.crypto.store.devices import DeviceRow
    from veche.runtime.database import Cursor, Database

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

FAILURES_MAX: Final = 5
"""Failed transactions in a row after which a writer gives its lock back."""
WITHHELD_MAX: Final = 1_000
"""Refusals of keys that are remembered, to choose the words of a hint."""

_RETRY_MS: Final = 2_000


class LostWriterError(UnavailableError):
    """Another process writes with this device now; nothing was changed."""

    errcode = "ORG.VECHE.CRYPTO_LOST_WRITER"


class Writer:
    """The right to move the ratchets of one device, while its epoch holds.

    Attributes:
        user_id: The bot.
        own: Public keys of the device.
        is_lost: Whether another writer was seen.
        is_deleted: Whether the homeserver was seen not to know the device.
        withheld: Codes of keys that were refused to us, by (room id, session id).
    """

    def __init__(self, database: Database, row: DeviceRow, key: OperatorKey) -> None:
        key.check(row.pickled_under)
        self._database = database
        self._row = row
        self._turn = DeferredLock()
        self._pickle_key = key.pickle_key(row.user_id, row.device_id)
        self._account: vz.Account | None = self._unpickled(row.account)
        self._is_account_changed = False
        self._failure_count = 0
        self.own: OwnKeys = own_keys(self._account, row.user_id, row.device_id)
        self.user_id = self.own.user_id
        self.is_lost = False
        self.is_deleted = False
        self.withheld: OrderedDict[tuple[str, str], str] = OrderedDict()

    @property
    def device_no(self) -> int:
        """Number of the device in the database."""
        return self._row.device_no

    @property
    def epoch(self) -> int:
        """The epoch that this writer took."""
        return self._row.writer_epoch

    @property
    def pickle_key(self) -> bytes:
        """The key of the device's pickles."""
        return self._pickle_key

    @property
    def is_failing(self) -> bool:
        """Return whether so many transactions failed that another process should try."""
        return self._failure_count >= FAILURES_MAX

    async def run(
        self,
        name: str,
        transaction: Callable[Concatenate[Cursor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a transaction under the epoch, one after another; as ``Database.run``.

        Raises:
            LostWriterError: The epoch is over; nothing was changed.
            Exception: What ``Database.run`` raises.
        """

        def checked(txn: Cursor) -> R:
            if self._is_account_changed:  # by an attempt that was not committed
                self._account, self._is_account_changed = None, False
            self.check(txn)
            return transaction(txn, *args, **kwargs)

        await self._turn.acquire()
        try:
            result = await self._database.run(name, checked)
        except LostWriterError:
            raise
        except Exception:
            self._failure_count += 1
            raise
        else:
            self._failure_count = 0
            self._is_account_changed = False
            return result
        finally:
            self._turn.release()

    def check(self, txn: Cursor) -> None:
        """Raise ``LostWriterError`` unless the epoch holds, until the transaction ends."""
        if self.is_lost or not devices.is_epoch(txn, self.device_no, self.epoch):
            raise self.lost()

    def lost(self) -> LostWriterError:
        """Note that the epoch is over; returns the error to raise."""
        if not self.is_lost:
            self.is_lost = True
            metrics.locks_lost.labels("epoch").inc()
        return LostWriterError(
            f"another process writes for {self.user_id}", retry_after_ms=_RETRY_MS
        )

    def account(self, txn: Cursor) -> vz.Account:
        """The account, to be read; inside ``run`` only."""
        if self._account is None:
            pickle, _ = devices.account_of(txn, self.device_no)
            self._account = self._unpickled(pickle)
        return self._account

    def changing_account(self, txn: Cursor) -> vz.Account:
        """The account, to be changed and then saved; inside ``run`` only.

        If the transaction fails, the object is thrown away: it changed in memory, the row did not.
        """
        self._is_account_changed = True
        return self.account(txn)

    def save_account(self, txn: Cursor) -> None:
        """Store the account, in the transaction that changed it."""
        devices.save_account(
            txn, self.device_no, self.changing_account(txn).pickle(self._pickle_key)
        )

    def note_withheld(self, room_id: str, session_id: str, code: str) -> None:
        """Remember that a key was refused to us; unauthenticated, only for the words of a hint."""
        self.withheld[room_id, session_id] = code
        while len(self.withheld) > WITHHELD_MAX:
            self.withheld.popitem(last=False)

    def _unpickled(self, pickle: str) -> vz.Account:
        try:
            return vz.Account.from_pickle(pickle, self._pickle_key)
        except ValueError as e:
            raise WrongOperatorKeyError(
                f"the account of {self._row.user_id} does not open: damaged"
            ) from e
