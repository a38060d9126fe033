"""Entries of a person's account: by days, searched, and as files.

It is the statement of those days, so it adds up to the ledger whatever is looked for in it.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.statements.core import write_camt, write_csv
from appservices.payments.statements.service.files import words_of
from appservices.payments.statements.service.pdfs import make_pdf, statement_id
from appservices.payments.statements.service.statements import statement
from appservices.payments.wallet.api import BookedView, HistoryView
from appservices.payments.wallet.texts import Trouble
from veche.api import Download
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Parts
    from appservices.payments.statements.core import AccountStatement, Line
    from appservices.payments.wallet.api import HistoryQuery, StatementQuery
    from appservices.payments.wallet.service.visit import Visit

SHOWN_MAX: Final = 200
"""Lines that are shown at once; more days, or a file, have the others."""
_TYPES: Final = {
    "csv": ("text/csv; charset=utf-8", "csv"),
    "pdf": ("application/pdf", "pdf"),
    "camt053": ("application/xml", "xml"),
}


def account_statement(
    visit: Visit, asked: HistoryQuery | StatementQuery
) -> AccountStatement | None:
    """The statement of the person's account in a currency; None if the ledger has none yet.

    Raises:
        MalformedError: The days are none, or not in order.
        PaymentRefusedError: The currency is not kept here.
        TooLargeError: There are too many lines.
    """
    scene = visit.scene
    if asked.currency not in scene.section.currencies:
        raise visit.refused(Trouble.CURRENCY)
    days = (_day(asked.first, "first"), _day(asked.last, "last"))
    known = holders.accounts(scene.txn, visit.holder.id, AccountCode.WALLET)
    account = next((number for number, code in known if code == asked.currency), None)
    if account is None:
        return None
    say = words_of(scene, visit.person, visit.localizer)
    return statement(scene.txn, account, asked.currency, days, say)


def existing_statement(visit: Visit, asked: StatementQuery) -> AccountStatement:
    """The statement of the person's account, where there is one.

    Raises:
        PaymentRefusedError: The ledger has none in this currency yet.
        VecheError: As ``account_statement``.
    """
    found = account_statement(visit, asked)
    if found is None:
        raise visit.refused(Trouble.NOTHING_BOOKED)
    return found


def history(visit: Visit, asked: HistoryQuery) -> HistoryView:
    """List entries, newest first; with words, only entries that contain all of them.

    Raises:
        VecheError: As ``account_statement``.
    """
    found = account_statement(visit, asked)
    lines = found.lines if found is not None else ()
    wanted = _folded(asked.q).split()
    fitting = [one for one in lines if all(word in _text(one) for word in wanted)]
    shown = fitting[: -SHOWN_MAX - 1 : -1]
    return HistoryView(
        currency=asked.currency,
        opening_minor=found.opening_minor if found else 0,
        credit_minor=found.credit_minor if found else 0,
        debit_minor=found.debit_minor if found else 0,
        closing_minor=found.closing_minor if found else 0,
        lines=[_booked(one) for one in shown],
        left_out=len(fitting) - len(shown),
    )


async def statement_file(
    parts: Parts, found: AccountStatement, asked: StatementQuery, language: str, now_ms: int
) -> Download:
    """A statement as a file.

    Args:
        parts: Of the institution.
        found: What was booked.
        asked: In which form.
        language: Of its words.
        now_ms: When it is made, UTC.

    Raises:
        TooLargeError: It has too many lines for a PDF.
        UnavailableError: A PDF cannot be sealed now.
    """
    kind, ending = _TYPES[asked.form]
    stem = f"statement-{asked.currency}-{asked.first}-{asked.last}"
    if asked.form == "csv":
        content = write_csv(found)
    elif asked.form == "camt053":
        content = write_camt(found, statement_id(found), now_ms).data
    else:
        content = await make_pdf(parts, found, language, now_ms)
    return Download(content, kind, f"{stem}.{ending}")


def _booked(line: Line) -> BookedView:
    return BookedView(
        at_ms=line.at_ms,
        minor=line.amount_minor,
        balance_minor=line.balance_minor,
        address=line.said.address,
        name=line.said.name,
        text=line.said.text or line.said.reference,
        payment=line.said.payment,
    )


def _text(line: Line) -> str:
    return _folded(f"{line.said.name} {line.said.text} {line.said.reference}")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _day(text: str, where: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as e:
        raise MalformedError(f"query.{where}", "there is no such day") from e
