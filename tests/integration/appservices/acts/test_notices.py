"""People are told what the guard of names did: in a house, and of somebody on another server."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest

from appservices.acts.demo import acts_section
from tests.integration.homeserver_modules.test_official_accounts import Client
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.services import Place, house
from tests.support.synapse import homeserver
from tests.support.synapse_federation import federated_homeserver
from veche.cli.processes.homeserver import modules
from veche.runtime.database.migrate import MigrationSet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.people import Person
    from tests.support.services import House

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

NAME = "Vital Records Office"
APPEAL = "appeals@town.example"
PATH = "/_synapse/client/veche/notices"
ACTS = MigrationSet("acts", "appservices.acts")


def sections(origin: str) -> dict[str, Any]:
    acts = acts_section(origin)
    del acts["directory"]
    return {"acts": acts}


def guarded(_server_name: str, _origin: str) -> Any:
    return modules({"names": [{"name": NAME, "accounts": [], "appeal": APPEAL}]})


def rename(one: House, person: Person, name: str) -> None:
    token = one.server.login(person.user_id)
    path = f"/_matrix/client/v3/profile/{urllib.parse.quote(person.user_id)}/displayname"
    answer = one.server.call("PUT", path, token=token, body={"displayname": name})
    assert answer.status == 200, answer


def test_who_is_set_back_and_who_is_nearly_deceived_are_told_once(tmp_path: Path) -> None:
    with (
        house(
            tmp_path / "house",
            sections=sections,
            migrations=(ACTS,),
            has_pages=Place(is_federated=True, modules=guarded),
        ) as one,
        federated_homeserver(tmp_path / "abroad") as abroad,
    ):
        anna = one.person("anna")
        for _ in range(2):
            rename(one, anna, NAME)
        wait_until(lambda: anna.invites() != [], WAIT_S, "nobody writes to her")
        [room] = anna.accept_invites()
        told = anna.wait_for(room, "was set back").body
        assert f"looks the same as “{NAME}”" in told
        assert APPEAL in told

        boris = Client.of(abroad, "boris")
        boris.rename("Vital Recorts Office")
        near = boris.room()
        assert boris.invite(near, anna.user_id).status == 200
        warned = anna.wait_for(room, "is not Vital Records Office").body
        assert f"{boris.user_id} is not" in warned
        assert f"check {boris.user_id}" in warned

        # A service that lost the answer, or its memory, tells nothing twice.
        token = one.server.as_token
        wait_until(
            lambda: (
                one.server.call("POST", PATH, token=token, body={"told": []}).body["notices"] == []
            ),
            WAIT_S,
            "what was told is not noted",
        )
        one.replicas[0].stop()
        one.start()
        rename(one, anna, NAME)
        again = boris.room()
        assert boris.invite(again, anna.user_id).status == 200
        clara = one.person("clara")
        rename(one, clara, f"{NAME} online")
        wait_until(lambda: clara.invites() != [], WAIT_S, "nobody writes to clara")
        said = [message.body for message in anna.messages(room)]
        assert sum("was set back" in body for body in said) == 1
        assert sum("is not Vital" in body for body in said) == 1


def test_nobody_but_the_service_reads_what_people_are_told(tmp_path: Path) -> None:
    with homeserver(tmp_path, modules=guarded("", "")) as server:
        anna = Client.of(server, "anna")
        anna.rename(NAME)

        def ask(token: str, body: object) -> Any:
            return server.call("POST", PATH, token=token, body=body)

        assert ask(anna.token, {"told": []}).status == 403
        wrong: list[object] = [{}, {"told": 1}, {"told": [1]}, []]
        assert [ask(server.as_token, one).status for one in wrong] == [400] * len(wrong)
        [told] = ask(server.as_token, {"told": []}).body["notices"]
        assert (told["kind"], told["person"], told["name"]) == ("reset", anna.user_id, NAME)
        assert ask(server.as_token, {"told": [told["id"]]}).body == {"notices": []}
