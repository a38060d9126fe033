"""The bridges as ``veche run bridges`` finds them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bridges.core.ids import bot_id
from bridges.host import registry, store
from bridges.host.outbox import RemoteOutbox
from bridges.host.portals import KIND, EndParts, MakePortal, Network
from bridges.host.service import PARTS_KIND, Bridging
from veche.messaging.service import BotAccount, Service
from veche.protocol.errors import UnavailableError
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.vault import Vault
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridges.core.model import PartReport, RemoteMessage, RemoteReport, Sent, SentPart
    from bridges.core.ports import NetworkConnector
    from bridges.host.config import BridgesSection
    from bridges.host.ports import BotPorts
    from bridges.host.store import OutRow
    from veche.messaging.jobs import JobHandler
    from veche.messaging.service import Check
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

_INSTALLED: Final = registry.connectors()


class _Bridge:
    """The host, as the connector of one network sees it; see ``bridges.core.ports``."""

    def __init__(self, bridges: Bridges, host: BotPorts, network: str, language: str) -> None:
        self.reactor, self.language = host.reactor, language
        self.server_name = host.server_name
        self._bridges, self._host, self._network = bridges, host, network

    def seed(self, purpose: str) -> bytes:
        return self._host.seed(f"bridges.{self._network}.{purpose}")

    async def queue_remote_event(self, event: RemoteMessage | RemoteReport | PartReport) -> None:
        take, now_ms = self._bridges.bridging.take, self._host.now_ms()
        await self._host.database.run("bridges.in", take, self._network, event, now_ms)

    async def forget_marks(self, ids: Sequence[str]) -> None:
        await self._host.database.run("bridges.in", store.forget_marks, self._network, ids)

    async def note_sent_part(self, effect_id: str, part: SentPart) -> None:
        note, now_ms = self._bridges.bridging.note_sent_part, self._host.now_ms()
        await self._host.database.run("bridges.out", note, self._network, effect_id, part, now_ms)


class Bridges(Service):
    """The service in a process that runs it.

    Attributes:
        bridging: Carries messages in both directions.
    """

    def __init__(self, host: BotPorts, section: BridgesSection) -> None:
        """Make the connectors of all networks that the section names."""
        self._host, networks = host, {}
        self._connectors: dict[str, NetworkConnector] = {}
        for network, made in _INSTALLED.items():
            own = getattr(section, network)
            if own is not None:
                bot = BotAccount(
                    bot_id(network, host.server_name), made.name.display_name, section.id
                )
                secret = host.seed(f"bridges.{network}")
                networks[network] = Network(made.name, bot, secret, made.carries_files)
                bridge = _Bridge(self, host, network, section.language)
                self._connectors[network] = made(bridge, own)
        vault = Vault(host.seed("bridges"))
        names = (section.language, host.server_name)
        self.bridging = Bridging(networks, host.act_log, vault, *names)
        self._networks = networks
        self._outbox = RemoteOutbox(host, self._connectors, self.bridging.outgoing, self._took)
        for connector in self._connectors.values():
            host.at_stop(connector.stop)

    @property
    def bots(self) -> Sequence[BotAccount]:
        """One bot a network."""
        return [one.bot for one in self._networks.values()]

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Pass on what the office says."""
        if inbound.event_type == "m.room.message" and inbound.state_key is None:
            self.bridging.hear(txn, inbound, self._host.now_ms())

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """The ones that make rooms, and pass on what stays without its parts."""
        opened = self.bridging.opened
        made = MakePortal(self._host, self._networks, opened, self.bridging.flush)
        return {KIND: made, PARTS_KIND: EndParts(self.bridging.end_parts)}

    def checks(self) -> Mapping[str, Check]:
        """One of each network, which fails while the network is not reached."""
        return {one: partial(_reached, made) for one, made in self._connectors.items()}

    async def started(self) -> None:
        """Send what waits, and listen to the networks."""
        self._outbox.start()
        for connector in self._connectors.values():
            await connector.start()

    def _took(self, txn: Cursor, row: OutRow, sent: Sent) -> None:
        self.bridging.took(txn, row, sent, self._host.now_ms())


async def _reached(connector: NetworkConnector) -> None:
    if connector.trouble:
        raise UnavailableError(connector.trouble, retry_after_ms=1_000)


SERVICE: Final = ServiceSpec(
    name="bridges",
    config=registry.section_model(_INSTALLED),
    migrations=MigrationSet("bridges", "bridges.host"),
    make=Bridges,
)
"""The service as ``veche`` finds it."""
