"""The ports between the host and the connector of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridges.core.model import (
        BridgeName,
        Outgoing,
        PartReport,
        RemoteMessage,
        RemoteReport,
        Sent,
        SentPart,
    )
    from veche.runtime.config.sections import Section


class Bridge(Protocol):
    """The host, as a connector may ask it.

    Attributes:
        reactor: Clock, network and threads.
        server_name: Of the homeserver.
        language: In which the bridge speaks itself.
    """

    reactor: Any
    server_name: str
    language: str

    def seed(self, purpose: str) -> bytes:
        """Derive 32 secret bytes for a purpose of this network; always the same."""

    async def queue_remote_event(self, event: RemoteMessage | RemoteReport | PartReport) -> None:
        """Return once what came from the network is committed: only then acknowledge it.

        What came before is passed over.

        Raises:
            UnavailableError: Nothing was committed; the network shall send it again.
        """

    async def forget_marks(self, ids: Sequence[str]) -> None:
        """Keep the ``content_mark`` of these messages no longer: the network knows we have them."""

    async def note_sent_part(self, effect_id: str, part: SentPart) -> None:
        """Return once it is committed that the network took a part: it is not sent again."""


class NetworkConnector(Protocol):
    """One network of a process; entry points of the group ``veche.connectors`` name its class.

    Attributes:
        name: What the network is called.
        config: Model of its part of the section ``bridges``.
        carries_files: Whether it sends files; else people are told how to get them.
    """

    name: ClassVar[BridgeName]
    config: ClassVar[type[Section]]
    carries_files: ClassVar[bool]

    @property
    def trouble(self) -> str:
        """Why the network is not reached, for ``/ready``; empty if it is."""

    def __init__(self, bridge: Bridge, section: Any) -> None:
        """Make it; nothing listens before ``start``.

        Raises:
            ConfigError: The section cannot be used.
        """

    async def start(self) -> None:
        """Begin to listen to the network."""

    async def stop(self) -> None:
        """End it; what is being sent may be finished."""

    async def handle_matrix_message(self, msg: Outgoing) -> Sent:
        """Send a message; it may have been sent before, and then has the same ``effect_id``.

        Raises:
            AwayError: The other side is not there.
            TemporaryError: Not now.
            PermanentError: Never.
            UncertainError: Nobody knows.
        """
