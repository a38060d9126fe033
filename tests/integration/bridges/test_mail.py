"""Somebody who only has mail uses the demo's office: a real exim, Synapse and PostgreSQL."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.integration.bridges.town import Citizen, Town, mail_town, shown
from tests.stories.bank import BOT, Client, code_in
from tests.stories.office import Desk
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with mail_town(tmp_path_factory.mktemp("bridged")) as one:
        yield one


def test_somebody_with_mail_alone_gets_a_service_with_a_fee(town: Town) -> None:
    """Greeting, form by numbers, payment link, decision and result, all in one thread."""
    desk = Desk(town.house.person("carol"))
    bob = Client.sign_in(town.house, town.house.person("bob"), BOT)
    bob.allow_codes(5_000)
    ann = Citizen(town, "ann")
    greeting = ann.ask("Hello", None, "Which language do you prefer?")
    menu = ann.ask("1", greeting, "What do you need?")
    intro = ann.ask("3", menu, "It takes at most")
    parcel = ann.ask("1", intro, "1 of 2")
    reason = ann.ask("12/7", parcel, "2 of 2")
    review = ann.ask("1", reason, "Please check your answers")
    submit = ann.write("submit", review)
    told = ann.expect("The number of your case is", submit).get_content()
    found = re.search(r"\b[0-9A-HJKMNP-TV-Z]{4} ?-?[0-9A-HJKMNP-TV-Z]{4}\b", told)
    assert found, told
    number = found[0]
    fee = ann.expect("can pay it here, also for you:", submit)

    # Whoever has the link may pay: her husband does.
    [link] = re.findall(r"https?://\S+/pay#\S+", fee.get_content())
    bob.say(link)
    question = bob.expect("Do not pay", "Town of Lindenau")
    bob.person.reply(bob.room, question.event_id, code_in(question))
    ann.expect("12.00 EUR are paid", fee)

    thread = desk.claimed(number)
    thread.choose(thread.expect("What is decided?"), "approve")
    result = ann.expect("Valid until", fee)
    [extract] = result.iter_attachments()
    assert extract.get_content_type() == "application/pdf"
    assert extract.get_content().startswith(b"%PDF")
    ann.expect("done. Nothing more is needed.", fee)
    if os.environ.get("SHOW_MAIL"):
        print("\n\n=====\n".join(map(shown, ann.received())))  # noqa: T201


def test_what_comes_while_the_bridge_is_down_is_taken_once(town: Town) -> None:
    """Each mail is answered once: also after a kill, and when it comes twice."""
    bob = Citizen(town, "bob")
    greeting = bob.ask("Hello", None, "Which language do you prefer?")
    assert "tap it below" not in greeting.get_content()

    first = bob.write("1", greeting)
    bob.send(first)
    menu = bob.expect("What do you need?", first)

    # What comes meanwhile waits in exim; what was taken before is not taken again.
    town.bridge.kill()
    second = bob.write("1", menu)
    bob.send(first)
    bob.write("I am away", Auto_Submitted="auto-replied")
    town.start()
    intro = bob.expect("It takes at most", second)

    bob.ask("1", intro, "1 of 4")
    counted = (
        "SELECT count(*) FROM bridges.remote_inbox JOIN bridges.portal USING (bridge_id, portal_id)"
        " WHERE portal.since_ms = (SELECT max(since_ms) FROM bridges.portal)"
    )
    wait_until(lambda: town.query(counted) == [(5,)], 90, "not all mail came")
    received = bob.received()
    ids = [one["Message-ID"] for one in received]
    assert len(ids) == len(set(ids)) == 4
    assert sum("can read them" in one.get_content() for one in received) == 1
