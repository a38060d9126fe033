"""A merchant says yes, no or nothing: never paid and refused, never charged and unconfirmed."""

from __future__ import annotations

import contextlib
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest

from appservices.payments.amounts.core.split import PARTS_MAX, SplitError
from appservices.payments.bills.core.bill import Sharer
from appservices.payments.invoices.core.quote import QuoteStateError
from appservices.payments.invoices.service.invoices import invoice_order
from appservices.payments.merchants.api.confirming import ConfirmBody, QuoteBody, RefuseBody
from appservices.payments.merchants.service.codes import NoCodeError, code_of
from appservices.payments.merchants.service.confirming import (
    TooLateError,
    answer_quote,
    confirm,
    read_quote,
    refuse,
)
from appservices.payments.merchants.service.invoices import make_invoice, read_invoice
from appservices.payments.paying.service import paying
from appservices.payments.postings.service.holding import CONFIRM_HOLD_MS
from appservices.payments.questions.service import extras
from appservices.payments.safeguards.service import freezing
from appservices.payments.transfers.core.payment import PaymentStateError
from appservices.payments.wallet.service.extras import chosen_view
from appservices.payments.wallet.service.visit import Visit
from tests.integration.appservices.payments.market import BEGINS_MINOR, SHOP, Market
from tests.integration.appservices.payments.test_bills import beside
from tests.support.long import seeds
from veche.api.bearer import OrganisationCaller
from veche.contracts.payments.invoice_api import InvoiceBody
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.money import MINOR_MAX, Money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.contracts.payments.invoice_api import InvoiceView

pytestmark = pytest.mark.postgres

WAIT_MS = 10_000


@pytest.fixture(scope="module")
def place() -> Iterator[Market]:
    with Market.open() as one:
        yield one


@pytest.fixture
def market(place: Market) -> Market:
    return place.fresh()


def held(market: Market, minor: int = 1_000, **terms: Any) -> tuple[str, str]:
    """An invoice that has to be confirmed, and its payment, which is set aside."""
    invoice_id = market.invoice(minor, confirm=True, **terms)
    payment_id = market.asked(invoice_id)
    market.held(payment_id)
    assert market.has(market.alice) == (BEGINS_MINOR - minor, minor)
    return invoice_id, payment_id


def say_yes(
    market: Market, invoice_id: str, payment_id: str, after_ms: int = 1, minor: int | None = None
) -> InvoiceView:
    amount = None if minor is None else Money(minor=minor, currency="EUR")
    body = ConfirmBody(payment=payment_id, amount=amount)
    with market.at(market.now_ms + after_ms) as scene:
        return confirm(scene, SHOP, invoice_id, body)


def say_no(market: Market, invoice_id: str, payment_id: str, after_ms: int = 1) -> None:
    with market.at(market.now_ms + after_ms) as scene:
        refuse(scene, SHOP, invoice_id, RefuseBody(payment=payment_id, reason="Sold out"))


def ring(market: Market, payment_id: str, after_ms: int) -> None:
    with market.at(market.now_ms + after_ms) as scene:
        paying.fire_timer(scene, market.matter(scene, payment_id))


def shop_has(market: Market) -> int:
    return market.has(SHOP.id)[0]


def test_it_is_paid_once_the_merchant_says_yes(market: Market) -> None:
    before = shop_has(market)
    invoice_id, payment_id = held(market)
    assert market.told(invoice_id) == ["confirm"]
    with market.at() as scene:
        view = read_invoice(scene, SHOP, invoice_id)
    assert (view.state, view.confirm_by_ms) == ("paying", market.now_ms + WAIT_MS)
    said = say_yes(market, invoice_id, payment_id)
    assert (said.state, said.confirm_by_ms) == ("paying", None)
    market.scribe.write(market.now_ms + 2)

    assert market.state(payment_id) == ("paid", None)
    assert market.has(market.alice) == (BEGINS_MINOR - 1_000, 0)
    assert shop_has(market) - before == 1_000
    assert market.told(invoice_id) == ["confirm", "paid"]


def test_less_may_be_confirmed_and_the_rest_is_the_payers_again(market: Market) -> None:
    before = shop_has(market)
    invoice_id, payment_id = held(market)
    view = say_yes(market, invoice_id, payment_id, minor=999)
    assert view.to_pay == Money(minor=999, currency="EUR")
    market.scribe.write(market.now_ms + 2)

    assert market.has(market.alice) == (BEGINS_MINOR - 999, 0)
    assert shop_has(market) - before == 999


@pytest.mark.parametrize("minor", [0, 1_001])
def test_no_more_than_is_set_aside_is_confirmed(market: Market, minor: int) -> None:
    invoice_id, payment_id = held(market)

    with pytest.raises(MalformedError, match=r"body\.amount"):
        say_yes(market, invoice_id, payment_id, minor=minor)
    assert market.state(payment_id) == ("held", None)


def test_another_currency_is_not_confirmed(market: Market) -> None:
    invoice_id, payment_id = held(market)
    body = ConfirmBody(payment=payment_id, amount=Money(minor=1, currency="UAH"))

    with market.at() as scene, pytest.raises(MalformedError, match="should be in EUR"):
        confirm(scene, SHOP, invoice_id, body)


def test_a_no_gives_it_back_and_the_invoice_can_be_paid_again(market: Market) -> None:
    invoice_id, payment_id = held(market)
    say_no(market, invoice_id, payment_id)
    say_no(market, invoice_id, payment_id)
    market.scribe.write(market.now_ms + 2)

    assert market.state(payment_id) == ("refused", "not_confirmed")
    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert market.told(invoice_id) == ["confirm", "unconfirmed"]
    assert market.invoice_state(invoice_id) == "issued"
    with pytest.raises(TooLateError):
        say_yes(market, invoice_id, payment_id, 2)
    again = market.asked(invoice_id)
    market.held(again)
    say_yes(market, invoice_id, again)
    market.scribe.write(market.now_ms + 3)
    assert market.state(again) == ("paid", None)


def test_silence_gives_it_back_and_a_yes_after_it_is_too_late(market: Market) -> None:
    invoice_id, payment_id = held(market)
    ring(market, payment_id, WAIT_MS - 1)
    assert market.state(payment_id) == ("held", None)
    ring(market, payment_id, WAIT_MS)
    with pytest.raises(TooLateError):
        say_yes(market, invoice_id, payment_id, WAIT_MS)
    market.scribe.write(market.now_ms + WAIT_MS)

    assert market.state(payment_id) == ("refused", "unconfirmed")
    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert market.told(invoice_id) == ["confirm", "unconfirmed"]


def test_a_yes_in_the_very_moment_of_the_end_is_too_late_also_before_the_clock(
    market: Market,
) -> None:
    invoice_id, payment_id = held(market)

    with pytest.raises(TooLateError):
        say_yes(market, invoice_id, payment_id, WAIT_MS)
    assert say_yes(market, invoice_id, payment_id, WAIT_MS - 1).state == "paying"


def test_after_a_yes_neither_no_nor_silence_nor_a_freeze_changes_anything(market: Market) -> None:
    invoice_id, payment_id = held(market)
    say_yes(market, invoice_id, payment_id)
    ring(market, payment_id, WAIT_MS)
    with pytest.raises(ConflictError, match="confirmed already"):
        say_no(market, invoice_id, payment_id)
    with market.at() as scene:
        freezing.freeze(scene, market.alice)
    assert say_yes(market, invoice_id, payment_id, WAIT_MS + 1).state == "paying"
    market.scribe.write(market.now_ms + WAIT_MS)

    assert market.state(payment_id) == ("paid", None)


def test_who_freezes_before_the_yes_has_it_again(market: Market) -> None:
    invoice_id, payment_id = held(market)
    with market.at() as scene:
        freezing.freeze(scene, market.alice)
    market.scribe.write(market.now_ms + 1)

    assert market.state(payment_id) == ("cancelled", None)
    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert market.told(invoice_id) == ["confirm", "unconfirmed"]
    with pytest.raises(TooLateError):
        say_yes(market, invoice_id, payment_id)


def test_a_yes_that_the_ledger_gets_too_late_charges_nobody_and_both_are_told(
    market: Market,
) -> None:
    before = shop_has(market)
    invoice_id, payment_id = held(market)
    say_yes(market, invoice_id, payment_id, WAIT_MS - 1)
    market.scribe.write(market.now_ms + CONFIRM_HOLD_MS)

    assert market.state(payment_id) == ("refused", "unconfirmed")
    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert shop_has(market) == before
    assert market.told(invoice_id) == ["confirm", "unconfirmed"]
    assert market.invoice_state(invoice_id) == "issued"


def test_the_ledger_itself_gives_it_back_if_no_clock_rings(market: Market) -> None:
    invoice_id, payment_id = held(market)
    market.scribe.write(market.now_ms + CONFIRM_HOLD_MS)

    assert market.state(payment_id) == ("refused", "unconfirmed")
    assert market.told(invoice_id) == ["confirm", "unconfirmed"]
    with pytest.raises(TooLateError):
        say_yes(market, invoice_id, payment_id)


def test_a_yes_waits_for_the_clock_and_is_told_that_it_is_too_late(market: Market) -> None:
    invoice_id, payment_id = held(market)

    def too_late() -> None:
        with pytest.raises(TooLateError):
            say_yes(market, invoice_id, payment_id, WAIT_MS - 1)

    with market.at(market.now_ms + WAIT_MS) as scene:
        matter = market.matter(scene, payment_id)
        with beside(market, too_late):
            paying.fire_timer(scene, matter)
            scene.txn.connection.commit()
    assert market.state(payment_id) == ("refused", "unconfirmed")


def test_the_clock_waits_for_a_yes_and_changes_nothing_then(market: Market) -> None:
    invoice_id, payment_id = held(market)
    body = ConfirmBody(payment=payment_id)
    with market.at(market.now_ms + WAIT_MS - 1) as scene:
        market.matter(scene, payment_id)
        with beside(market, lambda: ring(market, payment_id, WAIT_MS)):
            confirm(scene, SHOP, invoice_id, body)
            scene.txn.connection.commit()
    market.scribe.write(market.now_ms + WAIT_MS)

    assert market.state(payment_id) == ("paid", None)


def test_nobody_confirms_what_is_not_set_aside_or_not_theirs(market: Market) -> None:
    invoice_id = market.invoice(confirm=True)
    payment_id = market.asked(invoice_id)
    for deed in (say_yes, say_no):
        with pytest.raises(PaymentStateError):
            deed(market, invoice_id, payment_id)
    market.held(payment_id)
    other = OrganisationCaller("baker", "Baker", frozenset({"invoice"}))
    with market.at() as scene, pytest.raises(NotFoundError):
        confirm(scene, other, invoice_id, ConfirmBody(payment=payment_id))
    with pytest.raises(NotFoundError):
        say_yes(market, market.invoice(confirm=True), payment_id)

    assert market.state(payment_id) == ("held", None)


def test_without_cover_the_merchant_is_not_asked(market: Market) -> None:
    invoice_id = market.invoice(BEGINS_MINOR + 1, confirm=True)
    payment_id = market.asked(invoice_id)
    market.held(payment_id)

    assert market.state(payment_id) == ("refused", "no_cover")
    assert market.told(invoice_id) == []
    assert market.invoice_state(invoice_id) == "issued"


@pytest.mark.parametrize("seed", seeds(ordinary=5, long=25))
def test_never_paid_and_refused_and_never_charged_and_unconfirmed(place: Market, seed: int) -> None:
    """Whatever is said, rings, freezes and is written, in any order and at any moment."""
    market, chance = place.fresh(), random.Random(seed)  # noqa: S311 -- no secret
    before = shop_has(market)
    invoice_id = market.invoice(confirm=True)
    payment_id = market.asked(invoice_id)
    market.approve(payment_id)
    said_yes_ms: list[int] = []
    at_ms = 0
    for _ in range(8):
        at_ms += chance.choice((0, 1, 3_000, 9_999, 30_000))
        match chance.choice(("yes", "less", "no", "ring", "write", "write", "freeze")):
            case "yes" | "less" as word:
                with contextlib.suppress(ConflictError):
                    say_yes(market, invoice_id, payment_id, at_ms, 400 if word == "less" else None)
                    said_yes_ms.append(at_ms)
            case "no":
                with contextlib.suppress(ConflictError):
                    say_no(market, invoice_id, payment_id, at_ms)
            case "ring":
                ring(market, payment_id, at_ms)
            case "write":
                market.scribe.write(market.now_ms + at_ms)
            case _:
                with market.at(market.now_ms + at_ms) as scene:
                    freezing.freeze(scene, market.alice)
    market.scribe.write(market.now_ms + at_ms)
    market.scribe.write(market.now_ms + at_ms + CONFIRM_HOLD_MS)

    state, _ = market.state(payment_id)
    free_minor, held_minor = market.has(market.alice)
    charged_minor = BEGINS_MINOR - free_minor
    told = market.told(invoice_id)
    assert held_minor == 0
    assert shop_has(market) - before == charged_minor
    assert (charged_minor > 0) == (state == "paid") == ("paid" in told)
    assert state in {"paid", "refused", "cancelled"}
    assert state != "paid" or said_yes_ms
    assert "paid" not in told or "unconfirmed" not in told


def test_a_tip_is_a_part_of_what_is_approved_and_paid(market: Market) -> None:
    before = shop_has(market)
    invoice_id = market.invoice(1_250, tips=[{"minor": 100}, {"per_mille": 100}])
    payment_id = market.asked(invoice_id)
    with market.at() as scene:
        matter = market.matter(scene, payment_id)
        order = invoice_order(scene, matter.payment)
        assert order is not None
        extras._take(scene, matter, order, f"{extras.TIP}2")
    market.held(payment_id)

    assert market.state(payment_id) == ("paid", None)
    assert shop_has(market) - before == 1_375
    with market.at() as scene:
        view = read_invoice(scene, SHOP, invoice_id)
    assert (view.to_pay, view.tip_minor) == (Money(minor=1_375, currency="EUR"), 125)


def test_of_less_than_the_whole_the_tip_is_the_last_that_is_taken_off(market: Market) -> None:
    invoice_id = market.invoice(confirm=True, tips=[{"minor": 100}])
    payment_id = market.asked(invoice_id)
    with market.at() as scene:
        matter = market.matter(scene, payment_id)
        order = invoice_order(scene, matter.payment)
        assert order is not None
        extras._take(scene, matter, order, f"{extras.TIP}1")
    market.held(payment_id)

    assert say_yes(market, invoice_id, payment_id, minor=50).tip_minor == 49


def quote(payment_id: str, *minors: int) -> QuoteBody:
    options = [{"id": f"o{n}", "label": f"way {n}", "minor": one} for n, one in enumerate(minors)]
    return QuoteBody.model_validate({"payment": payment_id, "options": options})


def choose(market: Market, payment_id: str, version: int, n: int) -> None:
    with market.at() as scene:
        matter = market.matter(scene, payment_id)
        order = invoice_order(scene, matter.payment)
        assert order is not None
        extras._take_option(scene, matter, order, version, n)


def test_what_it_costs_besides_is_chosen_before_it_is_paid(market: Market) -> None:
    before = shop_has(market)
    invoice_id = market.invoice(quote="options")
    payment_id = market.asked(invoice_id)
    assert market.told(invoice_id) == ["quote"]
    with market.at() as scene:
        answer_quote(scene, SHOP, invoice_id, quote(payment_id, 0, 390))
    choose(market, payment_id, 1, 1)
    with market.at() as scene:
        visit = Visit(scene, market.alice, "en")
        shown = chosen_view(visit, market.matter(scene, payment_id))
    assert [(one.name, one.value) for one in shown] == [
        ("Invoice", "10.00 EUR"),
        ("You chose", "way 1: 3.90 EUR"),
    ]
    market.held(payment_id)

    assert shop_has(market) - before == 1_390
    with market.at() as scene, pytest.raises(PaymentStateError):
        answer_quote(scene, SHOP, invoice_id, quote(payment_id, 0))


def test_what_a_merchant_answers_comes_back_as_it_is_read_later(market: Market) -> None:
    brought = market.invoice(quote="delivery")
    waiting = market.asked(brought)
    say_where(market, "Main Street 5")
    plain = market.invoice(quote="options")
    asked = market.asked(plain)
    with market.at() as scene:
        answers = [
            answer_quote(scene, SHOP, plain, quote(asked, 0, 390)),
            answer_quote(scene, SHOP, brought, quote(waiting, 390)),
        ]

        assert answers[0] == read_quote(scene, SHOP, plain, asked)
        assert answers[1] == read_quote(scene, SHOP, brought, waiting)
    assert [one.place for one in answers] == [None, "Main Street 5"]
    assert [[option.minor for option in one.options] for one in answers] == [[0, 390], [390]]


def test_a_newer_quote_makes_the_choice_before_it_void(market: Market) -> None:
    invoice_id = market.invoice(quote="options")
    payment_id = market.asked(invoice_id)
    for minors in ((390,), (590,)):
        with market.at() as scene:
            view = answer_quote(scene, SHOP, invoice_id, quote(payment_id, *minors))
    assert (view.version, view.state) == (2, "offered")
    choose(market, payment_id, 1, 0)
    with market.at() as scene:
        assert read_quote(scene, SHOP, invoice_id, payment_id).state == "offered"
    choose(market, payment_id, 2, 0)

    with market.at() as scene:
        assert market.matter(scene, payment_id).payment.amount_minor == 1_590
        answer_quote(scene, SHOP, invoice_id, quote(payment_id, 0))
        assert market.matter(scene, payment_id).payment.amount_minor == 1_000


def test_a_merchant_who_was_not_asked_has_nothing_to_answer(market: Market) -> None:
    invoice_id = market.invoice(quote="delivery")
    payment_id = market.asked(invoice_id)

    assert market.told(invoice_id) == []
    with market.at() as scene, pytest.raises(QuoteStateError):
        answer_quote(scene, SHOP, invoice_id, quote(payment_id, 0))
    plain = market.invoice()
    with market.at() as scene, pytest.raises(NotFoundError):
        read_quote(scene, SHOP, plain, market.asked(plain))


def test_shares_go_out_in_the_chain_that_pays_and_come_back_in_proportion(market: Market) -> None:
    shares = [
        {"to": "baker", "per_mille": 700},
        {"to": "hub", "minor": 50, "what": "fee"},
        {"to": "town", "per_mille": 190, "what": "tax"},
    ]
    before = {one: market.has(one)[0] for one in ("shop", "baker", "hub", "town")}

    def got() -> dict[str, int]:
        return {one: market.has(one)[0] - before[one] for one in before}

    invoice_id = market.invoice(1_001, shares=shares)
    payment_id = market.asked(invoice_id)
    market.held(payment_id)
    assert got() == {"shop": 106, "baker": 665, "hub": 50, "town": 180}
    market.give_back(payment_id, 334)
    assert got() == {"shop": 69, "baker": 444, "hub": 34, "town": 120}
    market.give_back(payment_id, 667)

    assert got() == {"shop": 0, "baker": 0, "hub": 0, "town": 0}
    assert market.has(market.alice) == (BEGINS_MINOR, 0)


def test_a_refund_that_somebody_cannot_bear_moves_nothing_and_counts_for_nothing(
    market: Market,
) -> None:
    invoice_id = market.invoice(shares=[{"to": "poor", "per_mille": 500}])
    payment_id = market.asked(invoice_id)
    market.held(payment_id)
    market.move_all("poor", "sink")
    refused = market.give_back(payment_id, 1_000)
    assert market.state(refused) == ("refused", "no_cover")
    assert market.has(market.alice) == (BEGINS_MINOR - 1_000, 0)
    market.move_all("sink", "poor")
    market.give_back(payment_id, 1_000)

    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert market.has("poor")[0] == 0


def test_less_is_confirmed_of_what_is_shared_only_if_it_can_be_shared(market: Market) -> None:
    invoice_id, payment_id = held(market, shares=[{"to": "hub2", "minor": 300}])
    with pytest.raises(SplitError):
        say_yes(market, invoice_id, payment_id, minor=299)
    assert market.state(payment_id) == ("held", None)
    say_yes(market, invoice_id, payment_id, minor=301)
    market.scribe.write(market.now_ms + 2)

    assert market.has("hub2") == (300, 0)
    assert market.has(market.alice) == (BEGINS_MINOR - 301, 0)


@pytest.mark.parametrize("terms", [{"confirm": True}, {"quote": "options"}])
@pytest.mark.parametrize("format_", ["epc", "gost"])
def test_no_transfer_from_a_bank_goes_past_the_question(
    market: Market, terms: dict[str, Any], format_: Literal["epc", "gost"]
) -> None:
    invoice_id = market.invoice(**terms)

    with market.at() as scene, pytest.raises(NoCodeError, match="paid here alone"):
        code_of(scene, SHOP, invoice_id, format_)


def test_as_many_as_may_get_a_share_get_it_in_one_chain(market: Market) -> None:
    shares = [{"to": f"s{n}", "minor": n} for n in range(1, PARTS_MAX)]
    invoice_id = market.invoice(2_000, shares=shares)
    payment_id = market.asked(invoice_id)
    market.held(payment_id)

    assert market.state(payment_id) == ("paid", None)
    assert [market.has(f"s{n}") for n in range(1, PARTS_MAX)] == [
        (n, 0) for n in range(1, PARTS_MAX)
    ]


def say_where(market: Market, words: str) -> None:
    inbound = cast("Any", SimpleNamespace(sender=market.alice, room_id="!r"))
    with market.at() as scene:
        extras.place(scene, inbound, words)


def test_another_address_takes_back_the_options_and_the_choice(market: Market) -> None:
    invoice_id = market.invoice(quote="delivery")
    payment_id = market.asked(invoice_id)
    say_where(market, "Main Street 5")
    assert market.told(invoice_id) == ["quote"]
    with market.at() as scene:
        answer_quote(scene, SHOP, invoice_id, quote(payment_id, 390))
    choose(market, payment_id, 1, 0)
    say_where(market, "Side Street 6")

    with market.at() as scene:
        view = read_quote(scene, SHOP, invoice_id, payment_id)
        assert market.matter(scene, payment_id).payment.amount_minor == 1_000
    assert (view.state, view.place, view.options) == ("asked", "Side Street 6", ())
    assert market.told(invoice_id) == ["quote", "quote"]


def test_neither_an_address_nor_what_a_bill_is_for_stands_in_clear(market: Market) -> None:
    invoice_id = market.invoice(quote="delivery")
    payment_id = market.asked(invoice_id)
    say_where(market, "Cornflower Lane")
    with market.at() as scene:
        answer_quote(scene, SHOP, invoice_id, quote(payment_id, 390))
    market.bill(Sharer(market.alice), Sharer(market.bob))
    tables = market.rows(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        " WHERE table_schema IN ('payments', 'ledger')"
    )
    kept = [str(market.rows(f"SELECT t::text FROM {table} AS t")) for (table,) in tables]  # noqa: S608 -- of the catalogue

    for words in ("Cornflower", "way 0", "dinner", str(market.alice)):
        assert not any(words in rows for rows in kept)


def body(market: Market, **more: object) -> InvoiceBody:
    """What the shop asks for over HTTP."""
    line = {"text": "Bread", "amount": {"minor": 1_000, "currency": "EUR"}}
    asked = {"addressee": market.alice, "title": "Bread", "lines": [line]}
    due_at_ms = market.now_ms + 10**8
    return InvoiceBody.model_validate({**asked, "due_at_ms": due_at_ms, **more})


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"shares": [{"to": "nobody", "minor": 1}]}, "has an account here"),
        ({"tips": [{"minor": MINOR_MAX}]}, "it is too much"),
    ],
)
def test_what_cannot_be_paid_as_it_says_is_no_invoice(
    market: Market, more: dict[str, object], error: str
) -> None:
    with market.at() as scene, pytest.raises(MalformedError, match=error):
        make_invoice(scene, SHOP, body(market, **more), frozenset())


def test_an_option_that_makes_it_too_much_is_refused(market: Market) -> None:
    invoice_id = market.invoice(quote="options")
    payment_id = market.asked(invoice_id)

    with market.at() as scene, pytest.raises(MalformedError, match="too much"):
        answer_quote(scene, SHOP, invoice_id, quote(payment_id, MINOR_MAX))
