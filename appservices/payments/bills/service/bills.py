"""Bills that several pay together: which shares are set aside, and what follows from the last one.

A bill is locked before its shares and their payers, so that two who agree at once count one after
the other. A share says what became of it by ``heard``; the whole ends in ``bill_ends``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.bills import store
from appservices.payments.bills.core.bill import (
    SLACK_MS,
    Bill,
    BillInput,
    BillState,
    Sharer,
    step_bill,
)
from appservices.payments.bills.texts import BillView, ShareView, declined_doc, progress_doc
from appservices.payments.conversation.core.topics import Topic
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core.requests import chain
from appservices.payments.ledger.service import attempts
from appservices.payments.postings.service import holding
from appservices.payments.transfers.core.payment import Input, State, step
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.texts.views import Party
from veche.protocol.ids import RoomId
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.bills.store import BillFile
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.vault import Vault

POST: Final = "bill.post"
"""Kind of the attempts that pay all shares of a bill."""
DIVIDE: Final = "divide"
AGAIN: Final = "again"
CANCEL: Final = "cancel"
TIMES_MAX: Final = 3
"""How often one person is asked for their share of one bill."""
AGREED: Final = frozenset({State.HELD, State.PAYING, State.PAID})
DECLINED: Final = frozenset({State.REFUSED, State.CANCELLED, State.EXPIRED})


@attrs.frozen
class SharerFile:
    """One of those who share a bill.

    Attributes:
        sharer: Matrix id, and how much of it is theirs.
        name: As this institution knows them.
        minor: How much that is.
    """

    sharer: Sharer
    name: str
    minor: int

    @property
    def party(self) -> Party:
        """Name and address of the person."""
        return Party(self.sharer.who, self.name)


@attrs.frozen
class BillPrivate:
    """The sealed part of a bill.

    Attributes:
        organiser: Who gets the money.
        currency: ISO 4217.
        reference: Purpose; may be empty.
        room_id: Where it was asked for.
        total_minor: All of it, with the organiser's own share.
        sharers: In the order in which they were named.
    """

    organiser: Party
    currency: str
    reference: str
    room_id: RoomId
    total_minor: int
    sharers: tuple[SharerFile, ...]

    def sealed(self, vault: Vault) -> bytes:
        """Under the operator's key."""
        return vault.seal(
            {
                "organiser": [self.organiser.address, self.organiser.name],
                "currency": self.currency,
                "reference": self.reference,
                "room": self.room_id,
                "total": self.total_minor,
                "sharers": [
                    [one.sharer.who, one.sharer.parts, one.sharer.fixed_minor, one.name, one.minor]
                    for one in self.sharers
                ],
            }
        )

    @classmethod
    def opened(cls, data: Mapping[str, Any]) -> BillPrivate:
        """Out of what was sealed."""
        return cls(
            organiser=Party(*data["organiser"]),
            currency=data["currency"],
            reference=data["reference"],
            room_id=RoomId(data["room"]),
            total_minor=data["total"],
            sharers=tuple(
                SharerFile(Sharer(who, parts, fixed), name, minor)
                for who, parts, fixed, name, minor in data["sharers"]
            ),
        )


@attrs.frozen
class BillMatter:
    """A bill with its names and its shares, in a transaction.

    Attributes:
        shares: The latest of each payer.
    """

    bill: Bill
    private: BillPrivate
    shares: Sequence[OpenPayment]

    @property
    def view(self) -> BillView:
        """View of it for texts."""
        states = {one.private.payer.address: one.payment.state for one in self.shares}
        private = self.private
        return BillView(
            organiser=private.organiser,
            title=private.reference,
            total_minor=private.total_minor,
            currency=private.currency,
            due_at_ms=self.bill.due_at_ms,
            shares=[
                ShareView(
                    payer=one.party,
                    minor=one.minor,
                    is_own=one.sharer.who == private.organiser.address,
                    is_agreed=states.get(one.sharer.who) in AGREED,
                    is_declined=states.get(one.sharer.who) in DECLINED,
                )
                for one in private.sharers
            ],
        )


def lock(scene: Conversation, bill_id: str) -> BillMatter | None:
    """A bill and its shares, which nobody else steps until the transaction ends."""
    file = store.lock_bill(scene.txn, bill_id)
    return _matter_of(scene, file) if file is not None else None


def open_of(scene: Conversation, organiser: int) -> list[BillMatter]:
    """The bills of an organiser that are not over, the oldest first."""
    found = [lock(scene, one.bill.id) for one in store.open_of(scene.txn, organiser)]
    return [one for one in found if one is not None]


def is_open(scene: Conversation, payment: Payment) -> bool:
    """Return whether a share can still be agreed to; True for other payments."""
    if payment.bill is None:
        return True
    file = store.lock_bill(scene.txn, payment.bill)
    is_asked = file is not None and file.bill.state is BillState.OPEN
    return is_asked and file is not None and file.bill.due_at_ms > scene.now_ms


def timeout_ms(scene: Conversation, payment: Payment) -> int:
    """How long the ledger sets a share aside: a while longer than the bill waits."""
    file = store.lock_bill(scene.txn, str(payment.bill))
    assert file is not None, "a share is of a bill"  # noqa: S101 -- a foreign key
    return max(1, file.bill.due_at_ms - scene.now_ms) + SLACK_MS


def heard(scene: Conversation, share: OpenPayment) -> None:
    """A share is set aside, or will not be paid: that is told, and the last one ends the waiting.

    Args:
        scene: The transaction.
        share: As it is kept now; nothing happens if it is none.
    """
    bill_id, state = share.payment.bill, share.payment.state
    matter = lock(scene, bill_id) if bill_id is not None else None
    if matter is None or matter.bill.state is not BillState.OPEN:
        return
    payer = share.private.payer
    if state is State.HELD:
        tell(scene, matter, progress_doc(matter.view, payer, _localizer(scene, matter)))
        nonces = [one.payment.approved_by for one in matter.shares]
        is_frozen = holders.holder(scene.txn, share.payment.payer).is_frozen
        if is_frozen or authority.is_revoked(scene, nonces):
            return  # who stopped it is about to be told that their share is not paid
        if matter.view.agreed_count == matter.view.asked_count:
            _post(scene, matter)
    elif state in DECLINED:
        ask_organiser(scene, matter, declined_doc(matter.view, payer, _localizer(scene, matter)))


def ask_organiser(scene: Conversation, matter: BillMatter, intro: Doc) -> None:
    """Tell the organiser where it stands, with what they can do; older questions of it are over."""
    person = matter.private.organiser.person
    assert person is not None, "a person asks for it"  # noqa: S101 -- our bug
    localizer = scene.localizer(person)
    view = matter.view
    choices = [Choice(id=CANCEL, label=localizer.text("Cancel the bill"), style="danger")]
    if any(one.is_declined for one in view.shares):
        if to_ask_again(scene, matter):
            choices.insert(
                0, Choice(id=AGAIN, label=localizer.text("Ask who does not pay once more"))
            )
        if any(not (one.is_declined or one.is_own) for one in view.shares):
            words = localizer.text("Divide it anew among the others")
            choices.insert(0, Choice(id=DIVIDE, label=words, style="primary"))
    close_questions(scene, matter, localizer.text("This question was replaced by the one below."))
    prompt = scene.prompt(person, choices, matter.bill.due_at_ms - scene.now_ms)
    room_id = _room(scene, matter)
    if room_id is not None:
        purpose = {"topic": Topic.BILL, "bill": matter.bill.id}
        scene.ask(room_id, person, prompt, intro, about=about(matter.bill.id), purpose=purpose)


def to_ask_again(scene: Conversation, matter: BillMatter) -> list[str]:
    """List sharers who declined and may be asked once more; the number of times is limited."""
    times = store.times_asked(scene.txn, matter.bill.id)
    return [
        one.private.payer.address
        for one in matter.shares
        if one.payment.state in DECLINED and times[one.payment.payer] < TIMES_MAX
    ]


def tell(scene: Conversation, matter: BillMatter, doc: Doc, *, is_quiet: bool = False) -> None:
    """Say something to the organiser."""
    room_id, person = _room(scene, matter), matter.private.organiser.person
    if room_id is not None and person is not None:
        scene.tell(room_id, person, doc, is_quiet=is_quiet)


def close_questions(scene: Conversation, matter: BillMatter, words: str) -> None:
    """End the open questions to the organiser."""
    person = matter.private.organiser.person
    if person is not None:
        scene.close(about(matter.bill.id), person, words)


def about(bill_id: str) -> str:
    """The matter of the questions about a bill."""
    return f"bill {bill_id}"


def take(scene: Conversation, matter: BillMatter, heard: BillInput) -> BillMatter:
    """Keep the next state of a bill; its effects are the caller's.

    Raises:
        BillStateError: It is in no state for that; nothing has changed.
    """
    bill, _ = step_bill(matter.bill, heard)
    store.save_bill(scene.txn, bill, scene.now_ms)
    return attrs.evolve(matter, bill=bill)


def _post(scene: Conversation, matter: BillMatter) -> None:
    """All shares are set aside: have the writer pay them, all or none."""
    after = take(scene, matter, BillInput.FULL)
    held = [one for one in matter.shares if one.payment.state is State.HELD]
    posts = []
    for share in held:
        paying, _ = step(share.payment, Input.POST)
        files.save(scene, share, paying)
        posts.append(holding.posting(scene, paying))
    given = [nonce for one in held if (nonce := one.payment.approved_by) is not None]
    about, moves = after.bill.id, chain(posts)
    attempts.add(scene.txn, POST, about, moves, scene.now_ms, approved_by=given)


def _matter_of(scene: Conversation, file: BillFile) -> BillMatter:
    shares = [files.matter_of(scene, one) for one in store.shares(scene.txn, file.bill.id)]
    return BillMatter(file.bill, BillPrivate.opened(scene.vault.open(file.sealed)), shares)


def _room(scene: Conversation, matter: BillMatter) -> RoomId | None:
    organiser = matter.private.organiser.person
    return scene.chat_of(organiser) if organiser is not None else None


def _localizer(scene: Conversation, matter: BillMatter) -> Localizer:
    organiser = matter.private.organiser.person
    assert organiser is not None, "a person asks for it"  # noqa: S101 -- our bug
    return scene.localizer(organiser)
