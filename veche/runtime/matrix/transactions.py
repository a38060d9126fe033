"""Endpoints for the homeserver: events pushed in transactions, pings, questions about users.

The usual push comes by ``pushes``, which does without Twisted's HTTP; what is here of HTTP serves
everything else.

Every answer is complete (it has a length): a 200 that ends by closing the connection counts as a
failure for Synapse and marks us as down (measured).

Source: Matrix spec v1.18, "Application Service API"; MSC2659 for the ping.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from veche.protocol.errors import ForbiddenError, MalformedError, UnavailableError
from veche.protocol.json_reader import read_relayed
from veche.runtime import metrics
from veche.runtime.web import quiet
from veche.runtime.web.bodies import LargeBody

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from twisted.python.failure import Failure
    from twisted.web.iweb import IRequest

    class Taker(Protocol):
        """Stores pushed events."""

        async def take(self, events: Sequence[object]) -> None:
            """Return once they are committed; raise ``UnavailableError`` if they are not."""


logger = logging.getLogger(__name__)

TRANSACTION_BYTES_MAX: Final = 16 << 20
"""Largest body of a transaction."""
ROOT: Final = b"/_matrix/app/v1/"

_bad = metrics.counter(
    "veche_transactions_bad_total", "Transactions that were refused, by reason.", ["reason"]
)
_EMPTY: Final = b"{}"
PUSH: Final = b"transactions"
METHODS: Final = {PUSH: b"PUT", b"ping": b"POST", b"users": b"GET", b"rooms": b"GET"}


class Transactions(Resource):
    """The application service API, to be put at ``_matrix`` of a site."""

    isLeaf = True

    def __init__(self, hs_token: str, taker: Taker) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._authorization = f"Bearer {hs_token}".encode()
        self._taker = taker

    def render(self, request: IRequest) -> bytes | int:
        """Answer a request; Twisted calls it."""
        if not self.is_authorized(request.getHeader(b"authorization") or b""):
            _bad.labels("token").inc()
            return _answer(request, 403, "M_FORBIDDEN", "Wrong token")
        kind = kind_of(request.path)
        if kind is None:
            return _answer(request, 404, "M_UNRECOGNIZED", "No such route")
        if request.method != METHODS[kind]:
            return _answer(request, 405, "M_UNRECOGNIZED", "No such method")
        gone: list[bool] = []
        hung_up = request.notifyFinish()  # type: ignore[attr-defined]  # of every Request
        hung_up.addErrback(lambda _: gone.append(True))

        def answer(status: int, body: bytes) -> None:
            if gone:
                return  # the homeserver hung up; it will send it again
            if status == HTTPStatus.OK and kind == PUSH:
                quiet(request)
            request.write(_respond(request, status, body))
            request.finish()

        self.handle(kind, request.content.read(), answer)
        return NOT_DONE_YET

    @property
    def large_body(self) -> LargeBody:
        """How large a push may be, for the site that has the resource."""
        path = re.compile(re.escape(ROOT + PUSH) + b"/.+")
        return LargeBody(METHODS[PUSH], path, TRANSACTION_BYTES_MAX, self._admit)

    async def _admit(self, request: IRequest, _path: bytes) -> None:
        if not self.is_authorized(request.getHeader(b"authorization") or b""):
            _bad.labels("token").inc()
            raise ForbiddenError("Wrong token")

    def is_authorized(self, given: bytes) -> bool:
        """Return whether an Authorization header has the homeserver's token."""
        return hmac.compare_digest(given, self._authorization)

    def handle(self, kind: bytes, body: bytes, answer: Callable[[int, bytes], None]) -> None:
        """Do what is asked and give status and body of the answer, once it is done.

        Args:
            kind: From ``kind_of``; the request was authorized.
            body: Of the request.
            answer: Called once.
        """
        if kind == PUSH:
            self._push(body, answer)
        elif kind == b"ping":
            answer(200, _EMPTY)
        else:
            # Whatever we make exists before anybody can ask; Synapse waits for this answer.
            answer(404, _error("M_NOT_FOUND", "There is none"))

    def _push(self, body: bytes, answer: Callable[[int, bytes], None]) -> None:
        try:
            events = read_relayed(body)["events"]
        except (MalformedError, KeyError, TypeError):
            events = None
        if not isinstance(events, list):
            # The homeserver sends it again for ever, and everything behind it waits: an alarm.
            _bad.labels("malformed").inc()
            logger.error("a transaction is not JSON with a list of events: the homeserver is stuck")
            answer(400, _error("M_BAD_JSON", "events must be a list"))
        elif not events:
            answer(200, _EMPTY)
        else:
            work = Deferred.fromCoroutine(self._taker.take(events))
            work.addBoth(lambda result: answer(*_outcome(result)))


def _outcome(result: Failure | None) -> tuple[int, bytes]:
    if result is None:
        return 200, _EMPTY
    error = result.value
    if isinstance(error, UnavailableError):
        _bad.labels("unavailable").inc()
        logger.warning("a transaction was not stored: %s", error.errcode)
        return 503, _error(error.errcode, "Try again")
    _bad.labels("failed").inc()
    logger.error("a transaction was not stored", exc_info=error)
    return 500, _error("M_UNKNOWN", "Internal error")


def kind_of(target: bytes) -> bytes | None:
    """Return the kind of request of a path, a key of ``METHODS``; None if there is none."""
    if not target.startswith(ROOT):
        return None
    kind, slash, rest = target[len(ROOT) :].partition(b"/")
    has_id = bool(slash and rest) and b"/" not in rest
    return kind if kind in METHODS and has_id is (kind != b"ping") else None


def _answer(request: IRequest, status: int, errcode: str, text: str) -> bytes:
    return _respond(request, status, _error(errcode, text))


def _error(errcode: str, text: str) -> bytes:
    body: dict[str, Any] = {"errcode": errcode, "error": text}
    return json.dumps(body).encode()


def _respond(request: IRequest, status: int, body: bytes) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"content-length", b"%d" % len(body))
    return body
