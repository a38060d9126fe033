"""Other acts on the wallet's page: objections, mandates, limits, freezing.

What takes power away is done at once; what gives it back waits for the key, as in the chat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.conversation.service.chats import OPEN_CHAT
from appservices.payments.conversation.service.conversation import announce_change
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import NO_LIMIT, LimitKind, LimitOrder
from appservices.payments.invoices.service import invoices
from appservices.payments.limits.service import limits as limiting
from appservices.payments.mandates import store as mandate_store
from appservices.payments.mandates.service import debits as charges
from appservices.payments.mandates.service import mandates
from appservices.payments.safeguards.service import freezing
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.texts.paying import problem_words
from appservices.payments.wallet.service.orders import own_locked
from appservices.payments.wallet.service.visit import PaymentRefusedError
from appservices.payments.wallet.texts import Trouble
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.wallet.api import LimitBody
    from appservices.payments.wallet.service.visit import Visit

CHAT_ASKED_MS: Final = 10 * 60_000
"""Within which time one is asked for one chat."""
MANDATE_CHOICES: Final = frozenset({"pause", "resume", "revoke", "decline"})
"""What is done to a mandate without a key."""


def open_chat(visit: Visit) -> bool:
    """Return whether the person has a chat in which they can be asked; one is made if not."""
    scene = visit.scene
    if scene.chat_of(visit.person) is not None:
        return True
    # A page asks again while it waits, and from two tabs: there comes one chat.
    id_ = effect_id(OPEN_CHAT, "page", visit.person, scene.now_ms // CHAT_ASKED_MS)
    jobs.schedule(scene.txn, Job(id_, OPEN_CHAT, {"person": visit.person}, scene.now_ms))
    return False


def object_to(visit: Visit, payment_id: str) -> None:
    """The person objects to the invoice that a payment asks them to pay.

    Raises:
        NotFoundError: There is no such payment of theirs.
        PaymentRefusedError: It is of no invoice to them, or it is too late.
    """
    matter = own_locked(visit, payment_id)
    payment = matter.payment
    if payment.invoice is None or payment.state is not State.ASKED:
        raise visit.refused(Trouble.TOO_LATE)
    if not invoices.is_addressee(visit.scene, payment, visit.holder.id):
        raise visit.refused(Trouble.NO_INVOICE)
    invoices.object_to(visit.scene, payment)
    announce_change(visit.scene.txn, visit.person)


def change_mandate(visit: Visit, mandate_id: str, choice: str) -> None:
    """Pause, go on with, end or decline a mandate.

    Raises:
        NotFoundError: There is none of theirs.
        PaymentRefusedError: It is in no state for that.
    """
    scene = visit.scene
    is_theirs = mandate_store.payer_of(scene.txn, mandate_id) == visit.holder.id
    if choice not in MANDATE_CHOICES or not is_theirs:
        raise visit.not_found(Trouble.NO_MANDATE)
    if choice in mandates.STOPPING:
        charges.take_back(scene, mandate_id, is_ended=choice == mandates.ENDING)
    mandate = mandate_store.lock_mandate(scene.txn, mandate_id)
    if mandate is not None and mandates.needs_key(scene, mandate, choice):
        mandates.pause_revoked(scene, mandate)  # asks for the key in the chat
        raise visit.refused(Trouble.KEY_REVOKED)
    if mandate is None or mandates.change(scene, mandate, choice) is None:
        raise visit.refused(Trouble.TOO_LATE)


def set_limit(visit: Visit, wanted: LimitBody) -> None:
    """Set a limit: a stricter one counts at once, a weaker one a day later.

    Raises:
        PaymentRefusedError: The currency is not kept here.
    """
    scene = visit.scene
    currencies = scene.section.currencies
    if wanted.currency not in currencies:
        words = problem_words(OrderProblem.OTHER_CURRENCY, currencies, visit.localizer)
        raise PaymentRefusedError(OrderProblem.OTHER_CURRENCY.value, words)
    holder = holders.lock_holder(scene.txn, visit.holder.id)
    minor = NO_LIMIT if wanted.minor is None else wanted.minor
    limiting.change(scene, holder.id, LimitOrder(LimitKind(wanted.kind), minor, wanted.currency))


def freeze(visit: Visit, *, may_end: bool) -> None:
    """Stop everything at once; the chat says so too.

    Args:
        visit: Of the person.
        may_end: Whether the session may end mandates and allowances for good.
    """
    scene, person = visit.scene, visit.person
    told, room_id = freezing.freeze(scene, person, may_end=may_end), scene.chat_of(person)
    if room_id is not None:
        scene.tell(room_id, person, told)
    announce_change(scene.txn, person)


def ask_to_go_on(visit: Visit) -> None:
    """Ask for the key that lets payments go on.

    Raises:
        PaymentRefusedError: Nothing is stopped.
    """
    scene, person = visit.scene, visit.person
    room_id = scene.chat_of(person)
    if not visit.holder.is_frozen or room_id is None:
        raise visit.refused(Trouble.NOT_FROZEN)
    if visit.asked(freezing.about(person), freezing.GO_ON) is None:
        freezing.ask_to_go_on(scene, room_id, person)
