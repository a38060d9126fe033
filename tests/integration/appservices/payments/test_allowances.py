"""Allowances: what the database refuses whatever the service does, and races, by real locks."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import attrs
import psycopg2
import psycopg2.errors
import pytest

from appservices.payments.allowances import store
from appservices.payments.allowances.core import AllowanceState
from appservices.payments.allowances.service import allowances
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.holders import store as holders
from appservices.payments.paying.service import paying
from appservices.payments.postings.service import judging
from appservices.payments.safeguards.service import freezing
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.core.rules import Go, Reason, UseProblem, Wait
from appservices.payments.transfers.store import payments as payment_store
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.scenes import ALICE, BOB, NOW_MS, bank, world
from tests.integration.appservices.payments.test_stopping import beside, end_of
from tests.integration.appservices.payments.trust import allowance, use_of, with_keys
from tests.support.postgres import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.allowances.store import Allowance
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import OpenPayment
    from tests.integration.appservices.payments.scenes import World

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with bank() as dsn:
        yield dsn


@pytest.fixture
def dsn(place: str) -> Iterator[str]:
    """The bank's database, in which nobody has stopped anything."""
    yield place
    execute(place, "UPDATE payments.holder SET frozen_at_ms = NULL")


def used(dsn: str, of: Allowance) -> int:
    """What is used of the period of an allowance."""
    statement = "SELECT coalesce(sum(used), 0)::bigint FROM payments.allowance_period"
    [(minor,)] = execute(dsn, f"{statement} WHERE allowance_id = %s", of.id)
    assert isinstance(minor, int)
    return minor


def go(scene: Conversation, matter: OpenPayment) -> None:
    """The wait of an approved use is over."""
    paying.fire_timer(with_keys(scene), matter)


def end(scene: Conversation, of: Allowance) -> None:
    """The giver ends an allowance, as by the button."""
    allowances.stop(scene, of.id)
    allowances.end_all(scene, of.giver)


def test_an_allowance_is_not_used_above_its_cap_whatever_the_service_does(dsn: str) -> None:
    with world(dsn) as here:
        given = allowance(here, 1_000)
        store.use(here.scene.txn, given, 0, 700)
        store.use(here.scene.txn, given, 1, 1_000)

        with pytest.raises(psycopg2.errors.CheckViolation, match="allowance_cap"):
            store.use(here.scene.txn, given, 0, 301)
        here.connection.rollback()


def test_an_allowance_is_not_active_without_an_approval(dsn: str) -> None:
    with world(dsn) as here:
        given = allowance(here)
        with pytest.raises(psycopg2.errors.CheckViolation, match="allowance_given"):
            store.save_allowance(here.scene.txn, attrs.evolve(given, approved_by=None), NOW_MS)
        here.connection.rollback()


@pytest.mark.parametrize("change", ["state = 'ended'", "giver = spender, spender = giver"])
def test_nothing_is_made_of_an_allowance_that_is_ended_or_of_another(dsn: str, change: str) -> None:
    with world(dsn) as here:
        given = allowance(here)
        matter = use_of(here, given)
        here.scene.txn.execute(
            f"UPDATE payments.allowance SET {change} WHERE id = %s",  # noqa: S608 -- constants
            (given.id,),
        )
        with pytest.raises(psycopg2.errors.CheckViolation, match="not active"):
            payment_store.save_payment(
                here.scene.txn, attrs.evolve(matter.payment, state=State.PAYING), NOW_MS
            )
        here.connection.rollback()


def test_a_use_counts_in_its_period_and_what_moves_nothing_is_given_back(dsn: str) -> None:
    with world(dsn) as here:
        given = allowance(here, 1_200)
        first, second, third = (use_of(here, given) for _ in range(3))
        for one in (first, second, third):
            go(here.scene, one)

    assert [end_of(dsn, one) for one in (first, second, third)] == [
        ("paying", None, True),
        ("paying", None, True),
        ("refused", "allowance_above_period", False),
    ]
    assert used(dsn, given) == 1_000
    with world(dsn) as here:
        end(here.scene, given)
    assert used(dsn, given) == 0
    assert end_of(dsn, first) == ("refused", "allowance_not_active", False)


def test_of_two_uses_at_once_that_pass_the_cap_together_one_is_refused(dsn: str) -> None:
    with world(dsn) as first:
        given = allowance(first, 800)
        one, other = use_of(first, given), use_of(first, given)
        first.connection.commit()
        holders.lock_holder(first.scene.txn, given.giver)
        go(first.scene, one)
        with beside(dsn, lambda scene: _go_locked(scene, other)):
            first.connection.commit()

    assert {end_of(dsn, one)[0], end_of(dsn, other)[0]} == {"paying", "refused"}
    assert used(dsn, given) == 500


def _go_locked(scene: Conversation, matter: OpenPayment) -> None:
    """As a job does it: the payer is locked, then the payment."""
    holders.lock_holder(scene.txn, matter.payment.payer)
    go(scene, matter)


def test_of_twenty_uses_at_once_past_the_service_no_more_than_the_cap_counts(dsn: str) -> None:
    with world(dsn) as here:
        given = allowance(here, 1_000)
    refused: list[BaseException] = []

    def use() -> None:
        with world(dsn) as there:
            try:
                store.use(there.scene.txn, given, 0, 300)
            except psycopg2.errors.CheckViolation as e:
                refused.append(e)
                there.connection.rollback()

    threads = [threading.Thread(target=use) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert used(dsn, given) == 900
    assert len(refused) == 17


def test_a_use_that_was_approved_while_the_end_waited_is_taken_back(dsn: str) -> None:
    with world(dsn) as using:
        given = allowance(using)
        matter = use_of(using, given)
        using.connection.commit()
        holders.lock_holder(using.scene.txn, given.giver)
        with beside(dsn, lambda scene: end(scene, given)):
            go(using.scene, matter)
            using.connection.commit()

    assert end_of(dsn, matter) == ("refused", "allowance_not_active", False)
    assert used(dsn, given) == 0


def test_a_use_after_the_end_is_refused_also_if_it_waited_for_it(dsn: str) -> None:
    with world(dsn) as ending:
        given = allowance(ending)
        late = use_of(ending, given)
        ending.connection.commit()
        end(ending.scene, given)
        with beside(dsn, lambda scene: _go_after(scene, late)):
            ending.connection.commit()

    assert end_of(dsn, late)[0] == "cancelled"
    assert used(dsn, given) == 0


def _go_after(scene: Conversation, late: OpenPayment) -> None:
    """Whoever comes second finds the payment as it is now."""
    holders.lock_holder(scene.txn, late.payment.payer)
    file = payment_store.lock_payment(scene.txn, late.payment.id)
    assert file is not None
    go(scene, attrs.evolve(late, payment=file.payment))


@pytest.mark.parametrize("person", [ALICE, BOB])
def test_a_freeze_of_either_ends_an_allowance_and_what_is_made_by_it(dsn: str, person: str) -> None:
    with world(dsn) as here:
        given = allowance(here)
        made, waiting = use_of(here, given), use_of(here, given)
        go(here.scene, made)
    with world(dsn) as here:
        freezing.freeze(here.scene, ALICE if person == ALICE else BOB)
        kept = store.lock_allowance(here.scene.txn, given.id)

    assert kept is not None
    assert kept.state is AllowanceState.ENDED
    assert end_of(dsn, made)[0] == "refused"
    assert end_of(dsn, waiting)[0] == "cancelled"
    assert used(dsn, given) == 0


def test_an_allowance_above_the_limit_of_first_payments_begins_after_their_wait(dsn: str) -> None:
    wait_ms = 12 * 3_600_000
    with world(dsn) as here:
        end_before(here)

        def begins(cap: int) -> int:
            return allowances.start_ms(here.scene, allowance(here, cap, is_given=False), "EUR")

        assert begins(20_000) == NOW_MS
        assert begins(20_001) == NOW_MS + wait_ms
        # Several small ones gain nothing over a large one.
        first = allowance(here, 15_000)
        assert begins(5_000) == NOW_MS
        assert begins(5_001) == NOW_MS + wait_ms
        # Nor does ending one that was just used.
        here.scene.txn.execute(
            "UPDATE payments.payment SET state = 'paid', amount = 15000, approved_at_ms = %s"
            " WHERE id = %s",
            (NOW_MS, use_of(here, first).payment.id),
        )
        end(here.scene, first)
        assert begins(5_000) == NOW_MS
        assert begins(5_001) == NOW_MS + wait_ms
        # What was paid to the same person of late is of the same sum.
        direct = here.asked(approved_by=here.approved(), approved_at_ms=NOW_MS)
        here.scene.txn.execute(
            "UPDATE payments.payment SET state = 'paid', amount = 5000, approved_at_ms = %s"
            " WHERE id = %s",
            (NOW_MS, direct.payment.id),
        )
        assert begins(1) == NOW_MS + wait_ms
        here.connection.rollback()


def test_what_an_allowance_lets_somebody_take_is_of_one_sum_with_what_they_are_paid(
    dsn: str,
) -> None:
    with world(dsn) as here:
        end_before(here)
        given = allowance(here, 15_000)
        here.scene.txn.execute(
            "UPDATE payments.allowance SET changed_at_ms = %s WHERE id = %s", (NOW_MS, given.id)
        )
        asked = here.asked()
        judged = [
            judging.judge_now(
                here.scene,
                attrs.evolve(asked, payment=attrs.evolve(asked.payment, amount_minor=minor)),
                NOW_MS,
            )
            for minor in (5_000, 5_001)
        ]
        here.connection.rollback()

    assert judged == [Go(), Wait(NOW_MS + 12 * 3_600_000, Reason.FIRST_PAYEE)]


def end_before(here: World) -> None:
    """Nobody has given anything yet, in this transaction."""
    here.scene.txn.execute("UPDATE payments.allowance SET state = 'ended'")


@pytest.mark.parametrize(
    ("payee", "is_covered"), [("bakery", True), ("casino", False), (BOB, False), ("shop", True)]
)
def test_an_allowance_for_a_kind_pays_organisations_of_it_and_whom_it_names(
    dsn: str, payee: str, *, is_covered: bool
) -> None:
    kinds = {"bakery": frozenset({"food"}), "casino": frozenset({"gambling"})}
    section = cast("Any", SimpleNamespace(kinds_of=lambda one: kinds.get(one, frozenset())))
    with world(dsn) as here:
        scene = attrs.evolve(here.scene, parts=attrs.evolve(here.scene.parts, section=section))
        given = allowance(here)
        view = attrs.evolve(
            allowance_uses.view_of(scene, given), payees=(Party("shop", "Shop"),), kinds=("food",)
        )
        given = attrs.evolve(given, sealed=allowance_uses.sealed(scene, view))

        problem = allowance_uses.problem_of(scene, given, payee, 500)
        here.connection.rollback()

    assert problem is (None if is_covered else UseProblem.OTHER_PAYEE)


def test_what_is_left_is_of_this_period_and_of_nothing_else(dsn: str) -> None:
    with world(dsn) as here:
        given = allowance(here, 1_000)
        go(here.scene, use_of(here, given))
        assert allowance_uses.left_minor(here.scene, given) == 500
        day_later = attrs.evolve(given, terms=attrs.evolve(given.terms, starts_at_ms=NOW_MS + 5))
        assert allowance_uses.problem_of(here.scene, day_later, BOB, 1) is not None
