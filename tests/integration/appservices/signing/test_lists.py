"""What ``sessions`` lists: what a person has to do, what waits for others, what is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF
from tests.support.sign_page import SignPage
from veche.contracts.signing.card import SIGN_REQUEST_KEY

if TYPE_CHECKING:
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


def _execute(txn: Cursor, sql: str, value: str) -> None:
    txn.execute(sql, (value,))


class ListTests(ChatSite):
    """Carol asks, Alice and Bob sign."""

    async def prepare(self, title: str, who: str) -> str:
        """Carol has a document signed; its number."""
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()
        await self.say_all(CAROL, title, who)
        await self.tap(CAROL, "send")
        return self.session().id[-8:]

    async def sign(self, person: UserId) -> None:
        """A person signs on the page of their newest card."""
        page = SignPage.of(self.card(person, SIGN_REQUEST_KEY)["page"])
        answer = await self.away(page.sign, self.keys[person])
        assert answer.status == 200, answer
        await self.settle()

    async def groups(self, person: UserId) -> dict[str, list[str]]:
        """The lists of a person, by their headings."""
        await self.say_all(person, "sessions")
        found: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in self.said(person).splitlines():
            if line.startswith("•"):
                lines.append(line.removeprefix("•").strip())
            elif line.strip():
                found[line.strip()] = lines = []
        return found

    async def test_what_one_has_signed_is_not_listed_as_to_sign(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        number = await self.prepare("Lease of flat 12b", "alice, bob")
        line = f"{number} Lease of flat 12b"
        assert await self.groups(ALICE) == {"For you to sign": [f"{line}: open (0/2)"]}

        await self.sign(ALICE)

        assert await self.groups(ALICE) == {"Waits for others": [f"{line}: you have signed (1/2)"]}
        assert await self.groups(BOB) == {"For you to sign": [f"{line}: open (1/2)"]}
        assert await self.groups(CAROL) == {"Sent by you": [f"{line}: open (1/2)"]}

        await self.sign(BOB)

        over = {"Ended lately": [f"{line}: complete (2/2)"]}
        for person in (ALICE, BOB, CAROL):
            assert await self.groups(person) == over

    async def test_whose_turn_it_is_not_yet_waits_for_others(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        number = await self.prepare("Will", "alice then bob; copy to dave")

        line = f"{number} Will: others come first (0/2)"
        assert await self.groups(BOB) == {"Waits for others": [line]}

    async def test_one_that_somebody_sends_and_signs_themselves_is_in_both_lists(self) -> None:
        self.chat(CAROL, ALICE)
        number = await self.prepare("Resolution", "me, alice")
        line = f"{number} Resolution: open (0/2)"
        assert await self.groups(CAROL) == {"For you to sign": [line], "Sent by you": [line]}

        await self.sign(CAROL)

        line = f"{number} Resolution: open (1/2)"
        assert await self.groups(CAROL) == {"Sent by you": [line]}

    async def test_drafts_that_were_thrown_away_did_not_end(self) -> None:
        self.chat(CAROL)
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b")
        assert list(await self.groups(CAROL)) == ["Sent by you"]

        await self.say_all(CAROL, "cancel", "sessions")

        assert "You have no documents here" in self.said(CAROL)

    async def test_of_many_that_wait_the_list_says_how_many_more_there_are(self) -> None:
        self.chat(CAROL, ALICE)
        await self.prepare("Lease", "alice")
        [(one,)] = self.rows("SELECT id FROM signing.session")
        copied = (
            "INSERT INTO signing.{0} SELECT (jsonb_populate_record(t, jsonb_build_object('{1}',"
            " left(t.{1}, 23) || to_char(n, 'FM000')))).* FROM signing.{0} t,"
            " generate_series(1, 22) n WHERE t.{1} = %s"
        )
        for table, key in (("session", "id"), ("party", "session_id")):
            sql = copied.format(table, key)
            self.run_now(_execute, sql, one)

        [lines] = (await self.groups(ALICE)).values()

        assert len(lines) == 21
        assert lines[-1] == "and 3 more"
