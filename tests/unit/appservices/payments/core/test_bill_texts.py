"""The texts of shared bills and of what invoices ask besides, in each language."""

import itertools

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.bills import texts as bill
from appservices.payments.bills.core.bill import BillState
from appservices.payments.bills.core.order import BillOrder, BillProblem, read_bill
from appservices.payments.bills.texts import BillView, ShareView
from appservices.payments.conversation.core.commands import COMMANDS, DELIVER
from appservices.payments.questions import texts as extras
from appservices.payments.transfers.texts import paying
from appservices.payments.transfers.texts.views import Party
from tests.support.rendered import check_message
from tests.support.tables import each_row
from tests.unit.appservices.payments.core.test_texts import ALICE, BOB, NOW_MS, localizer, view
from veche.protocol import message
from veche.protocol.commands import read_command
from veche.protocol.message import Doc
from veche.protocol.texts.catalogue import LANGUAGES

RICH = Party("@rich:veche.test", "Rich")
OVER = (BillState.PAID, BillState.EXPIRED, BillState.FAILED, BillState.CANCELLED)


def shown(title: str = "Dinner & more", *, is_alone: bool = False) -> BillView:
    shares = [
        ShareView(RICH, 100, is_own=True),
        ShareView(ALICE, 101, is_agreed=True),
        ShareView(BOB, 100, is_declined=True),
        ShareView(BOB, 100),
    ]
    return BillView(RICH, title, 6_000, "EUR", NOW_MS, shares[: 2 if is_alone else 4])


def documents(language: str) -> list[Doc]:
    one, all_ = localizer(language), shown()
    return [
        bill.bill_doc(all_, one),
        bill.bill_doc(shown(""), one),
        bill.share_doc(all_, one),
        bill.share_doc(shown(is_alone=True), one),
        bill.set_aside_doc(all_, 5, one),
        bill.set_aside_doc(shown(""), 5, one),
        bill.progress_doc(all_, ALICE, one),
        bill.declined_doc(all_, BOB, one),
        *(bill.end_doc(all_, state, one) for state in OVER),
        *(bill.bill_problem_doc(problem, "EUR", one) for problem in BillProblem),
        bill.bill_usage_doc(OrderProblem.USAGE, "", "EUR", one),
        bill.unknown_sharers_doc(["bob"], one),
        bill.no_bills_doc(one),
        bill.too_many_bills_doc(one),
        extras.place_doc((), one),
        extras.no_place_doc(one),
        extras.quote_asked_doc((), view(), one),
        extras.options_doc(view(), "Main Street 5", one),
        extras.options_doc(view(), "", one),
        extras.tip_doc((), view(), one),
        extras.confirming_doc(view(), one),
        extras.reason_doc("Sold out", one),
        *(
            paying.refused_doc(why, view(), 5, one)
            for why in (paying.UNCONFIRMED, paying.NOT_CONFIRMED, paying.BILL_OVER)
        ),
    ]


@each_row("language", LANGUAGES)
def test_every_text_obeys_the_rules_of_every_message(language: str) -> None:
    for doc in documents(language):
        check_message(message.text(doc))


def test_no_language_says_it_in_the_words_of_another() -> None:
    bodies = {one: [message.body(doc) for doc in documents(one)] for one in LANGUAGES}

    for first, second in itertools.combinations(LANGUAGES, 2):
        same = [a for a, b in zip(bodies[first], bodies[second], strict=True) if a == b]
        assert same == []


@each_row("language", LANGUAGES)
def test_the_examples_in_each_language_are_read(language: str) -> None:
    one = localizer(language)
    bill_line = one.text("split 60.00 {currency} @alice @bob:2 dinner", currency="EUR")
    place_line = one.text("deliver Main Street 5, Lindenau")
    split = read_command({"msgtype": "m.text", "body": bill_line}, COMMANDS, language)
    place = read_command({"msgtype": "m.text", "body": place_line}, COMMANDS, language)

    assert split is not None
    assert split.command.name == "split"
    read = read_bill(split.argument, ["EUR"])
    assert isinstance(read, BillOrder)
    assert [(x.who, x.parts) for x in read.sharers] == [("alice", 1), ("bob", 2)]
    assert place is not None
    assert place.command is DELIVER


def test_who_had_not_agreed_is_told_only_where_the_time_is_over() -> None:
    told = {state: message.body(bill.end_doc(shown(), state, localizer("en"))) for state in OVER}

    assert [state for state, body in told.items() if "Bob" in body] == [BillState.EXPIRED]
    assert "Alice" not in told[BillState.EXPIRED]


def test_who_shares_a_bill_is_not_told_who_has_agreed() -> None:
    body = message.body(bill.share_doc(shown(), localizer("en")))

    assert "Alice" not in body
    assert "Bob" not in body
