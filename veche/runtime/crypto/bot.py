"""The device of one bot in this process: standby until it holds the lock, then the writer.

Every replica has one for each bot; who gets the lock speaks for it. A writer that loses its lock or
epoch becomes a standby again, and forgets everything that it had in memory.
"""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from twisted.internet.task import deferLater

from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.crypto import metrics
from veche.runtime.crypto.channel import Channel, OlderAccountError
from veche.runtime.crypto.core.identity import fingerprint
from veche.runtime.crypto.core.values import BadEventError
from veche.runtime.crypto.recovery import Recovery
from veche.runtime.crypto.sealing import Sealer
from veche.runtime.crypto.start import Publication, register, replace_device, take_over
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.matrix.client import MatrixError
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from veche.protocol.ids import DeviceId, UserId
    from veche.runtime.crypto.core.trust import WithoutIdentity
    from veche.runtime.crypto.keys import OperatorKey
    from veche.runtime.crypto.locks import Locks
    from veche.runtime.crypto.recovery import CryptoPorts
    from veche.runtime.crypto.tracking import People
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

P = TypeVar("P")
Leading = tuple["Writer", Channel, Recovery]

STANDBY_S: Final = 2.0
RECOVERY_S: Final = 5.0
RETRY_S_MAX: Final = 60.0
TASKS_MAX: Final = 10
"""The loop, its recovery, and recoveries of writers before that still sleep."""


class State(enum.Enum):
    """The state of a device in this process."""

    STOPPED = "stopped"
    STANDBY = "standby"
    WRITER = "writer"


@attrs.frozen
class CryptoParts:
    """The parts that the devices of all bots of a process share.

    Attributes:
        directory: The one ``People`` of the process.
        without_identity: Whether people without cross-signing identity get our keys.
        on_change: Called with the bot and whether it is the writer now; starts and stops senders.
        certificates: Folder with those of bots; None: there are none.
    """

    reactor: Any
    database: Database
    client: MatrixClient
    locks: Locks
    key: OperatorKey
    directory: People
    ports: CryptoPorts
    without_identity: WithoutIdentity
    on_change: Callable[[UserId, bool], None] = lambda _bot, _is_writer: None
    certificates: Path | None = None


class BotDevice:
    """One bot in this process.

    Attributes:
        state: What it is doing.
        failure: Why it is not the writer though it could be; None if all is well.
    """

    def __init__(self, parts: CryptoParts, bot: UserId) -> None:
        self.bot = bot
        self.state = State.STOPPED
        self.failure: Exception | None = None
        self._parts = parts
        self._tasks = Tasks(running_max=TASKS_MAX)
        self._sealer: Sealer | None = None
        self._writer: Writer | None = None
        self._fingerprint: str | None = None
        self._retry_s = STANDBY_S

    @property
    def is_writer(self) -> bool:
        """Return whether this process speaks for the bot now."""
        return self.state is State.WRITER

    @property
    def device_id(self) -> DeviceId:
        """Id of the device.

        Raises:
            LostWriterError: This process does not speak for the bot.
        """
        return self._present(self._writer).own.device_id

    @property
    def sealer(self) -> Sealer:
        """The sealer of the bot.

        Raises:
            LostWriterError: This process does not speak for the bot.
        """
        return self._present(self._sealer)

    @property
    def fingerprint(self) -> str:
        """The master key as people are shown it.

        Raises:
            LostWriterError: This process does not speak for the bot.
        """
        return self._present(self._fingerprint)

    def _present(self, part: P | None) -> P:
        if part is None or not self.is_writer:
            raise LostWriterError(
                f"this process does not speak for {self.bot}", retry_after_ms=2_000
            )
        return part

    async def start(self) -> None:
        """Become the writer if the lock is free, else a standby; then go on by itself.

        Raises:
            StoppedError: The server shows keys of this bot that are not ours.
            WrongOperatorKeyError: The database was sealed under another operator key.
            NoChannelError: The homeserver lacks what encryption needs.
            MatrixError: The homeserver refuses.
            UnavailableError: Homeserver or database do not answer.
        """
        self.state = State.STANDBY
        try:
            leading = await self._try_lead()
        except BaseException:
            self.state = State.STOPPED
            await self._parts.locks.release(self.bot)
            raise
        self._tasks.spawn("crypto device", self._live(leading))

    async def stop(self) -> None:
        """End the loop and give the lock back; what was committed goes on elsewhere."""
        await self._tasks.stop()
        await self._leave(State.STOPPED)

    async def _live(self, leading: Leading | None) -> None:
        while True:
            if leading is not None:
                await self._lead(*leading)
                await self._leave(State.STANDBY)
            await self._pause(self._retry_s)
            leading = await self._try_again()

    async def _try_again(self) -> Leading | None:
        """Try to lead; a failure is noted, and tried again later and later."""
        try:
            leading = await self._try_lead()
        except (ConfigError, MatrixError, UnavailableError, OlderAccountError) as e:
            self.failure = e
            self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)
            logger.warning("%s cannot speak: %s", self.bot, e)
            await self._leave(State.STANDBY)
            return None
        self._retry_s = STANDBY_S
        return leading

    async def _try_lead(self) -> Leading | None:
        """Take lock and epoch, publish, and be the writer; None if another process is."""
        parts = self._parts
        if not await parts.locks.try_take(self.bot):
            return None
        await register(parts.client, self.bot)
        try:
            return await self._take_device()
        except OlderAccountError:
            metrics.alarms.labels("older_account").inc()
            logger.warning("%s: the account is from a backup: a new device is made", self.bot)
            await parts.database.run(
                "crypto.new_device", replace_device, parts.key, self.bot, self._now_ms()
            )
            return await self._take_device()

    async def _take_device(self) -> Leading:
        parts = self._parts
        writer, row = await take_over(parts.database, parts.key, self.bot, self._now_ms())
        publication = Publication(
            writer, parts.database, parts.client, parts.key, parts.certificates
        )
        identity = await publication.publish(self._now_ms())
        sealer = Sealer(
            writer, parts.database, parts.client, parts.directory, parts.without_identity
        )
        await sealer.to_device.take_over()

        def wake(txn: Cursor, room_id: Any, session_ids: Sequence[str], now_ms: int) -> None:
            parts.ports.wake(txn, self.bot, room_id, session_ids, now_ms)

        shown = fingerprint(identity.master_key)
        self._writer, self._sealer, self._fingerprint = writer, sealer, shown
        self.state, self.failure = State.WRITER, None
        metrics.writers.inc()
        parts.on_change(self.bot, True)
        recovery = Recovery(writer, parts.database, parts.directory, sealer, parts.ports, shown)
        return writer, Channel(writer, parts.client, row, wake), recovery

    async def _lead(self, writer: Writer, channel: Channel, recovery: Recovery) -> None:
        """Read the channel until lock or epoch is lost."""
        self._tasks.spawn("crypto recovery", self._recover(writer, channel, recovery))
        pause_s = 0.0
        while not writer.is_lost:
            try:
                recovery.note_wedged((await channel.step(self._now_ms)).wedged)
                pause_s = 0.0
            except LostWriterError:
                return
            except MatrixError as e:
                writer.is_deleted = writer.is_deleted or e.errcode == "M_UNKNOWN_DEVICE"
                pause_s = self._failed(e, pause_s)
            except (UnavailableError, BadEventError) as e:
                pause_s = self._failed(e, pause_s)
            if writer.is_deleted:
                await self._renew()
                return
            if writer.is_failing:
                metrics.locks_lost.labels("failures").inc()
                return
            if pause_s:
                await self._pause(pause_s)

    async def _recover(self, writer: Writer, channel: Channel, recovery: Recovery) -> None:
        """Rounds beside the channel, whose polls are long; also asks whether the lock holds."""
        while self._writer is writer and not writer.is_lost:
            try:
                await recovery.round(self._now_ms(), is_caught_up=channel.is_caught_up)
                if not await self._parts.locks.is_held(self.bot):
                    metrics.locks_lost.labels("lock").inc()
                    writer.is_lost = True
            except LostWriterError:
                return
            except (MatrixError, UnavailableError) as e:
                logger.warning("%s: recovery failed: %s", self.bot, e)
            await self._pause(RECOVERY_S)

    def _failed(self, error: Exception, pause_s: float) -> float:
        self.failure = error
        logger.warning("%s: the crypto channel failed: %s", self.bot, error)
        return min(max(1.0, pause_s * 2), RETRY_S_MAX)

    async def _renew(self) -> None:
        """Somebody deleted the device on the server: go on with a new one."""
        logger.error("%s: the device was deleted on the server: a new one is made", self.bot)
        metrics.alarms.labels("device_deleted").inc()
        parts = self._parts
        await parts.database.run(
            "crypto.new_device", replace_device, parts.key, self.bot, self._now_ms()
        )

    async def _leave(self, state: State) -> None:
        """Drop everything in memory and give the lock back."""
        was_writer, self.state = self.is_writer, state
        self._writer = self._sealer = self._fingerprint = None
        if was_writer:
            metrics.writers.dec()
            self._parts.on_change(self.bot, False)
        await self._parts.locks.release(self.bot)

    async def _pause(self, seconds: float) -> None:
        await deferLater(self._parts.reactor, seconds, lambda: None)

    def _now_ms(self) -> int:
        return int(self._parts.reactor.seconds() * 1000)
