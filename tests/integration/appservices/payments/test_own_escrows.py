"""Escrows on the wallet's page: what the chat can do is done there, by the same rules."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from appservices.payments.chats.service.payouts import CheckName
from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.escrows import store
from appservices.payments.escrows.service import escrows as steps
from appservices.payments.payouts.core import PayoutOrder
from appservices.payments.payouts.service import PER_DAY_MAX
from appservices.payments.transfers.texts.views import Party
from appservices.payments.wallet.service import escrows, orders
from appservices.payments.wallet.service.trust_views import NewEscrowBody
from appservices.payments.wallet.service.visit import PaymentRefusedError, Visit
from tests.integration.appservices.payments.stage import (
    ALICE,
    BOB,
    CAROL,
    CLERK,
    DAY_MS,
    MONEY,
    Stage,
    _Staged,
)
from veche.protocol.errors import NotFoundError
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.wallet.service.trust_views import EscrowEntry
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres


@contextmanager
def page(stage: Stage, person: UserId) -> Iterator[Visit]:
    """Somebody on a page, in a transaction that is committed."""
    stage.now_ms += 1
    with stage.scene() as scene:
        yield Visit(scene, person, "en")


def test_of_many_payouts_that_are_asked_for_at_once_no_more_begin_than_may_in_a_day(
    stage: Stage,
) -> None:
    with stage.scene() as scene:
        scene.txn.execute(
            "INSERT INTO payments.payment (id, kind, state, payer, payee, ledger, amount, fee,"
            " asked_at_ms, sealed, changed_at_ms) SELECT lpad(n::text, 26, '0'), 'payout',"
            " 'expired', %s, %s, 1, 1, 0, %s, '', %s FROM generate_series(1, %s) AS n",
            (scene.holder(CAROL).id, scene.holder(BOB).id, *[stage.now_ms] * 2, PER_DAY_MAX),
        )
    wanted = PayoutOrder(Money(minor=1, currency="EUR"), demo_iban(3), "Bob")
    with page(stage, CAROL) as visit, pytest.raises(PaymentRefusedError) as refused:
        orders.begin_payout(visit, wanted, "demo", ("match", ""))
    payload = {"person": CAROL, "room": "!carol", "minor": 1, "currency": "EUR", "bank": "demo"}
    job: Any = SimpleNamespace(id="a job", payload={**payload, "iban": "DE", "name": "Bob"})
    with stage.scene() as scene:
        CheckName(cast("Any", _Staged(stage))).finish(
            scene.txn, job, {"answer": "close", "name": "Robert Beispiel"}, stage.now_ms
        )

    assert refused.value.reason == "too_many"
    assert "Robert" not in stage.told(CAROL)[-1]
    assert CAROL not in stage.heard.asked


def order(**more: object) -> NewEscrowBody:
    """100 EUR for a bicycle of Bob's."""
    usual = {"payee": "bob", "amount": "100", "currency": "EUR", "reference": "bicycle"}
    return NewEscrowBody.model_validate({**usual, **more})


def proposed(stage: Stage, **more: object) -> str:
    """Alice proposes it on the page; its id."""
    with page(stage, ALICE) as visit:
        wanted, persons = escrows.wanted_of(visit, order(**more))
        names = [Party(one, one[1:].partition(":")[0].title()) for one in (ALICE, *persons)]
        return escrows.propose(visit, wanted, tuple(names))


def shown(stage: Stage, person: UserId, escrow_id: str) -> EscrowEntry:
    with page(stage, person) as visit:
        [found] = [one for one in escrows.entries(visit) if one.id == escrow_id]
        return found


def act(stage: Stage, person: UserId, escrow_id: str, choice: str) -> None:
    with page(stage, person) as visit:
        escrows.choose(visit, escrow_id, choice)
    stage.write()


def funded(stage: Stage, **more: object) -> str:
    """All take part by the page, and Alice's key puts the money aside."""
    escrow_id = proposed(stage, **more)
    others = [BOB, *([CAROL] if "arbiters" in more else [])]
    for person in others:
        act(stage, person, escrow_id, "join")
    stage.answer(ALICE, "fund")
    stage.write()
    return escrow_id


def waiting(stage: Stage, person: UserId) -> int:
    """How many escrows wait for somebody, as their wallet's first view says."""
    with page(stage, person) as visit:
        return store.count_asked(visit.scene.txn, visit.holder.id)


def test_a_deal_from_its_proposal_to_its_money(stage: Stage) -> None:
    escrow_id = proposed(stage)
    mine, theirs = shown(stage, ALICE, escrow_id), shown(stage, BOB, escrow_id)
    assert (mine.state, mine.role, mine.can, mine.held) == ("proposed", "buyer", ["stop"], None)
    assert (theirs.role, theirs.can) == ("seller", ["join", "decline"])
    assert [waiting(stage, one) for one in (ALICE, BOB)] == [0, 1]
    act(stage, BOB, escrow_id, "join")
    assert [waiting(stage, one) for one in (ALICE, BOB)] == [1, 0]
    assert shown(stage, BOB, escrow_id).can == []
    assert shown(stage, ALICE, escrow_id).can == ["stop", "ask"]
    stage.answer(ALICE, "fund")
    stage.write()

    assert [waiting(stage, one) for one in (ALICE, BOB)] == [1, 1]
    both = [shown(stage, one, escrow_id) for one in (ALICE, BOB)]
    assert [(one.state, one.can) for one in both] == [("funded", ["share", "ask"])] * 2
    assert both[0].held == both[0].amount
    assert (both[0].k, both[0].silence) == (2, "All back to Alice.")
    for person in (ALICE, BOB):
        with page(stage, person) as visit:
            escrows.ask(visit, escrow_id, "60")
        stage.answer(person, "vote.6000")
        stage.write()
        decision = shown(stage, ALICE, escrow_id).parties[person == BOB].decision
        assert decision == "60.00 EUR to Bob, 40.00 EUR back to Alice."

    assert [waiting(stage, one) for one in (ALICE, BOB)] == [0, 0]
    over = shown(stage, ALICE, escrow_id)
    assert (over.state, over.is_over, over.can, over.held) == ("shared", True, [], None)
    assert stage.balance(BOB) == (MONEY + 6_000, 0)
    stage.now_ms += 8 * DAY_MS
    with page(stage, ALICE) as visit:
        assert all(one.id != escrow_id for one in escrows.entries(visit))


def test_with_an_arbiter_two_of_three_decide(stage: Stage) -> None:
    escrow_id = funded(stage, arbiters=["carol"], until="2026-10-20", on_silence="release")
    entry = shown(stage, CAROL, escrow_id)
    assert (entry.role, entry.k, len(entry.parties)) == ("arbiter", 2, 3)
    assert entry.silence == "All to Bob."
    for person in (ALICE, CAROL):
        with page(stage, person) as visit:
            escrows.ask(visit, escrow_id, None)
        stage.answer(person, "vote.0")
        stage.write()

    assert shown(stage, BOB, escrow_id).state == "returned"
    assert stage.balance(ALICE) == (MONEY, 0)


def test_who_has_decided_is_asked_no_more(stage: Stage) -> None:
    escrow_id = funded(stage)
    stage.answer(ALICE, "vote.0")
    assert shown(stage, ALICE, escrow_id).can == []
    with page(stage, ALICE) as visit, pytest.raises(PaymentRefusedError):
        escrows.ask(visit, escrow_id, "60")
    with page(stage, BOB) as visit, pytest.raises(PaymentRefusedError) as refused:
        escrows.ask(visit, escrow_id, "100.01")
    assert (refused.value.reason, refused.value.field) == ("too_much", "amount")
    with page(stage, BOB) as visit, pytest.raises(PaymentRefusedError) as refused:
        escrows.ask(visit, escrow_id, "x")
    assert refused.value.field == "amount"
    with page(stage, BOB) as visit:
        escrows.ask(visit, escrow_id, "50")
    stage.answer(BOB, "vote.5000")
    entry = shown(stage, ALICE, escrow_id)

    assert entry.stuck == "They do not agree any more, so the date decides: All back to Alice."
    stage.now_ms = entry.ends_at_ms
    stage.ring(steps.fire_timer, escrow_id)
    stage.write()


@pytest.mark.parametrize(("who", "choice"), [(BOB, "decline"), (ALICE, "stop")])
def test_who_is_asked_declines_and_who_buys_stops(stage: Stage, who: UserId, choice: str) -> None:
    escrow_id = proposed(stage)
    act(stage, who, escrow_id, choice)

    assert shown(stage, ALICE, escrow_id).is_over
    with page(stage, who) as visit, pytest.raises(PaymentRefusedError):
        escrows.choose(visit, escrow_id, choice)


def test_nobody_does_what_is_not_theirs(stage: Stage) -> None:
    escrow_id = proposed(stage)
    for person in (CAROL, CLERK):
        with page(stage, person) as visit:
            assert all(one.id != escrow_id for one in escrows.entries(visit))
            for work in (escrows.choose, escrows.ask):
                with pytest.raises(NotFoundError):
                    work(visit, escrow_id, "join")
    for person, choice in ((ALICE, "join"), (ALICE, "fund"), (BOB, "vote.0"), (BOB, "share")):
        with page(stage, person) as visit, pytest.raises(PaymentRefusedError):
            escrows.choose(visit, escrow_id, choice)
    for person in (ALICE, BOB):
        with page(stage, person) as visit, pytest.raises(PaymentRefusedError):
            escrows.ask(visit, escrow_id, None)
    act(stage, BOB, escrow_id, "join")
    with page(stage, BOB) as visit, pytest.raises(PaymentRefusedError):
        escrows.choose(visit, escrow_id, "decline")
    with page(stage, BOB) as visit, pytest.raises(PaymentRefusedError):
        escrows.ask(visit, escrow_id, None)
    assert shown(stage, ALICE, escrow_id).state == "agreed"
    act(stage, ALICE, escrow_id, "stop")


@pytest.mark.parametrize(
    ("wrong", "why", "field"),
    [
        ({"payee": "nobody here"}, "payee_not_payable", "payee"),
        ({"amount": "0"}, "not_above_zero", "amount"),
        ({"amount": "1,250"}, "amount_in_doubt", "amount"),
        ({"currency": "USD"}, "other_currency", "amount"),
        ({"reference": "a\u202eb"}, "hidden_characters", "reference"),
        ({"arbiters": ["@x:elsewhere.example"]}, "payee_not_payable", "arbiters"),
        ({"arbiters": ["bob"]}, "twice", "arbiters"),
        ({"arbiters": ["alice"]}, "twice", "arbiters"),
        ({"arbiters": list("abcdefgh")}, "too_many", "arbiters"),
        ({"k": 1}, "bad_count", "k"),
        ({"k": 2, "arbiters": ["carol", "clerk"]}, "bad_count", "k"),
        ({"until": "2026-02-31"}, "bad_date", "until"),
        ({"until": "2020-01-01"}, "too_early", "until"),
        ({"until": "9999-12-31"}, "too_late", "until"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    stage: Stage, wrong: dict[str, object], why: str, field: str
) -> None:
    with page(stage, ALICE) as visit, pytest.raises(PaymentRefusedError) as refused:
        escrows.wanted_of(visit, order(**wrong))

    assert (refused.value.reason, refused.value.field) == (why, field)
    assert not str(refused.value).endswith(":")
