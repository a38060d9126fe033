"""What a bank tells: pain.002 on orders, camt.054 on lines, camt.053 at the end of a day.

Written for the demo's bank and for statements to customers, read from every bank.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.formats import rf
from appservices.payments.core.rails import fields
from appservices.payments.core.rails.port import (
    ENTRIES_MAX,
    BankMessage,
    Entry,
    OrderStatus,
    Statement,
    Status,
)
from appservices.payments.core.rails.tree import (
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
from appservices.payments.core.rails.xml import refusal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from appservices.payments.core.rails.xml import Element

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


def read_statuses(root: Element) -> Sequence[Status]:
    """What a pain.002 says: of the file as a whole where it rejects it, and of each order."""
    body = fields.one(root, "CstmrPmtStsRpt")
    of = fields.value(body, "OrgnlGrpInfAndSts/OrgnlMsgId")
    group = fields.maybe(body, "OrgnlGrpInfAndSts")
    found: list[Status] = []
    word = fields.value(body, "OrgnlGrpInfAndSts/GrpSts")
    if word:
        found.append(Status(of, "", _status(word), _reason(group)))
    for payment in fields.many(body, "OrgnlPmtInfAndSts"):
        for tx in fields.many(payment, "TxInfAndSts"):
            order_id = fields.value(tx, "OrgnlEndToEndId") or fields.value(tx, "OrgnlInstrId")
            if not order_id:
                raise refusal(tx, "names no order")
            found.append(Status(of, order_id, _status(fields.value(tx, "TxSts")), _reason(tx)))
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


def read_advice(root: Element) -> Sequence[tuple[str, Sequence[Entry]]]:
    """Accounts and their booked lines in a camt.054."""
    body = fields.one(root, "BkToCstmrDbtCdtNtfctn")
    return [
        (fields.account(one, "Acct"), _entries(one, fields.account(one, "Acct")))
        for one in fields.many(body, "Ntfctn")
    ]


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


def read_statements(root: Element) -> Sequence[Statement]:
    """The statements of a camt.053.

    Raises:
        BankMessageError: Opening balance and lines do not make the closing balance, the lines of
            a batch not its sum, a currency differs, or there are over ``ENTRIES_MAX`` lines.
    """
    return [_statement(one) for one in fields.many(fields.one(root, "BkToCstmrStmt"), "Stmt")]


def _statement(one: Element) -> Statement:
    account = fields.account(one, "Acct")
    opening, opened_on, currency = _balance(one, _OPENING)
    closing, closed_on, closing_currency = _balance(one, _CLOSING)
    entries = _entries(one, account)
    for element, entry in zip(fields.many(one, "Ntry"), entries, strict=False):
        if entry.currency != currency:
            raise refusal(element, f"is not in {currency}, the currency of the account")
    if closing_currency != currency:
        raise refusal(one, "opens in one currency and closes in another")
    found = opening + sum(entry.signed_minor for entry in entries)
    if found != closing:
        raise refusal(
            _balance_element(one, _CLOSING),
            "opening balance and lines do not make the closing balance",
        )
    return Statement(
        fields.value(one, "Id"), account, currency, opened_on, closed_on, opening, closing, entries
    )


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


def _entries(parent: Element, account: str) -> Sequence[Entry]:
    """The booked lines below ``parent``; those of a batch one by one."""
    elements = fields.many(parent, "Ntry")
    if len(elements) > ENTRIES_MAX:
        raise refusal(parent, f"has more than {ENTRIES_MAX} lines")
    seen: Counter[str] = Counter()
    entries: list[Entry] = []
    for element in elements:
        if fields.value(element, "Sts/Cd") == "BOOK":
            entries += _lines(element, account, seen)
    return entries


def _lines(element: Element, account: str, seen: Counter[str]) -> Iterator[Entry]:
    amount = fields.one(element, "Amt")
    currency = fields.currency_of(amount)
    total = fields.minor_of(amount, currency)
    details = [
        tx for batch in fields.many(element, "NtryDtls") for tx in fields.many(batch, "TxDtls")
    ]
    lines = [_line(element, tx, currency, total, len(details)) for tx in details or [element]]
    if sum(line.amount_minor for line in lines) != total:
        raise refusal(amount, "is not the sum of its lines")
    for line in lines:
        yield line if line.key else _keyed(line, account, seen)


def _line(element: Element, tx: Element, currency: str, total: int, count: int) -> Entry:
    is_credit = fields.value(element, "CdtDbtInd") == "CRDT"
    theirs, ours = ("Dbtr", "Cdtr") if is_credit else ("Cdtr", "Dbtr")
    amount = fields.maybe(tx, "Amt") if count else None
    if amount is None and count > 1:
        raise refusal(tx, "a line of several needs its amount")
    if amount is not None and amount.get("Ccy") != currency:
        raise refusal(amount, f"is not in {currency}")
    own = fields.value(element, "AcctSvcrRef") if count <= 1 else ""
    order_id = fields.value(tx, "Refs/EndToEndId")
    reference = fields.value(tx, "RmtInf/Strd/CdtrRefInf/Ref")
    return Entry(
        key=fields.value(tx, "Refs/AcctSvcrRef") or own,
        amount_minor=total if amount is None else fields.minor_of(amount, currency),
        is_credit=is_credit,
        currency=currency,
        booked_on=fields.date_of(fields.one(element, "BookgDt")),
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
