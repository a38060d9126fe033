"""The conversations of the guides on signing happen as the pages show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.stories import test_payment_guides
from tests.stories.conversations import Conversation, Line, pages_with_conversations
from tests.stories.signing import BOT, Signatory, in_town
from tests.stories.test_signing import LEASE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

PAGES: Final = ("sign-a-document.md", "have-a-document-signed.md")
"""In this order: the last one leaves a document that waits for Bob."""


class Signing(Conversation):
    """A page on signing."""

    def __init__(self, people: dict[str, Signatory]) -> None:
        super().__init__(BOT, people)
        self._people = people

    def do(self, line: Line) -> None:
        """Send the bot a document, have one signed, or sign it."""
        if line.deed == "Alice sends the bot lease.pdf.":
            self._people["alice"].send_pdf(LEASE)
        elif line.deed == "Alice asks Bob to sign the lease of flat 12b.":
            self._ask()
        else:
            assert line.deed == "Bob signs it on the page."
            bob = self._people["bob"]
            assert bob.page(self.asked["bob"]).sign(bob.keys[0]).status == 200

    def _ask(self) -> None:
        alice = self._people["alice"]
        alice.send_pdf(LEASE)
        assert self.next("alice").body.startswith("I have it")
        for words in ("Lease of flat 12b", "bob"):
            self.next("alice")
            alice.say(words)
        alice.choose(self.next("alice"), "send")
        assert self.next("alice").body.startswith("It is sent.")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Signatory]]:
    """Alice and Bob, each with a chat and a key."""
    with in_town(tmp_path_factory.mktemp("guides")) as town:
        yield {name: town.signatory(name) for name in ("alice", "bob")}


@pytest.mark.parametrize("name", PAGES)
def test_each_conversation_of_the_page_happens_so(name: str, people: dict[str, Signatory]) -> None:
    Signing(people).play(name)


def test_every_page_with_a_conversation_is_played() -> None:
    assert pages_with_conversations() == {*PAGES, *test_payment_guides.PAGES}
