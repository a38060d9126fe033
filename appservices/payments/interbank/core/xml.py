"""Movements between two institutions as files: pacs.008, pacs.004, pacs.002.

No name and no purpose is in them: both travel encrypted and are the persons'. Accounts are
pseudonyms, which the institution that wrote a file can tell and nobody else.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.core import fields
from appservices.payments.banks.core.port import ENTRIES_MAX
from appservices.payments.banks.core.tree import (
    NOT_PROVIDED,
    decimal,
    document,
    moment,
    put,
    put_amount,
    sealed,
)
from appservices.payments.banks.core.xml import read, refusal
from appservices.payments.formats.core import rf
from appservices.payments.interbank.core.movements import (
    MESSAGES,
    PACS_002,
    PACS_004,
    PACS_008,
    TXS_MAX,
    Original,
    Standing,
    Stated,
    Told,
    agent_id,
    uetr,
)
from veche.protocol.errors import MalformedError
from veche.protocol.ids import ULID_PATTERN, Ulid, derived_ulid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.banks.core.port import BankMessage
    from appservices.payments.formats.core.xml import Element
    from appservices.payments.interbank.core.movements import InterbankPayment

_BODIES: Final = {PACS_008: "FIToFICstmrCdtTrf", PACS_004: "PmtRtr", PACS_002: "FIToFIPmtStsRpt"}
_TOTALS: Final = {PACS_008: "TtlIntrBkSttlmAmt", PACS_004: "TtlRtrdIntrBkSttlmAmt"}
_TXS: Final = {PACS_008: "CdtTrfTxInf", PACS_004: "TxInf", PACS_002: "TxInfAndSts"}
_MIRRORED: Final = "INGA"
"""Settled on the account that the institution of the payer keeps for the other one."""
_RETURNED_BY_CUSTOMER: Final = "MS02"
"""Whoever was paid gives it back; why is not said."""
_SCHEME: Final = "MATRIX"
_ULID: Final = re.compile(ULID_PATTERN, re.ASCII)


def write_payments(payments: Sequence[InterbankPayment], now_ms: int) -> BankMessage:
    """Write a day's payments to another institution: a pacs.008, or a pacs.004 of refunds.

    Args:
        payments: 1 to ``TXS_MAX``, all paid, of one message, day, currency and way.
        now_ms: UTC.

    Raises:
        MalformedError: One does not go with the first.
    """
    first = payments[0] if payments else None
    if first is None or len(payments) > TXS_MAX:
        raise MalformedError("payments", f"a message has 1 to {TXS_MAX} payments")
    if len({(*_way(one), one.message, one.on, one.currency) for one in payments}) > 1:
        raise MalformedError("payments", "a message has one way, kind, day and currency")
    if not all(one.standing.is_paid for one in payments):
        raise MalformedError("payments", "only what was paid")
    name, total = first.message, sum(one.amount_minor or 0 for one in payments)
    message_id = _id_of(name, payments)
    root = document(name)
    body = put(root, _BODIES[name])
    put(body, "GrpHdr/MsgId", message_id)
    put(body, "GrpHdr/CreDtTm", moment(now_ms))
    put(body, "GrpHdr/NbOfTxs", str(len(payments)))
    put(body, "GrpHdr/CtrlSum", decimal(total, first.currency))
    put_amount(body, f"GrpHdr/{_TOTALS[name]}", total, first.currency)
    put(body, "GrpHdr/IntrBkSttlmDt", first.on.isoformat())
    put(body, "GrpHdr/SttlmInf/SttlmMtd", _MIRRORED)
    _put_agents(body, "GrpHdr", first.payer_at, first.payee_at)
    for one in payments:
        tx = put(body, _TXS[name])
        if name == PACS_008:
            _put_transfer(tx, one)
        else:
            _put_return(tx, one)
    return sealed(message_id, name, root)


def write_statuses(
    payments: Sequence[InterbankPayment], of: BankMessage | None, now_ms: int
) -> BankMessage:
    """Write the payee institution's statuses of payments: a pacs.002.

    Args:
        payments: 1 to ``TXS_MAX``, of one way.
        of: The message that they are in; None: they were not paid, so they are in none, and their
            amounts and accounts are said here.
        now_ms: UTC.

    Raises:
        MalformedError: One does not go with the first.
    """
    if not 1 <= len(payments) <= TXS_MAX or len({_way(one) for one in payments}) > 1:
        raise MalformedError("payments", f"a message has 1 to {TXS_MAX} payments, one way")
    if {one.standing.is_paid for one in payments} != {of is not None}:
        raise MalformedError("payments", "what was paid has a message, what was not has none")
    first, message_id = payments[0], _id_of(PACS_002, payments)
    root = document(PACS_002)
    body = put(root, _BODIES[PACS_002])
    put(body, "GrpHdr/MsgId", message_id)
    put(body, "GrpHdr/CreDtTm", moment(now_ms))
    _put_agents(body, "GrpHdr", first.payee_at, first.payer_at)
    if of is not None:
        put(body, "OrgnlGrpInfAndSts/OrgnlMsgId", of.id)
        put(body, "OrgnlGrpInfAndSts/OrgnlMsgNmId", of.name)
        put(body, "OrgnlGrpInfAndSts/OrgnlNbOfTxs", str(len(payments)))
    for one in payments:
        tx = put(body, _TXS[PACS_002])
        if of is None:
            put(tx, "OrgnlGrpInf/OrgnlMsgId", NOT_PROVIDED)
            put(tx, "OrgnlGrpInf/OrgnlMsgNmId", one.message)
        put(tx, "OrgnlInstrId", one.id)
        put(tx, "OrgnlEndToEndId", one.id)
        put(tx, "OrgnlTxId", one.id)
        put(tx, "OrgnlUETR", uetr(one.id))
        put(tx, "TxSts", one.standing.value)
        if one.reason:
            put(tx, "StsRsnInf/Rsn/Cd", one.reason)
        if one.credited_at_ms is not None:
            put(tx, "AccptncDtTm", moment(one.credited_at_ms))
        if of is None:
            _put_asked(tx, one)
    return sealed(message_id, PACS_002, root)


def read_told(data: bytes) -> Told:
    """Read a file of another institution.

    Raises:
        BankMessageError: It is no such message, breaks its schema, or does not add up.
    """
    name, root = read(data, MESSAGES)
    body = fields.one(root, _BODIES[name])
    header = fields.one(body, "GrpHdr")
    txs = fields.many(body, _TXS[name])
    if not 1 <= len(txs) <= ENTRIES_MAX:
        raise refusal(body, f"has none or more than {ENTRIES_MAX} payments")
    agents = _agent(header, "InstgAgt"), _agent(header, "InstdAgt")
    if name == PACS_002:
        agents = agents[1], agents[0]
        payments = [_status(tx, agents, _made(header)) for tx in txs]
        _check_count(fields.maybe(body, "OrgnlGrpInfAndSts/OrgnlNbOfTxs"), len(payments))
    else:
        payments = [_payment(name, header, tx, agents) for tx in txs]
        _check_totals(name, header, payments)
    if len({one.id for one in payments}) != len(payments):
        raise refusal(body, "a payment stands twice")
    at_ms = int(_made(header).timestamp() * 1000)
    return Told(name, fields.value(header, "MsgId"), at_ms, payments)


def _put_transfer(tx: Element, one: InterbankPayment) -> None:
    put(tx, "PmtId/InstrId", one.id)
    put(tx, "PmtId/EndToEndId", one.id)
    put(tx, "PmtId/TxId", one.id)
    put(tx, "PmtId/UETR", uetr(one.id))
    put_amount(tx, "IntrBkSttlmAmt", one.amount_minor or 0, one.currency)
    _put_moments(tx, one)
    put(tx, "ChrgBr", "SLEV")
    put(tx, "Dbtr/Nm", NOT_PROVIDED)
    put(tx, "DbtrAcct/Id/Othr/Id", one.payer)
    _put_agent(tx, "DbtrAgt", one.payer_at)
    _put_agent(tx, "CdtrAgt", one.payee_at)
    put(tx, "Cdtr/Nm", NOT_PROVIDED)
    put(tx, "CdtrAcct/Id/Othr/Id", one.payee)
    if one.invoice is not None:
        put(tx, "RmtInf/Strd/RfrdDocInf/Tp/CdOrPrtry/Cd", "CINV")
        put(tx, "RmtInf/Strd/RfrdDocInf/Nb", one.invoice)
    put(tx, "RmtInf/Strd/CdtrRefInf/Tp/CdOrPrtry/Cd", "SCOR")
    put(tx, "RmtInf/Strd/CdtrRefInf/Ref", rf.reference_of(Ulid(one.id)))


def _put_return(tx: Element, one: InterbankPayment) -> None:
    of = one.original
    assert of is not None, "a return is of something"  # noqa: S101 -- our bug
    put(tx, "RtrId", one.id)
    put(tx, "OrgnlInstrId", of.id)
    put(tx, "OrgnlEndToEndId", of.id)
    put(tx, "OrgnlTxId", of.id)
    put(tx, "OrgnlUETR", uetr(of.id))
    if of.amount_minor is not None:
        put_amount(tx, "OrgnlIntrBkSttlmAmt", of.amount_minor, one.currency)
    if of.on is not None:
        put(tx, "OrgnlIntrBkSttlmDt", of.on.isoformat())
    put_amount(tx, "RtrdIntrBkSttlmAmt", one.amount_minor or 0, one.currency)
    _put_moments(tx, one)
    put(tx, "RtrRsnInf/Rsn/Cd", _RETURNED_BY_CUSTOMER)
    # Of the first payment: who gives back now was paid then.
    put(tx, "OrgnlTxRef/DbtrAcct/Id/Othr/Id", one.payee)
    _put_agent(tx, "OrgnlTxRef/DbtrAgt", one.payee_at)
    _put_agent(tx, "OrgnlTxRef/CdtrAgt", one.payer_at)
    put(tx, "OrgnlTxRef/CdtrAcct/Id/Othr/Id", one.payer)


def _put_asked(tx: Element, one: InterbankPayment) -> None:
    """Write a payment that was not made, as it was requested."""
    if one.amount_minor is not None and one.currency:
        put_amount(tx, "OrgnlTxRef/IntrBkSttlmAmt", one.amount_minor, one.currency)
    put(tx, "OrgnlTxRef/IntrBkSttlmDt", one.on.isoformat())
    put(tx, "OrgnlTxRef/DbtrAcct/Id/Othr/Id", one.payer)
    _put_agent(tx, "OrgnlTxRef/DbtrAgt", one.payer_at)
    _put_agent(tx, "OrgnlTxRef/CdtrAgt", one.payee_at)
    put(tx, "OrgnlTxRef/CdtrAcct/Id/Othr/Id", one.payee)


def _put_moments(tx: Element, one: InterbankPayment) -> None:
    assert one.paid_at_ms is not None, "what is paid was paid once"  # noqa: S101 -- our bug
    put(tx, "SttlmTmIndctn/DbtDtTm", moment(one.paid_at_ms))
    if one.credited_at_ms is not None:
        put(tx, "SttlmTmIndctn/CdtDtTm", moment(one.credited_at_ms))


def _put_agents(body: Element, path: str, instructing: str, instructed: str) -> None:
    _put_agent(body, f"{path}/InstgAgt", instructing)
    _put_agent(body, f"{path}/InstdAgt", instructed)


def _put_agent(parent: Element, path: str, server: str) -> None:
    put(parent, f"{path}/FinInstnId/Othr/Id", agent_id(server))
    put(parent, f"{path}/FinInstnId/Othr/SchmeNm/Prtry", _SCHEME)


def _id_of(name: str, payments: Sequence[InterbankPayment]) -> Ulid:
    """The ``MsgId``: the same for the same payments."""
    midnight = dt.datetime.combine(payments[0].on, dt.time(), dt.UTC)
    ids = (f"{one.id} {one.standing.value}" for one in payments)
    return derived_ulid(int(midnight.timestamp()) * 1000, "interbank", name, *ids)


def _way(one: Stated) -> tuple[str, str]:
    return one.payer_at, one.payee_at


def _payment(name: str, header: Element, tx: Element, agents: tuple[str, str]) -> Stated:
    is_return = name == PACS_004
    amount = fields.one(tx, "RtrdIntrBkSttlmAmt" if is_return else "IntrBkSttlmAmt")
    currency = fields.currency_of(amount)
    original = Original(_payment_id(tx, "OrgnlTxId")) if is_return else None
    return Stated(
        id=_payment_id(tx, "RtrId" if is_return else "PmtId/TxId"),
        payer_at=agents[0],
        payee_at=agents[1],
        standing=Standing.PAID,
        currency=currency,
        amount_minor=fields.minor_of(amount, currency),
        on=_day(tx, fields.value(tx, "IntrBkSttlmDt") or fields.value(header, "IntrBkSttlmDt")),
        original=original,
    )


def _status(tx: Element, agents: tuple[str, str], made: dt.datetime) -> Stated:
    word = fields.value(tx, "TxSts")
    if word not in {one.value for one in Standing}:
        raise refusal(tx, f"TxSts should be {', '.join(one.value for one in Standing)}")
    amount = fields.maybe(tx, "OrgnlTxRef/IntrBkSttlmAmt")
    currency = fields.currency_of(amount) if amount is not None else ""
    on = fields.value(tx, "OrgnlTxRef/IntrBkSttlmDt")
    return Stated(
        id=_payment_id(tx, "OrgnlTxId"),
        payer_at=agents[0],
        payee_at=agents[1],
        standing=Standing(word),
        currency=currency,
        amount_minor=fields.minor_of(amount, currency) if amount is not None else None,
        on=_day(tx, on) if on else made.date(),
    )


def _payment_id(tx: Element, path: str) -> str:
    found = fields.value(tx, path)
    if not _ULID.fullmatch(found):
        raise refusal(tx, f"{path} should be the id of a payment")
    return found


def _agent(header: Element, role: str) -> str:
    found = fields.value(header, f"{role}/FinInstnId/Othr/Id")
    if not found:
        raise refusal(header, f"{role} should name an institution by its server")
    return found


def _day(tx: Element, written: str) -> dt.date:
    try:
        return dt.date.fromisoformat(written[:10])
    except ValueError as e:
        raise refusal(tx, "IntrBkSttlmDt should be a day") from e


def _made(header: Element) -> dt.datetime:
    element = fields.one(header, "CreDtTm")
    try:
        found = dt.datetime.fromisoformat((element.text or "").strip())
        found = found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)
        return found.astimezone(dt.UTC)
    except (ValueError, OverflowError) as e:
        raise refusal(element, "should be a time") from e


def _check_count(stated: Element | None, found: int) -> None:
    if stated is not None and int(stated.text) != found:
        raise refusal(stated, f"says another number than the {found} payments that are there")


def _check_totals(name: str, header: Element, payments: Sequence[Stated]) -> None:
    _check_count(fields.one(header, "NbOfTxs"), len(payments))
    currencies = {one.currency for one in payments}
    if len(currencies) > 1:
        raise refusal(header, "a message has payments of one currency")
    [currency] = currencies
    found = sum(one.amount_minor or 0 for one in payments)
    total = fields.one(header, _TOTALS[name])
    if fields.currency_of(total) != currency or fields.minor_of(total, currency) != found:
        raise refusal(total, "is not the sum of the payments")
    stated = fields.maybe(header, "CtrlSum")
    if stated is not None and fields.minor_of(stated, currency) != found:
        raise refusal(stated, "is not the sum of the payments")
