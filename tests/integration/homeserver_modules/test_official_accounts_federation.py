"""The name guard and people of another server that has none."""

import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.homeserver_modules.test_official_accounts import (
    APPEAL,
    LOOKS_SAME,
    Client,
    is_refused,
    modules,
    numbers,
)
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.synapse import Homeserver
from tests.support.synapse_federation import federated_homeserver

pytestmark = pytest.mark.synapse


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with federated_homeserver(tmp_path_factory.mktemp("home"), modules=modules()) as server:
        yield server


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with federated_homeserver(tmp_path_factory.mktemp("abroad")) as server:
        yield server


@pytest.fixture(scope="module")
def anna(home: Homeserver) -> Client:
    return Client.of(home, "anna")


@pytest.fixture(scope="module")
def impostor(abroad: Homeserver) -> Client:
    impostor = Client.of(abroad, "impostor")
    impostor.rename(LOOKS_SAME)
    assert impostor.name == LOOKS_SAME
    return impostor


def invited(person: Client) -> dict[str, Any]:
    # Synapse keeps the answer to a first /sync: ask a little differently each time.
    rooms = person.call("GET", f"/sync?timeout={next(numbers)}").body.get("rooms", {})
    found: dict[str, Any] = rooms.get("invite", {})
    return found


def said(person: Client, room: str) -> list[str]:
    chunk = person.call("GET", f"/rooms/{room}/messages?dir=b&limit=50").body["chunk"]
    return [e["content"].get("body") for e in chunk if e["type"] == "m.room.message"]


def say(person: Client, room: str, text: str) -> None:
    body = {"msgtype": "m.text", "body": text}
    path = f"/rooms/{room}/send/m.room.message/{next(numbers)}"
    assert person.call("PUT", path, body).status == 200


def join(person: Client, room: str, via: Homeserver) -> None:
    path = f"/join/{urllib.parse.quote(room)}?server_name={via.plan.server_name}"
    assert person.call("POST", path, {}).status == 200


def test_an_invitation_of_an_impostor_is_refused_and_the_impostor_is_told(
    anna: Client, impostor: Client
) -> None:
    room = impostor.room(name="Hello", initial_state=[])
    refused = impostor.invite(room, anna.user_id)

    assert is_refused(refused), refused
    assert APPEAL in refused.body["error"]
    assert room not in invited(anna)


def test_an_invitation_into_a_room_with_an_official_name_is_refused(
    anna: Client, abroad: Homeserver
) -> None:
    boris = Client.of(abroad, "boris")
    room = boris.room(name="Vital Records Office")
    assert is_refused(boris.invite(room, anna.user_id))
    assert room not in invited(anna)

    boris.put_state(room, "m.room.name", {"name": "Vital Recorts Office"})
    assert boris.invite(room, anna.user_id).status == 200
    assert room in invited(anna)


def test_nothing_of_an_impostor_is_shown_in_a_room(
    anna: Client, impostor: Client, home: Homeserver, abroad: Homeserver
) -> None:
    room = anna.room(preset="public_chat")
    clara = Client.of(abroad, "clara")
    join(impostor, room, home)
    join(clara, room, home)
    say(impostor, room, "your code, please")
    say(clara, room, "hello")
    wait_until(lambda: "hello" in said(anna, room), WAIT_S, "the honest message did not arrive")

    joined = anna.call("GET", f"/rooms/{room}/joined_members").body["joined"]
    names = [member.get("display_name") for member in joined.values()]
    assert said(anna, room) == ["hello"]
    assert LOOKS_SAME not in names
