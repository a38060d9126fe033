"""No proof, no delivery, in real Synapses: here, from another server, and with workers."""

from __future__ import annotations

import itertools
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from appservices.acts.badges import is_for_now
from tests.support.calls import request
from tests.support.directories import account, signer
from tests.support.event_receipts import OFFICE, Log, directory, log_signer
from tests.support.payloads import VALID
from tests.support.people.person import WAIT_S
from tests.support.postgres import synapse_database
from tests.support.processes import wait_until
from tests.support.served_directory import served
from tests.support.synapse import homeserver
from tests.support.synapse_federation import federated_homeserver
from tests.support.synapse_workers import CREATOR, homeserver_with_workers
from veche.contracts.directory.receipts import MEMBER
from veche.protocol.acts import ACT, ActClass
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.calls import Answer
    from tests.support.served_directory import Served
    from tests.support.synapse import Homeserver

pytestmark = pytest.mark.synapse

GUARD = "homeserver_modules.event_guard.EventGuard"
MESSAGE = "m.room.message"
START_S_MAX = 60
"""How long a Synapse with workers may take until it asks first."""
numbers = itertools.count()


def now_ms() -> int:
    return int(time.time() * 1000)  # noqa: TID251 -- Synapse looks at the clock


def modules(where: Served) -> list[dict[str, Any]]:
    return [{"module": GUARD, "config": {"directories": [where.config]}}]


@attrs.define
class Client:
    """Somebody with a plain HTTP client."""

    server: Homeserver
    user_id: str
    token: str
    url: str

    @classmethod
    def of(cls, server: Homeserver, name: str) -> Client:
        return cls(server, server.register(name), server.login(name), server.url)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        return request(method, f"{self.url}/_matrix/client/v3{path}", token=self.token, body=body)

    def room(self, **request: object) -> str:
        answer = self.call("POST", "/createRoom", {"preset": "private_chat", **request})
        assert answer.status == 200, answer
        return str(answer.body["room_id"])

    def send(self, room: str, content: object, kind: str = MESSAGE) -> Answer:
        where = f"/rooms/{urllib.parse.quote(room)}/send/{kind}/{next(numbers)}"
        return self.call("PUT", where, content)

    def put(self, room: str, kind: str, key: str, content: object) -> Answer:
        where = f"/rooms/{urllib.parse.quote(room)}/state/{kind}/{urllib.parse.quote(key)}"
        return self.call("PUT", where, content)

    def proven(
        self, log: Log, room: str, content: Mapping[str, Any], kind: str = MESSAGE, **more: Any
    ) -> dict[str, Any]:
        return log.content(room, self.user_id, kind, content, at_ms=now_ms(), **more)

    def invite(self, log: Log, room: str, person: str) -> Answer:
        said = {"membership": "invite"}
        content = self.proven(log, room, said, MEMBER, state_key=person)
        return self.put(room, MEMBER, person, content)

    def texts(self, room: str) -> list[str]:
        where = f"/rooms/{urllib.parse.quote(room)}/messages?dir=b&limit=100"
        found = self.call("GET", where).body["chunk"]
        return [e["content"]["body"] for e in reversed(found) if "body" in e["content"]]


def text(body: str, **more: object) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, **more}


def reason(answer: Answer) -> tuple[int, object]:
    return answer.status, answer.body.get("org.veche.reason")


def wait_until_known(bot: Client, room: str) -> None:
    """Until the server knows who is official: then what had no reason to be refused is."""

    def is_known() -> bool:
        return reason(bot.send(room, text("early"))) == (403, "ACT_MISSING")

    wait_until(is_known, WAIT_S, "the directory did not arrive")


@pytest.fixture(scope="module")
def where() -> Iterator[Served]:
    with served(directory(now_ms() - 3_600_000)) as one:
        yield one


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, where: Served) -> Iterator[Homeserver]:
    with homeserver(tmp_path_factory.mktemp("home"), modules=modules(where)) as server:
        yield server


@pytest.fixture(scope="module")
def bot(home: Homeserver) -> Client:
    body = {"type": "m.login.application_service", "username": f"veche_{OFFICE}"}
    answer = home.call("POST", "/_matrix/client/v3/register", token=home.as_token, body=body)
    assert answer.status == 200, answer
    found = Client(home, answer.body["user_id"], answer.body["access_token"], home.url)
    wait_until_known(found, found.room())
    return found


@pytest.fixture(scope="module")
def anna(home: Homeserver, bot: Client) -> Client:  # noqa: ARG001 -- who is official is known
    return Client.of(home, "anna")


@pytest.fixture
def room(bot: Client, anna: Client) -> str:
    found = bot.room()
    assert bot.invite(Log(), found, anna.user_id).status == 200
    assert anna.call("POST", f"/join/{urllib.parse.quote(found)}", {}).status == 200
    return found


def test_what_an_office_says_arrives_with_the_proof_of_its_act_alone(
    bot: Client, anna: Client, room: str
) -> None:
    log = Log()
    good = bot.proven(log, room, text("good"))
    assert reason(bot.send(room, text("bare"))) == (403, "ACT_MISSING")
    assert bot.send(room, good).status == 200
    assert reason(bot.send(room, {**good, "body": "other words"})) == (403, "ACT_UNBOUND")
    assert reason(bot.send(bot.room(), good)) == (403, "ACT_UNBOUND")
    of_call = bot.proven(log, room, text("bad"), act=ActClass.PAYMENT_PULL)
    assert reason(bot.send(room, of_call)) == (403, "ACT_CLASS")
    forged = bot.proven(Log(log_signer(OFFICE)), room, text("forged"))
    assert reason(bot.send(room, forged)) == (403, "ACT_LOG")
    for kind, said in (("m.reaction", {}), ("m.sticker", text("s")), ("org.example.x", {"a": 1})):
        assert reason(bot.send(room, said, kind)) == (403, "ACT_MISSING")
    for kind in ("m.room.topic", "m.room.name", "org.example.x"):
        said = {"topic": "t", "name": "n"}
        assert reason(bot.put(room, kind, "", said)) == (403, "ACT_MISSING")
    assert anna.texts(room) == ["good"]


def test_an_office_redacts_with_a_proof_alone(bot: Client, anna: Client, room: str) -> None:
    log = Log()
    event = bot.send(room, bot.proven(log, room, text("gone"))).body["event_id"]
    where = f"/rooms/{urllib.parse.quote(room)}/redact/{urllib.parse.quote(event)}"
    assert reason(bot.call("PUT", f"{where}/{next(numbers)}", {})) == (403, "ACT_MISSING")
    assert anna.texts(room) == ["gone"]
    proven = bot.proven(log, room, {}, "m.room.redaction", redacts=event)
    assert bot.call("PUT", f"{where}/{next(numbers)}", proven).status == 200
    assert anna.texts(room) == []


def test_an_office_invites_and_puts_out_with_a_proof_alone(bot: Client, anna: Client) -> None:
    log, room, person = Log(), bot.room(), anna.user_id
    quoted = urllib.parse.quote(room)
    by_invite = bot.call("POST", f"/rooms/{quoted}/invite", {"user_id": person})
    assert reason(by_invite) == (403, "ACT_MISSING")
    assert reason(bot.put(room, MEMBER, person, {"membership": "invite"})) == (403, "ACT_MISSING")
    request = {"preset": "private_chat", "invite": [person]}
    assert reason(bot.call("POST", "/createRoom", request)) == (403, "ACT_MISSING")
    assert bot.invite(log, room, person).status == 200
    assert anna.call("POST", f"/join/{quoted}", {}).status == 200
    ban = {"membership": "ban", "reason": "It is over"}
    as_message = bot.proven(log, room, ban, MEMBER, state_key=person)
    assert reason(bot.put(room, MEMBER, person, as_message)) == (403, "ACT_CLASS")
    proven = bot.proven(log, room, ban, MEMBER, state_key=person, act=ActClass.RESTRICTION)
    assert bot.put(room, MEMBER, person, proven).status == 200


def test_people_talk_as_before_and_send_nothing_official(anna: Client) -> None:
    room = anna.room()
    assert anna.send(room, text("hello")).status == 200
    prompt = {"org.veche.prompt": VALID["org.veche.prompt"]}
    assert reason(anna.send(room, text("pay", **prompt))) == (403, "ACT_SENDER")
    assert reason(anna.put(room, "org.veche.official", "", {"v": 1})) == (403, "ACT_SENDER")
    answer = {"org.veche.answer": VALID["org.veche.answer"]}
    assert anna.send(room, text("yes", **answer)).status == 200


def test_a_bot_that_names_no_device_is_told_that_the_guard_refused(anna: Client) -> None:
    server, name = anna.server, f"veche_unlisted{next(numbers)}"
    path = "/_matrix/client/v3/register"
    body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
    made = server.call("POST", path, token=server.as_token, body=body)
    query = f"?user_id={urllib.parse.quote(made.body['user_id'])}"
    path = f"/_matrix/client/v3/createRoom{query}"
    room = server.call("POST", path, token=server.as_token, body={"preset": "private_chat"})
    where = f"rooms/{urllib.parse.quote(room.body['room_id'])}/state/org.veche.official/"
    path = f"/_matrix/client/v3/{where}{query}"
    refused = server.call("PUT", path, token=server.as_token, body={"v": 1})
    assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN")
    assert is_for_now(MatrixError(refused.status, refused.body))
    assert not is_for_now(
        MatrixError(403, {"errcode": "M_FORBIDDEN", "error": "You are not in it"})
    )


@pytest.mark.postgres
def test_workers_ask_for_the_directory_once_and_all_of_them_guard(
    tmp_path: Path, where: Served
) -> None:
    with (
        synapse_database() as dsn,
        homeserver_with_workers(tmp_path, dsn, modules=modules(where)) as server,
    ):
        asked = where.asked
        bot = Client.of(server, "clerk")
        written = where.written
        accounts = [account(f"@veche_{OFFICE}:veche.test"), account(bot.user_id)]
        rotate = written.said("rotate", OFFICE, accounts=accounts)
        assert written.add(rotate, written.key(), signer(OFFICE)) is None
        anna, room = Client.of(server, "anna"), bot.room()
        began_s = time.monotonic()
        for url in (server.url, server.creator_url):
            bot.url = url
            wait_until_known(bot, room)
            log = Log()
            assert bot.send(room, bot.proven(log, room, text(url))).status == 200
            assert reason(bot.send(room, text("bare"))) == (403, "ACT_MISSING")
            person = anna.user_id
            invite = bot.call(
                "POST", f"/rooms/{urllib.parse.quote(room)}/invite", {"user_id": person}
            )
            assert reason(invite) == (403, "ACT_MISSING")
            other = bot.room()
            assert bot.invite(log, other, person).status == 200
        said = [one for one in bot.texts(room) if one != "early"]
        assert said == [server.url, server.creator_url]
        # Three processes that each asked would have asked three times a round.
        assert where.asked - asked <= time.monotonic() - began_s + START_S_MAX
        assert CREATOR in server.worker_ports


def test_of_a_hostile_office_abroad_the_citizen_is_shown_what_is_proven_alone(
    tmp_path: Path,
) -> None:
    with federated_homeserver(tmp_path / "agency") as agency:
        office = f"@office:{agency.plan.server_name}"
        written = directory(now_ms() - 3_600_000, office)
        with (
            served(written) as where,
            federated_homeserver(tmp_path / "home", modules=modules(where)) as home,
        ):
            bot, anna = Client.of(agency, "office"), Client.of(home, "anna")
            room, log = bot.room(), Log()

            def is_refused() -> bool:
                # The same again would be no other event.
                said = {"membership": "invite", "reason": str(next(numbers))}
                found = bot.put(room, MEMBER, anna.user_id, said)
                return found.status == 403

            wait_until(is_refused, WAIT_S, "the directory did not arrive")
            quoted = urllib.parse.quote(room)
            by_invite = bot.call("POST", f"/rooms/{quoted}/invite", {"user_id": anna.user_id})
            assert by_invite.status == 403
            assert bot.invite(log, room, anna.user_id).status == 200
            join = f"/join/{quoted}?server_name={agency.plan.server_name}"
            assert anna.call("POST", join, {}).status == 200

            good = bot.proven(log, room, text("good"))
            assert bot.send(room, text("bare")).status == 200
            assert bot.send(room, {**good, "body": "other words"}).status == 200
            assert bot.send(room, good).status == 200
            assert bot.put(room, "m.room.topic", "", {"topic": "Pay now"}).status == 200
            assert bot.send(room, {"key": "1"}, "m.reaction").status == 200
            last = bot.proven(log, room, text("last"))
            assert bot.send(room, last).status == 200
            wait_until(lambda: "last" in anna.texts(room), WAIT_S, "the last did not arrive")
            assert anna.texts(room) == ["good", "last"]
            topic = anna.call("GET", f"/rooms/{quoted}/state/m.room.topic/")
            assert topic.body.get("topic") is None
            assert ACT in good
