"""What stands behind browser tests: the pages alone, or the whole house.

A worker of pytest has one of each at most (``Stages``): it stays for all files that need it.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import attrs

from tests.stories.bank import DemoBank, in_bank
from tests.stories.office import Desk
from tests.support import acts, delivery_receipts, hostile, signed_files
from tests.support.processes import ROOT, Child, free_ports, wait_until
from tests.support.receipts import for_pages
from tests.support.services import house as whole_house
from tests.widgets import bank_commands, signing_desk
from tests.widgets.bank_commands import Counter, organisation
from tests.widgets.commands import COMMANDS, Stand
from tests.widgets.up_commands import UP_COMMANDS, Newcomer
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.widgets.commands import Command

START_S_MAX: Final = 60
UP_S_MAX: Final = 180
ERROR_CHARACTERS_MAX: Final = 8_000


def _nothing() -> None:
    """Nothing has to be new for the next file."""


@attrs.frozen
class Stage:
    """What runs behind tests.

    Attributes:
        environment: Where tests find it.
        begin: Called before each file that is played there: it meets nobody of the one before.
    """

    environment: Mapping[str, str]
    begin: Callable[[], None] = _nothing


@attrs.frozen
class Stages:
    """The stages of a worker: whichever is needed first is started then, and kept.

    Attributes:
        folder: For their files.
        stack: Ends them.
    """

    folder: Path
    stack: ExitStack
    _running: dict[str, Stage] = attrs.field(factory=dict, init=False)

    def begin(self, name: str) -> Mapping[str, str]:
        """What a file needs to know that is played on a stage from now on."""
        stage = self._stage(name)
        stage.begin()
        return stage.environment

    def _stage(self, name: str) -> Stage:
        if name not in self._running:
            folder = self.folder / name
            folder.mkdir(exist_ok=True)
            of_pages = self._stage("pages").environment if name in ON_PAGES else {}
            running = self.stack.enter_context(STAGES[name](folder))
            environment = {**of_pages, **running.environment}
            self._running[name] = attrs.evolve(running, environment=environment)
        return self._running[name]


@contextmanager
def pages_alone(folder: Path) -> Iterator[Stage]:
    """The pages, and nothing behind them."""
    with pages(folder) as environment:
        yield Stage(environment)


@contextmanager
def pages(
    folder: Path, service_port: int | None = None, more: Sequence[str] = ()
) -> Iterator[dict[str, str]]:
    """The pages; behind them the service at a port, or none."""
    (port,) = free_ports(1)
    ports = [str(port)] if service_port is None else [str(port), str(service_port)]
    command = (sys.executable, "-m", "tests.support.page_server", *ports, *more)
    child = Child(command, ROOT, folder / "pages.log")
    child.start()
    try:
        wait_until(lambda: _answers(port) or not child.is_running, START_S_MAX, "no pages")
        assert child.is_running, child.log()
        yield {"VECHE_PAGES": f"http://localhost:{port}"}
    finally:
        child.stop()


@contextmanager
def app(folder: Path) -> Iterator[Stage]:
    """The pages and the app, and nothing behind them."""
    (port,) = free_ports(1)
    with pages(folder, more=["--app", str(port)]) as environment:
        yield Stage({**environment, "VECHE_APP": f"http://localhost:{port}"})


@contextmanager
def receipts(folder: Path) -> Iterator[Stage]:
    """Files with receipts, acts and signed documents, true and false ones."""
    made, signed = folder / "receipts.json", folder / "signed.json"
    done = folder / "acts.json"
    made_acts = {**acts.for_pages(), "delivery": delivery_receipts.for_pages()}
    done.write_text(json.dumps(made_acts), encoding="utf-8")
    made.write_text(json.dumps(for_pages()), encoding="utf-8")
    signed.write_text(json.dumps(signed_files.for_pages()), encoding="utf-8")
    yield Stage({"VECHE_RECEIPTS": str(made), "VECHE_SIGNED": str(signed), "VECHE_ACTS": str(done)})


@contextmanager
def large(folder: Path) -> Iterator[Stage]:
    """The largest files that pages judge, honest and hostile ones."""
    with hostile.written(folder):
        yield Stage({"VECHE_LARGE": str(folder)})


@contextmanager
def signing(folder: Path) -> Iterator[Stage]:  # noqa: ARG001 -- of every stage
    """A desk with a session to sign and its authorities, a new one for each file."""
    played = Played(signing_desk.COMMANDS, lambda: "")

    def begin() -> None:
        played.stand = signing_desk.Desk.new()

    with _controlled(played) as control:
        yield Stage({"VECHE_CONTROL": control}, begin)


@contextmanager
def house(folder: Path) -> Iterator[Stage]:
    """The demo's office with its pages and Carol at its desk; commands of tests come by HTTP."""
    with whole_house(folder, has_pages=True) as one:
        stand = Stand(one, Desk(one.person("carol")))
        with _controlled(Played(COMMANDS, one.log, stand)) as control:
            yield Stage({"VECHE_PAGES": one.pages_url, "VECHE_CONTROL": control}, stand.begin)


@contextmanager
def up(folder: Path) -> Iterator[Stage]:
    """All that ``veche up`` starts, known by what it prints alone."""
    # Not below pytest's folder: each run of pytest closes that to others, and root's PostgreSQL
    # runs as somebody else.
    with TemporaryDirectory(prefix="veche-up-", ignore_cleanup_errors=True) as own:
        yield from _up(folder, f"{own}/state")


def _up(folder: Path, state: str) -> Iterator[Stage]:
    port, pages_port, app_port = free_ports(3)
    command = [sys.executable, "-m", "veche.cli.main", "up", "--state", state]
    command += ["--port", str(port), "--pages-port", str(pages_port), "--app-port", str(app_port)]
    child = Child(command, ROOT, folder / "up.log")
    child.start()
    try:
        child.wait_for(lambda: "Stop with Ctrl-C" in child.log(), UP_S_MAX, "it is not ready")
        newcomer = Newcomer(child.log())
        try:
            with _controlled(Played(UP_COMMANDS, child.log, newcomer)) as control:
                where = {"VECHE_PAGES": newcomer.pages_url, "VECHE_APP": newcomer.app_url}
                yield Stage({**where, "VECHE_CONTROL": control})
        finally:
            newcomer.end()
    finally:
        child.stop()


@contextmanager
def bank(folder: Path) -> Iterator[Stage]:
    """A bank with its pages, persons with accounts, and a bank behind it."""
    key, key_path = secrets.token_urlsafe(32), folder / "town_key"
    key_path.write_text(key)
    key_path.chmod(0o600)
    (folder / "elsewhere").mkdir()
    with DemoBank.running(folder / "elsewhere") as elsewhere:
        more = {
            "organisations": [organisation(str(key_path))],
            "banks": [elsewhere.section],
            "dispute_desk": [f"@clerk:{demo.SERVER_NAME}"],
            "grants": {f"@{name}:{demo.SERVER_NAME}": "1000 EUR" for name in bank_commands.GRANTED},
        }
        with in_bank(folder, more) as one:
            counter = Counter(one, elsewhere, key)
            played = Played(bank_commands.COMMANDS, one.house.log, counter)
            with _controlled(played) as control:
                environment = {"VECHE_PAGES": one.house.pages_url, "VECHE_CONTROL": control}
                yield Stage(environment, counter.begin)


@attrs.define
class Played:
    """What plays the commands of a test.

    Attributes:
        commands: By their names.
        log: What the services have said, for a command that fails.
        stand: Whom the commands are about.
    """

    commands: Mapping[str, Command]
    log: Callable[[], str]
    stand: Any = None

    def play(self, name: str, body: bytes) -> tuple[int, Any]:
        """Play a command; the status and the answer."""
        command = self.commands.get(name)
        if command is None:
            return 404, {"error": f"no such command: {', '.join(sorted(self.commands))}"}
        try:
            return 200, command(self.stand, **json.loads(body))
        except Exception as e:  # noqa: BLE001 -- the test that asked shows it, whatever it is
            text = f"{type(e).__name__}: {e}\n{self.log()}"
            return 500, {"error": text[:ERROR_CHARACTERS_MAX]}


@contextmanager
def _controlled(played: Played) -> Iterator[str]:
    """Plays the commands that harness.js asks for, one after another; where it listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            name, body = self.path.strip("/"), self.rfile.read(length)
            status, answer = played.play(name, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing: a failure is told to who asked."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="control", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


STAGES: Final[Mapping[str, Callable[[Path], AbstractContextManager[Stage]]]] = {
    "pages": pages_alone,
    "app": app,
    "receipts": receipts,
    "large": large,
    "signing": signing,
    "house": house,
    "up": up,
    "bank": bank,
}
ON_PAGES: Final = frozenset({"receipts", "large", "signing"})
"""Stages whose tests see the pages of the first one."""
