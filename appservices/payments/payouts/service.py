"""Payouts: a payment to an account at a bank, whose money the bank moves and tells of.

Its question, approval, limits and waits are those of every payment (``paying``). Where another
payment has an attempt of its own, a payout is an order to the bank of the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.banks.core.port import OrderKind
from appservices.payments.banks.core.port import Party as BankParty
from appservices.payments.banks.service import OrderRequest
from appservices.payments.banks.service.suspense import Charge, find, refuse
from appservices.payments.banks.store import banks as bank_store
from appservices.payments.formats.core import rf
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.transfers.core.payment import ASKED_MS, Kind, Payment, State
from appservices.payments.transfers.service import authority
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.views import Party
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.banks.store.suspense import SuspenseLine
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.payouts.core import PayoutOrder
    from veche.protocol.ids import RoomId, UserId

PER_DAY_MAX: Final = 20
"""Payouts that a person may ask for in a day: each asks the bank whose account it is."""


def bank_for(scene: Conversation, currency: str) -> str | None:
    """The bank that pays out in a currency; None if there is none."""
    return next((one.name for one in scene.section.banks if one.currency == currency), None)


def has_many(scene: Conversation, person: UserId) -> bool:
    """Return whether somebody has asked for as many payouts as they may in a day.

    Until the transaction ends nobody else begins one for them.
    """
    payer = holders.lock_holder(scene.txn, scene.holder(person).id)
    return store.payouts_asked(scene.txn, payer.id, scene.now_ms - DAY_MS) >= PER_DAY_MAX


def new(
    scene: Conversation,
    person: UserId,
    room_id: RoomId | None,
    order: PayoutOrder,
    bank: str,
    said: tuple[str, str] | None = None,
    kept: Mapping[str, str] | None = None,
) -> OpenPayment:
    """A payout that a person asks for; not kept yet.

    Args:
        scene: The transaction.
        person: Whose money it is.
        room_id: Where they asked; None: on a page.
        order: What they ask for.
        bank: By which bank.
        said: What it says of the owner's name, as ``name_doc`` takes it; None: it is not asked yet.
        kept: The bank's line, if the bank has paid it already, and the operator's note.
    """
    currency = order.amount.currency
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=Kind.PAYOUT,
        state=State.ASKED,
        payer=scene.holder(person).id,
        payee=scene.bank_account_holder(order.iban).id,
        ledger=holders.currencies(scene.txn)[currency],
        amount_minor=order.amount.minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        due_at_ms=scene.now_ms + ASKED_MS,
    )
    private = Private(
        payer=Party(person, person.removeprefix("@").partition(":")[0]),
        payee=Party(order.iban, order.name),
        currency=currency,
        reference=order.reference,
        room_id=room_id,
        order={"bank": bank, **({} if said is None else {"said": said}), **(kept or {})},
    )
    return OpenPayment(payment, private, scene.now_ms)


def said_of(matter: OpenPayment) -> tuple[str, str] | None:
    """Return the bank's answer on the name of a payout's account; None: none is kept."""
    order = matter.private.order or {}
    if matter.payment.kind is not Kind.PAYOUT or "said" not in order:
        return None
    answer, name = order["said"]
    return answer, name


def is_taken(scene: Conversation, matter: OpenPayment) -> bool:
    """Return whether the bank would take the order of a payout, or its line waits to be charged."""
    try:
        if _line(matter) is not None:
            _open_line(scene, matter)
            return True
        scene.banking.check(_order_request(scene, matter), scene.now_ms)
    except (ConflictError, MalformedError, NotFoundError):
        return False
    return True


def attempt(scene: Conversation, matter: OpenPayment) -> None:
    """Hand a payout to the bank, unless it has paid; what becomes of it is told as news."""
    given = authority.approvals_of(scene, matter.payment)
    if _line(matter) is not None:
        note = bytes.fromhex((matter.private.order or {})["note"])
        charged = Charge(Ulid(matter.payment.id), _account(scene, matter), given, note)
        scene.banking.charge(scene.txn, _open_line(scene, matter), charged, scene.now_ms)
        return
    scene.banking.order(scene.txn, _order_request(scene, matter), scene.now_ms, approved_by=given)


def take_back(scene: Conversation, payment: Payment) -> None:
    """Forget the order of a payout, or the charge of a line, that was taken back in time."""
    bank_store.drop_order(scene.txn, payment.id)
    refuse(scene.txn, payment.id, str(payment.why), scene.now_ms)


def _line(matter: OpenPayment) -> str | None:
    """The key of the line by which the bank has paid a payout already; None: it has not."""
    line: str | None = (matter.private.order or {}).get("line")
    return line


def _open_line(scene: Conversation, matter: OpenPayment) -> SuspenseLine:
    """The line of such a payout.

    Raises:
        NotFoundError: It is not in suspense any more.
        ConflictError: Something else is decided about it.
    """
    [line] = find(scene.txn, [_line(matter) or ""], (matter.private.order or {})["bank"])
    return line


def _account(scene: Conversation, matter: OpenPayment) -> int:
    """The account in the ledger that a payout is paid from."""
    payment, order = matter.payment, matter.private.order or {}
    # A line of a payout in bulk is paid from what was set aside for it.
    number: int | None = order.get("account")
    if number is None:
        code = AccountCode.WALLET
        number = holders.keep_account(scene.txn, payment.payer, payment.ledger, code).id
    return number


def _order_request(scene: Conversation, matter: OpenPayment) -> OrderRequest:
    payment, private = matter.payment, matter.private
    assert private.order is not None, "a payout has its bank"  # noqa: S101 -- our bug
    words = private.reference
    return OrderRequest(
        id=Ulid(payment.id),
        bank=private.order["bank"],
        kind=OrderKind.PAYOUT,
        account=_account(scene, matter),
        other=BankParty(private.payee.name, private.payee.address),
        amount_minor=payment.amount_minor,
        reference=rf.read(words) if rf.is_reference(words) else "",
        text="" if rf.is_reference(words) else words,
    )
