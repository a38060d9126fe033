"""JSON over HTTP: klein routes, one place where errors become answers, bounded bodies, one line.

Each request has an id, which its answer carries (``X-Request-ID``) and every line that is logged
on its behalf, wherever in the call chain.
"""

from __future__ import annotations

import contextvars
import functools
import json
import logging
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.web.http import RESPONSES
from twisted.web.server import Request, Site
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from veche.protocol.errors import NotFoundError, TooLargeError, TooSlowError, VecheError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import Wire, parse
from veche.runtime import metrics
from veche.runtime.log import REQUEST_ID
from veche.runtime.web.bodies import (
    BODY_BYTES_MAX,
    DRAINED_BYTES_MAX,
    LARGE_ADDRESS_BYTES_MAX,
    LARGE_TOTAL_BYTES_MAX,
    SMALL_ADDRESS_BYTES_MAX,
    SMALL_TOTAL_BYTES_MAX,
    Holding,
)
from veche.runtime.web.connecting import Channel
from veche.runtime.web.error_answers import begin_of, forget, is_text, shown_path, told_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure
    from twisted.web.iweb import IRequest
    from twisted.web.resource import IResource

    from veche.runtime.web.bodies import LargeBody
    from veche.runtime.web.caller import Caller

logger = logging.getLogger(__name__)

W = TypeVar("W", bound=Wire)


IDLE_S_MAX: Final = 60
"""How long a connection may say nothing."""
REFUSED_IDLE_S_MAX: Final = 3
"""... once its request was refused, while the rest of the body is thrown away."""
ARRIVAL_S_MAX: Final = 120
"""How long a request may take to arrive, however steadily it drips."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_OF_REFUSALS: Final = ((b"content-type", b"application/json"), (b"connection", b"close"))
_REQUEST_ID: Final = re.compile(rb"^[A-Za-z0-9._-]{1,64}$")

_duration_s = metrics.histogram(
    "veche_http_request_seconds", "From the end of a request to the end of its answer.", ["status"]
)
# Looking a label up costs more than counting.
_duration_of: Final = functools.cache(_duration_s.labels)


def new_app() -> Klein:
    """A klein app whose errors are JSON; make it an attribute of the class of the routes."""
    app = Klein()
    app.handle_errors(_answer_error)
    return app


def json_body(request: IRequest, model: type[W]) -> W:
    """The request's body as a ``model``.

    What programs read differently is refused: a key that is there twice, numbers that are none or
    too large; and what no text may hold: NUL, and half of a surrogate pair.

    Raises:
        MalformedError: It is not JSON, or not of that form.
    """
    return parse(model, read_json(request.content.read()))


def header(request: IRequest, name: bytes) -> str | None:
    """The last header of a name, whatever its bytes; None if there is none."""
    value: bytes | None = request.getHeader(name)
    return None if value is None else value.decode("latin-1")


def json_answer(request: IRequest, status: int, body: dict[str, Any]) -> bytes:
    """Set status and type of the answer; the result is its body, for the route to return."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(body).encode()


# The first argument is the routes object; klein's type for this insists on the name.
def _answer_error(self: object, request: IRequest, failure: Failure) -> bytes:  # noqa: ARG001
    try:
        return _answer_to(request, failure.value)
    finally:
        forget(failure.value)


def _answer_to(request: IRequest, error: BaseException | None) -> bytes:
    if isinstance(error, VecheError):
        return _answer_veche_error(request, error)
    if isinstance(error, HTTPException):
        # werkzeug's redirects (/a//b to /a/b) are refused like any other unknown path.
        # The path may be that of a route whose argument is a secret, with another method.
        hide_path(request, begin_of(request.path))
        status = 405 if error.code == 405 else 404  # noqa: PLR2004
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            request.setHeader(b"allow", ", ".join(sorted(error.valid_methods)).encode())
        return json_answer(request, status, {"errcode": "M_UNRECOGNIZED", "error": "No such route"})
    return _answer_bug(request, error)


def _answer_bug(request: IRequest, error: BaseException | None) -> bytes:
    logger.error(
        "unhandled error for %s %s",
        request.method.decode(errors="replace"),
        shown_path(getattr(request, "logged_path", None) or request.path),
        exc_info=error,
    )
    return json_answer(request, 500, {"errcode": "M_UNKNOWN", "error": "Internal error"})


def _answer_veche_error(request: IRequest, error: VecheError) -> bytes:
    status, headers, body = told_of(error)
    for name, value in headers:
        request.setHeader(name, value)
    return json_answer(request, status, body)


def observe_answer(status: int, taken_s: float) -> None:
    """Count an answer that no site wrote."""
    _duration_of(str(status)).observe(taken_s)


def quiet(request: IRequest) -> None:
    """Log the answer at DEBUG: it is one of very many that say nothing new."""
    if isinstance(request, BoundedRequest):
        request.log_level = logging.DEBUG


def hide_path(request: IRequest, shown: str) -> None:
    """Log another path than that of the request, in which a secret stands."""
    if isinstance(request, BoundedRequest):
        request.logged_path = shown.encode()


class BoundedRequest(Request):
    """A request with an id, whose body stays under its site's bound; Twisted has no bound.

    Attributes:
        log_level: Of the line about its answer.
        logged_path: Shown there instead of its own.
    """

    log_level = logging.INFO
    logged_path: bytes | None = None
    caller: Caller | None = None
    request_id = ""
    _received_bytes = 0
    _received_at_s = 0.0
    _refused = False
    _held: tuple[Holding, str, int] | None = None
    _is_asking = _is_whole = False
    _asking: Deferred[None] | None = None
    _arrived: tuple[bytes, bytes, bytes] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self.site: BoundedSite = self.channel.site  # type: ignore[attr-defined]  # Twisted: set by Site
        self._bytes_max = self.site.body_bytes_max
        self._alarm = self.site.clock.callLater(ARRIVAL_S_MAX, self.too_slow)
        self.channel.setTimeout(IDLE_S_MAX)

    def gotLength(self, length: int | None) -> None:
        """Refuse a body that is too large, or that its sender may not send, before it arrives."""
        # Twisted tells a request its method and path only once the body is there.
        method, path = getattr(self.channel, "_command", b""), getattr(self.channel, "_path", b"")
        path = path.partition(b"?")[0]
        large = self.site.large_body_of(method, path)
        self._bytes_max = self.site.body_bytes_max if large is None else large.bytes_max
        if length is not None and length > self._bytes_max:
            most = f"The body is over {self._bytes_max} bytes. Please send less."
            self._refuse(TooLargeError(most), length)
            return
        super().gotLength(length)  # type: ignore[no-untyped-call]  # Twisted: not annotated
        if large is not None and (length is None or length > BODY_BYTES_MAX):
            self._is_asking = self._is_whole = True
            self._asking = Deferred.fromCoroutine(self._ask(large.admit(self, path), length))
            if self._is_asking:
                self._network.pauseProducing()

    async def _ask(self, admitted: Awaitable[None], length: int | None) -> None:
        """Take a large body once its sender may send it, and there is room for it."""
        # Who asks first whether to send the body waits for the answer.
        expected = self.requestHeaders.getRawHeaders(b"expect")
        self.requestHeaders.removeHeader(b"expect")
        try:
            await admitted
            self._hold(length or self._bytes_max)
        except Exception as e:  # noqa: BLE001 -- the edge of the request: answered
            self._refuse(e, length)
            return
        self._is_asking = False
        if expected:
            self.channel.write(_CONTINUE)
        self._network.resumeProducing()
        if self._arrived is not None:
            super().requestReceived(*self._arrived)  # type: ignore[no-untyped-call]

    @property
    def _network(self) -> Any:
        return self.channel.transport

    def _hold(self, count: int) -> None:
        """Count bytes of the body among those that are held: of a small one, as they come."""
        address = self.site.address_of(self)
        is_large = self._is_whole or self.site.body_bytes_max > BODY_BYTES_MAX
        holding = self.site.large if is_large else self.site.small
        holding.take(address, count)
        self._held = holding, address, count + (self._held[2] if self._held else 0)

    def _refuse(self, error: BaseException, length: int | None) -> None:
        """Answer at once, throw away what is still sent, and end the connection."""
        self._refused, self._is_asking = True, False
        if isinstance(error, CancelledError):
            return  # the client left
        self._close_content()
        # Who asks first whether to send the body is not told to go on.
        self.requestHeaders.removeHeader(b"expect")
        self._name()
        path = getattr(self.channel, "_path", b"")
        self.method, self.uri = getattr(self.channel, "_command", b""), path
        # Nobody has looked yet whether the path has a secret in it.
        hide_path(self, begin_of(path))
        if isinstance(error, VecheError):
            self.code, headers, told = told_of(error)
            body = json.dumps(told).encode()
        else:
            headers, body = [], _answer_bug(self, error)
        forget(error)
        for name, value in (*headers, *_OF_REFUSALS, (b"content-length", b"%d" % len(body))):
            self.responseHeaders.setRawHeaders(name, [value])
        reason = RESPONSES.get(self.code, b"Refused")
        self.channel.writeHeaders(b"HTTP/1.1", b"%d" % self.code, reason, self.responseHeaders)
        self.channel.write(body)
        self.sentLength = len(body)
        self.site.log(self)
        if self._arrived is not None or (length or 0) > DRAINED_BYTES_MAX:
            self.channel.loseConnection()
        else:
            self.channel.setTimeout(REFUSED_IDLE_S_MAX)
            self._network.resumeProducing()

    def handleContentChunk(self, data: bytes) -> None:
        """Drop the connection when a body that did not say its length grows too large."""
        self._received_bytes += len(data)
        most = DRAINED_BYTES_MAX if self._refused else self._bytes_max
        if self._received_bytes > most:
            self._refused = True
            self._close_content()
            self.channel.forceAbortClient()
        elif not self._refused:
            try:
                self._hold(0 if self._is_whole else len(data))
            except VecheError as e:
                self._refuse(e, None)
            else:
                super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer the request, unless it was refused, once its body is admitted."""
        self._end_alarm()
        if self._refused:
            self.channel.loseConnection()
        elif self._is_asking:
            self._arrived = (command, path, version)
        elif not is_text(path):
            self._refuse(NotFoundError("No such route"), None)
            self.channel.loseConnection()
        else:
            super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def _name(self) -> None:
        """Give the request its id, and its answer the headers of the site."""
        self._received_at_s = self.site.clock.seconds()
        given = self.getHeader(b"x-request-id") or b""
        self.request_id = given.decode() if _REQUEST_ID.match(given) else secrets.token_hex(8)
        headers = self.responseHeaders
        headers.setRawHeaders(b"x-request-id", [self.request_id.encode()])
        for name, value in self.site.headers:
            headers.setRawHeaders(name, [value])

    def _close_content(self) -> None:
        if self.content is not None:
            self.content.close()

    def process(self) -> None:
        """Answer the request in a context of its own, which knows its id."""
        self._name()
        self.site.began(self)
        context = contextvars.copy_context()
        context.run(REQUEST_ID.set, self.request_id)
        context.run(super().process)

    def getRequestHostname(self) -> bytes:
        """Always the same: no route depends on it, and the header can be anything."""
        return b"localhost"

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer what nobody caught as every other error; Twisted would write HTML."""
        request: Any = self
        body = _answer_bug(request, reason.value)
        request.setHeader(b"content-length", str(len(body)).encode())
        request.write(body)
        request.finish()
        return reason

    def finish(self) -> None:
        """The answer is whole."""
        super().finish()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._end()

    def connectionLost(self, reason: Failure) -> None:
        """The client left before the answer was written, or before it had asked."""
        if self.request_id and not self._refused:
            logger.info(
                "%s: the client left after %d ms", self.request_id, round(self.taken_s() * 1000)
            )
        self._end_alarm()
        if self._is_asking and self._asking is not None:
            self._asking.cancel()
        self._end()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted: not annotated

    def _end(self) -> None:
        """Nothing of the request is held any more."""
        held, self._held = self._held, None
        if held is not None:
            held[0].give_back(*held[1:])
        self.site.ended(self)

    def too_slow(self) -> None:
        """It does not arrive: say so once, where anything was asked, and end the connection."""
        if self._refused or self._is_asking or not getattr(self.channel, "_path", b""):
            self._refused = True
            self.channel.forceAbortClient()
        else:
            self._refuse(TooSlowError("This did not arrive in time."), DRAINED_BYTES_MAX + 1)

    def _end_alarm(self) -> None:
        if self._alarm.active():
            self._alarm.cancel()

    def taken_s(self) -> float:
        """How long the answer took until now."""
        return self.site.clock.seconds() - self._received_at_s


class BoundedSite(Site):
    """A site that bounds bodies and logs each answer once, without the query and the headers.

    Attributes:
        body_bytes_max: Largest body.
        headers: Of every answer, unless it says another.
        clock: Measures how long answers take.
        address_of: Who asks, for the bounds of what is held.
        large: Bodies over ``BODY_BYTES_MAX`` that are held.
        small: All others.
    """

    def __init__(
        self,
        root: IResource,
        reactor: IReactorTime,
        body_bytes_max: int,
        headers: Sequence[tuple[bytes, bytes]],
        large_bodies: Sequence[LargeBody],
        address_of: Callable[[IRequest], str],
    ) -> None:
        # Bodies are not parsed as forms: Twisted would hold a whole multipart body in memory.
        super().__init__(  # type: ignore[no-untyped-call]  # Twisted: not annotated
            root,
            requestFactory=BoundedRequest,
            parsePOSTFormSubmission=False,
            reactor=reactor,
            timeout=IDLE_S_MAX,
        )
        self.protocol: Any = Channel
        self.body_bytes_max = body_bytes_max
        self.headers = tuple(headers)
        self.clock = reactor
        self.address_of = address_of
        self.large = Holding(LARGE_ADDRESS_BYTES_MAX, LARGE_TOTAL_BYTES_MAX)
        self.small = Holding(SMALL_ADDRESS_BYTES_MAX, SMALL_TOTAL_BYTES_MAX)
        self._large_bodies = tuple(large_bodies)
        self._running: set[BoundedRequest] = set()
        self._drained: Deferred[None] | None = None

    def large_body_of(self, method: bytes, path: bytes) -> LargeBody | None:
        """Return the rules for large bodies of a request's route, if it has any."""
        fits = (one for one in self._large_bodies if one.method == method)
        return next((one for one in fits if one.path.fullmatch(path)), None)

    def began(self, request: BoundedRequest) -> None:
        """A request has arrived."""
        self._running.add(request)

    def ended(self, request: BoundedRequest) -> None:
        """It is answered, or its client has left."""
        self._running.discard(request)
        drained = self._drained
        if drained is not None and not self._running:
            self._drained = None
            drained.callback(None)

    async def drained(self, timeout_s: float) -> None:
        """Wait until all requests are answered, at most ``timeout_s``."""
        if self._running:
            drained = self._drained = Deferred()
            alarm = self.clock.callLater(timeout_s, self._give_up, drained)
            await drained
            if alarm.active():
                alarm.cancel()

    def _give_up(self, drained: Deferred[None]) -> None:
        if self._drained is drained:
            self._drained = None
            drained.callback(None)

    def log(self, request: Any) -> None:
        """One line, once the answer is written; Twisted calls it."""
        taken_s = request.taken_s()
        _duration_of(str(request.code)).observe(taken_s)
        if not logger.isEnabledFor(request.log_level):
            return
        context = contextvars.copy_context()
        context.run(REQUEST_ID.set, request.request_id)
        context.run(
            logger.log,
            request.log_level,
            "%s %s %d %d bytes %d ms",
            request.method.decode("ascii", errors="replace"),
            shown_path(request.logged_path or request.uri),
            request.code,
            request.sentLength,
            round(taken_s * 1000),
        )


def new_site(
    root: IResource,
    reactor: IReactorTime,
    *,
    body_bytes_max: int = BODY_BYTES_MAX,
    headers: Sequence[tuple[bytes, bytes]] = (),
    large_bodies: Sequence[LargeBody] = (),
    address_of: Callable[[IRequest], str] | None = None,
) -> BoundedSite:
    """A site that answers from ``root``.

    Args:
        root: What to serve, such as ``Routes().app.resource()``.
        reactor: Its clock ends idle connections.
        body_bytes_max: Largest body of a request.
        headers: Of every answer, errors too, unless it says another.
        large_bodies: Routes with larger bodies, beside those that ``root`` names itself.
        address_of: Who asks, for the bounds of what is held; None: whoever connects.
    """
    who = address_of or (lambda one: getattr(one.getClientAddress(), "host", None) or "")
    large = (*large_bodies, *getattr(root, "large_bodies", ()))
    return BoundedSite(root, reactor, body_bytes_max, headers, large, who)
