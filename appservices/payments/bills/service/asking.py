"""Asking several to pay a bill together: ordered, divided, asked, divided anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.bills import store
from appservices.payments.bills.core.bill import Bill, BillState, Sharer, shares_of, without
from appservices.payments.bills.core.order import BillProblem, read_bill
from appservices.payments.bills.service import bills
from appservices.payments.bills.service import ending as bill_ends
from appservices.payments.bills.service.bills import BillMatter, BillPrivate, SharerFile
from appservices.payments.bills.texts import (
    bill_doc,
    bill_problem_doc,
    bill_usage_doc,
    no_bills_doc,
    share_doc,
    too_many_bills_doc,
    unknown_sharers_doc,
)
from appservices.payments.conversation.service.chats import open_chat
from appservices.payments.conversation.service.naming import user_named
from appservices.payments.holders import store as holders
from appservices.payments.questions.service import approvals
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.texts.paying import problem_words
from appservices.payments.transfers.texts.views import Party
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import RoomId, UserId, effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.bills.core.order import BillOrder
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.inbound import Inbound

PER_DAY_MAX: Final = 50
"""Bills that somebody begins in 24 hours."""
LOOK_UP_SHARERS: Final = "payments.sharers"
"""Job: finds out what those are called who share a bill, and whether they are here."""


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants a bill to be paid by several: "60.00 EUR @alice @bob dinner"."""
    person, room_id, bot = inbound.sender, inbound.room_id, scene.sender.bot.user_id
    localizer, currencies = scene.localizer(person), scene.section.currencies
    read = read_bill(argument, currencies)
    if isinstance(read, OrderProblem):
        words = problem_words(read, currencies, localizer)
        scene.tell(room_id, person, bill_usage_doc(read, words, currencies[0], localizer))
        return
    if isinstance(read, BillProblem):
        scene.tell(room_id, person, bill_problem_doc(read, currencies[0], localizer))
        return
    if _is_too_many(scene, scene.holder(person).id):
        scene.tell(room_id, person, too_many_bills_doc(localizer))
        return
    found = [user_named(one.who, bot) if one.who else person for one in read.sharers]
    unknown = [one.who for one, who in zip(read.sharers, found, strict=True) if who is None]
    if unknown:
        scene.tell(room_id, person, unknown_sharers_doc(unknown, localizer))
    elif len(set(found)) < len(found):
        doc = bill_problem_doc(BillProblem.TWICE, currencies[0], localizer)
        scene.tell(room_id, person, doc)
    elif set(found) == {person}:
        doc = bill_problem_doc(BillProblem.NOBODY, currencies[0], localizer)
        scene.tell(room_id, person, doc)
    else:
        _look_up(scene, inbound, read, [str(one) for one in found])


def begin(scene: Conversation, wanted: Mapping[str, Any], names: Mapping[str, str | None]) -> None:
    """Ask everybody for their share, once it is known what they are called.

    Args:
        scene: The transaction.
        wanted: The payload of the job.
        names: By Matrix id; None: there is nobody.
    """
    person, room_id = UserId(wanted["person"]), RoomId(wanted["room"])
    sharers = [Sharer(who, parts, fixed) for who, parts, fixed in wanted["sharers"]]
    unknown = [one.who for one in sharers if names.get(one.who) is None]
    if unknown or names.get(person) is None:
        scene.tell(room_id, person, unknown_sharers_doc(unknown, scene.localizer(person)))
        return
    if _is_too_many(scene, scene.holder(person).id):
        # Others that were ordered at the same time came first.
        scene.tell(room_id, person, too_many_bills_doc(scene.localizer(person)))
        return
    private = BillPrivate(
        organiser=Party(person, str(names[person])),
        currency=wanted["currency"],
        reference=wanted["reference"],
        room_id=room_id,
        total_minor=wanted["minor"],
        sharers=(),
    )
    _start(scene, private, sharers, {who: str(name) for who, name in names.items()})


def ask(scene: Conversation, payment_id: str) -> None:
    """Ask somebody for their share, in the chat that they have now."""
    share = files.lock(scene, payment_id)
    if share is None or share.payment.state is not State.ASKED or share.payment.bill is None:
        return
    matter = bills.lock(scene, share.payment.bill)
    person = share.private.payer.person
    if matter is not None and matter.bill.state is BillState.OPEN and person is not None:
        approvals.ask_approval(scene, share, share_doc(matter.view, scene.localizer(person)))


def answered(scene: Conversation, answer: Answered) -> None:
    """The organiser has answered what is to become of a bill."""
    person = answer.inbound.sender
    matter = bills.lock(scene, str(answer.kept.purpose.get("bill")))
    if matter is None or matter.private.organiser.person != person:
        return
    localizer, choice = scene.localizer(person), answer.chosen.choice
    is_open = matter.bill.state is BillState.OPEN
    words = localizer.text("It is done.") if is_open else localizer.text("This bill is over.")
    if not scene.settle(answer, words) or not is_open:
        return
    if choice == bills.AGAIN:
        _ask_again(scene, matter)
    elif choice == bills.DIVIDE:
        _divide_anew(scene, matter)
    else:
        bill_ends.cancel(scene, matter)


def show_all(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Show an organiser where their open bills stand, each with what can be done about it."""
    found = bills.open_of(scene, scene.holder(person).id)
    localizer = scene.localizer(person)
    if not found:
        scene.tell(room_id, person, no_bills_doc(localizer))
    for matter in found:
        bills.ask_organiser(scene, matter, bill_doc(matter.view, localizer))


def _is_too_many(scene: Conversation, organiser: int) -> bool:
    """Return whether somebody asks others so often that it would be a nuisance.

    Until the transaction ends nobody else begins a bill for them.
    """
    holders.lock_holder(scene.txn, organiser)
    is_full = len(store.open_of(scene.txn, organiser)) >= store.OPEN_MAX
    return is_full or store.asked_since(scene.txn, organiser, scene.now_ms - DAY_MS) >= PER_DAY_MAX


def _look_up(scene: Conversation, inbound: Inbound, read: BillOrder, found: Sequence[str]) -> None:
    payload = {
        "person": inbound.sender,
        "room": inbound.room_id,
        "minor": read.amount.minor,
        "currency": read.amount.currency,
        "reference": read.reference,
        "sharers": [
            [who, one.parts, one.fixed_minor] for who, one in zip(found, read.sharers, strict=True)
        ],
    }
    id_ = effect_id(LOOK_UP_SHARERS, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, LOOK_UP_SHARERS, payload, scene.now_ms))


def _start(
    scene: Conversation, private: BillPrivate, sharers: Sequence[Sharer], names: Mapping[str, str]
) -> None:
    """Keep a new bill and ask for its shares; the total and the names are as they are."""
    amounts = shares_of(private.total_minor, sharers)
    kept = tuple(
        SharerFile(one, names[one.who], minor) for one, minor in zip(sharers, amounts, strict=True)
    )
    private = attrs.evolve(private, sharers=kept)
    asked = [one for one in kept if one.sharer.who != private.organiser.address]
    organiser = private.organiser.person
    assert organiser is not None, "a person asks for it"  # noqa: S101 -- our bug
    bill = Bill(
        id=scene.sender.fresh_ulid("bill"),
        organiser=scene.holder(organiser).id,
        ledger=holders.currencies(scene.txn)[private.currency],
        amount_minor=sum(one.minor for one in asked),
        state=BillState.OPEN,
        due_at_ms=scene.now_ms + scene.section.split_wait_ms,
    )
    if not store.add_bill(scene.txn, bill, private.sealed(scene.vault), scene.now_ms):
        return
    for one in asked:
        _ask_share(scene, BillMatter(bill, private, ()), one)
    bill_ends.set_clock(scene, bill)
    matter = bills.lock(scene, bill.id)
    if matter is not None:
        bills.ask_organiser(scene, matter, bill_doc(matter.view, scene.localizer(organiser)))


def _ask_share(scene: Conversation, matter: BillMatter, one: SharerFile) -> None:
    """Keep a share and ask for it; who has no chat yet is invited to one."""
    bill, private, person = matter.bill, matter.private, UserId(one.sharer.who)
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=Kind.SHARE,
        state=State.ASKED,
        payer=scene.holder(person).id,
        payee=bill.organiser,
        ledger=bill.ledger,
        amount_minor=one.minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        due_at_ms=bill.due_at_ms,
        bill=bill.id,
    )
    share = Private(
        payer=one.party,
        payee=private.organiser,
        currency=private.currency,
        reference=private.reference,
    )
    kept: OpenPayment | None = files.add(scene, payment, share)
    if kept is None:
        return
    if scene.chat_of(person) is not None:
        ask(scene, payment.id)
    else:
        open_chat(scene, person, share=payment.id)


def _ask_again(scene: Conversation, matter: BillMatter) -> None:
    """Ask those once more who do not pay."""
    gone = bills.to_ask_again(scene, matter)
    for one in matter.private.sharers:
        if one.sharer.who in gone:
            _ask_share(scene, matter, one)


def _divide_anew(scene: Conversation, matter: BillMatter) -> None:
    """End a bill and begin another one, of the same total, among those who have not declined.

    What was agreed to is another amount now, so everybody is asked anew.
    """
    gone = _declined(matter)
    sharers = without([one.sharer for one in matter.private.sharers], gone)
    bill_ends.cancel(scene, matter)
    if any(one.who != matter.private.organiser.address for one in sharers):
        names = {one.sharer.who: one.name for one in matter.private.sharers}
        _start(scene, matter.private, sharers, names)


def _declined(matter: BillMatter) -> list[str]:
    return [one.payer.address for one in matter.view.shares if one.is_declined]
