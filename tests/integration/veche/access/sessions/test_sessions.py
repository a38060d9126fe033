"""Sessions on a real database: how long they go on, what ends them, how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.veche.access.sessions.chat import ALICE, BOB, BOT, FIREFOX, SessionCase
from veche.access.sessions import Agent, Level, OpenIdToken, SignInRefusedError, core, store
from veche.protocol.errors import NotFoundError, SignInError, UnavailableError
from veche.runtime.crypto.store import people as key_store
from veche.runtime.crypto.tracking import renew_identity
from veche.runtime.tasks import Tasks
from veche.server.housekeeping import Housekeeping

if TYPE_CHECKING:
    from veche.access.sessions import SignedIn
    from veche.protocol.ids import UserId


@attrs.define
class FakeChecker:
    """Homeservers for which each token is of whom the test says; it is asked at leisure."""

    people: dict[str, UserId]
    asked: int = 0
    waits: Deferred[None] | None = None

    async def person_of(self, token: OpenIdToken) -> UserId:
        self.asked += 1
        if self.waits is not None:
            await self.waits
        if token.access_token not in self.people:
            raise SignInRefusedError("not vouched for")
        return self.people[token.access_token]


def a_token(text: str) -> OpenIdToken:
    return OpenIdToken(access_token=text, matrix_server_name="example.org")


class LifeTest(SessionCase):
    async def is_over(self, signed_in: SignedIn) -> bool:
        try:
            await self.session(signed_in)
        except SignInError:
            return True
        return False

    async def test_a_session_is_over_when_it_idles(self) -> None:
        used, idle = await self.sign_in(), await self.sign_in()
        self.wait(core.IDLE_MS_MAX - 1)
        await self.session(used)
        self.wait(1)

        assert not await self.is_over(used)
        assert await self.is_over(idle)

    async def test_a_session_is_over_after_eight_hours_however_busy(self) -> None:
        signed_in = await self.sign_in()
        step_ms = core.IDLE_MS_MAX - 1
        while self.now_ms + step_ms < signed_in.session.ends_at_ms:
            self.wait(step_ms)
            await self.session(signed_in)
        assert signed_in.session.ends_at_ms == signed_in.session.begun_at_ms + 8 * 3_600_000

        self.wait(signed_in.session.ends_at_ms - self.now_ms - 1)
        assert not await self.is_over(signed_in)
        self.wait(1)
        assert await self.is_over(signed_in)

    async def test_one_that_began_without_rests_while_what_is_there_now_is_in_doubt(self) -> None:
        await self.know(master=None, PHONE=False)
        said = await self.page(await self.chat())
        await self.seal(said)
        signed_in = await self.sessions.redeem_link(said.secret)
        assert signed_in.session.level is Level.ROOM

        await self.know(master="late", GHOST=True)
        assert await self.is_over(signed_in)
        await self.know(master=None, PHONE=False)
        assert not await self.is_over(signed_in)
        await self.know(master="late", PHONE=True)
        await self.transact(renew_identity, ALICE, "late", self.now_ms)
        assert not await self.is_over(signed_in)
        await self.know(master=None, PHONE=False)
        assert await self.is_over(signed_in)

    async def test_what_is_no_token_is_nobodys(self) -> None:
        signed_in = await self.sign_in()

        for token in ("", "x", signed_in.token[:-1], signed_in.token + "a", "A" * 43, "\0" * 43):
            with pytest.raises(SignInError):
                await self.sessions.authenticate(token, self.now_ms)

    async def test_a_use_is_written_down_now_and_then(self) -> None:
        signed_in = await self.sign_in()
        self.wait(core.USED_STEP_MS - 1)
        await self.session(signed_in)
        assert (await self.session(signed_in)).used_at_ms == signed_in.session.begun_at_ms
        self.wait(1)
        await self.session(signed_in)

        assert (await self.session(signed_in)).used_at_ms == self.now_ms

    async def test_a_person_sees_their_own_sessions_that_go_on(self) -> None:
        idle = await self.sign_in()
        self.wait(core.IDLE_MS_MAX)
        first = await self.sign_in()
        self.wait(1)
        second = await self.sign_in()

        def listed(txn: Any, person: UserId) -> list[str]:
            return [one.id for one in self.sessions.sessions_of(txn, person, self.now_ms)]

        assert await self.transact(listed, ALICE) == [second.session.id, first.session.id]
        assert await self.transact(listed, BOB) == []
        assert idle.session.agent == Agent("Firefox", "Linux")

    async def test_with_one_too_many_the_oldest_ends(self) -> None:
        self.patch(core, "SESSIONS_MAX", 2)  # type: ignore[no-untyped-call]  # trial's
        checker = FakeChecker({f"t{number}": ALICE for number in range(4)})
        self.sessions = self.of_process(checker)
        high = []
        for _ in range(3):
            high.append(await self.sign_in())
            self.wait(1)
        # Of the lowest level there may be as many, and they push none of the others out.
        low = []
        for number in range(3):
            low.append(await self.sessions.redeem_openid(a_token(f"t{number}")))
            self.wait(1)

        over = [await self.is_over(one) for one in (*high, *low)]
        assert over == [True, False, False, True, False, False]


class EndTest(SessionCase):
    async def alive(self, *signed_in: SignedIn) -> list[bool]:
        found = []
        for one in signed_in:
            try:
                await self.session(one)
            except SignInError:
                found.append(False)
            else:
                found.append(True)
        return found

    async def test_one_session_ends_and_the_others_go_on(self) -> None:
        first, second = await self.sign_in(), await self.sign_in()

        assert await self.sign_out(session_id=first.session.id) == 1

        assert await self.alive(first, second) == [False, True]
        for session_id in (first.session.id, "nonsense", "\0" * 26, "", "Z" * 26):
            with pytest.raises(NotFoundError):
                await self.sign_out(session_id=session_id)

    async def test_nobody_ends_the_session_of_somebody_else(self) -> None:
        signed_in = await self.sign_in()

        with pytest.raises(NotFoundError):
            await self.sign_out(BOB, signed_in.session.id)
        assert await self.sign_out(BOB) == 0

        assert await self.alive(signed_in) == [True]

    async def test_signing_out_ends_all_and_makes_links_and_codes_useless(self) -> None:
        idle = await self.sign_in()
        self.wait(core.IDLE_MS_MAX)
        first, second = await self.sign_in(), await self.sign_in()
        link = await self.link()
        request = await self.ask()
        code = (await self.said())[-1]
        await self.seal(code)

        assert await self.sign_out() == 2  # the idle one was over

        assert await self.alive(idle, first, second) == [False] * 3
        with pytest.raises(SignInRefusedError):
            await self.sessions.redeem_link(link.secret)
        with pytest.raises(SignInRefusedError):
            await self.sessions.redeem_code(request, code.code)
        assert await self.alive(await self.sign_in()) == [True]

    async def test_a_code_that_is_on_its_way_does_not_survive_a_sign_out(self) -> None:
        await self.chat()
        await self.sessions.ask_code(ALICE, FIREFOX, "192.0.2.1")

        await self.sign_out()
        await self.work()

        assert await self.said() == []

    async def test_signing_out_while_somebody_signs_in_leaves_no_session(self) -> None:
        for _ in range(5):
            said = [await self.link() for _ in range(4)]
            works = [self.sessions.redeem_link(one.secret) for one in said]
            outs = [self.sign_out() for _ in range(2)]
            running = [Deferred.fromCoroutine(one) for one in (*works[:2], *outs, *works[2:])]
            for one in running:
                one.addErrback(lambda failure: failure.trap(SignInRefusedError))
            await gatherResults(running)

            assert self.sql("SELECT FROM runtime.session") == []
            for link in said:
                with pytest.raises(SignInRefusedError):
                    await self.sessions.redeem_link(link.secret)
            self.wait(core.HOUR_MS)

    async def test_a_session_ends_with_the_identity_that_it_began_with(self) -> None:
        verified, room = await self.sign_in(), await self.sign_in(is_verified=False)
        self.sessions = self.of_process(FakeChecker({"t": ALICE}))
        low = await self.sessions.redeem_openid(a_token("t"))

        await self.know(master="another", PHONE=True)

        assert await self.alive(verified, room, low) == [False, False, True]
        assert await self.sign_out() == 1

    async def test_an_identity_that_is_gone_ends_it_too_and_for_good(self) -> None:
        signed_in = await self.sign_in()
        other = await self.sign_in()
        await self.know(master=None, PHONE=False)
        assert await self.alive(signed_in) == [False]
        await self.transact(store.end_sessions_of_others, ALICE)

        await self.know(PHONE=True)

        assert await self.alive(signed_in, other) == [False, False]

    async def test_news_of_a_persons_keys_are_looked_into_when_a_session_is_used(self) -> None:
        signed_in = await self.sign_in()
        await self.session(signed_in)
        assert await self.work() == []

        await self.transact(key_store.mark_outdated, [ALICE])
        for _ in range(3):
            await self.session(signed_in)

        assert await self.work() == ["sessions.identity"]
        assert self.directory.asked == [(BOT, [ALICE])]

    async def test_what_is_learnt_then_ends_the_session_for_good(self) -> None:
        signed_in = await self.sign_in()
        await self.transact(key_store.mark_outdated, [ALICE])
        await self.session(signed_in)
        await self.know(master="another", PHONE=True)

        await self.work()

        assert self.sql("SELECT FROM runtime.session") == []

    async def test_the_lowest_level_rests_on_no_identity(self) -> None:
        self.sessions = self.of_process(FakeChecker({"t": ALICE}))
        low = await self.sessions.redeem_openid(a_token("t"))
        await self.transact(key_store.mark_outdated, [ALICE])
        await self.session(low)

        assert await self.work() == []


class OpenIdTest(SessionCase):
    async def test_a_token_signs_in_at_the_lowest_level_and_nobody_is_told(self) -> None:
        self.sessions = self.of_process(FakeChecker({"t": ALICE}))
        await self.chat()

        signed_in = await self.sessions.redeem_openid(a_token("t"), FIREFOX)

        session = await self.session(signed_in)
        assert (session.person, session.level) == (ALICE, Level.LOW)
        assert await self.said() == []

    async def test_a_token_is_taken_once(self) -> None:
        checker = FakeChecker({"t": ALICE})
        sessions = self.of_process(checker)
        await sessions.redeem_openid(a_token("t"))

        for one in (sessions, self.of_process(checker)):
            with pytest.raises(SignInRefusedError, match="used before"):
                await one.redeem_openid(a_token("t"))

        assert checker.asked == 1

    async def test_of_many_at_once_one_gets_in(self) -> None:
        checker = FakeChecker({"t": ALICE}, waits=Deferred())
        sessions = self.of_process(checker)
        tries = [Deferred.fromCoroutine(sessions.redeem_openid(a_token("t"))) for _ in range(6)]
        refused = []
        for one in tries:
            one.addErrback(lambda failure: refused.append(failure.trap(SignInRefusedError)))
        while checker.asked < 6:
            await self.transact(lambda txn: txn.execute("SELECT 1"))

        assert checker.waits is not None
        checker.waits.callback(None)
        await gatherResults(tries)

        assert len(refused) == 5
        assert self.sql("SELECT count(*) FROM runtime.session") == [(1,)]

    async def test_a_token_that_is_refused_is_not_remembered(self) -> None:
        sessions = self.of_process(FakeChecker({}))

        for _ in range(2):
            with pytest.raises(SignInRefusedError, match="not vouched for"):
                await sessions.redeem_openid(a_token("t"))

        assert self.sql("SELECT FROM runtime.openid_taken") == []

    async def test_where_nobody_can_be_asked_none_is_taken(self) -> None:
        with pytest.raises(SignInRefusedError):
            await self.of_process().redeem_openid(a_token("t"))

        class Down:
            async def person_of(self, token: OpenIdToken) -> UserId:
                raise UnavailableError(f"no answer to {len(token.access_token)}", retry_after_ms=1)

        with pytest.raises(UnavailableError):
            await self.of_process(Down()).redeem_openid(a_token("t"))


class ForgettingTest(SessionCase):
    async def test_what_is_old_is_forgotten_and_nothing_else(self) -> None:
        self.sessions = self.of_process(FakeChecker({"t": ALICE, "u": ALICE}))
        await self.sign_in()
        await self.sessions.redeem_openid(a_token("t"))
        housekeeping = Housekeeping(self.database, self.clock, Tasks(running_max=1))

        def counts() -> list[int]:
            tables = ("sign_in", "session", "openid_taken")
            return [self.sql(f"SELECT count(*) FROM runtime.{one}")[0][0] for one in tables]  # noqa: S608

        await housekeeping.tidy()
        assert counts() == [1, 2, 1]
        self.wait(core.OPENID_KEPT_MS)
        await self.sessions.redeem_openid(a_token("u"))
        self.wait(1)
        await housekeeping.tidy()
        assert counts() == [1, 3, 1]
        self.wait(core.KEPT_MS - core.OPENID_KEPT_MS)
        await housekeeping.tidy()
        assert counts() == [0, 3, 0]
        self.wait(core.SESSION_MS_MAX)
        await housekeeping.tidy()
        assert counts() == [0, 1, 0]
