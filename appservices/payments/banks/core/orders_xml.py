"""Orders as files: pain.001 pays, pain.008 collects; written, and read by a bank."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core import fields
from appservices.payments.banks.core.port import (
    ORDERS_MAX,
    BankMessage,
    BankOrder,
    OrderKind,
    Party,
    Signed,
)
from appservices.payments.banks.core.tree import (
    NAME_CHARACTERS_MAX,
    NOT_PROVIDED,
    TEXT_CHARACTERS_MAX,
    day,
    decimal,
    document,
    latin,
    moment,
    put,
    put_account,
    put_amount,
    put_bank,
    put_remittance,
    sealed,
)
from appservices.payments.banks.core.xml import refusal
from appservices.payments.formats.core import rf
from appservices.payments.formats.core.plain import iban, minor
from veche.protocol.errors import MalformedError
from veche.protocol.ids import Ulid, derived_ulid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.formats.core.xml import Element

MESSAGES: Final = {OrderKind.PAYOUT: "pain.001.001.09", OrderKind.COLLECT: "pain.008.001.09"}
_ROOTS: Final = {OrderKind.PAYOUT: "CstmrCdtTrfInitn", OrderKind.COLLECT: "CstmrDrctDbtInitn"}
_TXS: Final = {OrderKind.PAYOUT: "CdtTrfTxInf", OrderKind.COLLECT: "DrctDbtTxInf"}


def write_orders(orders: Sequence[BankOrder], now_ms: int) -> BankMessage:
    """The file of orders: one group of payments, executed on the day of ``now_ms``.

    Args:
        orders: 1 to ``ORDERS_MAX``, of one kind, own account and currency. Texts are
            transliterated.
        now_ms: UTC.

    Raises:
        MalformedError: An order does not go with the first, or a field of it is wrong.
    """
    _check(orders)
    first = orders[0]
    message = MESSAGES[first.kind]
    message_id = derived_ulid(now_ms, "bank-file", *(order.id for order in orders))
    root = document(message)
    body = put(root, _ROOTS[first.kind])
    total = decimal(sum(order.amount_minor for order in orders), first.currency)
    put(body, "GrpHdr/MsgId", message_id)
    put(body, "GrpHdr/CreDtTm", moment(now_ms))
    put(body, "GrpHdr/NbOfTxs", str(len(orders)))
    put(body, "GrpHdr/CtrlSum", total)
    put(body, "GrpHdr/InitgPty/Nm", latin(first.own.name, NAME_CHARACTERS_MAX))
    group = put(body, "PmtInf")
    put(group, "PmtInfId", message_id)
    put(group, "PmtMtd", "TRF" if first.kind is OrderKind.PAYOUT else "DD")
    put(group, "NbOfTxs", str(len(orders)))
    put(group, "CtrlSum", total)
    if first.kind is OrderKind.PAYOUT:
        _put_payouts(group, orders, now_ms)
    else:
        _put_collections(group, orders, now_ms)
    return sealed(message_id, message, root)


def read_orders(message: str, root: Element) -> tuple[str, Sequence[BankOrder]]:
    """The ``MsgId`` of a file and its orders.

    Raises:
        BankMessageError: Its number or sum of orders is not what it says, or an order is wrong.
    """
    kind = next(kind for kind, name in MESSAGES.items() if name == message)
    body = fields.one(root, _ROOTS[kind])
    orders: list[BankOrder] = []
    for group in fields.many(body, "PmtInf"):
        # Once for all: a look past thousands of orders for each of them would take a minute.
        common = _common(kind, group)
        read = [_order(common, tx) for tx in fields.many(group, _TXS[kind])]
        _check_totals(group, read)
        orders += read
    _check_totals(fields.one(body, "GrpHdr"), orders)
    if len({order.id for order in orders}) != len(orders):
        raise refusal(body, "an order stands twice")
    return fields.value(body, "GrpHdr/MsgId"), orders


def _put_payouts(group: Element, orders: Sequence[BankOrder], now_ms: int) -> None:
    first = orders[0]
    if first.currency == "EUR":
        put(group, "PmtTpInf/SvcLvl/Cd", "SEPA")
    put(group, "ReqdExctnDt/Dt", day(now_ms).isoformat())
    _put_party(group, "Dbtr", first.own)
    put_bank(group, "DbtrAgt", first.own.bic)
    put(group, "ChrgBr", "SLEV")
    for order in orders:
        tx = put(group, "CdtTrfTxInf")
        put(tx, "PmtId/InstrId", order.id)
        put(tx, "PmtId/EndToEndId", order.id)
        put_amount(tx, "Amt/InstdAmt", order.amount_minor, order.currency)
        if order.other.bic:
            put_bank(tx, "CdtrAgt", order.other.bic)
        _put_party(tx, "Cdtr", order.other)
        _put_purpose(tx, order)


def _put_collections(group: Element, orders: Sequence[BankOrder], now_ms: int) -> None:
    first = orders[0]
    signed = _signed(first)
    put(group, "PmtTpInf/SvcLvl/Cd", "SEPA")
    put(group, "PmtTpInf/LclInstrm/Cd", "CORE")
    put(group, "PmtTpInf/SeqTp", "FRST" if signed.is_first else "RCUR")
    put(group, "ReqdColltnDt", day(now_ms).isoformat())
    _put_party(group, "Cdtr", first.own)
    put_bank(group, "CdtrAgt", first.own.bic)
    put(group, "ChrgBr", "SLEV")
    put(group, "CdtrSchmeId/Id/PrvtId/Othr/Id", signed.creditor_id)
    put(group, "CdtrSchmeId/Id/PrvtId/Othr/SchmeNm/Prtry", "SEPA")
    for order in orders:
        tx = put(group, "DrctDbtTxInf")
        put(tx, "PmtId/InstrId", order.id)
        put(tx, "PmtId/EndToEndId", order.id)
        put_amount(tx, "InstdAmt", order.amount_minor, order.currency)
        mandate = _signed(order)
        put(tx, "DrctDbtTx/MndtRltdInf/MndtId", mandate.mandate_id)
        put(tx, "DrctDbtTx/MndtRltdInf/DtOfSgntr", mandate.signed_on.isoformat())
        put_bank(tx, "DbtrAgt", order.other.bic)
        _put_party(tx, "Dbtr", order.other)
        _put_purpose(tx, order)


def _put_party(parent: Element, role: str, party: Party) -> None:
    put(parent, f"{role}/Nm", latin(party.name, NAME_CHARACTERS_MAX))
    put_account(parent, f"{role}Acct", party.account)


def _put_purpose(tx: Element, order: BankOrder) -> None:
    text = latin(order.text, TEXT_CHARACTERS_MAX) if order.text else ""
    put_remittance(tx, order.reference, text)


def _signed(order: BankOrder) -> Signed:
    if order.mandate is None:
        raise MalformedError("mandate", "a collection stands on a mandate")
    return order.mandate


def _check(orders: Sequence[BankOrder]) -> None:
    if not 1 <= len(orders) <= ORDERS_MAX:
        raise MalformedError("orders", f"a file has 1 to {ORDERS_MAX} orders")
    if len({(o.kind, o.own, o.currency, _scheme(o)) for o in orders}) > 1:
        raise MalformedError("orders", "a file has one kind, account, currency and scheme")
    if len({order.id for order in orders}) != len(orders):
        raise MalformedError("orders", "each order stands once")
    for order in orders:
        minor(order.amount_minor)
        iban(order.other.account, "other.account")
        if order.reference:
            rf.read(order.reference)
        if order.reference and order.text:
            raise MalformedError("text", "a reference or a text, not both")


def _scheme(order: BankOrder) -> tuple[str, bool] | None:
    signed = order.mandate
    return None if signed is None else (signed.creditor_id, signed.is_first)


@attrs.frozen
class _Common:
    """The fields that all orders of a group share."""

    kind: OrderKind
    own: Party
    creditor_id: str
    is_first: bool


def _common(kind: OrderKind, group: Element) -> _Common:
    return _Common(
        kind,
        _party(group, "Dbtr" if kind is OrderKind.PAYOUT else "Cdtr"),
        fields.value(group, "CdtrSchmeId/Id/PrvtId/Othr/Id"),
        fields.value(group, "PmtTpInf/SeqTp") == "FRST",
    )


def _order(common: _Common, tx: Element) -> BankOrder:
    is_payout = common.kind is OrderKind.PAYOUT
    amount = fields.one(tx, "Amt/InstdAmt" if is_payout else "InstdAmt")
    currency = fields.currency_of(amount)
    return BankOrder(
        id=Ulid(fields.value(tx, "PmtId/EndToEndId")),
        kind=common.kind,
        own=common.own,
        other=_party(tx, "Cdtr" if is_payout else "Dbtr"),
        amount_minor=fields.minor_of(amount, currency),
        currency=currency,
        reference=fields.value(tx, "RmtInf/Strd/CdtrRefInf/Ref"),
        text=fields.value(tx, "RmtInf/Ustrd"),
        mandate=None if is_payout else _mandate(common, tx),
    )


def _party(parent: Element, role: str) -> Party:
    bic = fields.value(parent, f"{role}Agt/FinInstnId/BICFI")
    name = fields.value(parent, f"{role}/Nm")
    return Party(name or NOT_PROVIDED, fields.account(parent, f"{role}Acct"), bic)


def _mandate(common: _Common, tx: Element) -> Signed:
    signed_on = fields.value(tx, "DrctDbtTx/MndtRltdInf/DtOfSgntr")
    mandate_id = fields.value(tx, "DrctDbtTx/MndtRltdInf/MndtId")
    if not signed_on or not mandate_id:
        raise refusal(tx, "a collection names its mandate and when it was signed")
    return Signed(
        mandate_id,
        dt.date.fromisoformat(signed_on[:10]),
        common.creditor_id,
        common.is_first,
    )


def _check_totals(header: Element, orders: Sequence[BankOrder]) -> None:
    """See that a header counts and sums what is there; ``CtrlSum`` is over all currencies."""
    count = fields.maybe(header, "NbOfTxs")
    if count is not None and int(count.text) != len(orders):
        raise refusal(count, f"says another number than the {len(orders)} orders that are there")
    stated = fields.maybe(header, "CtrlSum")
    currencies = {order.currency for order in orders}
    if stated is not None and len(currencies) == 1:
        total = fields.minor_of(stated, currencies.pop())
        if total != sum(order.amount_minor for order in orders):
            raise refusal(stated, "is not the sum of the orders")
