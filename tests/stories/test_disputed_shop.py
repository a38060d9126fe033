"""A shop in a dispute: its clerk is asked and in the room, its program sends and gets evidence."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.stories.bank import Bank, Client, in_bank
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

PROGRAM: Final = "/_veche/payments/v1"
WALLET: Final = "/_veche/wallet/v1"
PDF: Final = b"%PDF-1.7\n" + bytes(100)
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(100)
KEY: Final = secrets.token_urlsafe(32)
FILE: Final = "application/octet-stream"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    folder = tmp_path_factory.mktemp("shop")
    path = folder / "bakery_key"
    path.write_text(KEY)
    path.chmod(0o600)
    shop = {
        "id": "bakery",
        "name": {"en": "Lindenau Bakery"},
        "is_paid_by_name": True,
        "keys": [{"path": str(path), "scopes": ["read", "refund"]}],
        "clerks": [f"@bob:{demo.SERVER_NAME}"],
    }
    desk = [f"@clerk:{demo.SERVER_NAME}"]
    (folder / "bank").mkdir()
    with in_bank(folder / "bank", {"organisations": [shop], "dispute_desk": desk}) as one:
        yield one
        one.balances_to_nothing()


@pytest.fixture(scope="module")
def persons(bank: Bank) -> list[Client]:
    """Alice, who buys; Bob, who speaks for the bakery; a clerk of the institution."""
    clients = [bank.client(name) for name in ("alice", "bob", "clerk")]
    for one in clients:
        one.enrol()
    return clients


def call(
    bank: Bank, token: str, method: str, path: str, data: bytes | None = None, kind: str = FILE
) -> tuple[int, bytes]:
    """Status and body of a request with bytes; a token is a key, or that of a session."""
    url = bank.house.pages_url + path
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    asked = Request(url, data=data, method=method, headers=headers)  # noqa: S310 -- ours
    try:
        with urlopen(asked, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read()
    except HTTPError as e:
        with e:
            return e.code, e.read()


def read(bank: Bank, token: str, path: str) -> Any:
    status, answer = call(bank, token, "GET", path)
    assert status == 200, answer
    return json.loads(answer)


def posted(bank: Bank, client: Client, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """What the page of a person's wallet sends, and is answered."""
    data = json.dumps(body).encode()
    status, answer = call(bank, client.session, "POST", WALLET + path, data, "application/json")
    return status, json.loads(answer)


@pytest.mark.long
def test_a_shop_and_a_buyer_settle_a_dispute(bank: Bank, persons: list[Client]) -> None:
    alice, bob, clerk = persons
    question = alice.ask("pay 20 EUR to Lindenau Bakery for bread")
    assert alice.approve(question, alice.keys[0]).status == 200
    alice.expect("Paid", "bread")
    [(payment,)] = bank.rows("SELECT id FROM payments.payment WHERE kind = 'invoice'")

    # An amount in another currency disputes nothing, in the chat as on the page.
    number = str(payment)[-8:]
    alice.say(f"dispute {number} 3 USD stale")
    alice.expect("An amount is written with the currency of the payment, EUR")
    assert bank.rows("SELECT FROM payments.dispute") == []
    status, refused = posted(
        bank, alice, f"/payments/{payment}/dispute", {"amount": "3 USD", "reason": "stale"}
    )
    assert (status, refused["field"]) == (409, "amount")

    # Alice disputes a part on the page; her key approves the question that stands in her chat.
    terms = read(bank, alice.session, f"{WALLET}/payments/{payment}/dispute")
    assert (terms["left"]["minor"], terms["refusal"]) == (2_000, None)
    wanted = {"amount": "5", "currency": "EUR", "reason": "one of four was stale"}
    status, answer = posted(bank, alice, f"/payments/{payment}/dispute", wanted)
    assert (status, answer["disputes"][0]["state"]) == (200, "asked")
    question = alice.expect("Do not dispute it", "5.00 EUR")
    assert answer["disputes"][0]["asks"][0]["asked"]["shown"]["text"].endswith("stale")
    assert alice.approve(question, alice.keys[0]).status == 200

    # All who take part are in one room: the bakery by Bob.
    question = bob.expect("This amount of yours is set aside", "Do not give it back")
    [room] = {room for one in persons for room in one.person.accept_invites()}

    # The program sees it, sends a file, and has what Alice sent on her page.
    [seen] = read(bank, KEY, f"{PROGRAM}/disputes")["disputes"]
    assert (seen["payment"], seen["state"], seen["held"]["minor"]) == (payment, "open", 500)
    place = f"{PROGRAM}/payments/{payment}/dispute/evidence"
    query = urlencode({"name": "delivery.pdf", "mimetype": "application/pdf"})
    assert call(bank, KEY, "PUT", f"{place}?{query}", PDF)[0] == 200
    assert call(bank, KEY, "PUT", f"{place}?{query}", PDF)[0] == 200
    assert call(bank, KEY, "PUT", f"{place}?{query}", b"<html>")[0] == 400
    digest = hashlib.sha256(PDF).hexdigest()
    alice.person.wait_for(room, lambda one: "sent evidence" in one.body and digest in one.body)
    dispute = answer["disputes"][0]["id"]
    query = urlencode({"name": "bread.png", "mimetype": "image/png"})
    mine = f"{WALLET}/disputes/{dispute}/evidence"
    assert call(bank, alice.session, "POST", f"{mine}?{query}", PNG)[0] == 200
    assert call(bank, KEY, "GET", f"{place}/2") == (200, PNG)
    for token, where in ((alice.session, mine), (bob.session, mine)):
        assert call(bank, token, "GET", f"{where}/1") == (200, PDF)
    assert call(bank, clerk.session, "GET", f"{mine}/3")[0] == 404
    assert [one["type"] for one in read(bank, KEY, f"{PROGRAM}/events")["events"]][-2:] == [
        "dispute.open",
        "dispute.evidence",
    ]

    # Nothing of the files is in the database in clear, and the homeserver has them encrypted.
    dump = bank.rows("SELECT encode(sealed, 'escape') FROM payments.dispute_file")
    assert len(dump) == 2
    assert all("bread" not in str(one) and "delivery" not in str(one) for one in dump)

    # Bob gives it back with his key, in the bakery's name.
    assert bob.approve(question, bob.keys[0]).status == 200
    alice.expect("You got money back", "5.00 EUR")
    assert read(bank, KEY, f"{PROGRAM}/payments/{payment}/dispute")["ended_by"] == "agreed"
    [ended] = read(bank, bob.session, f"{WALLET}/disputes")["disputes"]
    assert (ended["state"], ended["side"], ended["is_own"]) == ("closed", "payee", False)
