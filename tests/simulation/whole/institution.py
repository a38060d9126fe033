"""An institution of a world: database, homeserver, bank, and processes that come and go.

A process is the product's ``Host`` with the service as it is wired at start. Made up is what it
stands on: clock, network, threads, and the encryption of the bot's device.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING, Any, Final, cast

from nacl.signing import SigningKey
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from appservices.payments.banks.core.port import BANK_FILE_MAX
from appservices.payments.banks.service.answering import FoundOut, found_out
from appservices.payments.bot import Payments
from appservices.payments.config import PaymentsSection
from appservices.payments.demo_bank.bank import Bank, demo_iban
from appservices.payments.demo_bank.book import ELSEWHERE, Book, Movement
from appservices.payments.demo_bank.routes import BankRoutes
from appservices.payments.routes import routes
from appservices.widgets.routes import approvals
from tests.simulation.whole.computer import Computer
from tests.simulation.whole.matrix import (
    AS_TOKEN,
    HS_TOKEN,
    PORT,
    PUSH_PORT,
    Homeserver,
    Opener,
    Sealer,
)
from tests.simulation.whole.postgres import (
    Server,
    WorldDatabase,
    WorldLane,
    WorldListener,
    WorldSessions,
)
from veche.runtime.config import (
    ApprovalsSection,
    Config,
    CryptoSection,
    DatabaseSection,
    HomeserverSection,
    ListenSection,
    LogSection,
    PagesSection,
    Section,
)
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.crypto.locks import Locks
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.vault import Vault
from veche.runtime.web import new_site
from veche.server.host import Host
from veche.server.spec import ServiceSpec
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from random import Random

    from tests.simulation.whole.moments import Moments
    from tests.simulation.whole.wires import Wires
    from veche.api.ports import PagePorts
    from veche.bots.ports import BotPorts
    from veche.protocol.ids import UserId
    from veche.runtime.database import Database
    from veche.runtime.database.listener import Listener

SITE_PORT: Final = 8090
BANK_PORT: Final = 8480
CURRENCY: Final = "EUR"
CAPITAL_MINOR: Final = 100_000_000
ACCOUNT: Final = demo_iban(1)
FIRST_DAY: Final = dt.date(2026, 11, 18)
DAY_S: Final = 25.0
"""How long a day of the bank takes."""
PROCESSES_MAX: Final = 2
_LOOK_S: Final = 2.0


class NoSection(Section):
    """Of a service without settings."""


class Keys:
    """The service that takes what keys of persons approve; it has no bots."""

    bots: Sequence[Any] = ()

    def job_handlers(self) -> Mapping[str, Any]:
        """None."""
        return {}

    async def started(self) -> None:
        """Nothing is left to do."""


class Device:
    """The device of a bot, without its encryption: whichever process has the lock speaks."""

    failure = None

    def __init__(self, host: WorldHost, bot: UserId) -> None:
        self.bot = bot
        self.device_id = f"DEVICE{bot}"
        self.sealer = Sealer(self.device_id)
        self._host = host
        self._is_stopped = False

    async def start(self) -> None:
        """Speak if nobody else does, and look from time to time."""
        await self._look()
        self._host.spawn("device", self._loop())

    async def stop(self) -> None:
        """Speak no more."""
        self._is_stopped = True

    async def _loop(self) -> None:
        while not self._is_stopped:
            await deferLater(self._host.reactor, _LOOK_S)
            await self._look()

    async def _look(self) -> None:
        if await self._host.locks.try_take(self.bot):
            self._host.writer_changed(self.bot, is_writer=True)


class WorldHost(Host):
    """As ``Host``, on a made-up machine."""

    def __init__(self, config: Config, server: Server, computer: Computer) -> None:
        self.server = server
        self.computer = computer
        super().__init__(config, self._specs(), computer)

    @property
    def locks(self) -> Any:
        """Who speaks for which bot."""
        return self._locks

    def writer_changed(self, bot: UserId, *, is_writer: bool) -> None:
        """Whether this process speaks for a bot."""
        self._writer_changed(bot, is_writer)

    def _specs(self) -> Mapping[str, ServiceSpec]:
        def make(host: BotPorts, section: Any) -> Payments:
            return Payments(host, section, WorldSessions(self.server, self.computer))

        def key_routes(host: PagePorts, _: object) -> Mapping[str, Any]:
            resource = approvals.API.resource(host.gate, approvals.ApprovalRoutes(host.approvals))
            return {approvals.API.mount: resource}

        return {
            "payments": ServiceSpec(
                "payments",
                PaymentsSection,
                MigrationSet("payments", "appservices.payments"),
                make,
                routes,
            ),
            "keys": ServiceSpec(
                "keys",
                NoSection,
                MigrationSet("widgets", "appservices.widgets"),
                lambda *_: cast("Any", Keys()),
                key_routes,
            ),
        }

    def _make_clock(self, reactor: Any) -> Any:
        return reactor  # made up, as the database's is not

    async def _follow_clock(self) -> None:
        pass

    def _make_database(self) -> Database:
        return WorldDatabase(self.server, self.computer)

    def _make_locks(self) -> Locks:
        return Locks(WorldLane("locks", self.server, self.computer))

    def _make_listener(self, channels: Mapping[str, Callable[[str], None]]) -> Listener:
        made = WorldListener(self.server, self.computer, channels, self._presence.show)
        return cast("Listener", made)

    def _make_opener(self) -> Any:
        return Opener()

    def _make_devices(self) -> Any:
        return {bot: Device(self, bot) for bot in self._owners}


class Institution:
    """One of them, with all that is its own.

    Attributes:
        name: Of its homeserver, after the colon.
        homeserver: For its people.
        bank: Where it has its money.
        processes: That live.
        dead: Those that were killed.
    """

    def __init__(
        self,
        number: int,
        world: Moments,
        wires: Wires,
        dsn: str,
        folder: Path,
        say: Callable[[str], None],
        section: Mapping[str, Any],
    ) -> None:
        self.number = number
        self.name = server_name(number)
        self.address = f"10.1.{number}.1"
        self.chance: Random = wires.chance
        self.processes: list[WorldHost] = []
        self.dead: list[WorldHost] = []
        self._world, self._wires, self._say = world, wires, say
        self._count = 0
        self.database = Server(dsn, self.chance, say, self._kill_computer)
        computer = Computer(world, wires, f"10.2.{number}.1", f"homeserver {number}")
        self.homeserver = Homeserver(self.name, computer, self.chance, self.address)
        self.config = self._configure(folder, section)
        self.bank = self._make_bank(folder)

    @property
    def seed(self) -> bytes:
        """Of the operator."""
        return bytes([self.number] * 32)

    @property
    def vault(self) -> Vault:
        """By which it names people."""
        key = read_operator_key(self.config.crypto.key_path)
        return Vault(key.seed("payments"))

    async def start(self) -> None:
        """Have the first process, or another one."""
        self._count += 1
        name = f"{self.number}.{self._count}"
        self._say(f"{name} starts")
        computer = Computer(self._world, self._wires, self.address, name)
        host = WorldHost(self.config, self.database, computer)
        self.processes.append(host)
        await host.start()

    def kill(self, host: WorldHost) -> None:
        """As by SIGKILL: nothing of it goes on, and its connections are over."""
        if host.computer.is_cut:
            return
        self._say(f"{host.computer.name} is killed")
        host.computer.is_cut = True
        host.computer.stop()
        self._wires.cut(host.computer)
        self.database.end(host.computer)
        self.processes.remove(host)
        self.dead.append(host)

    def ask_bank(self) -> None:
        """As an operator who asks for the orders of which it said nothing, and notes the answer."""
        silent = "SELECT id FROM payments.bank_order WHERE state = 'asked' ORDER BY id"
        for (id_,) in self.database.rows(silent):
            is_done = bool(self.bank.book._movements("order_id = ?", id_))
            found = FoundOut.PAID if is_done else FoundOut.NEVER_GOT
            self._say(f"the operator of {self.number} hears of {id_}: {found.value}")
            self.database.do(found_out, id_, found, int(self._world.seconds() * 1000))

    def _kill_computer(self, computer: Computer) -> None:
        for host in list(self.processes):
            if host.computer is computer:
                self.kill(host)

    # How it is furnished.

    def _configure(self, folder: Path, section: Mapping[str, Any]) -> Config:
        (own := folder / str(self.number)).mkdir()
        files = {
            "as": AS_TOKEN.encode(),
            "hs": HS_TOKEN.encode(),
            "operator": self.seed,
            "bank": base64.b64encode(self.seed),
        }
        for name, data in files.items():
            (own / name).write_bytes(data)
            (own / name).chmod(0o600)
        bank = {
            "name": "demo",
            "url": f"http://10.3.{self.number}.1:{BANK_PORT}",
            "account": ACCOUNT,
            "key_path": str(own / "bank"),
        }
        payments = PaymentsSection.model_validate({**section, "banks": [bank]})
        return Config(
            path=own / "veche.yaml",
            homeserver=HomeserverSection(
                url=f"http://10.2.{self.number}.1:{PORT}",
                server_name=self.name,
                as_token_path=own / "as",
                hs_token_path=own / "hs",
            ),
            listen=ListenSection(port=PUSH_PORT),
            database=DatabaseSection(url=self.database.dsn),
            crypto=CryptoSection(key_path=own / "operator"),
            log=LogSection(),
            services={"payments": payments, "keys": NoSection()},
            pages=PagesSection(public_url="http://localhost:8090", port=SITE_PORT),
            approvals=ApprovalsSection(),
        )

    def _make_bank(self, folder: Path) -> Bank:
        book = Book(folder / str(self.number) / "bank.sqlite", FIRST_DAY)
        with book.transaction():
            book.open_account(ACCOUNT, "Institution")
            for number in range(2, 6):
                book.open_account(demo_iban(number), f"Person {number}")
            book.move(Movement(0, book.today(), ELSEWHERE, ACCOUNT, CAPITAL_MINOR))
            book.next_day()
        bank = Bank(book, ACCOUNT, CURRENCY)
        address = f"10.3.{self.number}.1"
        computer = Computer(self._world, self._wires, address, f"bank {self.number}")
        key = SigningKey(self.seed).verify_key
        site = new_site(
            BankRoutes(bank, key, cast("Any", computer)).app.resource(),
            cast("Any", computer),
            body_bytes_max=BANK_FILE_MAX,
        )
        computer.listenTCP(BANK_PORT, site)
        self._end_day(computer, bank)
        return bank

    def _end_day(self, computer: Computer, bank: Bank) -> None:
        def end() -> None:
            bank.close_day(int(computer.seconds() * 1000))
            self._end_day(computer, bank)

        computer.callLater(DAY_S, end)


def server_name(number: int) -> str:
    """Of the homeserver of an institution."""
    return f"town{number}.test"


def ledger_key(number: int, folder: Path) -> str:
    """The key by which an institution signs, as others have it."""
    path = folder / f"key{number}"
    path.write_bytes(bytes([number] * 32))
    path.chmod(0o600)
    seed = read_operator_key(path).seed("payments.receipts")
    return NoteSigner(f"{server_name(number)}/veche/ledger/v1/0", seed).verifier.to_text()


def begun(work: Any) -> Deferred[Any]:
    """A coroutine, begun."""
    return Deferred.fromCoroutine(work)
