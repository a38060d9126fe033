"""Every text of payments, in each language, by the rules of every message."""

import itertools
import re
from pathlib import Path

import attrs

from appservices.payments.amounts.core.order import OrderProblem, read_order
from appservices.payments.banks.core.orders import NEVER_GOT
from appservices.payments.banks.core.port import NameAnswer
from appservices.payments.banks.core.port import Party as BankParty
from appservices.payments.bulk.texts import missed_doc
from appservices.payments.chats.texts import account
from appservices.payments.holders.core import LimitKind, OwnLimit
from appservices.payments.invoices.texts import invoice
from appservices.payments.limits.texts import limits
from appservices.payments.mandates import texts as mandate
from appservices.payments.mandates.core.mandate import ChargeProblem, MandateState
from appservices.payments.mandates.core.order import MandateOrder
from appservices.payments.payouts import texts as banks
from appservices.payments.payouts.core import PayoutOrder, PayoutProblem, read_payout
from appservices.payments.safeguards.texts import frozen_doc
from appservices.payments.statements import texts as statements
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.core.rules import Reason
from appservices.payments.transfers.texts import paying
from appservices.payments.transfers.texts.views import (
    Balance,
    ChosenView,
    Party,
    PaymentView,
    named,
)
from tests.support.rendered import check_message
from tests.support.tables import each_row
from veche.contracts.payments.invoice import InvoiceCard, InvoiceLine
from veche.protocol import message, talk
from veche.protocol.ids import UserId, derived_ulid
from veche.protocol.message import Bold, Doc, Mono, Paragraph
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue
from veche.protocol.texts.localizer import Localizer

NOW_MS = 1_764_000_000_000
LOCALE = Path(paying.__file__).parents[2] / "locale"
FIRST_PAYMENT = re.compile(
    r"\bfirst payment|\berste[nr]? zahlung|\bперв\w+ плат|\bперш\w+ плат", re.IGNORECASE
)
CATALOGUE = Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.payments")
ALICE, BOB = Party("@alice:veche.test", "Alice"), Party("@bob:veche.test", "Bob <b>")


def localizer(language: str) -> Localizer:
    return Localizer(language, "Europe/Berlin", CATALOGUE)


def view(kind: Kind = Kind.PAY, reference: str = "Rent & more", fee: int = 0) -> PaymentView:
    return PaymentView(
        id=derived_ulid(NOW_MS, "payment"),
        kind=kind,
        payer=ALICE,
        payee=BOB,
        amount_minor=125_000,
        fee_minor=fee,
        currency="EUR",
        reference=reference,
        at_ms=NOW_MS,
    )


def card(lines: int) -> InvoiceCard:
    money = Money(minor=100, currency="EUR")
    return InvoiceCard(
        v=1,
        id=derived_ulid(NOW_MS, "invoice"),
        issuer="town",
        issuer_name="Town",
        title="Fee",
        notice_id="1/2",
        lines=tuple(InvoiceLine(text=f"line {n}", amount=money) for n in range(lines)),
        total=Money(minor=100 * lines, currency="EUR"),
        due_at_ms=NOW_MS,
        law="Act",
        appeal="In writing.",
    )


def order() -> MandateOrder:
    return MandateOrder(
        id=derived_ulid(NOW_MS, "mandate"),
        payee="water",
        payee_name="Waterworks",
        payer="@alice:veche.test",
        purpose="Water",
        each_max=Money(minor=1, currency="EUR"),
        period="month",
        period_max=Money(minor=2, currency="EUR"),
        starts_at_ms=NOW_MS,
        ends_at_ms=NOW_MS + 1,
        count_max=3,
    )


def documents(one: Localizer) -> list[Doc]:
    """Every document there is, in one language."""
    person = ALICE.person
    assert person is not None
    own = {LimitKind.DAY: OwnLimit(1, 2, NOW_MS), LimitKind.FIRST_PAYEE: OwnLimit(3)}
    reasons = [*(r.value for r in Reason), paying.NO_COVER, paying.NOT_PAYABLE, paying.FAILED]
    reasons += [paying.INVOICE_PAID, paying.INVOICE_OVER, paying.REFUND_TOO_HIGH, paying.YOURSELF]
    payout = view(Kind.PAYOUT)
    views = [view(kind, reference, fee) for kind in Kind for reference, fee in (("", 0), ("x", 9))]
    return [
        account.welcome_doc("Bank", "EUR", one),
        account.help_doc(one),
        account.balance_doc([Balance("EUR", 1, 0), Balance("UAH", 0, 5)], one),
        account.history_doc(views, [], person, one),
        account.history_doc([], [statements.TopUp(1, 5, "EUR")], person, one),
        account.history_doc([], [], person, one),
        frozen_doc([], has_allowances=False, localizer=one),
        frozen_doc(["Water", "Gym"], has_allowances=True, localizer=one),
        missed_doc("Town", "5.00 EUR", "benefit", one),
        account.private_doc(one),
        talk.clear_doc(one),
        talk.edit_doc(one),
        limits.limits_doc({"EUR": own}, "https://veche.test/keys", one),
        *(paying.question_doc(each, one) for each in views),
        *(paying.question_doc(view(), one, (), ChosenView(5, "x", 9, to)) for to in ("", "y")),
        paying.turned_doc("pay bob 5 EUR", one),
        paying.bad_reference_doc(one),
        *(paying.no_currency_doc("pay bob 5 EUR", word, ["EUR"], one) for word in ("", "all")),
        *(paying.receipt_doc(each, one, is_payer=p) for each in views for p in (True, False)),
        *(paying.refused_doc(why, view(), 5, one) for why in reasons),
        *(paying.wait_doc(view(), r, NOW_MS, one) for r in (Reason.FIRST_PAYEE, Reason.LARGE_PART)),
        *(paying.problem_doc(problem, ["EUR", "UAH"], one) for problem in OrderProblem),
        invoice.invoice_doc(card(1), one),
        invoice.invoice_doc(card(invoice.LINES_SHOWN_MAX + 1), one),
        banks.credited_doc(5, "EUR", one),
        banks.under_way_doc(payout, one),
        banks.silent_doc(payout, one),
        banks.booked_doc(payout, one),
        *(banks.rejected_doc(payout, code, one) for code in ("AC04", "XX99", "", NEVER_GOT)),
        banks.returned_doc(payout, "MS03", one),
        banks.conflict_doc(payout, one),
        banks.top_up_doc(BankParty("Bank", banks.IBAN_EXAMPLE), "RF18539007547034", one),
        banks.top_up_code_doc(one),
        banks.no_bank_doc([], one),
        banks.no_bank_doc(["demo"], one),
        *(banks.payout_problem_doc(problem, "EUR", one) for problem in PayoutProblem),
        *(banks.name_doc(answer.value, "Bob", one) for answer in NameAnswer),
        statements.files_doc(one),
        statements.nothing_doc(one),
        statements.usage_doc("2026-11", one),
        mandate.proposal_doc(order(), one),
        *(mandate.mandate_doc(order(), state, one) for state in MandateState),
        mandate.notice_doc(order(), "1 EUR", "Water", NOW_MS, one),
        *(mandate.charge_refused_doc(order(), "1 EUR", p, one) for p in ChargeProblem),
    ]


@each_row("language", LANGUAGES)
def test_every_text_obeys_the_rules_of_every_message(language: str) -> None:
    for doc in documents(localizer(language)):
        check_message(message.text(doc))


def test_no_language_says_it_in_the_words_of_another() -> None:
    bodies = {one: [message.body(doc) for doc in documents(localizer(one))] for one in LANGUAGES}

    for first, second in itertools.combinations(LANGUAGES, 2):
        same = [a for a, b in zip(bodies[first], bodies[second], strict=True) if a == b]
        assert same == []


def test_who_pays_for_another_reads_whose_money_it_is() -> None:
    said = localizer("en")
    own, anothers = view(), attrs.evolve(view(), user=BOB)

    assert "Whose money" not in message.body(paying.question_doc(own, said))
    assert "Whose money: Alice @alice:veche.test" in message.body(
        paying.question_doc(anothers, said)
    )


def test_a_question_says_each_fact_of_an_invoice_once() -> None:
    said, own = localizer("en"), view(Kind.INVOICE)
    details = invoice.invoice_doc(card(1), said)
    question = message.body(paying.question_doc(own, said, details))
    with_fee = message.body(paying.question_doc(attrs.evolve(own, fee_minor=9), said, details))

    assert question == message.body(details)
    assert "Fee: 0.09" in with_fee


@each_row("kind", [Kind.PAYOUT, Kind.SHARE])
def test_a_question_says_each_fact_of_what_is_no_invoice_too(kind: Kind) -> None:
    details = (Paragraph("The bank knows the name."),)
    question = message.body(paying.question_doc(view(kind), localizer("en"), details))

    for fact in ("The bank knows the name.", "Bob", "1,250.00 EUR"):
        assert fact in question


def test_who_has_no_name_here_is_said_by_their_address_once() -> None:
    alice = Party(ALICE.address, ALICE.address)

    assert named(alice) == Mono(ALICE.address)
    assert named(ALICE) == (Bold("Alice"), " ", Mono(ALICE.address))


def test_an_invoice_shows_its_only_line_unless_it_says_no_more_than_the_title() -> None:
    one = card(1)

    assert "line 0: " in message.body(invoice.invoice_doc(one, localizer("en")))
    same = one.model_copy(update={"title": one.lines[0].text})
    assert "line 0: " not in message.body(invoice.invoice_doc(same, localizer("en")))


@each_row("language", LANGUAGES)
def test_the_example_in_each_language_is_an_order_that_is_read(language: str) -> None:
    example = localizer(language).text("pay bob 12.50 {currency} rent", currency="EUR")
    read = read_order(example.partition(" ")[2], ["EUR"])

    assert not isinstance(read, OrderProblem)
    assert (read.payee, read.amount.minor) == ("bob", 1250)


def test_what_is_signed_of_a_mandate_names_both_caps_and_the_end() -> None:
    words = mandate.shown_text(order(), localizer("en"))

    assert "0.01 EUR at once" in words
    assert "at most 0.02 EUR a month" in words
    assert "until 24 November 2025" in words


@each_row(
    ("notice_ms", "said"),
    [
        (0, "Debits are not announced before: each comes at once."),
        (59_999, "Debits are not announced before: each comes at once."),
        (60_000, "Each debit is announced 1 min before."),
        (7_199_999, "Each debit is announced 1 h before."),
        (86_400_000, "Each debit is announced 24 h before."),
    ],
)
def test_who_gives_a_mandate_reads_and_signs_when_debits_are_announced(
    notice_ms: int, said: str
) -> None:
    asked = order().model_copy(update={"notice_ms": notice_ms})

    assert said in mandate.shown_text(asked, localizer("en"))
    assert said in message.body(mandate.proposal_doc(asked, localizer("en")))


@each_row("language", LANGUAGES)
def test_the_payout_in_each_language_is_one_that_is_read(language: str) -> None:
    doc = banks.payout_problem_doc(PayoutProblem.USAGE, "EUR", localizer(language))
    example = message.body(doc).splitlines()[-1].strip("`")

    assert isinstance(read_payout(example.partition(" ")[2], ["EUR"]), PayoutOrder)


def test_top_ups_stand_among_the_payments_by_their_time_and_no_more_than_fit() -> None:
    moves = [statements.TopUp(at, 100 + at, "EUR") for at in range(15)]

    doc = account.history_doc([], moves, ALICE.person or UserId(""), localizer("en"))

    lines = message.body(doc).splitlines()[1:]
    shown = [line for line in lines if "Top-up" in line]
    assert len(shown) == account.HISTORY_MAX
    assert "1.14 EUR" in shown[0]


@each_row("language", LANGUAGES)
def test_no_text_calls_a_payment_the_first_one(language: str) -> None:
    """Somebody is new to a payer until enough went to them: it may be the second, or the tenth."""
    said = (LOCALE / f"{language}.po").read_text()
    waits = paying.wait_words(Reason.FIRST_PAYEE, localizer(language))

    assert FIRST_PAYMENT.findall(said + waits) == []
