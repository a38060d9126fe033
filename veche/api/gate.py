"""Access control of APIs: sessions, levels and rate limits."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from veche.api.route import Auth
from veche.protocol.errors import ForbiddenError, LevelTooLowError, LimitError, SignInError
from veche.runtime.web import header
from veche.runtime.web.caller import Caller
from veche.runtime.web.limits import Buckets, Limit
from veche.runtime.web.public import client_address

if TYPE_CHECKING:
    from twisted.web.iweb import IRequest

    from veche.access.sessions import Level, Session
    from veche.api.bearer import OrganisationKey
    from veche.runtime.database import Cursor, Database

ADDRESS_LIMIT: Final = Limit(burst=300, per_s=100)
"""For one client address, over all routes of a process; many people may share one."""
SESSION_LIMIT: Final = Limit(burst=60, per_s=20)
"""For one session, over all routes of a process."""
TOKEN_CHARACTERS_MAX: Final = 128
"""Longest bearer token that is looked at."""
_OTHER_SITES: Final = frozenset(("cross-site", "same-site"))
"""Of ``Sec-Fetch-Site``, which every browser sends and no page can change (W3C Fetch Metadata)."""

_BEARER: Final = re.compile(
    rf"Bearer ([A-Za-z0-9._~+/=-]{{1,{TOKEN_CHARACTERS_MAX}}})", re.IGNORECASE
)


class Authenticator(Protocol):
    """Finds out whose a token is: ``veche.access.sessions.Sessions``."""

    async def authenticate(self, token: str, now_ms: int) -> Session:
        """The session of a token.

        Raises:
            SignInError: There is none, or not any more.
        """

    def authenticated(self, txn: Cursor, token: str, now_ms: int) -> Session:
        """As ``authenticate``, in a transaction of the caller."""


class Gate:
    """The gate of one process, before all its APIs.

    Attributes:
        database: For transactions of routes.
        reactor: Clock and threads.
    """

    def __init__(
        self,
        database: Database,
        reactor: Any,
        sessions: Authenticator,
        *,
        trust_forwarded: bool = False,
        address_limit: Limit = ADDRESS_LIMIT,
        session_limit: Limit = SESSION_LIMIT,
    ) -> None:
        self.database = database
        self.reactor = reactor
        self._sessions = sessions
        self._trust_forwarded = trust_forwarded
        self._addresses = Buckets(address_limit)
        self._tokens = Buckets(session_limit)
        self._routes: dict[Limit, Buckets] = {}

    def now_ms(self) -> int:
        """Return the moment, UTC."""
        return int(self.reactor.seconds() * 1000)

    def caller(
        self,
        request: IRequest,
        route: str,
        limit: Limit | None,
        *,
        auth: Auth | OrganisationKey = Auth.SESSION,
        takes_other_sites: bool = False,
    ) -> Caller:
        """Let a request in.

        Args:
            request: As it came.
            route: Its name, for ``limit``.
            limit: Of the route, for one client address, beside the gate's own.
            auth: How the route knows who asks. The token of a session spends of its limit.
            takes_other_sites: Pages of other origins may have a browser ask.

        Raises:
            LimitError: It is one too many.
            ForbiddenError: A page of another origin has a browser ask.
        """
        now_s = self.reactor.seconds()
        address = client_address(request, trust_forwarded=self._trust_forwarded)
        _check(self._addresses.spend(address, now_s))
        if limit is not None:
            buckets = self._routes.setdefault(limit, Buckets(limit))
            _check(buckets.spend(f"{route} {address}", now_s))
        if header(request, b"sec-fetch-site") in _OTHER_SITES and not takes_other_sites:
            raise ForbiddenError("Only pages of this address may ask")
        found = _BEARER.fullmatch(header(request, b"authorization") or "")
        token = found[1] if found and auth is Auth.SESSION else None
        if token is not None:
            # Not the token itself: memory is dumped more easily than a digest is turned round.
            _check(self._tokens.spend(hashlib.sha256(token.encode()).hexdigest(), now_s))
        return Caller(address, token, int(now_s * 1000))

    def still(self, caller: Caller) -> Caller:
        """Return who was let in before, at the present moment."""
        return attrs.evolve(caller, now_ms=self.now_ms())

    async def session(self, caller: Caller, level: Level | None) -> Session | None:
        """Return the caller's session, at ``level`` at least; None only if none is needed or sent.

        Raises:
            SignInError: The token is missing, or none of a session.
            LevelTooLowError: The session is below ``level``.
        """
        if caller.token is None:
            _check_open(level)
            return None
        session = await self._sessions.authenticate(caller.token, caller.now_ms)
        return _at_least(session, level)

    def session_in(self, txn: Cursor, caller: Caller, level: Level | None) -> Session | None:
        """As ``session``, in the transaction of the route."""
        if caller.token is None:
            _check_open(level)
            return None
        session = self._sessions.authenticated(txn, caller.token, caller.now_ms)
        return _at_least(session, level)


def _check_open(level: Level | None) -> None:
    if level is not None:
        raise SignInError("Please sign in")


def _at_least(session: Session, level: Level | None) -> Session:
    if level is not None and session.level < level:
        raise LevelTooLowError(
            "Please sign in with a link from the bot for this", required=level.label
        )
    return session


def _check(retry_after_ms: int) -> None:
    if retry_after_ms:
        raise LimitError("Too many requests", retry_after_ms=retry_after_ms)
