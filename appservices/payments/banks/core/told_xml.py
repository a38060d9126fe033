"""Bank reports: pain.002 on orders, camt.054 on lines, camt.053 at the end of a day.

Written for the demo's bank and for statements to customers, read from every bank.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core import fields
from appservices.payments.banks.core.port import (
    ENTRIES_MAX,
    BankMessage,
    Booked,
    Closed,
    Entry,
    Odd,
    OrderStatus,
    Statement,
    Status,
)
from appservices.payments.banks.core.tree import (
    NAME_CHARACTERS_MAX,
    NOT_PROVIDED,
    TEXT_CHARACTERS_MAX,
    document,
    moment,
    put,
    put_account,
    put_amount,
    put_remittance,
    sealed,
)
from appservices.payments.banks.core.xml import BankMessageError, refusal
from appservices.payments.formats.core import rf

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from appservices.payments.formats.core.xml import Element

PAIN_002: Final = "pain.002.001.12"
CAMT_053: Final = "camt.053.001.08"
CAMT_054: Final = "camt.054.001.08"

_WORDS: Final = {
    OrderStatus.ACCEPTED: "ACSP",
    OrderStatus.PENDING: "PDNG",
    OrderStatus.SETTLED: "ACSC",
    OrderStatus.REJECTED: "RJCT",
}
_STATUSES: Final = {
    **dict.fromkeys(("ACTC", "ACCP", "ACSP", "ACWC"), OrderStatus.ACCEPTED),
    **dict.fromkeys(("ACSC", "ACCC"), OrderStatus.SETTLED),
    "RJCT": OrderStatus.REJECTED,
}
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)


def write_statuses(
    message_id: str, of: BankMessage, statuses: Sequence[Status], now_ms: int
) -> BankMessage:
    """A pain.002 on orders of a file."""
    root = document(PAIN_002)
    body = put(root, "CstmrPmtStsRpt")
    put(body, "GrpHdr/MsgId", message_id)
    put(body, "GrpHdr/CreDtTm", moment(now_ms))
    put(body, "OrgnlGrpInfAndSts/OrgnlMsgId", of.id)
    put(body, "OrgnlGrpInfAndSts/OrgnlMsgNmId", of.name)
    put(body, "OrgnlPmtInfAndSts/OrgnlPmtInfId", of.id)
    for one in statuses:
        tx = put(body[-1], "TxInfAndSts")
        put(tx, "OrgnlEndToEndId", one.order_id)
        put(tx, "TxSts", _WORDS[one.status])
        if one.code:
            put(tx, "StsRsnInf/Rsn/Cd", one.code)
    return sealed(message_id, PAIN_002, root)


def read_statuses(root: Element) -> Sequence[Status | Odd]:
    """Read a pain.002: the status of the whole file if there is one, and of each order."""
    body = fields.one(root, "CstmrPmtStsRpt")
    of = fields.value(body, "OrgnlGrpInfAndSts/OrgnlMsgId")
    group = fields.maybe(body, "OrgnlGrpInfAndSts")
    found: list[Status | Odd] = []
    word = fields.value(body, "OrgnlGrpInfAndSts/GrpSts")
    if word:
        found.append(Status(of, "", _status(word), _reason(group)))
    for payment in fields.many(body, "OrgnlPmtInfAndSts"):
        # A file of ours has one payment information, with all its orders.
        if word := fields.value(payment, "PmtInfSts"):
            found.append(Status(of, "", _status(word), _reason(payment)))
        for tx in fields.many(payment, "TxInfAndSts"):
            order_id = fields.value(tx, "OrgnlEndToEndId") or fields.value(tx, "OrgnlInstrId")
            if order_id:
                status = _status(fields.value(tx, "TxSts"))
                found.append(Status(of, order_id, status, _reason(tx)))
            else:
                found.append(_odd(of, tx, "names no order: left out"))
    return found


def write_advice(
    message_id: str, account: str, entries: Sequence[Entry], now_ms: int
) -> BankMessage:
    """A camt.054 on lines of an account."""
    root = document(CAMT_054)
    body = put(root, "BkToCstmrDbtCdtNtfctn")
    _put_header(body, message_id, now_ms)
    advice = put(body, "Ntfctn")
    put(advice, "Id", message_id)
    put(advice, "CreDtTm", moment(now_ms))
    put_account(advice, "Acct", account)
    for entry in entries:
        _put_entry(advice, entry)
    return sealed(message_id, CAMT_054, root)


def read_advice(root: Element) -> Sequence[Booked | Odd]:
    """The booked lines of a camt.054, and what cannot be booked."""
    found: list[Booked | Odd] = []
    for one in fields.many(fields.one(root, "BkToCstmrDbtCdtNtfctn"), "Ntfctn"):
        account = fields.account(one, "Acct")
        day = fields.date_of(fields.one(one, "CreDtTm"))
        entries, odd, _ = _entries(one, account, day)
        found += [*odd, *(Booked(account, entry) for entry in entries)]
    return found


def write_statement(statement: Statement, now_ms: int) -> BankMessage:
    """A camt.053; that its sums add up is asked of the caller, and of whoever reads it."""
    root = document(CAMT_053)
    body = put(root, "BkToCstmrStmt")
    _put_header(body, statement.id, now_ms)
    one = put(body, "Stmt")
    put(one, "Id", statement.id)
    put(one, "CreDtTm", moment(now_ms))
    put(one, "FrToDt/FrDtTm", f"{statement.opened_on.isoformat()}T00:00:00Z")
    put(one, "FrToDt/ToDtTm", f"{statement.closed_on.isoformat()}T23:59:59Z")
    put_account(one, "Acct", statement.account)
    put(one, "Acct/Ccy", statement.currency)
    days = (statement.opened_on, statement.closed_on)
    amounts = (statement.opening_minor, statement.closing_minor)
    for kind, minor, day in zip(("OPBD", "CLBD"), amounts, days, strict=True):
        balance = put(one, "Bal")
        put(balance, "Tp/CdOrPrtry/Cd", kind)
        put_amount(balance, "Amt", abs(minor), statement.currency)
        put(balance, "CdtDbtInd", "DBIT" if minor < 0 else "CRDT")
        put(balance, "Dt/Dt", day.isoformat())
    for entry in statement.entries:
        _put_entry(one, entry)
    return sealed(statement.id, CAMT_053, root)


def read_statements(root: Element) -> Sequence[Closed | Odd]:
    """The statements of a camt.053, and what of their lines cannot be booked.

    Raises:
        BankMessageError: All lines can be booked, and opening balance and lines do not make the
            closing balance; balances are missing; or there are over ``ENTRIES_MAX`` lines.
    """
    found: list[Closed | Odd] = []
    for one in fields.many(fields.one(root, "BkToCstmrStmt"), "Stmt"):
        found += _statement(one)
    return found


def _statement(one: Element) -> Sequence[Closed | Odd]:
    account = fields.account(one, "Acct")
    opening, opened_on, currency = _balance(one, _OPENING)
    closing, closed_on, closing_currency = _balance(one, _CLOSING)
    if closing_currency != currency:
        raise refusal(one, "opens in one currency and closes in another")
    entries, odd, is_whole = _entries(one, account, closed_on, currency)
    # With a line missing, the day's end does not add up in our books either, and says so.
    if is_whole and opening + sum(entry.signed_minor for entry in entries) != closing:
        raise refusal(
            _balance_element(one, _CLOSING),
            "opening balance and lines do not make the closing balance",
        )
    id_ = fields.value(one, "Id")
    days = (opened_on, closed_on)
    return [*odd, Closed(Statement(id_, account, currency, *days, opening, closing, entries))]


def _balance(one: Element, kinds: Sequence[str]) -> tuple[int, dt.date, str]:
    element = _balance_element(one, kinds)
    amount = fields.one(element, "Amt")
    currency = fields.currency_of(amount)
    minor = fields.minor_of(amount, currency, is_zero_fine=True)
    sign = -1 if fields.value(element, "CdtDbtInd") == "DBIT" else 1
    return sign * minor, fields.date_of(fields.one(element, "Dt")), currency


def _balance_element(one: Element, kinds: Sequence[str]) -> Element:
    balances = fields.many(one, "Bal")
    for kind in kinds:
        for balance in balances:
            if fields.value(balance, "Tp/CdOrPrtry/Cd") == kind:
                return balance
    raise refusal(one, f"has no balance {kinds[0]}")


def _put_header(body: Element, message_id: str, now_ms: int) -> None:
    put(body, "GrpHdr/MsgId", message_id)
    put(body, "GrpHdr/CreDtTm", moment(now_ms))


def _put_entry(parent: Element, entry: Entry) -> None:
    side = "CRDT" if entry.is_credit else "DBIT"
    one = put(parent, "Ntry")
    put_amount(one, "Amt", entry.amount_minor, entry.currency)
    put(one, "CdtDbtInd", side)
    put(one, "Sts/Cd", "BOOK")
    put(one, "BookgDt/Dt", entry.booked_on.isoformat())
    put(one, "ValDt/Dt", entry.booked_on.isoformat())
    put(one, "AcctSvcrRef", entry.key)
    put(one, "BkTxCd/Prtry/Cd", "RETURN" if entry.return_code else "TRANSFER")
    tx = put(one, "NtryDtls/TxDtls")
    put(tx, "Refs/AcctSvcrRef", entry.key)
    put(tx, "Refs/EndToEndId", entry.order_id or NOT_PROVIDED)
    put_amount(tx, "Amt", entry.amount_minor, entry.currency)
    put(tx, "CdtDbtInd", side)
    _put_parties(tx, entry)
    put_remittance(tx, entry.reference, entry.text[:TEXT_CHARACTERS_MAX])
    if entry.return_code:
        put(tx, "RtrInf/Rsn/Cd", entry.return_code)


def _put_parties(tx: Element, entry: Entry) -> None:
    """The other side, and the account of ours that was named; in the schema's order."""
    theirs, ours = ("Dbtr", "Cdtr") if entry.is_credit else ("Cdtr", "Dbtr")
    accounts = {theirs: entry.other_account, ours: entry.own_account}
    for role in ("Dbtr", "Cdtr"):
        if role == theirs and entry.other_name:
            put(tx, f"RltdPties/{role}/Pty/Nm", entry.other_name[:NAME_CHARACTERS_MAX])
        if accounts[role]:
            put_account(tx, f"RltdPties/{role}Acct", accounts[role])


def _entries(
    parent: Element, account: str, day: dt.date, currency: str = ""
) -> tuple[Sequence[Entry], Sequence[Odd], bool]:
    """The booked lines below ``parent``, those of a batch one by one; what is odd; if it is all.

    Args:
        parent: A statement or an advice.
        account: Whose.
        day: Of lines that name none.
        currency: That they are to be in; empty: in any.
    """
    elements = fields.many(parent, "Ntry")
    if len(elements) > ENTRIES_MAX:
        raise refusal(parent, f"has more than {ENTRIES_MAX} lines")
    seen: Counter[str] = Counter()
    entries: list[Entry] = []
    odd: list[Odd] = []
    is_whole = True
    id_ = fields.value(parent, "Id")
    for element in elements:
        if fields.value(element, "Sts/Cd") != "BOOK":
            continue
        try:
            whole, lines, problem = _lines(element, day, currency)
        except BankMessageError as e:
            odd.append(Odd(id_, f"{e}: not booked"))
            is_whole = False
            continue
        lines = [line if line.key else _keyed(line, account, seen) for line in lines]
        if whole and (len(lines) > 1 or whole.key not in ("", lines[0].key)):
            key = whole.key or _keyed(whole, account, seen).key
            lines = [attrs.evolve(x, batch=key, batch_minor=whole.signed_minor) for x in lines]
        entries += lines
        if problem:
            odd.append(_odd(id_, element, problem))
    return entries, odd, is_whole


def _lines(
    element: Element, day: dt.date, wanted: str
) -> tuple[Entry | None, Sequence[Entry], str]:
    """Return a booked line as one, the lines that it makes, and what is odd about it."""
    amount = fields.one(element, "Amt")
    currency = fields.currency_of(amount)
    if wanted and currency != wanted:
        raise refusal(amount, f"is not in {wanted}, the currency of the account")
    total = fields.minor_of(amount, currency, is_zero_fine=True)
    if not total:
        return None, (), "is of 0.00 and moves nothing: not booked"
    problem = ""
    if fields.maybe(element, "BookgDt") is None:
        problem = f"says no day: booked on {day.isoformat()}"
    own = fields.value(element, "AcctSvcrRef")
    details = [
        tx for batch in fields.many(element, "NtryDtls") for tx in fields.many(batch, "TxDtls")
    ]
    whole = _line(element, element, currency, total, day, own)
    if len(details) <= 1:
        tx = details[0] if details else element
        return whole, [_line(element, tx, currency, total, day, own)], problem
    amounts = [_part(tx, currency) for tx in details]
    lines = [
        _line(element, tx, currency, part, day)
        for tx, part in zip(details, amounts, strict=True)
        if part
    ]
    keys = Counter(line.key for line in lines)
    # Some banks repeat the reference of the batch: it tells none of the lines from another.
    lines = [line if keys[line.key] == 1 else attrs.evolve(line, key="") for line in lines]
    if None in amounts or sum(line.signed_minor for line in lines) != whole.signed_minor:
        return whole, [whole], "has details that do not make its sum: booked as one line"
    if 0 in amounts:
        problem = "has a detail of 0.00, which moves nothing: not booked"
    return whole, lines, problem


def _part(tx: Element, currency: str) -> int | None:
    """The amount of one of several details; None where it says none in the line's currency."""
    amount = fields.maybe(tx, "Amt")
    if amount is None or amount.get("Ccy") != currency:
        return None
    return fields.minor_of(amount, currency, is_zero_fine=True)


def _line(
    element: Element, tx: Element, currency: str, minor: int, day: dt.date, own: str = ""
) -> Entry:
    is_credit = (fields.value(tx, "CdtDbtInd") or fields.value(element, "CdtDbtInd")) == "CRDT"
    theirs, ours = ("Dbtr", "Cdtr") if is_credit else ("Cdtr", "Dbtr")
    booked = fields.maybe(element, "BookgDt")
    order_id = fields.value(tx, "Refs/EndToEndId")
    reference = fields.value(tx, "RmtInf/Strd/CdtrRefInf/Ref")
    return Entry(
        key=fields.value(tx, "Refs/AcctSvcrRef") or own,
        amount_minor=minor,
        is_credit=is_credit,
        currency=currency,
        booked_on=day if booked is None else fields.date_of(booked),
        order_id="" if order_id == NOT_PROVIDED else order_id,
        other_name=fields.value(tx, f"RltdPties/{theirs}/Pty/Nm"),
        other_account=fields.account(tx, f"RltdPties/{theirs}Acct"),
        own_account=fields.account(tx, f"RltdPties/{ours}Acct"),
        reference=rf.read(reference) if rf.is_reference(reference) else reference,
        text=" ".join(
            (one.text or "").strip()
            for info in fields.many(tx, "RmtInf")
            for one in fields.many(info, "Ustrd")
        ),
        return_code=fields.value(tx, "RtrInf/Rsn/Cd"),
    )


def _odd(about: str, element: Element, problem: str) -> Odd:
    return Odd(about, str(refusal(element, problem)))


def _keyed(line: Entry, account: str, seen: Counter[str]) -> Entry:
    """A line with a key made of what it says, and of its place among those that say the same."""
    said = (account, line.booked_on, line.signed_minor, line.currency, line.order_id)
    more = (line.other_account, line.reference, line.text, line.return_code)
    digest = hashlib.sha256("\0".join(map(str, (*said, *more))).encode()).hexdigest()[:28]
    seen[digest] += 1
    return attrs.evolve(line, key=f"{digest}-{seen[digest]}")


def _status(word: str) -> OrderStatus:
    return _STATUSES.get(word, OrderStatus.PENDING)


def _reason(parent: Element) -> str:
    return fields.value(parent, "StsRsnInf/Rsn/Cd") or fields.value(parent, "StsRsnInf/Rsn/Prtry")
