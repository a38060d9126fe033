"""Guardians, waits and bans on a real database: what nothing moves without or makes shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import psycopg2
import psycopg2.errors
import pytest

from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.guardians.service import guardians
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import WEAKER_MS
from appservices.payments.limits import store as limits
from appservices.payments.mandates import store as mandates
from appservices.payments.mandates.core.mandate import MandateState
from appservices.payments.mandates.service import debits as charges
from appservices.payments.paying.service import paying
from appservices.payments.postings.service import judging
from appservices.payments.safeguards.service import freezing
from appservices.payments.transfers.core.payment import Kind, State
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.store import facts
from appservices.payments.transfers.store import payments as store
from tests.integration.appservices.payments.scenes import ALICE, BOB, NOW_MS, bank, nonce, world
from tests.integration.appservices.payments.test_stopping import end_of
from tests.integration.appservices.payments.trust import (
    CAROL,
    allowance,
    asking_nothing,
    chat_with,
    join,
    rule,
    use_of,
    with_keys,
)
from tests.support.postgres import execute
from tests.support.stored_keys import revoke_keys
from veche.protocol.guardians import RuleState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.service.files import OpenPayment
    from tests.integration.appservices.payments.scenes import World
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with bank() as one:
        yield one


@pytest.fixture
def here(dsn: str) -> Iterator[World]:
    """A transaction that leaves nothing behind."""
    with world(dsn) as one:
        yield one
        one.connection.rollback()


def cooling(here: World, due_at_ms: int = NOW_MS) -> OpenPayment:
    """An approved payment whose wait ends at a moment."""
    return here.asked(state=State.COOLING, approved_by=here.approved(), due_at_ms=due_at_ms)


def state_of(here: World, payment_id: str) -> tuple[State, int | None]:
    file = store.payment(here.scene.txn, payment_id)
    assert file is not None
    return file.payment.state, file.payment.due_at_ms


@pytest.mark.parametrize("state", [State.PAYING, State.HOLDING])
@pytest.mark.parametrize("yes", [0, 1, 2])
def test_nothing_moves_before_enough_guardians_approved(
    here: World, state: State, yes: int
) -> None:
    txn = here.scene.txn
    kept = rule(here, BOB, CAROL)
    payment = attrs.evolve(here.asked().payment, approved_by=here.approved())
    guards.guard(txn, payment.id, kept.id)
    store.save_payment(txn, attrs.evolve(payment, state=State.GUARDED), NOW_MS)
    for one in guards.guardians_of(txn, kept.id)[:yes]:
        assert guards.vote(txn, payment.id, one.holder, nonce(), is_yes=True, now_ms=NOW_MS)

    assert guards.is_approved(txn, payment.id, ()) == (yes == 2)
    if yes == 2:
        store.save_payment(txn, attrs.evolve(payment, state=state), NOW_MS)
    else:
        with pytest.raises(psycopg2.errors.CheckViolation, match="too few guardians"):
            store.save_payment(txn, attrs.evolve(payment, state=state), NOW_MS)


def test_the_vote_of_somebody_else_counts_for_nothing(here: World) -> None:
    txn, kept = here.scene.txn, rule(here, BOB)
    payment = attrs.evolve(here.asked().payment, approved_by=here.approved())
    guards.guard(txn, payment.id, kept.id)
    stranger = here.scene.holder(CAROL).id
    guards.vote(txn, payment.id, stranger, nonce(), is_yes=True, now_ms=NOW_MS)

    with pytest.raises(psycopg2.errors.CheckViolation, match="too few guardians"):
        store.save_payment(txn, attrs.evolve(payment, state=State.PAYING), NOW_MS)


def test_a_yes_is_signed_and_an_approval_is_good_for_one_vote(here: World) -> None:
    txn, kept, used = here.scene.txn, rule(here, BOB, CAROL), nonce()
    first, second = (here.asked().payment for _ in range(2))
    for one in (first, second):
        guards.guard(txn, one.id, kept.id)
    bob = here.scene.holder(BOB).id

    assert guards.vote(txn, first.id, bob, used, is_yes=True, now_ms=NOW_MS)
    assert not guards.vote(txn, first.id, bob, nonce(), is_yes=False, now_ms=NOW_MS)
    txn.execute("SAVEPOINT before")
    with pytest.raises(psycopg2.errors.UniqueViolation, match="approved_by"):
        guards.vote(txn, second.id, bob, used, is_yes=True, now_ms=NOW_MS)
    txn.execute("ROLLBACK TO before")
    with pytest.raises(psycopg2.errors.CheckViolation, match="yes_is_signed"):
        guards.vote(txn, second.id, bob, None, is_yes=True, now_ms=NOW_MS)


def test_one_rule_counts_and_none_without_the_payers_approval(here: World) -> None:
    txn, first = here.scene.txn, rule(here, BOB)
    txn.execute("SAVEPOINT before")
    with pytest.raises(psycopg2.errors.UniqueViolation, match="one_guard_rule"):
        rule(here, CAROL)
    txn.execute("ROLLBACK TO before")
    with pytest.raises(psycopg2.errors.CheckViolation, match="guard_rule_given"):
        guards.save_rule(txn, attrs.evolve(first, approved_by=None), NOW_MS)


def test_a_weaker_rule_counts_at_its_time_and_not_a_moment_before(dsn: str) -> None:
    from_ms = NOW_MS + WEAKER_MS
    with world(dsn) as now:
        before = rule(now, BOB)
        coming = rule(now, state=RuleState.WAITING, counts_from_ms=from_ms)
    clocks = "SELECT due_at_ms FROM runtime.errand WHERE kind = %s AND payload ->> 'rule' = %s"

    with world(dsn, from_ms - 1) as early:
        guardians.RULES.wait_is_over(early.scene, coming.id)
        assert guards.rule(early.scene.txn, before.id).state is RuleState.ACTIVE
    # The clock was set back: it is waited for again.
    assert execute(dsn, clocks, guardians.COUNT, coming.id) == [(from_ms,)]
    with world(dsn, from_ms) as then:
        guardians.RULES.wait_is_over(then.scene, coming.id)
        assert guards.active(then.scene.txn, before.holder, before.ledger) is None
        assert guards.rule(then.scene.txn, coming.id).state is RuleState.ENDED
        guardians.RULES.wait_is_over(then.scene, coming.id)  # a second time changes nothing


def test_a_weaker_rule_does_not_count_once_its_key_is_revoked(here: World) -> None:
    before = rule(here, BOB)
    coming = rule(here, state=RuleState.WAITING, counts_from_ms=NOW_MS)
    revoke_keys(here.scene.txn, ALICE, NOW_MS)

    guardians.RULES.wait_is_over(here.scene, coming.id)

    assert guards.rule(here.scene.txn, before.id).state is RuleState.ACTIVE
    assert guards.rule(here.scene.txn, coming.id).state is RuleState.ENDED


def test_a_guardian_who_left_does_not_count(here: World) -> None:
    scene, bob = here.scene, here.scene.holder(BOB).id
    assert guarding.has_left(scene, bob, BOB)  # no chat
    room_id = chat_with(scene, BOB)
    assert not guarding.has_left(scene, bob, BOB)
    scene.txn.execute(
        "INSERT INTO crypto.person (user_id, master_key, master_pinned) VALUES (%s, 'a', 'a')",
        (BOB,),
    )
    assert not guarding.has_left(scene, bob, BOB)

    scene.txn.execute("UPDATE crypto.person SET master_key = 'b' WHERE user_id = %s", (BOB,))
    assert guarding.has_left(scene, bob, BOB)  # another identity
    scene.txn.execute("UPDATE crypto.person SET master_key = 'a' WHERE user_id = %s", (BOB,))
    join(scene, room_id, CAROL)
    assert guarding.has_left(scene, bob, BOB)  # somebody reads along
    join(scene, room_id, CAROL, "leave")
    scene.txn.execute("UPDATE payments.holder SET closed_at_ms = 1 WHERE id = %s", (bob,))
    assert guarding.has_left(scene, bob, BOB)  # closed


def test_a_chat_that_the_person_left_is_none(here: World) -> None:
    room_id = chat_with(here.scene, BOB)
    assert here.scene.chat_of(BOB) == room_id

    join(here.scene, room_id, BOB, "leave")
    assert here.scene.chat_of(BOB) is None


def test_a_payment_ends_at_once_if_too_few_guardians_are_left_to_approve_it(here: World) -> None:
    rule(here, BOB, CAROL)
    matter = cooling(here)

    paying.fire_timer(with_keys(here.scene), matter)

    assert state_of(here, matter.payment.id)[0] is State.CANCELLED
    rule_id = guards.rule_of_payment(here.scene.txn, matter.payment.id)
    assert rule_id is not None


def test_what_waits_for_guardians_ends_after_their_time_and_by_a_freeze(dsn: str) -> None:
    with world(dsn) as here:
        kept = rule(here, BOB)
        late, frozen = (
            here.asked(state=State.GUARDED, approved_by=here.approved(), due_at_ms=NOW_MS + 5)
            for _ in range(2)
        )
        for one in (late, frozen):
            guards.guard(here.scene.txn, one.payment.id, kept.id)
    with world(dsn, NOW_MS + 4) as early:
        paying.fire_timer(early.scene, late)
        assert state_of(early, late.payment.id) == (State.GUARDED, NOW_MS + 5)
    with world(dsn, NOW_MS + 5) as then:
        paying.fire_timer(then.scene, late)
        freezing.freeze(then.scene, ALICE)
    execute(dsn, "UPDATE payments.holder SET frozen_at_ms = NULL")
    execute(dsn, "UPDATE payments.guard_rule SET state = 'ended'")

    assert [end_of(dsn, one)[0] for one in (late, frozen)] == ["cancelled", "cancelled"]


def test_a_key_that_is_revoked_while_a_payment_waits_approved_nothing(here: World) -> None:
    matter = cooling(here)
    paying.fire_timer(with_keys(here.scene, is_revoked=True), matter)

    file = store.payment(here.scene.txn, matter.payment.id)
    assert file is not None
    assert (file.payment.state, file.payment.why) == (State.REFUSED, "key_revoked")


def test_a_wait_that_a_clock_set_back_finds_early_is_waited_for_again(dsn: str) -> None:
    with world(dsn) as here:
        matter = cooling(here, due_at_ms=NOW_MS + 10)
    with world(dsn, NOW_MS + 3) as early:
        paying.fire_timer(with_keys(early.scene), matter)
        assert state_of(early, matter.payment.id) == (State.COOLING, NOW_MS + 10)
    clocks = (
        "SELECT due_at_ms FROM runtime.errand WHERE kind = 'payments.clock'"
        " AND payload ->> 'payment' = %s"
    )

    assert execute(dsn, clocks, matter.payment.id) == [(NOW_MS + 10,)]


def paid(here: World, minor: int, at_ms: int, allowance_id: str | None = None) -> str:
    """Alice paid Bob, by an approval of a moment."""
    matter = here.asked(
        approved_by=here.approved(), approved_at_ms=at_ms, allowance_id=allowance_id
    )
    here.scene.txn.execute(
        "UPDATE payments.payment SET state = 'paid', amount = %s, approved_at_ms = %s,"
        " changed_at_ms = %s WHERE id = %s",
        (minor, at_ms, NOW_MS, matter.payment.id),
    )
    return matter.payment.id


def gone_to(txn: Cursor, asked: Payment, since_ms: int) -> facts.Gone:
    return facts.gone_to(txn, asked.payer, asked.payee, asked.ledger, since_ms, asked.id)


def test_what_went_to_somebody_counts_by_when_it_was_approved(here: World) -> None:
    txn, asked = here.scene.txn, here.asked().payment
    paid(here, 100, 10)
    paid(here, 20, 11)
    paid(here, 3, 12)

    assert gone_to(txn, asked, 10) == facts.Gone(100, 23)
    assert gone_to(txn, asked, 11) == facts.Gone(120, 3)
    assert gone_to(txn, asked, 12) == facts.Gone(123, 0)


def test_what_came_back_and_what_others_paid_from_the_account_trusts_nobody(here: World) -> None:
    txn, asked = here.scene.txn, here.asked().payment
    first = paid(here, 100, 10)
    matter = here.asked(Kind.REFUND, refund_of=first, approved_by=here.approved())
    txn.execute(
        "UPDATE payments.payment SET state = 'paid', amount = 60, payer = payee, payee = payer"
        " WHERE id = %s",
        (matter.payment.id,),
    )
    paid(here, 1_000, 10, allowance_id=allowance(here).id)

    assert gone_to(txn, asked, 10) == facts.Gone(40, 0)


def test_guardians_see_several_payments_as_the_sum_that_they_did_not_see(here: World) -> None:
    txn, asked, kept = here.scene.txn, here.asked().payment, rule(here, BOB)
    paid(here, 60, 11)
    seen = here.asked(approved_by=here.approved()).payment
    guards.guard(txn, seen.id, kept.id)
    guards.vote(txn, seen.id, here.scene.holder(BOB).id, nonce(), is_yes=True, now_ms=NOW_MS)
    store.save_payment(txn, attrs.evolve(seen, state=State.PAYING), NOW_MS)

    assert facts.unguarded_minor(txn, asked, NOW_MS - 1) == 60
    assert facts.unguarded_minor(txn, asked, NOW_MS) == 0


def test_payments_that_waited_a_day_together_are_one_sum_when_they_go(here: World) -> None:
    chat_with(here.scene, CAROL)
    rule(here, CAROL, above=700)
    paid(here, 500, NOW_MS - DAY_MS)

    assert judging.needs_guardians(here.scene, cooling(here))


def test_guardians_also_look_at_what_others_pay_from_the_account(here: World) -> None:
    rule(here, CAROL)
    matter = use_of(here, allowance(here))
    paying.fire_timer(with_keys(here.scene), matter)

    assert state_of(here, matter.payment.id)[0] is State.CANCELLED  # Carol has no chat


def test_what_goes_to_several_payees_in_a_day_is_one_sum(here: World) -> None:
    chat_with(here.scene, CAROL)
    rule(here, CAROL, above=700)
    first = here.asked(approved_by=here.approved()).payment
    to_other = attrs.evolve(first, payee=here.scene.organisation("water").id)
    store.save_payment(here.scene.txn, attrs.evolve(to_other, state=State.PAYING), NOW_MS)
    here.scene.txn.execute(
        "UPDATE payments.payment SET payee = %s WHERE id = %s", (to_other.payee, first.id)
    )

    assert facts.unguarded_minor(here.scene.txn, here.asked().payment, 0) == 500
    matter = cooling(here)
    assert judging.needs_guardians(here.scene, matter)
    here.scene.txn.execute("UPDATE payments.payment SET changed_at_ms = -90000000")
    assert not judging.needs_guardians(here.scene, matter)


def test_guardians_look_at_a_debit_before_it_moves(here: World) -> None:
    room, kept = chat_with(here.scene, CAROL), rule(here, CAROL)
    assert room
    scene = asking_nothing(here.scene)
    mandate = here.mandate()
    matter = here.charge(mandate)
    charges.fire_timer(scene, matter)
    guarded = files.lock(scene, matter.payment.id)
    assert guarded is not None
    assert state_of(here, matter.payment.id)[0] is State.GUARDED
    assert guards.rule_of_payment(scene.txn, matter.payment.id) == kept.id
    here.scene.txn.execute("SAVEPOINT s")
    with pytest.raises(psycopg2.errors.CheckViolation, match="too few guardians"):
        store.save_payment(scene.txn, attrs.evolve(guarded.payment, state=State.PAYING), NOW_MS)
    here.scene.txn.execute("ROLLBACK TO s")
    carol = scene.holder(CAROL).id
    guards.vote(scene.txn, matter.payment.id, carol, nonce(), is_yes=True, now_ms=NOW_MS)
    paying.guardian_said(scene, guarded)

    assert state_of(here, matter.payment.id)[0] is State.PAYING
    assert mandates.used_minor(scene.txn, mandate, 0) == 500


@pytest.mark.parametrize("how", ["no", "time", "ended", "too_few"])
def test_a_debit_that_guardians_do_not_approve_moves_nothing(here: World, how: str) -> None:
    if how != "too_few":
        chat_with(here.scene, CAROL)
    rule(here, CAROL)
    scene = asking_nothing(here.scene)
    mandate = here.mandate()
    matter = here.charge(mandate)
    charges.fire_timer(scene, matter)
    guarded = files.lock(scene, matter.payment.id)
    assert guarded is not None
    if how in {"no", "ended"}:
        carol, is_yes = scene.holder(CAROL).id, how == "ended"
        used = nonce() if is_yes else None
        guards.vote(scene.txn, matter.payment.id, carol, used, is_yes=is_yes, now_ms=NOW_MS)
        if is_yes:
            mandates.save_state(scene.txn, mandate, MandateState.ENDED, nonce(), NOW_MS)
        paying.guardian_said(scene, guarded)
    elif how == "time":
        late = attrs.evolve(guarded, payment=attrs.evolve(guarded.payment, due_at_ms=NOW_MS))
        paying.fire_timer(scene, late)

    ends = {"ended": State.REFUSED}
    assert state_of(here, matter.payment.id)[0] is ends.get(how, State.CANCELLED)
    assert mandates.used_minor(scene.txn, mandate, 0) == 0
    told = "SELECT payload ->> 'state' FROM runtime.errand WHERE kind = 'water.heard'"
    scene.txn.execute(told)
    assert scene.txn.fetchall() == [(ends.get(how, State.CANCELLED).value,)]


def test_a_ban_is_made_longer_and_never_shorter(here: World) -> None:
    txn, alice = here.scene.txn, here.scene.holder(ALICE).id
    limits.ban(txn, alice, "all", NOW_MS + 50, nonce())
    limits.ban(txn, alice, "all", NOW_MS + 40, nonce())
    assert limits.bans(txn, alice, NOW_MS) == {"all": NOW_MS + 50}
    limits.ban(txn, alice, "all", NOW_MS + 60, nonce())
    assert limits.bans(txn, alice, NOW_MS) == {"all": NOW_MS + 60}
    assert limits.bans(txn, alice, NOW_MS + 60) == {}

    with pytest.raises(psycopg2.errors.CheckViolation, match="never shorter"):
        txn.execute("UPDATE payments.self_ban SET until_ms = until_ms - 1")


@pytest.mark.parametrize(
    ("what", "kind", "banned"),
    [
        ("all", Kind.PAY, True),
        ("payouts", Kind.PAY, False),
        ("payouts", Kind.PAYOUT, True),
        ("gambling", Kind.PAY, False),
    ],
)
def test_what_is_banned_is_refused_and_nothing_else(
    here: World, what: str, kind: Kind, *, banned: bool
) -> None:
    matter = cooling(here)
    matter = attrs.evolve(matter, payment=attrs.evolve(matter.payment, kind=kind))
    limits.ban(here.scene.txn, matter.payment.payer, what, NOW_MS + 1, nonce())

    assert judging.is_banned(here.scene, matter) == banned
    assert holders.holder(here.scene.txn, matter.payment.payer).is_open


def test_what_is_banned_is_not_debited_by_a_mandate_either(dsn: str) -> None:
    with world(dsn) as here:
        matter = here.charge(here.mandate())
        limits.ban(here.scene.txn, matter.payment.payer, "all", NOW_MS + 1, nonce())
        charges.fire_timer(here.scene, matter)
    execute(dsn, "DELETE FROM payments.self_ban")

    assert end_of(dsn, matter) == ("refused", "not_active", False)


def test_a_guardian_whose_key_is_revoked_has_not_approved_and_approves_anew(here: World) -> None:
    scene, txn = here.scene, here.scene.txn
    kept = rule(here, BOB, CAROL)
    chat_with(scene, BOB)
    chat_with(scene, CAROL)
    matter = here.asked(state=State.GUARDED, approved_by=here.approved(), due_at_ms=NOW_MS + 5)
    guards.guard(txn, matter.payment.id, kept.id)
    bob, carol = (scene.holder(one).id for one in (BOB, CAROL))

    def says_yes(person: UserId, holder: int) -> bool:
        void = authority.void_votes(scene, matter.payment.id)
        return guards.vote(
            txn,
            matter.payment.id,
            holder,
            here.approved(person),
            is_yes=True,
            now_ms=NOW_MS,
            void=void,
        )

    assert says_yes(BOB, bob)
    assert not says_yes(BOB, bob)
    revoke_keys(txn, BOB, NOW_MS)
    assert says_yes(CAROL, carol)
    assert not guarding.tally_of(scene, matter).is_approved
    assert list(guards.said_yes(txn, bob)) == [matter.payment.id]

    assert says_yes(BOB, bob)
    assert guarding.tally_of(scene, matter).is_approved
