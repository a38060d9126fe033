"""Forks of a fork server are processes of their own, and end when they should."""

import atexit
import json
import os
import random
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import fork_server
from tests.support.fork_server import SERVICES, SYNAPSE, Client, fork_client, modules_of
from tests.support.processes import ROOT, STOP_S_MAX, Child, wait_until

OWNER: Final = f"""
import sys
from pathlib import Path
from tests.support.fork_server import fork_client
with Path(sys.argv[1]).open("wb") as log:
    client = fork_client("{__name__}", log)
print(client.stdout.readline().split()[1].decode(), flush=True)
sys.stdin.read()
"""
LISTENER: Final = f"""
import sys, threading
from pathlib import Path
from tests.support.fork_server import fork_client
with Path(sys.argv[1]).open("wb") as log:
    client = fork_client("{__name__}", log)
client.stdout.readline()
threading.Thread(target=client.wait, daemon=True).start()
"""
_calls = 0


def main() -> None:
    """The client: says who it is, then what it is told, until there is no more."""
    global _calls  # noqa: PLW0603 -- whether clients share what they remember
    _calls += 1
    print(_calls, os.getpid(), os.getppid(), flush=True)  # noqa: T201 -- its answer
    for line in sys.stdin:
        if line == "fail\n":
            raise RuntimeError("as told")
        print(line, end="", flush=True)  # noqa: T201


def _tell_all() -> None:
    """What a program sees of itself, with a reactor that runs and is told to stop by a signal."""
    from twisted.internet import reactor as installed  # noqa: PLC0415, TID251 -- as programs do

    reactor: Any = installed
    sees = {
        "arguments": sys.argv[1:],
        "path": sys.path[0],
        "folder": str(Path.cwd()),
        "variables": {name: os.environ.get(name) for name in ("OF_ITS_OWN", "OF_TESTS")},
        "session": os.getsid(0) == os.getpid(),
        "chance": [random.random(), ssl.RAND_bytes(8).hex(), os.urandom(8).hex()],  # noqa: S311
        "input": sys.stdin.read(),
    }
    atexit.register(print, "the end")
    reactor.callInThread(
        lambda: reactor.callFromThread(print, json.dumps(sees), flush=True)  # the reactor wakes
    )
    reactor.run()
    sys.exit(3)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def client(log: Path) -> Iterator[Client]:
    one = _forked(log)
    yield one
    _end(one)


def _forked(log: Path, module: str = __name__) -> Client:
    with log.open("wb") as file:
        return fork_client(module, file)


def _end(client: Client) -> None:
    client.stdin.close()
    client.wait(STOP_S_MAX)
    client.stdout.close()


def _greeting(client: Client) -> list[int]:
    return [int(word) for word in client.stdout.readline().split()]


def _tell(client: Client, line: bytes) -> None:
    client.stdin.write(line)
    client.stdin.flush()


def test_each_client_is_a_process_that_remembers_nothing_of_others(
    client: Client, log: Path
) -> None:
    other = _forked(log.with_name("other"))
    calls, pid, _ = _greeting(client)
    other_calls, other_pid, _ = _greeting(other)
    _end(other)
    _tell(client, b"still here\n")

    assert (calls, other_calls) == (1, 1)
    assert (client.pid, other.pid) == (pid, other_pid)
    assert len({pid, other_pid, os.getpid()}) == 3
    assert client.stdout.readline() == b"still here\n"
    assert client.poll() is None
    assert other.poll() == 0


def test_a_client_that_is_killed_has_ended(client: Client) -> None:
    _greeting(client)
    with pytest.raises(subprocess.TimeoutExpired):
        client.wait(0)
    client.kill()

    assert client.wait(STOP_S_MAX) == -signal.SIGKILL
    assert client.stdout.readline() == b""
    client.kill()  # is no error


def test_what_a_client_dies_of_is_in_its_log(client: Client, log: Path) -> None:
    _greeting(client)
    _tell(client, b"fail\n")

    assert client.wait(STOP_S_MAX) == 1
    assert "RuntimeError: as told" in log.read_text()


def test_a_module_that_cannot_be_imported_starts_nobody(log: Path) -> None:
    with pytest.raises(RuntimeError, match=r"the fork server of tests\.nobody has ended"):
        _forked(log, "tests.nobody")


def test_all_forks_end_with_their_server_and_another_one_starts(client: Client, log: Path) -> None:
    _, _, old = _greeting(client)
    os.kill(old, signal.SIGKILL)
    [process] = [one for one in fork_server._started if one.pid == old]
    process.wait(STOP_S_MAX)
    with pytest.raises(RuntimeError, match="has ended"):
        _forked(log.with_name("nobody"))
    other = _forked(log.with_name("other"))
    _, _, new = _greeting(other)
    _end(other)

    assert new != old
    assert client.wait(STOP_S_MAX) == -signal.SIGKILL


def test_nobody_outlives_whoever_started_them(log: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(log)]
    owner = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        children = Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()
        owner.kill()

    wait_until(lambda: not _are_there(pid, *children), STOP_S_MAX, "somebody outlived them")


def test_a_thread_that_waits_for_a_client_says_nothing_at_the_end(log: Path) -> None:
    command = [sys.executable, "-c", LISTENER, str(log)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def _are_there(*pids: int | str) -> bool:
    return any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_fork_sees_what_a_program_of_its_own_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_TESTS", "theirs")
    command = [sys.executable, "-m", __name__, "all", "--of", "it"]
    seen = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        environment = {"OF_ITS_OWN": str(number), "PYTHONPATH": str(ROOT)}
        child = Child(command, folder, folder / "log", environment)
        child.start()
        child.wait_for(lambda: "chance" in child.log(), STOP_S_MAX, "it says nothing")  # noqa: B023
        assert child.stop() == 3, "its reactor did not wake up, so it was killed"
        said, end = child.log().splitlines()
        seen.append((folder, json.loads(said)))
        assert end == "the end"

    for number, (folder, sees) in enumerate(seen):
        assert sees["arguments"] == ["all", "--of", "it"]
        assert sees["path"] == sees["folder"] == str(folder)
        assert sees["variables"] == {"OF_ITS_OWN": str(number), "OF_TESTS": "theirs"}
        assert sees["session"]
        assert sees["input"] == ""
    for one, other in zip(*(sees["chance"] for _, sees in seen), strict=True):
        assert one != other


def test_a_program_that_cannot_begin_is_no_other_process(tmp_path: Path) -> None:
    child = Child([sys.executable, "-m", "tests.nobody"], tmp_path / "gone", tmp_path / "log")
    child.start()
    wait_until(lambda: not child.is_running, STOP_S_MAX, "it runs on")

    assert child.exit_code == 1
    assert "FileNotFoundError" in child.log()


def test_only_programs_that_take_long_to_import_are_forked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    python = sys.executable

    assert modules_of([python, "-m", "synapse.app.homeserver", "-c", "x.yaml"]) == SYNAPSE
    assert modules_of([python, "-m", "veche.cli.main", "run", "all"]) == SERVICES
    assert modules_of([python, "-m", "veche.cli.main", "ledger", "check"]) == SERVICES
    assert modules_of((python, "-m", "tests.support.echo")) == SERVICES
    assert modules_of([python, "-m", "appservices.payments.demo_bank", "--port", "1"]) == SERVICES
    # What is installed elsewhere, and what starts others itself, is run as an operator runs it.
    assert modules_of(["/venv/bin/python", "-m", "synapse.app.homeserver"]) is None
    assert modules_of([python, "-m", "veche.cli.main", "up"]) is None
    assert modules_of(["veche", "run", "all"]) is None
    # Benchmarks measure what operators have.
    monkeypatch.delenv("PYTEST_VERSION")
    assert modules_of([python, "-m", "synapse.app.homeserver", "-c", "x.yaml"]) is None


if __name__ == "__main__":
    _tell_all() if len(sys.argv) > 1 else main()
