"""Effects of a bank's orders and lines on the ledger, as chains of transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core.orders import OrderEffect
from appservices.payments.banks.core.port import OrderKind
from appservices.payments.ledger.core import Transfer, TransferFlag, ledger_id
from appservices.payments.ledger.core.requests import TransferCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from veche.protocol.ids import Ulid

_LINE_EFFECTS: Final = frozenset({OrderEffect.CLEAR, OrderEffect.GIVE_BACK, OrderEffect.SUSPEND})


@attrs.frozen
class Books:
    """The institution's accounts in the ledger that a bank moves.

    Attributes:
        ledger: Number of the currency.
        bank: What the bank owes us: a debit balance.
        clearing: What is on its way to the bank.
        suspense: What nobody knows yet.
        opening: What was at the bank before the first line.
    """

    ledger: int
    bank: int
    clearing: int
    suspense: int
    opening: int


@attrs.frozen
class Held:
    """An order as the ledger knows it.

    Attributes:
        id: Of the order, and of its hold.
        kind: A collection has no hold.
        account: Who pays, or who is paid.
        amount_minor: Of it.
    """

    id: Ulid
    kind: OrderKind
    account: int
    amount_minor: int


def hold(order: Held, books: Books) -> list[Transfer]:
    """The hold of a payout; its owner is the order, so it has no end of its own."""
    return [
        Transfer(
            id=ledger_id(order.id),
            debit_id=order.account,
            credit_id=books.clearing,
            amount=order.amount_minor,
            ledger=books.ledger,
            code=TransferCode.PAYOUT,
            flags=TransferFlag.PENDING,
            ref=ledger_id(order.id),
        )
    ]


def order_chain(
    order: Held,
    effects: Sequence[OrderEffect],
    books: Books,
    new_id: Callable[[str], Ulid],
    *,
    signed_minor: int = 0,
) -> list[Transfer]:
    """Build the transfers for the effects of an input; done whole or not at all.

    Args:
        order: Whose they are.
        effects: Of ``orders.step``.
        books: The institution's accounts.
        new_id: The id of a part, always the same for the same cause.
        signed_minor: Of the line that is the cause; 0: it is a word.
    """
    chain: list[Transfer] = []
    if order.kind is OrderKind.PAYOUT:
        chain += [_end(order, effect, new_id) for effect in effects if effect in _ENDS]
    for effect in effects:
        if effect in _LINE_EFFECTS:
            chain += _line_moves(order, effect, books, new_id, signed_minor)
    return linked(chain)


def line_chain(
    account: int,
    books: Books,
    code: TransferCode,
    new_id: Callable[[str], Ulid],
    signed_minor: int,
) -> list[Transfer]:
    """A line between the bank and an account: what comes in is the account's."""
    return [_move(account, books, code, new_id(code.name), signed_minor)]


def linked(chain: Sequence[Transfer]) -> list[Transfer]:
    """The transfers as one: all are done, or none."""
    tied = [one._replace(flags=one.flags | TransferFlag.LINKED) for one in chain[:-1]]
    return [*tied, *chain[-1:]]


_ENDS: Final = {OrderEffect.POST: TransferFlag.POST, OrderEffect.VOID: TransferFlag.VOID}


def _end(order: Held, effect: OrderEffect, new_id: Callable[[str], Ulid]) -> Transfer:
    return Transfer(
        id=ledger_id(new_id(effect.name)), flags=_ENDS[effect], pending_id=ledger_id(order.id)
    )


def _line_moves(
    order: Held,
    effect: OrderEffect,
    books: Books,
    new_id: Callable[[str], Ulid],
    signed_minor: int,
) -> list[Transfer]:
    is_payout = order.kind is OrderKind.PAYOUT
    ref = ledger_id(order.id)
    if effect is OrderEffect.SUSPEND:
        code, account = TransferCode.SUSPENSE, books.suspense
    elif effect is OrderEffect.CLEAR:
        code, account = TransferCode.BOOKED, books.clearing if is_payout else order.account
    else:
        code, account = TransferCode.RETURNED, order.account
    return [_move(account, books, code, new_id(effect.name), signed_minor)._replace(ref=ref)]


def _move(account: int, books: Books, code: TransferCode, id_: Ulid, signed_minor: int) -> Transfer:
    debit, credit = (books.bank, account) if signed_minor > 0 else (account, books.bank)
    return Transfer(
        id=ledger_id(id_),
        debit_id=debit,
        credit_id=credit,
        amount=abs(signed_minor),
        ledger=books.ledger,
        code=code,
    )
