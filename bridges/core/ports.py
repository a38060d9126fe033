"""The ports between the host and the connector of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from bridges.core.model import BridgeName, Outgoing, RemoteMessage, RemoteReport, Sent
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

    async def queue_remote_event(self, event: RemoteMessage | RemoteReport) -> None:
        """Return once what came from the network is committed: only then acknowledge it.

        What came before is passed over.

        Raises:
            UnavailableError: Nothing was committed; the network shall send it again.
        """


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
