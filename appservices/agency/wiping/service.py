"""Wiping what is in clear of cases that ended long ago: answers, texts, keys of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.calls.store import TRIES_KEPT_MS, drop_tries
from appservices.agency.cases import store
from appservices.agency.wiping.core import wiped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.messaging.service import Cleanup
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

CASES_AT_ONCE: Final = 50
"""Cases that one transaction wipes."""


def housekeeping_of(kept_ms: Mapping[UserId, int]) -> Sequence[Cleanup]:
    """Say what is wiped of each office's cases, and after how long.

    Args:
        kept_ms: By the bot of an office: how long after its end a case is kept whole.
    """
    tries = ("words that did not count", _drop_tries, TRIES_KEPT_MS)
    return [*(_job(bot, one) for bot, one in kept_ms.items()), tries]


def _drop_tries(txn: Cursor, before_ms: int) -> int:
    return drop_tries(txn, before_ms)


def _job(bot: UserId, kept_ms: int) -> Cleanup:
    def work(txn: Cursor, before_ms: int) -> int:
        return wipe(txn, bot, before_ms, before_ms + kept_ms)

    return "cases", work, kept_ms


def wipe(txn: Cursor, bot: UserId, before_ms: int, now_ms: int) -> int:
    """Wipe cases of an office that ended before a moment; how many, at most a batch."""
    files = store.cases_to_wipe(txn, bot, before_ms, CASES_AT_ONCE)
    for file in files:
        store.keep_wiped(txn, file, wiped(file.case, now_ms))
    return len(files)
