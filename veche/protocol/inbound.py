"""Acts of people that reach a bot, by any client, network or page."""

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
    """The known facts about a sending device, for the words of a refusal."""

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


@attrs.frozen(kw_only=True)
class Incoming:
    """An act of a person that reached a bot: by an event of a room, or on a page.

    Attributes:
        bot: Which of our bots it reached.
        room_id: Where it was said, or where it would have been said in a client.
        event_id: Idempotency key: the same never arrives twice.
        sender: Who did it.
        trust: How sure that is.
        standing: Why it is that sure.
        at_ms: When we received it, UTC. Never ``origin_server_ts``, which is no evidence.
    """

    bot: UserId
    room_id: RoomId
    event_id: EventId
    sender: UserId
    trust: Trust
    standing: DeviceStanding
    at_ms: int


@attrs.frozen(kw_only=True)
class Inbound(Incoming):
    """One event, decrypted and judged.

    Attributes:
        event_type: The type inside the encryption.
        content: The content inside the encryption; ``m.relates_to`` taken in from outside.
        state_key: For state events, else None.
    """

    event_type: str
    content: Mapping[str, Any]
    state_key: str | None = None


@attrs.frozen(kw_only=True)
class PromptAnswer(Incoming):
    """An answer that a person gave to a prompt on a page.

    Attributes:
        prompt: Id of the prompt.
        choice: Id of what was chosen; None if only a form was filled in.
        data: Values of the form, not yet checked against its fields; None without a form.
        nonce: Of the approval that the person's key signed for it; None: no key did.
    """

    standing: DeviceStanding = attrs.field(default=DeviceStanding.PAGE, init=False)
    prompt: str
    choice: str | None
    data: Mapping[str, Any] | None = None
    nonce: str | None = None


@attrs.frozen(kw_only=True)
class PageCommand(Incoming):
    """A command that a person gave on a page.

    Attributes:
        name: Of the command.
        about: Id of what it is about.
        text: What the person wrote with it.
    """

    standing: DeviceStanding = attrs.field(default=DeviceStanding.PAGE, init=False)
    name: str
    about: str
    text: str = ""


PageAct = PromptAnswer | PageCommand
"""What a person can do on a page that a bot has to hear."""
