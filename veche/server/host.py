"""The composition root: one process that carries services, from database to homeserver.

Everything that has a life of its own is made here, in the order in which it depends on one another,
and ended in the reverse order.
"""

from __future__ import annotations

import logging
import random
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, gatherResults

from veche.access.approvals import Approvals, rules_of
from veche.access.identity_doubts import Doubts
from veche.access.sessions import Sessions
from veche.access.sessions.discovery import Discovery, DnsSrv
from veche.access.sessions.openid import Homeservers
from veche.acts import ActLog, histories
from veche.acts.heads import ActHeads
from veche.acts.histories import Logs
from veche.acts.witnesses.asking import Witnesses
from veche.api.gate import Gate
from veche.chat.hints import Hints
from veche.messaging import jobs
from veche.messaging.inbox import store as inbox_store
from veche.messaging.inbox.heal import Healer
from veche.messaging.inbox.heartbeat import Heartbeat
from veche.messaging.inbox.intake import Intake
from veche.messaging.inbox.worker import Ports, Worker
from veche.messaging.outbox import store as outbox_store
from veche.messaging.outbox.marks import Marks
from veche.messaging.outbox.sender import TASKS_MAX as SENDER_TASKS_MAX
from veche.messaging.outbox.sender import OutboxSender
from veche.messaging.profiles import show_profile
from veche.messaging.service import Checked, Tidied
from veche.protocol.errors import ConfigError, UnavailableError
from veche.protocol.ids import UserId
from veche.runtime import live
from veche.runtime.config import read_secret
from veche.runtime.crypto.bot import BotDevice, CryptoParts
from veche.runtime.crypto.core.trust import WithoutIdentity
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.crypto.locks import Locks
from veche.runtime.crypto.opening import Opener
from veche.runtime.crypto.tracking import Hooks, People
from veche.runtime.database import Database, DedicatedSession
from veche.runtime.database.clock import SharedClock
from veche.runtime.database.listener import Listener
from veche.runtime.database.presence import Presence
from veche.runtime.matrix.client import MatrixClient, MatrixError
from veche.runtime.matrix.ping import ping
from veche.runtime.matrix.pushes import Pushes
from veche.runtime.matrix.registration import is_of_namespace
from veche.runtime.matrix.rooms import Rooms
from veche.runtime.matrix.transactions import Transactions
from veche.runtime.tasks import Tasks
from veche.runtime.web import new_site
from veche.runtime.web.http_client import Connections
from veche.runtime.web.limits import Limit
from veche.runtime.web.outbound import Outbound
from veche.runtime.web.private import private_root
from veche.runtime.web.public import PageLinks, PublicRoot, PublicSite
from veche.server.housekeeping import Housekeeping
from veche.server.spec import ENTRY_POINTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from twisted.web.resource import IResource

    from veche.messaging.service import Check, Service
    from veche.protocol.ids import DeviceId
    from veche.runtime.config import Config, PagesSection
    from veche.server.spec import ServiceSpec

logger = logging.getLogger(__name__)

TASKS_MAX: Final = 200
STARTS_AT_ONCE_MAX: Final = 8
"""Bots whose devices are started at the same time."""
_CHECK_AGAIN_MS: Final = 1_000


class Host:
    """One process with its services.

    Attributes:
        server_name: Of the homeserver.
        bridges: Bots that speak for people of other networks.
        reactor: Clock, network and threads; its time is the database's.
        dsn: Of the database, for connections of one's own.
        database: For transactions.
        client: To the homeserver.
        rooms: Reads and keeps the state of rooms.
        act_log: Commits the acts of organisations.
        act_heads: Signs the heads of their logs; ``witnesses`` vouch for these and others.
        services: The services of this process, by name.
        logs: Makes sure that no log falls behind what it signed.
        port: Where it listens for the homeserver, once it is started.
        public_url: Origin of the pages, None if there are none.
        links: Makes links to pages, None if there are none.
        embedders: Whose frames may hold widgets.
        sessions: Of persons on pages.
        approvals: Keys of persons, and what they approve with them.
        live: Those who wait for news.
        gate: Before the APIs; only where there are pages.
    """

    def __init__(self, config: Config, specs: Mapping[str, ServiceSpec], reactor: Any) -> None:
        """Make everything; nothing runs before ``start``.

        Args:
            config: The sections of the kernel, and of the services that this process carries.
            specs: The installed services by name.
            reactor: Clock, network and threads.

        Raises:
            ConfigError: A secret cannot be read, or a service refuses its section.
        """
        self._config = config
        self.reactor = reactor = self._make_clock(reactor)
        self.server_name = config.homeserver.server_name
        self.bridges = frozenset(map(UserId, config.homeserver.bridges))
        self.port = config.listen.port
        self._key = read_operator_key(config.crypto.key_path)
        as_token = read_secret(config.homeserver.as_token_path)
        self._hs_token = read_secret(config.homeserver.hs_token_path)
        self.dsn = config.database.dsn()
        self._channels: dict[str, Callable[[str], None]] = {}
        self._ends: list[Callable[[], Awaitable[None]]] = []
        self.database = self._make_database()
        self._connections = Connections(reactor, config.homeserver.url)
        self.client = MatrixClient(self._connections, as_token)
        self.act_log = ActLog(self.seed("pseudonym"))
        self.witnesses = Witnesses(self.database, reactor, config.witnesses)
        self.logs = Logs(config.heads_folder, config.history)
        self.act_heads = self.logs.acts = self._make_act_heads()
        self._people = People(self.database, self.client, reactor)
        self._people.bridges = self.bridges
        self._hooks = Hooks()
        self._presence = Presence()
        self.rooms = Rooms(self.client, self.database, reactor, self._hooks, self._is_ours)
        self._tasks = Tasks(running_max=TASKS_MAX)
        self._sending = Tasks(running_max=SENDER_TASKS_MAX)
        try:
            self._make_pages()
            self.services = self._make_services(specs)
            self._public = self._make_public(specs)
        except BaseException:
            self.database.close()  # its threads run already
            raise
        self._locks = self._make_locks()
        self._owners: Mapping[UserId, Service] = {
            bot.user_id: service for service in self.services.values() for bot in service.bots
        }
        self._doubts = Doubts(self.act_log, self.approvals.parts)
        self._people.on_doubt = self._doubts.came
        self._hints = self._make_hints()
        self._sender = self._make_sender()
        self._worker = self._make_worker()
        self._intake = Intake(self.database, reactor, self._owners, self._is_ours, self._worker)
        self._healer = self._make_healer()
        self._heartbeat = Heartbeat(
            self.database, reactor, self._tasks, self.client, self._intake.pushes
        )
        self._jobs = self._make_jobs()
        self._devices = self._make_devices()
        self._listener = self._make_listener(
            {
                inbox_store.CHANNEL: self._worker.wake,
                outbox_store.CHANNEL: self._sender.announced,
                jobs.CHANNEL: self._jobs.wake,
                live.CHANNEL: self.live.heard,
                histories.CHANNEL: lambda _: self.logs.look(self.database, self._tasks),
                **self._channels,
            }
        )
        self._listening: Any = None

    # What services use.

    @property
    def service_names(self) -> frozenset[str]:
        """The services that the configuration has this process carry."""
        return frozenset(self._config.services)

    def now_ms(self) -> int:
        """The moment, UTC."""
        return int(self.reactor.seconds() * 1000)

    def seed(self, purpose: str) -> bytes:
        """32 secret bytes for a purpose, derived from the first operator key; always the same."""
        return self._key.seed(purpose)

    @property
    def public_port(self) -> int:
        """Where the public site listens, once it is started; 0 if there is none."""
        return 0 if self._public is None else self._public.port

    def device_id(self, bot: UserId) -> DeviceId:
        """The device of a bot.

        Raises:
            UnavailableError: Another process speaks for the bot now.
        """
        return self._devices[bot].device_id

    def spawn(self, name: str, work: Coroutine[Deferred[Any], Any, None]) -> bool:
        """Start background work of a service, which ends with the host; see ``Tasks.spawn``."""
        return self._tasks.spawn(name, work)

    def hear(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call ``heard`` with each NOTIFY on a channel; with nothing once some may be missed.

        Only while services are made: ``start`` begins to listen.
        """
        self._channels[channel] = heard

    def at_stop(self, end: Callable[[], Awaitable[None]]) -> None:
        """Have something of a service ended after the background work, before the database."""
        self._ends.append(end)

    # The life of it.

    async def start(self) -> None:
        """Serve, speak for every bot whose lock is free, catch up, and go on.

        Raises:
            VecheError: Something is wrong that waiting does not mend; ``stop`` cleans up.
        """
        # First: nobody may keep a moment of another clock.
        await self._follow_clock()
        await self.logs.start(self.database, self.services.values())
        self._listen()
        bots = [bot for service in self.services.values() for bot in service.bots]
        await self.database.run("bots", inbox_store.add_bots, bots)
        self._listener.start()
        self._worker.start()
        self._sender.start()
        self._jobs.start()
        await self._start_devices()
        await self._name_bots()
        self._healer.start()
        self._heartbeat.start()
        retention = self._config.retention
        sealing = ("approvals", self.approvals.seal_evidence, 0)
        tidied = [one for one in self.services.values() if isinstance(one, Tidied)]
        more = [sealing, *(cleanup for one in tidied for cleanup in one.housekeeping())]
        Housekeeping(self.database, self.reactor, self._tasks, retention, more).start()
        self.act_heads.start(self._tasks)
        pinging = ping(self.client, self.reactor, self._config.homeserver.appservice_id)
        self._tasks.spawn("ping", pinging)
        for service in self.services.values():
            await service.started()
        # Last: what people do on pages needs all of it.
        if self._public is not None:
            self._public.listen()

    async def stop(self) -> None:
        """End everything; what is not done is in tables."""
        self.live.close()
        if self._public is not None:
            await self._public.stop()
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.stopListening()
        await self._tasks.stop()
        await self._sending.stop()
        while self._ends:
            await self._ends.pop()()
        await gatherResults(
            [Deferred.fromCoroutine(device.stop()) for device in self._devices.values()],
            consumeErrors=True,
        )
        await self._listener.stop()
        await self._locks.close()
        await self._connections.close()
        self.database.close()

    def _listen(self) -> None:
        checks: dict[str, Check] = {
            "database": self._check_database,
            "homeserver": self._check_homeserver,
            "pushes": self._heartbeat.check,
        }
        if self._public is not None:
            checks["pages"] = self._check_pages
        for service in self.services.values():
            if isinstance(service, Checked):
                checks |= service.checks()
        transactions = Transactions(self._hs_token, self._intake)
        root = private_root(transactions, checks, self.reactor)
        site = new_site(root, self.reactor, large_bodies=[transactions.large_body])
        pushes, listen = Pushes(site, transactions), self._config.listen
        self._listening = self.reactor.listenTCP(listen.port, pushes, interface=listen.address)
        self.port = self._listening.getHost().port

    async def _start_devices(self) -> None:
        waiting = list(self._devices.values())

        async def work() -> None:
            while waiting:
                await waiting.pop().start()

        count = min(STARTS_AT_ONCE_MAX, len(waiting))
        works = [Deferred.fromCoroutine(work()) for _ in range(count)]
        try:
            await gatherResults(works, consumeErrors=True)
        except Exception as e:
            # gatherResults wraps the first failure.
            cause = getattr(getattr(e, "subFailure", None), "value", None)
            if isinstance(cause, Exception):
                raise cause from e
            raise

    async def _name_bots(self) -> None:
        """Give each bot the name and the picture that people see, if it has others."""
        for service in self.services.values():
            for bot in service.bots:
                try:
                    await show_profile(self.client, bot)
                except (MatrixError, UnavailableError) as e:
                    logger.warning("%s keeps its name and picture: %s", bot.user_id, e)

    async def _check_database(self) -> None:
        await self.database.run("check", lambda txn: txn.execute("SELECT 1"))

    async def _check_homeserver(self) -> None:
        for device in self._devices.values():
            if device.failure is not None:
                raise UnavailableError(
                    f"{device.bot} cannot speak: {device.failure}", retry_after_ms=_CHECK_AGAIN_MS
                )
        await self.client.call("GET", "/_matrix/client/versions")

    async def _check_pages(self) -> None:
        if self._public is None or not self._public.is_listening:
            raise UnavailableError("the pages are not served yet", retry_after_ms=_CHECK_AGAIN_MS)

    def _is_ours(self, user_id: str) -> bool:
        return is_of_namespace(user_id, self.server_name, self._config.homeserver.namespace)

    # How the parts are made. `tests/simulation` makes some otherwise, in a process without threads.

    def _make_clock(self, reactor: Any) -> Any:
        return SharedClock(reactor)

    async def _follow_clock(self) -> None:
        await self.reactor.follow(self.database, self._tasks)

    def _make_database(self) -> Database:
        return Database(self.dsn, self.reactor, threads=self._config.database.threads)

    def _make_locks(self) -> Locks:
        return Locks(DedicatedSession("crypto-locks", self.dsn, self.reactor))

    def _make_act_heads(self) -> ActHeads:
        logs = self.logs
        return ActHeads(
            self.witnesses, self.server_name, self.seed("acts"), logs.last_signed, logs.history
        )

    def _make_listener(self, channels: Mapping[str, Callable[[str], None]]) -> Listener:
        return Listener(self.dsn, self.reactor, channels, self._presence.show)

    def _make_opener(self) -> Opener:
        return Opener(self._key, self._people)

    def _make_pages(self) -> None:
        """Make the parts of pages that services need, also without a public site."""
        pages = self._config.pages
        self.live = live.Live(self.reactor)
        self.public_url = None if pages is None else pages.public_url.rstrip("/")
        self.links = None if pages is None else PageLinks(pages.public_url)
        self.embedders = () if pages is None else pages.embedders
        self.sessions = Sessions(
            self.database,
            self.reactor,
            self.act_log,
            self.links,
            self._people,
            key=self.seed("sessions"),
            openid=None if pages is None else self._make_homeservers(pages),
        )
        self.approvals = Approvals(
            self.database,
            self.reactor,
            self.act_log,
            self.links,
            rules_of(self._config.approvals, self._config.chats),
            key=self.seed("approvals"),
            public_url=self.public_url,
        )

    def _make_homeservers(self, pages: PagesSection) -> Homeservers:
        """Make the client that asks homeservers about OpenID tokens."""
        networks = [ip_network(one) for one in pages.homeserver_networks]
        outbound = Outbound(self.reactor, allowed=networks)
        discovery = Discovery(outbound, DnsSrv(self.reactor))
        return Homeservers(self.reactor, self.client, self.server_name, outbound, discovery)

    def _make_public(self, specs: Mapping[str, ServiceSpec]) -> PublicSite | None:
        pages = self._config.pages
        if pages is None:
            return None
        self.gate = Gate(
            self.database,
            self.reactor,
            self.sessions,
            trust_forwarded=pages.trust_forwarded,
            address_limit=Limit(burst=3 * pages.address_per_s, per_s=pages.address_per_s),
            session_limit=Limit(burst=3 * pages.session_per_s, per_s=pages.session_per_s),
        )
        routes: dict[str, IResource] = {}
        for name, service in self.services.items():
            make = specs[name].routes
            for path_, resource in (make(self, service) if make else {}).items():
                if path_ in routes:
                    raise ConfigError(f"two services serve /{path_}, one is {name}")
                routes[path_] = resource
        root, trusts = PublicRoot(routes), pages.trust_forwarded
        ports = (pages.port, *pages.more_ports)
        return PublicSite(root, self.reactor, pages.address, ports, trust_forwarded=trusts)

    def _make_services(self, specs: Mapping[str, ServiceSpec]) -> dict[str, Service]:
        unknown = sorted(self._config.services.keys() - specs.keys())
        if unknown:
            raise ConfigError(
                f"no service {', '.join(unknown)} is installed (entry points {ENTRY_POINTS})"
            )
        return {name: specs[name].make(self, one) for name, one in self._config.services.items()}

    def _make_sender(self) -> OutboxSender:
        reactor, client, vault = self.reactor, self.client, self.act_log.outbox_vault
        parts = (self.database, reactor, self._sending, client, self.rooms, Marks())
        return OutboxSender(*parts, random.random, vault, self.act_heads)

    def _make_worker(self) -> Worker:
        opener = self._make_opener()
        ports = Ports(
            opener,
            opener,
            self._hooks,
            self._people,
            self._is_ours,
            bridges=self.bridges,
            given_up=self._hints.given_up,
            doubted=self._doubts.heard,
        )
        return Worker(
            self.database, self.reactor, self._tasks, self._owners, ports, self.rooms, self._sender
        )

    def _make_healer(self) -> Healer:
        client, ours = self.client, self._is_ours
        healer = Healer(
            self.database, self.reactor, self._tasks, client, self._owners, ours, self._worker
        )
        healer.show(self._presence)
        self.client.when_broken(lambda: healer.soon("broken"))
        self._intake.when_to_heal(healer.soon)
        return healer

    def _make_jobs(self) -> jobs.JobRunners:
        handlers = self.approvals.job_handlers(self._owners)
        handlers.update(self.sessions.job_handlers())
        for service in self.services.values():
            handlers.update(service.job_handlers())
        return jobs.JobRunners(self.database, self.reactor, self._tasks, handlers, self._presence)

    def _make_hints(self) -> Hints:
        bots = {bot.user_id: bot for service in self.services.values() for bot in service.bots}
        return Hints(bots, self.act_log)

    def _make_devices(self) -> dict[UserId, BotDevice]:
        parts = CryptoParts(
            reactor=self.reactor,
            database=self.database,
            client=self.client,
            locks=self._locks,
            key=self._key,
            directory=self._people,
            ports=self._hints,
            without_identity=WithoutIdentity(self._config.crypto.readers_without_identity),
            on_change=self._writer_changed,
            certificates=self._config.crypto.certificates,
        )
        return {bot: BotDevice(parts, bot) for bot in self._owners}

    def _writer_changed(self, bot: UserId, is_writer: bool) -> None:
        if is_writer:
            self._sender.use(bot, self._devices[bot].sealer, self._owners[bot])
        else:
            self._sender.drop(bot)
