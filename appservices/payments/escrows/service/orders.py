"""``escrow bob 100 EUR bicycle``: what is wrong with it, who takes part; what to do with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.conversation.service.naming import known_name, user_named
from appservices.payments.escrows import store
from appservices.payments.escrows.core.escrow import (
    ANSWER_MS,
    OPEN_MAX,
    Escrow,
    EscrowState,
    OnSilence,
    Role,
    Voter,
)
from appservices.payments.escrows.core.order import (
    RELEASE,
    RETURN,
    SHARE,
    STOP,
    EscrowOrder,
    EscrowProblem,
    Now,
    read_escrow,
    read_share,
)
from appservices.payments.escrows.service import asking, escrows
from appservices.payments.escrows.service.records import Deal
from appservices.payments.escrows.texts.escrow import (
    ADDRESSES_CHARACTERS_MAX,
    escrow_example,
    no_escrow_doc,
    problem_doc,
    share_above_doc,
)
from appservices.payments.holders import store as holders
from appservices.payments.transfers.texts.paying import problem_doc as order_problem_doc
from appservices.payments.transfers.texts.paying import unknown_payee_doc
from appservices.payments.transfers.texts.views import NUMBER_CHARACTERS, Party
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

LOOK_UP: Final = "payments.escrow.parties"
"""Job: finds out what those are called who are to take part in an escrow."""


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants an escrow, to see theirs, or to do something with one.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: Nothing; a number, and what to do; or a new one.
    """
    number, _, rest = argument.strip().partition(" ")
    found = []
    if len(number) == NUMBER_CHARACTERS:
        found = store.of_holder(scene.txn, scene.holder(inbound.sender).id, number.upper())
    if not argument.strip():
        _show_all(scene, inbound)
    elif found:
        act(scene, inbound, found[0], rest.strip())
    elif rest.strip().partition(" ")[0].casefold() in STOP | RELEASE | RETURN | SHARE:
        scene.tell(inbound.room_id, inbound.sender, no_escrow_doc(scene.localizer(inbound.sender)))
    else:
        _propose(scene, inbound, argument)


def _show_all(scene: Conversation, inbound: Inbound) -> None:
    open_ones = store.of_holder(scene.txn, scene.holder(inbound.sender).id)
    for escrow_id in open_ones:
        asking.show_to(scene, escrow_id, inbound.sender)
    if not open_ones:
        _tell_problem(scene, inbound, EscrowProblem.USAGE)


def act(scene: Conversation, inbound: Inbound, escrow_id: str, wish: str) -> None:
    """Do with an escrow what one who takes part wants: to decide takes their key."""
    deal = escrows.lock(scene, escrow_id)
    voter = deal.voter_of(inbound.sender) if deal is not None else None
    if deal is None or voter is None:
        return
    word, _, rest = wish.casefold().partition(" ")
    amount = deal.escrow.amount_minor
    if word in STOP:
        _stop(scene, inbound, deal, voter)
        return
    if not word:
        asking.call_back(scene, deal, inbound.sender)
    votes: tuple[int, ...] | None = None
    if word in RELEASE | RETURN:
        votes = (amount if word in RELEASE else 0,)
    elif word in SHARE:
        part = read_share(rest.upper(), deal.currency)
        if isinstance(part, OrderProblem) or part > amount:
            _refuse_share(scene, inbound, deal, part)
            return
        votes = (part,)
    asking.show(scene, deal, voter, votes)


def _refuse_share(
    scene: Conversation, inbound: Inbound, deal: Deal, part: int | OrderProblem
) -> None:
    """Say why a share cannot be proposed."""
    localizer = scene.localizer(inbound.sender)
    example = localizer.text("escrow NUMBER share 60")
    if isinstance(part, OrderProblem):
        doc = order_problem_doc(part, [deal.currency], localizer, example)
    else:
        doc = share_above_doc(deal.escrow.amount_minor, deal.currency, example, localizer)
    scene.tell(inbound.room_id, inbound.sender, doc)


def _stop(scene: Conversation, inbound: Inbound, deal: Deal, voter: Voter) -> None:
    if voter.role is Role.BUYER and escrows.stop(scene, deal):
        return
    localizer = scene.localizer(inbound.sender)
    words = localizer.text("Only its buyer can stop it, and only until the money is put aside.")
    scene.tell(inbound.room_id, inbound.sender, (Paragraph(words),))


def _propose(scene: Conversation, inbound: Inbound, argument: str) -> None:
    person, currencies = inbound.sender, scene.section.currencies
    localizer = scene.localizer(person)
    now = Now(scene.now_ms, localizer.language, localizer.time_zone)
    wanted = read_escrow(argument, currencies, now)
    if isinstance(wanted, OrderProblem):
        doc = order_problem_doc(
            wanted, currencies, localizer, escrow_example(currencies[0], localizer)
        )
        scene.tell(inbound.room_id, person, doc)
        return
    if isinstance(wanted, EscrowProblem):
        _tell_problem(scene, inbound, wanted)
        return
    bot = scene.sender.bot.user_id
    named = [user_named(one, bot) for one in (wanted.order.payee, *wanted.arbiters)]
    persons = [one for one in named if one is not None]
    if len(persons) != len(named):
        scene.tell(inbound.room_id, person, unknown_payee_doc(localizer))
    elif (problem := hindrance(scene, person, persons)) is not None:
        _tell_problem(scene, inbound, problem)
    elif not _tell_many(scene, inbound.room_id, person):
        _look_up(scene, inbound, [person, *persons], wanted)


def _tell_many(scene: Conversation, room_id: RoomId, person: UserId) -> bool:
    """Tell somebody that they have too many; False if they have not."""
    if not has_many(scene, person):
        return False
    localizer = scene.localizer(person)
    words = localizer.text("You have too many that are not over. Write “escrow” to see them.")
    scene.tell(room_id, person, (Paragraph(words),))
    return True


def has_many(scene: Conversation, person: UserId) -> bool:
    """Return whether somebody has as many escrows that are not over as there can be.

    Until the transaction ends nobody else begins one for them.
    """
    buyer = holders.lock_holder(scene.txn, scene.holder(person).id)
    return len(store.open_of_buyer(scene.txn, buyer.id)) >= OPEN_MAX


def hindrance(scene: Conversation, person: UserId, persons: list[UserId]) -> EscrowProblem | None:
    """Why these cannot take part together; None if they can."""
    together = [person, *persons, scene.sender.bot.user_id]
    if len(set(together)) != len(together):
        return EscrowProblem.TWICE
    is_long = sum(map(len, together)) > ADDRESSES_CHARACTERS_MAX
    return EscrowProblem.TOO_MANY if is_long else None


def _tell_problem(scene: Conversation, inbound: Inbound, problem: EscrowProblem) -> None:
    localizer = scene.localizer(inbound.sender)
    doc = problem_doc(problem, scene.section.currencies[0], localizer)
    scene.tell(inbound.room_id, inbound.sender, doc)


def _look_up(
    scene: Conversation, inbound: Inbound, persons: list[UserId], wanted: EscrowOrder
) -> None:
    payload = {"persons": persons, "room": inbound.room_id, **terms_of(wanted)}
    id_ = effect_id(LOOK_UP, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, LOOK_UP, payload, scene.now_ms))


def terms_of(wanted: EscrowOrder) -> dict[str, Any]:
    """Encode an order for a job, which keeps it until all names are known."""
    return {
        "minor": wanted.order.amount.minor,
        "currency": wanted.order.amount.currency,
        "reference": wanted.order.reference,
        "k": wanted.k,
        "on_silence": wanted.on_silence.value,
        "ends_at_ms": wanted.ends_at_ms,
    }


class LookUp(ChatJob[Parts]):
    """Finds out what those are called who are to take part; then they are asked."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver; somebody may not be there."""
        client, bot = self._parts.host.client, self._parts.bot.user_id
        persons = [UserId(one) for one in job.payload["persons"]]
        return {"names": [await known_name(client, bot, one) for one in persons]}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Propose the escrow, unless somebody is not there."""
        scene, wanted = self._parts.conversation(txn, job.id, now_ms), job.payload
        persons = [UserId(one) for one in wanted["persons"]]
        buyer, room_id = persons[0], RoomId(wanted["room"])
        names = result["names"]
        if None in names:
            scene.tell(room_id, buyer, unknown_payee_doc(scene.localizer(buyer)))
            return
        if _tell_many(scene, room_id, buyer):
            return  # others that were ordered at the same time came first
        parties = tuple(Party(*one) for one in zip(persons, names, strict=True))
        escrows.propose(scene, new_deal(scene, parties, wanted))


def new_deal(scene: Conversation, parties: tuple[Party, ...], wanted: Mapping[str, Any]) -> Deal:
    """A new escrow that nobody was asked about yet.

    Args:
        scene: The transaction.
        parties: Buyer, seller, arbiters: persons.
        wanted: See ``terms_of``.
    """
    roles = (Role.BUYER, Role.SELLER, *([Role.ARBITER] * (len(parties) - 2)))
    voters = tuple(
        Voter(scene.holder(UserId(party.address)).id, role, has_agreed=role is Role.BUYER)
        for party, role in zip(parties, roles, strict=True)
    )
    escrow = Escrow(
        id=scene.sender.fresh_ulid("escrow"),
        state=EscrowState.PROPOSED,
        buyer=voters[0].holder,
        seller=voters[1].holder,
        ledger=holders.currencies(scene.txn)[wanted["currency"]],
        amount_minor=wanted["minor"],
        k=wanted["k"],
        voters=voters,
        on_silence=OnSilence(wanted["on_silence"]),
        asked_at_ms=scene.now_ms,
        ends_at_ms=wanted["ends_at_ms"],
        due_at_ms=min(scene.now_ms + ANSWER_MS, wanted["ends_at_ms"]),
    )
    return Deal(escrow, parties, wanted["currency"], wanted["reference"])
