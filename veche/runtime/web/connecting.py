"""Attempts to connect, which whoever asked can end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure


def cancellable(connecting: Deferred[Any]) -> Deferred[Any]:
    """An attempt to connect that fails with ``CancelledError`` if it is cancelled.

    Twisted's own fails with ``ConnectingCancelledError``, or with ``DNSLookupError`` if it was
    looking the name up, as if nobody had asked it to end.
    """
    is_cancelled = False

    def cancel(_: Deferred[Any]) -> None:
        nonlocal is_cancelled
        is_cancelled = True
        connecting.cancel()

    def end(result: Any) -> None:
        if not is_cancelled:
            attempt.callback(result)
        elif not isinstance(result, Failure):
            result.abort()  # it came at the last moment, and nobody wants it

    attempt: Deferred[Any] = Deferred(cancel)
    connecting.addBoth(end)
    return attempt
