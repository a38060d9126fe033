"""Who waits for a topic is woken, in time, and frees its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from veche.protocol.errors import LimitError, UnavailableError
from veche.runtime import live as live_module
from veche.runtime.live import (
    TOPIC_BYTES_MAX,
    TOPICS_MAX,
    WAIT_MS_MAX,
    WATCHES_OF_ONE_MAX,
    Live,
    announce,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Town:
    """A process in which some wait."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.live = Live(self.clock)

    def waits(self, *topics: str, ms: int = WAIT_MS_MAX) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._wait(topics, ms))

    async def _wait(self, topics: Sequence[str], ms: int) -> bool:
        with self.live.watching(topics) as watch:
            return await watch.changed(ms)


def result(waiting: Deferred[Any]) -> Any:
    """What a wait came to; ``…`` while it goes on."""
    return getattr(waiting, "result", ...) if waiting.called else ...


def test_who_waits_for_a_topic_is_woken_and_nobody_else() -> None:
    town = Town()
    a, also_a, b = town.waits("a"), town.waits("x", "a"), town.waits("b")

    town.live.heard("a")

    assert [result(one) for one in (a, also_a, b)] == [True, True, ...]
    assert len(town.live) == 1
    b.cancel()
    b.addErrback(lambda _: None)


def test_a_topic_that_nobody_watches_wakes_nobody() -> None:
    town = Town()
    waiting = town.waits("a")
    town.live.heard("b")
    assert result(waiting) is ...
    town.clock.advance(WAIT_MS_MAX / 1000)
    assert result(waiting) is False


def test_when_something_may_have_been_missed_everybody_looks() -> None:
    town = Town()
    waiting = [town.waits("a"), town.waits("b"), town.waits()]
    town.live.heard("")
    assert [result(one) for one in waiting] == [True, True, True]


@pytest.mark.parametrize(
    ("asked_ms", "ends_ms"), [(1, 1), (5_000, 5_000), (WAIT_MS_MAX + 60_000, WAIT_MS_MAX)]
)
def test_a_wait_ends_in_time(asked_ms: int, ends_ms: int) -> None:
    town = Town()
    waiting = town.waits("a", ms=asked_ms)

    town.clock.advance((ends_ms - 0.5) / 1000)
    assert result(waiting) is ...
    town.clock.advance(0.001)

    assert result(waiting) is False
    assert len(town.live) == 0
    assert town.clock.getDelayedCalls() == []


@pytest.mark.parametrize("asked_ms", [0, -5])
def test_no_time_is_no_wait(asked_ms: int) -> None:
    assert result(Town().waits("a", ms=asked_ms)) is False


def test_what_happens_between_subscribing_and_waiting_is_not_missed() -> None:
    town = Town()
    with town.live.watching(["a"]) as watch:
        town.live.heard("a")
        assert result(Deferred.fromCoroutine(watch.changed())) is True
        # It is told once.
        again = Deferred.fromCoroutine(watch.changed(1_000))
        assert result(again) is ...
        town.live.heard("a")
        assert result(again) is True


def test_many_rings_are_one() -> None:
    town = Town()
    with town.live.watching(["a", "b"]) as watch:
        for topic in ("a", "b", "a"):
            town.live.heard(topic)
        assert result(Deferred.fromCoroutine(watch.changed())) is True
        assert result(Deferred.fromCoroutine(watch.changed(0))) is False


def test_a_client_that_leaves_frees_its_place() -> None:
    town = Town()
    waiting = town.waits("a")
    assert len(town.live) == 1

    waiting.cancel()
    waiting.addErrback(lambda _: None)

    assert len(town.live) == 0
    assert town.clock.getDelayedCalls() == []
    town.live.heard("a")


def test_an_error_while_one_watches_frees_the_place() -> None:
    town = Town()
    with pytest.raises(ZeroDivisionError), town.live.watching(["a"], owner="s"):
        raise ZeroDivisionError
    assert len(town.live) == 0
    assert town.live._by_owner == {}
    assert town.live._by_topic == {}


def test_one_session_has_so_many_places() -> None:
    town = Town()
    taken = [town.live.watching(["a"], owner="s") for _ in range(WATCHES_OF_ONE_MAX)]
    for one in taken:
        one.__enter__()

    with pytest.raises(LimitError) as caught:
        town.live.watching(["a"], owner="s").__enter__()

    assert caught.value.retry_after_ms > 0
    with town.live.watching(["a"], owner="other"), town.live.watching(["a"]):
        assert len(town.live) == WATCHES_OF_ONE_MAX + 2
    taken[0].__exit__(None, None, None)
    with town.live.watching(["a"], owner="s"):
        pass


def test_a_process_has_so_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "WATCHES_MAX", 2)
    town = Town()
    with town.live.watching(["a"]), town.live.watching(["b"], owner="s"):
        with pytest.raises(LimitError):
            town.live.watching(["c"]).__enter__()
        assert len(town.live) == 2
    with town.live.watching(["c"]):
        assert len(town.live) == 1


def test_topics_are_bounded() -> None:
    town = Town()
    town.live.watching([f"{number}" for number in range(TOPICS_MAX)])
    town.live.watching(["x" * TOPIC_BYTES_MAX])
    for wrong in (
        [f"{number}" for number in range(TOPICS_MAX + 1)],
        [""],
        ["x" * (TOPIC_BYTES_MAX + 1)],
        ["ж" * (TOPIC_BYTES_MAX // 2 + 1)],
    ):
        with pytest.raises(ValueError, match="topic"):
            town.live.watching(wrong)


@pytest.mark.parametrize("topic", ["", "x" * (TOPIC_BYTES_MAX + 1)])
def test_a_topic_that_is_none_is_not_announced(topic: str) -> None:
    txn: Any = None
    with pytest.raises(ValueError, match="topic"):
        announce(txn, topic)


def test_who_waits_in_a_loop_is_sent_away_when_the_process_ends() -> None:
    town = Town()
    looks = []

    async def follow() -> None:
        with town.live.watching(["a"]) as watch:
            while True:
                looks.append(await watch.changed())

    waiting = Deferred.fromCoroutine(follow())
    town.live.close()

    assert looks == [True]
    assert isinstance(getattr(result(waiting), "value", None), UnavailableError)
    assert len(town.live) == 0
    waiting.addErrback(lambda _: None)


def test_a_process_that_ends_lets_nobody_wait() -> None:
    town = Town()
    waiting = town.waits("a")

    town.live.close()

    assert result(waiting) is True
    with pytest.raises(UnavailableError) as caught:
        town.live.watching(["a"]).__enter__()
    assert not isinstance(caught.value, LimitError)
    assert len(town.live) == 0


def test_a_follower_looks_again_at_each_news_until_there_is_something() -> None:
    town = Town()
    looks: list[int] = []

    async def look(left_ms: int) -> str | None:
        looks.append(left_ms)
        return "found" if len(looks) == 3 else None

    following = Deferred.fromCoroutine(town.live.follow(["a"], 10_000, look))
    assert looks == [10_000]
    town.live.heard("b")
    assert looks == [10_000]
    for _ in range(2):
        town.clock.advance(1)
        town.live.heard("a")

    assert result(following) == "found"
    assert looks == [10_000, 9_000, 8_000]
    assert len(town.live) == 0


def test_a_follower_looks_a_last_time_when_time_is_over() -> None:
    town = Town()
    looks: list[int] = []

    async def look(left_ms: int) -> str | None:
        looks.append(left_ms)
        return None

    following = Deferred.fromCoroutine(town.live.follow(["a"], 10_000, look))
    town.clock.advance(10)

    assert result(following) is None
    assert looks == [10_000, 0]
    assert len(town.live) == 0
