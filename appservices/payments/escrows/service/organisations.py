"""Escrows over HTTP: an organisation that sells opens one, follows it, decides as one of n.

The money is put aside by the buyer's key and goes where k of n say, or the date: the organisation
has one sender among them. Its instruction is the evidence of what it decides.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from appservices.payments.acts import service as acting
from appservices.payments.escrows.api import EscrowView, EscrowVoteView
from appservices.payments.escrows.core.escrow import (
    ANSWER_MS,
    LIFE_MS_MAX,
    OPEN_MAX,
    WAITING,
    Escrow,
    EscrowState,
    EscrowStateError,
    OnSilence,
    Role,
    Voter,
    is_enough,
    majority,
)
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import orders as escrow_orders
from appservices.payments.escrows.service.records import Deal
from appservices.payments.escrows.texts.escrow import ADDRESSES_CHARACTERS_MAX
from appservices.payments.holders import store as holders
from appservices.payments.organisations.service.known_people import check_currency, check_person
from appservices.payments.questions.texts import reason_doc
from appservices.payments.transfers.texts.views import Party
from veche.protocol.errors import ConflictError, ForbiddenError, MalformedError, NotFoundError
from veche.protocol.ids import Ulid, UserId
from veche.protocol.money import Money

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.escrows.api import DecideBody, EscrowBody
    from appservices.payments.organisations.service.known_people import Strangers
    from veche.api.bearer import OrganisationCaller

logger = logging.getLogger(__name__)


class TooManyEscrowsError(ConflictError):
    """The buyer has as many escrows that are not over as there can be (HTTP 409)."""

    errcode = "ORG.VECHE.TOO_MANY_ESCROWS"


class DecidedError(ConflictError):
    """The organisation has decided this escrow before, in another way (HTTP 409)."""

    errcode = "ORG.VECHE.DECIDED"


def open_escrow(
    scene: Conversation, caller: OrganisationCaller, body: EscrowBody, strangers: Strangers
) -> EscrowView:
    """Open an escrow in which the organisation sells; arbiters and then the buyer are asked.

    Args:
        scene: The transaction.
        caller: Who sells.
        body: What, and who takes part.
        strangers: Who of them has no account here.

    Raises:
        MalformedError: Something of it is out of bounds; the field is named.
        TooManyEscrowsError: The buyer has too many.
        ForbiddenError: It is an office: what it asks of a person is an act, and goes by invoice.
    """
    if acting.is_office(scene, caller.id):
        raise ForbiddenError("An office sells nothing: ask by an invoice")
    _check(scene, body, strangers)
    if escrow_orders.has_many(scene, UserId(body.buyer)):
        raise TooManyEscrowsError(f"The buyer has {OPEN_MAX} escrows that are not over")
    deal = _deal(scene, caller, body)
    escrows.propose(scene, deal)
    logger.info("escrow %s is opened by %s", deal.escrow.id, caller.id)
    return read(scene, caller, deal.escrow.id)


def read(scene: Conversation, caller: OrganisationCaller, escrow_id: str) -> EscrowView:
    """An escrow in which the organisation sells.

    Raises:
        NotFoundError: There is none of theirs.
    """
    return _view(_find(scene, caller, escrow_id))


def decide(
    scene: Conversation, caller: OrganisationCaller, escrow_id: str, body: DecideBody, sha256: bytes
) -> EscrowView:
    """Say what the organisation shall get; the same once more changes nothing.

    Args:
        scene: The transaction.
        caller: Who decides.
        escrow_id: Of the escrow.
        body: What.
        sha256: Of the request: the evidence of it.

    Raises:
        NotFoundError: There is none of theirs.
        EscrowStateError: Nothing is put aside, it is decided already, or its date is over.
        DecidedError: They said something else before.
        MalformedError: It is more than is put aside, or of another currency.
    """
    deal = _find(scene, caller, escrow_id)
    escrow, minor = deal.escrow, body.to_seller.minor
    if body.to_seller.currency != deal.currency or not 0 <= minor <= escrow.amount_minor:
        highest = f"{escrow.amount_minor} minor units of {deal.currency}"
        raise MalformedError("body.to_seller", f"should be 0 to {highest}")
    voter = escrow.voters[1]
    if voter.to_seller is not None:
        if voter.to_seller != minor:
            raise DecidedError("You decided before, and once: it stays")
        return _view(deal)
    if escrow.state is not EscrowState.FUNDED:
        raise EscrowStateError(escrow.state)
    if holders.holder(scene.txn, voter.holder).is_frozen:
        raise ForbiddenError("The account is frozen, so this does not count")
    approved_by = f"request {caller.id} {sha256.hex()}"
    escrows.decide(scene, deal, attrs.evolve(voter, to_seller=minor, approved_by=approved_by))
    logger.info("escrow %s: %s has decided", escrow_id, caller.id)
    return read(scene, caller, escrow_id)


def cancel(
    scene: Conversation, caller: OrganisationCaller, escrow_id: str, reason: str | None = None
) -> EscrowView:
    """Take an escrow back as long as nothing is put aside; one that is over stays as it is.

    Args:
        scene: The transaction.
        caller: Who takes it back.
        escrow_id: Of it.
        reason: Why, for the buyer.

    Raises:
        NotFoundError: There is none of theirs.
        EscrowStateError: The money is put aside: it is decided, not taken back.
    """
    deal = _find(scene, caller, escrow_id)
    if deal.escrow.state in WAITING:
        escrows.take_back(scene, deal)
        _tell_buyer(scene, deal, reason)
    elif deal.escrow.state is not EscrowState.DECLINED:
        raise EscrowStateError(deal.escrow.state)
    return read(scene, caller, escrow_id)


def _tell_buyer(scene: Conversation, deal: Deal, reason: str | None) -> None:
    person = deal.parties[0].person
    room_id = scene.chat_of(person) if person is not None else None
    if person is not None and room_id is not None and reason is not None:
        scene.tell(room_id, person, reason_doc(reason, scene.localizer(person)))


def _check(scene: Conversation, body: EscrowBody, strangers: Strangers) -> None:
    check_currency(scene, body.amount.currency, "body.amount")
    if body.amount.minor < 1:
        raise MalformedError("body.amount", "should be above zero")
    for address in (body.buyer, *body.arbiters):
        where = "body.arbiters" if address != body.buyer else "body.buyer"
        check_person(scene, address, where, strangers)
    together = [body.buyer, *body.arbiters]
    if len(set(together)) != len(together):
        raise MalformedError("body.arbiters", "everybody takes part once")
    if sum(map(len, together)) > ADDRESSES_CHARACTERS_MAX:
        raise MalformedError("body.arbiters", "too many: what is signed names them all")
    n = len(together) + 1
    if body.k is not None and not is_enough(body.k, n):
        raise MalformedError("body.k", f"should be more than half of the {n} who take part")
    if not scene.now_ms < body.ends_at_ms <= scene.now_ms + LIFE_MS_MAX:
        raise MalformedError("body.ends_at_ms", "should be within the next 76 days")


def _deal(scene: Conversation, caller: OrganisationCaller, body: EscrowBody) -> Deal:
    persons = [UserId(body.buyer), *map(UserId, body.arbiters)]
    buyer, *arbiters = (Party(one, one) for one in persons)
    voters = (
        # What the buyer is asked first is whether to put the money aside.
        Voter(scene.holder(persons[0]).id, Role.BUYER, has_agreed=True),
        Voter(scene.organisation(caller.id).id, Role.SELLER, has_agreed=True),
        *(Voter(scene.holder(one).id, Role.ARBITER, has_agreed=False) for one in persons[1:]),
    )
    escrow = Escrow(
        id=scene.sender.fresh_ulid("escrow"),
        state=EscrowState.PROPOSED,
        buyer=voters[0].holder,
        seller=voters[1].holder,
        ledger=holders.currencies(scene.txn)[body.amount.currency],
        amount_minor=body.amount.minor,
        k=body.k or majority(len(voters)),
        voters=voters,
        on_silence=OnSilence(body.on_silence),
        asked_at_ms=scene.now_ms,
        ends_at_ms=body.ends_at_ms,
        due_at_ms=min(scene.now_ms + ANSWER_MS, body.ends_at_ms),
    )
    parties = (buyer, Party(caller.id, caller.name), *arbiters)
    return Deal(escrow, parties, body.amount.currency, body.title, body.ours)


def _find(scene: Conversation, caller: OrganisationCaller, escrow_id: str) -> Deal:
    deal = escrows.lock(scene, escrow_id)
    if deal is None or deal.escrow.seller != scene.organisation(caller.id).id:
        raise NotFoundError("There is no such escrow")
    return deal


def _view(deal: Deal) -> EscrowView:
    escrow = deal.escrow

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor=minor, currency=deal.currency)

    return EscrowView(
        id=Ulid(escrow.id),
        state=escrow.state.value,
        amount=Money(minor=escrow.amount_minor, currency=deal.currency),
        title=deal.reference,
        k=escrow.k,
        parties=tuple(
            EscrowVoteView(
                role=voter.role.value,
                address=party.address,
                has_agreed=voter.has_agreed,
                to_seller=money(voter.to_seller),
            )
            for voter, party in zip(escrow.voters, deal.parties, strict=True)
        ),
        on_silence=escrow.on_silence.value,
        ends_at_ms=escrow.ends_at_ms,
        to_seller=money(escrow.to_seller),
        payment=escrow.payment_id,
        why=escrow.why,
        ours=deal.ours,
    )
