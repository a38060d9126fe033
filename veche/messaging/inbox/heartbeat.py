"""Health of the homeserver's pushes: how late they come, and whether any come.

What our own bots say is pushed back to us, so each such push measures the way from the homeserver
to us. Where it is quiet, the application service says something to itself, in a room of its own,
and looks whether that comes. Healing goes on meanwhile, so persons hardly notice that pushes have
stopped (synapse#17206); the operator has to.

Which process sends a push to whom is not known, so what was heard is noted in the database.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import CancelledError

from veche.messaging.inbox import store
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import UserId, effect_id
from veche.runtime import metrics
from veche.runtime.crypto.start import register
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.runtime.database import Database
    from veche.runtime.matrix.client import MatrixClient
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

LOOK_MS: Final = 30_000
QUIET_MS: Final = 300_000
"""So long nothing may be pushed before something is said; each is an event for ever."""
AGAIN_MS: Final = 60_000
"""How often it is said again while nothing comes."""
SILENT_MS_MAX: Final = 120_000
"""So long something said may stay away before pushes count as stopped."""
BEAT: Final = "org.veche.heartbeat"
_GONE: Final = (403, 404)

_lag_s = metrics.histogram(
    "veche_push_lag_seconds", "From the homeserver's taking of what our bots say to its push."
)
_silent_s = metrics.gauge(
    "veche_push_silent_seconds", "How long the homeserver has owed us a push; 0: it owes none."
)


class PushWatch:
    """Notes in this process what is pushed."""

    def __init__(self, is_ours: Callable[[str], bool]) -> None:
        """Keep whose events measure the way: others' clocks may say anything."""
        self._is_ours = is_ours
        self.heard_at_ms = 0

    def heard(self, events: Sequence[object], now_ms: int) -> None:
        """Note a push."""
        self.heard_at_ms = now_ms
        newest: Any = events[-1] if events else None
        if not isinstance(newest, dict):
            return
        sender, at_ms = newest.get("sender"), newest.get("origin_server_ts")
        if isinstance(sender, str) and type(at_ms) is int and self._is_ours(sender):
            _lag_s.observe(max(0, now_ms - at_ms) / 1000)


@attrs.define(slots=False, eq=False)
class Heartbeat:
    """The loop of one process that looks whether pushes come."""

    _database: Database
    _reactor: IReactorTime
    _tasks: Tasks
    _client: MatrixClient
    _pushes: PushWatch
    _began_at_ms: int = attrs.Factory(lambda self: self._now_ms(), takes_self=True)

    def start(self) -> None:
        """Begin; ends with the tasks."""
        self._began_at_ms = self._now_ms()
        self._tasks.spawn("heartbeat", self._loop())

    async def check(self) -> None:
        """Return if pushes come, as far as one knows.

        Raises:
            UnavailableError: Something was said, and not pushed for ``SILENT_MS_MAX``.
        """
        asked_at_ms = await self._database.run("pushes", store.unheard_since)
        if self._silent_ms(asked_at_ms) > SILENT_MS_MAX:
            raise UnavailableError(
                "the homeserver pushes nothing any more: messages come up to a minute late; see"
                " `veche doctor`, line `ping`, and restart the homeserver",
                retry_after_ms=LOOK_MS,
            )

    async def look(self) -> None:
        """Note what was heard, and say something if it has been quiet.

        Raises:
            UnavailableError: Homeserver or database do not answer.
            MatrixError: The homeserver refused.
        """
        now_ms = self._now_ms()
        beat = await self._database.run(
            "heartbeat", store.look, self._pushes.heard_at_ms, now_ms, QUIET_MS, AGAIN_MS
        )
        _silent_s.set(self._silent_ms(beat.asked_at_ms) / 1000)
        if beat.is_due:
            room_id = beat.room_id or await self._make_room()
            await self._say(room_id, now_ms)
            await self._database.run("heartbeat", store.asked, now_ms)

    async def _loop(self) -> None:
        pause = WakeEvent(self._reactor)
        while True:
            await pause.wait(LOOK_MS)
            try:
                await self.look()
            except (UnavailableError, MatrixError) as e:
                logger.warning("no heartbeat: %s", e)
            except CancelledError:
                raise
            except Exception:
                logger.exception("the heartbeat failed")

    async def _make_room(self) -> str:
        """A room of the application service's own user, whom nobody else is with."""
        who = await self._client.call("GET", path("account", "whoami"))
        await register(self._client, UserId(str(who.get("user_id"))))
        plan = {"preset": "private_chat", "name": "Heartbeat of the application service"}
        room_id = str((await self._client.call("POST", path("createRoom"), body=plan))["room_id"])
        await self._database.run("heartbeat room", store.set_room, room_id)
        return room_id

    async def _say(self, room_id: str, now_ms: int) -> None:
        txn_id = effect_id(BEAT, room_id, str(now_ms))
        try:
            await self._client.call(
                "PUT", path("rooms", room_id, "send", BEAT, txn_id), body={"v": 1}
            )
        except MatrixError as e:
            if e.status in _GONE:
                await self._database.run("heartbeat room", store.set_room, None)
            raise

    def _silent_ms(self, asked_at_ms: int | None) -> int:
        # What was said before this process began, it could not have heard.
        if asked_at_ms is None:
            return 0
        return max(0, self._now_ms() - max(asked_at_ms, self._began_at_ms))

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)
