"""Organisations in disputes and escrows: by their clerks, and by their programs over HTTP."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.payments.cases.service import making as case_jobs
from appservices.payments.disputes.api import DisputeAnswerBody
from appservices.payments.disputes.service import organisations as api_disputes
from appservices.payments.disputes.service.organisations import NoEvidenceError
from appservices.payments.escrows.api import EscrowBody
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import organisations as api_escrows
from appservices.payments.organisations import store as events
from appservices.payments.wallet.service import disputes, reading
from appservices.payments.wallet.service.visit import Visit
from tests.integration.appservices.payments.stage import ALICE, BOB, CAROL, CLERK, MONEY, Stage
from tests.support.postgres import execute
from veche.api.bearer import OrganisationCaller
from veche.protocol.approval import MandateShown
from veche.protocol.errors import NotFoundError
from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appservices.payments.wallet.service.dispute_views import DisputeEntry

pytestmark = pytest.mark.postgres

SELLER: Final = UserId("@seller:veche.test")
SECOND: Final = UserId("@second:veche.test")
SHOP: Final = OrganisationCaller("bakery", "Bakery", frozenset({"read", "refund", "escrow"}))
TOWN: Final = OrganisationCaller("town", "Town", SHOP.scopes)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    path: Path = tmp_path_factory.mktemp("keys") / "key"
    path.write_text("k" * 32)
    path.chmod(0o600)
    keys = [{"path": str(path), "scopes": ["read", "refund", "escrow"]}]
    # Whoever decides here also sells there: of that they decide nothing.
    clerks = [SELLER, SECOND, CLERK]
    shop = {"id": SHOP.id, "name": {"en": SHOP.name}, "keys": keys, "clerks": clerks}
    desk = [CLERK, CAROL]
    with Stage.running(organisations=[shop], dispute_desk=desk) as one:
        yield one


@pytest.fixture
def stage(house: Stage) -> Iterator[Stage]:
    """The house, in which nothing is set aside."""
    yield house
    assert house.holds() == 0
    execute(house.dsn, "DELETE FROM runtime.errand")
    for heard in (house.heard.said, house.heard.asked, house.heard.files, house.heard.invited):
        heard.clear()


@contextmanager
def page(stage: Stage, person: UserId) -> Iterator[Visit]:
    """Somebody on a page, in a transaction that is committed."""
    stage.now_ms += 1
    with stage.scene() as scene:
        yield Visit(scene, person, "en")


def disputed(stage: Stage) -> str:
    """Alice paid the bakery 50 EUR and disputes it; the id of the payment."""
    stage.now_ms += 1
    with stage.scene() as scene:
        payment_id = stage.pay(scene, ALICE, SHOP.id, 5_000)
    stage.write()
    stage.say(ALICE, "dispute", f"{payment_id[-8:]} stale bread")
    stage.answer(ALICE, "open")
    stage.write()
    return payment_id


def shown(stage: Stage, person: UserId, payment_id: str) -> DisputeEntry | None:
    with page(stage, person) as visit:
        entries = disputes.disputes_view(visit).disputes
    return next((one for one in entries if one.payment == payment_id), None)


def stored(n: int) -> dict[str, Any]:
    """A file as it is kept once the homeserver has it."""
    return {
        "name": f"{n}.pdf",
        "mimetype": "application/pdf",
        "file": {"url": f"mxc://veche.test/{n}"},
        "sha256": hashlib.sha256(str(n).encode()).hexdigest(),
        "size_bytes": 7,
    }


def has(stage: Stage) -> int:
    """What Alice can pay with, in minor units."""
    return stage.balance(ALICE)[0]


def test_a_clerk_gives_back_with_their_own_key(stage: Stage) -> None:
    before = has(stage)
    payment_id = disputed(stage)
    for clerk in (SELLER, SECOND):
        assert "This amount of yours is set aside" in stage.told(clerk)[-1]
    shown_ones = [one for one in stage.heard.signed.values() if isinstance(one, MandateShown)]
    signed = [one.text for one in shown_ones if "I give" in one.text]
    assert signed[-1].startswith("For Bob I give 50.00 EUR of the payment")
    stage.answer(SELLER, "agree")
    stage.write()

    assert has(stage) == before
    with stage.scene() as scene:
        assert api_disputes.read(scene, SHOP, payment_id).ended_by == "agreed"
    [(decided_by, refund)] = execute(
        stage.dsn,
        "SELECT d.decided_by, p.approved_by FROM payments.dispute AS d"
        " JOIN payments.payment AS p ON p.id = d.refund_id WHERE d.payment_id = %s",
        payment_id,
    )
    assert decided_by == refund
    assert not str(decided_by).startswith("request")


def test_what_the_program_gives_back_has_its_request_as_evidence(stage: Stage) -> None:
    payment_id = disputed(stage)
    with stage.scene() as scene:
        body = DisputeAnswerBody(gives_back=True, words="Sorry")
        api_disputes.answer(scene, SHOP, payment_id, body, b"s" * 32)
    stage.write()

    [(decided_by, approved_by)] = execute(
        stage.dsn,
        "SELECT d.decided_by, p.approved_by FROM payments.dispute AS d"
        " JOIN payments.payment AS p ON p.id = d.refund_id WHERE d.payment_id = %s",
        payment_id,
    )
    assert decided_by == f"request bakery {(b's' * 32).hex()}"
    assert approved_by is None
    # The clerks are asked no more.
    assert SELLER not in stage.heard.asked


def test_a_clerk_contests_and_appeals_by_chat_and_page(stage: Stage) -> None:
    payment_id = disputed(stage)
    entry = shown(stage, SELLER, payment_id)
    assert entry is not None
    assert (entry.side, entry.is_own, entry.can) == ("payee", False, ["contest", "ask", "send"])
    stage.say(SECOND, "dispute", f"{payment_id[-8:]} it was fresh")
    after = shown(stage, SELLER, payment_id)
    assert after is not None
    assert (after.state, after.answer) == ("at_desk", "it was fresh")
    # One at the desk sells there, so the other decides.
    assert shown(stage, CAROL, payment_id) is not None
    theirs = shown(stage, CLERK, payment_id)
    assert theirs is not None
    assert (theirs.side, "decide" in theirs.can) == ("payee", False)
    stage.say(CAROL, "dispute", f"{payment_id[-8:]} all it was stale")
    stage.answer(CAROL, "decide")
    stage.write()

    over = shown(stage, SELLER, payment_id)
    assert over is not None
    # Nobody is left to whom it could be appealed.
    assert over.state == "closed"


def test_nobody_else_speaks_for_an_organisation(stage: Stage) -> None:
    payment_id = disputed(stage)
    assert shown(stage, BOB, payment_id) is None
    stage.say(BOB, "dispute", f"{payment_id[-8:]} it was fresh")
    with stage.scene() as scene:
        assert api_disputes.read(scene, SHOP, payment_id).state == "open"
        assert api_disputes.open_ones(scene, TOWN).disputes == ()
        for work in (api_disputes.check_sending, api_disputes.read):
            with pytest.raises(NotFoundError):
                work(scene, TOWN, payment_id)
    # A clerk sees the dispute, and nothing else of what the organisation has.
    with page(stage, SELLER) as visit, pytest.raises(NotFoundError):
        reading.payment_of(visit, payment_id)
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_evidence_of_an_organisation_comes_from_its_clerks_and_its_program(stage: Stage) -> None:
    payment_id = disputed(stage)
    entry = shown(stage, SELLER, payment_id)
    assert entry is not None
    with page(stage, SELLER) as visit:
        disputes.send(visit, entry.id, stored(1))
    with stage.scene() as scene:
        api_disputes.check_sending(scene, SHOP, payment_id)
        view = api_disputes.send(scene, SHOP, payment_id, stored(2))
        again = api_disputes.send(scene, SHOP, payment_id, stored(1))
        assert again.evidence == view.evidence
    with page(stage, ALICE) as visit:
        disputes.send(visit, entry.id, stored(3))
    assert [one.by for one in view.evidence] == ["payee", "payee"]
    assert any("2.pdf" in words for words in stage.told(ALICE))
    assert any("3.pdf" in words for words in stage.told(SELLER))
    with stage.scene() as scene:
        [seen] = [
            one for one in api_disputes.open_ones(scene, SHOP).disputes if one.payment == payment_id
        ]
        assert [one.by for one in seen.evidence] == ["payee", "payee", "payer"]
        assert api_disputes.file_of(scene, SHOP, payment_id, "3").name == "3.pdf"
        with pytest.raises(NotFoundError):
            api_disputes.file_of(scene, SHOP, payment_id, "4")
        heard = events.events_after(scene.txn, scene.organisation(SHOP.id).id, 0)
    assert [one.type for one in heard if one.payment == payment_id] == [
        "dispute.open",
        "dispute.evidence",
    ]
    stage.answer(ALICE, "withdraw")
    stage.write()
    with stage.scene() as scene, pytest.raises(NoEvidenceError):
        api_disputes.check_sending(scene, SHOP, payment_id)


def test_clerks_are_in_the_room_of_a_dispute_and_named_there(stage: Stage) -> None:
    payment_id = disputed(stage)
    [(dispute_id,)] = execute(
        stage.dsn, "SELECT id FROM payments.dispute WHERE payment_id = %s", payment_id
    )
    room = RoomId("!dispute:veche.test")
    with stage.scene() as scene:
        case_jobs.open_room(scene, "dispute", str(dispute_id), room)
    assert {one for where, one in stage.heard.invited if where == room} == {
        ALICE,
        SELLER,
        SECOND,
        CLERK,
        CAROL,
    }
    card = str(next(content for where, content in stage.heard.files if where == room))
    assert f"For Bob speak here: {SELLER}, {SECOND}, {CLERK}." in card
    assert "answers by its program" not in card
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_clerks_are_in_the_room_of_an_escrow(stage: Stage) -> None:
    body = EscrowBody.model_validate(
        {
            "buyer": ALICE,
            "amount": {"minor": 1_000, "currency": "EUR"},
            "title": "cake",
            "ends_at_ms": stage.now_ms + 86_400_000,
        }
    )
    with stage.scene() as scene:
        escrow_id = api_escrows.open_escrow(scene, SHOP, body, frozenset()).id
    stage.answer(ALICE, "fund")
    stage.write()
    room = RoomId("!escrow:veche.test")
    with stage.scene() as scene:
        case_jobs.open_room(scene, "escrow", escrow_id, room)
    assert {one for where, one in stage.heard.invited if where == room} == {
        ALICE,
        SELLER,
        SECOND,
        CLERK,
    }
    with stage.scene() as scene:
        ends_at_ms = api_escrows.read(scene, SHOP, escrow_id).ends_at_ms
    stage.now_ms = ends_at_ms
    stage.ring(escrows.fire_timer, escrow_id)
    stage.write()
    assert has(stage) <= MONEY
