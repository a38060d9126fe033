"""A merchant that is paid by its name: what the payer typed becomes an invoice of theirs."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest
from pydantic import ValidationError

from appservices.payments.allowances import store as allowances
from appservices.payments.allowances.core import AllowanceState, AllowanceTerms
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.allowances.store import Allowance
from appservices.payments.allowances.texts import AllowanceView
from appservices.payments.amounts.core.order import Order
from appservices.payments.config import OrganisationSection
from appservices.payments.conversation.service import naming
from appservices.payments.guardians.core import DUE_MS
from appservices.payments.holders import store as holders
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.merchants.service import buying
from appservices.payments.merchants.service.invoices import read_invoice, withdraw_invoice
from appservices.payments.organisations import store as events
from appservices.payments.paying.service import paying
from appservices.payments.questions.service import approvals
from appservices.payments.refunds.api import RefundBody
from appservices.payments.refunds.service import refunds as api_refunds
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.texts.views import Party
from appservices.payments.wallet.api import OrderBody
from appservices.payments.wallet.service import orders, reading
from appservices.payments.wallet.service.visit import PaymentRefusedError, Visit
from tests.integration.appservices.payments.market import SHOP, Market
from tests.integration.appservices.payments.scenes import EURO, KEYS, nonce
from tests.integration.appservices.payments.trust import asking_nothing, chat_with
from veche.protocol.ids import UserId, derived_ulid
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.ids import RoomId

pytestmark = pytest.mark.postgres

NAMED: Final = {
    "id": "shop",
    "name": {"en": "Shop"},
    "kinds": ["food"],
    "is_paid_by_name": True,
    "keys": [{"path": "/none", "scopes": ["invoice", "refund", "read"]}],
}
OFFICE: Final = {**NAMED, "id": "town", "kind": "office", "is_paid_by_name": False}


@pytest.fixture(scope="module")
def place() -> Iterator[Market]:
    """A market in which the shop is paid by its name, and the town is not."""
    organisations = [OrganisationSection.model_validate(one) for one in (NAMED, OFFICE)]
    with Market.open() as one:
        parts = one.scribe.parts
        section = parts.section.model_copy(update={"organisations": organisations})
        one.scribe.parts = attrs.evolve(parts, section=section)
        yield one


@pytest.fixture
def market(place: Market) -> Market:
    return place.fresh()


@contextmanager
def in_chat(market: Market, person: UserId) -> Iterator[tuple[Conversation, RoomId]]:
    """A transaction in which somebody has a chat; later nothing is said to them there."""
    with market.at() as scene:
        room_id = chat_with(scene, person)
        yield asking_nothing(scene), room_id
        scene.txn.execute("DELETE FROM payments.chat WHERE room_id = %s", (room_id,))


def bread(
    market: Market, minor: int = 700, *, giver: UserId | None = None, who: UserId | None = None
) -> str | None:
    """Alice, or another, orders bread at the shop; the payment that they are asked about."""
    person = who or market.alice
    wanted = Order("shop", Money(minor=minor, currency="EUR"), "bread")
    with in_chat(market, person) as (scene, room_id):
        inbound = SimpleNamespace(sender=person, room_id=room_id)
        [shop] = [one for one in scene.section.organisations if one.id == "shop"]
        buying.order(scene, cast("Any", inbound), shop, wanted, giver)
        scene.txn.execute(
            "SELECT id FROM payments.payment WHERE state = 'asked' AND payer = %s",
            (scene.holder(giver or person).id,),
        )
        rows = scene.txn.fetchall()
    return str(rows[0][0]) if rows else None


def invoice_of(market: Market, payment_id: str) -> str:
    with market.at() as scene:
        invoice = market.matter(scene, payment_id).payment.invoice
    assert invoice is not None
    return invoice[0]


def heard(market: Market, invoice_id: str) -> list[str]:
    """What the shop heard of an invoice."""
    with market.at() as scene:
        found = events.events_after(scene.txn, scene.organisation("shop").id, 0)
    return [one.type for one in found if one.invoice == invoice_id]


def allow(
    market: Market, *payees: str, kinds: tuple[str, ...] = (), spender: UserId | None = None
) -> Allowance:
    """Bob lets Alice, or another, pay some from his account, 10.00 EUR a day."""
    who = spender or market.alice
    terms = AllowanceTerms(1_000, "day", 1_000, 1, market.now_ms * 2)
    parties = tuple(Party(one, one) for one in payees)
    view = AllowanceView(
        Party(market.bob, "Bob"), Party(who, "Spender"), parties, kinds, "EUR", terms
    )
    with market.at() as scene:
        kept = Allowance(
            id=derived_ulid(market.now_ms, "allowance", who, *payees, *kinds),
            giver=scene.holder(market.bob).id,
            spender=scene.holder(who).id,
            ledger=holders.currencies(scene.txn)["EUR"],
            state=AllowanceState.ACTIVE,
            sealed=allowance_uses.sealed(scene, view),
            approved_by=KEYS.approve(scene.txn, market.bob, market.now_ms, nonce()),
            terms=terms,
        )
        allowances.add_allowance(scene.txn, kept, market.now_ms)
    return kept


def test_the_shop_is_paid_hears_of_it_and_gives_back(market: Market) -> None:
    before = market.has("shop")[0]
    payment_id = bread(market)
    assert payment_id is not None
    invoice_id = invoice_of(market, payment_id)
    assert heard(market, invoice_id) == []
    market.held(payment_id)

    assert market.state(payment_id) == ("paid", None)
    assert market.has("shop")[0] - before == 700
    assert heard(market, invoice_id) == ["invoice.paid"]
    with market.at() as scene:
        view = read_invoice(scene, SHOP, invoice_id)
        assert (view.by_payer, view.state, view.payment) == ("bread", "paid", payment_id)
        body = RefundBody.model_validate({"amount": EURO, "reason": "dry"})
        api_refunds.refund(scene, SHOP, invoice_id, body, b"r" * 32)
    market.scribe.write(market.now_ms)
    with market.at() as scene:
        withdraw_invoice(scene, SHOP, invoice_id, "stale")
    market.scribe.write(market.now_ms)
    assert market.has("shop")[0] == before
    assert market.has(market.alice)[0] == 10_000


def test_what_is_ordered_and_not_paid_the_shop_never_hears_of(market: Market) -> None:
    payment_id = bread(market)
    assert payment_id is not None
    invoice_id = invoice_of(market, payment_id)
    with market.at() as scene:
        file = invoice_store.lock_invoice(scene.txn, invoice_id)
        assert file is not None
        # Nobody asked them to pay, so there is nobody to object to.
        assert file.invoice.addressee is None
    with market.at(file.invoice.due_at_ms) as later:
        invoices.expire(later, invoice_id, 1)

    assert market.invoice_state(invoice_id) == "expired"
    assert market.state(payment_id) == ("expired", None)
    assert heard(market, invoice_id) == []


def test_an_order_is_not_too_late_after_all_that_may_make_it_wait(market: Market) -> None:
    payment_id = bread(market)
    assert payment_id is not None
    with market.at() as scene:
        payment = market.matter(scene, payment_id).payment
        waits = scene.section.large_part_wait_ms
        assert payment.due_at_ms is not None
        asked_until_ms = payment.due_at_ms
    assert asked_until_ms < market.now_ms + DUE_MS
    with market.at(asked_until_ms + DUE_MS + waits) as scene:
        assert invoices.begin_paying(scene, payment) is None


def test_nothing_is_asked_that_cannot_be_paid(market: Market) -> None:
    assert bread(market, 10_001) is None
    assert bread(market, giver=market.bob) is None


@pytest.mark.parametrize(("payees", "kinds"), [(("shop",), ()), ((), ("food",))])
def test_an_allowance_for_the_shop_or_its_kind_pays_there(
    market: Market, payees: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    given = allow(market, *payees, kinds=kinds)
    assert bread(market, 1_001, giver=market.bob) is None
    payment_id = bread(market, 700, giver=market.bob)
    assert payment_id is not None
    with market.at() as scene:
        # It is Bob's account by now: none of those that others opened to him.
        assert approvals.offered(scene, market.matter(scene, payment_id)) == []
    market.held(payment_id)

    assert market.has(market.bob)[0] == 9_300
    assert market.has(market.alice)[0] == 10_000
    assert heard(market, invoice_of(market, payment_id)) == ["invoice.paid"]
    with market.at() as scene:
        assert allowance_uses.left_minor(scene, given) == 300


def test_who_has_an_allowance_is_asked_though_they_have_no_money(market: Market) -> None:
    poor = UserId(f"@poor{market.number}:veche.test")
    kept = allow(market, "shop", spender=poor)
    payment_id = bread(market, who=poor)

    assert payment_id is not None
    with market.at() as scene:
        [(offered, _)] = approvals.offered(scene, market.matter(scene, payment_id))
    assert offered.id == kept.id


def test_a_page_orders_as_the_chat_does(market: Market) -> None:
    def visited(scene: Conversation) -> Visit:
        return Visit(scene, market.alice, "en")

    def wanted(payee: str) -> OrderBody:
        return OrderBody(payee=payee, amount="5", currency="EUR", reference="bread")

    with in_chat(market, market.alice) as (scene, _):
        merchant = orders.payee_of(visited(scene), wanted("Shop"))
        assert isinstance(merchant, OrganisationSection)
        payment = orders.buy(visited(scene), wanted("shop"), merchant).payment
        assert payment.state is State.ASKED
        with pytest.raises(PaymentRefusedError, match="paid by its invoices alone") as caught:
            orders.payee_of(visited(scene), wanted("town"))
        assert (caught.value.reason, caught.value.field) == ("by_invoice", "payee")
    market.held(payment.id)
    with market.at() as scene:
        page = visited(scene)
        assert reading._invoice(page, reading.matter_of(page, payment.id)) is None
        assert [one.address for one in reading.wallet_view(page).payees] == ["shop"]


def test_a_page_asks_who_has_an_allowance_though_they_have_no_money(market: Market) -> None:
    poor = UserId(f"@poor{market.number}:veche.test")
    order = OrderBody(payee="shop", amount="5", currency="EUR", reference="bread")
    with in_chat(market, poor) as (scene, _):
        page = Visit(scene, poor, "en")
        merchant = orders.payee_of(page, order)
        assert isinstance(merchant, OrganisationSection)
        with pytest.raises(PaymentRefusedError, match=r"Your balance is 0\.00 EUR"):
            orders.buy(page, order, merchant)
    allow(market, "shop", spender=poor)
    with in_chat(market, poor) as (scene, _):
        page = Visit(scene, poor, "en")
        asked = orders.buy(page, order, merchant)
        assert reading.payment_view(page, asked).instead is None
        [(allowance, _)] = approvals.offered(scene, asked)
        theirs = paying._from_purse(scene, asked, allowance.id)

        assert reading.payment_of(page, asked.payment.id).instead == theirs.payment.id


def test_a_merchant_goes_before_a_person_of_its_name(market: Market) -> None:
    with market.at() as scene:
        for typed in ("shop", "Shop", "@shop"):
            found = naming.organisation_named(scene.section, typed)
            assert found is not None
            assert found.id == "shop"
        assert naming.organisation_named(scene.section, "@shop:veche.test") is None
        assert naming.organisation_named(scene.section, "bob") is None


def test_an_office_is_never_paid_by_its_name() -> None:
    with pytest.raises(ValidationError, match="an office is paid by its invoices alone"):
        OrganisationSection.model_validate({**OFFICE, "is_paid_by_name": True})
