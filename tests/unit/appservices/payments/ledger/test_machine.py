"""The book against a plain model, over histories that no person would think of."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from appservices.payments.ledger.core import Result
from appservices.payments.ledger.core.replay import replay
from appservices.payments.ledger.store.memory_ledger import MemoryLedger
from tests.support.long import many
from tests.unit.appservices.payments.ledger.walk import Walk, book_is_empty

TRANSFERS = many(ordinary=25_000, long=1_000_000)
STEPS_A_WORLD = 60


@pytest.mark.timeout(many(ordinary=300, long=3_600))
def test_book_and_model_agree_and_every_answer_is_given() -> None:
    reached: Counter[Result] = Counter()
    transfers = seed = 0
    while transfers < TRANSFERS:
        seed += 1
        walk = Walk(Random(seed))  # noqa: S311 -- a history, not a secret
        try:
            for _ in range(STEPS_A_WORLD):
                walk.step()
            walk.settle()
        except Exception as e:
            raise AssertionError(f"seed {seed}") from e
        reached += walk.results
        transfers += walk.transfers
        assert book_is_empty(walk.shard.book)
        assert replay(walk.shard.blocks(), MemoryLedger()) == walk.shard.seq

    assert [result.word for result in Result if not reached[result]] == []


class Machine(RuleBasedStateMachine):
    """The same walk; hypothesis chooses each turn, and finds the shortest way to a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = Walk(Random(0))  # noqa: S311

    @rule(random=st.randoms(use_true_random=False))
    def step(self, random: Random) -> None:
        self.walk.random = random
        self.walk.step()

    @rule()
    def restart(self) -> None:
        self.walk.restart()

    @rule()
    def settle(self) -> None:
        self.walk.settle()

    def teardown(self) -> None:
        self.walk.settle()
        assert book_is_empty(self.walk.shard.book)
        assert replay(self.walk.shard.blocks(), MemoryLedger()) == self.walk.shard.seq


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=many(ordinary=25, long=500),
    stateful_step_count=many(ordinary=20, long=50),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
