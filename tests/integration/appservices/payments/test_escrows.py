"""Escrows on the real ledger: one outcome wins, nothing stays in limbo, no money is lost."""

from __future__ import annotations

import datetime as dt
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appservices.payments.escrows import store as escrow_store
from appservices.payments.escrows.core.escrow import OPEN_MAX
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import orders as escrow_orders
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import LimitKind, OwnLimit
from appservices.payments.safeguards.service import freezing, revoking
from appservices.payments.statements.service.files import statements_of
from tests.integration.appservices.payments.stage import (
    ALICE,
    BOB,
    CAROL,
    DAY_MS,
    MONEY,
    Stage,
)
from tests.support.postgres import execute, session, waiting_count
from tests.support.processes import TIMEOUT_S, wait_until
from tests.support.stored_keys import revoke_keys
from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.postgres

DAVE = UserId("@dave:veche.test")
ALL, NONE, PART = "vote.10000", "vote.0", "vote.6000"


@pytest.fixture(scope="module")
def house() -> Iterator[Stage]:
    with Stage.running(first_payee_limits={"EUR": "1000"}) as one:
        yield one


@pytest.fixture
def stage(house: Stage) -> Iterator[Stage]:
    """The house, in which nothing is set aside; Alice has what she began with."""
    yield house
    assert house.holds() == 0
    with house.scene() as scene:
        for person in (ALICE, BOB):
            holders.set_frozen(scene.txn, scene.holder(person).id, None)
        extra = house.balance(BOB)[0] - MONEY
        if extra:
            house.pay(scene, BOB, ALICE, extra)
    house.write()
    house.heard.said.clear()
    house.heard.asked.clear()


def funded(stage: Stage, rules: str = "; arbiter carol") -> None:
    """Alice puts 100 EUR aside for a deal with Bob; Carol is the arbiter."""
    stage.say(ALICE, "escrow", f"bob 100 EUR bicycle{rules}")
    for person in (BOB, CAROL):
        if "arbiter" in rules or person == BOB:
            stage.answer(person, "join")
    stage.answer(ALICE, "fund")
    stage.write()
    assert stage.row("escrow")["state"] == "funded"
    assert stage.balance(ALICE) == (MONEY - 10_000, 10_000)


def test_two_of_three_release_it_and_the_seller_is_paid(stage: Stage) -> None:
    funded(stage)
    stage.answer(ALICE, ALL)
    assert stage.row("escrow")["state"] == "funded"
    stage.answer(CAROL, ALL)
    stage.write()

    assert stage.row("escrow")["state"] == "released"
    assert (stage.balance(ALICE), stage.balance(BOB)) == ((MONEY - 10_000, 0), (MONEY + 10_000, 0))
    assert any("You were paid out of an escrow" in words for words in stage.told(BOB))
    assert any("Paid out of what you put aside" in words for words in stage.told(ALICE))
    for person in (ALICE, BOB, CAROL):
        assert any("Bob got all of it: 100.00 EUR." in words for words in stage.told(person))


def test_a_share_above_all_of_it_is_refused_with_what_would_be_right(stage: Stage) -> None:
    funded(stage)
    stage.say(BOB, "escrow", f"{stage.row('escrow')['id'][-8:]} share 100.01")

    assert "The seller can get 100.00 EUR at most" in stage.told(BOB)[-1]
    assert "escrow NUMBER share 60" in stage.told(BOB)[-1]
    for person in (ALICE, BOB):
        stage.answer(person, NONE)
    stage.write()


def test_shared_it_is_posted_in_part_and_the_rest_is_the_buyer_s(stage: Stage) -> None:
    funded(stage)
    for person in (ALICE, BOB):
        stage.say(person, "escrow", f"{stage.row('escrow')['id'][-8:]} share 60")
        stage.answer(person, PART)
    stage.write()

    assert stage.row("escrow")["state"] == "shared"
    assert (stage.balance(ALICE), stage.balance(BOB)) == ((MONEY - 6_000, 0), (MONEY + 6_000, 0))


def test_returned_it_is_the_buyer_s_again_and_nobody_was_paid(stage: Stage) -> None:
    funded(stage)
    stage.answer(BOB, NONE)
    stage.answer(CAROL, NONE)
    stage.write()

    found = stage.row("escrow")
    assert (found["state"], found["payment_id"]) == ("returned", None)
    assert stage.balance(ALICE) == (MONEY, 0)


def test_nobody_decides_twice(stage: Stage) -> None:
    funded(stage)
    stage.answer(ALICE, NONE)
    stage.say(ALICE, "escrow", stage.row("escrow")["id"][-8:])
    assert ALICE not in stage.heard.asked
    with pytest.raises(psycopg2.Error, match="this vote is given"):
        execute(
            stage.dsn,
            "UPDATE payments.escrow_party SET to_seller = 10000 WHERE approved_by IS NOT NULL",
        )
    stage.answer(BOB, ALL)
    stage.answer(CAROL, NONE)
    stage.write()

    assert stage.row("escrow")["state"] == "returned"


def test_who_disagree_leave_it_to_the_date(stage: Stage) -> None:
    funded(stage, "")
    stage.answer(ALICE, NONE)
    stage.answer(BOB, ALL)
    assert any("They do not agree any more" in words for words in stage.told(ALICE))
    found = stage.row("escrow")
    stage.ring(escrows.fire_timer, found["id"])
    assert stage.row("escrow")["state"] == "funded"
    stage.now_ms = found["ends_at_ms"]
    stage.ring(escrows.fire_timer, found["id"])
    stage.write()

    assert stage.row("escrow")["state"] == "returned"


def test_at_its_date_it_is_released_if_silence_says_so(stage: Stage) -> None:
    funded(stage, "; else release")
    found = stage.row("escrow")
    stage.now_ms = found["ends_at_ms"]
    stage.ring(escrows.fire_timer, found["id"])
    stage.write()

    assert stage.row("escrow")["state"] == "released"
    assert stage.balance(BOB) == (MONEY + 10_000, 0)


def test_a_bot_that_slept_past_the_hold_says_who_has_the_money(stage: Stage) -> None:
    funded(stage, "; else release")
    found = stage.row("escrow")
    stage.now_ms = found["ends_at_ms"] + 15 * DAY_MS
    stage.ring(escrows.fire_timer, found["id"])
    stage.write()

    # The ledger had let it go: it is not taken from what else the buyer has.
    assert stage.row("escrow")["state"] == "returned"
    assert (stage.balance(ALICE), stage.balance(BOB)) == ((MONEY, 0), (MONEY, 0))
    states = execute(stage.dsn, "SELECT state FROM payments.payment WHERE kind = 'escrow'")
    assert ("paying",) not in states


def test_of_two_outcomes_at_once_one_wins_and_the_other_is_told(stage: Stage) -> None:
    funded(stage)
    stage.answer(ALICE, ALL)
    other = dict(stage.heard.asked)
    ready = threading.Barrier(2)
    errors: list[BaseException] = []

    def vote(person: UserId, choice: str) -> None:
        try:
            with stage.scene() as scene:
                ready.wait()
                stage.answer_in(scene, person, choice)
        except BaseException as e:  # noqa: BLE001 -- told below
            errors.append(e)

    stage.heard.settled.clear()
    # Either vote is the second for an outcome: Bob's for all, and the clock's for nothing.
    pair = [threading.Thread(target=vote, args=(one, ALL)) for one in (BOB, CAROL)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    stage.write()

    assert errors == []
    assert other
    assert stage.row("escrow")["state"] == "released"
    # Who came second had nothing left to decide.
    assert sorted(one.partition(":")[0] for one in stage.heard.settled) == [
        "It was decided already",
        "You decided",
    ]
    [(count,)] = execute(
        stage.dsn,
        "SELECT count(*) FROM payments.payment WHERE kind = 'escrow' AND state = 'paid'"
        " AND id = %s",
        stage.row("escrow")["payment_id"],
    )
    assert count == 1


def test_the_date_and_a_vote_at_once_have_one_outcome(stage: Stage) -> None:
    funded(stage)
    stage.answer(ALICE, ALL)
    found = stage.row("escrow")
    stage.now_ms = found["ends_at_ms"]
    ready = threading.Barrier(2)

    def vote() -> None:
        with stage.scene() as scene:
            ready.wait()
            stage.answer_in(scene, BOB, ALL)

    def ring() -> None:
        with stage.scene() as scene:
            ready.wait()
            escrows.fire_timer(scene, found["id"])

    pair = [threading.Thread(target=one) for one in (vote, ring)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    stage.write()

    state = stage.row("escrow")["state"]
    assert state in {"released", "returned"}
    assert stage.balance(BOB)[0] == MONEY + (10_000 if state == "released" else 0)
    [(given,)] = execute(
        stage.dsn,
        "SELECT count(*) FROM payments.escrow_party WHERE escrow_id = %s AND to_seller = 10000",
        found["id"],
    )
    assert given == (2 if state == "released" else 1)


def test_who_declines_ends_it_before_anything_is_put_aside(stage: Stage) -> None:
    stage.say(ALICE, "escrow", "bob 100 EUR bicycle; arbiter carol")
    stage.answer(BOB, "join")
    stage.answer(CAROL, "decline")

    assert stage.row("escrow")["state"] == "declined"
    assert all("Somebody does not take part" in stage.told(one)[-1] for one in (ALICE, BOB, CAROL))


def test_what_nobody_agrees_to_expires(stage: Stage) -> None:
    stage.say(ALICE, "escrow", "bob 100 EUR bicycle")
    found = stage.row("escrow")
    stage.now_ms = found["due_at_ms"]
    stage.ring(escrows.fire_timer, found["id"])

    assert stage.row("escrow")["state"] == "expired"


def test_without_cover_nothing_is_put_aside_and_only_the_buyer_learns_why(stage: Stage) -> None:
    stage.say(ALICE, "escrow", "bob 1000.01 EUR car")
    stage.answer(BOB, "join")
    stage.answer(ALICE, "fund")
    found = stage.row("escrow")
    if found["state"] == "cooling":
        stage.now_ms = found["due_at_ms"]
        stage.ring(escrows.fire_timer, found["id"])
    stage.write()

    assert stage.row("escrow")["state"] == "refused"
    assert "You have not enough for it." in stage.told(ALICE)[-1]
    assert stage.told(BOB)[-1].endswith("Nothing was put aside.")


def test_the_first_to_somebody_waits_and_can_be_stopped(stage: Stage) -> None:
    with stage.scene() as scene:
        scene.txn.execute(
            "INSERT INTO payments.own_limit (holder, ledger, kind, minor)"
            " SELECT %s, ledger, 'first_payee', 0 FROM payments.currency",
            (scene.holder(ALICE).id,),
        )
    stage.say(ALICE, "escrow", "dave 100 EUR bicycle")
    stage.answer(DAVE, "join")
    stage.answer(ALICE, "fund")
    assert stage.row("escrow")["state"] == "cooling"
    stage.answer(ALICE, "stop")

    assert stage.row("escrow")["state"] == "cancelled"
    execute(stage.dsn, "DELETE FROM payments.own_limit")


def test_escrows_with_somebody_new_are_one_sum_while_they_are_put_aside(stage: Stage) -> None:
    keep_first_limit(stage, 15_000)
    aside = [put_aside_with_dave(stage) for _ in range(3)]
    states = [state_of(stage, escrow_id) for escrow_id in aside]
    stage.now_ms += DAY_MS // 2 + 1
    stage.ring(escrows.fire_timer, aside[1])
    stage.write()
    later = put_aside_with_dave(stage)

    assert states == ["funded", "cooling", "cooling"]
    assert state_of(stage, aside[1]) == "funded"
    # What stands aside is not with them yet, whenever it was approved.
    assert state_of(stage, later) == "cooling"
    end_all_of_alice(stage)


def test_what_an_escrow_paid_lately_counts_from_when_it_was_put_aside(stage: Stage) -> None:
    keep_first_limit(stage, 15_000)
    first = put_aside_with_dave(stage)
    release(stage, first)
    second = put_aside_with_dave(stage)
    stage.now_ms += DAY_MS // 2 + 1
    stage.ring(escrows.fire_timer, second)
    stage.write()
    release(stage, second)
    stage.now_ms += DAY_MS // 2 + 1
    third = put_aside_with_dave(stage)

    assert state_of(stage, second) == "released"
    assert state_of(stage, third) == "funded"
    end_all_of_alice(stage)


def test_of_many_that_are_ordered_at_once_no_more_begin_than_there_may_be(stage: Stage) -> None:
    with stage.scene() as scene:
        for number in range(OPEN_MAX + 2):
            inbound: Any = SimpleNamespace(
                sender=CAROL, room_id=RoomId("!carol"), event_id=f"$many{number}"
            )
            escrow_orders.order(scene, inbound, "dave 1 EUR bell")
    stage._look_up()

    with stage.scene() as scene:
        carol = scene.holder(CAROL).id
        assert len(escrow_store.open_of_buyer(scene.txn, carol)) == OPEN_MAX
        escrows.stop_all(scene, carol)
    assert sum("You have too many" in words for words in stage.told(CAROL)) == 2


def keep_first_limit(stage: Stage, minor: int) -> None:
    """Alice lets first payments of at most so much go at once."""
    with stage.scene() as scene:
        alice = scene.holder(ALICE).id
        holders.keep_own_limit(scene.txn, alice, 1, LimitKind.FIRST_PAYEE, OwnLimit(minor))


def put_aside_with_dave(stage: Stage) -> str:
    """Alice approves to put 100 EUR aside for Dave, whatever comes of it; the escrow."""
    stage.say(ALICE, "escrow", "dave 100 EUR bicycle")
    stage.answer(DAVE, "join")
    stage.answer(ALICE, "fund")
    stage.write()
    return str(stage.row("escrow")["id"])


def state_of(stage: Stage, escrow_id: str) -> object:
    [(state,)] = execute(stage.dsn, "SELECT state FROM payments.escrow WHERE id = %s", escrow_id)
    return state


def release(stage: Stage, escrow_id: str) -> None:
    """Dave gets what was put aside, as both say."""
    for person in (ALICE, DAVE):
        with stage.scene() as scene:
            escrows.ask_anew(scene, escrow_id, person)
        stage.answer(person, ALL)
    stage.write()
    assert state_of(stage, escrow_id) == "released"


def end_all_of_alice(stage: Stage) -> None:
    """Whatever Alice has put aside is hers again; Dave gives back what he got."""
    with stage.scene() as scene:
        alice = scene.holder(ALICE).id
        escrows.stop_all(scene, alice)
        open_ = escrow_store.open_of_buyer(scene.txn, alice)
    for escrow_id in open_:
        stage.now_ms += 15 * DAY_MS
        stage.ring(escrows.fire_timer, escrow_id)
    stage.write()
    with stage.scene() as scene:
        for got in holders.balances(scene.txn, scene.holder(DAVE).id, 1):
            if got.available_minor:
                stage.pay(scene, DAVE, ALICE, got.available_minor)
    stage.write()
    execute(stage.dsn, "DELETE FROM payments.own_limit")


def test_a_freeze_stops_what_is_not_put_aside_and_leaves_what_is_to_the_others(
    stage: Stage,
) -> None:
    funded(stage)
    first = stage.row("escrow")["id"]
    stage.say(ALICE, "escrow", "bob 5 EUR bell")
    with stage.scene() as scene:
        freezing.freeze(scene, ALICE)
    assert stage.row("escrow")["state"] == "cancelled"
    stage.say(ALICE, "escrow", first[-8:])
    assert stage.answer(ALICE, ALL) == "You froze your payments, so this does not count."
    for person in (BOB, CAROL):
        stage.say(person, "escrow", first[-8:])
        stage.answer(person, NONE)
    stage.write()

    assert stage.balance(ALICE) == (MONEY, 0)


def test_what_was_released_can_be_given_back_up_to_what_it_was(stage: Stage) -> None:
    funded(stage, "")
    for person in (ALICE, BOB):
        stage.answer(person, ALL)
    stage.write()
    number = stage.row("escrow")["payment_id"][-8:]
    stage.say(BOB, "refund", f"{number} 30")
    stage.answer(BOB, "pay")
    stage.write()
    stage.say(BOB, "refund", f"{number} 70.01")
    assert "More cannot be given back than was paid." in stage.told(BOB)[-1]

    assert stage.balance(BOB) == (MONEY + 7_000, 0)
    assert any("You got money back" in words for words in stage.told(ALICE))


def test_the_statement_says_what_its_lines_are(stage: Stage) -> None:
    funded(stage, "")
    for person in (ALICE, BOB):
        stage.answer(person, ALL)
    stage.write()
    month = dt.datetime.fromtimestamp(stage.now_ms / 1000, dt.UTC).date().replace(day=1)
    with stage.scene() as scene:
        [of_alice] = statements_of(scene, ALICE, month)
        [of_bob] = statements_of(scene, BOB, month)

    paid, got = of_alice.lines[-1], of_bob.lines[-1]
    assert (paid.amount_minor, paid.said.name, paid.said.text) == (
        -10_000,
        "Bob",
        "Escrow: bicycle",
    )
    assert (got.amount_minor, got.said.name, got.said.text) == (
        10_000,
        "Alice",
        "Escrow: bicycle",
    )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("k = 1", "escrow_majority"),
        ("n = 4", "escrow_majority"),
        ("k = 4", "escrow_majority"),
        ("n = 10, k = 6", "escrow_n_check"),
        ("due_at_ms = NULL", "escrow_has_end"),
        ("approved_by = NULL", "escrow_authority"),
        ("state = 'ending'", "escrow_outcome"),
        ("state = 'released', to_seller = amount - 1", "escrow_outcome"),
        ("state = 'ending', to_seller = amount + 1", "escrow_parts"),
        ("ends_at_ms = asked_at_ms + 77 * 86400000::bigint", "escrow_life"),
    ],
)
def test_the_database_refuses_what_no_escrow_may_be(
    stage: Stage, change: str, constraint: str
) -> None:
    funded(stage)
    with pytest.raises(psycopg2.errors.CheckViolation, match=constraint):
        execute(stage.dsn, f"UPDATE payments.escrow SET {change} WHERE state = 'funded'")  # noqa: S608 -- constants
    for person in (ALICE, BOB):
        stage.answer(person, NONE)
    stage.write()


def test_what_was_put_aside_counts_for_the_limit_of_its_day(stage: Stage) -> None:
    with stage.scene() as scene:
        scene.txn.execute(
            "INSERT INTO payments.own_limit (holder, ledger, kind, minor)"
            " SELECT %s, ledger, 'day', 15000 FROM payments.currency",
            (scene.holder(ALICE).id,),
        )
    stage.now_ms += 2 * DAY_MS
    funded(stage, "")
    first = stage.row("escrow")["id"]
    stage.say(ALICE, "escrow", "bob 60 EUR bell")
    stage.answer(BOB, "join")
    stage.answer(ALICE, "fund")
    assert stage.row("escrow")["why"] == "over_day_limit"
    assert "above your own limit for a day" in stage.told(ALICE)[-1]
    stage.now_ms += 2 * DAY_MS
    for person in (ALICE, BOB):
        stage.say(person, "escrow", first[-8:])
        stage.answer(person, ALL)
    stage.write()
    # What is paid out of it went out the day before yesterday.
    stage.say(ALICE, "escrow", "bob 150 EUR lamp")
    stage.answer(BOB, "join")
    stage.answer(ALICE, "fund")
    stage.write()

    assert stage.row("escrow")["state"] == "funded"
    for person in (ALICE, BOB):
        stage.answer(person, NONE)
    stage.write()
    execute(stage.dsn, "DELETE FROM payments.own_limit")


def test_only_who_takes_part_sees_it(stage: Stage) -> None:
    stage.say(ALICE, "escrow", "bob 100 EUR bicycle")
    number = stage.row("escrow")["id"][-8:]
    stage.heard.said.clear()
    stage.say(CAROL, "escrow", number)

    assert "bicycle" not in stage.told(CAROL)[-1].partition("\n")[0]
    stage.say(BOB, "escrow", f"{number} stop")
    assert "Only its buyer can stop it" in stage.told(BOB)[-1]
    stage.say(ALICE, "escrow", f"{number} stop")
    assert stage.row("escrow")["state"] == "cancelled"


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("alice 5 EUR", "Everybody takes part once"),
        ("bob 5 EUR; arbiter alice", "Everybody takes part once"),
        ("veche_payments 5 EUR", "Nobody of this name can be paid here."),
        ("@bob:elsewhere.example 5 EUR", "Nobody of this name can be paid here."),
        ("bob", "Write with whom, how much and what for"),
        ("bob 5 EUR; 1 of 2", "More than half of all who take part"),
    ],
)
def test_what_cannot_be_is_said_at_once(stage: Stage, order: str, words: str) -> None:
    stage.say(ALICE, "escrow", order)

    assert words in stage.told(ALICE)[-1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([ALL, NONE, PART])), max_size=6))
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_however_they_decide_no_money_is_made_or_lost(
    house: Stage, votes: list[tuple[str, str]]
) -> None:
    before = house.balance(ALICE)[0] + house.balance(BOB)[0]
    house.now_ms += DAY_MS
    house.say(ALICE, "escrow", "bob 100 EUR bicycle; arbiter carol")
    persons = {"a": ALICE, "b": BOB, "c": CAROL}
    for person in (BOB, CAROL):
        house.answer(person, "join")
    house.answer(ALICE, "fund")
    house.write()
    number = house.row("escrow")["id"][-8:]
    for name, choice in votes:
        house.say(persons[name], "escrow", f"{number} share 60" if choice == PART else number)
        if persons[name] in house.heard.asked:
            house.answer(persons[name], choice)
        house.write()
    found = house.row("escrow")
    house.now_ms = found["ends_at_ms"]
    house.ring(escrows.fire_timer, found["id"])
    house.write()

    assert house.row("escrow")["state"] in {"released", "returned", "shared"}
    assert house.holds() == 0
    assert house.balance(ALICE)[0] + house.balance(BOB)[0] == before
    with house.scene() as scene:
        extra = house.balance(BOB)[0] - MONEY
        if extra > 0:
            house.pay(scene, BOB, ALICE, extra)
    house.write()


def revoke(stage: Stage, person: UserId, *, is_heard: bool = True) -> None:
    """Somebody revokes their keys; the bot has heard of it, or not yet."""
    with stage.scene() as scene:
        revoke_keys(scene.txn, person, stage.now_ms)
    if is_heard:
        with stage.scene() as scene:
            revoking.stop(scene, person)


def funding(stage: Stage) -> None:
    """Alice has approved an escrow with Bob, which the writer has not set aside."""
    stage.say(ALICE, "escrow", "bob 100 EUR bicycle; arbiter carol")
    for person in (BOB, CAROL):
        stage.answer(person, "join")
    stage.answer(ALICE, "fund")
    assert stage.row("escrow")["state"] == "funding"


def cooling(stage: Stage) -> None:
    """Alice has approved an escrow with somebody new, which waits because of her rules."""
    stage.say(ALICE, "escrow", "dave 500 EUR bicycle")
    stage.answer(DAVE, "join")
    stage.answer(ALICE, "fund")
    assert stage.row("escrow")["state"] == "cooling"


@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize("begun", [funding, cooling])
def test_a_key_that_is_revoked_before_money_is_set_aside_sets_none_aside(
    stage: Stage, begun: Callable[[Stage], None], is_heard: bool
) -> None:
    with stage.scene() as scene:
        holders.keep_own_limit(
            scene.txn,
            scene.holder(ALICE).id,
            1,
            LimitKind.FIRST_PAYEE,
            OwnLimit(20_000),
        )
    begun(stage)
    revoke(stage, ALICE, is_heard=is_heard)
    if is_heard and begun is cooling:
        # At once, not only when its wait is over.
        assert stage.row("escrow")["state"] == "refused"
    stage.write()
    if stage.row("escrow")["state"] == "cooling":
        stage.now_ms = int(stage.row("escrow")["due_at_ms"])
        stage.ring(escrows.fire_timer, stage.row("escrow")["id"])
        stage.write()

    found = stage.row("escrow")
    assert (found["state"], found["why"]) == ("refused", "key_revoked")
    assert stage.balance(ALICE) == (MONEY, 0)
    assert "approve it with another key" in stage.told(ALICE)[-1]


def test_a_freeze_stops_an_escrow_that_is_just_being_set_aside(stage: Stage) -> None:
    funding(stage)
    with stage.scene() as scene:
        freezing.freeze(scene, ALICE)
    stage.write()

    found = stage.row("escrow")
    assert (found["state"], found["why"]) == ("refused", "frozen")
    assert stage.balance(ALICE) == (MONEY, 0)


def test_what_a_block_has_in_its_hands_when_everything_is_frozen_comes_back(stage: Stage) -> None:
    funding(stage)
    with stage.scene() as scene:
        holders.set_frozen(scene.txn, scene.holder(ALICE).id, stage.now_ms)
    stage.write()

    assert stage.row("escrow")["state"] == "returned"
    assert stage.balance(ALICE) == (MONEY, 0)


@pytest.mark.parametrize("has_seller_decided", [False, True])
def test_what_somebody_decided_before_they_froze_counts_no_more(
    stage: Stage, has_seller_decided: bool
) -> None:
    funded(stage)
    stage.answer(ALICE, ALL)
    if has_seller_decided:
        stage.answer(BOB, ALL)
        assert stage.row("escrow")["state"] == "ending"
    with stage.scene() as scene:
        freezing.freeze(scene, ALICE)
    if not has_seller_decided:
        stage.answer(BOB, ALL)
    stage.write()
    assert stage.row("escrow")["state"] == "funded"
    assert stage.balance(BOB) == (MONEY, 0)
    with stage.scene() as scene:
        holders.set_frozen(scene.txn, scene.holder(ALICE).id, None)
        escrows.ask_undecided(scene, ALICE)
    for person in (ALICE, CAROL):
        stage.answer(person, NONE)
    stage.write()
    stage.now_ms += DAY_MS  # so that what the next test sets aside is of another day's limit

    assert stage.row("escrow")["state"] == "returned"


def test_what_is_set_aside_goes_by_its_own_rules_whoever_revokes_a_key(stage: Stage) -> None:
    funded(stage)
    revoke(stage, ALICE)
    stage.answer(BOB, ALL)
    stage.answer(CAROL, ALL)
    stage.write()

    assert stage.row("escrow")["state"] == "released"


@pytest.mark.parametrize("is_heard", [False, True])
def test_a_decision_with_a_key_that_is_revoked_counts_no_more_and_is_asked_anew(
    stage: Stage, is_heard: bool
) -> None:
    funded(stage)
    stage.answer(ALICE, ALL)
    revoke(stage, ALICE, is_heard=is_heard)
    stage.answer(BOB, ALL)
    assert stage.row("escrow")["state"] == "funded"
    if is_heard:
        stage.answer(ALICE, NONE)
        stage.answer(CAROL, NONE)
    else:
        stage.answer(CAROL, ALL)
    stage.write()

    assert stage.row("escrow")["state"] == ("returned" if is_heard else "released")


def test_a_decision_that_the_writer_has_not_done_is_undone_with_its_key(stage: Stage) -> None:
    funded(stage)
    stage.answer(ALICE, ALL)
    stage.answer(BOB, ALL)
    assert stage.row("escrow")["state"] == "ending"
    revoke(stage, ALICE)
    stage.write()
    found = stage.row("escrow")
    assert (found["state"], found["payment_id"], found["to_seller"]) == ("funded", None, None)
    assert stage.balance(BOB) == (MONEY, 0)
    stage.answer(ALICE, NONE)
    stage.answer(CAROL, NONE)
    stage.write()

    assert stage.row("escrow")["state"] == "returned"
    assert stage.balance(ALICE) == (MONEY, 0)


def test_the_date_of_an_escrow_needs_no_key(stage: Stage) -> None:
    funded(stage, "; return")
    for person in (ALICE, BOB):
        revoke(stage, person)
    stage.now_ms = int(stage.row("escrow")["ends_at_ms"])
    stage.ring(escrows.fire_timer, stage.row("escrow")["id"])
    stage.write()

    assert stage.row("escrow")["state"] == "returned"


def test_who_freezes_everything_takes_back_no_decision_of_others(stage: Stage) -> None:
    funded(stage)
    for person in (ALICE, BOB):
        stage.answer(person, ALL)
    assert stage.row("escrow")["state"] == "ending"
    with stage.scene() as scene:
        freezing.freeze(scene, CAROL)
        holders.set_frozen(scene.txn, scene.holder(CAROL).id, None)
    stage.write()
    stage.now_ms += DAY_MS

    assert stage.row("escrow")["state"] == "released"


def test_who_froze_everything_sets_nothing_aside_even_with_a_key(stage: Stage) -> None:
    with stage.scene() as scene:
        freezing.freeze(scene, ALICE)
    stage.say(ALICE, "escrow", "bob 100 EUR bicycle")
    stage.answer(BOB, "join")
    stage.answer(ALICE, "fund")
    stage.write()

    found = stage.row("escrow")
    assert (found["state"], found["why"]) == ("refused", "frozen")


def test_what_was_stopped_goes_on_by_a_key_alone_and_is_asked_about_again(stage: Stage) -> None:
    funded(stage)
    with stage.scene() as scene:
        freezing.freeze(scene, ALICE)
        freezing.ask_to_go_on(scene, RoomId("!alice:veche.test"), ALICE)
        without_a_key: Any = SimpleNamespace(
            inbound=SimpleNamespace(sender=ALICE, room_id=RoomId("!alice:veche.test")),
            chosen=SimpleNamespace(choice=freezing.GO_ON, approved_by=None),
        )
        freezing.answered(scene, without_a_key)
        assert scene.holder(ALICE).is_frozen
    stage.answer(ALICE, freezing.GO_ON)
    with stage.scene() as scene:
        assert not scene.holder(ALICE).is_frozen
    # Their last question is about the escrow now.
    for person in (ALICE, BOB):
        stage.answer(person, NONE)
    stage.write()
    stage.now_ms += DAY_MS

    assert stage.row("escrow")["state"] == "returned"


@pytest.mark.parametrize("deciding", [(CAROL, BOB), (BOB, CAROL), (CAROL,)])
def test_a_freeze_while_something_is_being_decided_still_takes_back_the_decision(
    stage: Stage, deciding: tuple[UserId, ...]
) -> None:
    funded(stage)
    *before, last = deciding
    for person in before:
        stage.answer(person, ALL)
    with session(stage.dsn) as connection, connection.cursor() as txn:
        stage.answer_in(stage.scene_of(txn, f"{deciding} decide", stage.now_ms), last, ALL)
        freezes = threading.Thread(target=_freeze_carol, args=(stage,))
        freezes.start()
        wait_until(lambda: bool(waiting_count(stage.dsn)), TIMEOUT_S, "it does not wait")
        connection.commit()
        freezes.join()
    if BOB not in deciding:
        stage.answer(BOB, ALL)
    is_taken_back = stage.row("escrow")["state"] == "funded"
    with stage.scene() as scene:
        holders.set_frozen(scene.txn, scene.holder(CAROL).id, None)
        escrows.ask_undecided(scene, CAROL)
    for person in (ALICE, CAROL) if is_taken_back else ():
        stage.answer(person, NONE)
    stage.write()
    stage.now_ms += DAY_MS

    assert stage.row("escrow")["state"] == "returned"


def _freeze_carol(stage: Stage) -> None:
    with stage.scene() as scene:
        freezing.freeze(scene, CAROL)


def test_what_another_key_approved_waits_on_when_one_is_revoked(stage: Stage) -> None:
    with stage.scene() as scene:
        own = OwnLimit(20_000)
        alice = scene.holder(ALICE).id
        holders.keep_own_limit(scene.txn, alice, 1, LimitKind.FIRST_PAYEE, own)
    revoke(stage, ALICE)
    cooling(stage)
    with stage.scene() as scene:
        revoking.stop(scene, ALICE)
    assert stage.row("escrow")["state"] == "cooling"
    with stage.scene() as scene:
        escrows.stop_all(scene, scene.holder(ALICE).id)
