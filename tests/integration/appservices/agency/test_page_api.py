"""The API of the offices over HTTP: real services, a real homeserver, persons with real clients."""

from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import json
import re
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.agency import demo as office_demo
from appservices.agency.routes import API as OFFICES_API
from tests.stories.office import Desk, Room
from tests.support.calls import Answer, request
from tests.support.hostile_json import answer_of, broken
from tests.support.keys import BrowserKey, approval_of
from tests.support.processes import ROOT, wait_until
from tests.support.services import OFFICE, House, house
from veche.cli.main import main
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.people import Person

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

API: Final = "/_veche/agency/v1"
RECORDS: Final = "lindenau_records"
PARKS: Final = "lindenau_parks"
PARKS_BOT: Final = f"@veche_org_lindenau_parks:{demo.SERVER_NAME}"
COPY: Final = "birth-certificate-copy"
WAIT_S: Final = 120
ANSWERS: Final[Mapping[str, Any]] = {
    "child_name": "Anna Weber",
    "born_on": "2020-03-12",
    "reason": "travel",
}
MOVED: Final[Mapping[str, Any]] = {
    "name": "Anna Weber",
    "address": "Sternweg 5\n12345 Lindenau",
    "moved_on": "2025-03-01",
    "persons": 2,
}
_keys: Final = itertools.count(1)


@attrs.frozen
class Page:
    """A page in somebody's browser; without a token nobody is signed in."""

    town: House
    token: str | None = None

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, **query: str
    ) -> Answer:
        """One request to the API of the offices."""
        url = self.town.pages_url + (path if path.startswith("/_veche/") else API + path)
        headers = {"idempotency-key": key or f"key-{next(_keys)}"}
        if "/files" in path:
            headers["content-type"] = "application/octet-stream"
        return request(
            method, url, token=self.token, body=body, query=query or None, headers=headers
        )

    def get(self, path: str, **query: str) -> Any:
        """A success's body."""
        answer = self.call("GET", path, **query)
        assert answer.status == 200, answer
        return answer.body

    def do(self, method: str, path: str, body: object) -> Any:
        """A success's body; what is to be sent again is sent again, as a page does."""
        key, answers = f"key-{next(_keys)}", []

        def is_taken() -> bool:
            answers.append(self.call(method, path, body, key=key))
            return answers[-1].status != 503

        wait_until(is_taken, WAIT_S, "always to be sent again")
        assert answers[-1].status == 200, answers[-1]
        return answers[-1].body

    def start(self, service: str, office: str = RECORDS) -> str:
        """A case that was begun; its id."""
        begun = self.do("POST", "/cases", {"office": office, "service": service})
        assert begun["case"], begun
        return str(begun["case"])

    def prompt(self, case_id: str, topic: str) -> Any:
        """The open question of a topic."""
        [found] = [
            one["prompt"]
            for one in self.get(f"/cases/{case_id}")["prompts"]
            if one["topic"] == topic
        ]
        return found

    def answer(self, case_id: str, topic: str, **given: Any) -> Any:
        """Answer the open question of a topic."""
        prompt = self.prompt(case_id, topic)["id"]
        return self.do("POST", f"/cases/{case_id}/answers", {"prompt": prompt, **given})

    def until(self, case_id: str, state: str) -> Any:
        """The case, once it is in a state: followed by long poll, as a page does."""
        view = self.get(f"/cases/{case_id}")
        while view["state"] != state:
            after = view["version"]
            view = self.get(f"/cases/{case_id}", after=after)
        return view

    def send(self, case_id: str, data: bytes, **query: str) -> None:
        """Send a file, as bytes."""
        status, answer = self.sent(case_id, data, f"key-{next(_keys)}", **query)
        assert status == 200, answer
        assert json.loads(answer)["outcome"] == "done"

    def sent(self, case_id: str, data: bytes, key: str, **query: str) -> tuple[int, bytes]:
        """The answer to a file that is sent under a key."""
        words = urllib.parse.urlencode(query)
        url = f"{self.town.pages_url}{API}/cases/{case_id}/files?{words}"
        one = urllib.request.Request(url, data=data)  # noqa: S310 -- ours
        one.add_header("authorization", f"Bearer {self.token}")
        one.add_header("idempotency-key", key)
        one.add_header("content-type", "application/octet-stream")
        return answer_of(one)

    def file(self, path: str) -> tuple[bytes, Mapping[str, str]]:
        """A download, with its headers."""
        one = urllib.request.Request(self.town.pages_url + path)  # noqa: S310 -- ours
        one.add_header("authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(one, timeout=WAIT_S) as answer:  # noqa: S310 -- ours
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.read(), headers


@attrs.frozen
class Visitor:
    """Somebody with a chat with the office, and a page."""

    person: Person
    chat: Room
    page: Page


def visitor(town: House, name: str) -> Visitor:
    """Somebody new, signed in by a link from the bot."""
    person = town.person(name)
    chat = Room(person, person.create_dm(OFFICE))
    chat.say("English")
    chat.expect("What do you need?")
    return Visitor(person, chat, Page(town, sign_in(town, chat)))


def sign_in(town: House, chat: Room) -> str:
    """A token, for the secret of a link."""
    chat.say("page")
    body = chat.expect("/signin#").body
    [secret] = re.findall(r"/signin#([A-Za-z0-9_-]{22})", body)
    url = f"{town.pages_url}/_veche/sessions/v1/link"
    answer = request("POST", url, body={"secret": secret})
    assert answer.status == 200, answer
    chat.expect("You are signed in")
    return str(answer.body["token"])


def _sections() -> dict[str, Any]:
    """The demo's office, and one more with a service for which a key is needed."""
    agency = office_demo.agency_section(ROOT / "config" / "services")
    [town] = agency["organisations"]
    [records] = town["offices"]
    parks = {
        **copy.deepcopy(records),
        "id": "parks",
        "name": {"en": "Parks Office"},
        "services": [str(ROOT / "config/services/change-of-address.yaml")],
    }
    return {"agency": {**agency, "organisations": [{**town, "offices": [records, parks]}]}}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("town")
    with house(folder, sections=_sections(), has_pages=True) as one:

        def is_open() -> bool:
            with suppress(OSError):
                return Page(one).call("GET", "/catalogue").status == 200
            return False

        wait_until(is_open, WAIT_S, "the pages do not open")
        yield one


@pytest.fixture(scope="module")
def alice(town: House) -> Visitor:
    return visitor(town, "alice")


@pytest.fixture(scope="module")
def bob(town: House) -> Visitor:
    return visitor(town, "bob")


@pytest.fixture(scope="module")
def desk(town: House) -> Desk:
    """Carol's desk at the records office."""
    carol = town.person("carol")

    def is_invited() -> bool:
        return len(carol.invites()) == 2

    wait_until(is_invited, WAIT_S, "no invitations to both desks")
    records, parks = sorted(
        carol.accept_invites(), key=lambda room: OFFICE not in carol.members(room)
    )
    assert PARKS_BOT in carol.members(parks)
    return Desk(carol, room=records)


# For anybody.


def test_the_catalogue_is_open_and_found_by_words_in_any_language(town: House) -> None:
    anybody = Page(town)

    everything = anybody.get("/catalogue")
    german = anybody.get("/catalogue", q="geburts schule", lang="de")
    moving = anybody.get("/catalogue", q="flat")
    nothing = anybody.get("/catalogue", q="zeppelin")

    assert everything["count"] == 3
    assert [one["office"] for one in everything["offices"]] == [RECORDS, PARKS]
    [office] = german["offices"]
    assert (office["name"], office["organisation"]) == ("Standesamt", "Stadt Lindenau")
    assert [one["title"] for one in office["services"]] == ["Abschrift einer Geburtsurkunde"]
    assert {one["service"] for o in moving["offices"] for one in o["services"]} == {
        "change-of-address"
    }
    assert (nothing["count"], nothing["offices"]) == (0, [])


def test_no_body_is_an_error_of_ours_and_the_next_good_request_is_answered(
    town: House, alice: Visitor
) -> None:
    case_id = alice.page.start(COPY)
    before = len(town.log())
    known = {"case_id": case_id, "office": RECORDS, "service": COPY}

    found, answered = broken(
        OFFICES_API, town.pages_url, {"authorization": f"Bearer {alice.page.token}"}, known
    )

    assert found == []
    assert answered[200], answered
    assert "Traceback" not in town.log()[before:]
    status = 429
    while status == 429:  # it asked a lot
        status = alice.page.call("GET", f"/cases/{case_id}").status
    assert status == 200


def test_a_service_is_described_with_its_form(town: House) -> None:
    service = Page(town).get(f"/catalogue/{RECORDS}/change-of-address")

    assert service["needs_key"] is True
    assert [field["id"] for field in service["form"]["fields"]] == list(MOVED)
    assert "approve your answers with the key" in service["step_list"][0]["text"]
    assert service["time"] == "at most 1 working day"


@pytest.mark.parametrize("path", [f"/{RECORDS}/none", "/none/none", f"/{RECORDS}/%00"])
def test_what_is_not_offered_is_not_found(town: House, path: str) -> None:
    answer = Page(town).call("GET", f"/catalogue{path}")

    assert answer.status == 404


def test_answers_are_checked_without_signing_in(town: House) -> None:
    given = {"office": RECORDS, "service": COPY}
    values = {"child_name": "Anna", "born_on": "31 February 2020", "unknown": 1}

    some = Page(town).do("POST", "/forms/check", {**given, "values": values, "fields": ["born_on"]})
    whole = Page(town).do("POST", "/forms/check", {**given, "values": ANSWERS})

    assert [(one["field"], one["code"]) for one in some["errors"]] == [("born_on", "no_such_day")]
    assert some["shown"] == {}
    assert whole["errors"] == []
    assert whole["shown"]["born_on"] == "12 March 2020"


# Who may.


ROUTES: Final[tuple[tuple[str, str, Any, str], ...]] = (
    ("GET", "/homes", None, "low"),
    ("GET", "/cases", None, "room"),
    ("POST", "/cases", {"office": RECORDS, "service": COPY}, "room"),
    ("GET", "/cases/ID", None, "room"),
    ("POST", "/cases/ID/answers", {"prompt": "01J00000000000000000000000"}, "room"),
    ("PUT", "/cases/ID/draft", {"values": {}}, "room"),
    ("POST", "/cases/ID/commands", {"command": "status"}, "room"),
    ("POST", "/cases/ID/files?name=x", None, "room"),
    ("GET", "/cases/ID/documents/" + "0" * 64, None, "room"),
)


@pytest.mark.parametrize(("method", "path", "body", "level"), ROUTES)
def test_each_route_asks_for_its_level(
    town: House, alice: Visitor, method: str, path: str, body: Any, level: str
) -> None:
    low = Page(town, sign_in(town, alice.chat))
    digest = hashlib.sha256(str(low.token).encode()).digest()
    town.query("UPDATE runtime.session SET level = 1 WHERE token_hash = %s", digest)

    nobody = Page(town).call(method, path, body)
    somebody = low.call(method, path, body)

    assert (nobody.status, nobody.errcode) == (401, "ORG.VECHE.SIGN_IN")
    if level == "low":
        assert somebody.status == 200
    else:
        assert (somebody.status, somebody.errcode) == (403, "ORG.VECHE.LEVEL_TOO_LOW")
        assert somebody.body["required"] == level


def test_the_levels_of_all_routes_are_those() -> None:
    """None is forgotten above."""
    levels = {
        (one.method, re.sub(r"<case_id>", "ID", one.path).replace("<sha256>", "0" * 64)): (
            one.level.label if one.level else None
        )
        for one in OFFICES_API.routes
    }
    closed = {(method, path.partition("?")[0]): level for method, path, _, level in ROUTES}
    opened = {
        ("GET", "/catalogue"): None,
        ("GET", "/catalogue/<office>/<service>"): None,
        ("GET", "/offices/<office>/picture"): None,
        ("POST", "/forms/check"): None,
    }
    assert levels == {**closed, **opened}


def test_somebody_elses_case_looks_like_none(alice: Visitor, bob: Visitor) -> None:
    case_id = alice.page.start(COPY)
    none = case_id[:-1] + ("0" if case_id[-1] != "0" else "1")
    prompt = alice.page.prompt(case_id, "form")["id"]

    for method, path, body in (
        ("GET", "", None),
        ("PUT", "/draft", {"values": {"child_name": "Eve"}}),
        ("POST", "/answers", {"prompt": prompt, "data": dict(ANSWERS)}),
        ("POST", "/commands", {"command": "withdraw"}),
        ("GET", "/documents/" + "0" * 64, None),
    ):
        answers = [
            bob.page.call(method, f"/cases/{one}{path}", body) for one in (case_id, none, "x")
        ]
        assert {(one.status, str(one.body)) for one in answers} == {
            (404, "{'errcode': 'ORG.VECHE.NOT_FOUND', 'error': 'You have no such case.'}")
        }
    assert alice.page.get(f"/cases/{case_id}")["draft"] == {}
    assert bob.page.get("/cases")["cases"] == []


# A case, from the catalogue to the document.


def test_a_case_by_page_from_the_catalogue_to_the_document(alice: Visitor, desk: Desk) -> None:
    page = alice.page
    assert page.get("/homes")["homes"][0]["office"] == RECORDS
    case_id = page.start(COPY)

    kept = page.do(
        "PUT", f"/cases/{case_id}/draft", {"values": {**ANSWERS, "born_on": "yesterdayish"}}
    )
    draft = page.get(f"/cases/{case_id}")["draft"]
    page.send(case_id, b"\xff\xd8\xff" + bytes(900_000), field="old_copy", name="old.jpg")
    photo = page.get(f"/cases/{case_id}")["draft"]["old_copy"]
    done = page.answer(case_id, "form", data=dict(ANSWERS))
    number = page.get(f"/cases/{case_id}")["number"]

    assert [one["field"] for one in kept["errors"]] == ["born_on"]
    assert draft == {**ANSWERS, "born_on": "yesterdayish"}
    assert photo == "old.jpg (0.9 MB)"
    assert done["outcome"] == "done"
    alice.chat.expect("The number of your case is")
    view = _in_its_room(page, case_id)
    go_in(alice.person, room_of(view))
    case = Room(alice.person, room_of(view))
    assert f"/cases/{case_id}" in case.expect(f"Case: {number}").body

    with ThreadPoolExecutor(1) as browser:
        followed = browser.submit(page.until, case_id, "served")
        thread = desk.claimed(number)
        thread.choose(thread.expect("What is decided?"), "approve")
        view = followed.result(timeout=2 * WAIT_S)

    sent = case.expect("Copy of a birth certificate. Valid until")
    [issued] = view["documents"]
    data, headers = page.file(issued["path"])
    assert data == alice.person.download(sent.content)
    assert hashlib.sha256(data).hexdigest() == issued["sha256"]
    assert headers["content-type"] == "application/pdf"
    assert headers["content-disposition"].startswith("attachment;")
    assert headers["cache-control"] == "no-store"
    assert [one["what"] for one in view["history"]][:2] == ["case opened", "submitted"]


def test_the_same_start_from_two_tabs_is_one_case(alice: Visitor) -> None:
    before = {one["case"] for one in alice.page.get("/cases")["cases"]}
    body = {"office": RECORDS, "service": COPY}

    with ThreadPoolExecutor(4) as tabs:
        starts = [
            tabs.submit(alice.page.call, "POST", "/cases", body, key="one-start") for _ in range(4)
        ]
    answers = [one.result() for one in starts]
    other = alice.page.call(
        "POST", "/cases", {"office": RECORDS, "service": "change-of-address"}, key="one-start"
    )

    after = {one["case"] for one in alice.page.get("/cases")["cases"]}
    [begun] = after - before
    assert {(one.status, one.body["case"]) for one in answers} == {(200, begun)}
    assert (other.status, other.errcode) == (409, "ORG.VECHE.CONFLICT")


def test_a_key_is_of_one_file_and_of_nothing_else(alice: Visitor) -> None:
    page = alice.page
    case_id = page.start(COPY)
    photo = b"\xff\xd8\xff" + bytes(1_000)
    given = {"field": "old_copy", "name": "old.jpg"}
    first = [page.sent(case_id, photo, "one-file", **given)[0] for _ in range(2)]
    body = {"office": RECORDS, "service": COPY}
    used = page.call("POST", "/cases", body, key="one-file")
    others = [
        page.sent(case_id, photo + b"1", "one-file", **given)[0],
        page.sent(case_id, photo, "one-file", **{**given, "name": "other.jpg"})[0],
    ]

    assert (first, others) == ([200, 200], [409, 409])
    assert (used.status, used.errcode) == (409, "ORG.VECHE.CONFLICT")


def test_of_two_tabs_that_answer_one_counts_and_the_other_is_told(alice: Visitor) -> None:
    case_id = alice.page.start(COPY)
    _sent(alice.page, case_id)
    prompt = alice.page.prompt(case_id, "form")["id"]

    def send(name: str) -> Answer:
        body = {"prompt": prompt, "data": {**ANSWERS, "child_name": name}}
        return alice.page.call("POST", f"/cases/{case_id}/answers", body, key=f"tab-{name}")

    with ThreadPoolExecutor(2) as tabs:
        answers = dict(zip(("Ada", "Eve"), tabs.map(send, ("Ada", "Eve")), strict=True))

    [counts] = [name for name, one in answers.items() if one.status == 200]
    [told] = [one for one in answers.values() if one.status != 200]
    assert (told.status, told.errcode) == (409, "ORG.VECHE.ANSWER_REFUSED")
    assert told.body["reason"] in {"doubled", "late"}
    assert told.body["error"]
    assert alice.page.get(f"/cases/{case_id}")["answers"][0]["value"] == counts


def room_of(view: Any) -> str:
    """The room in which a case is dealt with."""
    return str(view["room"]).removeprefix("https://matrix.to/#/").partition("?")[0]


def go_in(person: Person, room: str) -> None:
    """Accept the invitation to a room, once it is there."""
    wait_until(lambda: room in person.invites(), WAIT_S, "no invitation comes")
    person.join(room)


def _in_its_room(page: Page, case_id: str) -> Any:
    """The case, once it has a room of its own."""
    view = page.get(f"/cases/{case_id}")
    while not view["is_room_own"]:
        view = page.get(f"/cases/{case_id}", after=view["version"])
    return view


def _sent(page: Page, case_id: str) -> None:
    """Wait until the question of the form stands in the chat, so that it takes answers."""
    body = {"prompt": page.prompt(case_id, "form")["id"], "data": {}}

    def is_sent() -> bool:
        return page.call("POST", f"/cases/{case_id}/answers", body).status == 400

    wait_until(is_sent, WAIT_S, "the form is not asked")


def test_a_question_that_was_closed_meanwhile_is_refused(alice: Visitor) -> None:
    case_id = alice.page.start(COPY)
    _sent(alice.page, case_id)
    prompt = alice.page.prompt(case_id, "form")["id"]
    alice.page.do("POST", f"/cases/{case_id}/commands", {"command": "withdraw"})
    alice.page.answer(case_id, "withdraw", choice="withdraw")

    body = {"prompt": prompt, "data": dict(ANSWERS)}
    answer = alice.page.call("POST", f"/cases/{case_id}/answers", body)
    draft = alice.page.call("PUT", f"/cases/{case_id}/draft", {"values": dict(ANSWERS)})

    assert alice.page.get(f"/cases/{case_id}")["state"] == "withdrawn"
    assert (answer.status, answer.body["reason"]) == (409, "late")
    assert (draft.status, draft.body["reason"]) == (409, "not_now")


# What comes in is data, and bounded.


def test_markup_comes_back_as_the_text_that_it_is(alice: Visitor) -> None:
    evil = '<img src=x onerror="alert(1)">&amp;</script>\u202e'
    case_id = alice.page.start(COPY)
    alice.page.do("PUT", f"/cases/{case_id}/draft", {"values": {"child_name": evil}})
    asked = {"command": "human", "text": evil}
    alice.page.do("POST", f"/cases/{case_id}/commands", asked)

    view = alice.page.get(f"/cases/{case_id}")

    assert view["draft"]["child_name"] == evil
    assert "<img src=x onerror=" in view["question"]["text"]
    assert "<img src=x onerror=" in str(view["history"])


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"child_name": "x" * 70_000}, 413),
        ({f"field_{n}": "" for n in range(51)}, 400),
        ({"child_name": "x" * (1 << 20)}, 413),
        ({"child_name": [{"deep": ["x"]}]}, 200),
    ],
)
def test_what_is_typed_is_bounded(alice: Visitor, values: Any, status: int) -> None:
    case_id = alice.page.start(COPY)

    try:
        answer = alice.page.call("PUT", f"/cases/{case_id}/draft", {"values": values})
    except OSError:
        assert status == 413  # the connection was closed while the body was still on its way
    else:
        assert answer.status == status


def test_an_answer_that_is_too_large_is_refused(alice: Visitor) -> None:
    case_id = alice.page.start(COPY)
    _sent(alice.page, case_id)
    prompt = alice.page.prompt(case_id, "form")["id"]
    data = {**ANSWERS, "child_name": "x" * 40_000}

    answer = alice.page.call("POST", f"/cases/{case_id}/answers", {"prompt": prompt, "data": data})

    assert (answer.status, answer.errcode) == (400, "ORG.VECHE.FORM")
    assert alice.page.get(f"/cases/{case_id}")["state"] == "draft"


# Long polls.


def test_a_list_is_woken_by_a_new_case(alice: Visitor) -> None:
    known = alice.page.get("/cases")["version"]

    with ThreadPoolExecutor(1) as browser:
        waiting = browser.submit(alice.page.get, "/cases", after=known)
        case_id = alice.page.start(COPY)
        news = waiting.result(timeout=WAIT_S)

    assert news["version"] != known
    assert case_id in {one["case"] for one in news["cases"]}


def test_a_long_poll_ends_when_its_person_signs_out(town: House, bob: Visitor) -> None:
    page = Page(town, sign_in(town, bob.chat))
    known = page.get("/cases")["version"]

    with ThreadPoolExecutor(1) as browser:
        waiting = browser.submit(page.call, "GET", "/cases", after=known)
        wait_until(lambda: not waiting.done(), WAIT_S, "it does not wait")
        out = page.call("DELETE", "/_veche/sessions/v1/session")
        ended = waiting.result(timeout=WAIT_S)

    assert out.status == 204
    assert (ended.status, ended.errcode) == (401, "ORG.VECHE.SIGN_IN")


# A chat that is made for the page, and a key.


def test_who_begins_at_an_office_without_a_chat_is_invited_to_one(
    town: House, alice: Visitor
) -> None:
    page = alice.page
    body = {"office": PARKS, "service": "change-of-address"}
    begun: list[Any] = []

    def is_begun() -> bool:
        begun.append(page.call("POST", "/cases", body, key="parks").body)
        return begun[-1]["case"] is not None

    wait_until(is_begun, WAIT_S, "no case begins")
    assert begun[-1]["is_chat_new"] is True
    case_id = begun[-1]["case"]

    room = room_of(page.get(f"/cases/{case_id}"))
    go_in(alice.person, room)
    alice.person.wait_for(room, "Parks Office")
    widget = request(
        "GET",
        f"{town.url}/_matrix/client/v3/rooms/{room}/state/im.vector.modular.widgets/veche",
        token=alice.person.access_token,
    )
    assert widget.body["url"].startswith(f"{town.pages_url}/widget?")
    assert {one["office"] for one in page.get("/homes")["homes"]} == {RECORDS, PARKS}

    page.answer(case_id, "form", data=dict(MOVED))
    view = _approved(town, alice, case_id)

    assert view["answers"][0]["value"] == "Anna Weber"
    data, _ = page.file(view["documents"][0]["path"])
    assert hashlib.sha256(data).hexdigest() == view["documents"][0]["sha256"]


def _approved(town: House, alice: Visitor, case_id: str) -> Any:
    """The case, once the person's new key has approved what it asks."""
    page, key = alice.page, _enrolled(town, alice)
    prompt = page.prompt(case_id, "approve")
    [asked] = [one["approve"] for one in prompt["choices"] if one["approve"]]
    shown = {one["label"]: one["value"] for one in asked["shown"]["values"]}
    assert shown["Your new address"] == "Sternweg 5, 12345 Lindenau"
    assert asked["shown"]["to"] == "Parks Office"
    without = page.call(
        "POST", f"/cases/{case_id}/answers", {"prompt": prompt["id"], "choice": "approve"}
    )
    assert (without.status, without.body.get("required")) == (403, "signed")

    now_ms = page.get("/_veche/approvals/v1/time")["now_ms"]
    signed = key.signed(approval_of(asked, now_ms))
    taken = Page(town).do("POST", "/_veche/approvals/v1", signed)
    assert taken == {"outcome": "approved"}
    return page.until(case_id, "served")


def _enrolled(town: House, alice: Visitor) -> BrowserKey:
    """A key that the person has enrolled, with the code from their room."""
    keys, key = "/_veche/keys/v1", BrowserKey()
    public = base64.b64encode(key.public).decode().rstrip("=")
    made = alice.page.do(
        "POST", f"{keys}/enrolments", {"kind": "p256", "label": "laptop", "public_key": public}
    )
    rooms = {alice.chat.room, *_rooms(town, alice)}

    def find_code() -> str | None:
        for room in rooms:
            for message in alice.person.messages(room):
                found = re.search(r"\b([0-9]{3}) ?([0-9]{3})\b", message.body)
                if found and made["words"] in message.body:
                    return found[1] + found[2]
        return None

    wait_until(lambda: find_code() is not None, WAIT_S, "no code came")
    body = {"code": find_code(), **key.proof(made["to_sign"])}
    alice.page.do("POST", f"{keys}/enrolments/{made['enrolment']}/code", body)
    return key


def _rooms(town: House, alice: Visitor) -> list[str]:
    answer = request(
        "GET",
        f"{town.url}/_matrix/client/v3/joined_rooms",
        token=alice.person.access_token,
    )
    return list(answer.body["joined_rooms"])


# What the office did, proven to anybody.


def test_what_an_office_did_is_verified_with_the_key_of_its_site(
    town: House, alice: Visitor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case_id = alice.page.start(COPY)
    alice.page.answer(case_id, "form", data=dict(ANSWERS))
    go_in(alice.person, room_of(_in_its_room(alice.page, case_id)))
    case = Room(alice.person, room_of(alice.page.get(f"/cases/{case_id}")))
    case.say("export")
    number = alice.page.get(f"/cases/{case_id}")["number"]
    file = tmp_path / "export.json"
    file.write_bytes(alice.person.download(case.expect(f"{COPY}-{number}.json").content))

    code = main(["verify", str(file), "--online", "--site", town.pages_url])

    out = capsys.readouterr().out
    assert code == 0
    assert f"signed by  {demo.SERVER_NAME}/veche/acts/v1/lindenau\n" in out
    assert f"case       {case_id}\n" in out
    assert out.endswith("It holds.\n")
    for path in ("/.well-known/veche/acts", "/_veche/acts/v1/heads"):
        unknown = request("GET", f"{town.pages_url}{path}?organisation=nobody")
        assert (unknown.status, unknown.errcode) == (404, "ORG.VECHE.NOT_FOUND")


def test_a_person_sees_every_act_on_them_and_keeps_the_proof(
    town: House, alice: Visitor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alice.page.start(COPY)
    acts = "/_veche/acts/v1/mine"

    told = alice.page.get(acts)
    done = {one["organisation"]: one for one in told["organisations"]}
    file = tmp_path / "acts.json"
    file.write_text(json.dumps(alice.page.get(f"{acts}/lindenau")))
    code = main(["verify", str(file), "--online", "--site", town.pages_url])

    assert done["lindenau"]["name"] == "Town of Lindenau"
    out = capsys.readouterr().out
    assert code == 0
    shown = re.search(r"^acts       (\d+) ", out, re.MULTILINE)
    assert shown is not None
    assert int(shown[1]) >= done["lindenau"]["acts"] >= 1
    assert Page(town).call("GET", acts).status == 401
    assert Page(town).call("GET", f"{acts}/lindenau").status == 401
    assert alice.page.call("GET", f"{acts}/nobody").status == 404
