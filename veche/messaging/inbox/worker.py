"""Acts on what came: one transaction for a room's rows, their effects and their end.

Any number of workers, in any number of processes, take rooms that are due; a room is with one of
them at a time, and its rows are done in the order in which they came.

**Rows that wait for a room key.** Keys and events travel apart, so a row whose key is missing waits
``KEY_WAIT_MS``, and later messages of the same sender in that room wait with it, so that nobody's
words are turned round. Other people's messages and all state events go on at once. After that time
the crypto asks for the key and tells the person, and the sender's later messages go on; should the
key come within days after all, the row is done then, late, which every service has to bear anyway.

**Rows that fail.** The transaction is rolled back; the rows before the failing one are done in a
transaction of their own, so that order is kept; the failing one is tried again after 1, 2, 4 and
8 s, while its room rests, and refused after ``FAILURES_MAX`` failures. So a row delays its room for
some 15 s and never blocks it; who wrote it is told, since nobody else would say that nothing was
done. Failures of the database are not counted.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs
from twisted.internet.defer import CancelledError

from veche.messaging.inbox import pages, store
from veche.messaging.inbox.events import ENCRYPTED, TRACKED, is_for_an_answer
from veche.messaging.inbox.tracking import track
from veche.messaging.outbox.store import end_sent, note_sent
from veche.messaging.outbox.turns import Handover
from veche.protocol.bridged import heard
from veche.protocol.errors import MalformedError, UnavailableError, VecheError
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.protocol.json_reader import read_content
from veche.runtime import metrics
from veche.runtime.database import DATABASE_FAILURES, is_cancelled
from veche.runtime.ports import NeedsDevices, RefusedEvent, WaitsForKey
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.messaging.inbox.store import Claim, Item
    from veche.messaging.outbox.marks import Mark
    from veche.messaging.outbox.sender import OutboxSender
    from veche.protocol.ids import RoomId, UserId
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.rooms import Rooms
    from veche.runtime.ports import Arrivals, Devices, Opener, Receiver, RoomHooks
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

WORKERS: Final = 3
"""Rooms that one process works on at once; one database thread stays for the intake."""
KEY_WAIT_MS: Final = 10_000
POLL_MS: Final = 2_000
LEASE_MS: Final = 30_000
"""How long a room is left to the process that asks the homeserver about it."""
ROW_DELAYS_MS: Final = (1_000, 2_000, 4_000, 8_000)
_DOUBTED: Final = frozenset(
    {
        DeviceStanding.UNSIGNED,
        DeviceStanding.NO_IDENTITY,
        DeviceStanding.IDENTITY_CHANGED,
        DeviceStanding.LATE,
    }
)

_rows = metrics.counter("veche_inbox_done_total", "Rows by how they ended.", ["end"])
_refused = metrics.counter("veche_inbox_refused_total", "Rows refused, by reason.", ["reason"])
_lag_s = metrics.histogram(
    "veche_inbox_lag_seconds", "From the arrival of an event until it was acted on."
)


@attrs.frozen
class Ports:
    """The operations that the worker needs from the crypto.

    Attributes:
        opener: Opens encrypted events.
        arrivals: Says whether a key came while its row was put by.
        hooks: Learns of members, encryption and unreadable events.
        devices: Asks for devices.
        is_ours: Whether a user id is in our namespace.
        given_up: Tells who wrote a row that nothing was done, in the transaction that gives it up.
        doubted: Acts on a message of a device that is not simply its person's, and says whether
            nobody else has to hear it.
        bridges: Bots that speak for people of other networks.
    """

    opener: Opener
    arrivals: Arrivals
    hooks: RoomHooks
    devices: Devices
    is_ours: Callable[[str], bool]
    given_up: Callable[[Cursor, Claim, Item, int], None]
    doubted: Callable[[Cursor, Claim, Item, Inbound, int], bool]
    bridges: Collection[UserId] = ()


@attrs.frozen
class _Outcome:
    """The outcome of one transaction.

    Attributes:
        next_at_ms: When the next room is due, None if none is.
        look: A room whose state has to be read first.
        needs: Whose devices have to be asked for, before ``claim`` goes on.
        wanted: Keys for which rows were put by.
        spoken: What bots say in it.
    """

    next_at_ms: int | None
    claim: Claim | None = None
    look: bool = False
    needs: frozenset[UserId] = frozenset()
    wanted: Sequence[WaitsForKey] = ()
    spoken: Handover = attrs.field(factory=Handover)


@attrs.define
class _Batch:
    """Where a transaction has got to with a room's rows."""

    done: list[int] = attrs.field(factory=list)
    refused: list[int] = attrs.field(factory=list)
    late_count: int = 0
    needs: set[UserId] = attrs.field(factory=set)
    wanted: list[WaitsForKey] = attrs.field(factory=list)
    held: set[UserId] = attrs.field(factory=set)
    times_ms: list[int] = attrs.field(factory=list)
    is_doubtful: bool = False

    def hold(self, sender: UserId, until_ms: int) -> None:
        """Let the sender's later messages wait."""
        self.held.add(sender)
        self.times_ms.append(until_ms)

    def next_at_ms(self, claim: Claim, now_ms: int, *, is_all: bool) -> int | None:
        """When to look at the room again; None if nothing is left."""
        has_moved = bool(self.done or self.refused or self.late_count)
        if (not is_all and has_moved) or (self.is_doubtful and claim.is_joined):
            return now_ms
        return min(self.times_ms) if self.times_ms else None


class _RowFailedError(Exception):
    """A row failed; its transaction is rolled back."""

    def __init__(self, claim: Claim, item: Item, *, is_first: bool) -> None:
        super().__init__(item.event_id)
        self.claim = claim
        self.item = item
        self.is_first = is_first


class Worker:
    """The loops of one process that act on rooms of its bots."""

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        tasks: Tasks,
        receivers: Mapping[UserId, Receiver],
        ports: Ports,
        rooms: Rooms,
        sender: OutboxSender,
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._tasks = tasks
        self._receivers = dict(receivers)
        self._bots = sorted(self._receivers)
        self._ports = ports
        self._rooms = rooms
        self._sender = sender
        self._marks = sender.marks
        self._idle: list[WakeEvent] = []
        self._is_rung = False
        # The room and bot of each transaction that runs; written in its thread.
        self._taken: dict[object, tuple[RoomId, UserId]] = {}

    @property
    def is_busy(self) -> bool:
        """No loop is idle: other processes should be told of new rows."""
        return not self._idle

    def wake(self, _announced: str = "") -> None:
        """Look for due rooms now."""
        if self._idle:
            self._idle.pop().set()
        else:
            self._is_rung = True

    def start(self) -> None:
        """Begin; ends with the tasks."""
        for number in range(WORKERS):
            self._tasks.spawn(f"inbox {number}", self._loop(WakeEvent(self._reactor)))

    async def _loop(self, wake: WakeEvent) -> None:
        while True:
            delay_ms = POLL_MS
            try:
                delay_ms = await self._turn()
            except UnavailableError as e:
                delay_ms = min(e.retry_after_ms, POLL_MS)
            except CancelledError:
                raise
            except Exception:
                logger.exception("the inbox failed")
            if delay_ms <= 0 or self._is_rung:
                self._is_rung = False
                continue
            self._idle.append(wake)
            await wake.wait(delay_ms)
            if wake in self._idle:
                self._idle.remove(wake)

    async def _turn(self) -> int:
        """Do one room; how long nothing more is due."""
        try:
            outcome = await self._run(None)
        except _RowFailedError as failed:
            # Whoever has the room now meets the row too.
            return 0 if await self._row_failed(failed) else POLL_MS
        if outcome.claim is not None:
            self._ask(outcome, outcome.claim)
        if outcome.next_at_ms is None:
            return POLL_MS
        now_ms = self._now_ms()
        if outcome.claim is None and outcome.next_at_ms <= now_ms:
            return POLL_MS  # another process has it
        return min(POLL_MS, outcome.next_at_ms - now_ms)

    async def _run(self, only: Claim | None, before_seq: int = store.NEVER_MS) -> _Outcome:
        marks = self._marks.take()
        place = object()
        try:
            outcome = await self._database.run(
                "inbox", self._work, place, self._now_ms(), marks, only, before_seq
            )
        except BaseException:
            self._marks.restore(marks)
            raise
        finally:
            self._taken.pop(place, None)
        self._marks.written(marks)
        self._sender.hand_on(outcome.spoken)
        return outcome

    def _work(
        self,
        txn: Cursor,
        place: object,
        now_ms: int,
        marks: Sequence[Mark],
        only: Claim | None,
        before_seq: int,
    ) -> _Outcome:
        # First: what is known of what was sent helps to understand what came.
        note_sent(txn, marks)
        taken = store.take(
            txn,
            self._bots if only is None else [only.bot],
            now_ms,
            room_id=None if only is None else only.room_id,
            before_seq=before_seq,
        )
        if not isinstance(taken, tuple):
            end_sent(txn, marks)
            return _Outcome(taken)
        claim, items = taken
        self._taken[place] = (claim.room_id, claim.bot)
        if claim.is_joined and claim.looked_at_ms is None:
            end_sent(txn, marks)
            end = store.End(next_at_ms=now_ms + LEASE_MS)
            return _Outcome(store.settle(txn, claim, end, self._bots).due_at_ms, claim, look=True)
        batch, txn.said = _Batch(), []
        for item in items:
            self._do(txn, claim, item, batch, now_ms)
        pages.ended(txn, claim, items, [*batch.done, *batch.refused])
        next_at_ms: int | None = now_ms
        if before_seq == store.NEVER_MS:
            is_all = len(items) < store.ROWS_MAX
            next_at_ms = batch.next_at_ms(claim, now_ms, is_all=is_all)
        here = (claim.bot, claim.room_id) if claim.is_joined and not batch.is_doubtful else None
        spoken = self._sender.seal(txn, here, txn.said, now_ms)
        end_sent(txn, marks)
        end = store.End(batch.done, batch.refused, next_at_ms, spoken.sealed_count)
        # Looking for a room that is taken would cost an empty transaction.
        others = [one for key, one in self._taken.copy().items() if key is not place]
        settled = store.settle(txn, claim, end, self._bots, others)
        spoken.settle(settled.outbox_mark)
        needs, wanted = frozenset(batch.needs), batch.wanted
        return _Outcome(settled.due_at_ms, claim, needs=needs, wanted=wanted, spoken=spoken)

    def _do(self, txn: Cursor, claim: Claim, item: Item, batch: _Batch, now_ms: int) -> None:
        """Do a row, or let it wait.

        Raises:
            _RowFailedError: It failed; everything in ``txn`` has to go.
        """
        if item.sender in batch.held and "state_key" not in item.event:
            return
        if item.waits_until_ms is not None and item.waits_until_ms > now_ms:
            batch.hold(item.sender, item.waits_until_ms)
            return
        try:
            self._hand_over(txn, claim, item, batch, now_ms)
        except WaitsForKey as e:
            self._wait(txn, claim, item, e, batch, now_ms)
        except NeedsDevices as e:
            batch.needs.add(e.user_id)
            batch.hold(item.sender, now_ms + LEASE_MS)
        except RefusedEvent as e:
            logger.warning("event %s refused: %s", item.event_id, e.reason)
            _refused.labels(e.reason).inc()
            batch.refused.append(item.seq)
        except DATABASE_FAILURES as e:
            if is_cancelled(e):
                raise _failed(claim, item, batch) from e
            raise  # of the database: the transaction runs again
        except Exception as e:
            raise _failed(claim, item, batch) from e
        else:
            batch.done.append(item.seq)
            _lag_s.observe(max(0, now_ms - item.received_at_ms) / 1000)

    def _hand_over(self, txn: Cursor, claim: Claim, item: Item, batch: _Batch, now_ms: int) -> None:
        if item.event_type in TRACKED and "state_key" in item.event:
            is_ours, hooks = self._ports.is_ours, self._ports.hooks
            batch.is_doubtful |= track(txn, hooks, is_ours, claim, item)
        if pages.is_page(item.event_id):
            self._receivers[claim.bot].receive_page(txn, pages.read(claim, item))
            return
        inbound = self._open(txn, claim, item)
        if inbound.standing in _DOUBTED and self._ports.doubted(txn, claim, item, inbound, now_ms):
            return
        self._receivers[claim.bot].receive(txn, inbound)

    def _wait(
        self, txn: Cursor, claim: Claim, item: Item, wanted: WaitsForKey, batch: _Batch, now_ms: int
    ) -> None:
        if item.state is store.State.NEW:
            store.wait(txn, claim, item, wanted.session_id, now_ms + KEY_WAIT_MS)
            batch.wanted.append(wanted)
            batch.hold(item.sender, now_ms + KEY_WAIT_MS)
            return
        self._ports.hooks.unreadable(txn, claim.bot, item.event, now_ms)
        store.set_late(txn, claim, item)
        batch.late_count += 1
        _rows.labels("late").inc()

    def _open(self, txn: Cursor, claim: Claim, item: Item) -> Inbound:
        event = item.event
        state_key = event.get("state_key")
        if item.event_type == ENCRYPTED and state_key is None:
            opened = self._ports.opener(txn, claim.bot, event)
            kind, content = opened.event_type, opened.content
            trust, standing = opened.trust, opened.standing
        else:
            plain = event.get("content")
            if not isinstance(plain, dict):
                raise RefusedEvent("content")
            kind, content = item.event_type, plain
            trust, standing = Trust.ANY, DeviceStanding.NOT_ENCRYPTED
        try:
            content = read_content(content, "content")
        except MalformedError as e:
            raise RefusedEvent("content") from e
        inbound = Inbound(
            bot=claim.bot,
            room_id=claim.room_id,
            event_id=item.event_id,
            sender=item.sender,
            event_type=kind,
            content=content,
            trust=trust,
            standing=standing,
            at_ms=item.received_at_ms,
            state_key=state_key if isinstance(state_key, str) else None,
        )
        return heard(inbound, self._ports.bridges)

    async def _row_failed(self, failed: _RowFailedError) -> bool:
        """Do the rows before it and count its failure; False if somebody else has the room."""
        while not failed.is_first:
            try:
                outcome = await self._run(failed.claim, failed.item.seq)
            except _RowFailedError as earlier:
                failed = earlier
            else:
                if outcome.claim is None:
                    return False
                break
        claim, item, cause = failed.claim, failed.item, failed.__cause__
        if isinstance(cause, UnavailableError):
            logger.info("event %s: %s", item.event_id, cause.errcode)
            until_ms = self._now_ms() + cause.retry_after_ms
            await self._database.run("inbox delay", store.delay, claim.room_id, claim.bot, until_ms)
            return True
        logger.error("event %s failed", item.event_id, exc_info=cause)
        failures = await self._count_failure(claim, item)
        if failures >= store.FAILURES_MAX:
            logger.error("event %s failed %d times and is given up", item.event_id, failures)
            _rows.labels("failed").inc()
        return True

    async def _count_failure(self, claim: Claim, item: Item) -> int:
        run, now_ms = self._database.run, self._now_ms()
        try:
            return await run("inbox failure", self._fail, claim, item, now_ms)
        except (CancelledError, UnavailableError):
            raise
        except Exception:
            # That nobody can be told must not keep the row, which would be tried for ever.
            logger.exception("nobody is told that event %s is given up", item.event_id)
            return await run("inbox failure", pages.fail, claim, item, now_ms, ROW_DELAYS_MS)

    def _fail(self, txn: Cursor, claim: Claim, item: Item, now_ms: int) -> int:
        failures = pages.fail(txn, claim, item, now_ms, ROW_DELAYS_MS)
        is_given_up = failures >= store.FAILURES_MAX and claim.is_joined
        # Who acts on a page sees there what became of it: its rows are of other types.
        if is_given_up and is_for_an_answer(item.event_type, item.event):
            self._ports.given_up(txn, claim, item, now_ms)
        return failures

    def _ask(self, outcome: _Outcome, claim: Claim) -> None:
        """Ask the homeserver what the room needs; it is due again once the answer is there."""
        if outcome.look:
            self._tasks.spawn("look", self._look(claim))
        elif outcome.needs:
            self._tasks.spawn("devices", self._refresh(claim, outcome.needs))
        if outcome.wanted:
            self._tasks.spawn("keys", self._look_for_keys(claim, outcome.wanted))

    async def _look(self, claim: Claim) -> None:
        try:
            await self._rooms.look(claim.bot, claim.room_id)
        except VecheError as e:
            logger.warning("cannot read the state of %s: %s", claim.room_id, e)
            return  # due again when the lease ends
        await self._make_due(claim)

    async def _refresh(self, claim: Claim, user_ids: Collection[UserId]) -> None:
        await self._ports.devices.refresh(claim.bot, user_ids)
        await self._make_due(claim)

    async def _look_for_keys(self, claim: Claim, wanted: Sequence[WaitsForKey]) -> None:
        """Go on with rows whose keys came while they were put by.

        What stores a key did not see such a row, and wakes nobody. So once whoever was at it has
        ended, the keys are looked for; whoever begins later sees the row. A failure costs
        ``KEY_WAIT_MS``.
        """
        try:
            await self._database.run("inbox keys", self._ports.arrivals.settled, claim.bot)
            count = await self._database.run("inbox keys", self._note_arrivals, claim, wanted)
        except UnavailableError as e:
            logger.warning("keys for %s are not looked for: %s", claim.room_id, e)
            return
        if count:
            self.wake()

    def _note_arrivals(self, txn: Cursor, claim: Claim, wanted: Sequence[WaitsForKey]) -> int:
        has_come = self._ports.arrivals.has_come
        came = [one for one in wanted if has_come(txn, claim.bot, claim.room_id, one)]
        sessions = sorted({one.session_id for one in came})
        if not sessions:
            return 0
        return store.session_came(txn, claim.bot, claim.room_id, sessions, self._now_ms())

    async def _make_due(self, claim: Claim) -> None:
        rooms = [(claim.room_id, claim.bot)]
        await self._database.run("inbox due", store.make_due, rooms, self._now_ms())
        self.wake()

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


def _failed(claim: Claim, item: Item, batch: _Batch) -> _RowFailedError:
    is_first = not (batch.done or batch.refused or batch.held or batch.late_count)
    return _RowFailedError(claim, item, is_first=is_first)
