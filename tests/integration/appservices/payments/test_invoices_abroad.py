"""Invoices of organisations of one institution to people of the other: real databases, ledgers."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import hash_of
from appservices.payments.interbank.service.invoices import Tell
from appservices.payments.interbank.service.questions import PeerDesk, cause_of
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service.news import TELL as TELL_INVOICE
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.merchants.service import invoices as organisations
from appservices.payments.merchants.service import invoicing
from appservices.payments.proofs.core.receipts import verify_receipt
from appservices.payments.refunds.api import RefundBody
from appservices.payments.refunds.service import refunds as api_refunds
from tests.integration.appservices.payments.peers_rig import (
    ALICE,
    BOB,
    HERE,
    MONEY,
    THERE,
    Branch,
    drop,
    exchange,
    two,
)
from tests.support.postgres import execute
from veche.api.bearer import OrganisationCaller
from veche.contracts.payments.invoice_api import InvoiceBody
from veche.protocol.errors import MalformedError
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres

SHOP: Final = OrganisationCaller("bakery", "Bakery", frozenset({"invoice", "refund", "read"}))
DAY_MS: Final = 86_400_000
PAIR = tuple[Branch, Branch]
_numbers: Final = itertools.count(1)


@pytest.fixture
def pair() -> Iterator[PAIR]:
    """The institution of Alice, and that of the bakery."""
    with two() as (here, there):
        yield here, there
        assert here.compared(there) == (0, 0)
        assert there.compared(here) == (0, 0)
        assert here.faults() == there.faults() == []


def made(there: Branch, minor: int = 1_250, **more: Any) -> str:
    """The bakery makes an invoice for Alice; its id."""
    there.now_ms += 1
    body = {
        "addressee": ALICE,
        "title": "Bread",
        "lines": [{"text": "Bread", "amount": {"minor": minor, "currency": "EUR"}}],
        "due_at_ms": there.now_ms + DAY_MS,
        "ours": "order-7",
        **more,
    }
    with there.scene() as scene:
        view = organisations.make_invoice(scene, SHOP, parse(InvoiceBody, body), frozenset())
    return str(view.id)


def told(here: Branch, there: Branch, *, is_here: bool = True, is_done: bool = True) -> list[str]:
    """Whatever ``there`` has to tell of invoices is told; what is answered."""
    rows = there.rows(
        "SELECT errand_id, payload FROM runtime.errand WHERE kind = %s ORDER BY due_at_ms,"
        " errand_id",
        TELL_INVOICE,
    )
    states = []
    for job_id, payload in rows:
        job: Any = SimpleNamespace(id=job_id, payload=payload)
        tell = Tell(there.staged)
        with there.scene() as scene:
            read = tell._read(scene.txn, job)
        result: dict[str, Any] = {}
        if read is not None:
            answer = asked(here, there, str(dict(payload)["kind"]), read[1], is_here=is_here)
            states.append(str(answer["state"]))
            result = {"answer": answer}
        if is_done and states[-1:] != ["busy"]:
            drop(there, job_id)
            with there.scene() as scene:
                tell.finish(scene.txn, job, result, there.now_ms)
    return states


def asked(
    here: Branch, there: Branch, kind: str, more: dict[str, Any], *, is_here: bool = True
) -> dict[str, Any]:
    """``there`` asks ``here`` about an invoice; the signed answer."""
    message = there.signed(kind, **more)
    desk = PeerDesk(here.parts)
    peer, question = desk.read(message)
    with here.scene() as scene:
        said = desk.take_invoice(scene, peer, question, is_here)
    return desk.signed(peer, said, hash_of(message))


def state(branch: Branch, invoice_id: str) -> str:
    """Where an invoice has got to, by one of the two."""
    [(found,)] = branch.rows("SELECT state FROM payments.invoice WHERE id = %s", invoice_id)
    return str(found)


def payment_of(here: Branch) -> str:
    """The newest payment of an invoice here."""
    rows = here.rows("SELECT id FROM payments.payment WHERE kind = 'invoice' ORDER BY id DESC")
    return str(rows[0][0])


def shop_has(there: Branch) -> int:
    """What the bakery can pay with."""
    with there.scene() as scene:
        rows = holders.balances(scene.txn, scene.organisation("bakery").id, 2)
    return sum(row.available_minor for row in rows)


def heard(there: Branch) -> list[str]:
    """What the bakery heard, in order."""
    return [str(one) for (one,) in there.rows("SELECT type FROM payments.event ORDER BY n")]


def paid(here: Branch, there: Branch, minor: int = 1_250, **more: Any) -> str:
    """An invoice that Alice has paid."""
    invoice_id = made(there, minor, **more)
    assert told(here, there) == ["known"]
    here.answer(ALICE, "pay")
    here.write()
    exchange(here, there)
    assert (state(here, invoice_id), state(there, invoice_id)) == ("paid", "paid")
    return invoice_id


def give_back(there: Branch, invoice_id: str, minor: int) -> str:
    body = {"amount": {"minor": minor, "currency": "EUR"}, "reason": "stale"}
    there.now_ms += 1
    with there.scene() as scene:
        view = api_refunds.refund(scene, SHOP, invoice_id, parse(RefundBody, body), b"s" * 32)
    there.write()
    return str(view.id)


def test_an_invoice_above_the_limit_is_shown_and_not_offered_to_be_paid() -> None:
    with two() as (here, there):
        here.limit(we_owe_max={"EUR": "12.49"})
        made(there)
        assert told(here, there) == ["known"]

        words = here.told(ALICE)[-1]
        assert "Bread" in words
        assert "can pay theirs 12.49 EUR at most for now" in words
        assert here.rows("SELECT 1 FROM payments.payment WHERE kind = 'invoice'") == []


def test_alice_pays_an_invoice_of_the_other_institution(pair: PAIR) -> None:
    here, there = pair
    invoice_id = made(there)
    assert told(here, there) == ["known"]
    [words] = [one for one in here.told(ALICE) if "Bread" in one]
    assert "bakery:there.test" in words
    here.answer(ALICE, "pay")
    here.write()
    assert state(here, invoice_id) == "paying"
    exchange(here, there)

    assert (state(here, invoice_id), state(there, invoice_id)) == ("paid", "paid")
    assert here.balance(ALICE) == (MONEY - 1_250, 0)
    assert shop_has(there) == 1_250
    assert heard(there) == ["invoice.paid"]
    payment_id = payment_of(here)
    for branch in pair:
        receipt = branch.receipt(payment_id)
        [peer] = (there if branch is here else here).parts.section.peers
        verified = verify_receipt(receipt, peer.verifiers()).receipt
        assert verified.between is not None
        assert (verified.between.payer, verified.between.payee) == (HERE, THERE)
    # That it is paid is told too, and changes nothing.
    assert told(here, there) == ["known"]
    assert state(here, invoice_id) == "paid"


def test_nobody_pays_it_twice(pair: PAIR) -> None:
    here, there = pair
    invoice_id = paid(here, there)
    fresh = packet(here, invoice_id)

    answer = there.take(here.signed("prepare", **fresh))
    assert (answer["state"], answer["code"]) == ("refused", "invoice_paid")
    # Here it cannot even begin: the copy is paid.
    payment: Any = SimpleNamespace(id=payment_of(here), invoice=(invoice_id, 1))
    with here.scene() as scene:
        assert invoices.begin_paying(scene, payment) is not None


def packet(here: Branch, invoice_id: str, minor: int = 1_250, version: int = 1) -> dict[str, Any]:
    with here.scene() as scene:
        id_ = scene.sender.fresh_ulid(f"packet {next(_numbers)}")
    return {
        "packet": {
            "id": id_,
            "amount": {"minor": minor, "currency": "EUR"},
            "payer": {"address": ALICE, "name": "Alice"},
            "payee": {"address": f"bakery:{THERE}", "name": "Bakery"},
            "reference": "Bread",
            "invoice": {"id": invoice_id, "version": version},
        },
        "expires_at_ms": here.now_ms + 60_000,
    }


def test_a_packet_pays_exactly_an_invoice_that_is_there(pair: PAIR) -> None:
    here, there = pair
    invoice_id = made(there)
    with there.scene() as scene:
        other = scene.sender.fresh_ulid("nothing")
    of_bob = made(there, addressee=BOB)
    for wrong, why in (
        (packet(here, invoice_id, minor=1_249), "invoice_other"),
        (packet(here, invoice_id, version=2), "invoice_over"),
        (packet(here, other), "invoice_over"),
        (packet(here, of_bob), "invoice_other"),
    ):
        answer = there.take(here.signed("prepare", **wrong))
        assert (answer["state"], answer["code"]) == ("refused", why)
    # Without an invoice an organisation is paid nothing from elsewhere.
    plain = packet(here, invoice_id)
    del plain["packet"]["invoice"]
    assert there.take(here.signed("prepare", **plain), is_here=False)["state"] == "refused"
    assert state(there, invoice_id) == "issued"
    told(here, there)


def test_each_question_of_an_invoice_is_a_cause_of_its_own(pair: PAIR) -> None:
    here, there = pair
    desk = PeerDesk(here.parts)
    causes = set()
    for _ in range(2):
        invoice_id = made(there)
        over = {"id": invoice_id, "version": 1}
        for kind, more in (("invoice_over", {"over": over}), ("invoice", _card(there))):
            _, question = desk.read(there.signed(kind, **more))
            causes.add(cause_of(question))
        told(here, there)
    # Else what is said of the second would be taken for what was said of the first.
    assert len(causes) == 4


def _card(there: Branch) -> dict[str, Any]:
    """What is told of the newest invoice."""
    [(payload,)] = there.rows(
        "SELECT payload FROM runtime.errand WHERE kind = %s ORDER BY due_at_ms DESC LIMIT 1",
        TELL_INVOICE,
    )
    job: Any = SimpleNamespace(id="x", payload=payload)
    with there.scene() as scene:
        read = Tell(there.staged)._read(scene.txn, job)
    assert read is not None
    return read[1]


def test_of_two_packets_for_one_invoice_one_is_taken_and_let_go_by_a_cancel(pair: PAIR) -> None:
    here, there = pair
    invoice_id = made(there)
    first, second = packet(here, invoice_id), packet(here, invoice_id)
    there.take(here.signed("prepare", **first))
    there.write()
    assert there.take(here.signed("prepare", **first))["state"] == "ready"
    assert there.take(here.signed("prepare", **second))["code"] == "invoice_paid"
    assert state(there, invoice_id) == "paying"

    there.take(here.signed("cancel", id=first["packet"]["id"]))
    there.write()
    assert state(there, invoice_id) == "issued"
    # So Alice can pay it as if nothing had been.
    assert told(here, there) == ["known"]
    here.answer(ALICE, "pay")
    here.write()
    exchange(here, there)
    assert state(there, invoice_id) == "paid"


def test_what_is_given_back_reaches_the_payer_up_to_all_of_it(pair: PAIR) -> None:
    here, there = pair
    invoice_id = paid(here, there)
    give_back(there, invoice_id, 250)
    exchange(there, here)
    assert here.balance(ALICE) == (MONEY - 1_000, 0)
    assert any("You got money back" in words for words in here.told(ALICE))
    assert shop_has(there) == 1_000
    assert heard(there) == ["invoice.paid", "invoice.refunded"]

    with pytest.raises(api_refunds.RefundTooHighError):
        give_back(there, invoice_id, 1_001)
    give_back(there, invoice_id, 1_000)
    exchange(there, here)
    assert here.balance(ALICE) == (MONEY, 0)
    assert shop_has(there) == 0


def test_a_refund_that_the_other_does_not_take_stays_with_the_organisation(pair: PAIR) -> None:
    here, there = pair
    invoice_id = paid(here, there)
    here.limit(is_open=False)
    give_back(there, invoice_id, 250)
    exchange(there, here)

    assert shop_has(there) == 1_250
    assert heard(there)[-1] == "invoice.refund_refused"
    here.limit(is_open=True)


def test_an_invoice_that_is_taken_back_is_asked_about_no_more(pair: PAIR) -> None:
    here, there = pair
    invoice_id = made(there)
    told(here, there)
    question = here.heard.asked[ALICE]
    with there.scene() as scene:
        organisations.withdraw_invoice(scene, SHOP, invoice_id, "sold out")
    assert told(here, there) == ["known"]

    assert (state(here, invoice_id), state(there, invoice_id)) == ("withdrawn", "withdrawn")
    assert ALICE not in here.heard.asked
    assert any("sold out" in words for words in here.told(ALICE))
    here.heard.asked[ALICE] = question
    here.answer(ALICE, "pay")
    here.write()
    assert here.balance(ALICE) == (MONEY, 0)


def test_one_that_was_paid_goes_back_by_itself_when_it_is_taken_back(pair: PAIR) -> None:
    here, there = pair
    invoice_id = paid(here, there)
    with there.scene() as scene:
        organisations.withdraw_invoice(scene, SHOP, invoice_id, "a mistake")
    there.write()
    exchange(there, here)
    told(here, there)

    assert state(there, invoice_id) == "withdrawn"
    assert here.balance(ALICE) == (MONEY, 0)
    assert shop_has(there) == 0


def test_taken_back_while_it_is_being_paid_it_is_not_paid(pair: PAIR) -> None:
    here, there = pair
    invoice_id = made(there)
    told(here, there)
    here.answer(ALICE, "pay")
    here.write()
    with there.scene() as scene:
        organisations.withdraw_invoice(scene, SHOP, invoice_id, "sold out")
    # Nobody says that it is over while its payment is on its way; the payment hears it first.
    assert told(here, there, is_done=False) == ["busy"]
    exchange(here, there)
    assert here.state(payment_of(here)) == "refused"
    assert any("cannot be paid any more" in words for words in here.told(ALICE))
    assert told(here, there) == ["known"]

    assert state(here, invoice_id) == "withdrawn"
    assert here.balance(ALICE) == (MONEY, 0)


def test_when_its_time_is_over_it_is_over_at_both(pair: PAIR) -> None:
    here, there = pair
    invoice_id = made(there)
    told(here, there)
    late = packet(here, invoice_id)
    for branch in pair:
        branch.now_ms += DAY_MS + 1_000
        with branch.scene() as scene:
            invoices.expire(scene, invoice_id, 1)
        assert state(branch, invoice_id) == "expired"
    late["expires_at_ms"] = here.now_ms + 60_000

    assert there.take(here.signed("prepare", **late))["code"] == "invoice_over"


def test_a_newer_version_takes_the_place_of_the_older(pair: PAIR) -> None:
    here, there = pair
    invoice_id = made(there)
    told(here, there)
    with there.scene() as scene:
        file = invoice_store.lock_invoice(scene.txn, invoice_id)
        assert file is not None
        order = invoices.order_of(scene, file)
        newer = order.model_copy(update={"card": order.card.model_copy(update={"version": 2})})
        invoicing.issue(scene, newer)
    told(here, there)

    rows = here.rows(
        "SELECT version, state FROM payments.invoice WHERE id = %s ORDER BY version", invoice_id
    )
    assert rows == [(1, "replaced"), (2, "issued")]
    here.answer(ALICE, "pay")
    here.write()
    exchange(here, there)
    assert shop_has(there) == 1_250


@pytest.mark.parametrize("why", ["nobody", "closed", "currency"])
def test_what_the_other_does_not_take_is_over_and_its_issuer_hears(pair: PAIR, why: str) -> None:
    here, there = pair
    if why == "closed":
        here.limit(is_open=False)
    if why == "currency":
        here.limit(we_owe_max={})
    invoice_id = made(there)
    assert told(here, there, is_here=why != "nobody") == ["refused"]

    assert state(there, invoice_id) == "withdrawn"
    assert heard(there) == ["invoice.withdrawn"]
    assert here.told(ALICE) == []
    here.limit(is_open=True, we_owe_max=None)


def test_the_same_comes_twice_and_another_under_its_id_is_refused(pair: PAIR) -> None:
    here, there = pair
    made(there)
    assert told(here, there, is_done=False) == ["known"]
    said = len(here.told(ALICE))
    assert told(here, there, is_done=False) == ["known"]
    assert len(here.told(ALICE)) == said
    [(payload,)] = there.rows("SELECT payload FROM runtime.errand WHERE kind = %s", TELL_INVOICE)
    job: Any = SimpleNamespace(id="x", payload=payload)
    with there.scene() as scene:
        read = Tell(there.staged)._read(scene.txn, job)
    assert read is not None
    card = {**read[1]["invoice"]["card"], "title": "Cake"}
    answer = asked(here, there, "invoice", {"invoice": {"addressee": ALICE, "card": card}})

    assert (answer["state"], answer["code"]) == ("refused", "different_content")
    told(here, there)


def test_who_froze_everything_pays_no_invoice_and_is_not_asked(pair: PAIR) -> None:
    here, there = pair
    with here.scene() as scene:
        holders.set_frozen(scene.txn, scene.holder(ALICE).id, here.now_ms)
    invoice_id = made(there)
    told(here, there)

    assert state(there, invoice_id) == "withdrawn"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"confirm": True}, "confirm"),
        ({"tips": [{"minor": 20}]}, "tips"),
        ({"quote": "delivery"}, "quote"),
        ({"addressee": "@eve:elsewhere.test"}, "addressee"),
    ],
)
def test_what_cannot_be_asked_of_them_is_refused_by_name(
    pair: PAIR, more: dict[str, Any], field: str
) -> None:
    _, there = pair
    with pytest.raises(MalformedError, match=field):
        made(there, **more)


def test_the_database_lets_nobody_take_an_invoice_but_a_payment_or_a_packet(pair: PAIR) -> None:
    _, there = pair
    invoice_id = made(there)
    with pytest.raises(Exception, match="no payment or packet"):
        execute(
            there.dsn,
            "UPDATE payments.invoice SET state = 'paying', paid_by = 'x' WHERE id = %s",
            invoice_id,
        )
