"""Disputes on the wallet's page: what the chat can do is done there, by the same rules."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from appservices.payments.disputes.core.evidence import FILES_MAX
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.wallet.service import disputes, reading
from appservices.payments.wallet.service.dispute_views import DecisionBody, DisputeBody
from appservices.payments.wallet.service.visit import PaymentRefusedError, Visit
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
from veche.protocol.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.wallet.service.dispute_views import DisputeEntry, DisputesView
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres


@contextmanager
def page(stage: Stage, person: UserId) -> Iterator[Visit]:
    """Somebody on a page, in a transaction that is committed."""
    with stage.scene() as scene:
        yield Visit(scene, person, "en")


def shown(stage: Stage, person: UserId) -> DisputeEntry:
    """The first dispute that somebody's page shows."""
    with page(stage, person) as visit:
        return disputes.disputes_view(visit).disputes[0]


def paid(stage: Stage, kind: Kind = Kind.PAY) -> None:
    """Alice pays Bob 50 EUR; a later payment has a higher id."""
    stage.now_ms += 1
    stage.paid(5_000, kind)


def payment(stage: Stage) -> str:
    """The payment that Alice made last."""
    [(id_,)] = execute(
        stage.dsn, "SELECT id FROM payments.payment WHERE kind = 'pay' ORDER BY id DESC LIMIT 1"
    )
    return str(id_)


def asked(stage: Stage, amount: str = "", reason: str = "it never came") -> DisputesView:
    """Alice disputes on the page what she paid last."""
    body = DisputeBody(amount=amount, currency="EUR" if amount else "", reason=reason)
    stage.now_ms += 1
    with page(stage, ALICE) as visit:
        return disputes.begin(visit, payment(stage), body)


def opened(stage: Stage, amount: str = "") -> str:
    """The same of 50 EUR, and her key approves it; the id of the dispute."""
    paid(stage)
    asked(stage, amount)
    stage.answer(ALICE, "open")
    stage.write()
    return shown(stage, ALICE).id


def act(stage: Stage, person: UserId, dispute_id: str, choice: str, words: str = "") -> None:
    stage.now_ms += 1
    with page(stage, person) as visit:
        disputes.choose(visit, dispute_id, choice, words)
    stage.write()


def test_what_it_comes_to_is_said_before_it_is_disputed(stage: Stage) -> None:
    paid(stage)
    with page(stage, ALICE) as visit:
        terms = disputes.terms_of(visit, payment(stage))
        view = reading.payment_of(visit, payment(stage))
    with page(stage, BOB) as visit:
        bobs = reading.payment_of(visit, payment(stage))
        with pytest.raises(NotFoundError):
            disputes.terms_of(visit, payment(stage))

    assert (terms.left.minor, terms.refusal, terms.payee.name) == (5_000, None, "Bob")
    assert (view.can_dispute, view.dispute) == (True, None)
    assert (bobs.can_dispute, bobs.dispute) == (False, None)
    said = " ".join(terms.terms)
    for words in ("set aside at Bob", "the institution decides", "appeal", "disputed once"):
        assert words in said


def test_a_part_is_disputed_and_the_payee_gives_it_back(stage: Stage) -> None:
    paid(stage)
    [entry] = [one for one in asked(stage, "20").disputes if one.state == "asked"]
    assert (entry.side, entry.amount.minor, entry.reason) == ("payer", 2_000, "it never came")
    assert "decline" in entry.can
    with page(stage, BOB) as visit:
        assert all(one.payment != payment(stage) for one in disputes.disputes_view(visit).disputes)
        assert reading.payment_of(visit, payment(stage)).dispute is None

    stage.answer(ALICE, "open")
    stage.write()
    mine, theirs = shown(stage, ALICE), shown(stage, BOB)
    assert (mine.state, mine.held, theirs.side) == ("open", mine.amount, "payee")
    assert (mine.can, theirs.can) == (["withdraw", "send"], ["contest", "ask", "send"])
    assert theirs.due_at_ms == stage.now_ms + 10 * DAY_MS
    with page(stage, ALICE) as visit:
        view = reading.payment_of(visit, mine.payment)
    assert (view.dispute, view.can_dispute) == (mine.id, False)
    stage.answer(BOB, "agree")
    stage.write()

    over = shown(stage, ALICE)
    assert (over.state, over.given) == ("closed", mine.amount)
    assert over.can == []
    assert stage.balance(ALICE) == (MONEY - 3_000, 0)


@pytest.mark.parametrize(
    ("amount", "reason", "why", "field"),
    [
        ("50.01", "broken", "too_much", "amount"),
        ("0", "broken", "not_above_zero", "amount"),
        ("1,250", "broken", "amount_in_doubt", "amount"),
        ("x", "broken", "bad_amount", "amount"),
        ("", "", "no_reason", "reason"),
        ("", "x" * 501, "bad_words", "reason"),
        ("", "turned\u202eround", "bad_words", "reason"),
    ],
)
def test_what_cannot_be_disputed_so_is_said_beside_its_field(
    stage: Stage, amount: str, reason: str, why: str, field: str
) -> None:
    paid(stage)
    with pytest.raises(PaymentRefusedError) as refused:
        asked(stage, amount, reason)

    assert (refused.value.reason, refused.value.field) == (why, field)
    assert not str(refused.value).endswith(":")


def test_only_who_paid_disputes_and_only_what_can_be(stage: Stage) -> None:
    paid(stage)
    body = DisputeBody(reason="broken")
    for person in (BOB, CAROL):
        with page(stage, person) as visit, pytest.raises(NotFoundError):
            disputes.begin(visit, payment(stage), body)
    paid(stage, Kind.ESCROW)
    [(escrowed,)] = execute(
        stage.dsn, "SELECT id FROM payments.payment WHERE kind = 'escrow' ORDER BY id DESC LIMIT 1"
    )
    with page(stage, ALICE) as visit, pytest.raises(NotFoundError):
        disputes.begin(visit, str(escrowed), body)
    opened(stage)
    with pytest.raises(PaymentRefusedError, match="has gone back already"):
        asked(stage)
    with page(stage, ALICE) as visit:
        refusal = disputes.terms_of(visit, payment(stage)).refusal
    assert refusal is not None
    act(stage, ALICE, shown(stage, ALICE).id, "withdraw")


def test_what_was_not_approved_is_asked_anew_or_dropped(stage: Stage) -> None:
    paid(stage)
    asked(stage, "20")
    view = asked(stage, "30", "another reason")
    [entry] = [one for one in view.disputes if one.state == "asked"]
    assert (entry.amount.minor, entry.reason) == (3_000, "another reason")
    act(stage, ALICE, entry.id, "decline")

    with page(stage, ALICE) as visit:
        assert all(one.id != entry.id for one in disputes.disputes_view(visit).disputes)
        assert reading.payment_of(visit, payment(stage)).can_dispute


def test_contested_decided_and_appealed_on_the_page(stage: Stage) -> None:
    dispute_id = opened(stage)
    act(stage, BOB, dispute_id, "contest", "it arrived whole")
    at_desk = shown(stage, CLERK)
    assert (at_desk.side, at_desk.state, at_desk.answer) == ("desk", "at_desk", "it arrived whole")
    assert at_desk.can == ["decide"]
    wrong = {"60": "too_much", "": "no_amount", "-5": "not_above_zero"}
    for amount, why in wrong.items():
        with page(stage, CLERK) as visit, pytest.raises(PaymentRefusedError) as refused:
            disputes.decide(visit, dispute_id, DecisionBody(amount=amount, words="half is fair"))
        assert (refused.value.reason, refused.value.field) == (why, "amount")
    with page(stage, CLERK) as visit, pytest.raises(PaymentRefusedError) as refused:
        disputes.decide(visit, dispute_id, DecisionBody(amount="20", words=""))
    assert refused.value.field == "words"
    with page(stage, CLERK) as visit:
        disputes.decide(visit, dispute_id, DecisionBody(amount="20", words="half is fair"))
    stage.answer(CLERK, "decide")
    stage.write()

    # With one at the desk there is nobody to appeal to.
    over = shown(stage, ALICE)
    assert (over.state, over.decision) == ("closed", "half is fair")
    assert stage.balance(ALICE) == (MONEY - 3_000, 0)


def test_nothing_goes_back_by_zero(stage: Stage) -> None:
    dispute_id = opened(stage)
    act(stage, BOB, dispute_id, "contest")
    with page(stage, CLERK) as visit:
        disputes.decide(visit, dispute_id, DecisionBody(amount="0", words="it came"))
    stage.answer(CLERK, "decide")
    stage.write()

    given = shown(stage, ALICE).given
    assert given is not None
    assert given.minor == 0


def test_nobody_does_what_is_not_theirs(stage: Stage) -> None:
    dispute_id = opened(stage)
    for person in (CAROL, CLERK):
        with page(stage, person) as visit:
            is_theirs = person == CLERK
            assert bool(disputes.disputes_view(visit).disputes) is False
            if not is_theirs:
                with pytest.raises(NotFoundError):
                    disputes.choose(visit, dispute_id, "withdraw", "")
    wrong = [
        (ALICE, "contest", ""),
        (ALICE, "appeal", "no"),
        (ALICE, "open", ""),
        (BOB, "withdraw", ""),
        (BOB, "agree", ""),
        (BOB, "decline", ""),
        (CLERK, "contest", "no"),
    ]
    for person, choice, words in wrong:
        with page(stage, person) as visit, pytest.raises(PaymentRefusedError):
            disputes.choose(visit, dispute_id, choice, words)
    with page(stage, BOB) as visit, pytest.raises(NotFoundError):
        disputes.decide(visit, dispute_id, DecisionBody(amount="0", words="mine"))
    assert shown(stage, ALICE).state == "open"
    act(stage, ALICE, dispute_id, "withdraw")


def stored(n: int) -> dict[str, Any]:
    """A file as it is kept once the homeserver has it."""
    digest = hashlib.sha256(str(n).encode()).hexdigest()
    file = {"url": f"mxc://veche.test/{n}"}
    return {
        "name": f"{n}.png",
        "mimetype": "image/png",
        "file": file,
        "sha256": digest,
        "size_bytes": 7,
    }


def test_files_of_both_are_evidence_within_their_bounds(stage: Stage) -> None:
    dispute_id = opened(stage)
    for n in range(FILES_MAX):
        with page(stage, ALICE) as visit:
            disputes.check_sending(visit, dispute_id)
            disputes.send(visit, dispute_id, stored(n))
    with page(stage, ALICE) as visit, pytest.raises(PaymentRefusedError, match="more are not"):
        disputes.check_sending(visit, dispute_id)
    with page(stage, BOB) as visit, pytest.raises(PaymentRefusedError, match="evidence already"):
        disputes.send(visit, dispute_id, stored(0))
    with page(stage, BOB) as visit:
        entry = disputes.send(visit, dispute_id, stored(99)).disputes[0]
        assert disputes.file_of(visit, dispute_id, "1").sha256 == stored(0)["sha256"]
    for person in (CAROL, CLERK):
        with page(stage, person) as visit, pytest.raises(NotFoundError):
            disputes.check_sending(visit, dispute_id)
    with page(stage, CAROL) as visit, pytest.raises(NotFoundError):
        disputes.file_of(visit, dispute_id, "1")

    assert [one.by for one in entry.evidence] == ["payer"] * FILES_MAX + ["payee"]
    assert entry.evidence[-1].sha256 == stored(99)["sha256"]
    assert any("99.png" in words for words in stage.told(ALICE))
    act(stage, ALICE, dispute_id, "withdraw")
    with page(stage, ALICE) as visit, pytest.raises(PaymentRefusedError, match="is over"):
        disputes.send(visit, dispute_id, stored(100))


def test_names_of_files_are_plain(stage: Stage) -> None:
    with page(stage, ALICE) as visit:
        assert disputes.name_of(visit, "C:\\photos\\vase.png") == "vase.png"
        assert disputes.name_of(visit, "../../vase.png") == "vase.png"
        for name in ("..\\", "a\u202egnp.exe"):
            with pytest.raises(PaymentRefusedError):
                disputes.name_of(visit, name)
