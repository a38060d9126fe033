"""What the office of a simulation tells: messages to people, events to organisations' webhooks.

Both are kept in the transaction of their cause and sent until they were taken. A message has an id,
by which the homeserver takes it once; of an organisation's events the next one follows only when
the one before was taken, under a lease that another process may get meanwhile.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from veche.messaging.webhooks.store import WAIT_MS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.load import Network

ROUND_S: Final = 1.0
LEASE_MS: Final = 2_500


@attrs.define
class Hook:
    """The target of an organisation, as the office keeps it, and what it took."""

    events: list[str] = attrs.field(factory=list)
    cursor: int = 0
    lease: int = 0
    due_at_ms: int = 0
    taken: list[int] = attrs.field(factory=list)


@attrs.define(eq=False)
class Mailroom:
    """What is to be told, and what was.

    Attributes:
        ledger_ms: Ledger time.
        transact: Has a process do something at the time of its clock, if it lives.
        heard: What each person read, in order.
        when_heard: Told of each event that an organisation took, the first time.
    """

    network: Network
    later: Callable[[float, Callable[[], None]], None]
    transact: Callable[[Callable[[int], None]], None]
    ledger_ms: Callable[[], int]
    when_heard: Callable[[int, str], None]
    problems: list[str] = attrs.field(factory=list)
    outbox: dict[tuple[int, str], bool] = attrs.field(factory=dict)
    heard: defaultdict[int, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    hooks: defaultdict[int, Hook] = attrs.field(factory=lambda: defaultdict(Hook))

    def tell(self, person: int, what: str) -> None:
        """In the transaction of its cause."""
        if (person, what) in self.outbox:
            self.problems.append(f"{person} is told twice: {what}")
        self.outbox[person, what] = False

    def event(self, organisation: int, what: str) -> None:
        """Likewise."""
        self.hooks[organisation].events.append(what)

    def open(self) -> None:
        """Begin to send."""
        self._round()

    def is_at_rest(self) -> bool:
        """Whether everybody was told everything."""
        is_told = all(self.outbox.values())
        return is_told and all(one.cursor == len(one.events) for one in self.hooks.values())

    def look(self) -> list[str]:
        """What does not add up in the end."""
        for person, what in self.outbox:
            if self.heard[person].count(what) != 1:
                self.problems.append(
                    f"{person} reads {self.heard[person].count(what)} times: {what}"
                )
        for organisation, hook in self.hooks.items():
            if sorted(set(hook.taken)) != list(range(1, len(hook.events) + 1)):
                self.problems.append(f"{organisation} did not hear of everything")
            first = [n for n, count in Counter(hook.taken).items() if count]
            if first != sorted(first):
                self.problems.append(f"{organisation} heard out of order: {hook.taken}")
        return self.problems

    def _round(self) -> None:
        for key, is_taken in self.outbox.items():
            if not is_taken:
                self._send(key)
        for organisation in list(self.hooks):
            self._lease(organisation)
        self.later(ROUND_S, self._round)

    def _send(self, key: tuple[int, str]) -> None:
        person, what = key

        def taken(_: int) -> None:
            self.outbox[key] = True

        def arrive() -> None:
            if what not in self.heard[person]:  # by its transaction id
                self.heard[person].append(what)
            self.network.send(lambda: self.transact(taken))

        self.network.send(arrive)

    def _lease(self, organisation: int) -> None:
        hook = self.hooks[organisation]

        def lease(now_ms: int) -> None:
            is_due = hook.due_at_ms <= now_ms or hook.due_at_ms > now_ms + WAIT_MS_MAX
            if is_due and hook.cursor < len(hook.events):
                hook.lease += 1
                hook.due_at_ms = now_ms + LEASE_MS
                self._serve(organisation, hook, hook.lease)

        self.transact(lease)

    def _serve(self, organisation: int, hook: Hook, lease: int) -> None:
        """Send the next event; the one after it follows when this one was taken."""
        n = hook.cursor + 1

        def arrive() -> None:
            if n not in hook.taken:
                self.when_heard(organisation, hook.events[n - 1])
            hook.taken.append(n)
            self.network.send(lambda: self.transact(taken))

        def taken(now_ms: int) -> None:
            if hook.lease != lease or hook.cursor >= n:
                return
            hook.cursor, hook.due_at_ms = n, now_ms + LEASE_MS
            if hook.cursor < len(hook.events):
                self._serve(organisation, hook, lease)
            else:
                hook.due_at_ms = now_ms

        self.network.send(arrive)
