"""What the homeserver calls: events pushed in transactions, pings, questions about users.

A bare ``Resource`` and no klein routes: each message of a room costs us one such request or two
(the bot's own message comes back), and klein's routing would add some 60 µs of CPU to each.

Every answer is complete (it has a length): a 200 that ends by closing the connection counts as a
failure for Synapse and marks us as down (measured).

Source: Matrix spec v1.18, "Application Service API"; MSC2659 for the ping.
"""

from __future__ import annotations

import hmac
import json
import logging
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from veche.protocol.errors import UnavailableError
from veche.runtime import metrics
from veche.runtime.web import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from twisted.python.failure import Failure
    from twisted.web.iweb import IRequest

    class Taker(Protocol):
        """Stores pushed events."""

        async def take(self, events: Sequence[object]) -> None:
            """Return once they are committed; raise ``UnavailableError`` if they are not."""


logger = logging.getLogger(__name__)

TRANSACTION_BYTES_MAX: Final = 16 << 20
"""Largest body of a transaction; ``new_site`` refuses a larger one."""
ROOT: Final = b"/_matrix/app/v1/"

_bad = metrics.counter(
    "veche_transactions_bad_total", "Transactions that were refused, by reason.", ["reason"]
)
_EMPTY: Final = b"{}"
_METHODS: Final = {
    b"transactions": b"PUT",
    b"ping": b"POST",
    b"users": b"GET",
    b"rooms": b"GET",
}


class Transactions(Resource):
    """The application service API, to be put at ``_matrix`` of a site."""

    isLeaf = True

    def __init__(self, hs_token: str, taker: Taker) -> None:
        """Make it.

        Args:
            hs_token: Of the registration.
            taker: Stores events.
        """
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._authorization = f"Bearer {hs_token}".encode()
        self._taker = taker

    def render(self, request: IRequest) -> bytes | int:
        """Answer a request; Twisted calls it."""
        given = request.getHeader(b"authorization") or b""
        if not hmac.compare_digest(given, self._authorization):
            _bad.labels("token").inc()
            return _answer(request, 403, "M_FORBIDDEN", "Wrong token")
        kind = _kind(request.path)
        if kind is None:
            return _answer(request, 404, "M_UNRECOGNIZED", "No such route")
        if request.method != _METHODS[kind]:
            return _answer(request, 405, "M_UNRECOGNIZED", "No such method")
        if kind == b"transactions":
            return self._transaction(request)
        if kind == b"ping":
            return _respond(request, 200, _EMPTY)
        # Whatever we make exists before anybody can ask; Synapse waits for this answer.
        return _answer(request, 404, "M_NOT_FOUND", "There is none")

    def _transaction(self, request: IRequest) -> bytes | int:
        try:
            body = json.loads(request.content.read())
            events = body["events"]
        except (ValueError, RecursionError, KeyError, TypeError):
            return self._refuse(request)
        if not isinstance(events, list):
            return self._refuse(request)
        if not events:
            return _respond(request, 200, _EMPTY)
        work = Deferred.fromCoroutine(self._taker.take(events))
        if work.called and not work.paused:
            # Nothing to store: the usual end of what our own bots said.
            result: list[Failure | None] = []
            work.addBoth(result.append)
            return self._end(request, result[0])
        gone: list[bool] = []
        hung_up = request.notifyFinish()  # type: ignore[attr-defined]  # of every Request
        hung_up.addErrback(lambda _: gone.append(True))

        def end(result: Failure | None) -> None:
            if gone:
                return  # the homeserver hung up; it will send it again
            request.write(self._end(request, result))
            request.finish()

        work.addBoth(end)
        return NOT_DONE_YET

    def _end(self, request: IRequest, result: Failure | None) -> bytes:
        if result is None:
            quiet(request)
            return _respond(request, 200, _EMPTY)
        error = result.value
        if isinstance(error, UnavailableError):
            _bad.labels("unavailable").inc()
            logger.warning("a transaction was not stored: %s", error.errcode)
            return _answer(request, 503, error.errcode, "Try again")
        _bad.labels("failed").inc()
        logger.error("a transaction was not stored", exc_info=error)
        return _answer(request, 500, "M_UNKNOWN", "Internal error")

    def _refuse(self, request: IRequest) -> bytes:
        # The homeserver sends it again for ever, and everything behind it waits: an alarm.
        _bad.labels("malformed").inc()
        logger.error("a transaction is not JSON with a list of events: the homeserver is stuck")
        return _answer(request, 400, "M_BAD_JSON", "events must be a list")


def _kind(target: bytes) -> bytes | None:
    if not target.startswith(ROOT):
        return None
    kind, slash, rest = target[len(ROOT) :].partition(b"/")
    has_id = bool(slash and rest) and b"/" not in rest
    return kind if kind in _METHODS and has_id is (kind != b"ping") else None


def _answer(request: IRequest, status: int, errcode: str, text: str) -> bytes:
    body: dict[str, Any] = {"errcode": errcode, "error": text}
    return _respond(request, status, json.dumps(body).encode())


def _respond(request: IRequest, status: int, body: bytes) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"content-length", b"%d" % len(body))
    return body
