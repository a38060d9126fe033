"""Requests to devices: queued in the transaction that moved their ratchets, sent after it."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Final

import attrs
import vodozemac as vz

from veche.runtime.crypto import metrics
from veche.runtime.crypto.core import olm
from veche.runtime.crypto.store import rooms, sessions
from veche.runtime.crypto.store.rooms import ToDeviceRow
from veche.runtime.matrix.client import MatrixError, path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from veche.runtime.crypto.core.values import Json, PeerDevice
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

DEVICES_A_ROW_MAX: Final = 100
ROWS_A_ROUND_MAX: Final = 100
ATTEMPTS_MAX: Final = 5
"""Refusals (4xx) of one request, after which it is dropped with an alarm."""

ENCRYPTED: Final = "m.room.encrypted"
_CLIENT_ERROR: Final = range(400, 500)
_PASSING: Final = ("M_LIMIT_EXCEEDED", "M_UNKNOWN_DEVICE", "M_UNKNOWN_TOKEN", "M_FORBIDDEN")


class ToDeviceQueue:
    """The requests of one bot, while its writer is in this process."""

    def __init__(self, writer: Writer, database: Database, client: MatrixClient) -> None:
        self._writer = writer
        self._database = database
        self._client = client
        self._unsent: set[str | None] = set()

    def encrypt(
        self,
        txn: Cursor,
        reached: Mapping[str, sessions.OlmRow],
        devices: Iterable[PeerDevice],
        event_type: str,
        content: Json,
    ) -> list[tuple[PeerDevice, Json]]:
        """The same content for each device, and the moved ratchets stored.

        Args:
            txn: Under the epoch.
            reached: The sessions to send with, by Curve25519; one for each device.
            devices: To whom.
            event_type: The type inside.
            content: The content inside.
        """
        writer = self._writer
        sealed: list[tuple[PeerDevice, Json]] = []
        moved: dict[str, sessions.OlmRow] = {}
        for device in devices:
            # Two devices may claim one key: the second goes on where the first left the ratchet.
            row = moved.get(device.curve25519, reached[device.curve25519])
            session = vz.Session.from_pickle(row.pickle, writer.pickle_key)
            sealed.append((device, olm.encrypt(session, device, writer.own, event_type, content)))
            after = session.pickle(writer.pickle_key)
            moved[row.peer_curve25519] = attrs.evolve(row, pickle=after)
        if moved:
            sessions.save_olm_sessions(txn, writer.device_no, list(moved.values()))
        return sealed

    def add(
        self,
        txn: Cursor,
        room_id: str | None,
        event_type: str,
        contents: Sequence[tuple[PeerDevice, Json]],
    ) -> None:
        """Queue contents, to go before the next event of the room; None: to no room."""
        rows = []
        for start in range(0, len(contents), DEVICES_A_ROW_MAX):
            messages: dict[str, dict[str, Json]] = {}
            for device, content in contents[start : start + DEVICES_A_ROW_MAX]:
                messages.setdefault(device.user_id, {})[device.device_id] = content
            rows.append(ToDeviceRow(secrets.token_hex(16), event_type, messages))
        if rows:
            rooms.add_to_device(txn, self._writer.device_no, room_id, rows)
            self._unsent.add(room_id)

    def add_dummies(self, txn: Cursor, devices: Iterable[PeerDevice]) -> None:
        """Queue an ``m.dummy`` to each device with a session, so that it uses that one."""
        by_key = {device.curve25519: device for device in devices}
        reached = sessions.newest_olm_sessions(txn, self._writer.device_no, by_key)
        wanted = [by_key[key] for key in sorted(reached)]
        self.add(txn, None, ENCRYPTED, self.encrypt(txn, reached, wanted, "m.dummy", {}))

    async def take_over(self) -> None:
        """Look what a writer before left unsent; first call of a new writer."""
        self._unsent |= await self._database.run(
            "crypto.unsent", rooms.rooms_with_waiting, self._writer.device_no
        )

    async def send(self, room_id: str | None) -> None:
        """Send what waits for a room, or (None) for none; costs nothing if nothing waits.

        Raises:
            MatrixError: The server refuses for now; the rest waits.
            NoAnswerError: It does not answer; the rest waits.
        """
        while room_id in self._unsent:
            self._unsent.discard(room_id)
            waiting = await self._database.run(
                "crypto.to_device",
                rooms.waiting_to_device,
                self._writer.device_no,
                room_id,
                ROWS_A_ROUND_MAX,
            )
            if len(waiting) == ROWS_A_ROUND_MAX:
                self._unsent.add(room_id)
            try:
                for row in waiting:
                    await self._send_row(row)
            except BaseException:
                self._unsent.add(room_id)
                raise

    async def _send_row(self, row: ToDeviceRow) -> None:
        own = self._writer.own
        try:
            await self._client.call(
                "PUT",
                path("sendToDevice", row.event_type, row.txn_id),
                user=own.user_id,
                device=own.device_id,
                body={"messages": row.messages},
            )
        except MatrixError as e:
            if e.status not in _CLIENT_ERROR or e.errcode in _PASSING:
                raise
            attempts = await self._database.run("crypto.attempt", rooms.count_attempt, row.txn_id)
            if attempts < ATTEMPTS_MAX:
                raise
            metrics.alarms.labels("to_device_refused").inc()
            logger.warning("to-device request %s is refused: %s", row.txn_id, e.errcode)
        await self._database.run("crypto.sent", rooms.drop_to_device, [row.txn_id])
