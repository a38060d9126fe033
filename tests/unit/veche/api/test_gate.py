"""The gate: who passes at which level, and who has asked too often."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers

from tests.support.tables import each_row
from veche.access.sessions import Agent, Level, Session
from veche.api.gate import TOKEN_CHARACTERS_MAX, Gate
from veche.protocol.errors import ForbiddenError, LevelTooLowError, LimitError, SignInError
from veche.protocol.ids import UserId
from veche.runtime.web.caller import Caller
from veche.runtime.web.limits import Limit

ALICE: Final = UserId("@alice:veche.test")
FREE: Final = Limit(burst=1_000, per_s=1_000)


def session(level: Level, language: str = "en") -> Session:
    """A session of Alice."""
    return Session(
        id=f"{level.label}-session",
        person=ALICE,
        level=level,
        language=language,
        agent=Agent(),
        begun_at_ms=0,
        used_at_ms=0,
        ends_at_ms=1 << 60,
    )


@attrs.define
class FakeSessions:
    """Knows a token for each level: its label."""

    asked: list[str] = attrs.field(factory=list)
    language: str = "en"

    async def authenticate(self, token: str, now_ms: int) -> Session:
        return self.authenticated(None, token, now_ms)

    def authenticated(self, txn: Any, token: str, now_ms: int) -> Session:
        del txn, now_ms
        self.asked.append(token)
        for level in Level:
            if token == level.label:
                return session(level, self.language)
        raise SignInError("Please sign in again")

    def sessions_of(self, txn: Any, person: UserId, now_ms: int) -> list[Session]:
        del txn, now_ms
        found = [session(level, self.language) for level in Level]
        return [one for one in found if one.person == person]


@attrs.define
class FakeRequest:
    headers: dict[bytes, list[bytes]] = attrs.field(factory=dict)
    host: str = "192.0.2.1"

    @property
    def requestHeaders(self) -> Headers:
        return Headers(self.headers)

    def getHeader(self, name: bytes) -> bytes | None:
        values = self.headers.get(name)
        return values[-1] if values else None

    def getClientAddress(self) -> Any:
        return IPv4Address("TCP", self.host, 1)


class Door:
    """A gate, and what passes it."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.sessions = FakeSessions()
        database: Any = None
        self.gate = Gate(database, self.clock, self.sessions, **options)

    def visit(
        self,
        *authorization: bytes,
        host: str = "192.0.2.1",
        route: str = "r",
        limit: Limit | None = None,
        **headers: bytes,
    ) -> Caller:
        given = {name.replace("_", "-").encode(): [value] for name, value in headers.items()}
        if authorization:
            given[b"authorization"] = list(authorization)
        request: Any = FakeRequest(given, host)
        return self.gate.caller(request, route, limit)

    def pass_(self, token: str | None, level: Level | None, *, in_txn: bool) -> Session | None:
        caller = Caller("192.0.2.1", token, 0)
        txn: Any = None
        if in_txn:
            return self.gate.session_in(txn, caller, level)
        got: list[Any] = []
        failed: list[Any] = []
        work = Deferred.fromCoroutine(self.gate.session(caller, level))
        work.addCallbacks(got.append, failed.append)
        if failed:
            failed[0].raiseException()
        found: Session | None = got[0]
        return found


LEVELS: Final = (None, *Level)
TOKENS: Final = (None, "unknown", *(level.label for level in Level))


@each_row("in_txn", [False, True])
@each_row("token", TOKENS)
@each_row("needed", LEVELS)
def test_each_token_at_each_level(needed: Level | None, token: str | None, in_txn: bool) -> None:
    door = Door()
    has = next((level for level in Level if level.label == token), None)
    if token is None and needed is None:
        assert door.pass_(token, needed, in_txn=in_txn) is None
        assert door.sessions.asked == []
    elif has is None:
        # Also where anybody may come: a page whose session is over has to learn it.
        with pytest.raises(SignInError):
            door.pass_(token, needed, in_txn=in_txn)
    elif needed is not None and has < needed:
        with pytest.raises(LevelTooLowError) as caught:
            door.pass_(token, needed, in_txn=in_txn)
        assert caught.value.required == needed.label
    else:
        found = door.pass_(token, needed, in_txn=in_txn)
        assert found is not None
        assert (found.person, found.level) == (ALICE, has)


@each_row(
    ("authorization", "token"),
    [
        (b"Bearer abc", "abc"),
        (b"bearer abc", "abc"),
        (b"BEARER aZ09._~+/=-", "aZ09._~+/=-"),
        (b"Bearer " + b"a" * TOKEN_CHARACTERS_MAX, "a" * TOKEN_CHARACTERS_MAX),
        (b"Bearer " + b"a" * (TOKEN_CHARACTERS_MAX + 1), None),
        (b"", None),
        (b"abc", None),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Bearer  abc", None),
        (b"Bearer abc ", None),
        (b"Bearer a b", None),
        (b"Bearer abc\n", None),
        (b"Bearer \xd0\xb6", None),
        (b"\xff", None),
        (b"Basic YTpi", None),
    ],
)
def test_a_token_is_read_from_the_header(authorization: bytes, token: str | None) -> None:
    assert Door().visit(authorization).token == token


def test_of_two_headers_the_last_counts_alone() -> None:
    assert Door().visit(b"Bearer one", b"Bearer two").token == "two"  # noqa: S105
    assert Door().visit(b"Bearer one", b"Basic x").token is None


@each_row(
    ("said", "is_let_in"),
    [
        (b"same-origin", True),
        (b"none", True),
        (None, True),
        (b"", True),
        (b"cross-site", False),
        (b"same-site", False),
    ],
)
def test_pages_of_other_origins_have_no_browser_ask(said: bytes | None, is_let_in: bool) -> None:
    headers: dict[str, Any] = {} if said is None else {"sec_fetch_site": said}
    if is_let_in:
        assert Door().visit(**headers).address == "192.0.2.1"
    else:
        with pytest.raises(ForbiddenError):
            Door().visit(**headers)


def test_one_address_may_ask_so_often() -> None:
    door = Door(address_limit=Limit(burst=2, per_s=1), session_limit=FREE)
    door.visit(b"Bearer a")
    door.visit()

    with pytest.raises(LimitError) as caught:
        door.visit(b"Bearer b", route="other")

    assert caught.value.retry_after_ms == 1_000
    assert door.visit(host="192.0.2.2").address == "192.0.2.2"
    door.clock.advance(1)
    assert door.visit().now_ms == 1_000


def test_one_session_may_ask_so_often_from_anywhere() -> None:
    door = Door(address_limit=FREE, session_limit=Limit(burst=2, per_s=1))
    door.visit(b"Bearer a", host="192.0.2.1")
    door.visit(b"Bearer a", host="192.0.2.2")

    with pytest.raises(LimitError):
        door.visit(b"Bearer a", host="192.0.2.3")

    door.visit(b"Bearer b", host="192.0.2.3")
    door.visit(host="192.0.2.3")


def test_a_route_has_a_limit_of_its_own() -> None:
    door = Door(address_limit=FREE, session_limit=FREE)
    tight = Limit(burst=1, per_s=0.1)
    door.visit(route="code", limit=tight)

    with pytest.raises(LimitError) as caught:
        door.visit(route="code", limit=tight)

    assert caught.value.retry_after_ms == 10_000
    door.visit(route="link", limit=tight)
    door.visit(route="read")
    door.visit(route="code", limit=tight, host="192.0.2.2")


def test_who_asks_too_often_is_told_before_anything_is_looked_up() -> None:
    door = Door(address_limit=Limit(burst=1, per_s=1))
    door.visit(b"Bearer low")
    with pytest.raises(LimitError):
        door.visit(b"Bearer low")
    assert door.sessions.asked == []


def test_only_behind_a_proxy_counts_what_it_says() -> None:
    for is_trusted, address in ((True, "198.51.100.1"), (False, "192.0.2.1")):
        door = Door(trust_forwarded=is_trusted)
        assert door.visit(x_forwarded_for=b"9.9.9.9, 198.51.100.1").address == address
