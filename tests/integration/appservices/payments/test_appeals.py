"""Decisions of a desk that are appealed, and files that are evidence, on the real ledger."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import psycopg2
import pytest

from appservices.payments.disputes.core.evidence import FILE_BYTES_MAX, FILES_MAX
from appservices.payments.disputes.service import disputes, evidence
from appservices.payments.disputes.service import records as cases
from appservices.payments.disputes.service.evidence import TAKE, TakeEvidence
from appservices.payments.holders import store as holders
from appservices.payments.safeguards.service import freezing
from appservices.payments.wallet.service import disputes as pages
from appservices.payments.wallet.service.dispute_views import DecisionBody
from appservices.payments.wallet.service.visit import PaymentRefusedError, Visit
from tests.integration.appservices.payments.courier import Courier, Homeserver, sent
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
from tests.support.stored_keys import revoke_keys
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres

JUDGE: Final = UserId("@judge:veche.test")
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture(scope="module")
def house() -> Iterator[Stage]:
    with Stage.running(dispute_appeal_desk=[JUDGE]) as one:
        yield one


def at_desk(stage: Stage) -> str:
    """Alice disputes 50 EUR, and Bob says no; the number."""
    number = stage.paid(5_000)
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()
    stage.say(BOB, "dispute", f"{number} it did")
    return number


def decided(stage: Stage) -> str:
    """The clerk gives Alice 20 EUR of it."""
    number = at_desk(stage)
    stage.say(CLERK, "dispute", f"{number} 20 EUR half is fair")
    stage.answer(CLERK, "decide")
    stage.write()
    assert stage.row("dispute")["state"] == "decided"
    return number


def balances(stage: Stage) -> tuple[int, int]:
    return stage.balance(ALICE)[0] - MONEY, stage.balance(BOB)[0] - MONEY


def test_nothing_moves_until_the_time_to_appeal_is_over(stage: Stage) -> None:
    decided(stage)
    found = stage.row("dispute")
    assert stage.balance(BOB) == (MONEY, 5_000)
    assert found["due_at_ms"] == stage.now_ms + 5 * DAY_MS
    assert "20.00 EUR goes back, 30.00 EUR stays with Bob." in stage.told(ALICE)[-1]
    assert "either side can appeal" in stage.told(ALICE)[-1]
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    stage.write()

    assert stage.row("dispute")["ended_by"] == "decided"
    assert balances(stage) == (-3_000, 3_000)


@pytest.mark.parametrize("words", ["the photo was overlooked", ""])
def test_an_appeal_goes_whole_by_the_page(stage: Stage, words: str) -> None:
    decided(stage)
    dispute_id = stage.row("dispute")["id"]
    with stage.scene() as scene:
        page = Visit(scene, ALICE, "en")
        [before] = [one for one in pages.disputes_view(page).disputes if one.id == dispute_id]
        assert before.can == ["withdraw", "appeal", "send"]
        view = pages.choose(page, dispute_id, "appeal", words)
        [after] = [one for one in view.disputes if one.id == dispute_id]
        assert (after.state, after.appeal, after.given) == ("appealed", words, None)
        with pytest.raises(PaymentRefusedError):
            pages.choose(page, dispute_id, "appeal", words)
    # Others decide now, and who decided before does not see it among what is theirs to do.
    with stage.scene() as scene:
        assert pages.disputes_view(Visit(scene, CLERK, "en")).disputes == []
    with stage.scene() as scene:
        judge = Visit(scene, JUDGE, "en")
        [theirs] = [one for one in pages.disputes_view(judge).disputes if one.id == dispute_id]
        assert theirs.can == ["decide"]
        wanted = DecisionBody(amount="40", words="the photo is clear")
        pages.decide(judge, dispute_id, wanted)
    stage.answer(JUDGE, "decide")
    stage.write()

    assert balances(stage) == (-1_000, 1_000)


@pytest.mark.parametrize("who", [ALICE, BOB])
def test_either_side_appeals_once_and_another_decides_for_good(stage: Stage, who: UserId) -> None:
    number = decided(stage)
    stage.say(who, "dispute", f"{number} the photo was overlooked")
    assert stage.row("dispute")["state"] == "appealed"
    assert "the photo was overlooked" in stage.told(JUDGE)[-1]
    stage.say(JUDGE, "dispute", f"{number} 40 EUR the photo is clear")
    stage.answer(JUDGE, "decide")
    stage.write()

    assert stage.row("dispute")["given"] == 4_000
    assert balances(stage) == (-1_000, 1_000)
    stage.say(ALICE, "dispute", f"{number} once more")
    assert "that can be done once" in stage.told(ALICE)[-1]


def test_an_appeal_that_nobody_decides_leaves_the_decision(stage: Stage) -> None:
    decided(stage)
    stage.answer(BOB, "appeal")
    found = stage.row("dispute")
    assert found["due_at_ms"] <= found["hold_ends_at_ms"] - DAY_MS
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    stage.write()

    assert stage.row("dispute")["given"] == 2_000
    assert balances(stage) == (-3_000, 3_000)


def test_who_decided_first_and_strangers_do_not_decide_the_appeal(stage: Stage) -> None:
    number = decided(stage)
    stage.answer(ALICE, "appeal")
    stage.heard.asked.pop(CLERK, None)
    for person in (CLERK, CAROL):
        stage.say(person, "dispute", f"{number} none no")
        assert person not in stage.heard.asked
    stage.answer(ALICE, "withdraw")
    stage.write()

    assert stage.row("dispute")["ended_by"] == "withdrawn"


def test_of_an_appeal_and_the_end_of_its_time_one_wins(stage: Stage) -> None:
    decided(stage)
    found = stage.row("dispute")
    asked = dict(stage.heard.asked)
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    stage.write()
    stage.heard.asked.update(asked)

    assert stage.answer(ALICE, "appeal") == "Nothing has changed."
    assert stage.row("dispute")["state"] == "closed"


def test_where_nobody_else_could_decide_the_first_decision_is_the_last() -> None:
    with Stage.running() as stage:
        number = at_desk(stage)
        stage.say(CLERK, "dispute", f"{number} 20 EUR half is fair")
        stage.answer(CLERK, "decide")
        stage.write()

        assert stage.row("dispute")["state"] == "closed"


def test_the_database_keeps_an_appeal_without_a_decision_out(stage: Stage) -> None:
    at_desk(stage)
    id_ = stage.row("dispute")["id"]
    for change in ("state = 'appealed'", "ruled = 1", "appealed_by = payer"):
        with pytest.raises(psycopg2.errors.CheckViolation):
            execute(stage.dsn, f"UPDATE payments.dispute SET {change} WHERE id = %s", id_)  # noqa: S608 -- constants
    stage.answer(ALICE, "withdraw")
    stage.write()


def evidence_courier(stage: Stage) -> Courier:
    return Courier(stage, evidence.take, TakeEvidence, TAKE)


def lines(stage: Stage) -> list[str]:
    with stage.scene() as scene:
        case = cases.lock(scene, stage.row("dispute")["id"])
        assert case is not None
        return list(case.view.evidence)


def finish(stage: Stage) -> None:
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_a_file_becomes_evidence_by_its_hash_and_the_others_get_it(stage: Stage) -> None:
    at_desk(stage)
    courier = evidence_courier(stage)
    courier.send(ALICE, sent(Homeserver(), PNG))
    assert "could not get the file" in stage.told(ALICE)[-1]
    content = sent(courier.server, PNG)
    files = courier.send(ALICE, content)
    digest = hashlib.sha256(PNG).hexdigest()

    assert {room for room, _ in files} == {f"!{one[1:]}" for one in (BOB, CLERK)}
    assert all(said["file"]["url"] == content["file"]["url"] for _, said in files)
    assert digest in stage.told(ALICE)[-1]
    assert any(digest in words for words in stage.told(CLERK))
    assert lines(stage) == [f"1. photo.png (108 B, Alice): {digest}"]
    finish(stage)


def test_whoever_decides_later_gets_what_was_sent_before(stage: Stage) -> None:
    number = at_desk(stage)
    courier = evidence_courier(stage)
    courier.send(ALICE, sent(courier.server, PNG + b"2"))
    stage.say(CLERK, "dispute", f"{number} none no")
    stage.answer(CLERK, "decide")
    stage.heard.files.clear()
    stage.answer(ALICE, "appeal")
    assert [room for room, _ in stage.heard.files] == [f"!{JUDGE[1:]}"]
    stage.say(BOB, "dispute", f"{number} files")
    assert [room for room, _ in stage.heard.files] == [f"!{one[1:]}" for one in (JUDGE, BOB)]
    finish(stage)


def test_what_is_no_evidence_says_why(stage: Stage) -> None:
    courier = evidence_courier(stage)
    courier.send(ALICE, sent(courier.server, PNG))
    assert "you have none that is not over" in stage.told(ALICE)[-1]
    at_desk(stage)
    wrong = sent(courier.server, PNG)
    courier.server.files[wrong["file"]["url"]] += b"x"
    refused = {
        "is damaged": [
            wrong,
            sent(courier.server, b"no picture at all" * 9),
            {**sent(courier.server, PNG), "file": {"v": "v2"}},
        ],
        "at most 10 MB": [
            sent(courier.server, PNG, info={"mimetype": "image/png", "size": FILE_BYTES_MAX + 1})
        ],
        "is not encrypted": [{"msgtype": "m.file", "body": "x", "url": "mxc://veche.test/x"}],
    }
    for words, contents in refused.items():
        for content in contents:
            assert courier.send(ALICE, content) == []
            assert words in stage.told(ALICE)[-1]
    for n in range(FILES_MAX):
        courier.send(ALICE, sent(courier.server, PNG + bytes([n])))
    courier.send(ALICE, sent(courier.server, PNG + b"more"))
    assert "more are not taken" in stage.told(ALICE)[-1]
    courier.send(BOB, sent(courier.server, PNG + bytes([0])))
    assert "is evidence already" in stage.told(BOB)[-1]

    assert len(lines(stage)) == FILES_MAX
    finish(stage)


def test_of_several_disputes_the_caption_says_which(stage: Stage) -> None:
    first, second = at_desk(stage), at_desk(stage)
    courier = evidence_courier(stage)
    courier.send(ALICE, sent(courier.server, PNG))
    assert "several disputes" in stage.told(ALICE)[-1]
    courier.send(ALICE, sent(courier.server, PNG, body=f"for {second.lower()}", filename="a.png"))

    assert lines(stage)[0].startswith("1. a.png")
    for number in (second, first):
        stage.say(ALICE, "dispute", number)
        finish(stage)


def test_evidence_is_neither_changed_nor_taken_away(stage: Stage) -> None:
    at_desk(stage)
    courier = evidence_courier(stage)
    courier.send(ALICE, sent(courier.server, PNG + b"3"))
    for change in ("UPDATE payments.dispute_file SET n = 2", "DELETE FROM payments.dispute_file"):
        with pytest.raises(psycopg2.Error, match="evidence stays"):
            execute(stage.dsn, change)
    finish(stage)


def test_who_freezes_everything_does_not_undo_what_the_desk_decided(stage: Stage) -> None:
    decided(stage)
    found = stage.row("dispute")
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    assert stage.row("dispute")["state"] == "ending"
    with stage.scene() as scene:
        freezing.freeze(scene, BOB)
        holders.set_frozen(scene.txn, scene.holder(BOB).id, None)
    stage.write()

    assert stage.row("dispute")["ended_by"] == "decided"
    assert balances(stage) == (-3_000, 3_000)


@pytest.mark.parametrize("is_appealed", [False, True])
def test_a_decision_whose_key_is_revoked_is_made_anew(stage: Stage, is_appealed: bool) -> None:
    number = decided(stage)
    if is_appealed:
        stage.say(ALICE, "dispute", f"{number} appeal the photo was overlooked")
        assert stage.row("dispute")["state"] == "appealed"
    with stage.scene() as scene:
        revoke_keys(scene.txn, CLERK, stage.now_ms)
    found = stage.row("dispute")
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    stage.write()
    assert stage.row("dispute")["state"] == "at_desk"
    assert stage.balance(BOB) == (MONEY, 5_000)

    stage.say(CLERK, "dispute", f"{number} 10 EUR seen again")
    stage.answer(CLERK, "decide")
    found = stage.row("dispute")
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    stage.write()
    assert (found["state"], stage.row("dispute")["ended_by"]) == ("decided", "decided")
    assert balances(stage) == (-4_000, 4_000)


@pytest.mark.parametrize("is_appealed", [False, True])
def test_a_decision_that_gives_nothing_back_counts_no_more_either(
    stage: Stage, is_appealed: bool
) -> None:
    number = at_desk(stage)
    stage.say(CLERK, "dispute", f"{number} none it came")
    stage.answer(CLERK, "decide")
    stage.write()
    if is_appealed:
        stage.say(ALICE, "dispute", f"{number} appeal the photo was overlooked")
    with stage.scene() as scene:
        revoke_keys(scene.txn, CLERK, stage.now_ms)
    found = stage.row("dispute")
    assert found["state"] == ("appealed" if is_appealed else "decided")
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    stage.write()

    assert stage.row("dispute")["state"] == "at_desk"
    assert stage.balance(BOB) == (MONEY, 5_000)
    finish(stage)


def test_a_last_decision_that_gives_nothing_back_counts_no_more_before_the_money_is_let_go() -> (
    None
):
    with Stage.running() as stage:
        number = at_desk(stage)
        stage.say(CLERK, "dispute", f"{number} none it came")
        stage.answer(CLERK, "decide")
        assert stage.row("dispute")["state"] == "ending"
        with stage.scene() as scene:
            revoke_keys(scene.txn, CLERK, stage.now_ms)
        stage.write()

        assert stage.row("dispute")["state"] == "at_desk"
        assert stage.balance(BOB) == (MONEY, 5_000)


def test_what_a_payee_gives_back_stays_if_their_key_is_revoked_before_it_moved(
    stage: Stage,
) -> None:
    number = stage.paid(5_000)
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()
    stage.answer(BOB, "agree")
    assert stage.row("dispute")["state"] == "ending"
    with stage.scene() as scene:
        revoke_keys(scene.txn, BOB, stage.now_ms)
    stage.write()
    assert stage.row("dispute")["state"] == "at_desk"
    assert stage.balance(BOB) == (MONEY, 5_000)
    stage.now_ms = stage.row("dispute")["due_at_ms"]
    stage.ring(disputes.fire_timer, stage.row("dispute")["id"])
    stage.write()

    assert balances(stage) == (-5_000, 5_000)
