"""Acts on what came: one transaction for a room's rows, their effects and their end.

Any number of workers, in any number of processes, take rooms that are due; a room is with one of
them at a time, and its rows are done in the order in which they came.

**Rows that wait for a room key.** Keys and events travel apart, so a row whose key is missing waits
``KEY_WAIT_MS``, and later messages of the same sender in that room wait with it, so that nobody's
words are turned round. Other people's messages and all state events go on at once. After that time
the crypto asks for the key and tells the person, and the sender's later messages go on; should the
key come within days after all, the row is done then, late, which every service has to bear anyway.

**Rows that fail.** The transaction is rolled back; the rows before the failing one are done in a
transaction of their own, so that order is kept; the failing one is tried again after 1, 2, 4 and
8 s, while its room rests, and refused after ``FAILURES_MAX`` failures. So a row delays its room for
some 15 s and never blocks it. Failures of the database are not counted.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs
import psycopg2
from psycopg2.errors import QueryCanceled

from veche.protocol.errors import UnavailableError
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.runtime import metrics
from veche.runtime.inbox import store
from veche.runtime.inbox.events import ENCRYPTED
from veche.runtime.inbox.tracking import TRACKED, track
from veche.runtime.ports import NeedsDevices, RefusedEvent, WaitsForKey
from veche.runtime.wake import Bell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import IReactorTime

    from veche.protocol.ids import RoomId, UserId
    from veche.runtime.database import Cursor, Database
    from veche.runtime.inbox.store import Claim, Item
    from veche.runtime.matrix.rooms import Rooms
    from veche.runtime.ports import Devices, Opener, Receiver, RoomHooks
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

WORKERS: Final = 3
"""Rooms that one process works on at once; one database thread stays for the intake."""
KEY_WAIT_MS: Final = 10_000
POLL_MS: Final = 2_000
LEASE_MS: Final = 30_000
"""How long a room is left to the process that asks the homeserver about it."""
ROW_DELAYS_MS: Final = (1_000, 2_000, 4_000, 8_000)

_rows = metrics.counter("veche_inbox_done_total", "Rows by how they ended.", ["end"])
_refused = metrics.counter("veche_inbox_refused_total", "Rows refused, by reason.", ["reason"])
_lag_s = metrics.histogram(
    "veche_inbox_lag_seconds", "From the arrival of an event until it was acted on."
)


class Before(Protocol):
    """Something that the worker writes along in its transaction, before it reads."""
