"""What stands behind browser tests: the pages alone, or the whole house."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from tests.stories.bank import DemoBank, in_bank
from tests.stories.office import Desk
from tests.support import acts, hostile, signed_files
from tests.support.processes import ROOT, Child, free_ports, wait_until
from tests.support.receipts import for_pages
from tests.support.services import house as whole_house
from tests.widgets import bank_commands, signing_desk
from tests.widgets.bank_commands import Counter, organisation
from tests.widgets.commands import COMMANDS, Stand
from tests.widgets.up_commands import UP_COMMANDS, Newcomer
from veche.cli.demo import world as demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.widgets.commands import Command

START_S_MAX: Final = 60
UP_S_MAX: Final = 180
ERROR_CHARACTERS_MAX: Final = 8_000


@contextmanager
def pages(folder: Path, service_port: int | None = None) -> Iterator[dict[str, str]]:
    """The pages; behind them the service at a port, or none."""
    (port,) = free_ports(1)
    ports = [str(port)] if service_port is None else [str(port), str(service_port)]
    command = (sys.executable, "-m", "tests.support.page_server", *ports)
    child = Child(command, ROOT, folder / "pages.log")
    child.start()
    try:
        wait_until(lambda: _answers(port) or not child.is_running, START_S_MAX, "no pages")
        assert child.is_running, child.log()
        yield {"VECHE_PAGES": f"http://localhost:{port}"}
    finally:
        child.stop()


@contextmanager
def receipts(folder: Path) -> Iterator[dict[str, str]]:
    """The pages alone, and files with receipts, acts and signed documents, true and false ones."""
    made, signed = folder / "receipts.json", folder / "signed.json"
    done = folder / "acts.json"
    done.write_text(json.dumps(acts.for_pages()), encoding="utf-8")
    made.write_text(json.dumps(for_pages()), encoding="utf-8")
    signed.write_text(json.dumps(signed_files.for_pages()), encoding="utf-8")
    with pages(folder) as environment:
        yield {
            **environment,
            "VECHE_RECEIPTS": str(made),
            "VECHE_SIGNED": str(signed),
            "VECHE_ACTS": str(done),
        }


@contextmanager
def large(folder: Path) -> Iterator[dict[str, str]]:
    """The pages alone, and the largest files that they judge, honest and hostile ones."""
    with hostile.written(folder), pages(folder) as environment:
        yield {**environment, "VECHE_LARGE": str(folder)}


@contextmanager
def signing(folder: Path) -> Iterator[dict[str, str]]:
    """The pages alone, and a desk with a session to sign and its authorities."""
    with pages(folder) as environment:
        desk = signing_desk.Desk.new()
        with _controlled(desk, signing_desk.COMMANDS, lambda: "") as control:
            yield {**environment, "VECHE_CONTROL": control}


@contextmanager
def house(folder: Path) -> Iterator[dict[str, str]]:
    """The demo's office with its pages and Carol at its desk; commands of tests come by HTTP."""
    with whole_house(folder, has_pages=True) as one:
        stand = Stand(one, Desk(one.person("carol")))
        try:
            with _controlled(stand, COMMANDS, one.log) as control:
                yield {"VECHE_PAGES": one.pages_url, "VECHE_CONTROL": control}
        finally:
            stand.end()


@contextmanager
def up(folder: Path) -> Iterator[dict[str, str]]:
    """All that ``veche up`` starts, known by what it prints alone."""
    port, pages_port = free_ports(2)
    ports = ("--port", str(port), "--pages-port", str(pages_port))
    command = (sys.executable, "-m", "veche.cli.main", "up", "--state", str(folder / "state"))
    child = Child((*command, *ports), ROOT, folder / "up.log")
    child.start()
    try:
        child.wait_for(lambda: "Stop with Ctrl-C" in child.log(), UP_S_MAX, "it is not ready")
        newcomer = Newcomer(child.log())
        try:
            with _controlled(newcomer, UP_COMMANDS, child.log) as control:
                yield {"VECHE_PAGES": newcomer.pages_url, "VECHE_CONTROL": control}
        finally:
            newcomer.end()
    finally:
        child.stop()


@contextmanager
def bank(folder: Path) -> Iterator[dict[str, str]]:
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
        }
        with in_bank(folder, more) as one:
            counter = Counter(one, elsewhere, key)
            with _controlled(counter, bank_commands.COMMANDS, one.house.log) as control:
                yield {"VECHE_PAGES": one.house.pages_url, "VECHE_CONTROL": control}


@contextmanager
def _controlled(
    stand: Any, commands: Mapping[str, Command], log: Callable[[], str]
) -> Iterator[str]:
    """Plays the commands that harness.js asks for, one after another; where it listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            name, body = self.path.strip("/"), self.rfile.read(length)
            status, answer = _played(stand, commands, name, body, log)
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


def _played(
    stand: Any, commands: Mapping[str, Command], name: str, body: bytes, log: Callable[[], str]
) -> tuple[int, Any]:
    command = commands.get(name)
    if command is None:
        return 404, {"error": f"no such command: {', '.join(sorted(commands))}"}
    try:
        return 200, command(stand, **json.loads(body))
    except Exception as e:  # noqa: BLE001 -- the test that asked shows it, whatever it is
        text = f"{type(e).__name__}: {e}\n{log()}"
        return 500, {"error": text[:ERROR_CHARACTERS_MAX]}


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


STAGES: Final[Mapping[str, Callable[[Path], AbstractContextManager[dict[str, str]]]]] = {
    "pages": pages,
    "receipts": receipts,
    "large": large,
    "signing": signing,
    "house": house,
    "up": up,
    "bank": bank,
}
