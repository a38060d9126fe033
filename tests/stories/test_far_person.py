"""Somebody of another homeserver asks the office: what was said before they joined reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from appservices.agency import demo as office_demo
from tests.stories.office import case_number
from tests.support.people import Kind, Person
from tests.support.services import Place, house
from tests.support.synapse_federation import federated_homeserver
from veche.contracts.agency.case import CASE_KEY
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

TALK: Final = (
    ("Which language do you prefer?", "1"),
    ("What do you need?", "1"),
    ("It takes at most", "1"),
    ("1 of 4", "Anna Weber"),
    ("2 of 4", "12 March 2020"),
    ("3 of 4", "travel"),
    ("4 of 4", "skip"),
    ("Please check your answers", "submit"),
)


@pytest.mark.long
def test_a_person_of_another_server_gets_the_card_of_their_case_once(tmp_path: Path) -> None:
    with (
        house(tmp_path / "town", has_pages=Place(is_federated=True)) as town,
        federated_homeserver(tmp_path / "far") as far,
    ):
        dave = Person.start(Kind.NIO, far.plan.url, far.register("dave"), is_verified=True)
        try:
            office = office_demo.OFFICE_BOT.replace(demo.SERVER_NAME, town.server.plan.server_name)
            chat = dave.create_dm(office)
            for words, answer in TALK:
                dave.wait_for(chat, _says(words))
                dave.send(chat, answer)
            number = case_number(dave.wait_for(chat, _says("The number of your case is")))
            [room] = dave.accept_invites()
            card = dave.wait_for(room, _says(f"Case: {number}"))
            dave.send(room, "status")
            dave.wait_for(room, _says("What happened so far"))
            cards = [m for m in dave.messages(room) if CASE_KEY in m.content and not m.replaces]
        finally:
            dave.stop()

    assert [one.event_id for one in cards] == [card.event_id]


def _says(words: str) -> Callable[[Message], bool]:
    def is_it(message: Message) -> bool:
        return words in message.body and message.replaces is None

    is_it.__qualname__ = f"{words!r}"
    return is_it
