"""Disputes on the real ledger: only the disputed amount is set aside, and each has an end."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appservices.payments.disputes.api import DisputeAnswerBody
from appservices.payments.disputes.core.dispute import DisputeStateError
from appservices.payments.disputes.service import disputes
from appservices.payments.disputes.service import organisations as api_disputes
from appservices.payments.holders import store as holders
from appservices.payments.organisations import store as events
from appservices.payments.safeguards.service import freezing
from tests.integration.appservices.payments.stage import (
    ALICE,
    BOB,
    CAROL,
    CLERK,
    DAY_MS,
    MONEY,
    Stage,
)
from tests.support.postgres import execute
from veche.api.bearer import OrganisationCaller
from veche.protocol.errors import MalformedError, NotFoundError

pytestmark = pytest.mark.postgres


def opened(stage: Stage, minor: int = 5_000, words: str = "it never came") -> str:
    """Alice paid Bob and disputes it; its number."""
    number = stage.paid(minor)
    stage.say(ALICE, "dispute", f"{number} {words}")
    assert stage.answer(ALICE, "open") == "Approved."
    stage.write()
    assert stage.row("dispute")["state"] == "open"
    return number


def test_what_the_payee_gives_back_is_a_refund_of_the_payment(stage: Stage) -> None:
    number = opened(stage)
    assert stage.balance(BOB) == (MONEY, 5_000)
    assert "This amount of yours is set aside, nothing else." in stage.told(BOB)[-1]
    assert "it never came" in stage.told(BOB)[-1]
    stage.answer(BOB, "agree")
    stage.write()

    found = stage.row("dispute")
    assert (found["state"], found["ended_by"], found["given"]) == ("closed", "agreed", 5_000)
    assert (stage.balance(ALICE), stage.balance(BOB)) == ((MONEY, 0), (MONEY, 0))
    assert any("You got money back" in words for words in stage.told(ALICE))
    [(refunded,)] = execute(
        stage.dsn, "SELECT refunded FROM ledger.refunded ORDER BY original DESC LIMIT 1"
    )
    assert refunded == 5_000
    stage.say(BOB, "refund", number)
    assert "More cannot be given back than was paid." in stage.told(BOB)[-1]


def test_a_contested_one_is_decided_by_the_desk_in_part(stage: Stage) -> None:
    number = opened(stage)
    stage.say(BOB, "dispute", f"{number} the post has a receipt of it")
    assert stage.row("dispute")["state"] == "at_desk"
    assert "the post has a receipt of it" in stage.told(CLERK)[-1]
    stage.say(CLERK, "dispute", f"{number} 20 EUR half is fair")
    stage.answer(CLERK, "decide")
    stage.write()

    assert (stage.balance(ALICE), stage.balance(BOB)) == (
        (MONEY - 3_000, 0),
        (MONEY + 3_000, 0),
    )
    for person in (ALICE, BOB):
        said = "\n".join(stage.told(person))
        assert "20.00 EUR goes back, 30.00 EUR stays with Bob." in said
        assert "half is fair" in said


def test_silence_goes_to_the_desk_and_its_silence_lets_go(stage: Stage) -> None:
    opened(stage)
    found = stage.row("dispute")
    assert found["due_at_ms"] == stage.now_ms + 10 * DAY_MS
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    asked = stage.row("dispute")
    assert (asked["state"], asked["due_at_ms"]) == ("at_desk", stage.now_ms + 30 * DAY_MS)
    assert asked["hold_ends_at_ms"] > asked["due_at_ms"]
    stage.now_ms = asked["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    stage.write()

    ended = stage.row("dispute")
    assert (ended["state"], ended["ended_by"], ended["given"]) == ("closed", "lapsed", 0)
    assert stage.balance(BOB) == (MONEY + 5_000, 0)


def test_the_payer_takes_it_back(stage: Stage) -> None:
    number = opened(stage)
    stage.answer(ALICE, "withdraw")
    stage.write()
    stage.say(ALICE, "dispute", f"{number} again")

    assert stage.balance(BOB) == (MONEY + 5_000, 0)
    assert "This payment is, or was, disputed" in stage.told(ALICE)[-1]


def test_a_payee_with_less_keeps_less_aside_and_it_is_said(stage: Stage) -> None:
    number = stage.paid(5_000)
    with stage.scene() as scene:
        stage.pay(scene, BOB, CAROL, MONEY + 5_000 - 3_000)
    stage.write()
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()
    assert stage.row("dispute")["held"] == 3_000
    for person in (ALICE, BOB):
        said = stage.told(person)[-1]
        assert "Disputed: 50.00 EUR" in said
        assert "Set aside: 30.00 EUR" in said
    stage.answer(BOB, "agree")
    stage.write()

    assert stage.balance(BOB) == (0, 0)
    with stage.scene() as scene:
        stage.pay(scene, CAROL, BOB, MONEY + 2_000)
    stage.write()


def test_a_payee_with_nothing_is_not_disputed_and_no_hold_stays(stage: Stage) -> None:
    number = stage.paid(5_000)
    with stage.scene() as scene:
        stage.pay(scene, BOB, CAROL, MONEY + 5_000)
    stage.write()
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()
    assert stage.row("dispute")["state"] == "cancelled"
    assert "has nothing here that could be set aside now" in stage.told(ALICE)[-1]
    assert execute(stage.dsn, "SELECT FROM ledger.hold") == []
    with stage.scene() as scene:
        stage.pay(scene, CAROL, BOB, MONEY + 5_000)
    stage.write()
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()

    assert stage.row("dispute")["held"] == 5_000
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_refunds_and_a_dispute_are_together_at_most_what_was_paid(stage: Stage) -> None:
    number = stage.paid(5_000)
    stage.say(BOB, "refund", f"{number} 20")
    stage.answer(BOB, "pay")
    stage.write()
    stage.say(ALICE, "dispute", f"{number} 30.01 EUR too little came back")
    assert "That is more than can still go back" in stage.told(ALICE)[-1]
    stage.say(ALICE, "dispute", f"{number} 25 EUR too little came back")
    stage.answer(ALICE, "open")
    stage.write()
    stage.say(BOB, "refund", f"{number} 5.01")
    assert "More cannot be given back than was paid." in stage.told(BOB)[-1]
    stage.say(BOB, "refund", f"{number} 5")
    stage.answer(BOB, "pay")
    stage.answer(ALICE, "withdraw")
    stage.write()

    with pytest.raises(psycopg2.errors.CheckViolation, match="no_over_return"):
        execute(stage.dsn, "UPDATE payments.given_back SET refunded = captured + 1")


def test_a_refund_that_was_asked_for_before_a_dispute_is_refused_after_it(stage: Stage) -> None:
    number = stage.paid(5_000)
    stage.say(BOB, "refund", number)
    refund = dict(stage.heard.asked)
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()
    question = stage.heard.asked[BOB]
    stage.heard.asked.update(refund)
    stage.answer(BOB, "pay")
    stage.write()

    assert "More cannot be given back than was paid." in stage.told(BOB)[-1]
    stage.heard.asked[BOB] = question
    stage.answer(BOB, "agree")
    stage.write()
    assert stage.balance(ALICE) == (MONEY, 0)


def test_a_refund_and_a_dispute_at_once_do_not_give_back_twice(stage: Stage) -> None:
    for _ in range(3):
        number = stage.paid(5_000)
        stage.say(BOB, "refund", number)
        stage.say(ALICE, "dispute", f"{number} it never came")
        ready = threading.Barrier(2)
        errors: list[BaseException] = []

        def act(person: Any, choice: str) -> None:
            try:
                with stage.scene() as scene:
                    ready.wait()  # noqa: B023 -- of this round
                    stage.answer_in(scene, person, choice)
            except BaseException as e:  # noqa: BLE001 -- told below
                errors.append(e)  # noqa: B023

        pair = [threading.Thread(target=act, args=one) for one in ((BOB, "pay"), (ALICE, "open"))]
        for thread in pair:
            thread.start()
        for thread in pair:
            thread.join()
        stage.write()

        assert errors == []
        back, held = stage.balance(ALICE)[0] - (MONEY - 5_000), stage.balance(BOB)[1]
        assert {back, held} == {0, 5_000}
        if held:
            stage.answer(ALICE, "withdraw")
            stage.write()
        stage.even_out()


def test_giving_back_and_taking_back_at_once_have_one_end(stage: Stage) -> None:
    opened(stage)
    ready = threading.Barrier(2)

    def act(person: Any, choice: str) -> None:
        with stage.scene() as scene:
            ready.wait()
            stage.answer_in(scene, person, choice)

    pair = [threading.Thread(target=act, args=one) for one in ((BOB, "agree"), (ALICE, "withdraw"))]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    stage.write()

    found = stage.row("dispute")
    assert found["ended_by"] in {"agreed", "withdrawn"}
    back = stage.balance(ALICE)[0] - (MONEY - 5_000)
    assert back == (5_000 if found["ended_by"] == "agreed" else 0)
    assert "Nothing has changed." in stage.heard.settled


def test_a_decision_after_the_ledger_let_go_takes_nothing_more(stage: Stage) -> None:
    number = opened(stage)
    stage.answer(BOB, "contest")
    stage.say(CLERK, "dispute", f"{number} all it never came")
    found = stage.row("dispute")
    stage.now_ms = found["hold_ends_at_ms"] + 1
    stage.answer(CLERK, "decide")
    stage.write()

    ended = stage.row("dispute")
    assert (ended["state"], ended["ended_by"], ended["given"]) == ("closed", "lapsed", 0)
    assert stage.balance(BOB) == (MONEY + 5_000, 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "Write too why"),
        ("0 EUR nothing", "The amount has to be above zero"),
        ("50.01 EUR more", "That is more than can still go back"),
        ("x" * 501, "Write at most 500 characters"),
        ("turned\u202eround", "all of which can be seen"),
    ],
)
def test_what_cannot_be_disputed_is_said(stage: Stage, words: str, told: str) -> None:
    number = stage.paid(5_000)
    stage.say(ALICE, "dispute", f"{number} {words}")

    assert told in stage.told(ALICE)[-1]


def test_what_is_not_approved_yet_can_be_said_anew(stage: Stage) -> None:
    number = stage.paid(5_000)
    stage.say(ALICE, "dispute", f"{number} all broken")
    stage.say(ALICE, "dispute", f"{number} 20 EUR two were broken")
    stage.answer(ALICE, "open")
    stage.write()
    found = stage.row("dispute")
    assert (found["state"], found["held"]) == ("open", 2_000)
    assert "two were broken" in stage.told(BOB)[-1]
    states = execute(stage.dsn, "SELECT state FROM payments.dispute ORDER BY id DESC LIMIT 2")
    assert states == [("open",), ("cancelled",)]
    stage.answer(ALICE, "withdraw")
    stage.write()

    assert stage.balance(BOB) == (MONEY + 5_000, 0)


def test_nobody_disputes_what_is_not_theirs_too_old_or_already_back(stage: Stage) -> None:
    number = stage.paid(5_000)
    for person, which in ((BOB, number), (CAROL, number), (ALICE, "00000000"), (ALICE, "x")):
        stage.say(person, "dispute", f"{which} it never came")
        assert "that could be disputed" in stage.told(person)[-1]
    stage.now_ms += 120 * DAY_MS + 2
    stage.say(ALICE, "dispute", f"{number} it never came")
    assert "too long ago" in stage.told(ALICE)[-1]
    other = stage.paid(5_000)
    stage.say(BOB, "refund", other)
    stage.answer(BOB, "pay")
    stage.write()
    stage.say(ALICE, "dispute", f"{other} it never came")
    assert "All of this payment has gone back already." in stage.told(ALICE)[-1]


def test_the_desk_neither_decides_early_nor_more_than_there_is(stage: Stage) -> None:
    number = opened(stage)
    stage.say(CLERK, "dispute", f"{number} all now")
    assert CLERK not in stage.heard.asked
    stage.answer(BOB, "contest")
    for words, told in (
        ("50.01 EUR too much", "more than can still go back"),
        ("fair", "Write how much goes back, and why"),
        ("all", "Write too why"),
    ):
        stage.say(CLERK, "dispute", f"{number} {words}")
        assert told in stage.told(CLERK)[-1]
    stage.say(CLERK, "dispute", "")
    assert f"dispute {number} 50.00 EUR because two were broken" in stage.told(CLERK)[-1]
    stage.say(CLERK, "dispute", f"{number} none it came")
    stage.answer(CLERK, "decline")
    assert stage.row("dispute")["state"] == "at_desk"
    stage.say(CLERK, "dispute", f"{number} none it came")
    stage.answer(CLERK, "decide")
    stage.write()

    assert stage.row("dispute")["ended_by"] == "decided"
    assert stage.balance(BOB) == (MONEY + 5_000, 0)


def test_who_froze_everything_gives_nothing_back_by_a_key(stage: Stage) -> None:
    opened(stage)
    with stage.scene() as scene:
        freezing.freeze(scene, BOB)
    assert stage.answer(BOB, "agree") == "You froze your payments, so this does not count."
    assert stage.row("dispute")["state"] == "open"
    with stage.scene() as scene:
        holders.set_frozen(scene.txn, scene.holder(BOB).id, None)
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_what_the_payee_agreed_to_before_they_froze_is_decided_anew(stage: Stage) -> None:
    opened(stage)
    stage.answer(BOB, "agree")
    assert stage.row("dispute")["state"] == "ending"
    with stage.scene() as scene:
        freezing.freeze(scene, BOB)
    stage.write()

    assert stage.row("dispute")["state"] == "at_desk"
    assert stage.balance(BOB) == (MONEY, 5_000)
    with stage.scene() as scene:
        holders.set_frozen(scene.txn, scene.holder(BOB).id, None)
    stage.answer(ALICE, "withdraw")
    stage.write()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'closed', given = held + 1, ended_by = 'decided', decided_by = 'x'", "_given"),
        ("held = amount + 1", "dispute_held"),
        ("due_at_ms = NULL", "dispute_has_end"),
        ("hold_ends_at_ms = NULL", "dispute_hold_has_end"),
        ("approved_by = NULL", "dispute_authority"),
        ("state = 'closed', given = 1, ended_by = 'decided'", "dispute_decision"),
        ("state = 'closed'", "dispute_outcome"),
    ],
)
def test_the_database_refuses_what_no_dispute_may_be(
    stage: Stage, change: str, constraint: str
) -> None:
    opened(stage)
    with pytest.raises(psycopg2.errors.CheckViolation, match=constraint):
        execute(stage.dsn, f"UPDATE payments.dispute SET {change} WHERE state = 'open'")  # noqa: S608 -- constants
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_the_database_refuses_a_refund_of_what_is_disputed_whatever_the_service_does(
    stage: Stage,
) -> None:
    opened(stage)
    with pytest.raises(psycopg2.errors.CheckViolation, match="no_over_return"):
        execute(
            stage.dsn,
            "INSERT INTO payments.payment (id, kind, state, payer, payee, ledger, amount, fee,"
            " sealed, approved_by, refund_of, asked_at_ms, changed_at_ms) SELECT 'r', 'refund',"
            " 'paying', payee, payer, ledger, 1, 0, '', 'r', payment_id, 1, 1"
            " FROM payments.dispute WHERE state = 'open'",
        )
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_without_a_desk_nothing_is_disputed() -> None:
    with Stage.running(dispute_desk=[]) as stage:
        number = stage.paid(5_000)
        stage.say(ALICE, "dispute", f"{number} it never came")

        assert "Nobody decides disputes here." in stage.told(ALICE)[-1]


def test_what_is_said_is_in_no_table_in_clear(stage: Stage) -> None:
    number = opened(stage, words="the secret vase was broken")
    stage.say(BOB, "dispute", f"{number} the secret glue was mine")
    stage.say(CLERK, "dispute", f"{number} none the secret is out")
    kept = "".join(
        str(row)
        for table in ("dispute", "given_back", "payment")
        for row in execute(stage.dsn, f"SELECT * FROM payments.{table}")  # noqa: S608 -- constants
    )

    assert "at_desk" in kept
    assert "secret" not in kept
    assert "secret" not in str(stage.heard.asked[CLERK][1])
    stage.answer(CLERK, "decide")
    stage.write()


SHOP = OrganisationCaller("bakery", "Bakery", frozenset({"read", "refund"}))


def test_an_organisation_hears_of_a_dispute_and_gives_back_by_its_request(stage: Stage) -> None:
    payment, other = _disputed_shop(stage), OrganisationCaller("town", "Town", SHOP.scopes)
    with stage.scene() as scene:
        seen = api_disputes.read(scene, SHOP, payment)
        with pytest.raises(NotFoundError):
            api_disputes.read(scene, other, payment)
    assert (seen.state, seen.held.minor, seen.reason) == ("open", 5_000, "stale bread")
    with stage.scene() as scene:
        body = DisputeAnswerBody(gives_back=True, words="Sorry")
        api_disputes.answer(scene, SHOP, payment, body, b"s" * 32)
    stage.write()

    with stage.scene() as scene:
        ended = api_disputes.read(scene, SHOP, payment)
        heard = events.events_after(scene.txn, scene.organisation(SHOP.id).id, 0)
        with pytest.raises(DisputeStateError):
            api_disputes.answer(scene, SHOP, payment, body, b"s" * 32)
    assert (ended.state, ended.ended_by, ended.answer) == ("closed", "agreed", "Sorry")
    assert [one.type for one in heard][-2:] == ["dispute.open", "dispute.closed"]
    assert {one.payment for one in heard} == {payment}
    assert stage.balance(ALICE) == (MONEY, 0)
    [(evidence,)] = execute(
        stage.dsn, "SELECT decided_by FROM payments.dispute WHERE payment_id = %s", payment
    )
    assert evidence == f"request bakery {(b's' * 32).hex()}"


def test_an_organisation_that_contests_leaves_it_to_the_desk(stage: Stage) -> None:
    payment = _disputed_shop(stage)
    with stage.scene() as scene:
        hidden = DisputeAnswerBody(gives_back=False, words="turned\u202eround")
        with pytest.raises(MalformedError):
            api_disputes.answer(scene, SHOP, payment, hidden, b"s" * 32)
        body = DisputeAnswerBody(gives_back=False, words="It was fresh")
        api_disputes.answer(scene, SHOP, payment, body, b"s" * 32)
        with pytest.raises(DisputeStateError):
            api_disputes.answer(scene, SHOP, payment, body, b"s" * 32)
    stage.say(CLERK, "dispute", f"{payment[-8:]} all it was stale")
    stage.answer(CLERK, "decide")
    stage.write()

    assert stage.balance(ALICE) == (MONEY, 0)


def test_once_its_time_is_over_a_dispute_goes_on_before_the_clock_rings(stage: Stage) -> None:
    payment = _disputed_shop(stage)
    stage.now_ms = stage.row("dispute")["due_at_ms"]
    with stage.scene() as scene:
        body = DisputeAnswerBody(gives_back=False, words="It was fresh")
        with pytest.raises(DisputeStateError):
            api_disputes.answer(scene, SHOP, payment, body, b"s" * 32)
        seen = api_disputes.read(scene, SHOP, payment)
    assert (seen.state, seen.answer) == ("at_desk", "")
    stage.say(CLERK, "dispute", f"{payment[-8:]} all it was stale")
    stage.answer(CLERK, "decide")
    stage.write()

    assert stage.balance(ALICE) == (MONEY, 0)


def _disputed_shop(stage: Stage) -> str:
    """Alice paid the bakery and disputes it; the id of the payment."""
    with stage.scene() as scene:
        payment_id = stage.pay(scene, ALICE, SHOP.id, 5_000)
    stage.write()
    with stage.scene() as scene, pytest.raises(NotFoundError):
        api_disputes.read(scene, SHOP, payment_id)
    stage.say(ALICE, "dispute", f"{payment_id[-8:]} stale bread")
    stage.answer(ALICE, "open")
    stage.write()
    return payment_id


STEPS = st.sampled_from(["agree", "contest", "withdraw", "decide", "time", "refund"])
_rounds = itertools.count()


@given(st.lists(STEPS, max_size=6), st.integers(0, 5_000))
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_happens_no_money_is_made_or_lost_and_it_ends(
    house: Stage, steps: list[str], given_minor: int
) -> None:
    number = opened(house)
    before = house.balance(ALICE)[0] + sum(house.balance(BOB))
    for step in [*steps, "time", "time"]:
        found = house.row("dispute")
        if step == "time" and found["due_at_ms"] is not None:
            house.now_ms = max(house.now_ms, found["due_at_ms"])
            house.ring(disputes.fire_timer, found["id"])
        elif step == "refund":
            house.say(BOB, "refund", f"{number} {given_minor / 100:.2f}")
        elif step == "decide":
            house.say(CLERK, "dispute", f"{number} {given_minor / 100:.2f} EUR fair")
            if CLERK in house.heard.asked and found["state"] == "at_desk":
                house.answer(CLERK, "decide")
        else:
            _answer(house, ALICE if step == "withdraw" else BOB, number, step)
        house.write()

    ended = house.row("dispute")
    assert ended["state"] == "closed"
    assert house.holds() == 0
    assert house.balance(ALICE)[0] + house.balance(BOB)[0] == before
    assert house.balance(ALICE)[0] == MONEY - 5_000 + ended["given"]
    house.even_out()


def _answer(house: Stage, person: Any, number: str, choice: str) -> None:
    """Answer the dispute's question, if it asks that."""
    house.say(person, "dispute", number)
    prompt, _ = house.heard.asked.get(person, (None, None))
    if prompt is not None and prompt.choice(choice) is not None:
        house.answer(person, choice)
