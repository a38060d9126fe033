"""Who is told where a fault of ours stops money on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from appservices.payments.faults import service as faults
from appservices.payments.ledger.store.attempts import Attempt
from tests.integration.appservices.payments.stage import ALICE, BOB, CAROL, Stage
from tests.support.postgres import execute
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres

ADMIN: Final = UserId("@admin:veche.test")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.running(operators=[ADMIN]) as one:
        yield one


def told(stage: Stage, about: str) -> dict[UserId, str]:
    """What everybody is told of a dead letter about something."""
    stage.heard.said.clear()
    with stage.scene() as scene:
        faults.tell(scene, Attempt(1, "kind", about, (), (), 1))
    return dict(stage.heard.said)


def test_who_pays_is_told_and_who_is_paid_is_not(stage: Stage) -> None:
    number = stage.paid(500)
    [(id_,)] = execute(stage.dsn, "SELECT id FROM payments.payment WHERE right(id, 8) = %s", number)
    said = told(stage, str(id_))

    assert set(said) == {ALICE, ADMIN}
    assert f"Your payment {number} of 5.00 EUR to Bob rests" in said[ALICE]
    assert "veche ledger dead" in said[ADMIN]
    assert number not in said[ADMIN].replace(str(id_), "")


def test_all_who_take_part_in_an_escrow_are_told(stage: Stage) -> None:
    stage.say(ALICE, "escrow", "bob 10 EUR bicycle; arbiter carol; 2 of 3")
    said = told(stage, stage.row("escrow")["id"])

    assert set(said) == {ALICE, BOB, CAROL, ADMIN}
    assert "rests because of a fault here" in said[CAROL]
    stage.say(ALICE, "escrow", f"{stage.row('escrow')['id'][-8:]} stop")


def test_both_sides_of_a_dispute_are_told(stage: Stage) -> None:
    number = stage.paid(500)
    stage.say(ALICE, "dispute", f"{number} it never came")
    said = told(stage, stage.row("dispute")["id"])

    assert set(said) == {ALICE, BOB, ADMIN}
    stage.answer(ALICE, "decline")


def test_what_nobody_waits_for_is_told_to_who_runs_it_alone(stage: Stage) -> None:
    assert set(told(stage, "something")) == {ADMIN}
