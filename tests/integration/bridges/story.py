"""The story of somebody who has one network alone, and gets a service with a fee by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, TypeVar

from tests.stories.bank import BOT, Client, code_in
from tests.stories.office import Desk

if TYPE_CHECKING:
    from tests.support.services import House

M = TypeVar("M")
"""A message of the network."""


class Citizen(Protocol[M]):
    """Somebody who writes to the office by a network."""

    def write(self, text: str, to: M | None = None) -> M:
        """Write to the office, in answer to a message if there is one."""

    def expect(self, words: str, after: M) -> M:
        """Wait for a message that has these words and comes after another one."""

    def ask(self, text: str, to: M | None, words: str) -> M:
        """Write something; the answer that has these words."""

    def words(self, one: M) -> str:
        """The text of a message."""


def get_a_service_with_a_fee(house: House, ann: Citizen[M], last_words: str) -> M:
    """Greeting, form by numbers, payment link and decision; the message with the document.

    Args:
        house: With the office and the bank.
        ann: The citizen.
        last_words: In the message that brings the document, or says how to get it.
    """
    desk = Desk(house.person("carol"))
    bob = Client.sign_in(house, house.person("bob"), BOT)
    bob.allow_codes(5_000)
    greeting = ann.ask("Hello", None, "Which language do you prefer?")
    menu = ann.ask("1", greeting, "What do you need?")
    intro = ann.ask("3", menu, "It takes at most")
    parcel = ann.ask("1", intro, "1 of 2")
    reason = ann.ask("12/7", parcel, "2 of 2")
    review = ann.ask("1", reason, "Please check your answers")
    submit = ann.write("submit", review)
    told = ann.words(ann.expect("The number of your case is", submit))
    found = re.search(r"\b[0-9A-HJKMNP-TV-Z]{4} ?-?[0-9A-HJKMNP-TV-Z]{4}\b", told)
    assert found, told
    fee = ann.expect("can pay it here, also for you:", submit)

    # Whoever has the link may pay: her husband does.
    [link] = re.findall(r"https?://\S+/pay#\S+", ann.words(fee))
    bob.say(link)
    question = bob.expect("Do not pay", "Town of Lindenau")
    bob.person.reply(bob.room, question.event_id, code_in(question))
    ann.expect("12.00 EUR are paid", fee)

    thread = desk.claimed(found[0])
    thread.choose(thread.expect("What is decided?"), "approve")
    result = ann.expect(last_words, fee)
    ann.expect("done. Nothing more is needed.", fee)
    return result
