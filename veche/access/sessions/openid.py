"""OpenID tokens of Matrix homeservers: look up whom a token identifies.

Such a token has no audience and no nonce: any other service that a person ever gave one can bring
it here within the hour, and a homeserver can make one for any of its users. So it signs in at the
lowest level only, and once.

Source: Matrix spec v1.18, Server-Server API, "OpenID"; Client-Server API, "OpenID".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlencode

import attrs
from pydantic import Field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from veche.access.sessions.core import SignInRefusedError, user_id_of
from veche.access.sessions.discovery import parse_server_name
from veche.protocol.errors import MalformedError, UnavailableError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import Wire
from veche.runtime.matrix.client import MatrixError
from veche.runtime.web.outbound import OutboundRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IReactorTime

    from veche.access.sessions.discovery import Discovery, ServerName
    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient
    from veche.runtime.web.http_client import Answer
    from veche.runtime.web.outbound import Outbound

logger = logging.getLogger(__name__)

USERINFO: Final = "/_matrix/federation/v1/openid/userinfo"
TIMEOUT_S: Final = 10.0
"""From finding the homeserver to the last byte of its answer."""
ASKING_MAX: Final = 32
"""Other homeservers that are looked for and asked at a time."""
_RETRY_AFTER_MS: Final = 5_000
_TROUBLE: Final = "Your homeserver is in trouble"
_BUSY: Final = "Too many people are signing in from other servers. Please try again in a moment."
_SLOW: Final = "Your homeserver does not answer"
_REFUSED: Final = "Your homeserver does not vouch for this token"


class OpenIdToken(Wire):
    """A token that a homeserver gave a person to show to others."""

    access_token: str = Field(min_length=1, max_length=2_048, pattern=r"^[!-~]+$")
    """The token."""
    matrix_server_name: str = Field(min_length=1, max_length=255)
    """The homeserver that knows whose it is."""


class OpenIdChecker(Protocol):
    """Asks a homeserver whose a token is."""

    async def person_of(self, token: OpenIdToken) -> UserId:
        """The person.

        Raises:
            SignInRefusedError: The homeserver does not know it, or says somebody who is not its.
            UnavailableError: The homeserver cannot be asked.
        """


@attrs.define(slots=False, eq=False)
class Homeservers:
    """Asks our own homeserver where the operator says it is, others where they say they are."""

    _reactor: IReactorTime
    _client: MatrixClient
    _server_name: str
    _outbound: Outbound
    _discovery: Discovery
    _asking: int = attrs.field(init=False, default=0)

    async def person_of(self, token: OpenIdToken) -> UserId:
        """The person, as ``OpenIdChecker`` says."""
        name = parse_server_name(token.matrix_server_name)
        query = {"access_token": token.access_token}
        if str(name) == self._server_name:
            content = await self._ask_ours(query)
        else:
            content = await self._ask(name, query)
        subject = content.get("sub") if isinstance(content, dict) else None
        try:
            person = user_id_of(subject) if isinstance(subject, str) else None
        except MalformedError:
            person = None
        # A server speaks for its own users and for nobody else's.
        if person is None or person.partition(":")[2] != str(name) or person != subject:
            logger.info("an OpenID token of %s is refused", name)
            raise SignInRefusedError(_REFUSED)
        return person

    async def _ask_ours(self, query: Mapping[str, str]) -> Any:
        try:
            # Who sends any token counts as another homeserver in Synapse, and is refused where
            # there is a whitelist of domains.
            return await self._client.get_as_nobody(USERINFO, query, timeout_s=TIMEOUT_S)
        except MatrixError as e:
            if e.errcode == "M_UNRECOGNIZED":
                logger.warning(
                    "our homeserver does not say whose OpenID tokens are: add the resource `openid`"
                    " to its listener at homeserver.url"
                )
            if e.status >= 500:  # noqa: PLR2004 -- HTTP: it may be better later
                raise UnavailableError(_TROUBLE, retry_after_ms=_RETRY_AFTER_MS) from e
            raise SignInRefusedError(_REFUSED) from e

    async def _ask(self, name: ServerName, query: Mapping[str, str]) -> Any:
        if self._asking >= ASKING_MAX:
            raise UnavailableError(_BUSY, retry_after_ms=_RETRY_AFTER_MS)
        self._asking += 1
        try:
            return await self._asked(name, query)
        finally:
            self._asking -= 1

    async def _asked(self, name: ServerName, query: Mapping[str, str]) -> Any:
        work = Deferred.fromCoroutine(self._found_and_asked(name, query))
        try:
            answer = await work.addTimeout(TIMEOUT_S, self._reactor)
        except DeferredTimeoutError as e:
            raise UnavailableError(_SLOW, retry_after_ms=_RETRY_AFTER_MS) from e
        except OutboundRefusedError as e:
            raise SignInRefusedError("Your homeserver cannot be asked from here") from e
        if answer.status >= 500:  # noqa: PLR2004 -- HTTP: it may be better later
            raise UnavailableError(_TROUBLE, retry_after_ms=_RETRY_AFTER_MS)
        if answer.status != 200:  # noqa: PLR2004 -- HTTP
            raise SignInRefusedError(_REFUSED)
        try:
            return read_json(answer.body, where="answer")
        except MalformedError as e:
            raise SignInRefusedError(_REFUSED) from e

    async def _found_and_asked(self, name: ServerName, query: Mapping[str, str]) -> Answer:
        place = await self._discovery.place_of(name)
        return await self._outbound.get(place, f"{USERINFO}?{urlencode(query)}")
