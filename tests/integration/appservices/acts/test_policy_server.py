"""Three Synapses without our modules: what no policy server has signed is shown to nobody."""

from __future__ import annotations

import itertools
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from tests.support.calls import request
from tests.support.event_receipts import Log, directory
from tests.support.name_proxy import name_proxy
from tests.support.people.person import WAIT_S
from tests.support.processes import free_ports, wait_until
from tests.support.served_directory import served
from tests.support.services import Place, house
from tests.support.synapse_federation import federated_homeserver
from veche.runtime.database.migrate import MigrationSet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.calls import Answer
    from tests.support.synapse import Homeserver

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

ACTS: Final = MigrationSet("acts", "appservices.acts")
SIGN: Final = "/_matrix/policy/v1/sign"
HOSTILE: Final = [{"module": "tests.support.hostile_sender.HostileSender", "config": {}}]
POLICY: Final = "m.room.policy"
numbers = itertools.count()


@attrs.frozen
class Client:
    """Somebody with a plain HTTP client."""

    url: str
    user_id: str
    token: str

    @classmethod
    def of(cls, server: Homeserver, name: str) -> Client:
        return cls(server.url, server.register(name), server.login(name))

    def call(self, method: str, path: str, body: object = None) -> Answer:
        return request(method, f"{self.url}/_matrix/client/v3{path}", token=self.token, body=body)

    def send(self, room: str, content: object) -> Answer:
        where = f"/rooms/{urllib.parse.quote(room)}/send/m.room.message/{next(numbers)}"
        return self.call("PUT", where, content)

    def join(self, room: str, via: str) -> None:
        answer = self.call("POST", f"/join/{urllib.parse.quote(room)}?server_name={via}", {})
        assert answer.status == 200, answer

    def texts(self, room: str, bot: str) -> list[str]:
        """What people and the office have said, the oldest first."""
        where = f"/rooms/{urllib.parse.quote(room)}/messages?dir=b&limit=100"
        found = self.call("GET", where).body["chunk"]
        said = [e for e in reversed(found) if "body" in e["content"] and e["sender"] != bot]
        return [e["content"]["body"] for e in said]


def text(body: str) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def acts_section(where: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "ombudsman",
        "name": {"en": "Who is official"},
        "trusted": [where],
        "every": "5 s",
        "networks": ["127.0.0.0/8"],
        "policy_server": True,
    }


def test_what_an_office_says_without_proof_is_shown_to_nobody_on_any_server(
    tmp_path: Path,
) -> None:
    [port] = free_ports(1)
    with federated_homeserver(tmp_path / "agency", modules=HOSTILE) as agency:
        office = Client.of(agency, "office")
        with (
            served(directory(now_ms() - 3_600_000, office.user_id)) as where,
            house(
                tmp_path / "ombudsman",
                has_pages=Place(is_federated=True, name_port=port),
                sections={"acts": acts_section(where.config)},
                migrations=ACTS,
            ) as ombudsman,
            name_proxy(
                tmp_path / "proxy", port, ombudsman.federation_port, ombudsman.pages_url, SIGN
            ),
            federated_homeserver(tmp_path / "home") as home,
        ):
            anna, via = Client.of(home, "anna"), f"localhost:{port}"
            made = office.call("POST", "/createRoom", {"preset": "public_chat"})
            room = str(made.body["room_id"])
            anna.join(room, agency.plan.server_name)
            bot = f"@veche_official:{via}"
            invite = {"user_id": bot}
            quoted = urllib.parse.quote(room)
            assert office.call("POST", f"/rooms/{quoted}/invite", invite).status == 200
            wait_until(lambda: bot in joined(anna, room), WAIT_S, "the bot did not come")
            keys = request("GET", f"{ombudsman.pages_url}/.well-known/matrix/policy_server").body
            policy = {"via": via, **keys}
            state = f"/rooms/{quoted}/state/{POLICY}/"
            assert office.call("PUT", state, policy).status == 200
            wait_until(lambda: anna.call("GET", state).status == 200, WAIT_S, "no policy came")

            log = Log()
            good = log.content(room, office.user_id, "m.room.message", text("good"), at_ms=now_ms())
            for content in (text("bare"), {**good, "body": "other words"}, good, text("bare too")):
                assert office.send(room, content).status == 200
            wait_until(
                lambda: "good" in anna.texts(room, bot), WAIT_S, "the good one did not arrive"
            )
            assert anna.send(room, text("thank you")).status == 200

            assert anna.texts(room, bot) == ["good", "thank you"]
            for header in (
                "",
                "Bearer x",
                f'X-Matrix origin="a",destination="{via}",key="k",sig="s"',
            ):
                assert_refused(ombudsman.pages_url, header)
            assert office.texts(room, bot)[:4] == ["bare", "other words", "good", "bare too"]


def assert_refused(site: str, header: str) -> None:
    who = {"room_id": "!a", "sender": "@a:a"}
    event = {"type": "m.room.message", "content": {}, "origin_server_ts": 1, "hashes": {}, **who}
    answer = request("POST", site + SIGN, headers={"authorization": header}, body=event)
    assert (answer.status, answer.errcode) == (401, "ORG.VECHE.SIGN_IN"), answer


def joined(who: Client, room: str) -> Mapping[str, Any]:
    where = f"/rooms/{urllib.parse.quote(room)}/joined_members"
    found: Mapping[str, Any] = who.call("GET", where).body["joined"]
    return found
