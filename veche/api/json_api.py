"""JSON APIs for pages: each route is declared once, with the models of what comes and goes.

A feature has one ``Api`` and classes whose methods are its routes; from the same declarations come
checks, answers and the OpenAPI document. A route is one of two kinds::

    @API.transaction("agency.cases", "GET", "/cases", answer=Cases, level=Level.ROOM, summary="…")
    def cases(self, txn: Cursor, call: Call) -> Cases: ...          # all in one transaction

    @API.route("GET", "/cases/<case_id>", answer=Case, level=Level.ROOM, summary="…")
    async def case(self, call: Call) -> Case: ...                   # long polls, other servers

Of the first kind, who asks is found out in the same transaction: a read is one trip.

A person asks by a session, an organisation by its key, and the gate sees to both::

    @API.by_key("refund").transaction("payments.refund", "POST", "/refunds", …)
    @API.sessionless.route("GET", "/heads", …)                      # public, or checked by itself
"""

from __future__ import annotations

import inspect
import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, runtime_checkable
from urllib.parse import quote, unquote

import attrs

from veche.api.bearer import BearerKeys, OrganisationCaller, OrganisationKey
from veche.api.headers import accepted_language, parse_query, read_key, read_query
from veche.api.openapi import document
from veche.api.route import Auth, Download, Route
from veche.protocol.errors import MalformedError, NotFoundError, SignInError, TooLargeError
from veche.protocol.json_reader import LARGE_NODES_MAX, NODES_MAX, read_json
from veche.protocol.texts.catalogue import language_of
from veche.protocol.wire import parse
from veche.runtime.threads import in_thread
from veche.runtime.web import BoundedRequest, header, hide_path, new_app
from veche.runtime.web.bodies import BODY_BYTES_MAX, LargeBody

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.web.iweb import IRequest
    from twisted.web.resource import IResource

    from veche.access.sessions import Session
    from veche.api.gate import Gate
    from veche.protocol.wire import Wire
    from veche.runtime.database import Cursor
    from veche.runtime.web.caller import Caller

__all__ = ["Api", "Call", "Download", "Route"]

_JSON: Final = "application/json"
_METHODS: Final = frozenset(("GET", "POST", "PUT", "DELETE"))

F = TypeVar("F", bound="Callable[..., Any]")


@attrs.frozen
class Call:
    """One request, checked.

    Attributes:
        request: As it came.
        session: Who asks; None only where the route is open to anybody and no token was sent.
        body: Of the route's model of bodies, or bytes where it takes those, else None.
        query: Of the route's model of queries, else None.
        path_args: The arguments in the path, decoded.
        language: Code of a catalogue: of ``?lang=``, of the session, or of ``Accept-Language``.
        address: Who asks, as ``client_address``.
        idempotency_key: At most ``KEY_CHARACTERS_MAX`` printable characters; None only where the
            route does not need it.
        now_ms: When it came, UTC.
        route: Method and path, as declared.
        organisation: Whose key it is; None: the route asks for none.
    """

    request: IRequest
    session: Session | None
    body: Any
    query: Any
    path_args: Mapping[str, str]
    language: str
    address: str
    idempotency_key: str | None
    now_ms: int
    route: str = ""
    organisation: OrganisationCaller | None = None

    @property
    def caller(self) -> OrganisationCaller:
        """The organisation that asks, where the route asks for a key."""
        if self.organisation is None:
            raise SignInError("Please send the key of an organisation")
        return self.organisation

    @property
    def signed_in(self) -> Session:
        """The session, where the route asks for a level."""
        if self.session is None:
            raise SignInError("Please sign in")
        return self.session

    @property
    def key(self) -> str:
        """The idempotency key, where the route needs one."""
        if self.idempotency_key is None:
            raise MalformedError("Idempotency-Key", "is missing")
        return self.idempotency_key

    def header(self, name: str) -> str:
        """Return a header of the request, whatever its bytes; empty if there is none."""
        return header(self.request, name.encode()) or ""


@runtime_checkable
class Admitting(Protocol):
    """Routes that know who asks by the token of a link."""

    async def admit(self, call: Call) -> None:
        """Raise the error of whoever may not send a large body; it is not read yet."""


class Api:
    """The API of one feature.

    Attributes:
        prefix: Path below the origin, such as ``/_veche/agency/v1``.
        title: For its documentation.
        body_bytes_max: Most bytes of a JSON body, where a route does not say another number and
            who asks is known before the body is read.
        routes: As declared.
    """

    def __init__(self, prefix: str, title: str, *, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        """Begin to declare.

        Args:
            prefix: Path below the origin, such as ``/_veche/agency/v1``.
            title: For its documentation.
            body_bytes_max: Most bytes of a JSON body; see above.
        """
        self.prefix = prefix
        self.title = title
        self.body_bytes_max = body_bytes_max
        self.routes: list[Route] = []

    @property
    def mount(self) -> str:
        """Where the resource belongs, for ``ServiceSpec.routes``."""
        return self.prefix.strip("/")

    def route(self, method: str, path: str, **declared: Any) -> Callable[[F], F]:
        """Declare a coroutine ``(self, call) -> answer`` as a route; ``declared`` as in ``Route``.

        Who asks is found out in a transaction of its own.
        """
        return self._declare(None, method, path, declared)

    def transaction(self, name: str, method: str, path: str, **declared: Any) -> Callable[[F], F]:
        """Declare a function ``(self, txn, call) -> answer`` as a route that is one transaction.

        Args:
            name: Of the transaction, for logs and metrics; one of few fixed words.
            method: HTTP method.
            path: As in ``Route``.
            **declared: As in ``Route``.
        """
        return self._declare(name, method, path, declared)

    def by_key(self, scope: str | None = None) -> RouteGroup:
        """Declare routes that organisations ask by a key with a scope; None: by any key."""
        return RouteGroup(self, OrganisationKey(scope))

    @property
    def sessionless(self) -> RouteGroup:
        """Declare routes for which no session counts; see ``Auth.NONE``."""
        return RouteGroup(self, Auth.NONE)

    def resource(self, gate: Gate, *owners: object, keys: BearerKeys | None = None) -> IResource:
        """The routes, bound to what serves them.

        Args:
            gate: Of the process.
            *owners: Objects of the classes whose methods are the routes.
            keys: Of the organisations that may ask; None: there are none.

        Raises:
            ValueError: A route is of no owner's class.
        """
        known = keys or BearerKeys()
        bound = [_Bound(self, gate, known, one, _owner(one, owners)) for one in self.routes]
        resource: Any = self._holder_class(bound).app.resource()
        large = (one.large_body() for one in bound)
        resource.large_bodies = [one for one in large if one.bytes_max > BODY_BYTES_MAX]
        return resource  # type: ignore[no-any-return]  # klein: not annotated

    @cached_property
    def _holder_class(self) -> Any:
        """The class of objects to which klein binds the routes.

        Its table of paths takes longer to build than all else that a resource needs.
        """
        app = new_app()
        for number, route in enumerate(self.routes):
            app.route(route.path or "/", methods=[route.method], endpoint=f"{number}")(
                _endpoint(number)
            )

        def openapi(_routes: object, request: IRequest) -> bytes:
            request.setHeader(b"content-type", _JSON.encode())
            return self._document

        app.route("/openapi.json", methods=["GET"], endpoint="openapi")(openapi)
        # Bound to an object, klein hands errors to the handler in the form that it expects.
        return attrs.make_class("Routes", ["bound"], slots=False, class_body={"app": app})

    @cached_property
    def _document(self) -> bytes:
        # Made when it is first asked for: no start of a process waits for it.
        return json.dumps(document(self)).encode()

    def _declare(
        self, transaction: str | None, method: str, path: str, declared: Mapping[str, Any]
    ) -> Callable[[F], F]:
        if method not in _METHODS:
            raise ValueError(f"no method {method}")

        def keep(function: F) -> F:
            if inspect.iscoroutinefunction(function) != (transaction is None):
                raise ValueError(f"{function.__name__}: a transaction is no coroutine")
            route = Route(
                method=method, path=path, function=function, transaction=transaction, **declared
            )
            if route.takes_other_sites and not route.is_harmless:
                raise ValueError(f"{function.__name__}: pages of other origins only read")
            if route.level is not None and route.auth is not Auth.SESSION:
                raise ValueError(f"{function.__name__}: only sessions have a level")
            self.routes.append(route)
            for made in ("_holder_class", "_document"):
                vars(self).pop(made, None)
            return function

        return keep


@attrs.frozen
class RouteGroup:
    """Declares routes of an API that know in one way who asks."""

    api: Api
    auth: Auth | OrganisationKey

    def route(self, method: str, path: str, **declared: Any) -> Callable[[F], F]:
        """Declare a coroutine as a route; see ``Api.route``."""
        return self.api.route(method, path, auth=self.auth, **declared)

    def transaction(self, name: str, method: str, path: str, **declared: Any) -> Callable[[F], F]:
        """Declare a function that is one transaction as a route; see ``Api.transaction``."""
        return self.api.transaction(name, method, path, auth=self.auth, **declared)


@attrs.frozen
class _Bound:
    """A route and what serves it."""

    api: Api
    gate: Gate
    keys: BearerKeys
    route: Route
    owner: object

    async def respond(self, request: IRequest, path_args: Mapping[str, str]) -> bytes:
        """Answer a request."""
        if self.route.hides_path:
            hide_path(request, self.api.prefix + self.route.path)
        if self.route.takes_other_sites:
            # First of all, so that they can read a refusal, and when to ask again.
            request.setHeader(b"access-control-allow-origin", b"*")
        content = _render(request, self.route, await self._answer(request, path_args))
        if content:
            # Who speaks HTTP/1.0, as some proxies do, would not know where a longer one ends.
            request.setHeader(b"content-length", str(len(content)).encode())
        return content

    @property
    def bytes_max(self) -> int:
        """Most bytes of a body."""
        route, most = self.route, self.route.body_bytes_max
        if route.takes is not None:
            return route.takes_bytes_max
        is_known = route.level is not None or isinstance(route.auth, OrganisationKey)
        if most is None and (is_known or self._admits is not None):
            most = self.api.body_bytes_max
        return most or BODY_BYTES_MAX

    def large_body(self) -> LargeBody:
        """Describe this API's large bodies, which the site must know before it reads a body."""
        path = _pattern(self.api.prefix + self.route.path)
        return LargeBody(self.route.method.encode(), path, self.bytes_max, self._admit)

    @property
    def _admits(self) -> Admitting | None:
        is_link = self.route.auth is Auth.NONE and isinstance(self.owner, Admitting)
        return self.owner if is_link else None  # type: ignore[return-value]  # just looked at

    async def _admit(self, request: BoundedRequest, path: bytes) -> None:
        caller = request.caller = self._caller(request)
        self._organisation(request)
        await self.gate.session(caller, self.route.level)
        found = _pattern(self.api.prefix + self.route.path).fullmatch(path)
        if self._admits is not None and found is not None:
            args = {
                name: unquote(value.decode("latin-1")) for name, value in found.groupdict().items()
            }
            _check_path(args)
            await self._admits.admit(
                Call(request, None, None, None, args, "", caller.address, None, caller.now_ms)
            )

    def _caller(self, request: IRequest) -> Caller:
        route = self.route
        caller = self.gate.caller(
            request,
            route.name,
            route.limit,
            auth=route.auth,
            takes_other_sites=route.takes_other_sites,
        )
        if caller.token is None and route.level is not None:
            raise SignInError("Please sign in")  # before the body says anything
        return caller

    def _organisation(self, request: IRequest) -> OrganisationCaller | None:
        wanted = self.route.auth
        if not isinstance(wanted, OrganisationKey):
            return None
        return self.keys.caller(header(request, b"authorization") or "", wanted)

    async def _answer(self, request: IRequest, path_args: Mapping[str, str]) -> Any:
        route, gate = self.route, self.gate
        # Who sends a large body is known already.
        known: Caller | None = getattr(request, "caller", None)
        caller = self._caller(request) if known is None else gate.still(known)
        organisation = self._organisation(request)
        _check_path(path_args)
        call = _read(request, route, caller, path_args)
        call = attrs.evolve(call, organisation=organisation, body=await self._body(request))
        if route.transaction is not None:
            return await gate.database.run(route.transaction, self._work, caller, call)
        session = await gate.session(caller, route.level)
        return await route.function(self.owner, _of(call, session))

    async def _body(self, request: IRequest) -> Wire | bytes | None:
        model, takes = self.route.body, self.route.takes
        if model is None and takes is None:
            return None
        # Pages of others can have a browser send every type but a few without being asked first.
        kind = (header(request, b"content-type") or "").partition(";")[0].strip().lower()
        wanted = takes or _JSON
        if kind != wanted:
            raise MalformedError("Content-Type", f"should be {wanted}")
        content: bytes = request.content.read(self.bytes_max + 1)
        if len(content) > self.bytes_max:
            raise TooLargeError(f"The body is over {self.bytes_max} bytes. Please send less.")
        if model is None:
            return content
        if len(content) > BODY_BYTES_MAX:
            return await in_thread(self.gate.reactor, _parsed_body, model, content, LARGE_NODES_MAX)
        return _parsed_body(model, content, NODES_MAX)

    def _work(self, txn: Cursor, caller: Caller, call: Call) -> Any:
        session = self.gate.session_in(txn, caller, self.route.level)
        return self.route.function(self.owner, txn, _of(call, session))


def _endpoint(number: int) -> Callable[..., Any]:
    """Make the function that klein calls for a route."""

    async def answer(routes: Any, request: IRequest, **path_args: str) -> bytes:
        answered: bytes = await routes.bound[number].respond(request, path_args)
        return answered

    return answer


def _pattern(path: str) -> re.Pattern[bytes]:
    """Matches the paths that a declared one stands for."""
    parts = re.split(r"<(?:\w+:)?(\w+)>", path)
    # Every second one is the name of an argument.
    parts[0::2] = map(re.escape, parts[0::2])
    parts[1::2] = [f"(?P<{name}>[^/]+)" for name in parts[1::2]]
    return re.compile("".join(parts).encode())


def _check_path(path_args: Mapping[str, str]) -> None:
    if "\0" in "".join(path_args.values()):
        raise NotFoundError("There is no such thing")  # no database takes it


def _parsed_body(model: type[Wire], content: bytes, nodes_max: int) -> Wire:
    return parse(model, read_json(content, nodes_max=nodes_max))


def _owner(route: Route, owners: tuple[object, ...]) -> object:
    name = route.function.__name__
    for owner in owners:
        if getattr(type(owner), name, None) is route.function:
            return owner
    raise ValueError(f"nothing serves {route.method} {route.path}")


def _read(request: IRequest, route: Route, caller: Caller, path_args: Mapping[str, str]) -> Call:
    """The request without its body, as far as it can be read without knowing who asks."""
    values = read_query(request)
    chosen = language_of(values.get("lang", ""))
    return Call(
        request=request,
        session=None,
        body=None,
        query=parse_query(route.query, values) if route.query is not None else None,
        path_args=path_args,
        language=chosen or "",
        address=caller.address,
        idempotency_key=read_key(request, is_needed=route.needs_key),
        now_ms=caller.now_ms,
        route=f"{route.method} {route.path}",
    )


def _of(call: Call, session: Session | None) -> Call:
    """The call of a session, in its language unless the query said another."""
    language = call.language or (language_of(session.language or "") if session else None)
    accepted = "" if language else call.header("accept-language")
    return attrs.evolve(call, session=session, language=language or accepted_language(accepted))


def _render(request: IRequest, route: Route, answer: Any) -> bytes:
    if answer is None:
        request.setResponseCode(204)
        return b""
    request.setResponseCode(route.status)
    if isinstance(answer, Download):
        disposition = f"attachment; filename*=UTF-8''{quote(answer.filename, safe='')}"
        request.setHeader(b"content-disposition", disposition.encode())
        request.setHeader(b"content-type", answer.content_type.encode())
        return answer.content
    request.setHeader(b"content-type", _JSON.encode())
    text: str = answer.model_dump_json()
    return text.encode()
