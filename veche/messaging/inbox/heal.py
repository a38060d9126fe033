"""Healing: what pushes lost is read from /sync, for each bot, all the time.

A push may come twice, out of order or never: when the homeserver is killed while it pushes, what
it had in memory is lost for good (measured), though nothing of ours stopped. So every bot asks at
the start, every minute, after a broken connection, and after many rows: what happened in my rooms
since the last time? Usually the inbox knows all of it.

``/sync`` is asked **without a device**: with one it would delete the to-device messages that the
crypto channel has not fetched (measured). One replica heals a bot: it takes a lease on the bot's
row, which says when it was last healed; the new token is stored only if the old one is still there.
A lease and not an advisory lock, since a lock would hold a connection while the homeserver thinks;
the lease of a process that is gone counts no more.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults

from veche.messaging.inbox import store
from veche.messaging.inbox.events import invite_of, is_first_join, read_events
from veche.protocol.errors import UnavailableError
from veche.runtime import metrics
from veche.runtime.matrix.client import CLIENT, MatrixError, path
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.messaging.inbox.events import Row
    from veche.messaging.inbox.worker import Worker
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor, Database
    from veche.runtime.database.presence import Presence
    from veche.runtime.matrix.client import MatrixClient
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

HEAL_INTERVAL_MS: Final = 60_000
HEAL_SOON_MS: Final = 1_000
"""How long after a sign of loss; several signs make one healing."""
STRAY_PAUSE_MS: Final = 10_000
"""How often pushes that brought nothing new may make us look."""
LEASE_MS: Final = 120_000
HEALS_MAX: Final = 4
"""Bots that one process heals at once."""
TIMELINE_LIMIT: Final = 100
PAGE_LIMIT: Final = 100
GAP_EVENTS_MAX: Final = 10_000
"""Events that are read back in one room; what lies before them is given up, with an alarm."""
SYNC_TIMEOUT_S: Final = 180.0
_RETRY_MS: Final = 5_000

_NOTHING: Final[dict[str, Any]] = {"types": []}
_NEW_FILTER: Final = json.dumps(
    {"presence": _NOTHING, "account_data": _NOTHING, "room": {"rooms": []}}, separators=(",", ":")
)
_FILTER: Final = json.dumps(
    {
        "presence": _NOTHING,
        "account_data": _NOTHING,
        "room": {
            "timeline": {"limit": TIMELINE_LIMIT},
            "state": _NOTHING,
            "ephemeral": _NOTHING,
            "account_data": _NOTHING,
        },
    },
    separators=(",", ":"),
)

_found = metrics.counter(
    "veche_inbox_healed_total",
    "Rows that only healing brought; pushes are being lost if it grows while all runs.",
    ["reason"],
)
_heals = metrics.counter("veche_inbox_heals_total", "Healings by how they ended.", ["end"])
_gaps = metrics.counter("veche_inbox_gaps_total", "Rooms where more was missed than is read back.")


@attrs.frozen
class _Healed:
    """The events that one healing read.

    Attributes:
        rows: In order within each room.
        invites: Invitations, which may be known by their push.
        joined: Rooms the bot is in, of those with news.
        gapped: Rooms with a gap that was not closed.
    """

    since: str
    rows: Sequence[Row] = ()
    invites: Sequence[Row] = ()
    joined: Sequence[str] = ()
    gapped: Sequence[str] = ()


class Healer:
    """Heals the bots of one process."""

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        tasks: Tasks,
        client: MatrixClient,
        bots: Collection[UserId],
        is_ours: Callable[[str], bool],
        worker: Worker,
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._tasks = tasks
        self._client = client
        self._bots = sorted(bots)
        self._is_ours = is_ours
        self._worker = worker
        self._wake = WakeEvent(reactor)
        self._pause = WakeEvent(reactor)
        self._reason: str | None = None
        self._stray_until_ms = 0
        self._presence: Presence | None = None

    def show(self, presence: Presence) -> None:
        """Let others see whether this process lives, so that nobody waits for one that is gone."""
        self._presence = presence

    def soon(self, reason: str) -> None:
        """Heal all bots soon: something may have been lost.

        Args:
            reason: ``broken``, ``volume`` or ``stray``.
        """
        if reason == "stray":
            now_ms = self._now_ms()
            if now_ms < self._stray_until_ms:
                return
            self._stray_until_ms = now_ms + STRAY_PAUSE_MS
        if self._reason is None:
            self._reason = reason
        self._wake.set()

    def start(self) -> None:
        """Begin; ends with the tasks."""
        self._tasks.spawn("heal", self._loop())

    async def _loop(self) -> None:
        # At the start for whatever came while nobody was there.
        reason, age_ms = "start", 0
        while True:
            is_done = await self._heal_all(reason, age_ms)
            await self._wake.wait(HEAL_INTERVAL_MS if is_done else _RETRY_MS)
            if self._reason is None:
                # Half an interval: another replica may have done it since.
                reason, age_ms = "interval", HEAL_INTERVAL_MS // 2 if is_done else 0
                continue
            await self._pause.wait(HEAL_SOON_MS)
            reason, age_ms, self._reason = self._reason, 0, None

    async def _heal_all(self, reason: str, age_ms: int) -> bool:
        """Heal every bot, some at once; False if one of them failed."""
        waiting = list(self._bots)
        failed: list[UserId] = []

        async def work() -> None:
            while waiting:
                bot = waiting.pop()
                if not await self._try(bot, reason, age_ms):
                    failed.append(bot)

        count = min(HEALS_MAX, len(waiting))
        try:
            works = [Deferred.fromCoroutine(work()) for _ in range(count)]
            await gatherResults(works, consumeErrors=True)
        except FirstError as e:  # `work` raises nothing, unless the process ends
            raise CancelledError from e
        return not failed

    async def _try(self, bot: UserId, reason: str, age_ms: int) -> bool:
        try:
            count = await self.heal(bot, reason, age_ms=age_ms)
        except (UnavailableError, MatrixError) as e:
            logger.warning("cannot heal %s: %s", bot, e)
            _heals.labels("failed").inc()
            return False
        except CancelledError:
            raise
        except Exception:
            logger.exception("cannot heal %s", bot)
            _heals.labels("failed").inc()
            return False
        _heals.labels("done").inc()
        if count:
            # At the start that is what came while nobody was there; later a push was lost.
            level = logging.INFO if reason == "start" else logging.WARNING
            logger.log(level, "healing found %d events for %s (%s)", count, bot, reason)
        return True

    async def heal(self, bot: UserId, reason: str, *, age_ms: int = 0) -> int:
        """Heal one bot; how many rows only this brought.

        Args:
            bot: Which.
            reason: For the metric.
            age_ms: Nothing happens if another replica did it since so long.

        Raises:
            UnavailableError: Homeserver or database do not answer; it is as it was.
            MatrixError: The homeserver refused.
        """
        now_ms = self._now_ms()
        lease = await self._database.run(
            "heal lease",
            store.lease_heal,
            bot,
            now_ms,
            older_than_ms=now_ms - age_ms,
            until_ms=now_ms + LEASE_MS,
            worker=self._presence.shown_number if self._presence is not None else None,
        )
        if lease is None:
            return 0
        try:
            healed = await self._read(lease)
            count = await self._database.run("heal", self._store, lease, healed, now_ms)
        except BaseException:
            await self._database.run("heal", store.drop_heal, lease)
            raise
        if count:
            _found.labels(reason).inc(count)
            self._worker.wake()
        return count

    def _store(self, txn: Cursor, lease: store.HealLease, healed: _Healed, now_ms: int) -> int:
        if not store.end_heal(txn, lease, healed.since, now_ms):
            return 0
        if healed.joined:
            store.note_joined(txn, lease.bot, healed.joined)
        for room_id in healed.gapped:
            store.note_gap(txn, room_id, lease.bot, now_ms)
        news = store.note_invited(txn, lease.bot, healed.invites) if healed.invites else set()
        added = store.add(
            txn,
            [*healed.rows, *(row for row in healed.invites if row.room_id in news)],
            store.Source.HEALED,
            now_ms,
            local=self._bots,
            is_busy=self._worker.is_busy,
            bot=lease.bot,
        )
        return added.row_count

    async def _read(self, lease: store.HealLease) -> _Healed:
        bot = lease.bot
        if lease.since is None:
            answer = await self._sync(bot, {"filter": _NEW_FILTER})
            # A bot that is new to this database may be in rooms already, or invited: what
            # happened before it came to us is not made up for, but the rooms are known then.
            return _Healed(_token(answer), joined=await self._joined_rooms(bot))
        answer = await self._sync(bot, {"filter": _FILTER, "since": lease.since})
        rooms = _mapping(answer.get("rooms"))
        events: list[object] = []
        gapped: list[str] = []
        joined = _mapping(rooms.get("join"))
        for room_id, room in (*joined.items(), *_mapping(rooms.get("leave")).items()):
            found, is_whole = await self._timeline(bot, room_id, _mapping(room))
            events += found
            if not is_whole:
                gapped.append(room_id)
                _gaps.inc()
                logger.error("more was missed in %s than is read back", room_id)
        invites = [
            invite_of(room_id, room, bot, lease.since)
            for room_id, room in _mapping(rooms.get("invite")).items()
        ]
        rows = self._rows(events)
        invited = self._rows([invite for invite in invites if invite is not None])
        return _Healed(_token(answer), rows, invited, list(joined), gapped)

    def _rows(self, events: Sequence[object]) -> list[Row]:
        rows, malformed_count = read_events(events, self._is_ours)
        if malformed_count:
            logger.warning("%d events of /sync are malformed", malformed_count)
        return rows

    async def _timeline(
        self, bot: UserId, room_id: str, room: Mapping[str, Any]
    ) -> tuple[list[dict[str, Any]], bool]:
        """The events of a room since the last time, oldest first, and whether that is all."""
        timeline = _mapping(room.get("timeline"))
        events = [{**event, "room_id": room_id} for event in _events(timeline.get("events"))]
        newest_first = events[::-1]
        kept, is_at_end = _since_join(newest_first, bot)
        if is_at_end or not timeline.get("limited"):
            return kept[::-1], True
        position = timeline.get("prev_batch")
        while isinstance(position, str):
            page, position = await self._page(bot, room_id, position)
            if not page:
                return kept[::-1], True
            part, is_at_end = _since_join(page, bot)
            ids = [str(event.get("event_id")) for event in part]
            known = await self._database.run("heal known", store.known, room_id, ids, bot)
            for event in part:
                if event.get("event_id") in known:
                    return kept[::-1], True
                kept.append(event)
            if is_at_end:
                return kept[::-1], True
            if len(kept) >= GAP_EVENTS_MAX:
                return kept[::-1], False
        return kept[::-1], True

    async def _page(
        self, bot: UserId, room_id: str, position: str
    ) -> tuple[list[dict[str, Any]], str | None]:
        query = {"dir": "b", "from": position, "limit": str(PAGE_LIMIT)}
        answer = await self._client.call(
            "GET", path("rooms", room_id, "messages"), user=bot, query=query
        )
        events = [{**event, "room_id": room_id} for event in _events(answer.get("chunk"))]
        end = answer.get("end")
        return events, end if isinstance(end, str) else None

    async def _joined_rooms(self, bot: UserId) -> list[str]:
        answer = await self._client.call("GET", path("joined_rooms"), user=bot)
        rooms = answer.get("joined_rooms")
        return [room for room in rooms if isinstance(room, str)] if isinstance(rooms, list) else []

    async def _sync(self, bot: UserId, query: Mapping[str, str]) -> dict[str, Any]:
        return await self._client.call(
            "GET",
            f"{CLIENT}/sync",
            user=bot,
            query={"timeout": "0", "set_presence": "offline", **query},
            timeout_s=SYNC_TIMEOUT_S,
        )

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


def _since_join(
    newest_first: Sequence[dict[str, Any]], bot: UserId
) -> tuple[list[dict[str, Any]], bool]:
    """Events up to the one by which the bot joined, and whether that one was among them."""
    for number, event in enumerate(newest_first):
        if is_first_join(event, bot):
            return list(newest_first[: number + 1]), True
    return list(newest_first), False


def _token(answer: Mapping[str, Any]) -> str:
    token = answer.get("next_batch")
    if not isinstance(token, str):
        raise UnavailableError("an answer of /sync without a token", retry_after_ms=_RETRY_MS)
    return token


def _events(value: object) -> list[dict[str, Any]]:
    return [event for event in value if isinstance(event, dict)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
