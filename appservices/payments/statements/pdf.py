"""Statements as PDF/A-3b, with their lines inside as ``data.json``; made by typst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.typesetting import typeset
from veche.protocol.errors import TooLargeError
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import show_date, show_money

if TYPE_CHECKING:
    import datetime as dt

    from appservices.payments.statements.core import AccountStatement

PDF_LINES_MAX: Final = 5_000
"""Lines of one PDF; a longer statement is CSV or camt.053, or several."""
_DAY_MS: Final = 86_400_000


def statement_pdf(
    statement: AccountStatement, *, institution: str, language: str, made_at_ms: int
) -> bytes:
    """A statement for a person. It takes up to seconds of one core, so make it in a thread.

    The same statement at the same time gives the same bytes.

    Args:
        statement: At most ``PDF_LINES_MAX`` lines.
        institution: Its name.
        language: One of ``LANGUAGES``.
        made_at_ms: Date of the PDF, UTC.

    Raises:
        TooLargeError: It has too many lines.
    """
    if len(statement.lines) > PDF_LINES_MAX:
        raise TooLargeError(f"a PDF has at most {PDF_LINES_MAX} lines: ask for fewer days, or CSV")
    return typeset("statements/statement.typ", _data(statement, institution, language), made_at_ms)


def _data(statement: AccountStatement, institution: str, language: str) -> dict[str, Any]:
    def money(minor: int) -> str:
        return show_money(Money(minor=minor, currency=statement.currency), language)

    def shown(day: dt.date) -> str:
        return show_date((day.toordinal() - _EPOCH) * _DAY_MS, language, "UTC")

    return {
        "language": language,
        "institution": institution,
        "account": statement.account,
        "currency": statement.currency,
        "from": shown(statement.opened_on),
        "to": shown(statement.closed_on),
        "opening": money(statement.opening_minor),
        "closing": money(statement.closing_minor),
        "credit": money(statement.credit_minor),
        "debit": money(statement.debit_minor),
        "pos": statement.until_pos,
        "lines": [
            {
                "day": show_date(line.at_ms, language, "UTC"),
                "id": line.id,
                "name": line.said.name,
                "text": line.said.text or line.said.reference,
                "amount": money(line.amount_minor),
                "amount_minor": line.amount_minor,
                "balance": money(line.balance_minor),
                "at_ms": line.at_ms,
            }
            for line in statement.lines
        ],
    }


_EPOCH: Final = 719_163
"""1 January 1970 as an ordinal."""
