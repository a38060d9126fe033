"""Tax invoices, judged by the schemas of UBL and by others' rules of EN 16931 and Peppol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from appservices.payments.tax.core.tax import Amount, taxed
from appservices.payments.tax.core.ubl import (
    EUROPEAN,
    PEPPOL,
    Credits,
    Seller,
    TaxInvoice,
    write_invoice,
)
from tests.support.long import many
from tests.support.tables import each_row
from tests.support.tax_rules import against_rules, against_schema, said_against, texts
from veche.contracts.payments.invoice_tax import Buyer, Endpoint, LineTax

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = LineTax(category="S", basis_points=1900)
LOW = LineTax(category="S", basis_points=700)
ZERO = LineTax(category="Z")
EXEMPT = LineTax(category="E", reason="Lessons, section 4 no. 21 UStG")
NO_SUBJECT = LineTax(category="O", reason="A fine is no sale")
AT_MS = 1_790_000_000_000
SELLER = Seller(
    "bakery",
    "Bäckerei <Lindenau> & Söhne",
    "DE",
    legal_name="Lindenau Back GmbH",
    street="Markt 1",
    postcode="04177",
    town="Leipzig",
    vat_id="DE123456789",
    tax_number="231/123/45678",
    register_id="HRB 12345",
    endpoint=Endpoint(scheme="9930", id="DE123456789"),
    contact="Anna Krause",
    phone="+49 341 1234567",
    email="books@bakery.example",
)
COMPANY = Buyer(
    name="Käufer AG",
    street="Ring 2",
    postcode="10115",
    town="Berlin",
    country="DE",
    vat_id="DE987654321",
    endpoint=Endpoint(scheme="0204", id="991-01234-44"),
    reference="Order 7",
)
PERSON = Buyer(name="Alice", country="DE")


def an_invoice(
    lines: Sequence[Amount], extra_minor: int = 0, buyer: Buyer = COMPANY, *, is_paid: bool = False
) -> TaxInvoice:
    found = taxed(lines, extra_minor, "Delivery")
    return TaxInvoice(
        number="R-2026/17",
        issued_at_ms=AT_MS,
        due_at_ms=AT_MS + 86_400_000,
        time_zone="Europe/Berlin",
        currency="EUR",
        note="Bread\nby order",
        reference="RF18539007547034",
        seller=SELLER,
        buyer=buyer,
        taxed=found,
        paid_minor=found.gross_minor if is_paid else 0,
    )


def judged(invoice: TaxInvoice) -> list[str]:
    """What schemas and rules say against an invoice."""
    return said_against(write_invoice(invoice))


def line(minor: int, tax: LineTax = FULL) -> Amount:
    return Amount("Bread & butter", minor, tax)


def a_credit_note(
    lines: Sequence[Amount], extra_minor: int = 0, buyer: Buyer = COMPANY
) -> TaxInvoice:
    invoice = an_invoice(lines, extra_minor, buyer, is_paid=True)
    credits_ = Credits(invoice.number, invoice.issued_at_ms)
    return attrs.evolve(invoice, number=f"{invoice.number}-C1", credits=credits_)


CREDIT_NOTES = {
    "one line": a_credit_note([line(119_00)]),
    "rounding": a_credit_note([line(9)]),
    "several rates": a_credit_note([line(119), line(107, LOW), line(50, ZERO), line(20, EXEMPT)]),
    "a discount": a_credit_note([line(1_000), line(-250)]),
    "to a person": a_credit_note([line(1_000)], buyer=PERSON),
    "a fine": a_credit_note([line(1_000, NO_SUBJECT)]),
}


@each_row("name", CREDIT_NOTES)
def test_schemas_and_rules_have_nothing_against_a_credit_note(name: str) -> None:
    assert judged(CREDIT_NOTES[name]) == []


def test_a_credit_note_names_its_invoice_and_asks_for_nothing() -> None:
    data = write_invoice(CREDIT_NOTES["one line"])

    assert data.count(b"<CreditNote ") == 1
    assert texts(data, "CreditNoteTypeCode") == ["381"]
    assert texts(data, "ID")[:2] == ["R-2026/17-C1", "R-2026/17"]
    assert texts(data, "PayableAmount") == ["0.00"]
    assert texts(data, "DueDate") == []


def test_the_judges_see_a_credit_note_that_does_not_add_up() -> None:
    data = write_invoice(CREDIT_NOTES["one line"]).replace(
        b'<cbc:TaxInclusiveAmount currencyID="EUR">119.00',
        b'<cbc:TaxInclusiveAmount currencyID="EUR">119.01',
    )

    assert against_rules(data)


CASES = {
    "one line": an_invoice([line(119_00)]),
    "rounding": an_invoice([line(9)]),
    "several rates": an_invoice([line(119), line(107, LOW), line(50, ZERO), line(20, EXEMPT)]),
    "a discount": an_invoice([line(1_000), line(-250)]),
    "delivery": an_invoice([line(1_000), line(500, LOW)], 300),
    "less delivered": an_invoice([line(1_000), line(500, LOW)], -300),
    "paid": an_invoice([line(9), line(5, LOW)], 3, is_paid=True),
    "to a person": an_invoice([line(1_000)], buyer=PERSON),
    "a fine": an_invoice([line(1_000, NO_SUBJECT)]),
    "a fine of a person": an_invoice([line(1_000, NO_SUBJECT)], buyer=PERSON, is_paid=True),
    "exempt": an_invoice([line(1_000, EXEMPT), line(2, EXEMPT)]),
    "many lines": an_invoice([line(33 + n) for n in range(200)]),
    "a name that XML cannot have": an_invoice(
        [line(1_000)], buyer=Buyer(name="Mal\uffffl", country="DE")
    ),
}


@each_row("name", CASES)
def test_schemas_and_rules_have_nothing_against_an_invoice(name: str) -> None:
    assert judged(CASES[name]) == []


_LINES = st.lists(
    st.builds(line, st.integers(1, 10**8), st.sampled_from([FULL, LOW, ZERO, EXEMPT])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=many(ordinary=10, long=30), deadline=None)
@given(_LINES, st.integers(0, 10**5), st.booleans())
def test_whatever_is_sold_the_rules_have_nothing_against_it(
    lines: list[Amount], extra_minor: int, is_paid: bool
) -> None:
    assert judged(an_invoice(lines, extra_minor, is_paid=is_paid)) == []


def test_a_rounding_of_two_cents_is_right_and_another_sum_is_not() -> None:
    lines = [line(520), line(5_000, LOW), line(6_558), line(559, ZERO)]
    data = write_invoice(an_invoice(lines, 520))
    assert texts(data, "PayableRoundingAmount") == ["0.02"]
    payable = b'<cbc:PayableAmount currencyID="EUR">131.57'
    assert payable in data

    assert said_against(data) == []
    assert "BR-CO-16" in str(against_rules(data.replace(payable, payable[:-1] + b"8")))


def test_the_judges_see_a_sum_that_is_wrong() -> None:
    data = write_invoice(CASES["one line"]).replace(
        b'<cbc:PayableAmount currencyID="EUR">119.00', b'<cbc:PayableAmount currencyID="EUR">119.01'
    )

    assert "BR-CO-16" in str(against_rules(data))


def test_the_schema_sees_an_element_out_of_its_place() -> None:
    data = write_invoice(CASES["one line"])
    root = etree.fromstring(data)
    root.append(root[0])

    assert against_schema(etree.tostring(root))


def test_what_is_paid_leaves_nothing_to_pay() -> None:
    data = write_invoice(CASES["paid"])

    assert texts(data, "PrepaidAmount") == ["0.17"]
    assert texts(data, "PayableAmount") == ["0.00"]


def test_it_is_one_of_peppol_where_both_have_an_address() -> None:
    assert texts(write_invoice(CASES["one line"]), "CustomizationID") == [PEPPOL]
    assert texts(write_invoice(CASES["to a person"]), "CustomizationID") == [EUROPEAN]


def test_days_are_those_of_the_institution() -> None:
    # 21 September 2026, 22:13 UTC, is the next day in Berlin only in summer's last hours.
    data = write_invoice(CASES["one line"])

    assert texts(data, "IssueDate") == ["2026-09-21"]
    assert texts(data, "DueDate") == ["2026-09-22"]


def test_no_number_for_a_tax_stands_where_nothing_is_taxed() -> None:
    assert b"DE123456789</cbc:CompanyID>" in write_invoice(CASES["one line"])
    assert b"</cbc:CompanyID>" in write_invoice(CASES["a fine"])
    assert b"DE123456789</cbc:CompanyID>" not in write_invoice(CASES["a fine"])


def test_the_same_invoice_gives_the_same_bytes() -> None:
    assert write_invoice(CASES["delivery"]) == write_invoice(CASES["delivery"])
