"""A key that is revoked, or a payer who stops everything, moves no more money: at any moment.

Each story is one kind of agreement, step by step. After each of its steps in turn something happens
to the key or the payer, then the story goes on as if nothing had: clocks ring, merchants, guardians
and others say yes, the ledger is written.
"""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appservices.payments.allowances import store as allowances
from appservices.payments.allowances.core import AllowanceState, AllowanceTerms
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.allowances.store import Allowance
from appservices.payments.allowances.texts import AllowanceView
from appservices.payments.bills.core.bill import Sharer
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.guardians.store import GuardRule
from appservices.payments.guardians.texts import RuleView
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import LimitKind, LimitOrder
from appservices.payments.limits.service import limits as limiting
from appservices.payments.mandates import store as mandate_store
from appservices.payments.mandates.core.mandate import MandateState, Terms
from appservices.payments.mandates.core.order import ChargeOrder, MandateOrder
from appservices.payments.mandates.service import debits as charges
from appservices.payments.mandates.service import mandates
from appservices.payments.mandates.store import Mandate
from appservices.payments.merchants.api.confirming import ConfirmBody
from appservices.payments.merchants.service.confirming import confirm
from appservices.payments.paying.service import paying
from appservices.payments.safeguards.service import freezing, revoking
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.views import Party
from appservices.payments.wallet.routes.persons import WalletRoutes
from tests.integration.appservices.payments.market import BEGINS_MINOR, SHOP, Market
from tests.integration.appservices.payments.scenes import KEYS, nonce
from tests.integration.appservices.payments.trust import asking_nothing, chat_with
from tests.support.long import many
from tests.support.stored_keys import revoke_keys
from veche.access.sessions import Agent, Level, Session
from veche.api import Call
from veche.protocol.errors import ConflictError
from veche.protocol.guardians import RuleState
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from veche.protocol.ids import UserId

    Story = Callable[[Market], Iterator[bool]]

pytestmark = pytest.mark.postgres

WAIT_MS: Final = 2 * 86_400_000
SMALL: Final = 200
LARGE: Final = 9_000


@pytest.fixture(scope="module")
def place() -> Iterator[Market]:
    with Market.open() as one:
        yield one


def approved(market: Market, person: UserId) -> str:
    """The nonce of something that a key of a person's approved."""
    with market.at() as scene:
        return KEYS.approve(scene.txn, person, market.now_ms, nonce())


def asked(market: Market, payer: UserId, payee: UserId, minor: int, **more: Any) -> str:
    """A payment that waits for the payer's approval."""
    with market.at() as scene:
        payment = Payment(
            **{
                "id": scene.sender.fresh_ulid("payment"),
                "kind": Kind.PAY,
                "state": State.ASKED,
                "payer": scene.holder(payer).id,
                "payee": scene.holder(payee).id,
                "ledger": holders.currencies(scene.txn)["EUR"],
                "amount_minor": minor,
                "fee_minor": 0,
                "asked_at_ms": market.now_ms,
                **more,
            }
        )
        assert files.add(scene, payment, Private(Party(payer, ""), Party(payee, ""), "EUR", ""))
    return payment.id


def ring(market: Market, payment_id: str) -> None:
    """The clock of a payment rings, long after."""
    with market.at(market.now_ms + WAIT_MS) as scene:
        paying.fire_timer(scene, market.matter(scene, payment_id))


def write(market: Market, after_ms: int = 0) -> None:
    market.scribe.write(market.now_ms + after_ms)


# The stories: each yields whether the money can no longer be stopped.


def at_once(market: Market) -> Iterator[bool]:
    payment_id = asked(market, market.alice, market.bob, SMALL)
    market.approve(payment_id)
    yield False
    write(market)
    yield True


def after_a_wait(market: Market) -> Iterator[bool]:
    with market.at() as scene:
        alice = holders.lock_holder(scene.txn, scene.holder(market.alice).id)
        limiting.change(scene, alice.id, LimitOrder(LimitKind.FIRST_PAYEE, SMALL, "EUR"))
    payment_id = asked(market, market.alice, market.bob, LARGE)
    market.approve(payment_id)
    assert market.state(payment_id) == ("cooling", None)
    yield False
    ring(market, payment_id)
    yield False
    write(market, WAIT_MS)
    yield True


def by_guardians(market: Market) -> Iterator[bool]:
    with market.at() as scene:
        view = RuleView(Party(market.alice, "A"), (Party(market.bob, "B"),), 1, 1, "EUR")
        kept = GuardRule(
            id=derived_ulid(market.now_ms, "rule"),
            holder=scene.holder(market.alice).id,
            ledger=holders.currencies(scene.txn)["EUR"],
            state=RuleState.ACTIVE,
            needed=1,
            above_minor=1,
            is_shown=True,
            sealed=guarding.sealed(scene, view),
            approved_by=KEYS.approve(scene.txn, market.alice, market.now_ms, nonce()),
            counts_from_ms=None,
        )
        guards.add_rule(scene.txn, kept, [scene.holder(market.bob).id], market.now_ms)
        bob = scene.holder(market.bob).id
        chat_with(scene, market.bob)
    due_ms = market.now_ms + 1
    payment_id = asked(market, market.alice, market.carol, SMALL, due_at_ms=due_ms)
    with market.at() as scene:
        matter = market.matter(scene, payment_id)
        given = KEYS.approve(scene.txn, market.alice, market.now_ms, nonce())
        payment = attrs.evolve(matter.payment, approved_by=given)
        matter = attrs.evolve(matter, payment=payment)
        paying._go_on(asking_nothing(scene), matter, market.now_ms)
    assert market.state(payment_id) == ("guarded", None)
    yield False
    with market.at() as scene:
        matter = market.matter(scene, payment_id)
        if matter.payment.state is State.GUARDED:
            said = KEYS.approve(scene.txn, market.bob, market.now_ms, nonce())
            guards.vote(scene.txn, payment_id, bob, said, is_yes=True, now_ms=market.now_ms)
            paying.guardian_said(asking_nothing(scene), matter)
    yield False
    write(market)
    yield True


def of_an_invoice(market: Market) -> Iterator[bool]:
    market.approve(market.asked(market.invoice()))
    yield False
    write(market)
    yield True


def once_the_merchant_says_yes(market: Market) -> Iterator[bool]:
    invoice_id = market.invoice(confirm=True)
    payment_id = market.asked(invoice_id)
    market.approve(payment_id)
    yield False
    write(market)
    yield False
    with contextlib.suppress(ConflictError), market.at() as scene:
        confirm(scene, SHOP, invoice_id, ConfirmBody(payment=payment_id))
    yield True
    write(market)
    yield True


def with_others(market: Market) -> Iterator[bool]:
    bill_id = market.bill(Sharer(market.alice), Sharer(market.bob))
    market.approve(market.share(bill_id, market.alice))
    yield False
    write(market)
    yield False
    market.approve(market.share(bill_id, market.bob))
    yield False
    write(market)
    yield True


def given_back(market: Market) -> Iterator[bool]:
    first = asked(market, market.bob, market.alice, SMALL)
    market.held(first)
    payment_id = asked(market, market.alice, market.bob, SMALL, kind=Kind.REFUND, refund_of=first)
    market.approve(payment_id)
    yield False
    write(market)
    yield True


def to_a_bank(market: Market) -> Iterator[bool]:
    payment_id = asked(
        market,
        market.alice,
        market.bob,
        LARGE,
        kind=Kind.PAYOUT,
        state=State.COOLING,
        due_at_ms=market.now_ms + 1,
        approved_by=approved(market, market.alice),
    )
    yield False
    if market.state(payment_id)[0] == "cooling":
        return  # there is no bank here
    yield False


def debited(market: Market) -> Iterator[bool]:
    id_ = derived_ulid(market.now_ms, "mandate")
    euro = {"minor": SMALL, "currency": "EUR"}
    order = MandateOrder.model_validate(
        {
            "id": id_,
            "payee": SHOP.id,
            "payee_name": "Shop",
            "payer": market.alice,
            "purpose": "Bread",
            "each_max": euro,
            "period": "month",
            "period_max": euro,
            "starts_at_ms": market.now_ms,
            "ends_at_ms": market.now_ms + 10 * WAIT_MS,
        }
    )
    with market.at() as scene:
        mandate = Mandate(
            id=id_,
            payer=scene.holder(market.alice).id,
            payee=scene.organisation(SHOP.id).id,
            ledger=holders.currencies(scene.txn)["EUR"],
            state=MandateState.ACTIVE,
            count=0,
            sealed=scene.vault.seal(order.model_dump(mode="json", exclude_none=True)),
            approved_by=KEYS.approve(scene.txn, market.alice, market.now_ms, nonce()),
            terms=Terms(
                SMALL, "month", SMALL, market.now_ms, market.now_ms + 10 * WAIT_MS, notice_ms=0
            ),
        )
        assert mandate_store.add_mandate(scene.txn, mandate, market.now_ms)
        charge = ChargeOrder.model_validate(
            {
                "id": derived_ulid(market.now_ms, "charge"),
                "mandate": id_,
                "payee": SHOP.id,
                "amount": euro,
                "title": "Bread",
                "reply": "shop.heard",
            }
        )
        charges.announce(scene, charge)
    yield False
    ring(market, charge.id)
    yield False
    write(market, WAIT_MS)
    yield True


def lent(market: Market, name: str = "allowance") -> Allowance:
    """Alice lets Bob pay from her account."""
    terms = AllowanceTerms(SMALL, "day", SMALL, 1, market.now_ms * 2)
    view = AllowanceView(Party(market.alice, "A"), Party(market.bob, "B"), (), (), "EUR", terms)
    with market.at() as scene:
        kept = Allowance(
            id=derived_ulid(market.now_ms, name),
            giver=scene.holder(market.alice).id,
            spender=scene.holder(market.bob).id,
            ledger=holders.currencies(scene.txn)["EUR"],
            state=AllowanceState.ACTIVE,
            sealed=allowance_uses.sealed(scene, view),
            approved_by=KEYS.approve(scene.txn, market.alice, market.now_ms, nonce()),
            terms=terms,
        )
        allowances.add_allowance(scene.txn, kept, market.now_ms)
    return kept


def use(market: Market, payment_id: str) -> None:
    """Bob's key approves what he pays from Alice's account."""
    with market.at() as scene:
        matter = market.matter(scene, payment_id)
        used = KEYS.approve(scene.txn, market.bob, market.now_ms, nonce())
        payment = attrs.evolve(matter.payment, approved_by=used)
        paying._go_on(scene, attrs.evolve(matter, payment=payment), market.now_ms)


def by_another(market: Market) -> Iterator[bool]:
    kept = lent(market)
    yield False
    due_ms = market.now_ms + 1
    payment_id = asked(
        market, market.alice, market.carol, SMALL, allowance_id=kept.id, due_at_ms=due_ms
    )
    use(market, payment_id)
    yield False
    write(market)
    yield True


def by_another_once_the_merchant_says_yes(market: Market) -> Iterator[bool]:
    kept = lent(market)
    yield False
    invoice_id = market.invoice(SMALL, confirm=True)
    payment_id = market.asked(invoice_id)
    statement = "UPDATE payments.payment SET allowance_id = %s WHERE id = %s"
    market.rows(statement, kept.id, payment_id)
    use(market, payment_id)
    yield False
    write(market)
    yield False
    with contextlib.suppress(ConflictError), market.at() as scene:
        confirm(scene, SHOP, invoice_id, ConfirmBody(payment=payment_id))
    yield True
    write(market)
    yield True


STORIES: Final = (
    at_once,
    after_a_wait,
    by_guardians,
    of_an_invoice,
    once_the_merchant_says_yes,
    with_others,
    given_back,
    to_a_bank,
    debited,
    by_another,
    by_another_once_the_merchant_says_yes,
)


# What happens to the payer.


def revoked(market: Market) -> None:
    """The key is revoked, and the bot hears of it."""
    unheard(market)
    with market.at() as scene:
        revoking.stop(scene, market.alice)


def unheard(market: Market) -> None:
    """The key is revoked, and the bot has not heard of it yet."""
    with market.at() as scene:
        revoke_keys(scene.txn, market.alice, market.now_ms)


def frozen(market: Market) -> None:
    with market.at() as scene:
        freezing.freeze(scene, market.alice)


def frozen_by_a_low_session(market: Market) -> None:
    freeze_on_page(market, Level.LOW)


def freeze_on_page(market: Market, level: Level) -> None:
    """Stop everything by the page, as its route does it for a session of a level."""
    session = Session("s", market.alice, level, None, Agent(), 0, 0, 0)
    request: Any = SimpleNamespace(path=b"/freeze")
    call = Call(request, session, None, None, {}, "en", "", None, market.now_ms)
    with market.at() as scene:
        institution: Any = SimpleNamespace(parts=scene.parts)
        waits_for_nothing: Any = None
        WalletRoutes(institution, waits_for_nothing).freeze(scene.txn, call)


HAPPENINGS: Final = (revoked, unheard, frozen, frozen_by_a_low_session)


def check(market: Market, story: Story, happenings: dict[int, Callable[[Market], None]]) -> int:
    """Play a story to its end; the number of its steps."""
    is_stopped, is_final, n = False, False, 0
    for n, is_final in enumerate(story(market), 1):
        if n in happenings:
            is_stopped = is_stopped or not is_final
            happenings[n](market)
    write(market, 2 * WAIT_MS)
    free_minor, held_minor = market.has(market.alice)
    begun_minor = BEGINS_MINOR + (SMALL if story is given_back else 0)
    assert held_minor == 0, "nothing stays set aside"
    if is_stopped:
        assert free_minor == begun_minor, "money moved that was stopped"
    elif is_final:
        assert free_minor < begun_minor, "what nobody stopped is paid"
    return n


@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__)
def test_nothing_that_was_stopped_moves_at_whatever_moment(
    place: Market, story: Story, happening: Callable[[Market], None]
) -> None:
    # In an ordinary run at some moments: which, differs from one happening to the next.
    apart = many(ordinary=3, long=1)
    moment = steps = HAPPENINGS.index(happening) % apart
    while moment <= steps:
        steps = check(place.fresh(), story, {moment: happening})
        moment += apart


@settings(
    max_examples=many(ordinary=8, long=25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    story=st.sampled_from(STORIES),
    happenings=st.dictionaries(st.integers(1, 4), st.sampled_from(HAPPENINGS), max_size=3),
)
def test_several_things_at_several_moments_move_nothing_either(
    place: Market, story: Story, happenings: dict[int, Callable[[Market], None]]
) -> None:
    check(place.fresh(), story, happenings)


def test_a_freeze_by_a_low_session_lets_a_mandate_go_on_afterwards(place: Market) -> None:
    market = place.fresh()
    steps = debited(market)
    next(steps)
    frozen_by_a_low_session(market)
    with market.at() as scene:
        [mandate] = mandate_store.mandates_of(scene.txn, scene.holder(market.alice).id)
        assert mandate.state is MandateState.ACTIVE
        holders.set_frozen(scene.txn, scene.holder(market.alice).id, None)
        charge = asked_charge(market, mandate.id)
        charges.announce(scene, charge)
    ring(market, charge.id)
    write(market, WAIT_MS)

    assert market.state(charge.id) == ("paid", None)
    freeze_on_page(market, Level.ROOM)
    with market.at() as scene:
        assert mandate_store.mandates_of(scene.txn, scene.holder(market.alice).id) == []


def test_what_is_debited_while_everything_is_stopped_by_a_low_session_is_refused(
    place: Market,
) -> None:
    market = place.fresh()
    next(debited(market))
    frozen_by_a_low_session(market)
    with market.at() as scene:
        [mandate] = mandate_store.mandates_of(scene.txn, scene.holder(market.alice).id)
        charge = asked_charge(market, mandate.id)
        charges.announce(scene, charge)
    ring(market, charge.id)
    write(market, WAIT_MS)

    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert market.state(charge.id) == ("refused", "not_active")


def test_a_mandate_rests_until_another_key_approves_it(place: Market) -> None:
    market = place.fresh()
    next(debited(market))
    revoked(market)
    with market.at() as scene:
        [mandate] = mandate_store.mandates_of(scene.txn, scene.holder(market.alice).id)
        assert mandate.state is MandateState.PAUSED
        assert mandates.needs_key(scene, mandate, mandates.RESUME)
        assert mandates.change(scene, mandate, mandates.RESUME) is None
        fresh = KEYS.approve(scene.txn, market.alice, market.now_ms, nonce())
        mandate_store.save_state(scene.txn, mandate.id, MandateState.ACTIVE, fresh, market.now_ms)
        # Of what is revoked the bot hears again, and the other key still counts.
        revoking.stop(scene, market.alice)
        charge = asked_charge(market, mandate.id)
        charges.announce(scene, charge)
    ring(market, charge.id)
    write(market, WAIT_MS)

    assert market.state(charge.id) == ("paid", None)


def test_a_charge_by_a_revoked_key_is_refused_before_guardians_or_the_ledger_are_asked(
    place: Market,
) -> None:
    market = place.fresh()
    steps = debited(market)
    next(steps)
    unheard(market)
    next(steps)

    with market.at() as scene:
        payer = scene.holder(market.alice).id
    charged = "SELECT id FROM payments.payment WHERE mandate_id IS NOT NULL AND payer = %s"
    [(payment_id,)] = market.rows(charged, payer)
    assert market.state(payment_id) == ("refused", "not_active")
    assert [one for one in market.scribe.waiting() if one.about == payment_id] == []


def asked_charge(market: Market, mandate_id: str) -> ChargeOrder:
    """Another charge of the shop's by a mandate."""
    return ChargeOrder.model_validate(
        {
            "id": derived_ulid(market.now_ms, "another charge"),
            "mandate": mandate_id,
            "payee": SHOP.id,
            "amount": {"minor": SMALL, "currency": "EUR"},
            "title": "Bread",
            "reply": "shop.heard",
        }
    )


def test_a_bill_that_is_just_being_paid_gives_back_every_share_with_a_revoked_key(
    place: Market,
) -> None:
    market = place.fresh()
    bill_id = market.bill(Sharer(market.alice), Sharer(market.bob))
    shares = [market.share(bill_id, one) for one in (market.alice, market.bob)]
    for share in shares:
        market.approve(share)
    market.scribe.block(market.scribe.waiting(), market.now_ms)
    assert {market.state(one)[0] for one in shares} == {"paying"}
    unheard(market)
    write(market)

    assert market.has(market.alice) == market.has(market.bob) == (BEGINS_MINOR, 0)
    assert market.bill_state(bill_id) == "failed"


def test_a_bill_is_not_paid_with_a_share_whose_key_is_revoked_and_stays_open(
    place: Market,
) -> None:
    market = place.fresh()
    bill_id = market.bill(Sharer(market.alice), Sharer(market.bob))
    hers, his = (market.share(bill_id, one) for one in (market.alice, market.bob))
    market.approve(hers)
    write(market)
    unheard(market)
    market.approve(his)
    write(market)
    assert market.bill_state(bill_id) == "open"
    with market.at() as scene:
        revoking.stop(scene, market.alice)
    write(market)

    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert [market.state(one)[0] for one in (hers, his)] == ["refused", "held"]
    assert market.bill_state(bill_id) == "open"


def test_the_last_share_of_a_bill_that_a_block_had_when_its_payer_froze_comes_back(
    place: Market,
) -> None:
    market = place.fresh()
    bill_id = market.bill(Sharer(market.alice), Sharer(market.bob))
    hers, his = (market.share(bill_id, one) for one in (market.alice, market.bob))
    market.approve(his)
    write(market)
    market.approve(hers)
    with market.at() as scene:  # too late for what the block has taken
        holders.set_frozen(scene.txn, scene.holder(market.alice).id, market.now_ms)
    write(market)

    assert market.has(market.alice) == (BEGINS_MINOR, 0)
    assert [market.state(one)[0] for one in (hers, his)] == ["cancelled", "held"]
    assert market.bill_state(bill_id) == "open"


def _spender_revoked(market: Market) -> None:
    with market.at() as scene:
        revoke_keys(scene.txn, market.bob, market.now_ms)


def _spender_revoked_and_heard(market: Market) -> None:
    _spender_revoked(market)
    with market.at() as scene:
        revoking.stop(scene, market.bob)


def _spender_frozen(market: Market) -> None:
    with market.at() as scene:
        freezing.freeze(scene, market.bob, may_end=False)


@pytest.mark.parametrize(
    ("story", "happening", "moment"),
    [
        (by_another, _spender_revoked, 2),
        (by_another, _spender_revoked_and_heard, 2),
        *((by_another, _spender_frozen, moment) for moment in (1, 2)),
        *(
            (by_another_once_the_merchant_says_yes, happening, moment)
            for happening in (_spender_revoked, _spender_revoked_and_heard)
            for moment in (2, 3)
        ),
        *((by_another_once_the_merchant_says_yes, _spender_frozen, moment) for moment in (1, 2, 3)),
    ],
)
def test_who_pays_from_the_account_of_another_moves_nothing_either(
    place: Market, story: Story, happening: Callable[[Market], None], moment: int
) -> None:
    assert check(place.fresh(), story, {moment: happening})


def test_of_an_allowance_no_more_is_used_than_the_merchant_confirms(place: Market) -> None:
    market = place.fresh()
    kept = lent(market)
    invoice_id = market.invoice(SMALL, confirm=True)
    payment_id = market.asked(invoice_id)
    statement = "UPDATE payments.payment SET allowance_id = %s WHERE id = %s"
    market.rows(statement, kept.id, payment_id)
    use(market, payment_id)
    write(market)
    less = {"minor": SMALL - 50, "currency": "EUR"}
    with market.at() as scene:
        confirm(
            scene,
            SHOP,
            invoice_id,
            ConfirmBody.model_validate({"payment": payment_id, "amount": less}),
        )
    write(market)

    used = "SELECT used FROM payments.allowance_period WHERE allowance_id = %s"
    assert market.rows(used, kept.id) == [(SMALL - 50,)]
    assert market.has(market.alice) == (BEGINS_MINOR - SMALL + 50, 0)
