"""An institution whose database was restored, at each moment of a payment, and what it is shown.

A fresh branch with the same keys is the restored one: its database is of before the payment, or has
heard of it what the test lets it hear.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from appservices.payments.interbank.service import restoring
from appservices.payments.interbank.service import taking as peers_taking
from appservices.payments.paying.service import paying
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.safeguards.service import freezing
from appservices.payments.transfers.service import files
from appservices.payments.witnesses.service import peers as peers_witnessing
from tests.integration.appservices.payments import peers_rig
from tests.integration.appservices.payments.peers_rig import (
    ALICE,
    BOB,
    HERE,
    MONEY,
    THERE,
    Branch,
    exchange,
    two,
)
from tests.integration.appservices.payments.test_invoices_abroad import (
    DAY_MS,
    made,
    shop_has,
    state,
    told,
)
from tests.support.long import some
from tests.support.stored_keys import revoke_keys
from veche.acts import histories
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appservices.payments.institutions.api import PeerRecord
    from veche.acts.histories import Finding

pytestmark = pytest.mark.postgres


@contextmanager
def three(restored: str) -> Iterator[tuple[Branch, Branch, Branch]]:
    """Both institutions, and one of them from an older backup."""
    other = THERE if restored == HERE else HERE
    with two() as (here, there), Branch.opened(restored, other) as old:
        old.now_ms = here.now_ms
        yield here, there, old


def paid(here: Branch, there: Branch, minor: int = 5_000) -> str:
    payment_id = here.paid_by_key(ALICE, BOB, minor)
    exchange(here, there)
    assert there.peer_state(payment_id) == "done"
    return payment_id


def shown(branch: Branch) -> list[PeerRecord]:
    """What one shows the other of the payments between them."""
    [peer] = branch.parts.section.peers
    with branch.scene() as scene:
        return restoring.records(scene, peer, 0)


def found(old: Branch, records: Sequence[PeerRecord]) -> list[Finding]:
    """What the restored one finds that it lacks."""
    [peer] = old.parts.section.peers
    with old.scene() as scene:
        return restoring._unknown(scene.txn, old.staged, [(peer, one) for one in records])


def settle(old: Branch, findings: Sequence[Finding]) -> None:
    with old.scene() as scene:
        for one in findings:
            assert one.settle is not None
            one.settle(scene.txn)
    old.write()


@pytest.mark.parametrize("has_heard", ["nothing", "prepare"])
def test_who_was_paid_and_forgot_it_credits_it_once(has_heard: str) -> None:
    with three(THERE) as (here, there, old):
        payment_id = here.paid_by_key(ALICE, BOB, 5_000)
        question = here.ask(payment_id, "prepare")
        assert question is not None
        for branch in (there, old) if has_heard == "prepare" else (there,):
            branch.take(question)
            branch.write()
        exchange(here, there)

        missing = found(old, shown(here))
        [words] = [one.words for one in missing]
        assert words.startswith(
            f"payment {payment_id}: {ALICE} paid {BOB} 50.00 EUR; {HERE} proves"
        )
        settle(old, missing)
        assert old.peer_state(payment_id) == "done"
        assert old.compared(here) == (0, 0)
        # Again it finds nothing, and does nothing.
        assert found(old, shown(here)) == []
        settle(old, missing)
        assert old.compared(here) == (0, 0)


def test_who_paid_and_forgot_it_pays_it_once() -> None:
    with three(HERE) as (here, there, old):
        payment_id = paid(here, there)

        missing = found(old, shown(there))
        assert len(missing) == 1
        settle(old, missing)
        assert old.state(payment_id) == "paid"
        assert old.peer_state(payment_id) == "committing"
        exchange(old, there)
        assert old.peer_state(payment_id) == "done"
        assert old.compared(there) == (0, 0)
        assert there.compared(old) == (0, 0)
        assert found(old, shown(there)) == []
        assert there.faults() == []


@pytest.mark.parametrize("case", ["frozen", "many"])
def test_what_was_paid_is_credited_whatever_a_new_payment_would_be_refused_for(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with three(THERE) as (here, there, old):
        paid(here, there)
        if case == "frozen":
            with old.scene() as scene:
                freezing.freeze(scene, BOB)
        else:
            paid(here, there)
            monkeypatch.setattr(peers_taking, "OPEN_MAX", 1)

        settle(old, found(old, shown(here)))
        assert found(old, shown(here)) == []
        assert old.faults() == []
        assert old.compared(here) == (0, 0)


def test_an_invoice_that_was_paid_in_time_is_paid_also_if_that_was_forgotten_until_it_was_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with three(THERE) as (here, there, old):
        ids = []
        for branch in (there, old):
            monkeypatch.setattr(peers_rig, "_causes", itertools.count(10**6))
            ids.append(made(branch))
        assert ids[0] == ids[1]
        assert told(here, there) == ["known"]
        here.answer(ALICE, "pay")
        here.write()
        exchange(here, there)
        old.now_ms += 2 * DAY_MS

        settle(old, found(old, shown(here)))
        assert found(old, shown(here)) == []
        assert (state(old, ids[0]), shop_has(old)) == ("paid", shop_has(there))


def came(there: Branch, branches: Sequence[Branch], minor: int) -> str:
    """Bob pays Alice, of which each of the branches hears; the payment."""
    payment_id = there.paid_by_key(BOB, ALICE, minor)
    for kind in ("prepare", "commit"):
        [(job_id, _, _)] = there.to_say()
        question = there.ask(payment_id, kind)
        assert question is not None
        for branch in branches:
            branch.take(question)
            branch.write()
        there.hear_answer(question, branches[0].take(question), job_id)
        there.write()
    return payment_id


@pytest.mark.parametrize("is_known", [True, False])
def test_what_was_refunded_abroad_and_is_booked_again_counts_against_what_is_left(
    *, is_known: bool
) -> None:
    with three(HERE) as (here, there, old):
        first = came(there, [here, old] if is_known else [here], 5_000)
        back = here.paid_by_key(ALICE, BOB, 4_000, refund_of=first)
        exchange(here, there)
        assert there.state(back) == "paid"

        settle(old, found(old, shown(there)))
        assert (old.state(first), old.state(back)) == ("paid", "paid")
        again = old.paid_by_key(ALICE, BOB, 1_001, refund_of=first)
        assert old.state(again) == "refused"
        rest = old.paid_by_key(ALICE, BOB, 1_000, refund_of=first)
        exchange(old, there)
        assert there.state(rest) == "paid"
        assert old.compared(there) == (0, 0)


def test_what_came_since_the_backup_and_went_on_is_charged_to_who_paid_it() -> None:
    with three(HERE) as (here, there, old):
        for branch in (here, old):
            spent = branch.paid_by_key(ALICE, UserId("@carol:here.test"), MONEY - 10)
            assert branch.state(spent) == "paid"
        first = came(there, [here], 5_000)
        on = here.paid_by_key(ALICE, BOB, 4_990)
        exchange(here, there)
        assert there.state(on) == "paid"

        settle(old, found(old, shown(there)))
        assert (old.state(first), old.state(on)) == ("paid", "paid")
        assert old.balance(ALICE) == (10, 0)  # without the fee
        exchange(old, there)
        assert old.compared(there) == (0, 0)
        assert found(old, shown(there)) == []


def test_what_the_backup_had_set_aside_for_another_payment_pays_what_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with three(HERE) as (here, there, old):
        for branch in (here, there, old):
            branch.limit(they_owe_max={"EUR": "10000.00"})
        for branch in (old, here):
            monkeypatch.setattr(peers_rig, "_causes", itertools.count(10**6))
            first = branch.paid_by_key(ALICE, BOB, 60_000)
            assert branch.state(first) == "held"
        there.limit(they_owe_max={"EUR": "1.00"})
        exchange(here, there)
        assert here.state(first) == "refused"
        there.limit(they_owe_max={"EUR": "10000.00"})
        second = paid(here, there, MONEY - 10)

        settle(old, found(old, shown(there)))
        for _ in range(2):
            exchange(old, there)
        assert (old.state(first), old.state(second)) == ("cancelled", "paid")
        assert old.compared(there) == (0, 0)


def test_a_payment_that_the_backup_was_just_setting_aside_is_credited() -> None:
    with three(THERE) as (here, there, old):
        payment_id = here.paid_by_key(ALICE, BOB, 5_000)
        question = here.ask(payment_id, "prepare")
        assert question is not None
        old.take(question)  # and its writer did not come to it
        exchange(here, there)

        settle(old, found(old, shown(here)))
        assert old.peer_state(payment_id) == "done"
        assert old.compared(here) == (0, 0)


def test_what_the_payer_has_not_the_money_for_is_booked_once_they_have_it() -> None:
    with three(HERE) as (here, there, old):
        payment_id = paid(here, there)
        there.limit(they_owe_max={"EUR": "10000.00"})
        old.limit(we_owe_max={"EUR": "10000.00"})
        old.paid_by_key(ALICE, BOB, MONEY - 1_000)
        exchange(old, there)

        settle(old, found(old, shown(there)))
        exchange(old, there)
        assert (old.state(payment_id), old.peer_state(payment_id)) == ("paying", "agreed")
        assert there.faults() == []
        assert old.compared(there) == (-5_000, 0)
        # What a bank told after the backup is heard again later than what others prove.
        with old.scene() as scene:
            old.pay(scene, None, ALICE, 5_000)
        old.write()
        assert old.state(payment_id) == "paying"
        old.now_ms += 60_000
        old.write()
        exchange(old, there)
        assert (old.state(payment_id), old.peer_state(payment_id)) == ("paid", "done")
        assert old.compared(there) == (0, 0)


@pytest.mark.parametrize(
    "has_heard",
    some(["let go", "asked", "approved", "revoked", "frozen", "held"], ordinary=2),
)
def test_who_paid_all_it_has_and_forgot_that_pays_it_once(
    has_heard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with three(HERE) as (here, there, old):
        # Whatever the backup was in the middle of, and whatever the payer did since.
        for branch in (here, old):
            branch.limit(they_owe_max={"EUR": "10000.00"})
        there.limit(they_owe_max={"EUR": "10000.00"})
        monkeypatch.setattr(peers_rig, "_causes", itertools.count(10**6))
        payment_id = old.order(ALICE, BOB, MONEY - 10)
        assert payment_id is not None
        if has_heard != "asked":
            old.answer(ALICE, "pay")
        if has_heard in {"held", "let go"}:
            old.write()
        if has_heard == "let go":
            old.now_ms += 1
            with old.scene() as scene:
                matter = files.lock(scene, payment_id)
                assert matter is not None
                paying.cancel(scene, matter)
        if has_heard == "revoked":
            with old.scene() as scene:
                revoke_keys(scene.txn, ALICE, old.now_ms)
        monkeypatch.setattr(peers_rig, "_causes", itertools.count(10**6))
        assert here.paid_by_key(ALICE, BOB, MONEY - 10) == payment_id
        exchange(here, there)
        assert there.peer_state(payment_id) == "done"

        missing = found(old, shown(there))
        with old.scene() as scene:
            for one in missing:
                assert one.settle is not None
                one.settle(scene.txn)
        if has_heard == "frozen":
            with old.scene() as scene:
                freezing.freeze(scene, ALICE)
        old.write()
        assert old.state(payment_id) == "paid"
        exchange(old, there)
        assert old.peer_state(payment_id) == "done"
        assert old.compared(there) == (0, 0)
        assert old.balance(ALICE) == (0, 0)


def test_what_nobody_signed_is_not_booked() -> None:
    with three(HERE) as (here, there, old):
        paid(here, there)
        [record] = shown(there)
        prepare: dict[str, Any] = dict(record.prepare or {})
        commit = dict(record.commit)
        packet = prepare["packet"]
        other = {**packet, "payer": {"address": f"@rich:{HERE}", "name": "Rich"}}
        more = {**packet, "amount": {"minor": 50_000, "currency": "EUR"}}
        forged = [
            record.model_copy(update={"prepare": {**prepare, "packet": other}}),
            record.model_copy(update={"prepare": there.resigned({**prepare, "packet": other})}),
            record.model_copy(update={"prepare": None, "commit": {**commit, "packet": other}}),
            record.model_copy(update={"prepare": {**prepare, "packet": more}}),
            record.model_copy(update={"commit": there.resigned(commit)}),
            record.model_copy(update={"commit": {**commit, "receipt": {}}}),
            record.model_copy(update={"commit": {}}),
            record.model_copy(update={"commit": {"asker": HERE}, "prepare": {"x": [1]}}),
        ]
        assert found(old, forged) == []


def test_a_commit_of_what_was_forgotten_is_taken_only_after_a_restore() -> None:
    with three(THERE) as (here, there, old):
        payment_id = here.paid_by_key(ALICE, BOB, 5_000)
        question = here.ask(payment_id, "prepare")
        assert question is not None
        there.take(question)
        there.write()
        here.hear_answer(question, there.take(question), here.to_say()[0][0])
        here.write()
        commit = here.ask(payment_id, "commit")
        assert commit is not None

        assert old.take(commit)["state"] == "refused"
        assert old.faults() == ["commit of what was never prepared"]
        later = Receipts(THERE, b"b" * 32, None, 2)
        old.parts = attrs.evolve(old.parts, receipts=later)
        old.take(commit)
        old.write()
        assert old.peer_state(payment_id) == "done"
        assert old.take(commit)["state"] == "done"


def test_who_is_shown_its_own_receipt_and_lacks_it_stops() -> None:
    with three(HERE) as (here, there, old):
        paid(here, there)
        with there.scene() as scene:
            receipt = restoring.newest_of(scene, HERE)
        assert receipt is not None
        for branch in (here, old):
            with branch.scene() as scene:
                restoring.check_proof(scene, THERE, receipt)
                restoring.check_proof(scene, THERE, {**receipt, "at_ms": 1})
                stopped = histories.why_stopped(scene.txn)
            words = f"{THERE} has our receipt of payment {receipt['payment']}, which we do not have"
            assert stopped == ([words] if branch is old else [])
        with old.scene() as scene:
            histories.go_on(scene.txn)
            histories.begin(scene.txn, 2, "looked at", old.now_ms + 1_000_000)
            restoring.check_proof(scene, THERE, receipt)
            assert histories.why_stopped(scene.txn) == []


def test_who_is_shown_its_own_head_and_lacks_it_stops() -> None:
    with three(HERE) as (here, there, old):
        paid(here, there)
        here.publish()
        seen = there.witnesses(here)
        assert seen is not None
        for branch in (here, old):
            [peer] = branch.parts.section.peers
            with branch.scene() as scene:
                peers_witnessing.keep_seen(scene, peer, seen.note)
                stopped = histories.why_stopped(scene.txn)
            words = f"{THERE} has a head of {seen.size} blocks that we signed and do not have"
            assert stopped == ([words] if branch is old else [])


def test_another_history_begins_where_its_key_is_known() -> None:
    with three(HERE) as (here, there, old):
        paid(here, there)
        here.publish()
        first = there.witnesses(here)
        assert first is not None
        later = Receipts(HERE, b"a" * 32, None, 2)
        old.parts = attrs.evolve(old.parts, receipts=later)
        with old.scene() as scene:
            histories.begin(scene.txn, 2, "restored", old.now_ms)
        old.publish()
        assert there.witnesses(old) == first
        assert there.faults() == ["a head that it did not sign"]

        [peer] = there.parts.section.peers
        there.limit(keys=[later.signer.verifier.to_text(), *peer.keys])
        second = there.witnesses(old)
        assert second is not None
        assert second.note.startswith(f"{HERE}/veche/ledger/v2/0\n")
        assert len(there.faults()) == 1
        assert old.balance(ALICE) == (MONEY, 0)
