"""Payments between two institutions, each with a real database and ledger."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import PeerHead, hash_of
from appservices.payments.institutions.core import origin_of
from appservices.payments.institutions.service.client import read_well_known
from appservices.payments.interbank.service import (
    comparing as peers_checking,
)
from appservices.payments.interbank.service import (
    settling as peers_settling,
)
from appservices.payments.interbank.service.questions import PeerDesk, Said
from appservices.payments.postings.service import moving
from appservices.payments.proofs.core.receipts import verify_receipt
from appservices.payments.receipts.service import proofs as proving
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.views import Party
from appservices.payments.witnesses.service import peers as peers_witnessing
from tests.integration.appservices.payments.peers_rig import (
    ALICE,
    BOB,
    HERE,
    LIMIT,
    MONEY,
    NOBODY,
    THERE,
    Branch,
    PeerRefusedError,
    drop,
    exchange,
    key_of,
    two,
)
from tests.support.long import many
from tests.support.postgres import execute
from veche.protocol.errors import BadSignatureError
from veche.protocol.ids import UserId, derived_ulid
from veche.transparency.notes import Checkpoint, NoteSigner, open_note, read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres
FEE = 10
PAIR = tuple[Branch, Branch]


@pytest.fixture(scope="module")
def shared() -> Iterator[PAIR]:
    """Two institutions for all tests that leave them at rest."""
    with two() as both:
        yield both


@pytest.fixture
def pair(shared: PAIR) -> Iterator[PAIR]:
    here, there = shared
    here.now_ms = there.now_ms = max(here.now_ms, there.now_ms)
    yield shared
    assert here.holds() == there.holds() == 0
    assert here.owed()[1] == there.owed()[0]
    assert here.owed()[0] == there.owed()[1]


def test_a_payment_goes_from_one_institution_to_the_other(pair: PAIR) -> None:
    here, there = pair
    had = here.balance(ALICE)[0], there.balance(BOB)[0], there.owed()[0]
    payment_id = here.paid_by_key(ALICE, BOB, 2_500)
    assert here.state(payment_id) == "held"
    assert here.balance(ALICE) == (had[0] - 2_500 - FEE, 2_500 + FEE)

    exchange(here, there)

    assert here.state(payment_id) == there.state(payment_id) == "paid"
    assert here.peer_state(payment_id) == there.peer_state(payment_id) == "done"
    assert here.balance(ALICE) == (had[0] - 2_500 - FEE, 0)
    assert there.balance(BOB) == (had[1] + 2_500, 0)
    assert there.owed()[0] == had[2] + 2_500
    assert "Paid" in here.told(ALICE)[-1]
    assert "You were paid" in there.told(BOB)[-1]
    assert str(ALICE) in there.told(BOB)[-1]


def steps(here: Branch, there: Branch, payment_id: str) -> Iterator[None]:
    """One payment, transaction by transaction; after each both may end."""
    for kind in ("prepare", "commit"):
        yield
        [job] = [one for one, about, _ in here.to_say() if about == payment_id]
        question = here.ask(payment_id, kind)
        assert question is not None
        yield
        answer = there.take(question)
        yield
        there.write()
        yield
        if not here.hear_answer(question, answer, job):
            answer = there.take(question)
            yield
            assert here.hear_answer(question, answer, job)
        yield
        here.write()


def test_wherever_it_is_cut_it_ends_the_same_on_both_sides(pair: PAIR) -> None:
    here, there = pair
    ends = set()
    for is_over in (False, True):
        cut = 0
        while True:
            had = here.balance(ALICE)[0], there.balance(BOB)[0]
            payment_id = here.paid_by_key(ALICE, BOB, 100)
            run = steps(here, there, payment_id)
            is_whole = all(next(run, run) is None for _ in range(cut))
            # Whatever was in memory is gone now.
            if is_over:
                here.now_ms += 61_000
                there.now_ms = here.now_ms
                here.ring_payment(payment_id)
                here.write()
            exchange(here, there)

            states = here.peer_state(payment_id), there.peer_state(payment_id)
            ends.add(states)
            is_paid = here.state(payment_id) == "paid"
            assert states in {("done", "done"), ("cancelled", "cancelled")}
            assert is_paid == (states[0] == "done")
            moved = 100 if is_paid else 0
            fee = FEE if is_paid else 0
            assert here.balance(ALICE) == (had[0] - moved - fee, 0)
            assert there.balance(BOB) == (had[1] + moved, 0)
            if not is_whole:
                break
            cut += 1
        assert cut > 8
    assert len(ends) == 2


@attrs.define
class Post:
    """What carries questions and answers between the two, in any order."""

    here: Branch
    there: Branch
    ids: list[str]
    asked: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)
    answered: list[tuple[str, dict[str, Any], dict[str, Any]]] = attrs.field(factory=list)

    def ask(self, at: int, *, is_kept: bool) -> None:
        """A job asks."""
        waiting = self.here.to_say()
        if waiting:
            job, payment_id, kind = waiting[at % len(waiting)]
            question = self.here.ask(payment_id, kind)
            if question is None:
                drop(self.here, job)
            elif is_kept:  # else it is lost
                self.asked.append((job, question))

    def take(self, at: int, *, is_kept: bool) -> None:
        """A question arrives, and may arrive again."""
        if self.asked:
            job, question = one = self.asked[at % len(self.asked)]
            self.answered.append((job, question, self.there.take(question)))
            if not is_kept:
                self.asked.remove(one)

    def hear(self, at: int, *, is_kept: bool) -> None:
        """An answer arrives, and may arrive again."""
        if self.answered:
            job, question, answer = one = self.answered[at % len(self.answered)]
            self.here.hear_answer(question, answer, job)
            if not is_kept:
                self.answered.remove(one)

    def write(self, _at: int, *, is_kept: bool) -> None:
        """A writer works."""
        (self.here if is_kept else self.there).write()

    def time(self, at: int, *, is_kept: bool) -> None:
        """Time goes by, enough or not enough for an end."""
        self.here.now_ms += 61_000 if is_kept else 1_000
        self.there.now_ms = self.here.now_ms
        self.here.ring_payment(self.ids[at % 2])
        self.here.write()


@settings(
    max_examples=many(ordinary=8, long=30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "take", "take", "hear", "write", "time"]),
            st.integers(0, 5),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_messages_are_lost_and_doubled_in_any_order(
    pair: PAIR, done: list[tuple[str, int, bool]]
) -> None:
    here, there = pair
    had = here.balance(ALICE)[0], there.balance(BOB)[0]
    ids = [here.paid_by_key(ALICE, BOB, 100) for _ in range(2)]
    post = Post(here, there, ids)
    for what, at, is_kept in done:
        getattr(post, what)(at, is_kept=is_kept)
    exchange(here, there, turns=12)

    paid = 0
    for payment_id in ids:
        is_paid = here.state(payment_id) == "paid"
        paid += is_paid
        ends = {"done"} if is_paid else {"cancelled", "refused"}
        assert here.peer_state(payment_id) in ends
        assert there.peer_state(payment_id) in ends
    assert here.balance(ALICE) == (had[0] - paid * (100 + FEE), 0)
    assert there.balance(BOB) == (had[1] + paid * 100, 0)
    assert here.faults() == there.faults() == []


def test_both_receipts_name_both_institutions_and_hold_offline(pair: PAIR) -> None:
    here, there = pair
    payment_id = here.paid_by_key(ALICE, BOB, 700)
    exchange(here, there)

    keys = [read_verifier_key(key_of(server)) for server in (HERE, THERE)]
    receipts = [one.receipt(payment_id) for one in pair]
    for receipt, server in zip(receipts, (HERE, THERE), strict=True):
        proved = verify_receipt(receipt, keys)
        assert proved.origin == origin_of(server)
        assert proved.receipt.payment == payment_id
        assert proved.receipt.amount.minor == 700
        assert proved.receipt.between is not None
        assert proved.receipt.between.model_dump() == {"payer": HERE, "payee": THERE}
    # What each signed to the other is kept, sealed.
    assert set(here.evidence(payment_id)) == {"ready", "done"}
    assert set(there.evidence(payment_id)) == {"prepare", "commit"}


def test_what_the_other_refuses_is_said_in_words(pair: PAIR) -> None:
    here, there = pair
    had = here.balance(ALICE)
    payment_id = here.paid_by_key(ALICE, NOBODY, 100)
    [(job, _, _)] = here.to_say()
    question = here.ask(payment_id, "prepare")
    assert question is not None
    here.hear_answer(question, there.take(question, is_here=False), job)
    here.write()
    exchange(here, there)

    assert here.state(payment_id) == "refused"
    assert here.peer_state(payment_id) == there.peer_state(payment_id) == "refused"
    assert "Nobody of this name can be paid at their institution." in here.told(ALICE)[-1]
    assert here.balance(ALICE) == had


def test_who_does_not_answer_in_time_has_not_taken_it(pair: PAIR) -> None:
    here, there = pair
    had = here.balance(ALICE)
    payment_id = here.paid_by_key(ALICE, BOB, 100)
    late = here.ask(payment_id, "prepare")
    assert late is not None
    here.now_ms += 61_000
    here.ring_payment(payment_id)
    here.write()

    assert "Their institution does not answer." in here.told(ALICE)[-1]
    assert here.balance(ALICE) == had
    assert here.peer_state(payment_id) == "cancelling"
    # The word that it is over is there before the question that it is about.
    exchange(here, there)
    assert there.take(late)["state"] == "cancelled"
    there.write()
    assert here.peer_state(payment_id) == there.peer_state(payment_id) == "cancelled"


def test_nobody_else_s_word_is_taken(pair: PAIR) -> None:
    here, there = pair
    payment_id = here.paid_by_key(ALICE, BOB, 100)
    question = here.ask(payment_id, "prepare")
    assert question is not None
    body = {name: one for name, one in question.items() if name != "signatures"}
    signer = NoteSigner(origin_of(HERE), b"a" * 32)
    stranger = NoteSigner(origin_of(HERE), b"x" * 32)
    packet = {**body["packet"], "amount": {"minor": 1, "currency": "EUR"}}
    lies = {
        "altered": {**question, "packet": packet},
        "a key that was never told, or is not any more": stranger.sign_object(body),
        "unsigned": body,
        "old": signer.sign_object({**body, "at_ms": body["at_ms"] - 301_000}),
        "of the future": signer.sign_object({**body, "at_ms": body["at_ms"] + 301_000}),
        "to a third one": signer.sign_object({**body, "asked": "third.test"}),
        "of a third one": signer.sign_object({**body, "asker": "third.test"}),
        "reflected": signer.sign_object({**body, "asker": THERE, "asked": HERE}),
    }
    for name, lie in lies.items():
        with pytest.raises(PeerRefusedError):
            there.take(lie)
        assert there.peer_state(payment_id) is None, name
    exchange(here, there)

    # The same again is no second payment, and under its id there is never another.
    had = there.balance(BOB)
    other = signer.sign_object({**body, "packet": packet})
    assert there.take(question)["state"] == "done"
    answer = there.take(other)
    assert (answer["state"], answer["code"]) == ("refused", "different_content")
    # Nor is there one that people would call by its number.
    alike = f"{payment_id[:10]}ZZZZZZZZ{payment_id[-8:]}"
    asked = {**body, "id": alike, "packet": {**body["packet"], "id": alike}}
    answer = there.take(signer.sign_object(asked))
    assert (answer["state"], answer["code"]) == ("refused", "different_content")
    there.write()
    assert there.balance(BOB) == had


def test_answers_of_others_or_to_other_questions_are_none(pair: PAIR) -> None:
    here, there = pair
    payment_id = here.paid_by_key(ALICE, BOB, 100)
    [(job, _, _)] = here.to_say()
    question, second = (here.ask(payment_id, "prepare") for _ in range(2))
    assert question is not None
    assert second is not None
    second = here.resigned(second, at_ms=second["at_ms"] + 1)
    there.take(question)
    there.write()
    answer = there.take(question)

    with pytest.raises(BadSignatureError, match="another question"):
        here.hear_answer(second, answer, job)
    with pytest.raises(BadSignatureError):
        here.hear_answer(question, {**answer, "state": "done"}, job)
    assert here.peer_state(payment_id) == "preparing"
    exchange(here, there)
    assert here.state(payment_id) == "paid"


def test_each_owes_the_other_at_most_what_its_operator_wrote() -> None:
    with two() as (here, there):
        first = here.paid_by_key(ALICE, BOB, LIMIT - 1_000)
        exchange(here, there)
        assert here.state(first) == "paid"

        # What is too much alone is not offered: they are told how much would do.
        assert here.order(ALICE, BOB, 1_001) is None
        assert "can pay theirs 10.00 EUR at most for now" in here.told(ALICE)[-1]
        # What was offered while there was room is refused when there is none.
        slow = here.order(ALICE, BOB, 600)
        assert slow is not None
        quick = here.order(ALICE, BOB, 700)
        here.answer(ALICE, "pay")
        here.write()
        exchange(here, there)
        assert here.state(str(quick)) == "paid"
        assert here.order(ALICE, BOB, 301) is None
        # The other side has its own limit, whatever this one writes.
        here.limit(we_owe_max={"EUR": "5000"})
        third = here.paid_by_key(ALICE, BOB, 1_001)
        exchange(here, there)
        assert here.state(third) == "refused"
        assert there.peer_state(third) == "refused"
        assert "until they have settled" in here.told(ALICE)[-1]

        there.limit(they_owe_max={"EUR": "700"})
        fourth = here.paid_by_key(ALICE, BOB, 10_000)
        exchange(here, there)
        assert here.state(fourth) == "paid"
        # Below what is owed already nothing more is let in, and nothing is lost.
        there.limit(they_owe_max={"EUR": "1"})
        fifth = here.paid_by_key(ALICE, BOB, 1)
        exchange(here, there)
        assert here.state(fifth) == "refused"
        assert here.owed()[1] == there.owed()[0] == LIMIT + 9_700


def test_it_is_settled_and_then_there_is_room_again(pair: PAIR) -> None:
    here, there = pair
    exchange_of = [here.paid_by_key(ALICE, BOB, 300), there.paid_by_key(BOB, ALICE, 200)]
    exchange(here, there)
    exchange(there, here)
    assert [here.state(one) for one in exchange_of] == ["paid", "paid"]
    they, we = here.owed()
    assert they >= 200
    assert we >= 300
    for one in pair:
        one.settle(peers_settling.NETTED, min(they, we))
    here.settle(peers_settling.PAID, we - min(they, we))
    assert here.owed() == (they - min(they, we), 0)
    assert there.owed()[0] == we - min(they, we)
    there.settle(peers_settling.RECEIVED, we - min(they, we))

    assert there.owed()[0] == 0
    assert here.compared(there) == there.compared(here) == (0, 0)


def test_what_a_bank_tells_of_is_settled_out_of_suspense() -> None:
    with two() as (here, there):
        here.paid_by_key(ALICE, BOB, 300)
        exchange(here, there)
        for one in (here, there):
            bank = SimpleNamespace(currency="EUR")
            section = one.parts.section.model_copy(update={"banks": [bank]})
            one.parts = attrs.evolve(one.parts, section=section)
        here.settle(peers_settling.PAID, 300)
        there.settle(peers_settling.RECEIVED, 300)

        for one, minor in ((here, 300), (there, -300)):
            [(suspense,)] = one.rows(
                "SELECT credits_posted - debits_posted FROM ledger.account WHERE code = 9"
            )
            assert suspense == minor
        assert here.owed() == there.owed() == (0, 0)


def test_both_compare_when_one_of_them_starts(pair: PAIR) -> None:
    here, there = pair
    here.now_ms = there.now_ms = max(here.now_ms, there.now_ms) + 2 * peers_checking.AGAIN_MS
    desk = PeerDesk(there.parts)
    before = [checks_to_do(one) for one in pair]
    with here.scene() as scene:
        peers_checking.start(scene)
    asked = here.signed("statement", currency="EUR", after=0)
    for _ in range(2):  # once a minute, however often it is asked
        with there.scene() as scene:
            assert desk._statement(scene, *desk.read(asked)).state == "known"

    assert [checks_to_do(one) for one in pair] == [count + 1 for count in before]


def checks_to_do(branch: Branch) -> int:
    """How often it is about to compare its books at this moment."""
    due = "SELECT count(*) FROM runtime.errand WHERE kind = %s AND due_at_ms <= %s"
    [(count,)] = branch.rows(due, peers_checking.CHECK, branch.now_ms)
    return int(count)


def test_a_difference_is_found_and_changes_nothing(pair: PAIR) -> None:
    here, there = pair
    payment_id = here.paid_by_key(ALICE, BOB, 100)
    run = steps(here, there, payment_id)
    for _ in range(8):
        next(run)
    # Paid here, not credited there: it is on its way, and explains itself.
    assert here.state(payment_id) == "paid"
    assert here.compared(there) == (0, 0)
    exchange(here, there)
    assert here.compared(there) == (0, 0)

    with there.scene() as scene:
        told = peers_checking.statement(scene, HERE, "EUR")
    assert told is not None
    flow = told.yours.model_copy(update={"moved": told.yours.moved - 40})
    had = here.owed()
    with here.scene() as scene:
        assert not peers_checking.keep(scene, THERE, told.model_copy(update={"yours": flow}))
    assert here.owed() == had
    assert here.compared(there) == (0, 0)


def test_who_contradicts_themselves_is_kept_and_nothing_new_begins() -> None:
    with two() as (here, there):
        payment_id = here.paid_by_key(ALICE, BOB, 100)
        exchange(here, there)
        # It says that what it paid is cancelled.
        question = here.signed("cancel", id=payment_id)
        answer = there.take(question)
        assert (answer["state"], answer["code"]) == ("refused", "contradiction")
        assert there.faults() == ["cancel of what is done"]
        assert there.take(question)["state"] == "refused"
        assert there.balance(BOB) == (MONEY + 100, 0)
        assert there.faults() == ["cancel of what is done"]

        second = here.paid_by_key(ALICE, BOB, 100)
        exchange(here, there)
        assert here.state(second) == "refused"
        assert "are stopped for now" in here.told(ALICE)[-1]
        # It commits what was never prepared, or without a proof, or by the receipt of another.
        for more in (
            {"id": second, "receipt": {}},
            {"id": second, "receipt": here.receipt(payment_id)},
        ):
            assert there.take(here.signed("commit", **more))["state"] == "refused"
        assert there.faults()[1:] == ["commit without a receipt that holds"]

        # An operator has looked at it.
        execute(there.dsn, "UPDATE payments.peer_fault SET settled_at_ms = 1")
        third = here.paid_by_key(ALICE, BOB, 100)
        exchange(here, there)
        assert here.state(third) == "paid"


def test_a_receipt_of_another_amount_commits_nothing(pair: PAIR) -> None:
    here, there = pair
    small = here.paid_by_key(ALICE, BOB, 100)
    exchange(here, there)
    payment_id = here.paid_by_key(ALICE, BOB, 5_000)
    run = steps(here, there, payment_id)
    for _ in range(8):
        next(run)
    lie = here.signed("commit", id=payment_id, receipt=here.receipt(small))

    assert there.take(lie)["state"] == "refused"
    there.write()
    assert there.peer_state(payment_id) == "ready"
    assert there.faults() == ["commit without a receipt that holds"]
    execute(there.dsn, "DELETE FROM payments.peer_fault")
    exchange(here, there)
    assert there.peer_state(payment_id) == "done"


def test_money_goes_back_as_a_payment_that_names_the_first(pair: PAIR) -> None:
    here, there = pair
    payment_id = here.paid_by_key(ALICE, BOB, 900)
    exchange(here, there)
    had = here.balance(ALICE)[0]

    back = there.paid_by_key(BOB, ALICE, 400, refund_of=payment_id)
    exchange(there, here)

    assert there.state(back) == here.state(back) == "paid"
    assert here.balance(ALICE) == (had + 400, 0)
    assert "You got money back" in here.told(ALICE)[-1]
    [(kind, refund_of)] = execute(
        here.dsn, "SELECT kind, refund_of FROM payments.payment WHERE id = %s", back
    )
    assert (kind, refund_of) == ("refund", payment_id)
    # More than is left does not go out at all.
    more = there.paid_by_key(BOB, ALICE, 501, refund_of=payment_id)
    assert there.state(more) == "refused"


def test_the_payer_s_purpose_stands_nowhere_in_clear(pair: PAIR) -> None:
    here, there = pair
    here.paid_by_key(ALICE, BOB, 100)
    exchange(here, there)
    for one in pair:
        for table in ("peer_in", "peer_out", "peer_fault", "payment", "holder"):
            dump = str(execute(one.dsn, f"SELECT * FROM payments.{table}"))  # noqa: S608 -- constants
            # As words: a code such as `different_content` is no purpose.
            words = re.findall(r"\b(?:alice|bob|rent)\b", dump)
            assert words == [], table


def test_the_database_keeps_what_is_decided(pair: PAIR) -> None:
    here, there = pair
    payment_id = here.paid_by_key(ALICE, BOB, 100)
    exchange(here, there)
    for one, table in ((here, "peer_out"), (there, "peer_in")):
        with pytest.raises(Exception, match="between institutions is done already"):
            execute(
                one.dsn,
                f"UPDATE payments.{table} SET state = 'cancelled' WHERE id = %s",  # noqa: S608 -- constants
                payment_id,
            )


def test_where_a_peer_is_counts_only_if_it_signed_it(pair: PAIR) -> None:
    here, _ = pair
    peer = here.parts.section.peer(THERE)
    assert peer is not None
    told = {
        "server": THERE,
        "url": "https://pay.there.test",
        "peers": "/_veche/peers/v1",
        "until_ms": 10,
    }
    mine = NoteSigner(origin_of(THERE), b"b" * 32)

    assert read_well_known(mine.sign_object(told), peer, 10) == (
        "https://pay.there.test/_veche/peers/v1"
    )
    for wrong in (
        {**told, "until_ms": 9},
        {**told, "server": HERE},
        {**told, "url": "http://pay.there.test"},
    ):
        with pytest.raises(Exception, match=r"old|another|API"):
            read_well_known(mine.sign_object(wrong), peer, 10)
    with pytest.raises(BadSignatureError):
        read_well_known({**mine.sign_object(told), "url": "https://evil.test"}, peer, 10)
    stranger = NoteSigner(origin_of(THERE), b"x" * 32)
    with pytest.raises(BadSignatureError):
        read_well_known(stranger.sign_object(told), peer, 10)


def test_each_witnesses_the_published_heads_of_the_other() -> None:
    with two() as (here, there):
        for one in (here, there):
            one.publish()
        first = here.witnesses(there)
        assert first is not None
        keys = [read_verifier_key(key_of(server)) for server in (HERE, THERE)]
        text, signers = open_note(first.note, keys)
        assert {key.name for key in signers} == {origin_of(one) for one in (HERE, THERE)}
        assert text.startswith(f"{origin_of(THERE)}\n{first.size}\n")
        # Nothing new, then more.
        assert here.witnesses(there) == first
        there.paid_by_key(BOB, ALICE, 100)
        exchange(there, here)
        there.publish()
        second = here.witnesses(there)
        assert second is not None
        assert second.size > first.size
        assert here.faults() == []

        # Whose head it is gets it back with both signatures, and keeps it if it is its own.
        with here.scene() as scene:
            note = peers_witnessing.seen(scene, THERE)
        assert note is not None
        [peer] = there.parts.section.peers
        false = there.parts.receipts.signer.sign(
            Checkpoint(origin_of(THERE), second.size, b"r" * 32).to_text()
        )
        for shown in (note, false, first.note.replace("\n", "x", 1), ""):
            with there.scene() as scene:
                peers_witnessing.keep_seen(scene, peer, shown)
        assert there.rows("SELECT size, note FROM payments.peer_seen") == [(second.size, note)]

        # A ledger that is another one than before, or was shown to be.
        other = Checkpoint(origin_of(THERE), second.size + 1, b"r" * 32)
        signer = there.parts.receipts.signer
        fork = PeerHead(checkpoint=signer.sign(other.to_text()), consistency=[])
        assert here.witnesses(there, fork) == second
        stranger = NoteSigner(origin_of(THERE), b"x" * 32)
        forged = PeerHead(checkpoint=stranger.sign(other.to_text()), consistency=[])
        assert here.witnesses(there, forged) == second
        assert here.faults() == [
            f"a head of {other.size} blocks that does not begin with that of {second.size}",
            "a head that it did not sign",
        ]


def test_what_is_set_aside_to_go_back_counts_as_given_back(pair: PAIR) -> None:
    here, there = pair
    payment_id = here.paid_by_key(ALICE, BOB, 900)
    exchange(here, there)
    first = there.paid_by_key(BOB, ALICE, 600, refund_of=payment_id)
    assert there.state(first) in {"holding", "held"}

    second = there.paid_by_key(BOB, ALICE, 301, refund_of=payment_id)
    assert there.state(second) == "refused"
    third = there.paid_by_key(BOB, ALICE, 300, refund_of=payment_id)
    exchange(there, here)
    assert (there.state(first), there.state(third)) == ("paid", "paid")


def receipt_of(branch: Branch, payment_id: str, minor: int, currency: str = "EUR") -> Any:
    """A true receipt of something else that was paid under the id of a payment."""
    with branch.scene() as scene:
        holders.keep_currencies(scene.txn, [currency])
        payee = UserId(f"@somebody:{branch.server}")
        payment = Payment(
            id=payment_id,
            kind=Kind.ISSUE,
            state=State.PAYING,
            payer=scene.institution().id,
            payee=scene.holder(payee).id,
            ledger=holders.currencies(scene.txn)[currency],
            amount_minor=minor,
            fee_minor=0,
            asked_at_ms=branch.now_ms,
            instruction="test",
        )
        party = Party(payee, "Somebody")
        assert files.add(scene, payment, Private(party, party, currency, ""))
        moving.attempt(scene, payment)
    branch.write()
    with branch.scene() as scene:
        matter = files.lock(scene, payment_id)
        assert matter is not None
        return proving.again(scene, matter)


def test_done_with_a_receipt_of_another_amount_is_not_done() -> None:
    with two() as (here, there):
        payment_id = here.paid_by_key(ALICE, BOB, 100)
        [(job, _, _)] = here.to_say()
        question = here.ask(payment_id, "prepare")
        assert question is not None
        there.take(question)
        there.write()
        assert here.hear_answer(question, there.take(question), job)
        here.write()
        [(job, _, _)] = here.to_say()
        commit = here.ask(payment_id, "commit")
        assert commit is not None
        desk = PeerDesk(there.parts)
        peer, _ = desk.read(commit)
        said = Said("done", receipt=receipt_of(there, payment_id, 1))

        assert not here.hear_answer(commit, desk.signed(peer, said, hash_of(commit)), job)
        assert here.faults() == ["done in answer to commit"]
        execute(here.dsn, "DELETE FROM payments.peer_fault")


def test_a_commit_with_a_receipt_in_another_currency_credits_nobody() -> None:
    with two() as (here, there):
        payment_id = here.paid_by_key(ALICE, BOB, 100)
        question = here.ask(payment_id, "prepare")
        assert question is not None
        exchange(here, there)
        packet = {**question["packet"], "id": derived_ulid(here.now_ms, "another currency")}
        prepare = here.resigned(question, packet=packet)
        there.take(prepare)
        there.write()
        assert there.take(prepare)["state"] == "ready"
        receipt = receipt_of(here, packet["id"], 100, "USD")
        had = there.balance(BOB)

        there.take(here.signed("commit", id=packet["id"], receipt=receipt))
        there.write()

        assert there.balance(BOB) == had
        assert there.faults() == ["commit without a receipt that holds"]
        execute(there.dsn, "DELETE FROM payments.peer_fault")
        there.take(here.signed("cancel", id=packet["id"]))
        there.write()


def test_a_payment_with_the_id_of_an_escrow_does_not_let_go_of_what_that_set_aside() -> None:
    with two() as (here, there):
        there.say(BOB, "escrow", "@dora:there.test 100 EUR bicycle")
        there.answer(UserId("@dora:there.test"), "join")
        there.answer(BOB, "fund")
        there.write()
        escrow = there.row("escrow")
        assert (escrow["state"], there.balance(BOB)) == ("funded", (MONEY - 10_000, 10_000))
        question = here.ask(here.paid_by_key(ALICE, BOB, 100), "prepare")
        assert question is not None

        there.take(here.resigned(question, packet={**question["packet"], "id": escrow["id"]}))
        there.take(here.signed("cancel", id=escrow["id"]))
        there.write()

        assert there.balance(BOB) == (MONEY - 10_000, 10_000)
