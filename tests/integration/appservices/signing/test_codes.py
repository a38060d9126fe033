"""What four digits in a chat mean: a signature, why they are none, or an answer to a question."""

from __future__ import annotations

import pytest

from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF
from tests.support.sign_page import SignPage
from veche.contracts.signing.card import SIGN_REQUEST_KEY

pytestmark = pytest.mark.postgres


class CodeTests(ChatSite):
    """Carol has documents signed; Alice answers with codes."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(CAROL, ALICE)
        self.run_now(self.give_identity, ALICE)

    async def send(self, who: str, *more: str) -> str:
        """Carol sends a document; its code."""
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease", who)
        await self.tap(CAROL, *more, "send")
        return self.session().code

    async def reply(self, words: str) -> str:
        """What Alice hears after she wrote something."""
        self.say(ALICE, words)
        await self.settle()
        return self.said(ALICE)

    async def test_a_code_does_not_sign_what_needs_a_key_and_the_way_is_shown(self) -> None:
        code = await self.send("alice")

        said = await self.reply(code)

        assert "A reply with its code does not sign this document" in said
        assert self.card(ALICE, SIGN_REQUEST_KEY)["page"] in said
        assert self.states() == {"Alice Adams": "invited"}

    async def test_who_has_signed_already_is_told_so(self) -> None:
        code = await self.send("alice, bob", "level", "s0")
        await self.reply(code)
        assert self.states()["Alice Adams"] == "signed"

        assert "You have signed it already; that counts once." in await self.reply(code)

    async def test_the_code_of_what_is_over_says_how_it_ended(self) -> None:
        code = await self.send("alice", "level", "s0")
        await self.take_back(CAROL)

        assert "cannot be done any more: taken back" in await self.reply(code)
        assert self.states() == {"Alice Adams": "invited"}

    async def test_whose_turn_it_is_not_yet_is_told_so(self) -> None:
        self.chat(BOB)
        code = await self.send("bob then alice", "level", "s0")

        assert "It is not your turn" in await self.reply(code)

    async def test_four_digits_answer_the_question_of_a_form_while_a_document_waits(self) -> None:
        code = await self.send("alice", "level", "s0")
        other = f"{(int(code) + 1) % 10000:04}"
        assert "No document that waits for you has this code" in await self.reply(other)
        self.send_file(ALICE, PDF, "budget.pdf")
        await self.settle()
        assert "What is it called?" in self.said(ALICE)

        said = await self.reply(other)

        assert "Who signs it" in said
        assert self.session().subject.title == other
        await self.reply("cancel")
        edited = self.all_said(ALICE).rpartition("Who signs it")[2]
        assert "Thrown away; nothing was sent." in edited
        # The code itself still signs.
        await self.reply(code)
        assert [row[0] for row in self.rows("SELECT what FROM signing.event WHERE what='signed'")]

    async def test_of_a_file_without_a_signature_the_report_is_named_as_the_proof(self) -> None:
        code = await self.send("alice", "level", "s0")
        await self.reply(code)

        said = self.all_said(ALICE)
        assert "Nobody has signed in the file itself" in said
        assert "Anybody can check the report here" in said
        assert "Anybody can check it here" not in said
        await self.send("alice")
        page = SignPage.of(self.card(ALICE, SIGN_REQUEST_KEY)["page"])
        assert (await self.away(page.sign, self.keys[ALICE])).status == 200
        await self.settle()
        assert self.all_said(ALICE).count("Nobody has signed in the file itself") == 1

    async def test_what_was_sent_is_taken_back_only_after_a_question(self) -> None:
        self.chat(BOB)
        self.run_now(self.give_identity, BOB)
        code = await self.send("alice, bob", "level", "s0")
        await self.reply(code)
        number = self.session().id[-8:]

        await self.say_all(CAROL, f"cancel {number}")
        asked = self.said(CAROL)
        assert number in asked
        assert "Signed already by: Alice Adams" in asked
        assert "It cannot be undone" in asked
        await self.tap(CAROL, "keep")
        assert "Nothing was changed." in self.said(CAROL)
        assert self.session().state.value == "open"

        # The question of before counts no more; whoever signs meanwhile is not lost.
        await self.say_all(CAROL, f"cancel {number}", f"cancel {number}")
        assert "This question was replaced by the one below." in self.all_said(CAROL)
        await self.say_all(BOB, code)
        before = self.session().state.value
        await self.tap(CAROL, "back")
        assert self.session().state.value == before != "open"
        assert "cannot be done any more" in self.said(CAROL)

    async def test_cancel_without_a_number_says_what_it_takes(self) -> None:
        said = await self.reply("cancel")
        assert "You are preparing no document" in said
        assert "cancel NUMBER" in said
        assert "no document with this number" in await self.reply("cancel 1")

        self.say(ALICE, "help more")
        assert "• sessions: your documents, and how they stand: sessions NUMBER" in self.said(ALICE)
        assert "• meet: " in self.said(ALICE)
