"""Somebody who only has XMPP uses the demo's office: a real Prosody, Synapse and PostgreSQL."""

from __future__ import annotations

import os
import signal
import socket
import time
from hashlib import sha1
from typing import TYPE_CHECKING, Final

import pytest

from bridges.core.model import TEXT_CHARACTERS_MAX
from tests.integration.bridges.story import get_a_service_with_a_fee
from tests.integration.bridges.xmpp_town import ADDRESS, NAME, Citizen, XmppTown, citizen, xmpp_town
from tests.support.processes import wait_until
from tests.support.xmpp_people import Received
from tests.support.xmpp_server import OTHERS, SECRET, VECHE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

LANGUAGE: Final = "Which language do you prefer?"
MENU: Final = "What do you need?"
AWAY_TRIES: Final = 4
"""More than a message takes that is on its way when the server goes."""
TAKEN: Final = "SELECT count(*) FROM bridges.remote_inbox"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppTown]:
    with xmpp_town(tmp_path_factory.mktemp("bridged")) as one:
        yield one


@pytest.fixture(scope="module")
def ann(town: XmppTown) -> Iterator[Citizen]:
    with citizen(town, "ann") as one:
        yield one


@pytest.fixture
def mallory(town: XmppTown) -> Iterator[Citizen]:
    with citizen(town, "mallory") as one:
        yield one


def known(town: XmppTown, name: str) -> Iterator[Citizen]:
    """Somebody who has chosen a language, so that ``menu`` is answered by the menu."""
    with citizen(town, name) as one:
        one.ask("1", one.ask("Hello", None, LANGUAGE), MENU)
        yield one


@pytest.fixture(scope="module")
def bob(town: XmppTown) -> Iterator[Citizen]:
    yield from known(town, "bob")


@pytest.fixture(scope="module")
def eve(town: XmppTown) -> Iterator[Citizen]:
    yield from known(town, "eve")


def settle(town: XmppTown, somebody: Citizen) -> None:
    """Wait until all that came before has been dealt with: each ``menu`` was answered once."""
    somebody.send("menu")
    due = 1 + somebody.due("menu")  # one came with the language
    wait_until(lambda: somebody.count(MENU) >= due, 60, "an answer is missing")
    open_rows = "SELECT count(*) FROM bridges.remote_outbox WHERE sealed IS NOT NULL"
    wait_until(lambda: town.query(open_rows) == [(0,)], 30, "something is not sent")
    assert somebody.count(MENU) == due


def test_somebody_with_xmpp_alone_gets_a_service_with_a_fee(town: XmppTown, ann: Citizen) -> None:
    """Greeting, form by numbers, payment link, decision, and how to get the document."""
    result = get_a_service_with_a_fee(town.house, ann, "It cannot be sent by XMPP")

    assert ".pdf" in result.words
    received = ann.person.messages()
    assert {(one.sender, one.nick) for one in received} == {(ADDRESS, NAME)}
    assert sum("can read them" in one.words for one in received) == 1
    assert len(ann.person.received) == len(received), "something came twice, or an error"
    delivered = "SELECT count(*) FROM bridges.remote_outbox WHERE state = 'delivered'"
    wait_until(lambda: town.query(delivered) == [(len(received),)], 30, "receipts are missing")


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.1, 0.3])
def test_nothing_is_lost_or_doubled_by_a_kill_between_a_message_and_its_answer(
    town: XmppTown, eve: Citizen, delay_s: float
) -> None:
    """What is not acknowledged may not be kept: the person sends it again."""
    id_ = eve.send("menu")
    time.sleep(delay_s)  # another moment of the way each time
    town.bridge.kill()
    town.start()

    if not eve.person.has_receipt(id_, 1):
        eve.send("menu", id_)
    assert eve.person.has_receipt(id_)
    settle(town, eve)


def test_a_bridge_that_is_told_to_end_keeps_what_has_come(town: XmppTown, eve: Citizen) -> None:
    id_ = eve.send("menu")
    town.bridge.stop()
    town.start()

    if any(one.error and one.id == id_ for one in eve.person.received):
        eve.send("menu", id_)  # the server said that it was not taken
    settle(town, eve)


def test_who_writes_while_the_bridge_is_down_is_told_and_can_send_it_again(
    town: XmppTown, bob: Citizen
) -> None:
    town.bridge.kill()
    id_ = bob.send("menu")
    told = bob.person.error_to(id_)
    town.start()
    doubles = town.counted("veche_bridge_in_total", end="double")
    for count in range(1, 4):
        bob.send("menu", id_)
        wait_until(lambda: bob.person.receipts.count(id_) == count, 30, "no receipt")  # noqa: B023

    assert (told.error, told.words) == ("wait remote-server-timeout", "Component unavailable")
    settle(town, bob)
    assert town.counted("veche_bridge_in_total", end="double") == doubles + 2


def test_an_answer_waits_for_a_server_that_is_away(town: XmppTown, bob: Citizen) -> None:
    settle(town, bob)
    [(before,)] = town.query(TAKEN)
    office = town.house.replicas[0].pid
    # Else it may answer before the server is away.
    os.kill(office, signal.SIGSTOP)
    try:
        bob.send("menu")
        wait_until(lambda: town.query(TAKEN) != [(before,)], 30, "the message does not come in")
        town.server.stop()
    finally:
        os.kill(office, signal.SIGCONT)
    away = town.counted("veche_bridge_out_total", end="away")

    def tries() -> float:
        return town.counted("veche_bridge_out_total", end="away") - away

    wait_until(lambda: tries() >= AWAY_TRIES, 60, "nothing was tried meanwhile")
    bob.person.stop()
    connections = town.connections()
    town.server.start()
    bob.person.connect()
    wait_until(lambda: town.connections() > connections, 30, "the bridge does not come back")

    settle(town, bob)
    [(attempts,)] = town.query("SELECT max(attempts) FROM bridges.remote_outbox")
    assert int(str(attempts)) < AWAY_TRIES, "time without a server counts as no attempt"


def test_nobody_writes_in_the_name_of_another(
    town: XmppTown, bob: Citizen, mallory: Citizen
) -> None:
    """Neither another account nor another component of the server can; both get the blame."""
    settle(town, bob)
    received = len(bob.person.received)
    forged = f"<message from='{bob.person.address}/phone' to='{ADDRESS}' id='f1' type='chat'>"
    mallory.person.send_raw(f"{forged}<body>cancel</body></message>")
    with socket.create_connection(("127.0.0.1", town.server.component_port), 10) as other:
        other.settimeout(10)
        other.sendall(
            b"<stream:stream xmlns='jabber:component:accept' to='%s'"
            b" xmlns:stream='http://etherx.jabber.org/streams'>" % OTHERS.encode()
        )
        stream_id = other.recv(4096).partition(b"id='")[2].partition(b"'")[0]
        digest = sha1(stream_id + SECRET.encode()).hexdigest()  # noqa: S324 -- XEP-0114
        other.sendall(f"<handshake>{digest}</handshake>".encode())
        assert b"<handshake" in other.recv(4096)
        other.sendall(f"{forged}<body>cancel</body></message>".encode())
        assert b"invalid-from" in other.recv(4096)

    mallory.expect("Nothing is being filled in", Received("", "", ""))
    settle(town, bob)
    assert len(bob.person.received) == received + 1, "the answer to `menu` of `settle` alone"


@pytest.mark.parametrize(
    "bomb",
    [
        "<x xmlns='a'/>" * 100_000,
        "<x>" * 50_000 + "</x>" * 50_000,
        f"<body>{'&#10;' * 500_000}</body>",
        f"<body>{'a' * 3_000_000}</body>",
        f"<body>{'a' * (TEXT_CHARACTERS_MAX + 1)}</body>",
    ],
    ids=["elements", "depth", "lines", "text", "just_too_long"],
)
def test_a_bomb_is_refused_and_hurts_nobody_else(
    town: XmppTown, bob: Citizen, mallory: Citizen, bomb: str
) -> None:
    connections = town.connections()
    mallory.person.send_raw(f"<message to='{ADDRESS}' id='bomb' type='chat'>{bomb}</message>")
    error = mallory.person.error_to("bomb")
    began_s = time.monotonic()
    settle(town, bob)

    assert error.error == "modify policy-violation"
    assert error.words == "This message is too long. Send it in parts."
    assert time.monotonic() - began_s < 10
    assert town.connections() == connections, "the connection of all has ended"


def test_what_would_come_back_for_ever_is_not_answered(town: XmppTown, bob: Citizen) -> None:
    settle(town, bob)
    before = town.counted("veche_bridge_in_total", end="automatic")
    received = len(bob.person.received)
    for kind in ("error", "groupchat", "headline"):
        bob.person.send("menu", ADDRESS, kind=kind)
    carbon = (
        "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
        f"<message from='eve@xmpp.test/phone' to='{ADDRESS}' type='chat'>"
        "<body>menu</body></message></forwarded></sent>"
    )
    bob.person.send_raw(f"<message to='{ADDRESS}' id='c1' type='chat'>{carbon}</message>")
    bob.send(bob.person.messages()[-1].words)  # as a program that returns what it gets

    wait_until(
        lambda: town.counted("veche_bridge_in_total", end="automatic") == before + 1,
        30,
        "what came back is not seen",
    )
    settle(town, bob)
    assert len(bob.person.received) == received + 1, "the answer to `menu` of `settle` alone"


def test_what_the_office_cannot_read_is_refused_in_words(town: XmppTown, bob: Citizen) -> None:
    before = town.counted("veche_bridge_xmpp_refused_total")
    sentences = {
        "urn:xmpp:eme:0": "The office cannot read encrypted messages here.",
        "urn:xmpp:message-correct:0": "The office does not see corrections. Send a new message.",
        "jabber:x:oob": "The office cannot take files here.",
    }
    for number, (namespace, sentence) in enumerate(sentences.items()):
        bob.person.send_raw(
            f"<message to='{ADDRESS}' id='n{number}' type='chat'><body>2</body>"
            f"<x xmlns='{namespace}'/></message>"
        )
        assert bob.person.error_to(f"n{number}").words.startswith(sentence)
    assert town.counted("veche_bridge_xmpp_refused_total") == before + 3


def test_an_address_that_is_none_says_so(town: XmppTown, mallory: Citizen) -> None:
    [(before,)] = town.query("SELECT count(*) FROM bridges.portal")
    error = mallory.person.error_to(mallory.person.send("Hello", f"nobody@{VECHE}"))

    assert error.error == "cancel item-not-found"
    assert error.words == "There is no office at this address."
    assert town.query("SELECT count(*) FROM bridges.portal") == [(before,)]


def test_programs_show_the_name_of_the_office(bob: Citizen) -> None:
    ask, address = bob.person.query, ADDRESS
    info = ask("xep_0030", "get_info", jid=address)["disco_info"]
    items = ask("xep_0030", "get_items", jid=VECHE)["disco_items"]["items"]
    card = ask("xep_0054", "get_vcard", jid=address)["vcard_temp"]
    bob.person.send_raw(f"<presence to='{address}' type='subscribe'/>")

    assert ("account", "registered", None, NAME) in info["identities"]
    assert "urn:xmpp:receipts" in info["features"]
    assert items == {(address, None, NAME)}
    assert card["FN"] == NAME
    wait_until(lambda: (address, NAME) in bob.person.presences, 30, "it is not there")
    assert bob.person.query("xep_0199", "ping", jid=VECHE) < 10


def test_only_the_recipient_says_that_a_message_arrived(town: XmppTown, mallory: Citizen) -> None:
    states = "SELECT state, reason FROM bridges.remote_outbox ORDER BY seq DESC LIMIT 1"
    with citizen(town, "quiet", acknowledges=False) as quiet:
        greeting = quiet.ask("Hello", None, LANGUAGE)
        wait_until(lambda: town.query(states) == [("sent", None)], 30, "not sent")
        received = f"<received xmlns='urn:xmpp:receipts' id='{greeting.id}'/>"
        bounce = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        mallory.person.send_raw(f"<message to='{ADDRESS}'>{received}</message>")
        mallory.person.send_raw(
            f"<message to='{ADDRESS}' id='{greeting.id}' type='error'>{bounce}</message>"
        )
        mallory.person.error_to(mallory.person.send("Hello", f"nobody@{VECHE}"))
        assert town.query(states) == [("sent", None)]

        quiet.person.send_raw(f"<message to='{ADDRESS}'>{received}</message>")
        wait_until(lambda: town.query(states) == [("delivered", None)], 30, "not delivered")


def test_an_account_that_is_gone_is_known_by_the_bounce(town: XmppTown) -> None:
    with citizen(town, "gone") as gone:
        gone.send("Hello")
        wait_until(lambda: len(gone.person.receipts) == 1, 30, "it is not taken")
    town.server.remove("gone")  # the greeting takes longer: its room is made first
    failed = "SELECT reason FROM bridges.remote_outbox WHERE state = 'failed'"
    wait_until(lambda: town.query(failed) == [("service-unavailable",)], 60, "no bounce")
