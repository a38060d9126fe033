from __future__ import annotations

import datetime as dt
import io
import json

import attrs
import pikepdf
import pytest

from appservices.payments.statements.core import AccountStatement, Line, Said
from appservices.payments.statements.pdf import PDF_LINES_MAX, statement_pdf
from appservices.payments.typesetting import SIGNED, typeset
from tests.support.tables import each_row
from veche.protocol.errors import TooLargeError
from veche.protocol.texts.catalogue import LANGUAGES

AT_MS = 1_790_000_000_000
DAY = dt.date(2026, 9, 21)


def a_statement(count: int) -> AccountStatement:
    lines = tuple(
        Line(n, AT_MS + n, f"{n:032x}", 5, 5 * n, Said("Anna Петрова", "rent #1 *x* $y$"))
        for n in range(1, count + 1)
    )
    return AccountStatement("1000007", "EUR", DAY, DAY, 0, lines, 99)


def made(count: int, language: str) -> bytes:
    return statement_pdf(
        a_statement(count), institution="Bank", language=language, made_at_ms=AT_MS
    )


@each_row("language", LANGUAGES)
def test_a_statement_is_a_pdf_with_its_lines_inside(language: str) -> None:
    with pikepdf.open(io.BytesIO(made(3, language))) as pdf:
        data = json.loads(pdf.attachments["data.json"].get_file().read_bytes())

    assert [line["amount_minor"] for line in data["lines"]] == [5, 5, 5]
    assert (data["language"], data["pos"]) == (language, 99)


@each_row("odd", ["\U0001f600", "\u6f22\u5b57", "\uffff", "\U00013000"])
def test_letters_that_no_font_has_are_spelt_and_keep_no_statement_from_being_made(
    odd: str,
) -> None:
    [first] = a_statement(1).lines
    said = Said(f"Anna Петрова{odd}", f"{odd} rent")
    one = attrs.evolve(a_statement(1), lines=(attrs.evolve(first, said=said),))
    made_ = statement_pdf(one, institution="Bank", language="en", made_at_ms=AT_MS)
    with pikepdf.open(io.BytesIO(made_)) as pdf:
        data = json.loads(pdf.attachments["data.json"].get_file().read_bytes())

    [line] = data["lines"]
    assert line["name"].startswith("Anna Петрова")
    assert line["text"].endswith("rent")
    assert odd not in line["name"] + line["text"]


def test_what_was_signed_of_a_receipt_stays_as_it_is() -> None:
    signed = '{"name":"\U0001f600"}'
    page = {
        "title": "Receipt",
        "institution": "Bank",
        "language": "en",
        "facts": [["To", "\U0001f600"]],
    }
    page |= {"lines": [], "lines_title": "", "note": "", SIGNED: signed}
    with pikepdf.open(io.BytesIO(typeset("receipts/receipt.typ", page, AT_MS))) as pdf:
        assert pdf.attachments["receipt.json"].get_file().read_bytes().decode() == signed


def test_the_same_statement_gives_the_same_bytes() -> None:
    assert made(1, "en") == made(1, "en")


def test_a_statement_without_lines_is_made_too() -> None:
    assert made(0, "de").startswith(b"%PDF")


def test_a_pdf_is_bounded() -> None:
    with pytest.raises(TooLargeError):
        made(PDF_LINES_MAX + 1, "en")
