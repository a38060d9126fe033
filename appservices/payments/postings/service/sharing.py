"""Shares that an invoice's payee passes on in the paying chain, and takes back by refunds.

The payer pays the payee, and in the same chain the payee pays the others: all of it or nothing. A
refund goes the same way back: first the others give back their proportion, then the payee all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.split import SplitError
from appservices.payments.holders import store as holders
from appservices.payments.invoices.core.shares import passed_on, taken_back
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as store
from appservices.payments.invoices.store import parts
from appservices.payments.invoices.store.parts import PartRow
from appservices.payments.ledger.core import AccountCode, Transfer, ledger_id
from appservices.payments.ledger.core.requests import TransferCode
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.service.transfer_ids import transfer_id
from appservices.payments.transfers.store import payments
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.holders.store import AccountRow
    from appservices.payments.invoices.core.shares import Passed
    from appservices.payments.transfers.core.payment import Payment

_CODES: Final[Mapping[str, TransferCode]] = {
    "share": TransferCode.PASSED_ON,
    "fee": TransferCode.FEE,
    "tax": TransferCode.TAX,
}


@attrs.frozen
class Moves:
    """Transfers, and the accounts that they need.

    Attributes:
        transfers: In their order, of one chain.
        accounts: Those that the ledger may not have yet.
    """

    transfers: Sequence[Transfer] = ()
    accounts: Sequence[AccountRow] = ()


def problem(scene: Conversation, payment: Payment) -> bool:
    """Return whether a payment cannot be shared as its invoice says."""
    try:
        _passed(scene, payment)
    except SplitError:
        return True
    return False


def passing_on(scene: Conversation, payment: Payment, payee: int) -> Moves:
    """Store and return what the payee passes on of a payment that is about to be made.

    Args:
        scene: The transaction.
        payment: With its final amount.
        payee: Number of the account that is paid.

    Raises:
        SplitError: It cannot be shared so.
    """
    passed = _passed(scene, payment)
    rows = [
        PartRow(one.n, scene.organisation(one.to).id, one.what, one.amount_minor) for one in passed
    ]
    parts.add_parts(scene.txn, payment.id, rows)
    accounts = [_account(scene, payment, row) for row in rows]
    used = {one.id: one for one in accounts}
    moved = [
        Transfer(
            id=ledger_id(_part_id(scene, payment.id, row.n)),
            debit_id=payee,
            credit_id=account.id,
            amount=row.amount_minor,
            ledger=payment.ledger,
            code=_CODES[row.what],
            ref=ledger_id(Ulid(payment.id)),
        )
        for row, account in zip(rows, accounts, strict=True)
    ]
    return Moves(moved, list(used.values()))


def taking_back(scene: Conversation, refund: Payment, payer: int) -> Moves:
    """Store and return what a stored refund takes back of the parts passed on.

    Args:
        scene: The transaction.
        refund: About to be made.
        payer: Number of the account that gives back.
    """
    first_id = refund.refund_of
    rows = parts.parts_of(scene.txn, first_id) if first_id is not None else []
    first = payments.payment(scene.txn, first_id) if first_id is not None and rows else None
    if first is None or first_id is None:
        return Moves()
    back = taken_back(
        first.payment.amount_minor,
        payments.refunded_minor(scene.txn, first_id),
        {row.n: (row.amount_minor, row.back_minor) for row in rows},
    )
    parts.add_back(scene.txn, refund.id, first_id, back)
    moved = [
        Transfer(
            id=ledger_id(_part_id(scene, refund.id, row.n)),
            debit_id=_account(scene, refund, row).id,
            credit_id=payer,
            amount=back[row.n],
            ledger=refund.ledger,
            code=TransferCode.REFUND,
            refund_of=ledger_id(_part_id(scene, first_id, row.n)),
            ref=ledger_id(Ulid(refund.id)),
        )
        for row in rows
        if row.n in back
    ]
    return Moves(moved)


def _passed(scene: Conversation, payment: Payment) -> Sequence[Passed]:
    if payment.kind is not Kind.INVOICE or payment.invoice is None:
        return ()
    file = store.lock_invoice(scene.txn, *payment.invoice)
    assert file is not None, "a payment of it refers to it"  # noqa: S101 -- a foreign key
    order = invoices.order_of(scene, file)
    if not order.terms.shares:
        return ()
    return passed_on(payment.amount_minor, order.terms.shares, order.card.issuer)


def _part_id(scene: Conversation, payment_id: str, n: int) -> Ulid:
    return transfer_id(scene, payment_id, f"part {n}")


def _account(scene: Conversation, payment: Payment, row: PartRow) -> AccountRow:
    return holders.keep_account(scene.txn, row.payee, payment.ledger, AccountCode.MERCHANT)
