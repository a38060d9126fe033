"""People with the clients of others talk to one another through a real Synapse."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nio
import pytest

from tests.support.long import some
from tests.support.people import PASSWORD, ClientError, Message, Person
from tests.support.people.nio_driver import PatientClient
from tests.support.processes import wait_until
from tests.support.synapse import Homeserver, homeserver

pytestmark = pytest.mark.synapse


numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with homeserver(tmp_path_factory.mktemp("synapse")) as running:
        yield running


class Pair:
    """Two persons in one encrypted room."""

    def __init__(self, server: Homeserver, kinds: str) -> None:
        first, second = kinds.split("-")
        number = next(numbers)
        users = [server.register(f"{name}{number}") for name in ("anna", "boris")]
        self.anna = Person.start(first, server.url, users[0], is_verified=True)
        self.boris = Person.start(second, server.url, users[1], is_verified=True)
        self.room = self.anna.create_dm(users[1], is_join_awaited=False)
        assert self.boris.accept_invites() == [self.room]
        self.anna.wait_for_member(self.room, users[1])
        self.boris.wait_for_member(self.room, users[0])

    def stop(self) -> None:
        self.anna.stop()
        self.boris.stop()


@pytest.fixture(scope="module", params=some(["nio-rust", "rust-nio", "nio-nio"], ordinary=1))
def pair(server: Homeserver, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(server, request.param)
    yield made
    made.stop()


def test_a_message_goes_each_way_encrypted(pair: Pair) -> None:
    question = pair.anna.send(pair.room, "How are you?")
    got = pair.boris.wait_for(pair.room, "How are you")
    pair.boris.reply(pair.room, got.event_id, "Fine")
    answer = pair.anna.wait_for(pair.room, "^Fine$")

    assert got.event_id == question
    assert got.is_encrypted
    assert answer.relation["m.in_reply_to"]["event_id"] == question
    assert pair.anna.raw(pair.room, question)["type"] == "m.room.encrypted"


def test_our_keys_come_through(pair: Pair) -> None:
    content = {"msgtype": "m.text", "body": "Choose", "org.veche.future": {"v": 9, "x": [1, None]}}
    pair.anna.send_content(pair.room, content)
    assert pair.boris.wait_for(pair.room, "Choose").content["org.veche.future"] == {
        "v": 9,
        "x": [1, None],
    }


def test_a_reaction_comes_through(pair: Pair) -> None:
    event_id = pair.anna.send(pair.room, "Good?")
    pair.boris.wait_for(pair.room, "Good")
    pair.boris.react(pair.room, event_id, "👍")

    found = pair.anna.wait_for(pair.room, lambda m: m.type == "m.reaction")
    assert (found.relation["event_id"], found.relation["key"]) == (event_id, "👍")


def test_an_edit_and_a_thread_come_through(pair: Pair) -> None:
    event_id = pair.anna.send(pair.room, "Frist")
    pair.boris.wait_for(pair.room, "Frist")
    pair.anna.edit(pair.room, event_id, "First")
    edited = pair.boris.wait_for(pair.room, "^First$")
    pair.boris.reply_in_thread(pair.room, event_id, "In a thread")
    threaded = pair.anna.wait_for(pair.room, "In a thread")

    assert edited.replaces == event_id
    assert (threaded.relation["rel_type"], threaded.relation["event_id"]) == ("m.thread", event_id)


def test_a_file_comes_through(pair: Pair) -> None:
    data = bytes(range(256)) * 300
    pair.anna.send_file(pair.room, "photo.bin", data)
    message = pair.boris.wait_for(pair.room, "photo.bin")

    assert "key" in message.content["file"]
    assert pair.boris.download(message.content) == data


def test_waiting_takes_each_message_once_and_fails_with_a_transcript(pair: Pair) -> None:
    pair.anna.send(pair.room, "Again 1")
    pair.anna.send(pair.room, "Again 2")
    bodies = [pair.boris.wait_for(pair.room, "Again").body for _ in range(2)]
    with pytest.raises(ClientError, match="did not come") as caught:
        pair.boris.wait_for(pair.room, "Again", timeout_s=0.3)

    assert bodies == ["Again 1", "Again 2"]
    assert "Again 2" in str(caught.value)
    assert pair.boris.wait_for(pair.room, "Again 1", is_again=True).body == "Again 1"


def test_more_devices_and_fewer(server: Homeserver) -> None:
    pair = Pair(server, "nio-nio")
    phone = pair.anna.new_device(is_verified=True)
    pair.boris.wait_for_device(pair.anna.user_id, phone.device_id)
    pair.boris.send(pair.room, "To both")

    assert phone.device_id != pair.anna.device_id
    assert phone.wait_for(pair.room, "To both").is_readable
    assert pair.anna.wait_for(pair.room, "To both").is_readable
    phone.logout_device()
    with pytest.raises(ClientError, match="not running"):
        phone.send(pair.room, "gone")
    pair.stop()


def test_a_client_goes_on_where_it_stopped(server: Homeserver) -> None:
    pair = Pair(server, "nio-nio")
    device = pair.anna.device_id
    pair.anna.kill()
    pair.boris.send(pair.room, "Meanwhile")
    pair.anna.restart()

    assert pair.anna.wait_for(pair.room, "Meanwhile").is_readable
    assert pair.anna.device_id == device
    pair.stop()


def own_keys(server: Homeserver, person: Person) -> dict[str, object]:
    body: dict[str, Any] = {"device_keys": {person.user_id: []}}
    path = "/_matrix/client/v3/keys/query"
    answer = server.call("POST", path, token=person.access_token, body=body).body
    keys: dict[str, object] = {
        "master": answer.get("master_keys", {}).get(person.user_id),
        "signatures": answer["device_keys"][person.user_id][person.device_id]["signatures"],
    }
    return keys


def test_a_verified_device_is_signed_and_another_is_not(server: Homeserver) -> None:
    user = server.register("carla")
    with Person.start("nio", server.url, user) as plain:
        before = own_keys(server, plain)
        with plain.new_device(is_verified=True) as signed:
            after = own_keys(server, signed)
            signed.reset_identity()
            changed = own_keys(server, signed)

    assert before["master"] is None
    assert len(str(after["signatures"]).split("ed25519:")) == 3
    assert after["master"] != changed["master"]


def test_a_client_that_cannot_log_in_says_why(server: Homeserver) -> None:
    with pytest.raises(ClientError, match="M_FORBIDDEN"):
        Person.start("nio", server.url, "@nobody:veche.test")


def test_asking_for_keys_that_came_meanwhile_is_no_error(
    server: Homeserver, tmp_path: Path
) -> None:
    # What reads and what sends both ask, and an error of this kind ended all reading for good.
    user = server.register("dagmar")

    async def ask_twice() -> list[Any]:
        config = nio.AsyncClientConfig(encryption_enabled=True)
        client = PatientClient(server.url, user, store_path=tmp_path, config=config)
        try:
            await client.login(PASSWORD)
            client.olm.users_for_key_query.add(user)
            return [await client.keys_query(), await client.keys_query()]
        finally:
            await client.close()

    first, second = asyncio.run(ask_twice())

    assert list(first.device_keys) == [user]
    assert second.device_keys == {}


def test_a_client_that_reads_no_more_says_so(server: Homeserver) -> None:
    with Person.start("nio", server.url, server.register("emil")) as person:
        room = person.create_room()
        person._call("break_reading")
        with pytest.raises(ClientError, match="reading is broken"):
            person.wait_for(room, "anything")
        with pytest.raises(ClientError, match="reads no more"):
            person.messages(room)


def test_what_cannot_be_read_is_seen_as_that(server: Homeserver) -> None:
    pair = Pair(server, "nio-nio")
    late = pair.anna.send(pair.room, "Before")
    pair.boris.wait_for(pair.room, "Before")
    laptop = pair.boris.new_device()

    def unreadable() -> list[Message]:
        return [m for m in laptop.messages(pair.room) if not m.is_readable]

    wait_until(lambda: bool(unreadable()), 120, "the new device has no history")
    assert [m.event_id for m in unreadable()] == [late]
    laptop.stop()
    pair.stop()
