"""Signing in on pages, over HTTP: real services, a real homeserver, persons with real clients."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg2
import pytest

from appservices.widgets.routes import approvals, keys, sessions
from tests.support.calls import Answer, request
from tests.support.hostile_json import broken
from tests.support.processes import wait_until
from tests.support.services import OFFICE, House, house
from veche.access.sessions import core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.people import Person

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

API: Final = "/_veche/sessions/v1"
REFUSED: Final = (403, "ORG.VECHE.SIGN_IN_REFUSED")
SIGN_IN: Final = (401, "ORG.VECHE.SIGN_IN")
WAIT_S: Final = 120


@attrs.frozen
class Alice:
    """Somebody with a private chat with the office's bot."""

    town: House
    person: Person
    room: str

    def link(self) -> str:
        """The secret of a link that the bot sends on request."""
        self.person.send(self.room, "page")
        body = self.person.wait_for(self.room, "/signin#").body
        [secret] = re.findall(re.escape(self.town.pages_url) + "/signin#([A-Za-z0-9_-]{22})", body)
        return str(secret)

    def sign_in(self) -> str:
        """A session's token, by a link."""
        answer = call(self.town, "POST", "/link", {"secret": self.link()})
        assert answer.status == 200, answer
        self.person.wait_for(self.room, "You are signed in")
        return str(answer.body["token"])

    def code(self, request_secret: str) -> str:
        """The code that came for a request."""
        body = self.person.wait_for(self.room, "type this code there").body
        assert request_secret not in body
        [code] = re.findall(r"\b[0-9]{6}\b", body.partition("/signin#")[0])
        return str(code)


def call(
    town: House, method: str, path: str, body: object = None, token: str | None = None
) -> Answer:
    """One request to the API."""
    return request(method, town.pages_url + API + path, body=body, token=token)


def verdict(answer: Answer) -> tuple[int, str]:
    """Status and error code."""
    return answer.status, answer.errcode


def looked_at(town: House, method: str, path: str) -> None:
    """A look as a preview takes it, whatever comes."""
    one = urllib.request.Request(town.pages_url + path, method=method)  # noqa: S310 -- ours
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(one, timeout=WAIT_S) as answer:  # noqa: S310
        answer.read()


def age(town: House, table: str, ms: int, *columns: str) -> None:
    """Let time go by for the rows of a table."""
    changes = ", ".join(f"{one} = {one} - {ms}" for one in columns)
    town.query(f"UPDATE runtime.{table} SET {changes}")  # noqa: S608 -- of this module


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("town"), has_pages=True) as one:
        yield one


@pytest.fixture(scope="module")
def someone(town: House) -> Alice:
    person = town.person("alice")
    return Alice(town, person, person.create_dm(OFFICE))


@pytest.fixture
def alice(someone: Alice) -> Alice:
    """Alice, for whom nobody asked for anything within the hour."""
    someone.town.query("DELETE FROM runtime.session")
    someone.town.query("DELETE FROM runtime.sign_in")
    return someone


def test_a_person_signs_in_by_link_and_by_code_and_out_in_the_chat(
    town: House, alice: Alice
) -> None:
    secret = alice.link()
    first = call(town, "POST", "/link", {"secret": secret})

    assert first.status == 200
    assert set(first.body) == {
        "token", "id", "level", "person", "language", "expires_at_ms", "idle_ms"
    }  # fmt: skip
    assert (first.body["level"], first.body["person"]) == ("verified", alice.person.user_id)
    assert alice.person.wait_for(alice.room, "You are signed in").is_encrypted

    asked = call(town, "POST", "/codes", {"person": f" {alice.person.user_id} "})
    assert set(asked.body) == {"request", "valid_ms", "digits"}
    code = alice.code(asked.body["request"])
    typed = {"request": asked.body["request"], "code": f"{code[:3]} {code[3:]}"}
    second = call(town, "POST", "/code", typed)
    assert (second.status, second.body["level"]) == (200, "verified")
    alice.person.wait_for(alice.room, "You are signed in")

    tokens = [one.body["token"] for one in (first, second)]
    listed = call(town, "GET", "/sessions", token=tokens[0]).body["sessions"]
    assert [one["is_this"] for one in listed] == [False, True]
    assert {one["id"] for one in listed} == {first.body["id"], second.body["id"]}
    own = call(town, "GET", "/session", token=tokens[1])
    assert own.body == {key: one for key, one in second.body.items() if key != "token"}

    alice.person.send(alice.room, "sign out")
    alice.person.wait_for(alice.room, "You are signed out: 2 browsers.")
    for token in tokens:
        assert verdict(call(town, "GET", "/session", token=token)) == SIGN_IN
    alice.person.send(alice.room, "!signout")
    alice.person.wait_for(alice.room, "You were signed in nowhere.")


def test_a_link_is_good_once_and_for_one_browser(town: House, alice: Alice) -> None:
    body = {"secret": alice.link()}

    with ThreadPoolExecutor(8) as browsers:
        tries = [browsers.submit(call, town, "POST", "/link", body) for _ in range(8)]
    got = sorted(verdict(one.result()) for one in tries)

    assert got == [(200, ""), *[REFUSED] * 7]
    assert verdict(call(town, "POST", "/link", body)) == REFUSED


def test_a_look_at_a_link_uses_nothing_up(town: House, alice: Alice) -> None:
    secret = alice.link()
    for method in ("GET", "HEAD"):
        for path in ("/signin", f"{API}/link", f"{API}/link?secret={secret}"):
            looked_at(town, method, path)
    assert call(town, "GET", "/link").status == 405

    assert call(town, "POST", "/link", {"secret": secret}).status == 200


def test_a_link_and_a_code_are_good_for_ten_minutes(town: House, alice: Alice) -> None:
    secret = alice.link()
    asked = call(town, "POST", "/codes", {"person": alice.person.user_id}).body["request"]
    code = alice.code(asked)
    age(town, "sign_in", core.OFFER_MS, "opened_at_ms")

    assert verdict(call(town, "POST", "/link", {"secret": secret})) == REFUSED
    assert verdict(call(town, "POST", "/code", {"request": asked, "code": code})) == REFUSED


def test_wrong_codes_burn_a_request_and_no_page_uses_the_code_of_another(
    town: House, alice: Alice
) -> None:
    own, other = (
        call(town, "POST", "/codes", {"person": alice.person.user_id}).body["request"]
        for _ in range(2)
    )
    codes = [alice.code(own), alice.code(own)]
    wrong = next(f"{n:06}" for n in range(3) if f"{n:06}" not in codes)
    wanted = (403, "ORG.VECHE.WRONG_CODE")

    for _ in range(core.TRIES_MAX):
        assert verdict(call(town, "POST", "/code", {"request": own, "code": wrong})) == wanted
    for code in codes:
        assert verdict(call(town, "POST", "/code", {"request": own, "code": code})) == REFUSED
    got = {verdict(call(town, "POST", "/code", {"request": other, "code": one})) for one in codes}
    assert got in ({(200, ""), wanted}, {(200, ""), REFUSED})
    assert verdict(call(town, "POST", "/code", {"request": "A" * 22, "code": codes[0]})) == REFUSED


def test_who_has_no_chat_gets_the_same_answer(town: House, alice: Alice) -> None:
    known, unknown = (
        call(town, "POST", "/codes", {"person": person})
        for person in (alice.person.user_id, f"@nobody:{town.server.plan.server_name}")
    )

    assert (known.status, set(known.body)) == (unknown.status, set(unknown.body))
    assert {len(one.body["request"]) for one in (known, unknown)} == {22}
    alice.code(known.body["request"])
    asked = unknown.body["request"]
    got = verdict(call(town, "POST", "/code", {"request": asked, "code": "000000"}))
    assert got == (403, "ORG.VECHE.WRONG_CODE")


def test_a_session_ends_when_it_idles_and_after_eight_hours(town: House, alice: Alice) -> None:
    idle, long = alice.sign_in(), alice.sign_in()
    alive = [call(town, "GET", "/session", token=one).status for one in (idle, long)]
    assert alive == [200, 200]

    age(town, "session", core.IDLE_MS_MAX, "used_at_ms")
    assert verdict(call(town, "GET", "/session", token=idle)) == SIGN_IN
    age(town, "session", -core.IDLE_MS_MAX, "used_at_ms")
    assert call(town, "GET", "/session", token=long).status == 200
    age(town, "session", core.SESSION_MS_MAX, "ends_at_ms")
    assert verdict(call(town, "GET", "/session", token=long)) == SIGN_IN


def test_a_person_signs_out_on_the_page(town: House, alice: Alice) -> None:
    first, second, third = (alice.sign_in() for _ in range(3))
    link = alice.link()
    ids = {
        token: call(town, "GET", "/session", token=token).body["id"]
        for token in (first, second, third)
    }

    assert call(town, "DELETE", f"/sessions/{ids[second]}", token=first).status == 204
    assert verdict(call(town, "GET", "/session", token=second)) == SIGN_IN
    for session_id in (ids[second], "0" * 26, "x", "%00"):
        answer = call(town, "DELETE", f"/sessions/{session_id}", token=first)
        assert answer.status == 404, session_id
    assert call(town, "DELETE", "/session", token=first).status == 204
    assert verdict(call(town, "DELETE", "/session", token=first)) == SIGN_IN
    assert call(town, "DELETE", "/sessions/all", token=third).status == 204
    assert verdict(call(town, "GET", "/sessions", token=third)) == SIGN_IN
    assert verdict(call(town, "POST", "/link", {"secret": link})) == REFUSED


def test_whoever_signs_in_may_have_had_a_session_before(town: House, alice: Alice) -> None:
    answer = call(town, "POST", "/link", {"secret": alice.link()}, token="A" * 43)

    assert answer.status == 200


def test_in_a_room_that_is_not_encrypted_there_is_no_link(town: House, alice: Alice) -> None:
    room = alice.person.create_dm(OFFICE, is_encrypted=False)

    alice.person.send(room, "page")
    said = alice.person.wait_for(room, "start a new direct chat with me alone, with encryption on")

    assert "signin#" not in said.body
    assert town.query("SELECT FROM runtime.sign_in") == []


def test_a_language_that_is_chosen_on_the_page_is_that_of_the_chat(
    town: House, alice: Alice
) -> None:
    token = alice.sign_in()
    wrong = call(town, "PUT", "/language", {"language": "tlh"}, token=token)
    assert (wrong.status, wrong.body["field"]) == (400, "body.language")
    try:
        chosen = call(town, "PUT", "/language", {"language": "de"}, token=token)
        assert (chosen.status, chosen.body["language"]) == (200, "de")
        assert call(town, "GET", "/session", token=token).body["language"] == "de"
        alice.person.send(alice.room, "abmelden")
        alice.person.wait_for(alice.room, "Sie sind abgemeldet: 1 Browser.")
    finally:
        town.query("DELETE FROM runtime.person")


def test_who_has_no_identity_is_signed_in_and_not_verified(town: House) -> None:
    person = town.person("bob", is_verified=False)
    bob = Alice(town, person, person.create_dm(OFFICE))

    token = bob.sign_in()

    assert call(town, "GET", "/session", token=token).body["level"] == "room"


def test_a_session_ends_when_the_persons_identity_changes(town: House) -> None:
    person = town.person("dora")
    dora = Alice(town, person, person.create_dm(OFFICE))
    token = dora.sign_in()
    assert call(town, "GET", "/session", token=token).body["level"] == "verified"

    person.reset_identity()

    def is_over() -> bool:
        return verdict(call(town, "GET", "/session", token=token)) == SIGN_IN

    wait_until(is_over, WAIT_S, "the session goes on")
    assert town.query("SELECT FROM runtime.session WHERE person = %s", person.user_id) == []


# OpenID


def openid(alice: Alice) -> dict[str, Any]:
    """The object that Alice's homeserver gives her for others."""
    path = f"/_matrix/client/v3/user/{alice.person.user_id}/openid/request_token"
    answer = alice.town.server.call("POST", path, token=alice.person.access_token, body={})
    assert answer.status == 200, answer
    body: dict[str, Any] = answer.body
    return body


def test_the_homeserver_vouches_for_the_lowest_level_once(town: House, alice: Alice) -> None:
    token = openid(alice)

    answer = call(town, "POST", "/openid", token)

    assert (answer.status, answer.body["level"]) == (200, "low")
    assert answer.body["person"] == alice.person.user_id
    low = answer.body["token"]
    assert call(town, "GET", "/session", token=low).status == 200
    listed = call(town, "GET", "/sessions", token=low)
    assert verdict(listed) == (403, "ORG.VECHE.LEVEL_TOO_LOW")
    assert listed.body["required"] == "room"
    assert verdict(call(town, "POST", "/openid", token)) == REFUSED
    high = alice.sign_in()
    assert call(town, "DELETE", "/sessions/all", token=low).status == 204
    assert verdict(call(town, "GET", "/session", token=high)) == SIGN_IN


def test_a_token_that_the_homeserver_does_not_know_is_refused(town: House, alice: Alice) -> None:
    token = openid(alice)
    expired = openid(alice)
    database: Any = town.server.plan.database
    connection = psycopg2.connect(**{k: v for k, v in database["args"].items() if "cp_" not in k})
    with connection, connection.cursor() as txn:
        txn.execute(
            "UPDATE open_id_tokens SET ts_valid_until_ms = 1 WHERE token = %s",
            (expired["access_token"],),
        )
        assert txn.rowcount == 1
    connection.close()

    for wrong in (
        expired,
        {**token, "access_token": "guessed"},
        {**token, "access_token": alice.person.access_token},
        {**token, "access_token": "a&access_token=" + token["access_token"]},
    ):
        assert verdict(call(town, "POST", "/openid", wrong)) == REFUSED, wrong
    assert call(town, "POST", "/openid", token).status == 200


def test_a_server_at_a_private_address_is_not_asked(town: House, alice: Alice) -> None:
    token = openid(alice)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        port = listening.getsockname()[1]
        for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::ffff:127.0.0.1]:{port}"):
            answer = call(town, "POST", "/openid", {**token, "matrix_server_name": name})
            assert verdict(answer) == REFUSED, name
        with pytest.raises(TimeoutError):
            listening.accept()


# What comes in


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/codes", {}, "body.person"),
        ("/codes", {"person": 7}, "body.person"),
        ("/codes", {"person": "alice"}, "person"),
        ("/codes", {"person": "@a:b\x00"}, "body"),
        ("/codes", {"person": "@" + "a" * 300 + ":b"}, "body.person"),
        ("/code", {"request": "A" * 22}, "body.code"),
        ("/code", {"request": "A" * 22, "code": 123456}, "body.code"),
        ("/code", {"request": "A" * 301, "code": "1"}, "body.request"),
        ("/link", {}, "body.secret"),
        ("/link", {"secret": None}, "body.secret"),
        ("/link", [], "body"),
        ("/openid", {"matrix_server_name": "a"}, "body.access_token"),
        ("/openid", {"access_token": "a b", "matrix_server_name": "a"}, "body.access_token"),
        ("/openid", {"access_token": "a", "matrix_server_name": "a b"}, "matrix_server_name"),
    ],
)
def test_what_is_malformed_is_told(town: House, path: str, body: object, field: str) -> None:
    answer = call(town, "POST", path, body)

    assert verdict(answer) == (400, "ORG.VECHE.MALFORMED")
    assert answer.body["field"].startswith(field)


def test_no_body_and_no_query_is_an_error_of_ours(town: House, alice: Alice) -> None:
    headers = {"authorization": f"Bearer {alice.sign_in()}"}
    before, total = len(town.log()), Counter[int]()

    for api in (keys.API, approvals.API, sessions.API):
        found, answered = broken(api, town.pages_url, headers)
        assert found == []
        total += answered
    assert total[400] > total[401], total
    assert "Traceback" not in town.log()[before:]


def test_an_address_that_asks_too_often_has_to_wait(town: House) -> None:
    for _ in range(core.ASKED_PER_ADDRESS_MAX + 1):
        answer = call(town, "POST", "/codes", {"person": "@nobody:example.org"})
        if answer.status != 200:
            break

    assert verdict(answer) == (429, "M_LIMIT_EXCEEDED")
    assert answer.body["retry_after_ms"] > 0
