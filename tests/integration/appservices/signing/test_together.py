"""Many documents by one approval: what is said of them is said once, and names each."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from appservices.signing.cards.service import together
from appservices.signing.parties.service import waiting
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, two_signers
from tests.support.sign_page import SignList, sign_all
from veche.contracts.signing.card import SIGN_RESULT_KEY

if TYPE_CHECKING:
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres
_FOR_EVER_MS = 10**15


class TogetherTests(ChatSite):
    """Carol sends several documents, which Alice signs in one gesture."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(ALICE, BOB, CAROL)
        self.span_of(_FOR_EVER_MS)

    def span_of(self, span_ms: int) -> None:
        """All that happens in so many milliseconds is said at once."""
        cast("Any", self).patch(together, "SPAN_MS", span_ms)

    def send(self, count: int) -> list[str]:
        """Carol sends documents to Alice alone; their numbers."""
        mine = two_signers()["invited"][:1]
        return [self.sent(mine).id[-8:] for _ in range(count)]

    async def sign_all(self) -> None:
        """Alice signs all that waits for her."""
        await self.settle()
        await self.say_all(ALICE, "sign all")
        [link] = re.findall(r"http\S+/sign#all=\S+", self.said(ALICE))
        pages = await self.away(SignList.of(link).pages)
        answers = await self.away(sign_all, pages, self.keys[ALICE])
        assert {one.status for one in answers} == {200}, answers
        await self.settle()

    def told(self, person: UserId, words: str) -> list[str]:
        """What somebody was told with these words, without edits."""
        bodies = [one["body"] for one in self.contents(person) if "m.new_content" not in one]
        return [one for one in bodies if words in one]

    async def test_signatures_and_ends_are_told_once_with_every_number(self) -> None:
        numbers = self.send(3)
        await self.sign_all()
        assert not self.told(ALICE, "You have signed")
        assert not self.told(CAROL, "has signed")

        await self.fire(together.SIGNED)

        [mine] = self.told(ALICE, "You have signed")
        assert "You have signed 3 documents, in the file" in mine
        [hers] = self.told(CAROL, "has signed")
        assert "Alice Adams has signed 3 documents in the file" in hers
        for number in numbers:
            assert number in mine
            assert f"{number} " in hers

        await self.fire(together.COMPLETE)

        for person in (ALICE, CAROL):
            [end] = self.told(person, "are complete")
            assert "3 documents are complete" in end
            assert all(number in end for number in numbers)
            assert "I keep them until" in end
            assert not self.told(person, ": the file")
        # Each file and each report comes by itself, and says what it is to programs.
        assert len(self.files(ALICE)) == 6
        results = [one for one in self.contents(ALICE) if SIGN_RESULT_KEY in one]
        digests = {one[SIGN_RESULT_KEY]["final_sha256"] for one in results}
        assert len(digests) == 3
        signed = [pdf for name, pdf in self.files(ALICE) if "signed" in name]
        assert len({hashlib.sha256(pdf).digest() for pdf in signed}) == 3

    async def test_the_same_errand_again_says_nothing_twice(self) -> None:
        self.send(2)
        await self.sign_all()
        due = self.due(together.SIGNED)
        assert len(due) == 2  # to Alice, and to Carol

        for one in (*due, *due):
            self.run_now(self._finish, one, {})

        assert len(self.told(ALICE, "You have signed")) == 1
        assert len(self.told(CAROL, "has signed")) == 1

    async def test_what_happens_in_different_spans_is_told_of_each(self) -> None:
        self.span_of(1)
        self.send(2)
        await self.sign_all()
        moments = self.rows("SELECT DISTINCT at_ms FROM signing.signature")

        await self.fire(together.SIGNED)

        assert len(self.told(ALICE, "You have signed")) == len(moments)
        said = "".join(self.told(CAROL, "has signed"))
        assert said.count("1 of 1") + said.count("(1/1)") == 2

    async def test_one_document_is_told_at_once(self) -> None:
        self.send(1)
        await self.settle()
        page = await self.away(lambda: self.pages()[0])
        answer = await self.away(page.sign, self.keys[ALICE])
        assert answer.status == 200
        await self.settle()

        assert self.told(ALICE, "You have signed “")
        assert self.told(CAROL, "Alice Adams has signed “")
        assert self.told(ALICE, ": the file")
        assert not self.due(together.SIGNED, together.COMPLETE)

    def pages(self) -> list[Any]:
        """Of all that waits for Alice."""
        link = self.run_now(lambda txn: waiting.link_of(self.scene_of(txn), ALICE))
        return list(SignList.of(link).pages())

    async def test_what_others_still_have_to_sign_is_told_when_it_is_complete(self) -> None:
        [alone] = self.send(1)
        both = self.sent(**two_signers()).id[-8:]
        await self.sign_all()
        await self.fire(together.SIGNED)
        [mine] = self.told(ALICE, "You have signed")
        assert alone in mine
        assert f"{both} " in mine

        await self.fire(together.COMPLETE)

        # One alone became complete: it is told as ever.
        [end] = self.told(ALICE, ": the file")
        assert alone in end
        assert not self.told(ALICE, "are complete")
