"""The composition root: a process that starts, answers and ends; and what stops a start."""

from __future__ import annotations

import itertools
import socket
import tempfile
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest
import yaml
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.http import _GenericHTTPChannelProtocol

from tests.support.calls import Answer, request
from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S, free_ports, wait_until
from tests.support.synapse import homeserver
from veche.acts import Act, histories
from veche.acts.histories import RestoredError
from veche.api import Api, Call
from veche.messaging.inbox.store import add_bots
from veche.messaging.profiles import show_profile
from veche.messaging.service import BotAccount
from veche.protocol.acts import ActClass, call_form
from veche.protocol.errors import ConfigError, UnavailableError, VecheError
from veche.protocol.ids import UserId
from veche.protocol.wire import Wire
from veche.runtime.config import Config, Section, load_config
from veche.runtime.crypto.bot import State
from veche.runtime.database import presence
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.files.typesetting import drawn
from veche.runtime.live import announce
from veche.server import housekeeping
from veche.server.host import Host
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.web.resource import IResource

    from tests.support.synapse import Homeserver
    from veche.api.ports import PagePorts
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.messaging.service import Cleanup
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

_numbers = itertools.count(1)
ARMS = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
    '<rect fill="red" width="8" height="8"/></svg>'
)
PAGES = {"public_url": "http://localhost:8090", "port": 0}


class EchoSection(Section):
    """Of a small service."""

    is_broken: bool = False
    """Whether it refuses its section."""
    fails_at_start: bool = False
    """Whether it fails once its bots can speak."""


class Echo:
    """A service that does nothing but start."""

    def __init__(self, section: EchoSection, bot: UserId) -> None:
        self.section = section
        self.starts = 0
        self.heard: list[str] = []
        self.ends: list[str] = []
        self.cleaned_ms: list[int] = []
        self.bots = [BotAccount(bot, "Echo", "echo")]

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Nothing."""

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Nothing."""

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Nothing."""

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """None."""
        return {}

    async def started(self) -> None:
        """Count."""
        self.starts += 1
        if self.section.fails_at_start:
            raise UnavailableError("not today", retry_after_ms=1)

    def housekeeping(self) -> Sequence[Cleanup]:
        """Note that it was asked."""

        def work(_txn: Cursor, before_ms: int) -> int:
            self.cleaned_ms.append(before_ms)
            return 0

        return [("echoes", work, 0)]

    async def work(self) -> None:
        """Go on until the host ends it."""
        try:
            await Deferred()
        finally:
            self.ends.append("work")

    async def end(self, host: BotPorts) -> None:
        """Use the database a last time."""
        await host.database.run("end", lambda txn: txn.execute("SELECT 1"))
        self.ends.append("service")


PING = Api("/_veche/echo/v1", "Echo")


class Pong(Wire):
    """An answer of the page's side."""

    server: str
    bots: int


class EchoRoutes:
    """What Echo has on pages."""

    def __init__(self, host: PagePorts) -> None:
        self.host = host

    @PING.transaction("echo", "GET", "/ping", answer=Pong, summary="Ping")
    def ping(self, txn: Cursor, call: Call) -> Pong:
        """Say who answers."""
        del call
        txn.execute("SELECT count(*) FROM runtime.bot")
        [(count,)] = txn.fetchall()
        return Pong(server=self.host.server_name, bots=count)


class HostTest(TestCase):
    """One Synapse for all; each test has its own database and its own bot's device."""

    timeout = TIMEOUT_S
    stack: ClassVar[ExitStack]
    server: ClassVar[Homeserver]
    port: ClassVar[int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = ExitStack()
        folder = Path(cls.stack.enter_context(tempfile.TemporaryDirectory()))
        [cls.port] = free_ports(1)
        url = f"http://127.0.0.1:{cls.port}"
        cls.server = cls.stack.enter_context(homeserver(folder / "hs", appservice_url=url))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stack.close()

    def setUp(self) -> None:
        scope = ExitStack()
        self.addCleanup(scope.close)
        self.folder = Path(scope.enter_context(tempfile.TemporaryDirectory()))
        self.dsn = scope.enter_context(database(*KERNEL_SETS))
        self.made: list[Echo] = []
        self.mount = ""
        self.addCleanup(self.hang_up)
        # The database is new, and an identity that the server has already is never overwritten.
        self.bot = UserId(f"@veche_echo{next(_numbers)}:veche.test")

    async def hang_up(self) -> None:
        """Close the connections that Synapse keeps open for its next push."""
        readers: list[Any] = reactor.getReaders()
        for one in readers:
            if isinstance(getattr(one, "protocol", None), _GenericHTTPChannelProtocol):
                one.abortConnection()
        await deferLater(reactor, 0, lambda: None)

    def spec(self) -> ServiceSpec:
        def make(host: BotPorts, section: EchoSection) -> Echo:
            assert host.server_name == "veche.test"
            if section.is_broken:
                raise ConfigError("echo: it is broken")
            echo = Echo(section, self.bot)
            host.hear("veche_echo", echo.heard.append)
            host.at_stop(lambda: echo.end(host))
            self.made.append(echo)
            return echo

        def routes(host: PagePorts, _service: Echo) -> Mapping[str, IResource]:
            mount = self.mount or PING.mount
            return {mount: PING.resource(host.gate, EchoRoutes(host))}

        return ServiceSpec("echo", EchoSection, MigrationSet("echo", "none"), make, routes)

    def config(self, *, port: int | None = None, **changes: Any) -> Config:
        """A configuration as the operator has it; each test has the same operator key."""
        secrets = {
            "as_token": self.server.as_token.encode(),
            "hs_token": self.server.hs_token.encode(),
            "operator_key": bytes(range(32)),
        }
        for name, secret in secrets.items():
            (self.folder / name).write_bytes(secret)
            (self.folder / name).chmod(0o600)
        whole: dict[str, Any] = {
            "homeserver": {
                "url": self.server.url,
                "server_name": "veche.test",
                "as_token_path": "as_token",
                "hs_token_path": "hs_token",
            },
            "listen": {"port": self.port if port is None else port},
            "database": {"url": self.dsn},
            "crypto": {"key_path": "operator_key"},
            "echo": {},
        }
        for name, section in changes.items():
            whole[name] = {**whole.get(name, {}), **section}
        path = self.folder / "veche.yaml"
        path.write_text(yaml.safe_dump(whole))
        return load_config(path, {"echo": EchoSection})

    def host(self, **changes: Any) -> Host:
        host = Host(self.config(**changes), {"echo": self.spec()}, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(host.stop()))
        return host

    @staticmethod
    def read(url: str) -> bytes:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 -- our own address
            data: bytes = answer.read()
            return data

    @staticmethod
    def status(url: str) -> int:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 -- our own address
                return int(answer.status)
        except urllib.error.HTTPError as e:
            with e:
                return e.code

    async def asked(self, host: Host, path: str) -> Answer:
        return await deferToThread(request, "GET", f"http://127.0.0.1:{host.port}{path}")

    async def test_a_host_starts_and_says_that_it_can_work(self) -> None:
        host = self.host()

        await host.start()

        assert self.made[0].starts == 1
        for path in ("/health", "/ready"):
            assert (await self.asked(host, path)).status == 200
        metrics = f"http://127.0.0.1:{host.port}/metrics"
        assert b"veche_" in await deferToThread(self.read, metrics)
        assert str(host.device_id(self.bot)).startswith("VECHE")

    async def test_it_is_ready_only_once_its_pages_are_served(self) -> None:
        host = self.host(pages=PAGES)
        before: list[Answer] = []

        async def started() -> None:
            before.append(await self.asked(host, "/ready"))

        self.made[0].started = started  # type: ignore[method-assign]
        await host.start()

        assert before[0].status == 503
        assert before[0].body["checks"]["pages"] == "the pages are not served yet"
        while (await self.asked(host, "/ready")).status != 200:
            await deferLater(reactor, 0.05)

    async def test_every_process_serves_the_pages(self) -> None:
        first = self.host(pages=PAGES)
        await first.start()
        second = self.host(port=0, pages=PAGES)
        await second.start()

        for host in (first, second):
            assert host.public_port
            url = f"http://127.0.0.1:{host.public_port}/_veche/echo/v1"
            answer = await deferToThread(request, "GET", f"{url}/ping")
            assert (answer.status, answer.body) == (200, {"server": "veche.test", "bots": 1})
            document = await deferToThread(request, "GET", f"{url}/openapi.json")
            assert document.body["servers"] == [{"url": "/_veche/echo/v1"}]
            nothing = await deferToThread(request, "GET", f"{url}/none")
            assert (nothing.status, nothing.errcode) == (404, "M_UNRECOGNIZED")

    async def test_what_is_private_is_not_on_the_public_site_nor_the_reverse(self) -> None:
        host = self.host(pages=PAGES)
        await host.start()
        public = f"http://127.0.0.1:{host.public_port}"

        for path in ("/health", "/ready", "/metrics", "/_matrix/app/v1/transactions/1"):
            assert await deferToThread(self.status, public + path) == 404
        assert (await self.asked(host, "/_veche/echo/v1/ping")).status == 404

    async def test_news_of_one_process_wake_who_waits_in_another(self) -> None:
        first, second = self.host(pages=PAGES), self.host(port=0, pages=PAGES)
        await first.start()
        await second.start()
        with second.live.watching(["echo"]) as watch:
            # Whether or not the other listens already: it looks once it does.
            waiting = Deferred.fromCoroutine(watch.changed(25_000))
            await first.database.run("test", announce, "echo")
            assert await waiting

    async def test_each_process_is_seen_by_the_others_while_it_lives(self) -> None:
        locks = """SELECT 1 FROM pg_locks JOIN pg_database ON database = pg_database.oid
            WHERE datname = current_database() AND classid = %s AND granted"""

        async def seen(count: int) -> None:
            while len(execute(self.dsn, locks, presence.LOCK)) != count:
                await deferLater(reactor, 0.01)

        first, second = self.host(), self.host(port=0)
        await first.start()
        await second.start()
        await seen(2)

        await first.stop()

        await seen(1)

    async def test_a_service_hears_its_channel_and_ends_with_the_host(self) -> None:
        host = self.host()
        await host.start()
        [echo] = self.made
        host.spawn("echo", echo.work())
        while "" not in echo.heard:  # it listens
            await deferLater(reactor, 0.01)
        execute(self.dsn, "NOTIFY veche_echo, 'news'")
        while "news" not in echo.heard:
            await deferLater(reactor, 0.01)

        await host.stop()

        assert echo.ends == ["work", "service"]

    async def test_what_a_service_has_to_tidy_up_is_tidied_up(self) -> None:
        self.patch(housekeeping, "INTERVAL_MS", 10)  # type: ignore[no-untyped-call]  # trial's
        host = self.host()
        await host.start()
        [echo] = self.made
        while not echo.cleaned_ms:
            await deferLater(reactor, 0.01)

        await host.stop()

    async def test_without_a_section_there_are_no_pages(self) -> None:
        host = self.host()
        await host.start()
        assert (host.public_port, host.public_url, host.links) == (0, None, None)

    async def test_a_public_port_that_is_taken_stops_the_start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            host = self.host(pages={**PAGES, "port": taken.getsockname()[1]})

            with pytest.raises(Exception, match="listen"):
                await host.start()

    def test_a_path_that_no_service_may_have_leaves_no_threads(self) -> None:
        self.mount = "metrics"
        config = self.config(pages=PAGES)
        before = threading.active_count()

        with pytest.raises(ConfigError, match="no service may serve /metrics"):
            Host(config, {"echo": self.spec()}, reactor)

        for thread in threading.enumerate():
            if thread.name.startswith("database-"):
                thread.join(60)
        assert threading.active_count() <= before

    def test_two_services_at_one_path_are_refused(self) -> None:
        config = self.config(pages=PAGES)
        twice = attrs.evolve(config, services={name: EchoSection() for name in ("echo", "other")})

        with pytest.raises(ConfigError, match="two services serve /_veche/echo/v1"):
            Host(twice, {name: self.spec() for name in ("echo", "other")}, reactor)

    def test_links_lead_to_the_public_address(self) -> None:
        host = self.host(pages={**PAGES, "public_url": "https://veche.example.org"})
        assert host.links is not None
        assert host.links.page("cases", "1") == "https://veche.example.org/cases/1"
        assert host.public_url == "https://veche.example.org"

    async def test_its_bots_are_noted_with_what_they_are_called(self) -> None:
        host = self.host()
        await host.start()
        noted = "SELECT user_id, display_name, organisation FROM runtime.bot"
        assert execute(self.dsn, noted) == [(self.bot, "Echo", "echo")]
        await host.database.run("test", add_bots, [BotAccount(self.bot, "New name", "echo")])
        assert execute(self.dsn, noted) == [(self.bot, "New name", "echo")]

    async def test_its_bots_have_the_names_that_people_see(self) -> None:
        host = self.host()

        await host.start()

        path = f"/_matrix/client/v3/profile/{self.bot}/displayname"
        answer = await deferToThread(self.server.call, "GET", path, token=self.server.as_token)
        assert answer.body["displayname"] == "Echo"

    async def test_its_bots_have_the_pictures_that_people_see_and_bring_them_once(self) -> None:
        picture = drawn(ARMS)
        address = f"/_matrix/client/v3/profile/{self.bot}/avatar_url"
        seen = []
        host = self.host()
        await host.start()
        for shown in (picture, picture, drawn(ARMS.replace("red", "blue"))):
            await show_profile(host.client, BotAccount(self.bot, "Echo", "echo", shown))
            answer = await deferToThread(
                self.server.call, "GET", address, token=self.server.as_token
            )
            seen.append(answer.body["avatar_url"])

        assert seen[0] == seen[1] != seen[2]
        kept = await host.client.download(seen[0], user=self.bot, bytes_max=len(picture))
        assert kept == picture

    async def test_the_homeserver_needs_the_token(self) -> None:
        host = self.host()
        await host.start()
        url = f"http://127.0.0.1:{host.port}/_matrix/app/v1/transactions/1"

        answers = [
            await deferToThread(request, "PUT", url, token=token, body={"events": []})
            for token in ("wrong", self.server.hs_token)
        ]

        assert [answer.status for answer in answers] == [403, 200]

    async def test_after_a_stop_another_process_goes_on_as_the_same_device(self) -> None:
        first = self.host()
        await first.start()
        device = first.device_id(self.bot)
        await first.stop()

        second = self.host()
        await second.start()

        assert second.device_id(self.bot) == device

    async def test_a_second_process_stands_by(self) -> None:
        first = self.host()
        await first.start()

        second = self.host(port=0)
        await second.start()

        assert second.port not in (0, first.port)
        with pytest.raises(UnavailableError):
            second.device_id(self.bot)
        assert (await self.asked(second, "/ready")).status == 200

    async def test_stopping_twice_or_before_a_start_is_fine(self) -> None:
        host = self.host()

        await host.stop()
        await host.stop()

    async def test_a_port_that_is_taken_stops_the_start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            host = self.host(port=taken.getsockname()[1])

            with pytest.raises(Exception, match="listen"):
                await host.start()

        assert self.made[0].starts == 0

    async def test_a_start_that_fails_late_can_be_cleaned_up(self) -> None:
        host = self.host(echo={"fails_at_start": True})
        with pytest.raises(UnavailableError, match="not today"):
            await host.start()

        await host.stop()

        connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        # The server notices a little later.
        await deferToThread(
            wait_until, lambda: execute(self.dsn, connections) == [(1,)], 120, "still connected"
        )
        again = self.host()
        await again.start()
        assert self.made[-1].starts == 1

    async def test_a_database_behind_what_was_signed_is_not_started_with(self) -> None:
        host = self.host()
        act = Act("office", ActClass.MESSAGE, None, "test", "a law")

        def work(txn: Cursor) -> None:
            host.act_log.commit(txn, act, call_form("test", "do"), 1)
            txn.execute("SAVEPOINT backup")
            host.act_log.commit(txn, act, call_form("test", "do"), 1)
            host.act_heads.proof(txn, "office", "", 1)
            txn.execute("ROLLBACK TO SAVEPOINT backup")

        await host.database.run("test", work)
        with pytest.raises(RestoredError, match="`veche db restored`"):
            await host.start()

        assert self.made[0].starts == 0
        assert execute(self.dsn, "SELECT count(*) FROM runtime.bot") == [(0,)]

    async def test_all_that_runs_ends_once_somebody_finds_that_it_was_restored(self) -> None:
        host = self.host()
        heard: Deferred[VecheError] = Deferred()
        host.logs.when_stopped = heard.callback
        await host.start()
        await host.database.run("test", histories.stop, "a peer has seen more", 1)

        assert "a peer has seen more" in str(await heard)
        with pytest.raises(RestoredError, match="a peer has seen more"):
            await self.host().start()

    async def test_another_operator_key_stops_the_start(self) -> None:
        first = self.host()
        await first.start()
        await first.stop()
        config = self.config()
        (self.folder / "operator_key").write_bytes(b"x" * 32)
        host = Host(config, {"echo": self.spec()}, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(host.stop()))

        with pytest.raises(Exception, match="key"):
            await host.start()

        assert self.made[-1].starts == 0

    def test_a_service_that_refuses_its_section_leaves_no_threads(self) -> None:
        config = self.config(echo={"is_broken": True})
        before = threading.active_count()

        with pytest.raises(ConfigError, match="it is broken"):
            Host(config, {"echo": self.spec()}, reactor)

        for thread in threading.enumerate():
            if thread.name.startswith("database-"):
                thread.join(60)
        assert threading.active_count() <= before

    def test_a_service_that_is_not_installed_is_named(self) -> None:
        with pytest.raises(ConfigError, match="no service echo is installed"):
            Host(self.config(), {}, reactor)

    def test_a_secret_that_is_missing_is_told_before_anything_runs(self) -> None:
        for name in ("as_token", "hs_token", "operator_key"):
            config = self.config()
            (self.folder / name).unlink()

            with pytest.raises(ConfigError, match=name):
                Host(config, {"echo": self.spec()}, reactor)

    def test_seeds_depend_on_purpose_and_operator_key_alone(self) -> None:
        host, same = self.host(), self.host()

        assert host.seed("a") == same.seed("a")
        assert host.seed("a") != host.seed("b")
        assert len(host.seed("a")) == 32

    def test_nothing_runs_before_the_start(self) -> None:
        host = self.host()

        assert {device.state for device in host._devices.values()} == {State.STOPPED}
