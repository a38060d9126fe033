"""The event guard and another server that has none."""

import itertools
import urllib.parse
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from tests.support.calls import Answer
from tests.support.payloads import VALID, malformed
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.synapse import Homeserver
from tests.support.synapse_federation import federated_homeserver

pytestmark = pytest.mark.synapse

GUARD = [{"module": "homeserver_modules.event_guard.EventGuard", "config": {}}]
KIND = "org.example.event"
BAD = {"text": "bad", "org.veche.case": malformed("org.veche.case")}
GOOD = {"text": "good", "org.veche.case": VALID["org.veche.case"]}
numbers = itertools.count()


@attrs.frozen
class Client:
    server: Homeserver
    user_id: str
    token: str

    @classmethod
    def of(cls, server: Homeserver, name: str) -> "Client":
        return cls(server, server.register(name), server.login(name))

    def call(self, method: str, path: str, body: object = None) -> Answer:
        path = f"/_matrix/client/v3{path}"
        return self.server.call(method, path, token=self.token, body=body)

    def send(self, room: str, content: object) -> None:
        answer = self.call("PUT", f"/rooms/{room}/send/{KIND}/{next(numbers)}", content)
        assert answer.status == 200, answer

    def join(self, room: str, via: Homeserver) -> Answer:
        path = f"/join/{urllib.parse.quote(room)}?server_name={via.plan.server_name}"
        return self.call("POST", path, {})

    def texts(self, room: str) -> list[str]:
        answer = self.call("GET", f"/rooms/{room}/messages?dir=b&limit=50")
        return [
            e["content"].get("text", "redacted") for e in answer.body["chunk"] if e["type"] == KIND
        ]

    def invited(self) -> dict[str, Any]:
        # Synapse keeps the answer to a first /sync: ask a little differently each time.
        rooms = self.call("GET", f"/sync?timeout={next(numbers)}").body.get("rooms", {})
        invited: dict[str, Any] = rooms.get("invite", {})
        return invited


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with federated_homeserver(tmp_path_factory.mktemp("home"), modules=GUARD) as server:
        yield server


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with federated_homeserver(tmp_path_factory.mktemp("abroad")) as server:
        yield server


@pytest.fixture(scope="module")
def anna(home: Homeserver) -> Client:
    return Client.of(home, "anna")


@pytest.fixture(scope="module")
def boris(abroad: Homeserver) -> Client:
    return Client.of(abroad, "boris")


@pytest.fixture
def room(boris: Client) -> str:
    answer = boris.call("POST", "/createRoom", {"preset": "public_chat"})
    assert answer.status == 200, answer
    return str(answer.body["room_id"])


def test_a_malformed_event_of_another_server_is_never_shown(
    anna: Client, boris: Client, abroad: Homeserver, room: str
) -> None:
    assert anna.join(room, abroad).status == 200
    boris.send(room, BAD)
    boris.send(room, GOOD)
    wait_until(lambda: "good" in anna.texts(room), WAIT_S, "the good event did not arrive")

    assert anna.texts(room) == ["good"]
    assert boris.texts(room) == ["good", "bad"]


def test_a_malformed_invitation_of_another_server_is_refused(
    anna: Client, boris: Client, room: str
) -> None:
    path = f"/rooms/{room}/state/m.room.member/{anna.user_id}"
    receipt = malformed("org.veche.act")
    refused = boris.call("PUT", path, {"membership": "invite", "org.veche.act": receipt})
    assert refused.status == 403, refused
    assert room not in anna.invited()

    receipt = dict(VALID["org.veche.act"])
    sent = boris.call("PUT", path, {"membership": "invite", "org.veche.act": receipt})
    assert sent.status == 200, sent
    assert room in anna.invited()


def test_a_room_can_be_joined_again_in_which_an_older_release_left_malformed_state(
    anna: Client, home: Homeserver, abroad: Homeserver, boris: Client
) -> None:
    levels = {"state_default": 0}
    request = {"preset": "public_chat", "power_level_content_override": levels}
    room = str(boris.call("POST", "/createRoom", request).body["room_id"])
    plan = home.plan
    home.stop()
    home.plan = attrs.evolve(plan, modules=())
    home.start()
    assert anna.join(room, abroad).status == 200
    state = anna.call("PUT", f"/rooms/{room}/state/{KIND}/", BAD)
    assert state.status == 200, state
    assert anna.call("POST", f"/rooms/{room}/leave", {}).status == 200
    wait_until(
        lambda: (
            anna.user_id not in boris.call("GET", f"/rooms/{room}/joined_members").body["joined"]
        ),
        WAIT_S,
        "the other server did not see the leave",
    )

    home.stop()
    home.plan = plan
    home.start()
    assert anna.join(room, abroad).status == 200
