"""The service as ``veche`` finds it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError

from appservices.acts import policy_server
from appservices.acts.badges import Badges
from appservices.acts.chat import greet, hear
from appservices.acts.config import ActsSection
from appservices.acts.conversation import CHECK, PURPOSE, Parts
from appservices.acts.following import Following
from appservices.acts.jobs import Check
from appservices.acts.notices import TELL, Notices, Tell
from appservices.acts.policy_server import SEED, PolicyServer
from appservices.acts.routes import API, WELL_KNOWN, DirectoryRoutes
from appservices.acts.service import Directories, enter, own_of
from veche.bots import Join, join_kind, log_undelivered, receive
from veche.messaging.service import BotAccount, Service
from veche.protocol.errors import UnavailableError, VecheError
from veche.protocol.ids import UserId
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.files.pictures import read_picture
from veche.runtime.vault import Vault
from veche.runtime.wake_event import WakeEvent
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.web.resource import IResource

    from veche.acts.signed_tree import SignedTree
    from veche.api.ports import PagePorts
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

logger = logging.getLogger(__name__)

BOT_LOCALPART: Final = "veche_official"
ENTER_EVERY_MS: Final = 1_000
"""How often it is looked whether the bots of organisations have their identities."""


class Acts(Service):
    """The service in a process that runs it.

    Attributes:
        directories: That are trusted here.
    """

    def __init__(self, ports: BotPorts, section: ActsSection) -> None:
        """Make the bot, and the directory if there is one."""
        logs = ports.logs
        own = own_of(section, ports.server_name, ports.seed, logs.last_signed, logs.history)
        self.directories = Directories(section, own)
        self._host, self._section = ports, section
        if own is not None:
            logs.add(own.signer.verifier.name, own.tree)
        name = section.name_in(section.language)
        picture = read_picture(section.avatar)
        bot_id = UserId(f"@{BOT_LOCALPART}:{ports.server_name}")
        bot = BotAccount(bot_id, name, section.id, picture)
        vault = Vault(ports.seed(PURPOSE))
        self._parts = Parts(ports, section, bot, vault, self.directories)
        self._following = Following(self._parts)

    @property
    def bots(self) -> Sequence[BotAccount]:
        """Return the one bot."""
        return [self._parts.bot]

    @property
    def signs_events(self) -> bool:
        """Return whether the configuration asks for a policy server."""
        return self._section.policy_server

    def policy_server(self, ports: PagePorts) -> PolicyServer:
        """Make what signs events for other homeservers."""
        seed = self._host.seed(SEED)
        database, directories = ports.gate.database, self.directories
        return PolicyServer(ports.server_name, seed, ports.client, database, directories)

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event that reached the bot."""
        scene = self._parts.conversation(txn, inbound.event_id, inbound.at_ms)
        receive(scene, inbound, partial(hear, parts=self._parts))

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:  # noqa: ARG002 -- of the protocol
        """Log that something that the bot said never arrives."""
        log_undelivered(undelivered)

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """Return what the bot does outside transactions, by kind of job."""
        parts = self._parts
        join = {join_kind(PURPOSE): Join(parts, greet)}
        return {**join, CHECK: Check(parts), TELL: Tell(parts)}

    async def started(self) -> None:
        """Enter the organisations of the configuration, follow others' directories, tell people."""
        if self.directories.own is not None:
            self._host.spawn("directory.enter", self._enter())
            Badges(self._parts).start()
            self._host.witnesses.start(self._host.spawn, self._trees)
        self._following.start()
        Notices(self._parts).start()

    async def _enter(self) -> None:
        """Enter organisations once all their bots are there, which other processes may carry."""
        organisations = self._section.directory.organisations if self._section.directory else ()
        pause = WakeEvent(self._host.reactor)
        while True:
            arguments = (self.directories, organisations, self._host.now_ms())
            try:
                if await self._host.database.run("directory.enter", enter, *arguments):
                    return
            except CancelledError:
                raise  # the process ends
            except UnavailableError:
                pass  # another round comes
            except VecheError as e:
                logger.error("the directory is not written: %s", e)  # noqa: TRY400 -- the words say it
                return
            await pause.wait(ENTER_EVERY_MS)

    def _trees(self, txn: Cursor) -> dict[str, SignedTree]:  # noqa: ARG002 -- as of other logs
        """The log of the directory, by its origin."""
        own = self.directories.own
        return {} if own is None else {own.signer.verifier.name: own.tree}


def routes(ports: PagePorts, service: Acts) -> Mapping[str, IResource]:
    """Make the service's part of the public site."""
    made = DirectoryRoutes(service.directories, ports.witnesses)
    mounted = {one.mount: one.resource(ports.gate, made) for one in (API, WELL_KNOWN)}
    if service.signs_events:
        signer = service.policy_server(ports)
        apis = (policy_server.API, policy_server.WELL_KNOWN)
        mounted |= {one.mount: one.resource(ports.gate, signer) for one in apis}
    return mounted


SERVICE: Final = ServiceSpec(
    name="acts",
    config=ActsSection,
    migrations=MigrationSet("acts", "appservices.acts"),
    make=Acts,
    routes=routes,
)
