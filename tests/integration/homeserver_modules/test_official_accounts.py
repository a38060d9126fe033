"""The name guard in a real Synapse: what somebody may be called, and rooms."""

import itertools
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.support.calls import Answer
from tests.support.people.person import WAIT_S
from tests.support.postgres import synapse_database
from tests.support.processes import wait_until
from tests.support.synapse import Homeserver, homeserver
from tests.support.synapse_workers import homeserver_with_workers

pytestmark = pytest.mark.synapse

MODULE = "homeserver_modules.official_accounts.OfficialAccounts"
FAULTY = "tests.support.faulty_name_guard.FaultyNameGuard"
OWNER = "@registrar:veche.test"
APPEAL = "https://town.example/names"
NAME = {"name": "Vital Records Office", "accounts": [OWNER], "appeal": APPEAL}
ALLOWED = {"account": "@winner:veche.test", "name": "Vital Records Office Fans"}
LOOKS_SAME = "Vіtаl Rесords Оffiсе"
"""With letters of Ukrainian."""
ENCRYPTION = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}
numbers = itertools.count()


def modules(name: str = MODULE, **config: object) -> list[dict[str, Any]]:
    return [{"module": name, "config": {"names": [NAME], "allowed": [ALLOWED], **config}}]


@attrs.frozen
class Client:
    """A person with a plain HTTP client."""

    server: Homeserver
    user_id: str
    token: str

    @classmethod
    def of(cls, server: Homeserver, name: str) -> "Client":
        return cls(server, server.register(name), server.login(name))

    def call(self, method: str, path: str, body: object = None) -> Answer:
        path = f"/_matrix/client/v3{path}"
        return self.server.call(method, path, token=self.token, body=body)

    def create(self, **request: object) -> Answer:
        return self.call("POST", "/createRoom", {"preset": "private_chat", **request})

    def room(self, **request: object) -> str:
        answer = self.create(**request)
        assert answer.status == 200, answer
        return str(answer.body["room_id"])

    def put_state(self, room: str, kind: str, content: object, state_key: str = "") -> Answer:
        return self.call("PUT", f"/rooms/{room}/state/{kind}/{state_key}", content)

    def state(self, room: str, kind: str, state_key: str = "") -> Any:
        return self.call("GET", f"/rooms/{room}/state/{kind}/{state_key}").body

    def rename(self, name: str) -> Answer:
        body = {"displayname": name}
        return self.call("PUT", f"/profile/{self.user_id}/displayname", body)

    @property
    def name(self) -> str | None:
        answer = self.call("GET", f"/profile/{self.user_id}/displayname")
        name: str | None = answer.body.get("displayname")
        return name

    def call_oneself(self, room: str, name: str) -> Answer:
        content = {"membership": "join", "displayname": name}
        return self.put_state(room, "m.room.member", content, self.user_id)

    def invite(self, room: str, user_id: str) -> Answer:
        return self.call("POST", f"/rooms/{room}/invite", {"user_id": user_id})


def is_refused(answer: Answer, rule: str = "SAME") -> bool:
    return (
        answer.status == 403
        and answer.errcode == "ORG.VECHE.NAME_PROTECTED"
        and answer.body["org.veche.reason"] == f"NAME_{rule}"
        and answer.body["org.veche.appeal"] == APPEAL
        and "“Vital Records Office”" in answer.body["error"]
        and APPEAL in answer.body["error"]
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    settings = {"enable_registration": True, "enable_registration_without_verification": True}
    folder = tmp_path_factory.mktemp("synapse")
    with homeserver(folder, modules=modules(), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def anna(server: Homeserver) -> Client:
    return Client.of(server, "anna")


@pytest.fixture(scope="module")
def boris(server: Homeserver) -> Client:
    return Client.of(server, "boris")


@pytest.fixture(scope="module")
def owner(server: Homeserver) -> Client:
    return Client.of(server, "registrar")


@pytest.fixture(scope="module")
def room(anna: Client) -> str:
    return anna.room()


@pytest.mark.parametrize("name", ["Vital Records Office", LOOKS_SAME, "Vital Record Office"])
def test_a_display_name_is_set_back_before_any_room_has_it(anna: Client, name: str) -> None:
    old = "Anna Petrova"
    anna.rename(old)
    room = anna.room()

    anna.rename(name)

    assert anna.name == old
    # Synapse brings names into rooms afterwards, in the background.
    wait_until(
        lambda: anna.state(room, "m.room.member", anna.user_id).get("displayname") == old,
        WAIT_S,
        "the room does not have her name",
    )
    names = [
        event["content"].get("displayname")
        for event in anna.call("GET", f"/rooms/{room}/messages?dir=b&limit=50").body["chunk"]
    ]
    assert name not in names


def test_who_is_in_no_room_is_called_by_the_localpart_again(server: Homeserver) -> None:
    lonely = Client.of(server, "lonely")
    lonely.rename(LOOKS_SAME)
    assert lonely.name == "lonely"


def test_an_honest_name_is_kept(anna: Client) -> None:
    anna.rename("Anna of the Records Society")
    assert anna.name == "Anna of the Records Society"


def test_the_owner_is_called_by_the_name_and_names_rooms(owner: Client, anna: Client) -> None:
    owner.rename("Vital Records Office")
    room = owner.room(name="Vital Records Office", invite=[anna.user_id])

    assert owner.name == "Vital Records Office"
    assert anna.call("POST", f"/rooms/{room}/join", {}).status == 200


def test_whoever_won_an_appeal_is_called_so(server: Homeserver, anna: Client) -> None:
    winner = Client.of(server, "winner")
    for one in (winner, anna):
        one.rename(ALLOWED["name"])

    assert winner.name == ALLOWED["name"]
    assert anna.name != ALLOWED["name"]


def test_a_name_in_one_room_is_refused(anna: Client, room: str) -> None:
    assert is_refused(anna.call_oneself(room, LOOKS_SAME))
    assert is_refused(anna.call_oneself(room, "Vital Records Office Support"), "CONTAINS")
    assert anna.call_oneself(room, "Anna").status == 200


def test_names_of_open_and_unencrypted_rooms_are_refused(anna: Client, room: str) -> None:
    initial = {"type": "m.room.name", "state_key": "", "content": {"name": LOOKS_SAME}}
    for answer in (
        anna.create(name=LOOKS_SAME),
        anna.create(initial_state=[initial]),
        anna.create(name=LOOKS_SAME, initial_state=[ENCRYPTION], preset="public_chat"),
        anna.create(name=LOOKS_SAME, initial_state=[ENCRYPTION], invite=["@boris:veche.test"]),
        anna.create(room_alias_name="vital-records-office"),
        anna.put_state(room, "m.room.name", {"name": LOOKS_SAME}),
    ):
        assert is_refused(answer), answer
    assert anna.put_state(room, "m.room.name", {"name": "Chess"}).status == 200


def test_the_name_of_a_private_room_is_looked_at_when_it_opens(anna: Client, boris: Client) -> None:
    room = anna.room(name=LOOKS_SAME, initial_state=[ENCRYPTION])
    assert anna.put_state(room, "m.room.name", {"name": "Vital Records Office"}).status == 200

    listed = anna.call("PUT", f"/directory/list/room/{room}", {"visibility": "public"})
    for answer in (
        anna.invite(room, boris.user_id),
        anna.put_state(room, "m.room.join_rules", {"join_rule": "public"}),
        listed,
    ):
        assert is_refused(answer), answer
    anna.put_state(room, "m.room.name", {"name": "My papers"})
    assert anna.invite(room, boris.user_id).status == 200


def test_an_alias_is_refused(anna: Client, room: str) -> None:
    alias = urllib.parse.quote("#vital_records_office:veche.test")
    assert is_refused(anna.call("PUT", f"/directory/room/{alias}", {"room_id": room}))


def test_a_localpart_is_refused(server: Homeserver) -> None:
    def register(name: str) -> Answer:
        body = {"username": name, "password": "x", "auth": {"type": "m.login.dummy"}}
        return server.call("POST", "/_matrix/client/v3/register", body=body)

    assert is_refused(register("vital.records-office"))
    assert is_refused(register("vitalrecordsofficebot"), "CONTAINS")
    assert register("clara").status == 200


def test_a_fault_of_the_guard_stops_nobody(tmp_path: Path) -> None:
    with homeserver(tmp_path, modules=modules(FAULTY)) as server:
        anna = Client.of(server, "anna")
        anna.rename("Vital Records Office")
        room = anna.room(name="Vital Records Office", room_alias_name="vitalrecordsoffice")

        assert anna.name == "Vital Records Office"
        assert anna.call_oneself(room, "Vital Records Office").status == 200
        assert anna.invite(room, server.register("boris")).status == 200
        assert "a name passed: the guard failed in on_create_room" in server.log()


def test_a_wrong_setting_stops_the_start_and_is_named(tmp_path: Path) -> None:
    server = homeserver(tmp_path, modules=modules(names=[{**NAME, "accounts": ["bot"]}]))
    with pytest.raises(RuntimeError, match="ended with 1") as caught, server:
        pass
    where = "modules.<item 0>.config.names.0.accounts.0"
    assert f"Error in configuration at '{where}'" in str(caught.value)


@pytest.mark.postgres
def test_with_workers_each_of_them_guards(tmp_path: Path) -> None:
    with (
        synapse_database() as dsn,
        homeserver_with_workers(tmp_path, dsn, modules=modules()) as server,
    ):
        anna = Client.of(server, "anna")
        anna.rename("Anna Petrova")
        room = anna.room()
        profile = f"/_matrix/client/v3/profile/{anna.user_id}/displayname"
        body = {"displayname": LOOKS_SAME}
        for call in (server.call, server.call_creator):
            call("PUT", profile, token=anna.token, body=body)
            wait_until(lambda: anna.name == "Anna Petrova", WAIT_S, "the name was not set back")
            path = f"/_matrix/client/v3/rooms/{room}/state/m.room.name/"
            renamed = call("PUT", path, token=anna.token, body={"name": LOOKS_SAME})

            assert is_refused(renamed), renamed
        members = anna.call("GET", f"/rooms/{room}/messages?dir=b&limit=50").body["chunk"]
        assert LOOKS_SAME not in [event["content"].get("displayname") for event in members]
