"""The values of the model; their names are those of mautrix' bridgev2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT_CHARACTERS_MAX: Final = 16_000
"""Most of one message that goes into a room; with it an event stays below 64 KiB."""
THREAD_MAX: Final = 50
"""Most messages before it that one can name as its thread."""


@attrs.frozen
class BridgeName:
    """The names of a network.

    Attributes:
        network: Its code, part of user ids: ``mail``.
        display_name: What people read: ``e-mail``.
    """

    network: str
    display_name: str


@attrs.frozen
class PortalKey:
    """A chat of the network.

    Attributes:
        id: What the network, or the connector for it, calls the chat.
        receiver: The login where each login has a chat of its own; empty where all share it.
    """

    id: str
    receiver: str = ""


@attrs.frozen
class EventSender:
    """A person of the network.

    Attributes:
        id: By what the network finds them: an address or a number.
        name: What they call themselves; a claim.
    """

    id: str
    name: str = ""


@attrs.frozen
class ReceivedPart:
    """Which part of a message something is, where the network cuts long ones.

    Attributes:
        message_key: The same for all parts; it may come again for a later message.
        number: From 1 to ``total``.
    """

    message_key: str
    number: int
    total: int


@attrs.frozen
class RemoteMessage:
    """A message that came from the network.

    Attributes:
        portal_key: The chat.
        sender: Who wrote it.
        id: The network's own id of it, by which a repetition is seen.
        text: What was written, without what was quoted.
        office: Address of the network that it came to.
        office_bot: Matrix user of the bot that has this address.
        title: Of the chat, where the network has one, such as a subject.
        thread: Ids of the messages that it replies to, the nearest first.
        is_automatic: A program wrote it: nothing may answer it.
        part: Which part of it this is; None if it is whole.
        content_mark: Where the network gives no ids: a digest of all of it, the same when the
            network brings it again by another connection.
        connection: By which it came, where it has a ``content_mark``.
    """

    portal_key: PortalKey
    sender: EventSender
    id: str
    text: str
    office: str
    office_bot: str
    title: str = ""
    thread: tuple[str, ...] = ()
    is_automatic: bool = False
    part: ReceivedPart | None = None
    content_mark: str | None = None
    connection: str | None = None


@attrs.frozen
class PartReport:
    """A report of the network about a part of a message of ours.

    Attributes:
        part_id: What the network calls the part.
        grade: ``delivered`` or ``failed``.
        reason: In words or codes of the network; at most 500 characters.
    """

    part_id: str
    grade: str
    reason: str = ""


@attrs.frozen
class SentPart:
    """A part of a message that the network took.

    Attributes:
        number: From 1 to ``total``.
        part_id: What the network calls it; None if it does not say.
    """

    number: int
    total: int
    part_id: str | None


@attrs.frozen
class RemoteReport:
    """A report of the network about a message of ours.

    Attributes:
        effect_id: Of which.
        recipient: Whom it is about.
        grade: ``delivered``, ``displayed`` or ``failed``.
        reason: In words or codes of the network; at most 500 characters.
    """

    effect_id: str
    recipient: str
    grade: str
    reason: str = ""


@attrs.frozen
class RenderedChoice:
    """One thing that can be chosen, as it is shown on a network.

    Attributes:
        number: What is replied, from 1.
        id: What the service is told.
        label: What is read.
    """

    number: int
    id: str
    label: str


@attrs.frozen
class RemoteFile:
    """A file for a network.

    Attributes:
        name: To save it under.
        kind: Its media type; it may be empty.
        source: Where it is and how it is decrypted: a Matrix ``EncryptedFile``.
        data: Its bytes, once they were fetched.
    """

    name: str
    kind: str
    source: Mapping[str, Any]
    data: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen
class Rendered:
    """A message for a network.

    Attributes:
        text: All of it in words, choices included.
        choices: Those that may be chosen by their number.
        prompt: Id of the question; None if it asks nothing.
        file: What comes with it.
    """

    text: str
    choices: tuple[RenderedChoice, ...] = ()
    prompt: str | None = None
    file: RemoteFile | None = None


@attrs.frozen
class Outgoing:
    """A message on its way to the network.

    Attributes:
        effect_id: Its id, derived from its cause: a repetition has the same.
        portal_key: The chat.
        recipient: By what the network finds the person.
        office: Address of the network that speaks.
        office_name: What the bot is called.
        title: Of the chat, if it has one.
        rendered: What is said.
        thread: Ids of the messages of the chat before it, the newest first.
        parts_sent: Numbers of its parts that the network has from an earlier attempt.
    """

    effect_id: str
    portal_key: PortalKey
    recipient: str
    office: str
    office_name: str
    title: str
    rendered: Rendered
    thread: tuple[str, ...] = ()
    parts_sent: tuple[int, ...] = ()


@attrs.frozen
class Sent:
    """A message that the network took.

    Attributes:
        remote_id: What it calls the message.
    """

    remote_id: str
