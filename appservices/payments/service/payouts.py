"""Payouts: a payment to an account at a bank, whose money the bank moves and tells of.

Its question, approval, limits and waits are those of every payment (``paying``). Where another
payment has an attempt of its own, a payout is an order to the bank of the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.formats import rf
from appservices.payments.core.ledger import AccountCode
from appservices.payments.core.payment import ASKED_MS, Kind, Payment, State
from appservices.payments.core.rails.port import OrderKind
from appservices.payments.core.rails.port import Party as BankParty
from appservices.payments.core.texts.views import Party
from appservices.payments.service import authority
from appservices.payments.service.files import Matter, Private
from appservices.payments.service.rails import Wish
from appservices.payments.store import bank as bank_store
from appservices.payments.store import holders
from veche.protocol.errors import MalformedError, NotFoundError
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from appservices.payments.core.payout import PayoutOrder
    from appservices.payments.service.scene import Scene
    from veche.protocol.ids import RoomId, UserId

PER_DAY_MAX: Final = 20
"""Payouts that a person may ask for in a day: each asks the bank whose account it is."""


def bank_for(scene: Scene, currency: str) -> str | None:
    """The bank that pays out in a currency; None if there is none."""
    return next((one.name for one in scene.section.banks if one.currency == currency), None)


def new(
    scene: Scene,
    person: UserId,
    room_id: RoomId | None,
    order: PayoutOrder,
    bank: str,
    said: tuple[str, str] | None = None,
) -> Matter:
    """A payout that a person asks for; not kept yet.

    Args:
        scene: The transaction.
        person: Whose money it is.
        room_id: Where they asked; None: on a page.
        order: What they ask for.
        bank: By which bank.
        said: What it says of the owner's name, as ``name_doc`` takes it; None: it is not asked yet.
    """
    currency = order.amount.currency
    payment = Payment(
        id=scene.voice.fresh_ulid("payment"),
        kind=Kind.PAYOUT,
        state=State.ASKED,
        payer=scene.holder(person).id,
        payee=scene.elsewhere(order.iban).id,
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
        order={"bank": bank, **({} if said is None else {"said": said})},
    )
    return Matter(payment, private, scene.now_ms)


def said_of(matter: Matter) -> tuple[str, str] | None:
    """What the bank said of the name of who gets a payout; None: nothing is kept of it."""
    order = matter.private.order or {}
    if matter.payment.kind is not Kind.PAYOUT or "said" not in order:
        return None
    answer, name = order["said"]
    return answer, name


def is_taken(scene: Scene, matter: Matter) -> bool:
    """Whether the bank would take the order of a payout."""
    try:
        scene.banking.check(_wish(scene, matter), scene.now_ms)
    except (MalformedError, NotFoundError):
        return False
    return True


def attempt(scene: Scene, matter: Matter) -> None:
    """Hand a payout to the bank; what becomes of it is told as news."""
    given = authority.approvals_of(scene, matter.payment)
    scene.banking.order(scene.txn, _wish(scene, matter), scene.now_ms, approved_by=given)


def take_back(scene: Scene, payment: Payment) -> None:
    """Forget the order of a payout whose hold was taken back before the writer decided."""
    bank_store.drop_order(scene.txn, payment.id)


def _wish(scene: Scene, matter: Matter) -> Wish:
    payment, private = matter.payment, matter.private
    assert private.order is not None, "a payout has its bank"  # noqa: S101 -- our bug
    words = private.reference
    # A line of a payout in bulk is paid from what was set aside for it.
    account_id = private.order.get("account")
    if account_id is None:
        code = AccountCode.WALLET
        account_id = holders.keep_account(scene.txn, payment.payer, payment.ledger, code).id
    return Wish(
        id=Ulid(payment.id),
        bank=private.order["bank"],
        kind=OrderKind.PAYOUT,
        account=account_id,
        other=BankParty(private.payee.name, private.payee.address),
        amount_minor=payment.amount_minor,
        reference=rf.read(words) if rf.is_reference(words) else "",
        text="" if rf.is_reference(words) else words,
    )
