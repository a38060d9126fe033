"""Links and codes on a real database: who gets them, what they are worth, how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.veche.access.sessions.chat import (
    ALICE,
    BOB,
    FIREFOX,
    MASTER,
    SERVER,
    URL,
    SessionCase,
)
from tests.support.said import WriteAheadLog
from veche.access.sessions import Level, SignInRefusedError, WrongCodeError, core
from veche.access.sessions.jobs import SEND_CODE
from veche.chat import people
from veche.messaging.jobs import Job
from veche.protocol.errors import LimitError, MalformedError, RefusedError
from veche.protocol.ids import EffectId
from veche.runtime.crypto.tracking import pin_identity

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

GONE = SignInRefusedError
NOBODY = "@nobody:example.org"


async def outcomes(tries: Sequence[Coroutine[Any, Any, object]]) -> list[str]:
    """What tries that run at once come to: the name of what each gives or raises."""
    running = [Deferred.fromCoroutine(one) for one in tries]
    done = [
        one.addCallbacks(lambda got: type(got).__name__, lambda failure: failure.type.__name__)
        for one in running
    ]
    return list(await gatherResults(done))


class LinkTest(SessionCase):
    async def test_a_link_signs_in_and_its_room_is_told(self) -> None:
        said = await self.link()

        signed_in = await self.sessions.redeem_link(said.secret, FIREFOX)

        session = await self.session(signed_in)
        assert (session.person, session.level) == (ALICE, Level.VERIFIED)
        assert session.ends_at_ms == self.now_ms + core.SESSION_MS_MAX
        [told] = await self.said()
        assert told.room_id == said.room_id
        assert told.body == (
            "You are signed in on our pages (Firefox on Linux). If that was not you, reply sign out"
        )

    async def test_the_language_of_the_app_is_known_to_bots_from_the_first_session_on(self) -> None:
        for language, known in ((None, None), ("de", "de"), (None, "de"), ("uk", "uk")):
            said = await self.link()

            signed_in = await self.sessions.redeem_link(said.secret, FIREFOX, language)

            assert signed_in.session.language == known
            person = await self.transact(people.read, ALICE, default_language="en")
            assert (person.language, person.has_chosen) == (known or "en", known is not None)

    async def test_neither_links_nor_codes_are_ever_written_in_clear(self) -> None:
        await self.know(PHONE=True)
        log, room_id = WriteAheadLog(self.dsn), await self.chat()
        await self.page(room_id)
        await self.ask()
        said = await self.said()
        await self.transact(lambda txn: txn.execute("COMMENT ON TABLE runtime.sign_in IS 'Canary'"))
        secrets = [one.secret for one in said]
        sentences = [line for one in said for line in one.body.splitlines() if len(line) > 20]
        dumped = str(self.sql("SELECT o::text FROM runtime.outbox AS o"))
        written = log.read()

        assert b"Canary" in written
        assert len(secrets) == 2
        assert [one for one in (*secrets, *sentences) if one.encode() in written] == []
        assert [one for one in (*secrets, *sentences) if one in dumped] == []

    async def test_a_link_is_good_once(self) -> None:
        said = await self.link()
        await self.sessions.redeem_link(said.secret)

        with pytest.raises(GONE):
            await self.sessions.redeem_link(said.secret)

        assert len(await self.said()) == 1

    async def test_of_many_browsers_at_once_one_gets_in(self) -> None:
        for _ in range(5):
            said = await self.link()
            others = [self.sessions, self.of_process()] * 4

            got = await outcomes([one.redeem_link(said.secret) for one in others])

            assert sorted(got) == ["SignInRefusedError"] * 7 + ["SignedIn"]
            self.wait(core.HOUR_MS)

    async def test_a_link_is_good_for_ten_minutes(self) -> None:
        first, second = await self.link(), await self.link()
        self.wait(core.OFFER_MS - 1)
        await self.sessions.redeem_link(first.secret)

        self.wait(1)
        with pytest.raises(GONE):
            await self.sessions.redeem_link(second.secret)

    async def test_what_nobody_sent_signs_nobody_in(self) -> None:
        said = await self.link()

        for secret in ("", "x", "A" * 22, said.secret[:-1], said.secret + "A", "\0" * 22):
            with pytest.raises(GONE):
                await self.sessions.redeem_link(secret)

        # Nor did that hurt the one that was.
        await self.sessions.redeem_link(said.secret)

    async def test_a_link_that_was_never_sealed_signs_nobody_in(self) -> None:
        said = await self.page(await self.chat())

        with pytest.raises(GONE):
            await self.sessions.redeem_link(said.secret)

    async def test_no_secret_is_kept(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        request = await self.ask()
        [said] = await self.said()
        secret, code = said.secret, said.code
        await self.seal(said)
        signed_in = await self.sessions.redeem_link(secret)

        tables = ("sign_in", "session", "openid_taken", "errand", "outbox", "act")
        kept = str([self.sql(f"SELECT t::text FROM runtime.{table} AS t") for table in tables])  # noqa: S608
        assert len(kept) > 500
        for one in (request, secret, code, signed_in.token):
            assert one not in kept
            assert one.encode().hex() not in kept

    async def test_each_person_has_so_many_links_an_hour(self) -> None:
        room = await self.chat()
        said = [await self.page(room) for _ in range(core.LINKS_PER_HOUR_MAX)]
        assert len({one.secret for one in said}) == core.LINKS_PER_HOUR_MAX

        assert "many links within this hour" in (await self.page(room)).body
        assert URL in (await self.page(await self.chat(BOB), BOB)).body
        self.wait(core.HOUR_MS)
        assert URL in (await self.page(room)).body

    async def test_others_who_could_read_a_link_get_none(self) -> None:
        rooms = {
            "not encrypted": await self.chat(ALICE, is_encrypted=False),
            "another member": await self.chat(ALICE, BOB),
            "a guest": await self.chat(ALICE, f"~{BOB}"),
            "another bot": await self.chat(ALICE, f"@veche_two:{SERVER}"),
            "not the person": await self.chat(BOB),
        }
        for why, room in rooms.items():
            body = (await self.page(room)).body
            assert "/signin" not in body, why
            assert "start a new direct chat with me, with encryption on" in body, why

        assert self.sql("SELECT FROM runtime.sign_in") == []

    async def test_a_link_that_somebody_else_could_read_is_worth_nothing(self) -> None:
        await self.know(PHONE=True)
        for readers in (
            ((ALICE, "PHONE"), (BOB, "LAPTOP")),
            ((BOB, "LAPTOP"),),
        ):
            said = await self.page(await self.chat())
            await self.seal(said, *readers)

            with pytest.raises(GONE):
                await self.sessions.redeem_link(said.secret)

        assert self.sql("SELECT FROM runtime.session") == []

    async def test_a_link_whose_readers_are_forgotten_is_worth_nothing(self) -> None:
        said = await self.link()
        # As when the room's session is replaced, after somebody left for instance.
        self.sql("DELETE FROM crypto.room_key_shared")

        with pytest.raises(GONE):
            await self.sessions.redeem_link(said.secret)


class LevelTest(SessionCase):
    async def level(self, *devices: str) -> Level:
        said = await self.page(await self.chat())
        await self.seal(said, *[(ALICE, name) for name in devices])
        return (await self.sessions.redeem_link(said.secret)).session.level

    async def test_a_link_to_cross_signed_devices_alone_is_verified(self) -> None:
        await self.know(PHONE=True, LAPTOP=True, OLD=False)

        assert await self.level("PHONE", "LAPTOP") is Level.VERIFIED
        assert await self.level("PHONE", "OLD") is Level.ROOM
        assert await self.level("OLD") is Level.ROOM

    async def test_a_device_that_is_gone_or_another_now_is_not_verified(self) -> None:
        await self.know(PHONE=True)
        assert await self.level("PHONE", "GONE") is Level.ROOM

        said = await self.page(await self.chat())
        await self.seal(said)
        self.sql("UPDATE crypto.person_device SET curve25519 = 'another'")
        assert (await self.sessions.redeem_link(said.secret)).session.level is Level.ROOM

    async def test_without_an_identity_nobody_is_verified(self) -> None:
        await self.know(master=None, PHONE=False)

        assert await self.level("PHONE") is Level.ROOM

    async def test_an_identity_that_comes_or_changes_after_the_link_signs_nobody_in(self) -> None:
        for before in (None, MASTER):
            await self.know(BOB, master=before, PHONE=before is not None)
            said = await self.page(await self.chat(BOB), BOB)
            await self.seal(said, (BOB, "PHONE"))
            await self.know(BOB, master="another", PHONE=True)

            with pytest.raises(GONE):
                await self.sessions.redeem_link(said.secret)
            self.sql("DELETE FROM crypto.pinned_device")
            self.sql("UPDATE crypto.person SET master_pinned = NULL, pinned_at_ms = NULL")

    async def test_while_an_identity_is_in_doubt_neither_link_nor_code_is_sent(self) -> None:
        await self.know(PHONE=True)
        await self.transact(pin_identity, ALICE, self.now_ms)
        await self.know(master="another", PHONE=True)
        room_id = await self.chat()

        await self.ask()
        told = await self.page(room_id)

        assert [one.body for one in await self.said()] == [told.body]
        assert "I send no link now" in told.body
        assert "/signin#" not in told.body


class CodeTest(SessionCase):
    async def test_a_page_asks_and_the_newest_private_chat_gets_code_and_link(self) -> None:
        await self.know(PHONE=True)
        older, newer = await self.chat(), await self.chat()
        await self.chat(ALICE, BOB)
        await self.chat(ALICE, is_encrypted=False)

        request = await self.ask()

        [said] = await self.said()
        assert said.room_id == newer != older
        assert "Firefox on Linux" in said.body
        assert "Type the code only at veche.example.org" in said.body
        await self.seal(said)
        code = f" {said.code[:3]} {said.code[3:]} "
        signed_in = await self.sessions.redeem_code(request, code, FIREFOX)
        assert (signed_in.session.person, signed_in.session.level) == (ALICE, Level.VERIFIED)
        words = (await self.bodies())[-1]
        assert words.startswith("You are signed in on our pages (Firefox on Linux)")

    async def test_code_and_link_are_one_way_in(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        for is_code_first in (True, False):
            request = await self.ask()
            said = (await self.said())[-1]
            await self.seal(said)
            if is_code_first:
                await self.sessions.redeem_code(request, said.code)
            else:
                await self.sessions.redeem_link(said.secret)

            with pytest.raises(GONE):
                await self.sessions.redeem_link(said.secret)
            with pytest.raises(GONE):
                await self.sessions.redeem_code(request, said.code)

    async def test_three_wrong_codes_burn_a_request(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        request = await self.ask()
        [said] = await self.said()
        await self.seal(said)
        wrong = f"{(int(said.code) + 1) % 10**6:06}"

        for _ in range(core.TRIES_MAX):
            with pytest.raises(WrongCodeError):
                await self.sessions.redeem_code(request, wrong)

        with pytest.raises(GONE):
            await self.sessions.redeem_code(request, said.code)
        with pytest.raises(GONE):
            await self.sessions.redeem_link(said.secret)

    async def test_many_tries_at_once_are_still_three(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        request = await self.ask()

        got = await outcomes([self.sessions.redeem_code(request, "wrong") for _ in range(12)])

        assert got.count("WrongCodeError") == core.TRIES_MAX
        assert got.count("SignInRefusedError") == 12 - core.TRIES_MAX

    async def test_a_code_is_good_for_the_page_that_asked_alone(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        own, other = await self.ask(), await self.ask()
        first, _ = await self.said()
        await self.seal(first)

        with pytest.raises(WrongCodeError):
            await self.sessions.redeem_code(other, first.code)
        with pytest.raises(GONE):
            await self.sessions.redeem_code("A" * 22, first.code)
        with pytest.raises(GONE):
            await self.sessions.redeem_code("", first.code)

        await self.sessions.redeem_code(own, first.code)

    async def test_a_code_is_good_for_ten_minutes(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        request = await self.ask()
        [said] = await self.said()
        await self.seal(said)

        self.wait(core.OFFER_MS)
        with pytest.raises(GONE):
            await self.sessions.redeem_code(request, said.code)

    async def test_an_errand_that_comes_too_late_sends_nothing(self) -> None:
        await self.chat()
        await self.sessions.ask_code(ALICE, FIREFOX, "192.0.2.1")
        self.wait(core.OFFER_MS)

        await self.work()

        assert await self.said() == []

    async def test_who_has_no_chat_looks_like_anybody_else(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        await self.chat(BOB, is_encrypted=False)
        requests = {person: await self.ask(person) for person in (ALICE, BOB, NOBODY)}

        assert {len(one) for one in requests.values()} == {22}
        assert [one.body.count("/signin#") for one in await self.said()] == [1]
        for request in requests.values():
            for _ in range(core.TRIES_MAX):
                with pytest.raises(WrongCodeError):
                    await self.sessions.redeem_code(request, "000000x")
            with pytest.raises(GONE):
                await self.sessions.redeem_code(request, "000000")

    async def test_asking_does_the_same_work_whoever_it_is(self) -> None:
        """What is done before the answer is one transaction of the same statements."""
        await self.chat()
        seen: list[list[str]] = []
        run = self.database.run

        def noted(name: str, work: object, *args: object) -> object:
            seen[-1].append(name)
            return run(name, work, *args)  # type: ignore[arg-type]  # as it came

        self.patch(self.database, "run", noted)  # type: ignore[no-untyped-call]  # trial's
        for person in (ALICE, NOBODY):
            seen.append([])
            await self.sessions.ask_code(person, FIREFOX, "192.0.2.1")

        assert seen == [["sessions ask"], ["sessions ask"]]
        rows = self.sql("SELECT bot, code_hash, link_hash, ended_at_ms FROM runtime.sign_in")
        assert rows == [(None, None, None, None)] * 2

    async def test_a_person_is_not_flooded_with_codes(self) -> None:
        await self.chat()
        await self.chat(BOB)
        for _ in range(core.CODES_PER_HOUR_MAX + 2):
            await self.ask()
        assert len(await self.said()) == core.CODES_PER_HOUR_MAX

        await self.ask(BOB)
        assert len(await self.said()) == core.CODES_PER_HOUR_MAX + 1
        self.wait(core.HOUR_MS)
        await self.ask()
        assert len(await self.said()) == core.CODES_PER_HOUR_MAX + 2

    async def test_a_person_is_not_flooded_with_codes_that_are_asked_for_at_once(self) -> None:
        await self.chat()
        for number in range(4 * core.CODES_PER_HOUR_MAX):
            await self.sessions.ask_code(ALICE, FIREFOX, f"192.0.2.{number}")
        send = self.sessions.job_handlers()[SEND_CODE]
        rows = self.sql("DELETE FROM runtime.errand RETURNING errand_id, payload")
        jobs = [Job(EffectId(id_), SEND_CODE, payload, self.now_ms) for id_, payload in rows]
        code = {"code": "123456"}
        await gatherResults(
            [
                Deferred.fromCoroutine(self.transact(send.finish, job, code, self.now_ms))
                for job in jobs
            ]
        )

        assert len(await self.said()) == core.CODES_PER_HOUR_MAX

    async def test_an_address_asks_so_often_and_all_together_too(self) -> None:
        self.patch(core, "ASKED_PER_HOUR_MAX", core.ASKED_PER_ADDRESS_MAX + 1)  # type: ignore[no-untyped-call]  # trial's
        for _ in range(core.ASKED_PER_ADDRESS_MAX):
            await self.sessions.ask_code(NOBODY, "", "192.0.2.1")
        with pytest.raises(LimitError) as of_address:
            await self.sessions.ask_code(NOBODY, "", "192.0.2.1")
        assert of_address.value.retry_after_ms > 0

        await self.sessions.ask_code(NOBODY, "", "192.0.2.2")
        with pytest.raises(LimitError):
            await self.sessions.ask_code(NOBODY, "", "192.0.2.3")

        self.wait(core.HOUR_MS)
        await self.sessions.ask_code(NOBODY, "", "192.0.2.1")

    async def test_after_many_wrong_codes_only_links_sign_in(self) -> None:
        self.patch(core, "WRONG_PER_HOUR_MAX", 2)  # type: ignore[no-untyped-call]  # trial's
        await self.know(PHONE=True)
        await self.chat()
        await self.chat(BOB)
        # Where no code was sent, none can be hit.
        nobody = await self.ask(NOBODY)
        for _ in range(core.TRIES_MAX):
            with pytest.raises(WrongCodeError):
                await self.sessions.redeem_code(nobody, "1")
        bob, alice = await self.ask(BOB), await self.ask(ALICE)
        for _ in range(2):
            with pytest.raises(WrongCodeError):
                await self.sessions.redeem_code(bob, "1")
        said = (await self.said())[-1]
        await self.seal(said)

        with pytest.raises(GONE):
            await self.sessions.redeem_code(alice, said.code)
        await self.sessions.redeem_link(said.secret)

    async def test_what_is_no_id_is_told(self) -> None:
        for person in ("", "alice", "@alice:example.org\0", "https://example.org"):
            with pytest.raises(MalformedError, match="person"):
                await self.sessions.ask_code(person, FIREFOX, "192.0.2.1")

    async def test_a_bot_that_no_process_started_says_nothing(self) -> None:
        await self.chat()
        self.sql("UPDATE runtime.bot SET display_name = NULL")

        await self.ask()

        assert await self.said() == []

    async def test_without_pages_nobody_signs_in(self) -> None:
        sessions = self.of_process(has_pages=False)

        with pytest.raises(RefusedError, match="no pages"):
            await sessions.ask_code(ALICE, FIREFOX, "192.0.2.1")
        assert sessions.job_handlers() == {}


class WordsTest(SessionCase):
    async def test_the_bot_speaks_as_the_person_chose(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        await self.transact(people.choose_language, ALICE, "de")
        await self.ask(language="ru")

        [said] = await self.said()
        assert "geben Sie dort diesen Code ein" in said.body
        await self.seal(said)
        await self.sessions.redeem_link(said.secret, FIREFOX)
        assert await self.bodies() == [
            (
                "Sie sind auf unseren Seiten angemeldet (Firefox auf Linux). Waren Sie das nicht,"
                " antworten Sie abmelden"
            )
        ]

    async def test_who_chose_none_is_told_in_that_of_the_page(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        await self.ask(language="uk")
        [said] = await self.said()
        assert "введіть на сторінці цей код" in said.body
        await self.seal(said)

        signed_in = await self.sessions.redeem_link(said.secret)

        assert signed_in.session.language is None
        assert await self.bodies() == [
            (
                "Виконано вхід на наші сторінки (невідомий браузер). Якщо це були не ви, надішліть"
                " у відповідь вийти"
            )
        ]

    async def test_nothing_that_an_asker_wrote_is_said(self) -> None:
        await self.chat()
        evil = "Firefox/1 Linux <b>call +1 555 0100</b> https://evil.example"
        await self.sessions.ask_code(ALICE, evil, "192.0.2.1")
        await self.work()

        [said] = await self.said()
        assert "Firefox on Linux" in said.body
        assert "evil" not in said.body
        assert "+1 555" not in said.body
