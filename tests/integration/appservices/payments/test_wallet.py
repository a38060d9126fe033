"""The wallet of pages on a real database: what is refused, with which words, and whose it is."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest

from appservices.payments.conversation.service.chats import OPEN_CHAT
from appservices.payments.formats.core import (
    EmvPayment,
    EpcPayment,
    GostPayment,
    PayLink,
    PersonLink,
    Template,
    emv,
    epc,
    gost56042,
    links,
    rf,
)
from appservices.payments.invoices.core.invoice import InvoiceInput, step_invoice
from appservices.payments.invoices.core.order import InvoiceOrder
from appservices.payments.invoices.service.links import hash_of, pay_url
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.mandates import store as mandates
from appservices.payments.mandates.core.mandate import MandateState
from appservices.payments.merchants.service import invoicing
from appservices.payments.organisations import store as events
from appservices.payments.transfers.core.payment import Kind, State
from appservices.payments.wallet.api import (
    HistoryQuery,
    HistoryView,
    LimitBody,
    LinkBody,
    OrderBody,
)
from appservices.payments.wallet.service import acts, booked, codes, orders, reading
from appservices.payments.wallet.service import invoices as wallet_invoices
from appservices.payments.wallet.service.visit import PaymentRefusedError, Visit
from tests.integration.appservices.payments.scenes import (
    ALICE,
    BOB,
    EURO,
    KEYS,
    NOW_MS,
    bank,
    world,
)
from tests.support.postgres import execute
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import Ulid, derived_ulid
from veche.runtime.web.public import PageLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appservices.payments.wallet.api import CodeView

pytestmark = pytest.mark.postgres

HOST: Final = "bank.veche.test"
DUE_AT_MS: Final = NOW_MS + 86_400_000
IBAN: Final = "DE02120300000000202051"
_numbers: Final = itertools.count(1)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with bank() as one:
        yield one


@contextmanager
def visit(dsn: str, person: str = ALICE, now_ms: int = NOW_MS) -> Iterator[Visit]:
    """Somebody on a page, in a transaction that is committed at the end."""
    with world(dsn, now_ms) as here:
        host = SimpleNamespace(
            links=PageLinks(f"https://{HOST}"), approvals=KEYS, bridges=frozenset()
        )
        parts = attrs.evolve(here.scene.parts, host=cast("Any", host))
        yield Visit(attrs.evolve(here.scene, parts=parts), cast("Any", person), "en")


def issued(dsn: str, name: str, addressee: str = ALICE) -> InvoiceOrder:
    """An invoice of the town, with its reference."""
    card = {
        "v": 1,
        "id": derived_ulid(1, name, next(_numbers)),
        "issuer": "town",
        "issuer_name": "Town",
        "title": name,
        "lines": [{"text": name, "amount": EURO}],
        "total": EURO,
        "due_at_ms": DUE_AT_MS,
    }
    order = InvoiceOrder.model_validate({"card": card, "addressee": addressee})
    with world(dsn) as here:
        invoicing.issue(here.scene, order)
        reference = rf.reference_of(Ulid(order.card.id))
        events.keep_reference(here.scene.txn, reference, order.card.id)
    return order


def link_of(order: InvoiceOrder) -> LinkBody:
    return LinkBody(invoice=order.card.id, version=1, hash=hash_of(order.card))


def refusal(work: Callable[[], object]) -> tuple[str, str | None, str]:
    """Reason, field and words with which something is refused."""
    with pytest.raises(PaymentRefusedError) as caught:
        work()
    return caught.value.reason, caught.value.field, str(caught.value)


class TestInvoices:
    def test_whoever_has_the_link_sees_it_and_not_who_is_asked(self, dsn: str) -> None:
        order = issued(dsn, "seen")
        with visit(dsn) as page:
            view = wallet_invoices.linked(page.scene, link_of(order), page.localizer)
            assert page.scene.links is not None
            assert pay_url(page.scene, order.card) == view.link

        assert (view.title, view.total.minor, view.refusal) == ("seen", 500, None)
        assert view.link == f"https://{HOST}/pay#{order.card.id}.1.{hash_of(order.card)}"
        assert "alice" not in view.model_dump_json()
        assert view.code.startswith("<svg")

    @pytest.mark.parametrize(
        "change",
        [{"hash": "0" * 16}, {"version": 2}, {"invoice": derived_ulid(1, "nothing")}],
    )
    def test_a_link_that_was_altered_looks_as_if_there_were_none(
        self, dsn: str, change: dict[str, Any]
    ) -> None:
        order = issued(dsn, "altered")
        wrong = link_of(order).model_copy(update=change)
        with visit(dsn) as page, pytest.raises(NotFoundError, match="There is no such invoice"):
            wallet_invoices.linked(page.scene, wrong, page.localizer)

    def test_what_is_over_says_why_it_cannot_be_paid(self, dsn: str) -> None:
        order = issued(dsn, "late")
        with visit(dsn, now_ms=DUE_AT_MS) as page:
            view = wallet_invoices.linked(page.scene, link_of(order), page.localizer)
            why = refusal(lambda: wallet_invoices.pay(page, link_of(order)))

        assert view.refusal is not None
        assert "cannot be paid any more" in view.refusal
        assert why[2] == view.refusal


class TestStatus:
    def told(self, dsn: str, link: str, now_ms: int = NOW_MS) -> str:
        with visit(dsn, "", now_ms) as page:
            return wallet_invoices.status(page.scene, link, page.localizer).value

    def link(self, order: InvoiceOrder) -> str:
        return f"{order.card.id}.1.{hash_of(order.card)}"

    @pytest.mark.parametrize(
        ("heard", "status"),
        [
            ([], "pending"),
            ([InvoiceInput.PAY], "pending"),
            ([InvoiceInput.PAY, InvoiceInput.NOT_MOVED], "pending"),
            ([InvoiceInput.PAY, InvoiceInput.MOVED], "paid"),
            ([InvoiceInput.PAY, InvoiceInput.MOVED, InvoiceInput.WITHDRAW], "failed"),
            ([InvoiceInput.OBJECT], "failed"),
            ([InvoiceInput.WITHDRAW], "failed"),
            ([InvoiceInput.TIME], "failed"),
        ],
    )
    def test_it_is_one_word_of_three(
        self, dsn: str, heard: list[InvoiceInput], status: str
    ) -> None:
        order = issued(dsn, "status")
        with world(dsn) as here:
            payment_id = here.asked(Kind.INVOICE, invoice=(order.card.id, 1)).payment.id
            for one in heard:
                file = invoice_store.lock_invoice(here.scene.txn, order.card.id)
                assert file is not None
                stepped, _ = step_invoice(file.invoice, one, paid_by=payment_id)
                invoice_store.save_invoice(here.scene.txn, stepped, NOW_MS)

        assert self.told(dsn, self.link(order)) == status

    def test_a_first_version_has_failed_once_there_is_a_second(self, dsn: str) -> None:
        first = issued(dsn, "first version")
        card = first.card.model_copy(update={"version": 2, "title": "second version"})
        with world(dsn) as here:
            invoicing.issue(here.scene, first.model_copy(update={"card": card}))

        assert self.told(dsn, self.link(first)) == "failed"
        assert self.told(dsn, f"{card.id}.2.{hash_of(card)}") == "pending"

    def test_it_has_failed_once_it_is_due(self, dsn: str) -> None:
        link = self.link(issued(dsn, "due"))

        assert self.told(dsn, link, DUE_AT_MS - 1) == "pending"
        assert self.told(dsn, link, DUE_AT_MS) == "failed"

    def test_a_link_that_is_wrong_looks_as_if_there_were_none(self, dsn: str) -> None:
        right = self.link(issued(dsn, "wrong"))
        id_, _, hash_ = right.split(".")
        said = set()
        for wrong in (
            f"{id_}.1.{'0' * 16}",
            f"{id_}.2.{hash_}",
            f"{derived_ulid(1, 'nothing')}.1.{hash_}",
            f"{id_}.1.{hash_}.1",
            f"{id_}.1.{hash_.upper()}x",
            f"{id_}.{hash_}",
            f"{id_}.0.{hash_}",
            f"{id_}.x.{hash_}",
            id_,
            "",
            "x" * 5_000,
        ):
            with pytest.raises(NotFoundError) as caught:
                self.told(dsn, wrong)
            said.add(str(caught.value))

        assert len(said) == 1
        assert self.told(dsn, right) == "pending"


class TestCodes:
    def read(self, dsn: str, text: str) -> CodeView:
        with visit(dsn, "") as page:
            return codes.read(page, text)

    def refused(self, dsn: str, text: str) -> str:
        with visit(dsn, "") as page:
            return refusal(lambda: codes.read(page, text))[0]

    def test_codes_of_all_formats_lead_to_the_invoice_that_they_name(self, dsn: str) -> None:
        order = issued(dsn, "scanned")
        reference = rf.reference_of(Ulid(order.card.id))
        scheme = Template("26", "org.example", (("01", "x"),))
        texts = [
            epc.write(EpcPayment("Town", IBAN, 500, reference=reference)),
            emv.write(EmvPayment("Town", "Riga", "LV", "EUR", 500, (scheme,), reference=reference)),
            gost56042.write(
                GostPayment(
                    "Town", "40702810138250123017", "Bank", "044525225", "30101810400000000225",
                    others={"UIN": reference},
                )
            ),
            links.write_ours(PayLink(HOST, Ulid(order.card.id), 1, hash_of(order.card))),
        ]  # fmt: skip

        for text in texts:
            found = self.read(dsn, text)
            assert found.kind == "invoice"
            assert found.link == f"{order.card.id}.1.{hash_of(order.card)}"

    def test_a_code_with_another_amount_than_its_invoice_was_altered(self, dsn: str) -> None:
        order = issued(dsn, "cheaper")
        reference = rf.reference_of(Ulid(order.card.id))

        assert self.refused(dsn, epc.write(EpcPayment("Town", IBAN, 5, reference=reference))) == (
            "code_altered"
        )

    def test_a_link_to_a_person_fills_in_a_form(self, dsn: str) -> None:
        found = self.read(dsn, links.write_person(PersonLink(HOST, BOB, 720, "EUR", "tea & cake")))

        assert found.payee is not None
        assert (found.kind, found.payee.address) == ("person", BOB)
        assert (found.amount, found.currency, found.reference) == ("7.20", "EUR", "tea & cake")

    def test_what_no_bank_here_pays_is_shown_and_not_paid(self, dsn: str) -> None:
        pix = emv.write(
            emv.pix("a@b.example", name="Fulano", city="Rio", amount_minor=100, reference="")
        )
        found = self.read(dsn, pix)

        assert (found.kind, found.payee) == ("other", None)
        assert ("Name", "Fulano") in [(one.name, one.value) for one in found.facts]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("hello", "code_unknown"),
            ("", "code_unknown"),
            ("x" * 5_000, "code_unknown"),
            ("https://bank.veche.test/pay#nonsense", "code_broken"),
            ("https://bank.veche.test/pay#to=@bob:x&am=-5&cu=EUR", "code_broken"),
            ("https://bank.veche.test/pay#to=nobody", "code_broken"),
            ("https://bank.veche.test/pay#to=@bob:x&am=5", "code_broken"),
            ("https://bank.veche.test/pay#to=@bob:x&to=@eve:x", "code_broken"),
            ("https://bank.veche.test/pay#to=@bob:x&for=a%0Ab", "code_broken"),
            ("https://bank.veche.test/pay#to=@bob:x&for=a%E2%80%AEb", "code_broken"),
            ("https://other.example/pay#to=@bob:x", "code_elsewhere"),
            (f"BCD\n002\n1\nSCT\n\nBob\n{IBAN[:-1]}9\nEUR5", "code_broken"),
            (f"BCD\n002\n1\nSCT\n\nBob\n{IBAN}\nUSD5", "code_broken"),
            ("00020101021153039865802BR6304FFFF", "code_broken"),
            ("ST00012|Name=x", "code_broken"),
        ],
    )
    def test_what_is_hostile_or_damaged_is_refused(self, dsn: str, text: str, reason: str) -> None:
        assert self.refused(dsn, text) == reason


class TestOrders:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"amount": ""}, "amount"),
            ({"amount": "0"}, "amount"),
            ({"amount": "-1"}, "amount"),
            ({"amount": "1,250"}, "amount"),
            ({"amount": "1.2345"}, "amount"),
            ({"amount": "99999999999999999999"}, "amount"),
            ({"amount": "5 EUR 6"}, "amount"),
            ({"currency": "USD"}, "amount"),
            ({"reference": "x" * 71}, "reference"),
            ({"reference": "a\u200bb"}, "reference"),
            ({"payee": "two words"}, "payee"),
            ({"payee": "@bob:elsewhere.example"}, "payee"),
            ({"payee": "@veche_payments:veche.test"}, "payee"),
            ({"payee": "https://matrix.to/#/@bob:elsewhere.example"}, "payee"),
        ],
    )
    def test_what_cannot_be_read_is_refused_at_its_field(
        self, dsn: str, change: dict[str, str], field: str
    ) -> None:
        given = {"payee": "bob", "amount": "5", "currency": "EUR", "reference": "", **change}
        with visit(dsn) as page:
            found = refusal(lambda: orders.payee_of(page, OrderBody(**given)))

        assert found[1] == field
        assert not found[2].endswith(":")

    @pytest.mark.parametrize("payee", ["bob", "@bob", BOB, f"https://matrix.to/#/{BOB}"])
    def test_a_payee_is_named_by_name_id_or_link(self, dsn: str, payee: str) -> None:
        order = OrderBody(payee=payee, amount="5", currency="EUR")
        with visit(dsn) as page:
            assert orders.payee_of(page, order) == BOB

    def test_a_key_is_good_for_one_thing(self, dsn: str) -> None:
        with visit(dsn) as page:
            assert page.once("key-1", {"a": 1}, lambda: "made") == "made"
        with visit(dsn) as page:
            assert page.once("key-1", {"a": 1}, lambda: "again") == "made"
            with pytest.raises(ConflictError):
                page.once("key-1", {"a": 2}, lambda: "other")
        with visit(dsn, BOB) as page:
            assert page.once("key-1", {"a": 2}, lambda: "his") == "his"

    def test_a_payment_is_shown_to_its_two_sides_alone(self, dsn: str) -> None:
        with world(dsn) as here:
            id_ = here.asked().payment.id
        with visit(dsn, BOB) as page:
            assert not reading.payment_of(page, id_).is_out
            with pytest.raises(NotFoundError):
                orders.stop(page, id_)
        for wrong in (id_.lower(), "", "x" * 26, derived_ulid(1, "none")):
            with visit(dsn) as page, pytest.raises(NotFoundError):
                reading.payment_of(page, wrong)
        with visit(dsn, "@eve:veche.test") as page, pytest.raises(NotFoundError):
            reading.payment_of(page, id_)

    def test_what_is_asked_is_stopped_once(self, dsn: str) -> None:
        with world(dsn) as here:
            id_ = here.asked().payment.id
        with visit(dsn) as page:
            orders.stop(page, id_)
            assert reading.payment_of(page, id_).state == State.CANCELLED.value
            assert refusal(lambda: orders.stop(page, id_))[0] == "too_late"

    def test_a_charge_is_stopped_by_its_mandate_alone(self, dsn: str) -> None:
        with world(dsn) as here:
            id_ = here.charge(here.mandate(), due_at_ms=NOW_MS + 1).payment.id
        with visit(dsn) as page:
            assert not reading.payment_of(page, id_).can_stop
            assert refusal(lambda: orders.stop(page, id_))[0] == "too_late"

    def test_only_the_addressee_objects_to_an_invoice(self, dsn: str) -> None:
        order = issued(dsn, "objected", addressee=BOB)
        with world(dsn) as here:
            id_ = here.asked(Kind.INVOICE, invoice=(order.card.id, 1)).payment.id
        with visit(dsn) as page:
            assert not reading.payment_of(page, id_).can_object
            assert refusal(lambda: acts.object_to(page, id_))[0] == "no_invoice"

    def test_what_was_not_made_has_no_receipt(self, dsn: str) -> None:
        with world(dsn) as here:
            id_ = here.asked().payment.id
        with visit(dsn) as page, pytest.raises(NotFoundError, match="no receipt"):
            reading.receipt_of(page, id_)


class TestChats:
    def test_a_page_that_asks_again_has_one_chat_made(self, dsn: str) -> None:
        person = "@newcomer:veche.test"
        for later_ms in (0, 1, 5_000):
            with visit(dsn, person, NOW_MS + later_ms) as page:
                assert not acts.open_chat(page)

        known = "SELECT count(*) FROM runtime.errand WHERE kind = %s AND payload ->> 'person' = %s"
        assert execute(dsn, known, OPEN_CHAT, person) == [(1,)]


class TestSettings:
    def test_a_mandate_is_paused_resumed_and_ended_by_its_payer_alone(self, dsn: str) -> None:
        with world(dsn) as here:
            id_ = here.mandate()
        with visit(dsn, BOB) as page, pytest.raises(NotFoundError):
            acts.change_mandate(page, id_, "revoke")
        with visit(dsn) as page, pytest.raises(NotFoundError):
            acts.change_mandate(page, id_, "give")
        with world(dsn) as here:
            waiting = here.charge(id_, due_at_ms=NOW_MS + 1).payment.id
        for choice, state, charge in (
            ("pause", MandateState.PAUSED, "cooling"),
            ("resume", MandateState.ACTIVE, "cooling"),
            ("revoke", MandateState.ENDED, "refused"),
        ):
            with visit(dsn) as page:
                acts.change_mandate(page, id_, choice)
                kept = mandates.lock_mandate(page.scene.txn, id_)
                assert reading.payment_of(page, waiting).state == charge
            assert kept is not None
            assert kept.state is state
        with visit(dsn) as page:
            assert refusal(lambda: acts.change_mandate(page, id_, "resume"))[0] == "too_late"

    def test_a_stricter_limit_counts_at_once_and_a_weaker_one_later(self, dsn: str) -> None:
        with visit(dsn) as page:
            acts.set_limit(page, LimitBody(currency="EUR", kind="day", minor=1_000))
            acts.set_limit(page, LimitBody(currency="EUR", kind="day", minor=None))
            [day] = [one for one in reading.limits_view(page).limits if one.kind == "day"]
            wrong = LimitBody(currency="USD", kind="day", minor=1)
            assert refusal(lambda: acts.set_limit(page, wrong))[0] == "other_currency"

        assert day.minor == 1_000
        assert day.later_at_ms is not None
        assert day.later_minor is None

    def test_freezing_stops_what_waits_and_going_on_is_refused_where_nothing_stopped(
        self, dsn: str
    ) -> None:
        with world(dsn) as here:
            id_ = here.asked(state=State.COOLING, approved_by=here.approved()).payment.id
        with visit(dsn) as page:
            assert refusal(lambda: acts.ask_to_go_on(page))[0] == "not_frozen"
            acts.freeze(page, may_end=True)
            assert reading.payment_of(page, id_).state == State.CANCELLED.value
            assert page.holder.is_frozen


class TestHistory:
    def ask(self, dsn: str, **change: str) -> object:
        asked = {"currency": "EUR", "first": "2026-11-01", "last": "2026-11-30", **change}
        with visit(dsn, "@new:veche.test") as page:
            return booked.history(page, HistoryQuery(**asked))

    def test_who_has_no_account_yet_has_an_empty_history(self, dsn: str) -> None:
        assert self.ask(dsn) == HistoryView(
            currency="EUR",
            opening_minor=0,
            credit_minor=0,
            debit_minor=0,
            closing_minor=0,
            lines=[],
            left_out=0,
        )

    def test_days_that_are_none_are_refused(self, dsn: str) -> None:
        with pytest.raises(MalformedError, match="no such day"):
            self.ask(dsn, first="2026-02-30")

    def test_another_currency_is_refused(self, dsn: str) -> None:
        assert refusal(lambda: self.ask(dsn, currency="USD"))[0] == "currency"


def test_what_a_key_gave_is_known_before_anybody_else_is_asked(dsn: str) -> None:
    asked = {"order": {"payee": BOB}}
    with visit(dsn) as page:
        assert page.before("a key", asked) is None
        page.once("a key", asked, lambda: "payment")

    with visit(dsn) as page:
        assert page.before("a key", asked) == "payment"
        assert page.before("another", asked) is None
        with pytest.raises(ConflictError):
            page.before("a key", {"order": {"payee": ALICE}})
    with visit(dsn, BOB) as page:
        assert page.before("a key", asked) is None
