"""The job that pays the lines of a payout, a few at a time: who they are is looked up first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.acts import service as acting
from appservices.payments.bulk import store
from appservices.payments.bulk.core import LineInput, PayoutState, step_line
from appservices.payments.bulk.service import bulk
from appservices.payments.bulk.texts import missed_doc
from appservices.payments.conversation import store as chats
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.conversation.service.naming import known_name
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core.requests import opening
from appservices.payments.ledger.service import attempts
from appservices.payments.payouts import service as payouts
from appservices.payments.postings.service import moving
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.core.transfers import MAIN, Between, transfers_of
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.service.transfer_ids import main_transfer
from appservices.payments.transfers.texts.paying import NOT_PAYABLE
from appservices.payments.transfers.texts.views import Party
from veche.bots import ChatJob
from veche.contracts.payments.act_offer import ActGround
from veche.protocol.acts import ActClass
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.bulk.core import BulkLine, BulkPayout
    from appservices.payments.bulk.store import LineFile
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

LINES_AT_ONCE: Final = 50
"""Lines of one job: what one transaction begins."""
UNKNOWN: Final = "unknown_payee"
NO_BANK: Final = "no_bank"


class PayLines(ChatJob[Parts]):
    """Looks up who is paid next, and begins to pay them."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Look up the payees of the next lines, by their place; None: there is nobody."""
        run = self._parts.host.database.run
        asked = await run("payments.lines", self._read, job)
        names: dict[str, str | None] = {}
        for n, person in asked.items():
            names[n] = person
            if person.startswith("?"):
                user = UserId(person.removeprefix("?"))
                client, bot = self._parts.host.client, self._parts.bot.user_id
                names[n] = await known_name(client, bot, user)
        return {"names": names}

    def _read(self, txn: Cursor, job: Job) -> dict[str, str]:
        """The persons of the next lines; with ``?`` where nobody knows yet that there are such."""
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        found = {}
        for file in store.queued(txn, job.payload["payout"], LINES_AT_ONCE):
            to = scene.vault.open(file.sealed).get("to")
            is_known = to is None or bool(chats.chats_of(txn, to))
            found[str(file.line.n)] = str(to or "") if is_known else f"?{to}"
        return found

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Begin to pay them; the next job takes the next ones."""
        begin(self._parts.conversation(txn, job.id, now_ms), job.payload["payout"], result["names"])


class GiveBack(ChatJob[Parts]):
    """Gives back what was set aside, where it could not be given back before."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Try again."""
        scene, told = self._parts.conversation(txn, job.id, now_ms), job.payload
        payout = bulk.lock(scene, told["payout"])
        if payout is not None:
            bulk.move_back(scene, payout, told["about"], told["minor"], told["tries"])


def begin(scene: Conversation, payout_id: str, names: Mapping[str, str | None]) -> None:
    """Begin to pay the next lines of a payout.

    Args:
        scene: The transaction.
        payout_id: Of which.
        names: By place of the line; None: there is no such person.
    """
    payout = bulk.lock(scene, payout_id)
    if payout is None or payout.state is not PayoutState.PAYING:
        return
    order = scene.vault.open(store.instruction_of(scene.txn, payout_id))
    waiting = store.queued(scene.txn, payout_id, LINES_AT_ONCE)
    for file in waiting:
        if str(file.line.n) in names:
            _begin_line(scene, payout, file, order, names[str(file.line.n)])
    if store.queued(scene.txn, payout_id, 1):
        bulk.go_on(scene, payout, scene.sender.cause)
    bulk.look(scene, payout)


def _begin_line(
    scene: Conversation,
    payout: BulkPayout,
    file: LineFile,
    order: Mapping[str, Any],
    name: str | None,
) -> None:
    told, line = scene.vault.open(file.sealed), file.line
    if name is None:
        bulk.fail(scene, payout, line, UNKNOWN)
        return
    organisation = order["organisation"]
    payer = Party(organisation, order["name"])
    reference = told["reference"] or order["title"]
    if told["to"] is None:
        _begin_bank_line(scene, payout, line, (told, payer, order["currency"], reference))
        return
    person = UserId(told["to"])
    payee = scene.holder(person)
    if not payee.is_open:
        if payee.is_frozen:
            _tell_missed(scene, person, order, line, reference)
        bulk.fail(scene, payout, line, NOT_PAYABLE)
        return
    payment = _payment(scene, payout, line, payee.id, Kind.PAY)
    kept = None
    if order["act"] is not None:
        ground = ActGround.model_validate(order["act"])
        form = acting.payout_form(organisation, payment, order["currency"])
        about = (person, form)
        token = acting.commit(scene, organisation, ground, ActClass.PAYOUT, about)
        kept = {"act": token.receipt.model_dump(mode="json", exclude_none=True)}
    # Of whoever has a chat nobody has asked the name.
    shown = name if name != person else person
    private = Private(payer, Party(person, shown), order["currency"], reference, order=kept)
    if files.add(scene, payment, private) is None:
        return
    _save(scene, line, payment)
    code = moving.account_code(payee.kind)
    wallet = holders.keep_account(scene.txn, payee.id, payout.ledger, code)
    between = Between(bulk.set_aside(scene, payout).id, wallet.id)
    ids = {MAIN: main_transfer(scene, payment.id)}
    new = [] if wallet.is_opened else [opening(wallet.id, wallet.ledger, wallet.code)]
    transfers = transfers_of(payment, between, ids)
    attempts.add(
        scene.txn, moving.KIND, payment.id, transfers, scene.now_ms, approved_by=(), accounts=new
    )


def _tell_missed(
    scene: Conversation, person: UserId, order: Mapping[str, Any], line: BulkLine, reference: str
) -> None:
    """Somebody who stopped everything is not paid: they alone hear why, where they have a chat."""
    room_id, localizer = scene.chat_of(person), scene.localizer(person)
    if room_id is not None:
        amount = localizer.money(line.amount_minor, order["currency"])
        scene.tell(room_id, person, missed_doc(order["name"], amount, reference, localizer))


def _begin_bank_line(
    scene: Conversation,
    payout: BulkPayout,
    line: BulkLine,
    about: tuple[Mapping[str, Any], Party, str, str],
) -> None:
    """Begin to pay an account at a bank; ``about``: who, by whom, in which currency, what for."""
    told, payer, currency, reference = about
    bank = payouts.bank_for(scene, currency)
    payee = scene.bank_account_holder(told["iban"])
    payment = _payment(scene, payout, line, payee.id, Kind.PAYOUT)
    order = {"bank": bank, "account": bulk.set_aside(scene, payout).id}
    private = Private(payer, Party(told["iban"], told["name"]), currency, reference, order=order)
    matter = OpenPayment(payment, private, scene.now_ms)
    if bank is None or not payouts.is_taken(scene, matter):
        bulk.fail(scene, payout, line, NO_BANK)
        return
    kept = files.add(scene, payment, private)
    if kept is not None:
        _save(scene, line, payment)
        payouts.attempt(scene, kept)


def _payment(
    scene: Conversation, payout: BulkPayout, line: BulkLine, payee: int, kind: Kind
) -> Payment:
    return Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=kind,
        state=State.PAYING,
        payer=payout.payer,
        payee=payee,
        ledger=payout.ledger,
        amount_minor=line.amount_minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        instruction=f"{bulk.NAME} {payout.id} {line.n} {payout.sha256.hex()}",
    )


def _save(scene: Conversation, line: BulkLine, payment: Payment) -> None:
    state, tries = step_line(line.state, LineInput.TRY), line.tries + 1
    begun = attrs.evolve(line, state=state, payment_id=payment.id, tries=tries)
    store.save_line(scene.txn, begun, scene.now_ms)
