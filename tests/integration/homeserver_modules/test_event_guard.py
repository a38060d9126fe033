"""The event guard in a real Synapse: what comes over HTTP, what comes into the room."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from homeserver_modules.event_guard.families import load_families
from tests.support.calls import Answer
from tests.support.payloads import VALID, WRONG_FIELD, malformed, nested
from tests.support.postgres import synapse_database
from tests.support.synapse import Homeserver, homeserver
from tests.support.synapse_workers import homeserver_with_workers

FAMILIES = load_families()

pytestmark = pytest.mark.synapse

GUARD = "homeserver_modules.event_guard.EventGuard"
FAULTY = "tests.support.faulty_guard.FaultyGuard"
KEYS = sorted(FAMILIES)
BOT = "@veche_tax:veche.test"
numbers = itertools.count()


def modules(name: str = GUARD, **config: object) -> list[dict[str, Any]]:
    return [{"module": name, "config": config}]


@attrs.frozen
class Client:
    """A person with a plain HTTP client."""

    server: Homeserver
    token: str
    as_user: str | None = None

    def call(self, method: str, path: str, body: object) -> Answer:
        query = {"user_id": self.as_user} if self.as_user else None
        path = f"/_matrix/client/v3{path}"
        return self.server.call(method, path, token=self.token, query=query, body=body)

    def create(self, **request: object) -> Answer:
        return self.call("POST", "/createRoom", {"preset": "private_chat", **request})

    def room(self, **request: object) -> str:
        answer = self.create(**request)
        assert answer.status == 200, answer
        return str(answer.body["room_id"])

    def send(self, room: str, content: object, kind: str = "m.room.message") -> Answer:
        return self.call("PUT", f"/rooms/{room}/send/{kind}/{next(numbers)}", content)

    def put_state(self, room: str, kind: str, state_key: str, content: object) -> Answer:
        return self.call("PUT", f"/rooms/{room}/state/{kind}/{state_key}", content)

    def contents(self, room: str) -> list[dict[str, Any]]:
        answer = self.call("GET", f"/rooms/{room}/messages?dir=b&limit=20", None)
        return [event["content"] for event in answer.body["chunk"]]


def person(server: Homeserver, name: str) -> Client:
    server.register(name)
    return Client(server, server.login(name))


def bot(server: Homeserver) -> Client:
    body = {
        "type": "m.login.application_service",
        "username": "veche_tax",
        "inhibit_login": True,
    }
    server.call("POST", "/_matrix/client/v3/register", token=server.as_token, body=body)
    return Client(server, server.as_token, BOT)


def is_malformed(answer: Answer, field: str) -> bool:
    return (
        answer.status == 400
        and answer.errcode == "ORG.VECHE.MALFORMED"
        and answer.body["field"] == field
        and answer.body["error"].startswith(f"{field}: ")
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with homeserver(tmp_path_factory.mktemp("synapse"), modules=modules()) as running:
        yield running


@pytest.fixture(scope="module")
def anna(server: Homeserver) -> Client:
    return person(server, "anna")


@pytest.fixture(scope="module")
def room(anna: Client) -> str:
    return anna.room()


@pytest.fixture(scope="module")
def encrypted_room(anna: Client) -> str:
    encryption = {"algorithm": "m.megolm.v1.aes-sha2"}
    state = [{"type": "m.room.encryption", "state_key": "", "content": encryption}]
    return anna.room(initial_state=state)


@pytest.mark.parametrize("key", KEYS)
def test_a_malformed_message_is_refused_and_a_good_one_is_sent(
    anna: Client, room: str, key: str
) -> None:
    bad = {"msgtype": "m.text", "body": f"bad {key}", key: malformed(key)}
    answer = anna.send(room, bad)
    assert is_malformed(answer, f"{key}.{WRONG_FIELD[key][0]}"), answer

    good = {"msgtype": "m.text", "body": f"good {key}", key: VALID[key]}
    assert anna.send(room, good).status == 200
    contents = anna.contents(room)
    assert good in contents
    assert bad not in contents


@pytest.mark.parametrize("key", KEYS)
def test_a_malformed_edit_is_refused(anna: Client, room: str, key: str) -> None:
    new = {"msgtype": "m.text", "body": "x", key: malformed(key)}
    content = {"msgtype": "m.text", "body": "* x", "m.new_content": new}
    answer = anna.send(room, content)
    assert is_malformed(answer, f"m.new_content.{key}.{WRONG_FIELD[key][0]}"), answer


@pytest.mark.parametrize("key", KEYS)
def test_malformed_state_is_refused_and_good_state_is_set(
    anna: Client, room: str, key: str
) -> None:
    answer = anna.put_state(room, "org.example.state", key, {key: malformed(key)})
    assert is_malformed(answer, f"{key}.{WRONG_FIELD[key][0]}"), answer
    assert anna.put_state(room, "org.example.state", key, {key: VALID[key]}).status == 200


@pytest.mark.parametrize("key", KEYS)
def test_a_room_that_would_begin_malformed_is_not_made(anna: Client, key: str) -> None:
    state = {"type": "org.example.state", "state_key": "", "content": {key: malformed(key)}}
    answer = anna.create(initial_state=[state])
    assert is_malformed(answer, f"initial_state.0.{key}.{WRONG_FIELD[key][0]}"), answer
    assert anna.create(initial_state=[{**state, "content": {key: VALID[key]}}]).status == 200


def test_a_room_whose_creation_would_be_malformed_is_not_made(anna: Client) -> None:
    answer = anna.create(creation_content={"org.veche.case": {}})
    assert is_malformed(answer, "creation_content.org.veche.case.v"), answer


def test_a_malformed_invitation_is_refused_and_a_good_one_is_sent(
    server: Homeserver, anna: Client, room: str
) -> None:
    guest = server.register("guest")
    content = {"membership": "invite", "org.veche.act": malformed("org.veche.act")}
    answer = anna.put_state(room, "m.room.member", guest, content)
    assert is_malformed(answer, "org.veche.act.i"), answer

    content["org.veche.act"] = dict(VALID["org.veche.act"])
    assert anna.put_state(room, "m.room.member", guest, content).status == 200


class TestBesideACiphertext:
    def send(self, anna: Client, room: str, **beside: object) -> Answer:
        ciphertext = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA", "session_id": "s"}
        return anna.send(room, {**ciphertext, **beside}, "m.room.encrypted")

    def test_nothing_is_needed(self, anna: Client, encrypted_room: str) -> None:
        assert self.send(anna, encrypted_room).status == 200

    def test_a_receipt_may_stand(self, anna: Client, encrypted_room: str) -> None:
        beside = {"org.veche.act": VALID["org.veche.act"]}
        assert self.send(anna, encrypted_room, **beside).status == 200

    def test_a_malformed_receipt_is_refused(self, anna: Client, encrypted_room: str) -> None:
        beside = {"org.veche.act": malformed("org.veche.act")}
        assert is_malformed(self.send(anna, encrypted_room, **beside), "org.veche.act.i")

    @pytest.mark.parametrize("key", sorted(FAMILIES.keys() - {"org.veche.act"}))
    def test_another_family_is_refused(self, anna: Client, encrypted_room: str, key: str) -> None:
        assert is_malformed(self.send(anna, encrypted_room, **{key: VALID[key]}), key)

    def test_an_unknown_key_passes(self, anna: Client, encrypted_room: str) -> None:
        assert self.send(anna, encrypted_room, **{"org.veche.future": 1}).status == 200


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("m.room.message", {"msgtype": "m.text", "body": "hi"}),
        ("org.example.anything", {"body": {"org.veche.prompt": "nested elsewhere"}}),
        ("org.example.anything", {"org.veche.from.the.future": {"v": 9}}),
        ("org.example.anything", {"veche.org.prompt": 1, "org.vechet": 2}),
        ("org.example.anything", {"deep": nested(30)}),
        ("org.veche.answer", {}),
    ],
)
def test_other_events_of_people_are_left_alone(
    anna: Client, room: str, kind: str, content: dict[str, Any]
) -> None:
    assert anna.send(room, content, kind).status == 200
    assert content in anna.contents(room)


def test_a_payload_that_nobody_could_walk_through_is_refused(anna: Client, room: str) -> None:
    assert is_malformed(anna.send(room, {"org.veche.x": nested(60)}, "x"), "org.veche.x")
    assert is_malformed(anna.send(room, {"org.veche.x": [0] * 9_000}, "x"), "org.veche.x")


def test_our_own_bots_are_checked_like_everybody(server: Homeserver) -> None:
    tax = bot(server)
    room = tax.room()
    assert is_malformed(tax.send(room, {"org.veche.case": {}}, "x"), "org.veche.case.v")
    assert tax.send(room, {"org.veche.case": VALID["org.veche.case"]}, "x").status == 200


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with homeserver(tmp_path_factory.mktemp("faulty"), modules=modules(FAULTY)) as running:
        yield running


@pytest.fixture(scope="module")
def boris(faulty: Homeserver) -> Client:
    return person(faulty, "boris")


@pytest.fixture(scope="module")
def chat(boris: Client) -> str:
    return boris.room()


class TestFault:
    """Every event meets a guard whose models do not load."""

    def test_people_talk_on(self, boris: Client, chat: str) -> None:
        assert boris.send(chat, {"msgtype": "m.text", "body": "hi"}).status == 200
        assert boris.put_state(chat, "m.room.topic", "", {"topic": "tea"}).status == 200
        assert boris.create(name="Chess").status == 200

    @pytest.mark.parametrize("content", [{"org.veche.future": 1}, dict(VALID)])
    def test_payloads_are_refused_for_now(
        self, faulty: Homeserver, boris: Client, chat: str, content: dict[str, Any]
    ) -> None:
        state = [{"type": "org.example.state", "state_key": "", "content": content}]
        invitation = {"membership": "invite", **content}
        for answer in (
            boris.send(chat, content, "org.example.event"),
            boris.create(initial_state=state),
            boris.put_state(chat, "m.room.member", "@guest:veche.test", invitation),
        ):
            assert (answer.status, answer.errcode) == (503, "ORG.VECHE.UNAVAILABLE")
            assert answer.body["retry_after_ms"] > 0
        assert content not in boris.contents(chat)
        assert "ImportError: a library is missing" in faulty.log()

    def test_our_bots_are_refused_for_now(self, faulty: Homeserver) -> None:
        answer = bot(faulty).create(name="Tax office")
        assert (answer.status, answer.errcode) == (503, "ORG.VECHE.UNAVAILABLE")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"localpart_prefx": "veche_"}, "modules.<item 0>.config.localpart_prefx"),
        ({"localpart_prefix": 1}, "modules.<item 0>.config.localpart_prefix"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(
    tmp_path: Path, config: dict[str, Any], named: str
) -> None:
    server = homeserver(tmp_path, modules=modules(**config))
    with pytest.raises(RuntimeError, match="ended with 1") as caught, server:
        pass
    assert f"Error in configuration at '{named}'" in str(caught.value)


def test_another_prefix_covers_other_bots(tmp_path: Path) -> None:
    with homeserver(tmp_path, modules=modules(FAULTY, localpart_prefix="anna")) as server:
        assert person(server, "anna").create().status == 503
        assert person(server, "boris").create().status == 200


@pytest.mark.postgres
def test_with_workers_the_guard_stands_wherever_events_are_made(tmp_path: Path) -> None:
    with (
        synapse_database() as dsn,
        homeserver_with_workers(tmp_path, dsn, modules=modules()) as server,
    ):
        anna = person(server, "anna")
        room = anna.room()
        path = f"/_matrix/client/v3/rooms/{room}/send/org.example.event/"
        key = "org.veche.answer"
        for call in (server.call, server.call_creator):
            bad = call("PUT", f"{path}{next(numbers)}", token=anna.token, body={key: {}})
            good = {key: VALID[key]}
            sent = call("PUT", f"{path}{next(numbers)}", token=anna.token, body=good)

            assert is_malformed(bad, f"{key}.v"), bad
            assert sent.status == 200, sent
        state = [{"type": "x", "state_key": "", "content": {key: {}}}]
        request = {"initial_state": state}
        refused = server.call_creator(
            "POST", "/_matrix/client/v3/createRoom", token=anna.token, body=request
        )
        assert is_malformed(refused, f"initial_state.0.{key}.v"), refused
