"""Sends what the outbox holds: each room's rows in order, the same bytes on every attempt.

One turn of a room is one transaction: it writes down what was acknowledged before, reads the next
rows, resolves what they relate to, and fixes their bytes (*seals* them). What the inbox' worker has
a bot answer in the room at hand is sealed by the worker's transaction already, where nothing else
waits there, and needs no turn. After the commit, and
never before, the rows go out one after another. Whatever step the process ends between, the next
one finds the sealed bytes and sends them again; the homeserver knows the transaction id for 24
hours. After that, or when the bot's device was replaced, the room is searched first.

A bot is served by the process that holds the writer of its device, and by no other.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs
from twisted.internet.defer import CancelledError

from veche.acts.proving import Sealed, prove
from veche.messaging.outbox import delivery, store
from veche.messaging.outbox.answers import Do, Verdict, judge, retry_ms
from veche.messaging.outbox.marks import Mark
from veche.messaging.outbox.turns import Handover, Place, Turn, Turns, give_up
from veche.protocol.errors import UnavailableError, VecheError
from veche.protocol.ids import RoomId, UserId
from veche.runtime import metrics
from veche.runtime.matrix import store as rooms_store
from veche.runtime.ports import Undeliverable
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.acts.heads import ActHeads
    from veche.messaging.outbox.append_store import Said
    from veche.messaging.outbox.marks import Marks
    from veche.messaging.outbox.turns import Ready
    from veche.protocol.ids import EffectId
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient
    from veche.runtime.matrix.rooms import Rooms
    from veche.runtime.ports import Receiver, Sealer
    from veche.runtime.tasks import Tasks
    from veche.runtime.vault import Vault

logger = logging.getLogger(__name__)

ROOMS_MAX: Final = 16
"""Rooms that one process sends to at once."""
BUSY_ROOMS_MIN: Final = 4
"""Rooms that one process sends to at once, from which on reactions wait."""
WAITING_MAX: Final = 1_000
"""Announced rooms that wait for their turn; what is beyond is found by looking."""
POLL_MS: Final = 2_000
MARK_DELAY_MS: Final = 20
"""How long an acknowledgement waits for a transaction to ride with. Until it is written down, what
answers the message by its event waits too."""
MARKS_POLL_MS: Final = 1_000
TURNS_MAX: Final = 100
"""Turns of one room in a row; then others come first."""
PREPARATIONS_MAX: Final = 5
"""Attempts to seal while readers change."""
ENCRYPTED_MAX: Final = 20_000
"""Rooms that are remembered as encrypted, so that keys are asked for before a turn."""
TROUBLE_MS: Final = 2_000
"""How long a room rests after a failure that is not the homeserver's answer."""
DETAIL_CHARACTERS_MAX: Final = 200
TASKS_MAX: Final = ROOMS_MAX + 2
"""Room for the loops and the rooms at work."""

_sent = metrics.counter("veche_outbox_total", "Attempts to send by what came of them.", ["end"])
_lag_s = metrics.histogram(
    "veche_outbox_lag_seconds", "From the transaction of a message until it was acknowledged."
)
_alarms = metrics.counter(
    "veche_outbox_alarms_total", "Answers that say that something of ours is wrong.", ["errcode"]
)
_done = _sent.labels("done")


class OutboxSender:
    """The loop of one process that sends for its bots.

    Attributes:
        marks: Acknowledgements that wait to be written down.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- what it is made of
        self,
        database: Database,
        reactor: IReactorTime,
        tasks: Tasks,
        client: MatrixClient,
        rooms: Rooms,
        marks: Marks,
        chance: Callable[[], float],
        vault: Vault,
        heads: ActHeads | None = None,
    ) -> None:
        """Make the sender; bots come by ``use``, and ``tasks`` has room for ``TASKS_MAX``.

        Without ``heads`` the receipts beside what is sent prove nothing to others.
        """
        self._heads = heads
        self._database = database
        self._reactor = reactor
        self._tasks = tasks
        self._client = client
        self._rooms = rooms
        self.marks = marks
        self._turns = Turns(marks, vault)
        self._chance = chance
        self._wake = WakeEvent(reactor)
        self._places: dict[UserId, tuple[Sealer, Receiver]] = {}
        self._at_work: set[tuple[UserId, RoomId]] = set()
        self._again: set[tuple[UserId, RoomId]] = set()
        self._waiting: dict[tuple[UserId, RoomId], None] = {}
        self._encrypted: set[RoomId] = set()

    def use(self, bot: UserId, sealer: Sealer, receiver: Receiver) -> None:
        """Send for a bot from now on: this process holds its writer."""
        self._places[bot] = (sealer, receiver)
        self._wake.set()

    def drop(self, bot: UserId) -> None:
        """Send nothing more for a bot; what is on its way ends by itself."""
        self._places.pop(bot, None)

    def announced(self, payload: str) -> None:
        """A notification: ``<bot> <room id>``, or nothing, which means anything."""
        bot, _, room_id = payload.partition(" ")
        if not room_id:
            self._wake.set()
        elif bot in self._places:
            self._begin(UserId(bot), RoomId(room_id))

    def seal(
        self, txn: Cursor, here: tuple[UserId, RoomId] | None, said: Sequence[Said], now_ms: int
    ) -> Handover:
        """Seal what a transaction has said in its own room, and announce what is for others.

        So the usual answer needs no turn. It is called in the transaction, before its end;
        ``hand_on`` gets what it returns, after the commit.

        Args:
            txn: It appended what was said, and nobody was told.
            here: The bot and room whose answers may leave at once; None if none may.
            said: Everything that it said.
            now_ms: UTC.
        """
        spoken = Handover(here=here)
        for bot, room_id in sorted({(one.bot, one.room_id) for one in said}):
            if bot in self._places:
                spoken.rooms.add((bot, room_id))
            else:
                store.announce(txn, bot, room_id)
        bond = self._places.get(here[0]) if here is not None else None
        if here is not None and bond is not None and here in spoken.rooms:
            ours = [one for one in said if (one.bot, one.room_id) == here]
            spoken.turn = self._turns.seal(txn, Place(*here, *bond), ours, now_ms)
        return spoken

    def hand_on(self, spoken: Handover) -> None:
        """Send what was said; its transaction has committed."""
        for bot, room_id in sorted(spoken.rooms):
            self._begin(bot, room_id, spoken.turn if (bot, room_id) == spoken.here else None)

    def start(self) -> None:
        """Begin; ends with the tasks."""
        self._tasks.spawn("outbox", self._wake.repeat(self._round, POLL_MS, "the outbox failed"))
        self._tasks.spawn("outbox marks", self._write_marks())

    async def _round(self) -> int:
        """Begin with the rooms that are due; how long no more is."""
        if not self._places or self._waiting:
            return POLL_MS
        now_ms = self._now_ms()
        due, next_at_ms = await self._database.run(
            "outbox due", store.due, list(self._places), now_ms, WAITING_MAX
        )
        for bot, room_id in due:
            if (bot, room_id) not in self._at_work:
                self._begin(bot, room_id)
        return POLL_MS if next_at_ms is None else max(1, min(POLL_MS, next_at_ms - now_ms))

    async def _write_marks(self) -> None:
        """Write acknowledgements down that found nothing to ride with."""
        wake = WakeEvent(self._reactor)
        pause = WakeEvent(self._reactor)
        self.marks.when_first(wake.set)
        while True:
            await wake.wait(MARKS_POLL_MS)
            if not len(self.marks):
                continue
            await pause.wait(MARK_DELAY_MS)
            await self._write_now()

    async def _write_now(self) -> None:
        marks = self.marks.take()
        if not marks:
            return
        try:
            await self._database.run("outbox marks", store.mark_sent, marks)
        except UnavailableError as e:
            self.marks.restore(marks)
            logger.warning("acknowledgements wait: %s", e.errcode)
        except BaseException:
            self.marks.restore(marks)
            raise
        else:
            self.marks.written(marks)

    def _begin(self, bot: UserId, room_id: RoomId, turn: Turn | None = None) -> None:
        """Send what a room has, beginning with what a transaction has made ready."""
        key = (bot, room_id)
        if key in self._at_work:
            self._again.add(key)
        elif len(self._at_work) < ROOMS_MAX:
            self._at_work.add(key)
            if not self._tasks.spawn("outbox room", self._send_room(bot, room_id, turn)):
                self._at_work.discard(key)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting[key] = None

    async def _send_room(self, bot: UserId, room_id: RoomId, turn: Turn | None) -> None:
        try:
            await self._send_all(bot, room_id, turn)
        except CancelledError:
            raise
        except Exception as e:
            if isinstance(e, VecheError):
                logger.warning("the outbox of %s rests: %s", room_id, e)
            else:
                logger.exception("the outbox of %s failed", room_id)
            await self._rest(bot, room_id)
        finally:
            self._end(bot, room_id)

    def _end(self, bot: UserId, room_id: RoomId) -> None:
        key = (bot, room_id)
        self._at_work.discard(key)
        if key in self._again:
            self._again.discard(key)
            self._waiting[key] = None
        if self._waiting:
            following = next(iter(self._waiting))
            del self._waiting[following]
            # Not from here: this task still counts as running.
            self._reactor.callLater(0, self._begin, *following)
            if not self._waiting:
                self._wake.set()

    async def _rest(self, bot: UserId, room_id: RoomId) -> None:
        try:
            await self._delay(bot, room_id, TROUBLE_MS)
        except VecheError as e:
            logger.warning("the outbox of %s: %s", room_id, e)

    async def _send_all(self, bot: UserId, room_id: RoomId, first: Turn | None) -> None:
        """Take turns until nothing is left, or what is left has to wait."""
        key = (bot, room_id)
        preparations = 0
        for _ in range(TURNS_MAX):
            if bot not in self._places:
                return
            place = Place(bot, room_id, *self._places[bot])
            turn, first = first, None
            if turn is None:
                self._again.discard(key)
                turn = await self._take_turn(place)
            if turn.needs_look:
                if not await self._rooms.look(bot, room_id):
                    await self._lose_room(place, "not in the room")
                continue
            if not await self._has_more(place, turn):
                return
            preparations += turn.needs_preparation
            if preparations > PREPARATIONS_MAX:
                raise UnavailableError("readers keep changing", retry_after_ms=TROUBLE_MS)
            if turn.ready and self._waiting:
                break
        # What is left comes after the rooms that wait: their people have heard nothing yet.
        self._again.add(key)

    async def _has_more(self, place: Place, turn: Turn) -> bool:
        """Send what a turn has made ready; return whether the room has more to send now."""
        if not await self._send_turn(place, turn):
            return False
        if turn.wait_ms is not None:
            await self._delay(place.bot, place.room_id, turn.wait_ms)
            return False
        return not turn.is_all or (place.bot, place.room_id) in self._again

    def _note_encrypted(self, room_id: RoomId) -> None:
        if len(self._encrypted) >= ENCRYPTED_MAX:
            self._encrypted.clear()
        self._encrypted.add(room_id)

    async def _take_turn(self, place: Place) -> Turn:
        room_id = place.room_id
        is_prepared = room_id in self._encrypted
        if is_prepared:
            await place.sealer.prepare(room_id, self._now_ms())
        marks = self.marks.take()
        is_busy = len(self._at_work) >= BUSY_ROOMS_MIN
        try:
            turn = await self._database.run(
                "outbox",
                self._turns.take,
                place,
                marks,
                self._now_ms(),
                is_prepared=is_prepared,
                is_busy=is_busy,
            )
        except BaseException:
            self.marks.restore(marks)
            raise
        self.marks.written(marks)
        if turn.is_room_encrypted:
            self._note_encrypted(room_id)
        return turn

    async def _send_turn(self, place: Place, turn: Turn) -> bool:
        """Send what a turn has made ready; False if the room has to wait."""
        if turn.ready and turn.has_keys:
            await place.sealer.deliver(place.room_id)
        for number, ready in enumerate(await self._proven(place, turn.ready), 1):
            is_last = number == len(turn.ready) and turn.is_all
            mark = turn.mark if is_last else None
            if not await self._send_row(place, ready, mark):
                return False
        return True

    async def _proven(self, place: Place, found: Sequence[Ready]) -> list[Ready]:
        """Rows with proofs beside them that everybody can check."""
        if self._heads is None or not found:
            return [*found]
        where = place.room_id, place.bot
        sealed = [
            Sealed(*where, one.kind, one.body, one.row.state_key, one.redacts) for one in found
        ]
        now_ms = self._now_ms()
        bodies = await self._database.run("outbox proof", prove, self._heads, sealed, now_ms)
        return [attrs.evolve(one, body=body) for one, body in zip(found, bodies, strict=True)]

    async def _send_row(self, place: Place, ready: Ready, done_mark: int | None) -> bool:
        """Send one row; False if the room has to wait."""
        bot, room_id, row = place.bot, place.room_id, ready.row
        try:
            event_id = None
            if ready.must_search:
                event_id = await delivery.find_sent(self._client, bot, room_id, ready)
            if event_id is None:
                device_id = place.sealer.device_id
                event_id = await delivery.send(self._client, bot, device_id, room_id, ready)
        except VecheError as e:
            return await self._trouble(place, ready, judge(e), e, done_mark)
        self.marks.note(Mark(room_id, bot, row.effect_id, event_id, done_mark))
        _done.inc()
        _lag_s.observe(max(0, self._now_ms() - row.created_at_ms) / 1000)
        return True

    async def _trouble(
        self, place: Place, ready: Ready, verdict: Verdict, error: VecheError, done_mark: int | None
    ) -> bool:
        """Do what the homeserver's answer demands; False if the room has to wait."""
        row = ready.row
        _sent.labels(verdict.do.value).inc()
        log = logger.error if verdict.is_alarm else logger.info
        log("outbox: %s in %s: %s", row.effect_id, place.room_id, error)
        if verdict.is_alarm:
            _alarms.labels(error.errcode).inc()
        match verdict.do:
            case Do.DONE:
                self.marks.note(Mark(place.room_id, place.bot, row.effect_id, None, done_mark))
                return True
            case Do.GIVE_UP:
                reason = verdict.reason or Undeliverable.MALFORMED
                await self._give_up(place, [row.effect_id], reason, str(error))
                return True
            case Do.ASK_MEMBERSHIP:
                if await delivery.is_in_room(self._client, place.bot, place.room_id):
                    reason = Undeliverable.FORBIDDEN
                    await self._give_up(place, [row.effect_id], reason, str(error))
                    return True
                await self._lose_room(place, str(error))
                return False
            case Do.DEVICE_LOST:
                place.sealer.device_lost()
        wait_ms = verdict.wait_ms
        if wait_ms is None:
            wait_ms = retry_ms(row.attempts, self._chance)
        await self._database.run(
            "outbox retry",
            store.retry,
            place.bot,
            place.room_id,
            row.effect_id,
            self._now_ms() + wait_ms,
        )
        self._wake.set()
        return False

    async def _lose_room(self, place: Place, detail: str) -> None:
        logger.warning("%s is not in %s: its messages are given up", place.bot, place.room_id)
        await self._database.run("outbox room lost", _lose_room, place, _short(detail))

    async def _give_up(
        self, place: Place, effect_ids: Sequence[EffectId], reason: Undeliverable, detail: str
    ) -> None:
        await self._database.run(
            "outbox given up", give_up, place, effect_ids, reason, _short(detail)
        )

    async def _delay(self, bot: UserId, room_id: RoomId, delay_ms: int) -> None:
        next_at_ms = self._now_ms() + delay_ms
        await self._database.run("outbox delay", store.delay, bot, room_id, next_at_ms)
        self._wake.set()

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


def _lose_room(txn: Cursor, place: Place, detail: str) -> None:
    """The bot is not in the room: nothing that waits will ever arrive."""
    effect_ids = store.unsent(txn, place.bot, place.room_id)
    give_up(txn, place, effect_ids, Undeliverable.ROOM_LOST, detail)
    rooms_store.note_out(txn, place.room_id, place.bot)


def _short(detail: str) -> str:
    return detail[:DETAIL_CHARACTERS_MAX]
