"""The evidence of delivery, between two Synapses that federate."""

from __future__ import annotations

import itertools
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.synapse_federation import federated_homeserver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.calls import Answer
    from tests.support.synapse import Homeserver

pytestmark = pytest.mark.synapse

EVIDENCE = [{"module": "homeserver_modules.delivery_evidence.DeliveryEvidence", "config": {}}]
PATH = "/_synapse/client/veche/delivery"
numbers = itertools.count()


@attrs.frozen
class Account:
    """Somebody on a server; of a bot the token is the application service's."""

    server: Homeserver
    user_id: str
    token: str
    query: str = ""

    def call(self, method: str, path: str, body: object = None) -> Answer:
        sign = "&" if "?" in path else "?"
        path = f"/_matrix/client/v3{path}{sign if self.query else ''}{self.query}"
        return self.server.call(method, path, token=self.token, body=body)

    def say(self, room: str) -> str:
        path = f"/rooms/{room}/send/m.room.message/{next(numbers)}"
        answer = self.call("PUT", path, {"msgtype": "m.text", "body": "a decision"})
        assert answer.status == 200, answer
        return str(answer.body["event_id"])

    def join(self, room: str, via: Homeserver) -> None:
        path = f"/join/{urllib.parse.quote(room)}?server_name={via.plan.server_name}"
        answer = self.call("POST", path, {})
        assert answer.status == 200, answer

    def has(self, room: str, event_id: str) -> bool:
        answer = self.call("GET", f"/rooms/{room}/messages?dir=b&limit=50")
        return any(one["event_id"] == event_id for one in answer.body["chunk"])

    def knows(self, room: str, user_id: str) -> bool:
        answer = self.call("GET", f"/rooms/{room}/joined_members")
        return user_id in answer.body.get("joined", {})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with federated_homeserver(tmp_path_factory.mktemp("home"), modules=EVIDENCE) as server:
        yield server


@pytest.fixture
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with federated_homeserver(tmp_path_factory.mktemp("abroad")) as server:
        yield server


@pytest.fixture(scope="module")
def bot(home: Homeserver) -> Account:
    body = {"type": "m.login.application_service", "username": "veche_office"}
    path = "/_matrix/client/v3/register"
    answer = home.call("POST", path, token=home.as_token, body={**body, "inhibit_login": True})
    assert answer.status == 200, answer
    user_id = str(answer.body["user_id"])
    return Account(home, user_id, home.as_token, f"user_id={urllib.parse.quote(user_id)}")


@pytest.fixture(scope="module")
def anna(home: Homeserver) -> Account:
    return Account(home, home.register("anna"), home.login("anna"))


@pytest.fixture
def boris(abroad: Homeserver) -> Account:
    return Account(abroad, abroad.register("boris"), abroad.login("boris"))


@pytest.fixture
def room(bot: Account) -> str:
    answer = bot.call("POST", "/createRoom", {"preset": "public_chat"})
    assert answer.status == 200, answer
    return str(answer.body["room_id"])


def ask(home: Homeserver, event_id: str, user_id: str) -> dict[str, Any]:
    """What the module knows of an event."""
    body = {"events": [{"event_id": event_id, "user_id": user_id}]}
    answer = home.call("POST", PATH, token=home.as_token, body=body)
    assert answer.status == 200, answer
    [found] = answer.body["events"]
    assert (found["event_id"], found["user_id"]) == (event_id, user_id)
    return dict(found)


def test_another_server_acknowledges_once_it_has_the_event(
    home: Homeserver, bot: Account, boris: Account, room: str
) -> None:
    boris.join(room, home)

    event_id = bot.say(room)
    wait_until(
        lambda: ask(home, event_id, boris.user_id)["acknowledged_ms"] is not None,
        WAIT_S,
        "it was never acknowledged",
    )

    # It acknowledges what it has taken, a moment before its people see it.
    wait_until(lambda: boris.has(room, event_id), WAIT_S, "it did not arrive")
    found = ask(home, event_id, boris.user_id)
    assert 0 <= found["acknowledged_ms"] - found["stored_ms"] < WAIT_S * 1000
    assert found["read_ms"] is None
    # Of a server that is not in the room nobody says anything.
    assert ask(home, event_id, "@carol:elsewhere.test")["acknowledged_ms"] is None


def test_a_server_that_is_down_acknowledges_when_it_is_back(
    home: Homeserver,
    bot: Account,
    abroad: Homeserver,
    boris: Account,
    room: str,
    tmp_path: Path,
) -> None:
    boris.join(room, home)
    with federated_homeserver(tmp_path / "third") as third:
        carol = Account(third, third.register("carol"), third.login("carol"))
        carol.join(room, home)
        wait_until(lambda: boris.knows(room, carol.user_id), WAIT_S, "nobody told of carol")
        abroad.stop()

        event_id = bot.say(room)
        # A third server has it: so our own has sent it to all that it reaches.
        wait_until(
            lambda: ask(home, event_id, carol.user_id)["acknowledged_ms"] is not None,
            WAIT_S,
            "the third never acknowledged it",
        )
        assert ask(home, event_id, boris.user_id)["acknowledged_ms"] is None

        abroad.start()
        wait_until(
            lambda: ask(home, event_id, boris.user_id)["acknowledged_ms"] is not None,
            WAIT_S,
            "it was never acknowledged",
        )
        wait_until(lambda: boris.has(room, event_id), WAIT_S, "it did not arrive")
        late, soon = (ask(home, event_id, one.user_id) for one in (boris, carol))
        assert late["acknowledged_ms"] > soon["acknowledged_ms"]


def test_a_process_that_is_killed_loses_nothing_that_was_written(
    home: Homeserver, bot: Account, boris: Account, room: str
) -> None:
    boris.join(room, home)
    event_id = bot.say(room)
    wait_until(
        lambda: ask(home, event_id, boris.user_id)["acknowledged_ms"] is not None,
        WAIT_S,
        "it was never acknowledged",
    )
    before = ask(home, event_id, boris.user_id)
    home.kill()
    home.start()

    assert ask(home, event_id, boris.user_id) == before


def test_on_our_own_server_it_is_stored_and_a_public_receipt_is_seen(
    home: Homeserver, bot: Account, anna: Account, room: str
) -> None:
    anna.join(room, home)
    first, second = bot.say(room), bot.say(room)
    found = ask(home, second, anna.user_id)
    assert found["stored_ms"] is not None
    assert found["acknowledged_ms"] is None
    assert found["read_ms"] is None

    answer = anna.call("POST", f"/rooms/{room}/receipt/m.read.private/{second}", {})
    assert answer.status == 200, answer
    assert ask(home, second, anna.user_id)["read_ms"] is None
    answer = anna.call("POST", f"/rooms/{room}/receipt/m.read/{first}", {})
    assert answer.status == 200, answer

    wait_until(lambda: ask(home, first, anna.user_id)["read_ms"] is not None, WAIT_S, "no receipt")
    assert ask(home, second, anna.user_id)["read_ms"] is None


def test_nothing_is_told_of_what_others_wrote_nor_to_others(
    home: Homeserver, bot: Account, anna: Account, room: str
) -> None:
    anna.join(room, home)
    theirs, ours = anna.say(room), bot.say(room)
    assert ask(home, theirs, bot.user_id)["stored_ms"] is None
    assert ask(home, "$nothing", anna.user_id)["stored_ms"] is None

    body = {"events": [{"event_id": ours, "user_id": anna.user_id}]}
    for token, status in ((anna.token, 403), ("wrong", 401), (None, 401)):
        assert home.call("POST", PATH, token=token, body=body).status == status


@pytest.mark.parametrize("body", [[], {}, {"events": []}, {"events": [{"event_id": 1}]}])
def test_what_is_no_question_is_refused(home: Homeserver, body: Any) -> None:
    answer = home.call("POST", PATH, token=home.as_token, body=body)

    assert answer.status == 400, json.dumps(answer.body)
