"""What a person said to a bot, whatever client, network or page it came through."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import EventId, RoomId, UserId


class Trust(enum.IntEnum):
    """How sure it is that the person said it; each level includes those before it."""

    ANY = 0
    """Not encrypted: the homeserver may have written it."""
    E2EE = 1
    """Encrypted, by a device that the person has not confirmed, or that is unknown."""
    VERIFIED = 2
    """Encrypted by a device that the person's pinned identity signed."""
    SIGNED = 3
    """Signed by the person's device key over exactly what was shown."""

    @property
    def label(self) -> str:
        """The word of the wire: ``any``, ``e2ee``, ``verified``, ``signed``."""
        return self.name.lower()


class DeviceStanding(enum.Enum):
    """What is known of the device that sent an event, for the words of a refusal."""

    NOT_ENCRYPTED = "not_encrypted"
    UNKNOWN = "unknown"
    """No such device of the sender, asked afresh."""
    UNSIGNED = "unsigned"
    """The person has an identity, which did not sign this device."""
    NO_IDENTITY = "no_identity"
    """The person has no cross-signing identity (older clients)."""
    IDENTITY_CHANGED = "identity_changed"
    """The identity is not the one that was pinned; the device is one of before."""
    LATE = "late"
    """The person dealt with us before by other devices or another identity, and nobody confirmed
    this device, or the identity that signed it."""
    VERIFIED = "verified"
    PAGE = "page"
    """None: it was said on a page of ours, at the level of the session there or of a key."""


@attrs.frozen
class Inbound:
    """One event, decrypted and judged.

    Attributes:
        bot: Which of our bots it reached.
        event_id: Idempotency key: the same event never arrives twice.
        event_type: The type inside the encryption.
        content: The content inside the encryption; ``m.relates_to`` taken in from outside.
        state_key: For state events, else None.
        trust: Level of what it says.
        standing: Why it has that level.
        at_ms: When we received it, UTC. Never ``origin_server_ts``, which is no evidence.
    """

    bot: UserId
    room_id: RoomId
    event_id: EventId
    sender: UserId
    event_type: str
    content: Mapping[str, Any]
    trust: Trust
    standing: DeviceStanding
    at_ms: int
    state_key: str | None = None
