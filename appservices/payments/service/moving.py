"""The attempt to move the money of a payment: its accounts, its transfers, its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.ledger import AccountCode, ledger_id
from appservices.payments.core.transfers import FEE, MAIN, Between, opening, transfers_of
from appservices.payments.service import attempts
from appservices.payments.store import holders
from veche.protocol.ids import Ulid, ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.core.payment import Payment
    from appservices.payments.service.scene import Scene

_TIME_DIGITS: Final = 12
KIND: Final = "payment"
"""Kind of the attempts that make payments."""
_CODES: Final[Mapping[str, AccountCode]] = {
    holders.PERSON: AccountCode.WALLET,
    holders.ORGANISATION: AccountCode.MERCHANT,
    holders.INSTITUTION: AccountCode.OPENING,
}


def account_code(kind: str) -> AccountCode:
    """The sort of account that a kind of holder pays and is paid with."""
    return _CODES[kind]


def attempt(scene: Scene, payment: Payment) -> None:
    """Have the writer try to make a payment; what it decides comes back in ``settling``."""
    payer, payee = _account(scene, payment, payment.payer), _account(scene, payment, payment.payee)
    fees = None
    if payment.fee_minor:
        institution = scene.institution().id
        fees = holders.keep_account(scene.txn, institution, payment.ledger, AccountCode.FEES)
    used = [one for one in (payer, payee, fees) if one is not None and not one.is_opened]
    first = payment.refund_of
    refund_of = main_transfer(scene, first) if first is not None else None
    ids = {part: _transfer_id(scene, payment.id, part) for part in (MAIN, FEE)}
    between = Between(payer.id, payee.id, fees.id if fees is not None else None)
    attempts.add(
        scene.txn,
        KIND,
        payment.id,
        transfers_of(payment, between, ids, refund_of),
        scene.now_ms,
        accounts=[opening(one.id, one.ledger, one.code) for one in used],
    )


def main_transfer(scene: Scene, payment_id: str) -> Ulid:
    """The transfer by which the payee of a payment gets the money: what receipts are of."""
    return _transfer_id(scene, payment_id, MAIN)


def _transfer_id(scene: Scene, payment_id: str, part: str) -> Ulid:
    """The id of a transfer of a payment: always the same, and nobody else can guess it.

    It has the moment of the payment's id, so that it sorts beside it.
    """
    at_ms = int(ledger_id(Ulid(payment_id))[:_TIME_DIGITS], 16)
    return ulid(at_ms, scene.vault.chance(f"{payment_id} {part}"))


def _account(scene: Scene, payment: Payment, holder_id: int) -> holders.AccountRow:
    code = account_code(holders.holder(scene.txn, holder_id).kind)
    return holders.keep_account(scene.txn, holder_id, payment.ledger, code)
