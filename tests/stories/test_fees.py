"""An office asks for a fee: it is paid by a code, the case goes on; who is refused gets it back."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from cryptography import x509

from appservices.agency import demo as office_demo
from appservices.payments import demo as payments_demo
from appservices.signing.demo import DemoAuthority
from tests.stories.bank import BOT, PAYMENTS, Client, code_in
from tests.stories.office import Desk, Room, case_number
from tests.support.calls import request
from tests.support.processes import ROOT
from tests.support.services import AGENCY, OFFICE, House, house
from veche.cli.main import main
from veche.documents.pki.certificates import Level
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.runtime.database.migrate import MigrationSet
from veche.server import demo
from veche.server.demo import secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.calls import Answer
    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

SIGNING: Final = MigrationSet("signing", "appservices.signing")
API: Final = "/_veche/payments/v1"
_keys: Final = itertools.count()
GROUND: Final = {
    "purpose": "parking.fine",
    "basis": "Road Traffic Act, section 25",
    "actor": "role:inspector",
    "case": "fine-7",
}


@attrs.frozen
class Town:
    """A house with office and bank, and Carol at her desk."""

    house: House
    desk: Desk
    key: str
    root: Path

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """A request of the town's own systems to the bank."""
        if method == "POST":
            headers.setdefault("idempotency_key", f"key{next(_keys)}")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.house.pages_url + API + path
        return request(method, url, token=self.key, body=body, headers=named)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("fees")
    key = secret(folder / "town_key")

    def sections(pages_url: str) -> Mapping[str, Any]:
        definitions = ROOT / "config" / "services"
        town = "Town of Lindenau"
        authority = DemoAuthority(folder / "authority", pages_url, town, {demo.TOWN: town})
        assert main(authority.preparation().command) == 0
        agency = office_demo.agency_section(definitions, pages_url, key)
        agency["organisations"][0]["seal"] = {
            "url": pages_url,
            "key_path": str(authority.key(demo.TOWN)),
        }
        return {
            "agency": agency,
            "payments": payments_demo.payments_section(key),
            "signing": authority.section,
        }

    sets = (AGENCY, PAYMENTS, SIGNING)
    with house(folder, sections=sections, migrations=sets, has_pages=True) as one:
        one.server.register("bob")
        desk, root = Desk(one.person("carol")), folder / "authority" / "root.pem"
        yield Town(one, desk, key.read_text().strip(), root)


@attrs.frozen
class Applicant:
    """Alice with the bank and with the office."""

    bank: Client
    chat: Room

    def apply(self) -> tuple[str, Room, Message]:
        """Ask for an extract: number and room of the case, and the question of the bank."""
        self.chat.say("menu")
        self.chat.choose(self.chat.expect("What do you need?"), "land-register-extract")
        self.chat.choose(self.chat.expect("It takes at most"), "start")
        self.chat.expect("1 of 2")
        self.chat.say("12/7")
        self.chat.choose(self.chat.expect("2 of 2"), "owner")
        self.chat.expect("Please check your answers")
        self.chat.say("submit")
        number = case_number(self.chat.expect("The number of your case is"))
        [room] = self.bank.person.accept_invites()
        case = Room(self.bank.person, room)
        case.expect("To pay: 12.00 EUR until")
        return number, case, self.bank.expect("Do not pay", "Town of Lindenau")


@pytest.fixture(scope="module")
def alice(town: Town) -> Applicant:
    person = town.house.person("alice")
    client = Client.sign_in(town.house, person, BOT)
    client.allow_codes(5_000)
    chat = Room(person, person.create_dm(OFFICE))
    chat.choose(chat.expect("Which language do you prefer?"), "en")
    return Applicant(client, chat)


def test_the_fee_is_paid_by_a_code_and_the_case_goes_on_by_itself(
    town: Town, alice: Applicant, tmp_path: Path
) -> None:
    number, case, question = alice.apply()
    alice.bank.person.reply(alice.bank.room, question.event_id, code_in(question))
    case.expect("12.00 EUR are paid, thank you.")
    thread = town.desk.claimed(number)
    thread.choose(thread.expect("What is decided?"), "approve")
    document = case.expect("Valid until")

    case.expect("done. Nothing more is needed.")
    case.expect_states("paying", "submitted", "in_review", "decided_yes", "served")
    alice.bank.has("988.00 EUR")
    check_seal(town, alice.bank.person.download(document.content), tmp_path / "extract.pdf")


def check_seal(town: Town, pdf: bytes, path: Path) -> None:
    """The extract has the town's seal, as anybody finds who has the root."""
    path.write_bytes(pdf)
    root = x509.load_pem_x509_certificate(town.root.read_bytes())
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- the stamp has the machine's time
    report = judge(pdf, Trusted([root], now))

    assert report.verdict is Verdict.SEALED
    assert [(one.name, one.level) for one in report.signers] == [("Town of Lindenau", Level.SEAL)]
    assert main(["verify", str(path), "--root", str(town.root), "--online"]) == 0


@pytest.mark.long
def test_who_is_refused_gets_the_fee_back(town: Town, alice: Applicant) -> None:
    paid_before, back_before = moved(town)
    number, case, question = alice.apply()
    alice.bank.person.reply(alice.bank.room, question.event_id, code_in(question))
    case.expect("12.00 EUR are paid, thank you.")
    thread = town.desk.claimed(number)
    thread.choose(thread.expect("What is decided?"), "refuse")
    thread.choose(thread.expect("1 of 3"), "no_interest")
    thread.expect("2 of 3")
    thread.say("skip")
    thread.expect("3 of 3")
    thread.say("The parcel is not yours.")
    thread.expect("Please check")
    thread.say("submit")

    case.expect("You get them back without doing anything.")
    case.expect("You have 12.00 EUR back")
    alice.bank.expect("You got money back", "12.00 EUR")
    paid, back = moved(town)
    assert (paid - paid_before, back - back_before) == (1_200, 1_200)


def moved(town: Town) -> tuple[int, int]:
    """What was paid as a fee of 12 EUR so far, and what of that went back, in minor units."""
    [(paid, back)] = town.house.query(
        "SELECT coalesce(sum(amount) FILTER (WHERE refund_of IS NULL), 0),"
        " coalesce(sum(amount) FILTER (WHERE refund_of IS NOT NULL), 0)"
        " FROM ledger.transfer WHERE amount = 1200"
    )
    return int(str(paid)), int(str(back))


def invoice(town: Town, minor: int = 500, **more: Any) -> dict[str, Any]:
    """What the town asks of Bob."""
    [(now_ms,)] = town.house.query("SELECT (extract(epoch FROM now()) * 1000)::bigint")
    assert isinstance(now_ms, int)
    amount = {"minor": minor, "currency": "EUR"}
    return {
        "addressee": f"@bob:{demo.SERVER_NAME}",
        "title": "Parking fine",
        "lines": [{"text": "Parking", "amount": amount}],
        "due_at_ms": now_ms + 86_400_000,
        "act": {"ground": GROUND},
        **more,
    }


def test_the_same_request_makes_one_invoice_and_another_under_its_key_is_refused(
    town: Town,
) -> None:
    body = invoice(town, ours="fine-1")
    first = town.call("POST", "/invoices", body, idempotency_key="once")
    again = town.call("POST", "/invoices", body, idempotency_key="once")
    other = town.call("POST", "/invoices", {**body, "title": "Other"}, idempotency_key="once")

    assert (first.status, again) == (201, first)
    assert (first.body["state"], first.body["ours"]) == ("issued", "fine-1")
    assert first.body["reference"].startswith("RF")
    assert (other.status, other.body["errcode"]) == (409, "ORG.VECHE.KEY_REUSED")
    assert town.call("GET", f"/invoices/{first.body['id']}").body == first.body
    rows = town.house.query("SELECT id FROM payments.invoice WHERE id = %s", first.body["id"])
    assert len(rows) == 1


def test_what_no_invoice_can_be_is_refused_by_name(town: Town) -> None:
    dollars = [{"text": "Fine", "amount": {"minor": 1, "currency": "USD"}}]
    for more, field in (
        ({"lines": []}, "body.lines"),
        ({"lines": dollars}, "body.lines"),
        ({"lines": [*invoice(town)["lines"], *dollars]}, "body"),
        ({"due_at_ms": 1}, "body.due_at_ms"),
        ({"due_at_ms": 1 << 52}, "body.due_at_ms"),
        ({"addressee": "@bob:elsewhere.example"}, "body.addressee"),
        ({"addressee": BOT}, "body.addressee"),
        ({"notice_id": "x" * 36}, "body.notice_id"),
    ):
        answer = town.call("POST", "/invoices", invoice(town) | more)
        assert (answer.status, answer.body["errcode"]) == (400, "ORG.VECHE.MALFORMED"), more
        assert answer.body["error"].startswith(field), more
    assert town.call("POST", "/invoices", invoice(town, 0)).status == 400
    assert town.call("POST", "/invoices", invoice(town), idempotency_key="").status == 400


def test_a_notice_is_asked_for_once(town: Town) -> None:
    first = town.call("POST", "/invoices", invoice(town, notice_id="UIN 7"))
    second = town.call("POST", "/invoices", invoice(town, notice_id="UIN 7"))

    assert (first.status, second.status) == (201, 409)
    assert "notice_id" in second.body["error"]


def test_an_invoice_is_taken_back_once_and_the_town_hears_of_it(town: Town) -> None:
    made = town.call("POST", "/invoices", invoice(town, ours="back")).body
    path, body = f"/invoices/{made['id']}/withdraw", {"reason": "A mistake."}
    states = [town.call("POST", path, body).body["state"] for _ in range(2)]

    assert states == ["withdrawn", "withdrawn"]
    seen: list[dict[str, Any]] = []
    while not any(one["ours"] == "back" for one in seen):
        cursor = seen[-1]["n"] if seen else 0
        seen += town.call("GET", f"/events?after={cursor}&wait=1").body["events"]
    assert [one["n"] for one in seen] == list(range(1, len(seen) + 1))
    assert [one["type"] for one in seen if one["ours"] == "back"] == ["invoice.withdrawn"]


def test_only_the_key_of_an_organisation_opens_and_only_its_own_invoices(town: Town) -> None:
    stranger = attrs.evolve(town, key="wrong")
    made = town.call("POST", "/invoices", invoice(town)).body

    for method, path, body in (
        ("POST", "/invoices", invoice(town)),
        ("GET", f"/invoices/{made['id']}", None),
        ("POST", f"/invoices/{made['id']}/withdraw", {"reason": "No."}),
        ("GET", "/events", None),
    ):
        answer = stranger.call(method, path, body)
        assert (answer.status, answer.body["errcode"]) == (401, "ORG.VECHE.SIGN_IN")
    assert town.call("GET", "/invoices/01J00000000000000000000000").status == 404
