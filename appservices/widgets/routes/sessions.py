"""The API of signing in: codes, links and OpenID tokens become sessions, and sessions end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from veche.access.sessions import Level, OpenIdToken
from veche.access.sessions.core import CODE_DIGITS, IDLE_MS_MAX, OFFER_MS
from veche.api import Api, Call
from veche.chat import people
from veche.protocol.errors import MalformedError
from veche.protocol.texts.catalogue import LANGUAGES, language_of
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from veche.access.sessions import Session, Sessions, SignedIn
    from veche.runtime.database import Cursor

API: Final = Api("/_veche/sessions/v1", "Signing in on pages")

ASK_LIMIT: Final = Limit(burst=30, per_s=0.2)
"""For one client address: asking for codes. What all processes count is in the core's limits."""
REDEEM_LIMIT: Final = Limit(burst=30, per_s=1)
"""For one client address: bringing codes and links."""
OPENID_LIMIT: Final = Limit(burst=20, per_s=0.5)
"""For one client address: each has us ask a server that it names."""

TEXT_CHARACTERS_MAX: Final = 300


class CodeAsked(Wire):
    """For whom a code is asked."""

    person: str = Field(max_length=TEXT_CHARACTERS_MAX, examples=["@alice:example.org"])
    """Matrix id, as it was typed."""


class CodeRequest(Wire):
    """The request that the page keeps until the code is typed."""

    request: str
    """A secret: the code is good with it alone."""
    valid_ms: int = OFFER_MS
    """How long the code can be used."""
    digits: int = CODE_DIGITS
    """Of the code."""


class CodeTyped(Wire):
    """A code, and the request that it was sent for."""

    request: str = Field(max_length=TEXT_CHARACTERS_MAX)
    """As ``POST /codes`` answered."""
    code: str = Field(max_length=TEXT_CHARACTERS_MAX)
    """As it was typed; spaces do not matter."""


class LinkSecret(Wire):
    """The part after ``#`` in a link."""

    secret: str = Field(max_length=TEXT_CHARACTERS_MAX)
    """Of the link."""
    language: str | None = Field(None, max_length=TEXT_CHARACTERS_MAX, examples=["uk"])
    """That the person chose on their device; bots speak it from now on."""


class SessionView(Wire):
    """A session, as its own page sees it."""

    id: str
    """Not secret."""
    level: str
    """``low``, ``room`` or ``verified``."""
    person: str
    """Matrix id."""
    language: str
    """That the person chose, else the one that fits the browser."""
    expires_at_ms: int
    """When it is over however busy it is, UTC."""
    idle_ms: int = IDLE_MS_MAX
    """After so long without a request it is over too."""


class NewSession(SessionView):
    """A session that begins."""

    token: str
    """Bearer token; it is told this once."""


class SessionLine(Wire):
    """One of a person's sessions."""

    id: str
    """By which it is ended."""
    level: str
    """``low``, ``room`` or ``verified``."""
    browser: str
    """In one of our own words, empty if unknown."""
    system: str
    """As ``browser``."""
    begun_at_ms: int
    """UTC."""
    used_at_ms: int
    """The last use, to within ten seconds."""
    is_this: bool
    """Whether it is the one that asks."""


class SessionList(Wire):
    """A person's sessions that go on, the newest first."""

    sessions: list[SessionLine]
    """At most twenty."""


class LanguageChosen(Wire):
    """A language."""

    language: str = Field(max_length=TEXT_CHARACTERS_MAX, examples=["uk"])
    """Code of one that there are texts in."""


class SessionRoutes:
    """Serves the API."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @API.sessionless.route(
        "POST",
        "/codes",
        body=CodeAsked,
        answer=CodeRequest,
        limit=ASK_LIMIT,
        summary="Have the bot send a code and a link into the person's encrypted chat",
    )
    async def ask_code(self, call: Call) -> CodeRequest:
        """The answer is the same whether or not there is such a person, or a chat with them."""
        asked: CodeAsked = call.body
        request = await self._sessions.ask_code(
            asked.person, _user_agent(call), call.address, call.language
        )
        return CodeRequest(request=request)

    @API.sessionless.route(
        "POST",
        "/code",
        body=CodeTyped,
        answer=NewSession,
        limit=REDEEM_LIMIT,
        summary="Sign in with the code that was sent for this page",
    )
    async def redeem_code(self, call: Call) -> NewSession:
        """A wrong code can be corrected (``ORG.VECHE.WRONG_CODE``), three of them end the request.

        ``ORG.VECHE.SIGN_IN_REFUSED``: it is used up or too old.
        """
        typed: CodeTyped = call.body
        got = await self._sessions.redeem_code(typed.request, typed.code, _user_agent(call))
        return _new(got, call)

    @API.sessionless.route(
        "POST",
        "/link",
        body=LinkSecret,
        answer=NewSession,
        limit=REDEEM_LIMIT,
        summary="Sign in with a link from the bot",
    )
    async def redeem_link(self, call: Call) -> NewSession:
        """A link is good once, for ten minutes; else ``ORG.VECHE.SIGN_IN_REFUSED``."""
        link: LinkSecret = call.body
        language = None if link.language is None else _known_language(link.language)
        got = await self._sessions.redeem_link(link.secret, _user_agent(call), language)
        return _new(got, call)

    @API.sessionless.route(
        "POST",
        "/openid",
        body=OpenIdToken,
        answer=NewSession,
        limit=OPENID_LIMIT,
        summary="Sign in at the lowest level with an OpenID token of the person's homeserver",
    )
    async def redeem_openid(self, call: Call) -> NewSession:
        """The homeserver is asked whose it is; each token is taken once."""
        return _new(await self._sessions.redeem_openid(call.body, _user_agent(call)), call)

    @API.transaction(
        "sessions.session",
        "GET",
        "/session",
        answer=SessionView,
        level=Level.LOW,
        summary="This session",
    )
    def session(self, txn: Cursor, call: Call) -> SessionView:  # noqa: ARG002 -- as every one
        """The session whose token is sent."""
        return SessionView(**_facts(call.signed_in, call))

    @API.transaction(
        "sessions.end", "DELETE", "/session", answer=None, level=Level.LOW, summary="Sign out here"
    )
    def end(self, txn: Cursor, call: Call) -> None:
        """The token is worth nothing from now on."""
        session = call.signed_in
        self._sessions.sign_out(txn, session.person, session.id, call.now_ms)

    @API.transaction(
        "sessions.list",
        "GET",
        "/sessions",
        answer=SessionList,
        level=Level.ROOM,
        summary="The person's sessions",
    )
    def list_sessions(self, txn: Cursor, call: Call) -> SessionList:
        """Browsers and times are more than the homeserver knows, hence the level."""
        own = call.signed_in
        found = self._sessions.sessions_of(txn, own.person, call.now_ms)
        return SessionList(sessions=[_line(one, own) for one in found])

    @API.transaction(
        "sessions.end_one",
        "DELETE",
        "/sessions/<session_id>",
        answer=None,
        level=Level.LOW,
        summary="End a session of the person, or with `all` every one and all unused links",
    )
    def end_one(self, txn: Cursor, call: Call) -> None:
        """It only takes power away, hence the level."""
        session_id = call.path_args["session_id"]
        self._sessions.sign_out(txn, call.signed_in.person, session_id, call.now_ms)

    @API.transaction(
        "sessions.language",
        "PUT",
        "/language",
        body=LanguageChosen,
        answer=SessionView,
        level=Level.LOW,
        summary="Choose the language of pages and bots",
    )
    def choose_language(self, txn: Cursor, call: Call) -> SessionView:
        """As the command ``language`` does in a chat."""
        chosen: LanguageChosen = call.body
        language = _known_language(chosen.language)
        people.choose_language(txn, call.signed_in.person, language)
        return SessionView(**{**_facts(call.signed_in, call), "language": language})


def _known_language(named: str) -> str:
    language = language_of(named)
    if language is None:
        raise MalformedError("body.language", f"should be one of {', '.join(LANGUAGES)}")
    return language


def _new(got: SignedIn, call: Call) -> NewSession:
    return NewSession(token=got.token, **_facts(got.session, call))


def _facts(session: Session, call: Call) -> dict[str, Any]:
    return {
        "id": session.id,
        "level": session.level.label,
        "person": session.person,
        "language": session.language or call.language,
        "expires_at_ms": session.ends_at_ms,
    }


def _line(session: Session, own: Session) -> SessionLine:
    return SessionLine(
        id=session.id,
        level=session.level.label,
        browser=session.agent.browser,
        system=session.agent.system,
        begun_at_ms=session.begun_at_ms,
        used_at_ms=session.used_at_ms,
        is_this=session.id == own.id,
    )


def _user_agent(call: Call) -> str:
    return call.header("user-agent")
