"""``payout 50 EUR to IBAN NAME``: what is wrong with it, whose account it is, then the question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.banks.core.port import NameAnswer
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.paying.service import paying
from appservices.payments.payouts import service as payouts
from appservices.payments.payouts.core import PayoutOrder, PayoutProblem, read_payout
from appservices.payments.payouts.texts import name_doc, payout_example, payout_problem_doc
from appservices.payments.transfers.texts.paying import problem_doc
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

CHECK_NAME: Final = "payments.payout"
"""Job: asks the bank whose account it is; then the person is asked."""


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to have money on an account at a bank.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: How much, to which account, whose it is.
    """
    person, room_id = inbound.sender, inbound.room_id
    localizer, currencies = scene.localizer(person), scene.section.currencies
    wanted = read_payout(argument, currencies)
    if isinstance(wanted, OrderProblem):
        example = payout_example(currencies[0], localizer)
        scene.tell(room_id, person, problem_doc(wanted, currencies, localizer, example))
        return
    if isinstance(wanted, PayoutProblem):
        scene.tell(room_id, person, payout_problem_doc(wanted, currencies[0], localizer))
        return
    begin(scene, inbound, wanted)


def begin(scene: Conversation, inbound: Inbound, wanted: PayoutOrder) -> None:
    """Have the bank asked for the name, and then the person; or say why there is no use in it."""
    problem = _check(scene, inbound, wanted)
    if problem is not None:
        localizer = scene.localizer(inbound.sender)
        doc = payout_problem_doc(problem, scene.section.currencies[0], localizer)
        scene.tell(inbound.room_id, inbound.sender, doc)


def _check(scene: Conversation, inbound: Inbound, wanted: PayoutOrder) -> PayoutProblem | None:
    """Have the bank asked for the name; or why there is no use in it."""
    person, room_id = inbound.sender, inbound.room_id
    bank = payouts.bank_for(scene, wanted.amount.currency)
    if bank is None:
        return PayoutProblem.NO_BANK
    if scene.banking.is_own(wanted.iban):
        return PayoutProblem.OURS
    matter = payouts.new(scene, person, room_id, wanted, bank)
    if not payouts.is_taken(scene, matter):
        return PayoutProblem.NOT_TAKEN
    if payouts.has_many(scene, person):
        return PayoutProblem.TOO_MANY
    if not paying.tell_hopeless(scene, matter):
        payload = {
            "person": person,
            "room": room_id,
            "bank": bank,
            "iban": wanted.iban,
            "name": wanted.name,
            "minor": wanted.amount.minor,
            "currency": wanted.amount.currency,
            "reference": wanted.reference,
        }
        id_ = effect_id(CHECK_NAME, inbound.event_id)
        jobs.schedule(scene.txn, Job(id_, CHECK_NAME, payload, scene.now_ms))
    return None


class CheckName(ChatJob[Parts]):
    """Asks the bank whose account it is; then asks the person whether to pay out."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """A bank that does not answer does not say it: the person decides by what they know."""
        asked = job.payload
        try:
            found = await self._parts.banking.name_check(
                asked["bank"], asked["iban"], asked["name"]
            )
        except UnavailableError:
            return {"answer": NameAnswer.UNKNOWN.value, "name": ""}
        return {"answer": found.answer.value, "name": found.name}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask for the approval, below what the bank says."""
        scene, asked = self._parts.conversation(txn, job.id, now_ms), job.payload
        person = UserId(asked["person"])
        amount = Money(minor=asked["minor"], currency=asked["currency"])
        reference = asked.get("reference", "")
        wanted = PayoutOrder(amount, asked["iban"], asked["name"], reference)
        if payouts.has_many(scene, person):
            # Others that were ordered at the same time came first: of this name nothing is told.
            problem, currency = PayoutProblem.TOO_MANY, scene.section.currencies[0]
            doc = payout_problem_doc(problem, currency, scene.localizer(person))
            scene.tell(RoomId(asked["room"]), person, doc)
            return
        said = (result["answer"], result["name"])
        matter = payouts.new(scene, person, RoomId(asked["room"]), wanted, asked["bank"], said)
        details = name_doc(*said, scene.localizer(person))
        paying.begin(scene, matter, details)
