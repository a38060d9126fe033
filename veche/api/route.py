"""The declaration of an API's route; ``api`` serves it, ``openapi`` describes it."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.access.sessions import Level
    from veche.api.bearer import OrganisationKey
    from veche.protocol.wire import Wire
    from veche.runtime.web.limits import Limit

_ARGUMENT: Final = re.compile(r"<(?:\w+:)?(\w+)>")


class Auth(enum.Enum):
    """How a route knows who asks, where that is not by the key of an organisation."""

    SESSION = "session"
    """By the session of a person, at the level of the route."""
    NONE = "none"
    """The gate asks nobody. The route is public, or checks a link or a signature by itself."""


@attrs.frozen
class Download:
    """A file as an answer, to be kept and not shown.

    Attributes:
        content: The file.
        content_type: Such as ``application/pdf``.
        filename: What it is called there.
    """

    content: bytes
    content_type: str
    filename: str


@attrs.frozen
class Route:
    """A route, as declared.

    Attributes:
        path: Below the prefix of its API, such as ``/cases/<case_id>``; empty for the prefix.
        body: Model of the body, None: there is none.
        takes: Content type of a body that is not JSON: it is taken as bytes. None: it is JSON.
        body_bytes_max: Most bytes of a JSON body; None: as its API says.
        takes_bytes_max: Most bytes of a body that is not JSON.
        takes_model: What the route makes of such a body, for the documentation; None: a file.
        query: Model of the query, whose values are read from text.
        answer: What a success is; None: nothing, with status 204.
        auth: How it knows who asks.
        level: What the session has to have at least; None: open to anybody.
        limit: For one client address, beside those for all routes.
        needs_key: It asks for an ``Idempotency-Key``.
        takes_other_sites: Scripts of pages of any origin may ask, and read the answer. Only of what
            is read by whoever knows the address, without a session, key or body.
        hides_path: An argument of the path is a secret, so logs show the path as declared.
        transaction: Name of the transaction that is all of it; None: it is a coroutine.
        function: Of the class of routes.
    """

    method: str
    path: str
    summary: str
    answer: type[Wire] | type[Download] | None
    function: Callable[..., Any]
    body: type[Wire] | None = None
    body_bytes_max: int | None = None
    takes: str | None = None
    takes_bytes_max: int = 0
    takes_model: type[Wire] | None = None
    query: type[Wire] | None = None
    auth: Auth | OrganisationKey = Auth.SESSION
    level: Level | None = None
    limit: Limit | None = None
    needs_key: bool = False
    takes_other_sites: bool = False
    hides_path: bool = False
    transaction: str | None = None
    status: int = 200

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.function.__qualname__

    @property
    def is_harmless(self) -> bool:
        """Return whether it only reads, with the same answer for every caller."""
        return self.auth is Auth.NONE and self.method == "GET" and not self.needs_key

    @property
    def arguments(self) -> list[str]:
        """Arguments in the path."""
        return _ARGUMENT.findall(self.path)
