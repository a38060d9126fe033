"""Processes are killed while they act on what came to the signing bot: nothing is lost or twice.

The worker of the inbox is the real one, and so is what it hears: words and taps of persons, what
pages hand in for them. Besides, what follows from it outside transactions: documents of templates,
codes of meetings. All of it is also done where nobody is killed, and comes to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.signing.guardians.service import guardians
from appservices.signing.in_person.service.meetings import PICTURE
from appservices.signing.templates.service.template_talk import FILL
from tests.integration.appservices.signing.by_hand import WHO, HandSite
from tests.integration.appservices.signing.chats import DAVE
from tests.integration.appservices.signing.killing import KillingSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, two_signers
from tests.support.keys import BrowserKey
from tests.support.sign_page import FreshKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.integration.appservices.signing.killing import Facts
    from tests.support.sign_page import SignPage
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres

FIRST = "ORG.VECHE.GUARDIANS_FIRST"
STEPS = ("perform", "finish")
RESOLUTION = (
    "template board-resolution",
    *(
        "Reed Society",
        "7/2026",
        "A new boat",
        "The society buys a boat.",
        "1 December 2026",
        "send",
    ),
)
"""What is written until it is asked who takes part."""


class KilledHearingTests(KillingSite, HandSite):
    """Carol asks; Alice, Bob and Dave have chats."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(CAROL, ALICE, BOB, DAVE)

    def said_to(self, person: UserId, found: Facts, words: str) -> int:
        """How often somebody was told something anew."""
        return sum(
            count
            for fact, count in found.items()
            if fact[:3] == ("said", person, "message") and words in fact[3]
        )

    async def test_what_is_written_in_a_chat_is_heard_once(self) -> None:
        async def write() -> None:
            await self.come(CAROL, *RESOLUTION, "alice", "bob")

        found = await self.heard_in_spite(write)
        assert found["session", "draft", "0", "true"] == 1
        assert self.said_to(CAROL, found, "who is that?") == 3

    async def test_a_reply_with_the_code_signs_once(self) -> None:
        self.run_now(self.give_identity, ALICE)

        async def reply() -> None:
            await self.lease("alice", "level", "s0")
            await self.come(ALICE, self.session().code)

        found = await self.heard_in_spite(reply)
        assert found["signature", "p1", "S0"] == found["event", "signed", "p1"] == 1
        assert found["session", "completed", "0", "false"] == 1

    async def test_a_tap_sends_once(self) -> None:
        async def tap() -> None:
            await self.lease("alice", is_sent=False)
            await self.come(CAROL, self.tapped(CAROL, "send"))

        found = await self.heard_in_spite(tap)
        assert found["event", "sent", ""] == found["event", "invited", "p1"] == 1

    def tapped(self, person: UserId, choice: str) -> dict[str, Any]:
        return {"msgtype": "m.text", "body": choice, **self.choosing(person, choice)}

    # Guardians

    async def guarded(self) -> None:
        """Alice needs both Bob and Dave."""
        everyone, self.keys = {**self.keys, DAVE: BrowserKey()}, {DAVE: BrowserKey()}
        everyone[DAVE] = self.keys[DAVE]
        self.run_now(self._enrol)
        self.keys = everyone
        await self.say_all(ALICE, "guardians bob dave 2 of 2")
        for person in (ALICE, BOB, DAVE):
            assert await self.approve(person) == "approved"

    async def wants_to_sign(self) -> SignPage:
        """Alice wants to sign, and her guardians are asked."""
        page = self.page(self.sent(**two_signers()), "p1")
        answer = await self.away(page.ask, level="S2", key=FreshKey().id)
        assert answer.body["errcode"] == FIRST
        await self.settle()
        return page

    async def test_guardians_are_asked_once(self) -> None:
        await self.guarded()

        async def want() -> Callable[[str], Awaitable[int]]:
            page, key = self.page(self.sent(**two_signers()), "p1"), FreshKey()

            async def ask(url: str) -> int:
                page.origin = url
                answer = await self.away(page.ask, level="S2", key=key.id)
                assert answer.body["errcode"] == FIRST
                return int(answer.status)

            return ask

        found = await self.asked_again("signing.ask", want, (409, 409))
        assert found["guarded", "p1"] == 1
        for person in (BOB, DAVE):
            assert self.said_to(person, found, "Please look at") == 1

    @pytest.mark.long
    async def test_a_guardian_agrees_once(self) -> None:
        await self.guarded()

        async def agree() -> None:
            await self.wants_to_sign()
            self.approve_on_page(BOB)

        found = await self.heard_in_spite(agree)
        assert found["vote", BOB, "true"] == 1
        assert self.said_to(ALICE, found, "Your guardians agree") == 0

    async def test_the_last_guardian_who_agrees_lets_sign_once(self) -> None:
        await self.guarded()
        pages: list[SignPage] = []

        async def agree() -> None:
            pages.append(await self.wants_to_sign())
            assert await self.approve(BOB) == "approved"
            self.approve_on_page(DAVE)

        found = await self.heard_in_spite(agree)
        assert found["vote", BOB, "true"] == found["vote", DAVE, "true"] == 1
        assert self.said_to(ALICE, found, "Your guardians agree") == 1
        signed = await self.away(pages[-1].sign, self.keys[ALICE])
        assert signed.status == 200, signed

    async def test_a_guardian_refuses_once(self) -> None:
        await self.guarded()

        async def refuse() -> None:
            await self.wants_to_sign()
            await self.come(BOB, self.tapped(BOB, "decline"))

        found = await self.heard_in_spite(refuse)
        assert found["vote", BOB, "false"] == 1
        assert self.said_to(ALICE, found, "Too few of your guardians agree") == 1

    async def test_a_rule_of_guardians_counts_once(self) -> None:
        await self.guarded()
        await self.say_all(ALICE, "guardians off")
        assert await self.approve(ALICE) == "approved"
        wait = "UPDATE signing.guard_rule SET counts_from_ms = 1 WHERE state = 'waiting'"
        assert len(self.rows(f"{wait} RETURNING 1")) == 1

        before = await self.calm()
        assert self.hasten(guardians.COUNT)
        await self.killed(self.child(f"finish {guardians.COUNT}"))
        await self.settle()
        found = self.since(before)
        assert found["rule", ALICE, "ended"] == 2
        assert found["rule", ALICE, "active"] == -1
        assert self.said_to(ALICE, found, "Nobody guards your signatures") == 1

    # What follows outside transactions

    async def test_a_document_is_made_from_a_template_once(self) -> None:
        async def fill() -> None:
            await self.say_all(CAROL, *RESOLUTION, "alice", "bob", "dave")
            self.say(CAROL, "me")

        found = await self.in_spite(FILL, fill, STEPS)
        assert found["session", "draft", "0", "true"] == 1
        assert self.said_to(CAROL, found, "Get a copy: Carol Clark") == 1
        for person in (ALICE, BOB, DAVE):
            assert found["party", person, "waiting"] == 1

    @pytest.mark.long
    async def test_a_template_that_cannot_be_filled_in_is_said_once(self) -> None:
        async def fill() -> None:
            await self.say_all(CAROL, *RESOLUTION, "alice", "bob", "dave")
            self.say(CAROL, "@nobody:veche.test")

        found = await self.in_spite(FILL, fill, STEPS)
        assert found["session", "draft", "0", "true"] == 1
        assert self.said_to(CAROL, found, "@nobody:veche.test") == 1

    async def test_the_code_of_a_meeting_is_sent_once(self) -> None:
        for who in ('"Bob Brown"', WHO):

            async def meet(who: str = who) -> None:
                await self.lease(who)
                self.choose(CAROL, "here")

            found = await self.in_spite(PICTURE, meet, STEPS)
            assert found["meeting", "offered", "true"] == 1
            assert self.said_to(CAROL, found, "it to nobody") == 1
