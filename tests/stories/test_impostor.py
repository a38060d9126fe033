"""Somebody of another server calls themselves like the office: they are refused, and told apart."""

from __future__ import annotations

import itertools
import json
import subprocess
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.acts.core import SEED, directory_origin
from appservices.acts.demo import OFFICE_BOT, OFFICIAL_BOT, acts_section
from appservices.agency.demo import agency_section
from tests.support.calls import request
from tests.support.node import node
from tests.support.people import Kind
from tests.support.processes import ROOT, wait_until
from tests.support.services import AGENCY, Place, house
from tests.support.synapse_federation import federated_homeserver
from veche.cli.processes.homeserver import modules
from veche.runtime.crypto.keys import OPERATOR_KEY_BYTES, read_operator_key
from veche.runtime.database.migrate import MigrationSet
from veche.server.demo import SERVER_NAME, TOWN, kept
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.support.people import Message
    from tests.support.services import House
    from tests.support.synapse import Homeserver

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

ACTS: Final = MigrationSet("acts", "appservices.acts")
LOOKS_SAME: Final = "Vіtаl Rесords Оffiсе"
"""With letters of Ukrainian."""
numbers = itertools.count()
BADGE: Final = """
import {{ badgeOf, impostorOf }} from "{static}/verify/official.js";
const {{ known, seen, impostor, name }} = {given};
console.log(await badgeOf(known, seen));
console.log(await badgeOf(known, {{ ...seen, creator: impostor }}));
console.log(impostorOf(known, impostor, [name]));
"""


def says(words: str) -> Callable[[Message], bool]:
    return lambda message: words in str(message.content.get("body"))


class Town:
    """The demo's town under the name of a server that others reach, with its directory."""

    def __init__(self, folder: Path) -> None:
        self.name = ""
        kept(folder / "operator_key", b"o" * OPERATOR_KEY_BYTES)
        self._key = folder / "operator_key"

    def modules(self, name: str, pages: str) -> Sequence[Mapping[str, Any]]:
        self.name = name
        signer = NoteSigner(directory_origin(name, TOWN), read_operator_key(self._key).seed(SEED))
        return modules({"directories": [{"url": pages, "keys": [signer.verifier.to_text()]}]})

    def sections(self, pages: str) -> dict[str, Any]:
        acts = acts_section(pages)
        town, office, _ = acts["directory"]["organisations"]
        town["bots"] = [OFFICIAL_BOT]  # signing and payments are not here
        acts["directory"]["organisations"] = [town, office]
        both = {"acts": acts, "agency": agency_section(ROOT / "config" / "services")}
        moved: dict[str, Any] = json.loads(json.dumps(both).replace(f":{SERVER_NAME}", self.at))
        return moved

    @property
    def at(self) -> str:
        return f":{self.name}"

    def bot(self, user: str) -> str:
        return user.replace(f":{SERVER_NAME}", self.at)


def test_an_impostor_of_another_server_is_refused_and_told_apart(tmp_path: Path) -> None:
    town = Town(tmp_path)
    place = Place(is_federated=True, modules=town.modules)
    with (
        house(tmp_path, has_pages=place, sections=town.sections, migrations=(AGENCY, ACTS)) as home,
        federated_homeserver(tmp_path / "far") as far,
    ):
        impostor, token = far.register("registrar"), far.login("registrar")
        rename(far, impostor, token)
        with home.person("alice", Kind.NIO) as alice:
            wait_until(lambda: is_guarded(home), 60, "the guard did not read the directory")

            refused = invite(far, token, alice.user_id)
            assert refused.status == 403, refused
            assert refused.errcode == "ORG.VECHE.NAME_PROTECTED"
            assert "“Vital Records Office”" in refused.body["error"]
            assert "ombudsman@lindenau.example" in refused.body["error"]
            assert alice.invites() == []

            chat = alice.create_dm(town.bot(OFFICE_BOT))
            alice.wait_for(chat, says("This is Vital Records Office of Lindenau, verified by Town"))

            official = alice.create_dm(town.bot(OFFICIAL_BOT))
            alice.wait_for(official, says("I tell you who is official here"))
            alice.send(official, f"check {town.bot(OFFICE_BOT)}")
            alice.wait_for(official, says("Town of Lindenau → Vital Records Office of Lindenau"))
            alice.send(official, f"check {impostor}")
            told = alice.wait_for(official, says("Nobody vouches for"))
            assert f"It calls itself {LOOKS_SAME}" in str(told.content["body"])

        assert shown(home, town.bot(OFFICE_BOT), impostor) == [
            "official",
            "",
            "Vital Records Office",
        ]


def rename(server: Homeserver, user: str, token: str) -> None:
    path = f"/_matrix/client/v3/profile/{urllib.parse.quote(user)}/displayname"
    body = {"displayname": LOOKS_SAME}
    assert server.call("PUT", path, token=token, body=body).status == 200


def invite(server: Homeserver, token: str, person: str) -> Any:
    create = "/_matrix/client/v3/createRoom"
    room = server.call("POST", create, token=token, body={"preset": "private_chat"})
    path = f"/_matrix/client/v3/rooms/{urllib.parse.quote(room.body['room_id'])}/invite"
    return server.call("POST", path, token=token, body={"user_id": person})


def is_guarded(home: House) -> bool:
    """Whether nobody of this server may be called like the office any more."""
    token = home.server.login(home.server.register(f"somebody{next(numbers)}"))
    body = {"preset": "public_chat", "name": LOOKS_SAME}
    path = "/_matrix/client/v3/createRoom"
    return home.server.call("POST", path, token=token, body=body).status == 403


def shown(home: House, bot: str, impostor: str) -> list[str]:
    """What a page shows of a room that the office's bot made; by somebody else; of the impostor."""
    desk = f"/_matrix/client/v3/rooms/{urllib.parse.quote(desk_of(home, bot))}"
    path = f"{desk}/state/org.veche.official/?user_id={urllib.parse.quote(bot)}&format=event"

    def ask() -> Any:
        return home.server.call("GET", path, token=home.server.as_token)

    wait_until(lambda: ask().status == 200, 60, "no badge")
    read = ask()
    view = request("GET", f"{home.pages_url}/_veche/directory/v1/official").body
    [[master]] = home.query("SELECT master_key FROM crypto.identity WHERE user_id = %s", bot)
    state = {"sender": read.body["sender"], "content": read.body["content"]}
    seen = {"own": "@a:b", "account": bot, "creator": bot, "state": state, "master": master}
    given = {"known": view["directories"], "seen": seen, "impostor": impostor, "name": LOOKS_SAME}
    static = (ROOT / "appservices" / "widgets" / "static").as_uri()
    program = BADGE.format(static=static, given=json.dumps(given))
    command = [str(node()), "--input-type=module", "--eval", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def desk_of(home: House, bot: str) -> str:
    """A room that the bot made."""
    [(desk, *_), *_] = home.query("SELECT room_id FROM agency.desk WHERE bot = %s", bot)
    return str(desk)
