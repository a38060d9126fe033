"""Interfaces that the inbox and the outbox need: a bot's crypto, and the service behind it.

The worker and the sender know these protocols and nothing else, so that a test can stand in for a
service or a device with a few lines.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.protocol.ids import DeviceId, EffectId, RoomId, UserId
    from veche.protocol.inbound import DeviceStanding, Inbound, PageAct, Trust
    from veche.runtime.database import Cursor


class WaitsForKey(Exception):  # noqa: N818 -- a state of the event, not an error
    """The room key of an event did not come yet.

    Attributes:
        session_id: Megolm session that is wanted.
        first_index: From which message on the key is there; None if there is none at all.
    """

    def __init__(self, session_id: str, first_index: int | None = None) -> None:
        super().__init__(session_id)
        self.session_id = session_id
        self.first_index = first_index


class NeedsDevices(Exception):  # noqa: N818 -- a state of the event, not an error
    """The sender's devices have to be asked for before the event can be judged.

    Attributes:
        user_id: Whose devices.
    """

    def __init__(self, user_id: UserId) -> None:
        super().__init__(user_id)
        self.user_id = user_id


class RefusedEvent(Exception):  # noqa: N818 -- a verdict on the event
    """An encrypted event that breaks a rule and is never shown to a service.

    Attributes:
        reason: One of few words, for metrics.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OpenedEvent(Protocol):
    """The content of an encrypted event."""

    @property
    def event_type(self) -> str:
        """Type inside the encryption."""

    @property
    def content(self) -> Mapping[str, Any]:
        """Content inside the encryption, with ``m.relates_to`` taken in from outside."""

    @property
    def trust(self) -> Trust:
        """Level of what it says."""

    @property
    def standing(self) -> DeviceStanding:
        """Why it has that level."""


class Opener(Protocol):
    """Opens an ``m.room.encrypted`` event, in the transaction that marks it as done.

    Raises ``WaitsForKey``, ``NeedsDevices`` or ``RefusedEvent``.
    """

    def __call__(self, txn: Cursor, bot: UserId, event: Mapping[str, Any], /) -> OpenedEvent:
        """Return the content of an encrypted event."""


class Arrivals(Protocol):
    """Says whether a key came while the row that waits for it was put by.

    Neither transaction sees the other then, and the key wakes nobody.
    """

    def settled(self, txn: Cursor, bot: UserId) -> None:
        """Wait until whoever is storing keys of a bot now has ended; a transaction of its own."""

    def has_come(self, txn: Cursor, bot: UserId, room_id: RoomId, wanted: WaitsForKey) -> bool:
        """Return whether a key is there that was not, or one from an earlier message on."""


class Receiver(Protocol):
    """The service behind a bot."""

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event, in the transaction that marks it as done; may run again."""

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Act on what a person did on a page; as ``receive``."""

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Learn that something it said never arrives, in the transaction that gives it up."""


class RoomHooks(Protocol):
    """Events of rooms that the crypto needs, each in the transaction that learns it."""

    def encrypted(self, txn: Cursor, room_id: RoomId, content: Mapping[str, Any]) -> None:
        """The room is encrypted, for ever; ``content`` is that of ``m.room.encryption``."""

    def visibility(self, txn: Cursor, room_id: RoomId, visibility: str) -> None:
        """The room has this history visibility now."""

    def member(self, txn: Cursor, room_id: RoomId, user_id: UserId, membership: str) -> None:
        """A member event of a person was seen: their devices may have changed."""

    def unreadable(self, txn: Cursor, bot: UserId, event: Mapping[str, Any], now_ms: int) -> None:
        """The key of an event did not come in time: ask for it, tell the person."""


class Devices(Protocol):
    """Asks the homeserver for the devices of people."""

    async def refresh(self, bot: UserId, user_ids: Collection[UserId]) -> None:
        """Ask now, store the answer; returns also when a server of theirs does not answer."""


EVERY_DEVICE: Final = "all"
"""An audience of ``Sealer.seal_apart``: all devices of all who are in the room."""


class Sealer(Protocol):
    """Encrypts what one bot says; lives in the process that holds the bot's device."""

    @property
    def device_id(self) -> DeviceId:
        """The bot's device."""

    def is_encrypted(self, txn: Cursor, room_id: RoomId) -> bool:
        """Return whether the room was ever encrypted."""

    async def prepare(self, room_id: RoomId, now_ms: int) -> None:
        """Do what sealing needs of the homeserver: key queries, claims. Outside transactions."""

    def seal(
        self,
        txn: Cursor,
        room_id: RoomId,
        event_type: str,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
        now_ms: int,
    ) -> Mapping[str, Any]:
        """The content of ``m.room.encrypted``; ``beside`` goes into it in clear.

        Raises ``NotPrepared`` when a reader's keys have to be asked for first: ``prepare`` does.
        Raises ``HeldBack`` for a document or a link while it is not sure who reads it.
        """

    def seal_now(
        self,
        txn: Cursor,
        room_id: RoomId,
        event_type: str,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
        now_ms: int,
    ) -> Mapping[str, Any]:
        """As ``seal``, in any transaction and without ``prepare``: it waits for nobody.

        Raises ``NotPrepared`` where something has to be asked for, changed or waited for first.
        """

    def seal_apart(
        self,
        audience: str,
        txn: Cursor,
        room_id: RoomId,
        event_type: str,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
        now_ms: int,
    ) -> Mapping[str, Any]:
        """As ``seal``, for certain devices, also those that get nothing else of ours.

        ``audience`` is ``EVERY_DEVICE``; or a master key, for the devices that this identity
        signed; or the Ed25519 key of a device.
        """

    async def deliver(self, room_id: RoomId) -> None:
        """Send the room keys that sealing wrote down; raises if the homeserver did not take them.

        Called after the commit and before the event goes out; cheap when there is nothing.
        """

    def device_lost(self) -> None:
        """The homeserver does not know the device any more."""


class NotPrepared(Exception):  # noqa: N818 -- a state of the room
    """``Sealer.prepare`` must run before this room can be sealed for."""


class HeldBack(Exception):  # noqa: N818 -- a state of the room
    """A document or a link waits until it is sure who reads it."""


class Undeliverable(enum.Enum):
    """Why something never arrives."""

    ROOM_LOST = "room_lost"
    """The bot is not in the room any more."""
    INVITES_BLOCKED = "invites_blocked"
    """The person takes no invites: wait for the person to come."""
    GUARD = "guard"
    """Our own guard refused it: a proof is missing, a bug."""
    FORBIDDEN = "forbidden"
    """A rule of the room or of the server forbids it."""
    MALFORMED = "malformed"
    """The homeserver does not take content of this form or size: a bug."""
    RELATION_LOST = "relation_lost"
    """What it edits or reacts to never arrived."""


@attrs.frozen
class Undelivered:
    """Something that a service said and that never arrives.

    Attributes:
        detail: Code or text of the homeserver, at most 200 characters.
    """

    bot: UserId
    room_id: RoomId
    effect_id: EffectId
    event_type: str
    reason: Undeliverable
    detail: str
