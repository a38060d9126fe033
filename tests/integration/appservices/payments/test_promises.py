"""What the database refuses of payments, whatever the service does."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import attrs
import psycopg2
import psycopg2.errors
import pytest

from appservices.payments.conversation import store as chats
from appservices.payments.holders import store as holders
from appservices.payments.invoices.core.invoice import Invoice, InvoiceState
from appservices.payments.invoices.store import invoices
from appservices.payments.ledger.core import Transfer
from appservices.payments.ledger.store import attempts
from appservices.payments.mandates import store as mandates
from appservices.payments.mandates.core.mandate import MandateState, Terms
from appservices.payments.mandates.store import Mandate
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.store import payments as store
from tests.support.postgres import database
from veche.protocol.ids import RoomId, UserId, derived_ulid
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

NOW_MS: Final = 1_764_000_000_000
_numbers: Final = itertools.count()


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with database(*KERNEL_SETS, MigrationSet("payments", "appservices.payments")) as one:
        yield one


@pytest.fixture
def txn(dsn: str) -> Iterator[Cursor]:
    """A transaction that leaves nothing behind."""
    connection = connect(dsn)
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def fresh_id() -> str:
    return derived_ulid(NOW_MS, "test", next(_numbers))


def holder(txn: Cursor, name: str, kind: str = holders.PERSON) -> int:
    return holders.keep_holder(txn, name.encode().ljust(32), b"sealed", kind, NOW_MS).id


def payment(txn: Cursor, state: State = State.ASKED) -> Payment:
    return Payment(
        id=fresh_id(),
        kind=Kind.PAY,
        state=state,
        payer=holder(txn, "alice"),
        payee=holder(txn, "bob"),
        ledger=holders.keep_currencies(txn, ["EUR"])["EUR"],
        amount_minor=100,
        fee_minor=1,
        asked_at_ms=NOW_MS,
        due_at_ms=NOW_MS + 1,
    )


def invoice(txn: Cursor, version: int = 1, notice_id: str | None = "F 1") -> Invoice:
    return Invoice(
        id=derived_ulid(NOW_MS, "invoice"),
        version=version,
        payee=holder(txn, "town", holders.ORGANISATION),
        addressee=holder(txn, "alice"),
        notice_id=notice_id,
        ledger=holders.keep_currencies(txn, ["EUR"])["EUR"],
        amount_minor=100,
        due_at_ms=NOW_MS + 1,
        state=InvoiceState.ISSUED,
    )


def mandate(txn: Cursor) -> Mandate:
    terms = Terms(
        each_max_minor=1_000,
        period="month",
        period_max_minor=2_500,
        starts_at_ms=NOW_MS,
        ends_at_ms=NOW_MS + 10**10,
        count_max=3,
    )
    return Mandate(
        id=fresh_id(),
        payer=holder(txn, "alice"),
        payee=holder(txn, "town", holders.ORGANISATION),
        ledger=holders.keep_currencies(txn, ["EUR"])["EUR"],
        state=MandateState.ACTIVE,
        count=0,
        sealed=b"sealed",
        approved_by="nonce",
        terms=terms,
    )


@pytest.mark.parametrize("state", [State.COOLING, State.PAYING, State.PAID])
def test_nothing_moves_without_authority(txn: Cursor, state: State) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match="authority"):
        store.add_payment(txn, payment(txn, state), b"sealed", NOW_MS)


def test_an_approval_is_good_for_one_payment(txn: Cursor) -> None:
    first, second = payment(txn), payment(txn)
    for one in (first, second):
        assert store.add_payment(txn, one, b"sealed", NOW_MS)
    store.save_payment(txn, attrs.evolve(first, state=State.PAYING, approved_by="x"), NOW_MS)

    with pytest.raises(psycopg2.errors.UniqueViolation, match="approved_by"):
        store.save_payment(txn, attrs.evolve(second, state=State.PAYING, approved_by="x"), NOW_MS)


def test_the_same_cause_makes_one_payment(txn: Cursor) -> None:
    one = payment(txn)

    assert store.add_payment(txn, one, b"sealed", NOW_MS)
    assert not store.add_payment(txn, attrs.evolve(one, amount_minor=7), b"other", NOW_MS)
    kept = store.lock_payment(txn, one.id)
    assert kept is not None
    assert (kept.payment, kept.sealed, kept.changed_at_ms) == (one, b"sealed", NOW_MS)


@pytest.mark.parametrize(
    "wrong", [{"amount_minor": 0}, {"amount_minor": -1}, {"fee_minor": -1}, {"kind": Kind.REFUND}]
)
def test_a_payment_that_makes_no_sense_is_refused(txn: Cursor, wrong: dict[str, object]) -> None:
    one = attrs.evolve(payment(txn), **wrong)  # type: ignore[arg-type]  # on purpose

    with pytest.raises(psycopg2.errors.CheckViolation):
        store.add_payment(txn, one, b"sealed", NOW_MS)


def test_nobody_pays_themselves(txn: Cursor) -> None:
    one = payment(txn)

    with pytest.raises(psycopg2.errors.CheckViolation):
        store.add_payment(txn, attrs.evolve(one, payee=one.payer), b"sealed", NOW_MS)


def test_an_invoice_has_one_live_version(txn: Cursor) -> None:
    assert invoices.add_invoice(txn, invoice(txn), b"s" * 32, b"sealed", NOW_MS)
    assert not invoices.add_invoice(txn, invoice(txn, 2), b"s" * 32, b"sealed", NOW_MS)

    first = invoices.lock_invoice(txn, invoice(txn).id)
    assert first is not None
    replaced = attrs.evolve(first.invoice, state=InvoiceState.REPLACED)
    invoices.save_invoice(txn, replaced, NOW_MS)
    assert invoices.add_invoice(txn, invoice(txn, 2), b"s" * 32, b"sealed", NOW_MS)
    newest = invoices.lock_invoice(txn, invoice(txn).id)
    assert newest is not None
    assert (newest.invoice.version, newest.invoice.state) == (2, InvoiceState.ISSUED)


def test_the_number_of_a_notice_is_asked_for_once(txn: Cursor) -> None:
    first, second = invoice(txn), attrs.evolve(invoice(txn), id=fresh_id())

    assert invoices.add_invoice(txn, first, b"s" * 32, b"sealed", NOW_MS)
    assert not invoices.add_invoice(txn, second, b"s" * 32, b"sealed", NOW_MS)
    without = attrs.evolve(second, notice_id=None)
    assert invoices.add_invoice(txn, without, b"s" * 32, b"sealed", NOW_MS)


def test_a_paid_invoice_names_its_payment_and_no_other_has_it(txn: Cursor) -> None:
    one, other = invoice(txn), attrs.evolve(invoice(txn), id=fresh_id(), notice_id="F 2")
    for each in (one, other):
        invoices.add_invoice(txn, each, b"s" * 32, b"sealed", NOW_MS)
    paid = payment(txn)
    store.add_payment(txn, paid, b"sealed", NOW_MS)
    first, second = (
        attrs.evolve(each, state=InvoiceState.PAYING, paid_by=paid.id) for each in (one, other)
    )
    invoices.save_invoice(txn, first, NOW_MS)

    with pytest.raises(psycopg2.errors.UniqueViolation, match="paid_by"):
        invoices.save_invoice(txn, second, NOW_MS)


def test_an_invoice_is_not_paid_by_nobody(txn: Cursor) -> None:
    one = invoice(txn)
    invoices.add_invoice(txn, one, b"s" * 32, b"sealed", NOW_MS)

    with pytest.raises(psycopg2.errors.CheckViolation, match="paid_by_somebody"):
        invoices.save_invoice(txn, attrs.evolve(one, state=InvoiceState.PAID), NOW_MS)


def test_a_mandate_is_not_used_above_its_cap(txn: Cursor) -> None:
    one = mandate(txn)
    assert mandates.add_mandate(txn, one, NOW_MS)
    mandates.use(txn, one, 0, 2_000)
    mandates.use(txn, one, 1, 1_000)
    mandates.give_back(txn, one.id, 0, 500)

    assert mandates.used_minor(txn, one.id, 0) == 1_500
    with pytest.raises(psycopg2.errors.CheckViolation, match="mandate_cap"):
        mandates.use(txn, one, 0, 1_001)


def test_a_mandate_is_not_used_more_often_than_it_says(txn: Cursor) -> None:
    one = mandate(txn)
    mandates.add_mandate(txn, one, NOW_MS)
    for period in range(3):
        mandates.use(txn, one, period, 1)

    with pytest.raises(psycopg2.errors.CheckViolation, match="mandate_count"):
        mandates.use(txn, one, 3, 1)


def test_a_mandate_is_not_active_without_an_approval(txn: Cursor) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match="given"):
        mandates.add_mandate(txn, attrs.evolve(mandate(txn), approved_by=None), NOW_MS)


def test_a_mandate_is_kept_as_it_is(txn: Cursor) -> None:
    one = mandate(txn)
    mandates.add_mandate(txn, one, NOW_MS)

    assert mandates.lock_mandate(txn, one.id) == one
    assert mandates.mandates_of(txn, one.payer) == [one]
    assert mandates.count_between(txn, one.payer, one.payee) == 1
    mandates.save_state(txn, one.id, MandateState.ENDED, "nonce", NOW_MS)
    assert mandates.mandates_of(txn, one.payer) == []


def test_there_is_one_institution(txn: Cursor) -> None:
    holder(txn, "bank", holders.INSTITUTION)

    with pytest.raises(psycopg2.errors.UniqueViolation, match="one_institution"):
        holder(txn, "other bank", holders.INSTITUTION)


def test_a_holder_is_found_by_the_mark_and_frozen_and_not_anew(txn: Cursor) -> None:
    first = holder(txn, "alice")
    holders.set_frozen(txn, first, NOW_MS)

    assert holder(txn, "alice") == first
    assert not holders.lock_holder(txn, first).is_open
    holders.set_frozen(txn, first, None)
    assert holders.holder(txn, first).is_open


def test_an_account_has_one_number_and_the_ledger_opens_it_later(txn: Cursor) -> None:
    alice, ledger = holder(txn, "alice"), holders.keep_currencies(txn, ["EUR"])["EUR"]

    first, again = [holders.keep_account(txn, alice, ledger, 1) for _ in range(2)]
    assert first == again
    assert not first.is_opened
    assert holders.balances(txn, alice, 1) == []


def test_currencies_keep_their_numbers(txn: Cursor) -> None:
    before = holders.keep_currencies(txn, ["EUR"])

    after = holders.keep_currencies(txn, ["UAH", "EUR"])
    assert after["EUR"] == before["EUR"]
    assert len(set(after.values())) == len(after)


def test_of_two_payments_with_one_number_the_newest_is_meant(txn: Cursor) -> None:
    older, newer = payment(txn, State.PAID), payment(txn, State.PAID)
    older = attrs.evolve(older, id="00" + newer.id[2:])
    for one in (newer, older):
        store.add_payment(txn, attrs.evolve(one, approved_by=one.id), b"sealed", NOW_MS)

    number = newer.id[-8:]
    found = store.received(txn, newer.payee, number), store.made(txn, newer.payer, number)
    assert [one.payment.id for one in found if one is not None] == [newer.id] * 2


def test_what_could_not_be_told_is_told_once_in_order(txn: Cursor) -> None:
    first, second = payment(txn), payment(txn)
    for one in (second, first):
        store.add_payment(txn, one, b"sealed", NOW_MS)
        chats.keep_untold(txn, one.payee, one.id)
        chats.keep_untold(txn, one.payee, one.id)

    assert chats.take_untold(txn, first.payee) == sorted([first.id, second.id])
    assert chats.take_untold(txn, first.payee) == []


def test_the_newest_chat_comes_first(txn: Cursor) -> None:
    alice = UserId("@alice:veche.test")
    for number in range(2):
        chats.keep_chat(txn, RoomId(f"!{number}:veche.test"), alice, NOW_MS + number)
    chats.keep_chat(txn, RoomId("!0:veche.test"), UserId("@bob:veche.test"), NOW_MS)
    chats.set_greeted(txn, RoomId("!0:veche.test"))

    assert [(one.room_id, one.is_greeted) for one in chats.chats_of(txn, alice)] == [
        ("!1:veche.test", False),
        ("!0:veche.test", True),
    ]
    chats.drop_chat(txn, RoomId("!1:veche.test"))
    assert chats.chat(txn, RoomId("!1:veche.test")) is None


def test_facts_for_the_rules_are_of_what_went_out(txn: Cursor) -> None:
    one = payment(txn)
    store.add_payment(txn, one, b"sealed", NOW_MS)

    assert store.gone_minor(txn, one.payer, one.ledger, 0) == 0
    assert [file.payment for file in store.waiting_of(txn, one.payer)] == [one]
    store.save_payment(txn, attrs.evolve(one, state=State.PAID, approved_by="y"), NOW_MS)
    assert store.gone_minor(txn, one.payer, one.ledger, NOW_MS - 1) == 101
    assert store.gone_minor(txn, one.payer, one.ledger, NOW_MS) == 0
    assert store.waiting_of(txn, one.payer) == []
    found = store.received(txn, one.payee, one.id[-8:])
    assert found is not None
    assert found.payment.id == one.id
    assert store.received(txn, one.payer, one.id[-8:]) is None


def test_what_is_not_decided_yet_is_taken_back_of_the_payer_alone(txn: Cursor) -> None:
    mine = attrs.evolve(payment(txn, State.PAYING), approved_by="mine")
    theirs = attrs.evolve(mine, id=fresh_id(), payer=mine.payee, payee=mine.payer, approved_by="x")
    for one in (mine, theirs):
        store.add_payment(txn, one, b"sealed", NOW_MS)
        attempts.add(txn, "payment", one.id, [Transfer("0" * 32)], NOW_MS, approved_by=())

    assert store.take_back_attempts(txn, payer=mine.payer) == [mine.id]
    assert store.take_back_attempts(txn, payer=mine.payer) == []
    assert [one.about for one in attempts.waiting(txn, [], 10)] == [theirs.id]
