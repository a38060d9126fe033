"""Escrows on the wallet's page: proposed, joined, put aside, decided, by the rules of the chat.

What takes a key is asked for in the chat too, with the same words to be signed; whichever is
answered first counts.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.order import Order, OrderProblem, reference_problem
from appservices.payments.conversation.service.naming import user_named
from appservices.payments.escrows import store
from appservices.payments.escrows.core.escrow import (
    HOLDING,
    OPEN_MAX,
    OVER,
    VOTERS_MIN,
    WAITING,
    EscrowState,
    OnSilence,
    Role,
)
from appservices.payments.escrows.core.order import (
    EscrowOrder,
    EscrowProblem,
    Now,
    Rules,
    ordered,
    read_share,
)
from appservices.payments.escrows.service import asking, escrows
from appservices.payments.escrows.service import orders as escrow_orders
from appservices.payments.escrows.service import records as deals
from appservices.payments.escrows.texts.escrow import (
    escrow_problem_words,
    silence_words,
    split_words,
    state_words,
    stuck_words,
)
from appservices.payments.wallet.service import orders
from appservices.payments.wallet.service.asks import asks_of
from appservices.payments.wallet.service.trust_views import EscrowEntry, EscrowParty
from appservices.payments.wallet.service.visit import PaymentRefusedError
from appservices.payments.wallet.texts import Trouble
from veche.protocol.ids import ULID_PATTERN
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.escrows.core.escrow import Voter
    from appservices.payments.escrows.service.records import Deal
    from appservices.payments.transfers.texts.views import Party
    from appservices.payments.wallet.service.asks import AskView
    from appservices.payments.wallet.service.trust_views import NewEscrowBody
    from appservices.payments.wallet.service.visit import Visit
    from veche.protocol.ids import UserId

SHOWN_MS: Final = 7 * 86_400_000
"""How long an escrow that is over is still shown."""
ARBITERS: Final = "arbiters"
_FIELDS: Final[Mapping[EscrowProblem, str]] = {
    EscrowProblem.BAD_DATE: "until",
    EscrowProblem.TOO_EARLY: "until",
    EscrowProblem.TOO_LATE: "until",
    EscrowProblem.BAD_COUNT: "k",
    EscrowProblem.TWICE: ARBITERS,
    EscrowProblem.TOO_MANY: ARBITERS,
}


def entries(visit: Visit) -> list[EscrowEntry]:
    """The escrows in which a person takes part."""
    scene, mine = visit.scene, visit.holder.id
    ids = store.shown_of(scene.txn, mine, scene.now_ms - SHOWN_MS)
    found = [store.escrow(scene.txn, id_) for id_ in ids]
    return [_entry(visit, deals.deal_of(scene, one)) for one in found if one is not None]


def choose(visit: Visit, escrow_id: str, choice: str) -> None:
    """Do what takes no key: take part or not, stop it.

    Raises:
        NotFoundError: They take part in no such escrow.
        PaymentRefusedError: It is in no state for that.
    """
    deal, voter = _locked(visit, escrow_id)
    if not escrows.choose(visit.scene, deal, voter, choice):
        raise visit.refused(Trouble.TOO_LATE)
    visit.scene.announce_change(visit.person)


def ask(visit: Visit, escrow_id: str, part: str | None) -> None:
    """Have the person asked for their key: to put the money aside, or to decide.

    Args:
        visit: The person.
        escrow_id: Of the escrow.
        part: What the seller shall get, as it was typed; None: all or nothing.

    Raises:
        NotFoundError: They take part in no such escrow.
        PaymentRefusedError: Nothing is theirs to approve, or the part is none.
    """
    scene = visit.scene
    deal, voter = _locked(visit, escrow_id)
    votes: tuple[int, ...] | None = None
    if part is not None:
        read = read_share(part.upper(), deal.currency)
        if isinstance(read, OrderProblem):
            raise orders.unread(visit, read)
        if read > deal.escrow.amount_minor:
            most = visit.localizer.money(deal.escrow.amount_minor, deal.currency)
            raise visit.refused(Trouble.TOO_MUCH, orders.AMOUNT, amount=most)
        votes = (read,)
    is_theirs = _may_vote(deal, voter) or (part is None and _may_fund(deal, voter))
    if not is_theirs:
        raise visit.refused(Trouble.TOO_LATE)
    asking.call_back(scene, deal, visit.person)
    asking.show(scene, deal, voter, votes)


def wanted_of(visit: Visit, body: NewEscrowBody) -> tuple[EscrowOrder, list[UserId]]:
    """An escrow as it can be proposed, and who takes part besides the person, the seller first.

    Raises:
        PaymentRefusedError: Something of it is not right; the error names the field.
    """
    scene, person = visit.scene, visit.person
    amount = orders.read_typed(visit, body.amount, body.currency)
    reference = " ".join(body.reference.split())
    if (wrong := reference_problem(reference)) is not None:
        raise orders.unread(visit, wrong)
    seller, arbiters = body.payee.strip(), tuple(one.strip() for one in body.arbiters)
    until = _day(visit, body.until)
    n = VOTERS_MIN + len(arbiters)
    count = None if body.k is None else (body.k, n)
    rules = Rules(arbiters, count, OnSilence(body.on_silence), until)
    now = Now(scene.now_ms, visit.language, scene.section.time_zone)
    wanted = ordered(Order(seller, amount, reference), rules, now)
    if isinstance(wanted, EscrowProblem):
        raise _refused(visit, wanted)
    bot = scene.sender.bot.user_id
    persons = []
    for field, typed in ((orders.PAYEE, seller), *((ARBITERS, one) for one in arbiters)):
        named = user_named(typed, bot)
        if named is None:
            raise nobody(visit, field)
        persons.append(named)
    problem = escrow_orders.hindrance(scene, person, persons)
    if problem is not None:
        raise _refused(visit, problem)
    _check_many(visit)
    return wanted, persons


def propose(visit: Visit, wanted: EscrowOrder, parties: tuple[Party, ...]) -> str:
    """Keep a new escrow and ask those who are to take part; its id.

    Args:
        visit: The buyer.
        wanted: As ``wanted_of`` read it.
        parties: The buyer, then those whom it gave.

    Raises:
        PaymentRefusedError: They have too many that are not over.
    """
    _check_many(visit)
    terms = escrow_orders.terms_of(wanted)
    deal = escrow_orders.new_deal(visit.scene, parties, terms)
    escrows.propose(visit.scene, deal)
    return deal.escrow.id


def _check_many(visit: Visit) -> None:
    if escrow_orders.has_many(visit.scene, visit.person):
        raise visit.refused(Trouble.MANY_ESCROWS, most=OPEN_MAX)


def nobody(visit: Visit, field: str) -> PaymentRefusedError:
    """Make the error that a participant does not exist."""
    error = orders.nobody(visit)
    return PaymentRefusedError(error.reason, str(error), field)


def _day(visit: Visit, typed: str | None) -> dt.date | None:
    if typed is None:
        return None
    try:
        return dt.date.fromisoformat(typed)
    except ValueError as e:
        raise _refused(visit, EscrowProblem.BAD_DATE) from e


def _refused(visit: Visit, problem: EscrowProblem) -> PaymentRefusedError:
    words = escrow_problem_words(problem, visit.localizer)
    return PaymentRefusedError(problem.value, words, _FIELDS.get(problem))


def _locked(visit: Visit, escrow_id: str) -> tuple[Deal, Voter]:
    is_id = re.fullmatch(ULID_PATTERN, escrow_id)
    deal = escrows.lock(visit.scene, escrow_id) if is_id else None
    voter = deal.voter_of(visit.person) if deal is not None else None
    if deal is None or voter is None:
        raise visit.not_found(Trouble.NO_ESCROW)
    return deal, voter


def _may_vote(deal: Deal, voter: Voter) -> bool:
    return deal.escrow.state is EscrowState.FUNDED and voter.approved_by is None


def _may_fund(deal: Deal, voter: Voter) -> bool:
    return deal.escrow.state is EscrowState.AGREED and voter.role is Role.BUYER


def _entry(visit: Visit, deal: Deal) -> EscrowEntry:
    escrow, view, localizer = deal.escrow, deal.view, visit.localizer
    voter = escrow.voter(visit.holder.id)
    assert voter is not None, "they take part"  # noqa: S101 -- the list's own
    parties = [
        EscrowParty(
            address=party.address,
            name=party.name,
            role=one.role.value,
            has_agreed=one.has_agreed,
            decision=None if one.to_seller is None else split_words(view, one.to_seller, localizer),
        )
        for one, party in zip(escrow.voters, deal.parties, strict=True)
    ]
    amount = Money(minor=escrow.amount_minor, currency=deal.currency)
    asks = asks_of(visit, asking.about(deal, voter))
    return EscrowEntry(
        id=escrow.id,
        number=view.number,
        state=escrow.state.value,
        role=voter.role.value,
        amount=amount,
        reference=deal.reference,
        words=state_words(view, voter.role, localizer),
        k=escrow.k,
        parties=parties,
        ends_at_ms=escrow.ends_at_ms,
        due_at_ms=escrow.due_at_ms,
        silence=silence_words(view, localizer),
        stuck=stuck_words(view, localizer),
        held=amount if escrow.state in HOLDING else None,
        is_over=escrow.state in OVER,
        asks=asks,
        can=_can(deal, voter, asks),
    )


def _can(deal: Deal, voter: Voter, asks: list[AskView]) -> list[str]:
    if escrows.may_join(deal, voter):
        return [asking.JOIN, asking.DECLINE]
    found = [asking.STOP] if voter.role is Role.BUYER and deal.escrow.state in WAITING else []
    if _may_vote(deal, voter):
        found.append("share")
    is_asked = _may_vote(deal, voter) or _may_fund(deal, voter)
    return [*found, *(["ask"] if is_asked and not asks else [])]
