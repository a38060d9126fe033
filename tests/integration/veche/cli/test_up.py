"""`veche up` with a real PostgreSQL and Synapse, and a stand-in for the services."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
import yaml

from tests.support.calls import request
from tests.support.processes import ROOT, Child, free_ports, wait_until
from veche.cli.processes.homeserver import is_healthy
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

pytestmark = [pytest.mark.postgres, pytest.mark.synapse]

WAIT_S: Final = 240
STOP_S_MAX: Final = 30.0
"""Where nothing else runs it takes less than 5 s; on a busy machine more."""


OTHER_SIGNALS: Final = (signal.SIGINT, signal.SIGHUP)


@attrs.define
class Run:
    """One state folder and port, and the `veche up` that runs there."""

    state: Path
    port: int
    pages_port: int
    child: Child

    def start(self) -> Run:
        self.child.log_path.unlink(missing_ok=True)
        self.child.start()
        self.child.wait_for(lambda: "Stop with Ctrl-C" in self.child.log(), WAIT_S, "not ready")
        return self

    def failure(self) -> str:
        """What it says when it must not come up."""
        self.child.log_path.unlink(missing_ok=True)
        self.child.start()
        self.end()
        assert self.child.exit_code == 1
        return self.child.log()

    def end(self) -> None:
        wait_until(lambda: not self.child.is_running, WAIT_S, "it goes on")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.child.pid, number)

    def processes(self) -> dict[int, str]:
        """The live processes that have to do with the state folder, by id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if str(self.state) in command and state != "Z":
                    found[int(folder.name)] = command
        return found

    def process(self, pattern: str) -> int:
        (pid,) = [pid for pid, command in self.processes().items() if re.search(pattern, command)]
        return pid

    def secrets(self) -> dict[str, bytes]:
        folder = self.state / "homeserver"
        paths = [self.state / "operator_key", *(self.state / "passwords").iterdir()]
        paths += [folder / name for name in ("as_token", "hs_token", "signing.key")]
        return {path.name: path.read_bytes() for path in paths}

    def log_in(self, name: str) -> dict[str, Any]:
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": name},
            "password": (self.state / "passwords" / name).read_text().strip(),
        }
        url = f"http://127.0.0.1:{self.port}/_matrix/client/v3/login"
        content: dict[str, Any] = request("POST", url, body=body).body
        return content


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Run]:
    """A state folder that is not there yet."""
    yield from _run(tmp_path / "state", tmp_path)


@attrs.frozen
class First:
    """The first start in a state folder, which is over.

    Attributes:
        said: What it wrote.
        secrets: What was kept then.
        alice: How she was logged in.
    """

    state: Path
    said: str
    secrets: Mapping[str, bytes]
    alice: Mapping[str, Any]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> First:
    """A state folder that was started and stopped once: the next starts are fast."""
    folder = tmp_path_factory.mktemp("used")
    for one in _run(folder / "state", folder):
        one.start()
        found = First(one.state, one.child.log(), one.secrets(), one.log_in("alice"))
        one.signal(signal.SIGINT)
        one.end()
        assert one.child.exit_code == 0
    return found


@pytest.fixture
def run(first: First, tmp_path: Path) -> Iterator[Run]:
    """The used state folder; whatever a test does there must leave it fit for the next."""
    yield from _run(first.state, tmp_path)


def _run(state: Path, folder: Path) -> Iterator[Run]:
    one = _new(state, folder / "output")
    yield one
    if one.child.is_running:
        one.child.stop()
    wait_until(lambda: not one.processes(), WAIT_S, f"left behind: {one.processes()}")


def _new(state: Path, output: Path, *, port: int | None = None, options: Sequence[str] = ()) -> Run:
    free, pages_port, app_port = free_ports(3)
    port = port or free
    module = "tests.integration.veche.cli.run_up"
    ports = ["--port", str(port), "--pages-port", str(pages_port)]
    ports += ["--app-port", str(app_port)]
    command = [sys.executable, "-m", module, "--state", str(state), *ports, *options]
    return Run(state, port, pages_port, Child(command, ROOT, output))


def test_a_second_start_finds_everything_refuses_others_and_a_signal_stops_it_in_time(
    first: First, run: Run, tmp_path: Path
) -> None:
    assert re.search(r"Ready after \d+\.\d s\.", first.said)
    for step in ("PostgreSQL", "homeserver", "tables", "people", "services"):
        assert re.search(rf"^  {step} +\d+\.\d s$", first.said, re.MULTILINE)
    assert first.alice["user_id"] == demo.ALICE.user_id

    # On other ports, as `run` gives them.
    run.start()
    assert run.secrets() == first.secrets
    assert run.log_in("alice")["user_id"] == demo.ALICE.user_id
    assert _log_ins(run.child.log()) == _log_ins(first.said)
    assert _whoami(run, first.alice["access_token"]) == demo.ALICE.user_id

    _refuses_another_in_its_state_or_at_its_port(run, tmp_path)
    _stops_in_time(run, signal.SIGTERM)


def _refuses_another_in_its_state_or_at_its_port(run: Run, folder: Path) -> None:
    """Before anything of the other one starts."""
    same = _new(run.state, folder / "same")
    state = folder / "other"
    beside = _new(state, folder / "beside", port=run.port)

    assert f"runs already in {run.state}, as process {run.child.pid}" in same.failure()
    said = beside.failure()
    assert f"port {run.port} is in use by process {run.process('synapse')}" in said
    assert "--port" in said
    assert not (state / "postgres").exists()
    assert is_healthy(run.port)


def _stops_in_time(run: Run, number: signal.Signals) -> None:
    started_s = time.monotonic()
    run.signal(number)
    run.end()

    assert time.monotonic() - started_s < STOP_S_MAX
    assert run.child.exit_code == 0
    assert run.processes() == {}


@pytest.mark.long
@pytest.mark.parametrize("number", OTHER_SIGNALS)
def test_each_signal_stops_everything_in_time(run: Run, number: signal.Signals) -> None:
    run.start()

    _stops_in_time(run, number)


def test_nothing_outlives_a_kill_and_the_next_start_goes_on(run: Run) -> None:
    run.start()
    secrets = run.secrets()
    run.signal(signal.SIGKILL)
    run.end()
    # At once, while the guard of the killed one may still be stopping things.
    run.start()

    assert run.secrets() == secrets
    assert run.log_in("bob")["user_id"] == "@bob:lindenau.localhost"


@pytest.mark.parametrize(
    "after_s",
    [pytest.param(0.3, marks=pytest.mark.long), 0.8, pytest.param(1.6, marks=pytest.mark.long)],
)
def test_a_kill_during_the_first_start_does_no_harm(fresh: Run, after_s: float) -> None:
    run = fresh
    run.child.start()
    time.sleep(after_s)  # the moment is the test
    run.signal(signal.SIGKILL)
    run.end()
    run.start()

    assert run.log_in("carol")["user_id"] == demo.CAROL.user_id


def test_services_that_die_are_started_again_and_the_death_of_what_carries_them_ends_everything(
    run: Run,
) -> None:
    run.start()
    before = run.process("run all")
    os.kill(before, signal.SIGKILL)
    run.child.wait_for(lambda: "starting it again" in run.child.log(), WAIT_S, "not noticed")

    port = yaml.safe_load((run.state / "veche.yaml").read_text())["listen"]["port"]
    wait_until(lambda: is_healthy(port, "/ready"), WAIT_S, "not started again")
    assert run.process("run all") != before

    # Of what has ended it shows the last lines; the next start goes on.
    pid = int((run.state / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    run.end()
    assert run.child.exit_code == 1
    assert "veche up: PostgreSQL ended. The last lines of" in run.child.log()
    assert "database system is ready to accept connections" in run.child.log()
    run.start()

    os.kill(run.process("synapse.app.homeserver"), signal.SIGKILL)
    run.end()
    assert run.child.exit_code == 1
    assert "veche up: Synapse ended with signal SIGKILL. The last lines of" in run.child.log()
    assert "INFO" in run.child.log()
    assert run.processes() == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_that_may_not_be_written_is_refused(fresh: Run) -> None:
    fresh.state.parent.chmod(0o500)
    said = fresh.failure()
    fresh.state.parent.chmod(0o700)

    assert "Permission denied" in said


def test_tables_that_cannot_be_made_stop_the_start_and_say_why(run: Run) -> None:
    (run.state / "fail_tables").write_text("the database belongs to a newer Veche\n")
    said = run.failure()
    (run.state / "fail_tables").unlink()

    assert "the tables cannot be made:\nthe database belongs to a newer Veche" in said
    assert run.processes() == {}


def test_services_that_do_not_start_stop_the_start_and_say_why(run: Run) -> None:
    fault = run.state / "fail_services"
    fault.write_text("agency.organisations: missing\n")
    said = run.failure()
    fault.unlink()

    assert "the services ended with code 3:\nagency.organisations: missing" in said
    assert "starting it again" not in said
    assert run.processes() == {}


def test_a_folder_of_something_else_is_refused(fresh: Run) -> None:
    run = fresh
    run.state.mkdir()
    (run.state / "thesis.txt").write_text("years of work")

    assert "holds something else" in run.failure()


def test_a_homeserver_that_does_not_start_stops_the_start_and_says_why(run: Run) -> None:
    key = run.state / "homeserver" / "signing.key"
    good = key.read_text()
    key.write_text("nonsense\n")
    said = run.failure()
    key.write_text(good)

    assert "veche up: Synapse ended with code 1. The last lines of" in said
    assert "signing_key" in said
    assert run.processes() == {}


def _log_ins(output: str) -> list[str]:
    return [line for line in output.splitlines() if re.match(r" {4}\w+ +\w{5}-\w{5}-\w{5} ", line)]


def _whoami(run: Run, token: str) -> str:
    url = f"http://127.0.0.1:{run.port}/_matrix/client/v3/account/whoami"
    return str(request("GET", url, token=token).body["user_id"])
