"""Long poll: who waits for a topic is woken by PostgreSQL's NOTIFY, from whichever process.

Subscribe first, then read the state, then wait: what happens in between is not missed. A wake-up
is a hint; whoever is woken reads the state again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from twisted.internet.defer import Deferred

from veche.protocol.errors import LimitError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from types import TracebackType
    from typing import Self

    from twisted.internet.interfaces import IReactorTime

    from veche.runtime.database import Cursor

CHANNEL: Final = "veche_live"
WAIT_MS_MAX: Final = 25_000
"""How long one request waits: less than the proxies on the way are patient."""
WATCHES_MAX: Final = 5_000
"""Who may wait in one process."""
WATCHES_OF_ONE_MAX: Final = 10
"""How often one session may wait at once: a request for each of its tabs."""
TOPICS_MAX: Final = 50
TOPIC_BYTES_MAX: Final = 500
_RETRY_AFTER_MS: Final = 5_000

V = TypeVar("V")


def announce(txn: Cursor, topic: str) -> None:
    """Wake whoever watches a topic, in every process, once the transaction is committed.

    Args:
        txn: What changed.
        topic: At most ``TOPIC_BYTES_MAX`` bytes of UTF-8; it holds no secret.
    """
    _check(topic)
    txn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, topic))


class Watch:
    """One who waits; a context manager that frees its place."""

    def __init__(self, live: Live, topics: frozenset[str], owner: str | None) -> None:
        self._live = live
        self._waiting: Deferred[None] | None = None
        self._is_rung = False
        self.topics = topics
        self.owner = owner

    def __enter__(self) -> Self:
        self._live.enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.leave(self)

    async def changed(self, timeout_ms: int = WAIT_MS_MAX) -> bool:
        """Wait until a topic was announced since the last call; False if none was in time.

        Args:
            timeout_ms: At most ``WAIT_MS_MAX``; a longer one is cut to it.

        Raises:
            UnavailableError: The process is about to end, which the last call told as news.
        """
        if not self._is_rung and timeout_ms > 0:
            self._live.check_open()
            waiting = self._waiting = Deferred(self._forget)
            delay_s = min(timeout_ms, WAIT_MS_MAX) / 1000
            alarm = self._live.reactor.callLater(delay_s, self._end, waiting)
            try:
                await waiting
            finally:
                if alarm.active():
                    alarm.cancel()
        was_rung, self._is_rung = self._is_rung, False
        return was_rung

    def ring(self) -> None:
        """A topic was announced."""
        self._is_rung = True
        if self._waiting is not None:
            self._end(self._waiting)

    def _end(self, waiting: Deferred[None]) -> None:
        if self._waiting is waiting:
            self._waiting = None
            waiting.callback(None)

    def _forget(self, _waiting: Deferred[None]) -> None:
        self._waiting = None


class Live:
    """Those who wait in one process.

    Attributes:
        reactor: Clock.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        self.reactor = reactor
        self._watches: set[Watch] = set()
        self._by_topic: dict[str, set[Watch]] = {}
        self._by_owner: dict[str, int] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._watches)

    def watching(self, topics: Collection[str], *, owner: str | None = None) -> Watch:
        """A place among those who wait, taken by ``with``.

        Args:
            topics: At most ``TOPICS_MAX``.
            owner: Whose places are counted together, such as a session's id; None: nobody's.

        Raises:
            LimitError: By ``with``: all places are taken, or all that ``owner`` may have.
            UnavailableError: By ``with``: the process is about to end.
            ValueError: Too many topics, or one that is too long.
        """
        if len(topics) > TOPICS_MAX:
            raise ValueError(f"at most {TOPICS_MAX} topics")
        for topic in topics:
            _check(topic)
        return Watch(self, frozenset(topics), owner)

    async def follow(
        self,
        topics: Collection[str],
        timeout_ms: int,
        look: Callable[[int], Awaitable[V | None]],
        *,
        owner: str | None = None,
    ) -> V | None:
        """Look again whenever a topic is announced, until there is something, or time is over.

        Args:
            topics: See ``watching``.
            timeout_ms: How long at most.
            look: Is told how many milliseconds are left, 0 or less the last time; None: go on.
            owner: See ``watching``.

        Raises:
            LimitError: Too many wait.
            UnavailableError: The process is about to end.
        """
        end_s = self.reactor.seconds() + timeout_ms / 1000
        with self.watching(topics, owner=owner) as watch:
            while True:
                left_ms = int((end_s - self.reactor.seconds()) * 1000)
                found = await look(left_ms)
                if found is not None or left_ms <= 0:
                    return found
                await watch.changed(left_ms)

    def heard(self, topic: str) -> None:
        """Wake who watches ``topic``; everybody if it is empty: something may have been missed."""
        watches = self._by_topic.get(topic, ()) if topic else self._watches
        for watch in tuple(watches):
            watch.ring()

    def close(self) -> None:
        """Wake everybody, and let nobody wait any more: the process is about to end."""
        self._is_closed = True
        self.heard("")

    def check_open(self) -> None:
        """Refuse to wait in a process that is about to end."""
        if self._is_closed:
            raise UnavailableError("Please ask again", retry_after_ms=_RETRY_AFTER_MS)

    def enter(self, watch: Watch) -> None:
        """Count a watch in."""
        self.check_open()
        owned = self._by_owner.get(watch.owner, 0) if watch.owner is not None else 0
        if len(self._watches) >= WATCHES_MAX or owned >= WATCHES_OF_ONE_MAX:
            raise LimitError("Too many requests wait already", retry_after_ms=_RETRY_AFTER_MS)
        self._watches.add(watch)
        if watch.owner is not None:
            self._by_owner[watch.owner] = owned + 1
        for topic in watch.topics:
            self._by_topic.setdefault(topic, set()).add(watch)

    def leave(self, watch: Watch) -> None:
        """Count it out."""
        self._watches.discard(watch)
        if watch.owner is not None:
            owned = self._by_owner.pop(watch.owner) - 1
            if owned:
                self._by_owner[watch.owner] = owned
        for topic in watch.topics:
            watches = self._by_topic[topic]
            watches.discard(watch)
            if not watches:
                del self._by_topic[topic]


def _check(topic: str) -> None:
    if not 0 < len(topic.encode()) <= TOPIC_BYTES_MAX:
        raise ValueError(f"a topic has 1 to {TOPIC_BYTES_MAX} bytes")
