"""Guardians are asked about escrows: nothing is set aside before enough of them approved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import psycopg2
import pytest

from appservices.payments.escrows.service import escrows
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.core import DUE_MS
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.guardians.store import GuardRule
from appservices.payments.guardians.texts import RuleView
from appservices.payments.holders import store as holders
from appservices.payments.safeguards.service import freezing, revoking
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.stage import (
    ALICE,
    BOB,
    CAROL,
    DAY_MS,
    MONEY,
    NOW_MS,
    Stage,
)
from tests.support.postgres import execute
from tests.support.stored_keys import revoke_keys
from veche.protocol.guardians import RuleState
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres

DAVE: Final = UserId("@dave:veche.test")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A bank in which Carol and Dave are Alice's guardians above 50 EUR; one of them is enough."""
    with Stage.running(first_payee_limits={"EUR": "1000"}) as one:
        _guard(one)
        yield one
        assert one.holds() == 0


def _guard(stage: Stage, *, is_shown: bool = True) -> None:
    with stage.scene() as scene:
        parties = (Party(CAROL, "Carol"), Party(DAVE, "Dave"))
        view = RuleView(Party(ALICE, "Alice"), parties, 1, 5_000, "EUR", is_shown=is_shown)
        rule = GuardRule(
            id=scene.sender.fresh_ulid("rule"),
            holder=scene.holder(ALICE).id,
            ledger=holders.currencies(scene.txn)["EUR"],
            state=RuleState.ACTIVE,
            needed=1,
            above_minor=5_000,
            is_shown=is_shown,
            sealed=guarding.sealed(scene, view),
            approved_by="the rule",
        )
        numbers = [scene.holder(one).id for one in (CAROL, DAVE)]
        guards.add_rule(scene.txn, rule, numbers, NOW_MS)


def proposed(stage: Stage, amount: str = "100 EUR") -> None:
    """Alice has approved to put something aside for a deal with Bob."""
    stage.say(ALICE, "escrow", f"bob {amount} bicycle")
    stage.answer(BOB, "join")
    stage.answer(ALICE, "fund")
    stage.write()


def returned(stage: Stage) -> None:
    """Both say that it is given back."""
    for person in (ALICE, BOB):
        stage.answer(person, "vote.0")
    stage.write()
    assert stage.row("escrow")["state"] == "returned"


def test_it_is_set_aside_once_enough_guardians_approved(stage: Stage) -> None:
    proposed(stage)
    assert stage.row("escrow")["state"] == "guarded"
    assert stage.balance(ALICE) == (MONEY, 0)
    assert any("waits for your guardians" in words for words in stage.told(ALICE))
    assert not any("guardian" in words for words in stage.told(BOB))
    [asked] = [words for words in stage.told(CAROL) if "look at an escrow" in words]
    assert "100.00 EUR" in asked

    assert stage.answer(CAROL, "approve") == "Approved."
    stage.write()
    assert stage.row("escrow")["state"] == "funded"
    assert stage.balance(ALICE) == (MONEY - 10_000, 10_000)
    assert DAVE not in stage.heard.asked
    returned(stage)


def test_what_guardians_sign_says_that_it_is_put_aside(stage: Stage) -> None:
    proposed(stage)

    texts = [getattr(one, "text", "") for one in stage.heard.signed.values()]
    assert any("100.00 EUR put aside for Bob (@bob:veche.test)" in text for text in texts)
    with stage.scene() as scene:
        stage_id = stage.row("escrow")["id"]
        escrows.stop_all(scene, scene.holder(ALICE).id)
    assert stage.row("escrow") == {**stage.row("escrow"), "id": stage_id, "state": "cancelled"}


def test_a_guardian_who_revokes_a_key_is_asked_again_at_once(stage: Stage) -> None:
    execute(stage.dsn, "UPDATE payments.guard_rule SET needed = 2")
    proposed(stage)
    stage.answer(CAROL, "approve")
    with stage.scene() as scene:
        revoke_keys(scene.txn, CAROL, stage.now_ms)
    stage.heard.asked.pop(CAROL, None)
    with stage.scene() as scene:
        revoking.stop(scene, CAROL)

    assert stage.answer(CAROL, "approve") == "Approved."
    assert stage.row("escrow")["state"] == "guarded"
    stage.answer(DAVE, "approve")
    stage.write()
    returned(stage)


def test_too_few_who_approve_end_it(stage: Stage) -> None:
    proposed(stage)
    stage.answer(CAROL, "decline")
    assert stage.row("escrow")["state"] == "guarded"
    stage.answer(DAVE, "decline")

    assert (stage.row("escrow")["state"], stage.row("escrow")["why"]) == ("refused", "guarded")
    assert stage.balance(ALICE) == (MONEY, 0)
    assert any("Too few of your guardians approved it" in words for words in stage.told(ALICE))
    # Why is not for the seller.
    assert not any("guardian" in words for words in stage.told(BOB))


def test_it_ends_after_their_time_and_a_vote_then_changes_nothing(stage: Stage) -> None:
    proposed(stage)
    escrow_id, late = stage.row("escrow")["id"], stage.heard.asked[CAROL]
    stage.now_ms += DUE_MS - 1
    stage.ring(escrows.fire_timer, escrow_id)
    assert stage.row("escrow")["state"] == "guarded"
    stage.now_ms += 2
    stage.ring(escrows.fire_timer, escrow_id)
    assert stage.row("escrow")["state"] == "refused"

    stage.heard.asked[CAROL] = late
    assert stage.answer(CAROL, "approve") == "It is decided."
    stage.write()
    assert stage.row("escrow")["state"] == "refused"
    assert stage.balance(ALICE) == (MONEY, 0)


def test_the_buyer_stops_it_meanwhile(stage: Stage) -> None:
    proposed(stage)
    stage.answer(ALICE, "stop")

    assert stage.row("escrow")["state"] == "cancelled"
    assert stage.heard.asked.keys().isdisjoint({CAROL, DAVE})


@pytest.mark.parametrize(
    ("happening", "end"),
    [
        ("frozen", ("cancelled", None)),
        ("revoked", ("refused", "key_revoked")),
        ("revoked, not heard", ("refused", "key_revoked")),
    ],
)
def test_nothing_is_put_aside_for_a_buyer_who_stops_everything_or_revokes_the_key(
    stage: Stage, happening: str, end: tuple[str, str | None]
) -> None:
    proposed(stage)
    asked = stage.heard.asked[CAROL]
    with stage.scene() as scene:
        if happening == "frozen":
            freezing.freeze(scene, ALICE)
        else:
            revoke_keys(scene.txn, ALICE, stage.now_ms)
        if happening == "revoked":
            revoking.stop(scene, ALICE)
    stage.heard.asked[CAROL] = asked  # she answers late
    stage.answer(CAROL, "approve")
    stage.write()

    found = stage.row("escrow")
    assert (found["state"], found["why"]) == end
    assert stage.balance(ALICE) == (MONEY, 0)


def test_several_below_the_amount_are_one_sum_and_approved_ones_are_none(stage: Stage) -> None:
    proposed(stage, "40 EUR")
    assert stage.row("escrow")["state"] == "funded"
    returned(stage)
    proposed(stage, "45 EUR")
    assert stage.row("escrow")["state"] == "funded"
    first = {person: stage.heard.asked[person] for person in (ALICE, BOB)}
    proposed(stage, "10 EUR")
    assert stage.row("escrow")["state"] == "guarded"
    stage.answer(CAROL, "approve")
    stage.write()
    assert stage.row("escrow")["state"] == "funded"
    returned(stage)
    stage.heard.asked.update(first)
    for person in (ALICE, BOB):
        stage.answer(person, "vote.0")
    stage.write()


def test_the_database_sets_nothing_aside_without_them(stage: Stage) -> None:
    proposed(stage)
    escrow_id = stage.row("escrow")["id"]
    for change in ("'funding'", "'guarded', due_at_ms = NULL"):
        with pytest.raises(psycopg2.IntegrityError):
            execute(
                stage.dsn,
                f"UPDATE payments.escrow SET state = {change} WHERE id = %s",  # noqa: S608 -- constants
                escrow_id,
            )
    with pytest.raises(psycopg2.IntegrityError):
        execute(
            stage.dsn,
            "INSERT INTO payments.guarded SELECT 'nothing', rule_id FROM payments.guarded",
        )
    stage.answer(ALICE, "stop")


def test_it_waits_for_its_rule_after_the_guardians(stage: Stage) -> None:
    with stage.scene() as scene:
        parts = scene.section.model_copy(update={"first_payee_limits": {"EUR": "60"}})
    stage.parts = attrs.evolve(stage.parts, section=parts)
    proposed(stage)
    assert stage.row("escrow")["state"] == "guarded"
    stage.answer(DAVE, "approve")
    assert stage.row("escrow")["state"] == "cooling"
    stage.now_ms += DAY_MS
    stage.ring(escrows.fire_timer, stage.row("escrow")["id"])
    stage.write()
    assert stage.row("escrow")["state"] == "funded"
    returned(stage)
