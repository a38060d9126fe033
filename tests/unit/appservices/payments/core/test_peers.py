"""Payments between institutions: both tables whole, and both sides with a network that loses."""

from __future__ import annotations

import itertools
from collections import Counter

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appservices.payments.peers.core import (
    IN,
    IN_OVER,
    OUT,
    OUT_OVER,
    UNDECIDED,
    In,
    InInput,
    Out,
    OutInput,
    PeerStateError,
    Side,
    compare,
    net_minor,
    step_in,
    step_out,
)
from tests.support.long import many
from tests.support.tables import each_row


@each_row(("state", "heard"), list(itertools.product(Out, OutInput)))
def test_a_step_of_who_pays_is_in_the_table_or_changes_nothing(state: Out, heard: OutInput) -> None:
    if (state, heard) in OUT:
        assert step_out(state, heard) is OUT[state, heard]
    else:
        with pytest.raises(PeerStateError, match=f"the payment is {state.value}"):
            step_out(state, heard)


@each_row(("state", "heard"), list(itertools.product(In, InInput)))
def test_a_step_of_who_is_paid_is_in_the_table_or_changes_nothing(
    state: In, heard: InInput
) -> None:
    if (state, heard) in IN:
        assert step_in(state, heard) is IN[state, heard]
    else:
        with pytest.raises(PeerStateError, match=f"the payment is {state.value}"):
            step_in(state, heard)


def test_what_is_over_stays() -> None:
    assert all(after is state for (state, _), after in OUT.items() if state in OUT_OVER)
    assert all(after is state for (state, _), after in IN.items() if state in IN_OVER)


def test_only_a_block_that_pays_makes_who_pays_say_so() -> None:
    entered = {heard for (state, heard), after in OUT.items() if after is not state}
    commits = {
        (state, heard)
        for (state, heard), after in OUT.items()
        if after is Out.COMMITTING and state is not after
    }
    assert commits == {(Out.AGREED, OutInput.PAID)}
    assert entered == set(OutInput)


def test_who_said_yes_never_decides_alone() -> None:
    """From ``READY`` only the word of the side that pays leads on."""
    assert {heard for state, heard in IN if state is In.READY} == {
        InInput.COMMIT,
        InInput.CANCEL,
    }


def test_who_paid_is_never_told_of_a_cancellation_that_counts() -> None:
    assert (In.DONE, InInput.CANCEL) not in IN
    assert (In.POSTING, InInput.CANCEL) not in IN
    assert (In.CANCELLED, InInput.COMMIT) not in IN


def test_every_state_can_be_reached_and_leads_to_an_end() -> None:
    for table, first, over in ((OUT, Out.PREPARING, OUT_OVER), (IN, In.HOLDING, IN_OVER)):
        edges = {(state, after) for (state, _), after in table.items()}
        reached = {first}
        for _ in table:
            reached |= {after for state, after in edges if state in reached}
        ends = set(over)
        for _ in table:
            ends |= {state for state, after in edges if after in ends}
        assert reached == set(type(first))
        # What is stuck waits for an operator.
        assert ends | {In.STUCK} >= reached


def test_what_is_on_its_way_explains_a_difference() -> None:
    paying = Side(700, 0, {"a": 200, "b": 100})
    assert compare(paying, Side(500, 200, {"a": 200})).minor == 0
    assert compare(paying, Side(400, 300, {"a": 200, "b": 100})).minor == 0
    assert compare(paying, Side(700, 0, {})).minor == 0
    assert compare(paying, Side(650, 0, {})).minor == 50
    # What the other has credited and nobody paid.
    assert compare(Side(0, 0, {}), Side(100, 0, {})).minor == -100


@given(st.integers(-100, 100), st.integers(-100, 100))
def test_no_more_is_set_off_than_both_owe(they: int, we: int) -> None:
    net = net_minor(they, we)
    assert net >= 0
    assert net in {0, they, we}
    assert net <= max(0, they)
    assert net <= max(0, we)


@attrs.define
class World:
    """Two institutions in memory: states, the ledger of each as sums, messages between them.

    Each step is one transaction of one of the two. So whoever ends between two steps has lost
    nothing but what it was about to say, which it says again.

    Attributes:
        limit: How much the one that is paid lets the other owe it.
        questions: On their way: which payment, kind.
        answers: On their way: which payment, kind, state of the other side.
    """

    amounts: list[int]
    money: int
    limit: int
    outs: dict[int, Out] = attrs.field(factory=dict)
    ins: dict[int, In] = attrs.field(factory=dict)
    payer: Counter[str] = attrs.field(factory=Counter)
    payee: Counter[str] = attrs.field(factory=Counter)
    questions: list[tuple[int, str]] = attrs.field(factory=list)
    answers: list[tuple[int, str, In]] = attrs.field(factory=list)
    contradictions: int = 0

    def begin(self, n: int) -> None:
        """The payer approves: the money is set aside, if it is there."""
        if n in self.outs or self.money - self.payer["held"] - self.payer["paid"] < self.amounts[n]:
            return
        self.payer["held"] += self.amounts[n]
        self.outs[n] = Out.PREPARING

    def say(self, n: int) -> None:
        """The job of a payment says what there is to say."""
        kinds = {Out.PREPARING: "prepare", Out.COMMITTING: "commit", Out.CANCELLING: "cancel"}
        state = self.outs.get(n)
        if state in kinds:
            self.questions.append((n, kinds[state]))

    def give_up(self, n: int) -> None:
        """The time is over, or the payer takes it back."""
        if self.outs.get(n) in {Out.PREPARING, Out.AGREED}:
            self.payer["held"] -= self.amounts[n]
            self._out(n, OutInput.NOT_PAID)

    def write_here(self, n: int) -> None:
        """The writer of the side that pays."""
        if self.outs.get(n) is Out.AGREED:
            self.payer["held"] -= self.amounts[n]
            self.payer["paid"] += self.amounts[n]
            self._out(n, OutInput.PAID)

    def write_there(self, n: int) -> None:
        """The writer of the side that is paid."""
        match self.ins.get(n):
            case In.HOLDING:
                used = self.payee["held"] + self.payee["credited"]
                if used + self.amounts[n] <= self.limit:
                    self.payee["held"] += self.amounts[n]
                    self.ins[n] = step_in(In.HOLDING, InInput.HELD)
                else:
                    self.ins[n] = step_in(In.HOLDING, InInput.NOT_HELD)
            case In.POSTING:
                self.payee["held"] -= self.amounts[n]
                self.payee["credited"] += self.amounts[n]
                self.ins[n] = step_in(In.POSTING, InInput.POSTED)
            case In.VOIDING:
                # A hold was there if it had said yes.
                self.payee["held"] -= self.payee.pop(f"was ready {n}", 0) * self.amounts[n]
                self.ins[n] = step_in(In.VOIDING, InInput.VOIDED)

    def deliver(self, at: int, *, is_doubled: bool) -> None:
        """A question arrives, in any order; it may arrive again."""
        if not self.questions:
            return
        n, kind = self.questions[at % len(self.questions)]
        if not is_doubled:
            self.questions.remove((n, kind))
        before = self.ins.get(n)
        if kind == "prepare":
            self.ins.setdefault(n, In.HOLDING)
        elif before is None:
            assert kind == "cancel", "nothing is paid before the other said yes"
            self.ins[n] = In.CANCELLED
        else:
            heard = InInput.COMMIT if kind == "commit" else InInput.CANCEL
            after = step_in(before, heard)
            if before is In.READY and after is In.VOIDING:
                self.payee[f"was ready {n}"] = 1
            self.ins[n] = after
        self.answers.append((n, kind, self.ins[n]))

    def answer(self, at: int, *, is_doubled: bool) -> None:
        """An answer arrives."""
        if not self.answers:
            return
        n, kind, _ = one = self.answers[at % len(self.answers)]
        if not is_doubled:
            self.answers.remove(one)
        state = self.ins[n] if one[2] in UNDECIDED else one[2]
        heard = {
            ("prepare", In.READY): OutInput.YES,
            ("prepare", In.REFUSED): OutInput.NO,
            ("commit", In.DONE): OutInput.CREDITED,
            ("cancel", In.CANCELLED): OutInput.HEARD,
            ("cancel", In.REFUSED): OutInput.NO,
        }.get((kind, state))
        if heard is None:
            return
        if heard is OutInput.NO and self.outs[n] is Out.PREPARING:
            self.payer["held"] -= self.amounts[n]
        self._out(n, heard)

    def lose(self, at: int) -> None:
        """A message is lost."""
        for waiting in (self.questions, self.answers):
            if waiting:
                del waiting[at % len(waiting)]

    def heal(self) -> None:
        """Nothing is lost any more, until both rest."""
        self.questions.clear()
        self.answers.clear()
        for _ in range(8):
            for n in list(self.outs):
                self.say(n)
                while self.questions:
                    self.deliver(0, is_doubled=False)
                self.write_there(n)
                while self.answers:
                    self.answer(0, is_doubled=False)
                self.write_here(n)

    def check(self) -> None:
        """What holds at every moment."""
        held = sum(
            self.amounts[n] for n, one in self.outs.items() if one in {Out.PREPARING, Out.AGREED}
        )
        assert self.payer["held"] == held
        assert self.payer["held"] + self.payer["paid"] <= self.money
        assert self.payee["held"] + self.payee["credited"] <= self.limit
        assert self.payee["credited"] <= self.payer["paid"]

    def _out(self, n: int, heard: OutInput) -> None:
        self.outs[n] = step_out(self.outs[n], heard)


STEPS = st.tuples(
    st.sampled_from(
        ["begin", "say", "give_up", "write_here", "write_there", "deliver", "answer", "lose"]
    ),
    st.integers(0, 11),
    st.booleans(),
)


@settings(max_examples=many(ordinary=100, long=400), deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=3, max_size=3),
    st.integers(0, 120),
    st.lists(STEPS, max_size=60),
)
def test_whatever_is_lost_or_doubled_or_late_both_sides_agree_in_the_end(
    amounts: list[int], limit: int, steps: list[tuple[str, int, bool]]
) -> None:
    world = World(amounts, 120, limit)
    for name, at, is_doubled in steps:
        if name in {"deliver", "answer"}:
            getattr(world, name)(at, is_doubled=is_doubled)
        else:
            getattr(world, name)(at if name == "lose" else at % 3)
        world.check()

    world.heal()

    world.check()
    assert set(world.outs.values()) <= OUT_OVER
    paid = {n for n, one in world.outs.items() if one is Out.DONE}
    credited = {n for n, one in world.ins.items() if one is In.DONE}
    assert paid == credited
    assert world.payer["held"] == world.payee["held"] == 0
    assert world.payer["paid"] == world.payee["credited"] == sum(amounts[n] for n in paid)
    assert set(world.ins.values()) <= IN_OVER
