"""Clients of a nursery: processes of their own, that end when they should."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import nursery
from tests.support.nursery import Client, bear
from tests.support.processes import ROOT, STOP_S_MAX, wait_until

OWNER = f"""
import sys
from pathlib import Path
from tests.support.nursery import bear
with Path(sys.argv[1]).open("wb") as log:
    client = bear("{__name__}", log)
print(client.stdout.readline().split()[1].decode(), flush=True)
sys.stdin.read()
"""
_calls = 0


async def main() -> None:
    """The client: says who it is, then what it is told, until there is no more."""
    global _calls  # noqa: PLW0603 -- whether clients share what they remember
    _calls += 1
    print(_calls, os.getpid(), os.getppid(), flush=True)  # noqa: T201 -- its answer
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line == "fail\n":
            raise RuntimeError("as told")
        print(line, end="", flush=True)  # noqa: T201


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def client(log: Path) -> Iterator[Client]:
    born = _born(log)
    yield born
    born.stdin.close()
    born.wait(STOP_S_MAX)
    born.stdout.close()


def _born(log: Path, module: str = __name__) -> Client:
    with log.open("wb") as file:
        return bear(module, file)


def _greeting(client: Client) -> list[int]:
    return [int(word) for word in client.stdout.readline().split()]


def _tell(client: Client, line: bytes) -> None:
    client.stdin.write(line)
    client.stdin.flush()


def test_each_client_is_a_process_that_remembers_nothing_of_others(
    client: Client, log: Path
) -> None:
    other = _born(log.with_name("other"))
    calls, pid, _ = _greeting(client)
    other_calls, other_pid, _ = _greeting(other)
    other.stdin.close()
    other.wait(STOP_S_MAX)
    other.stdout.close()
    _tell(client, b"still here\n")

    assert (calls, other_calls) == (1, 1)
    assert len({pid, other_pid, os.getpid()}) == 3
    assert client.stdout.readline() == b"still here\n"
    assert client.is_running
    assert not other.is_running


def test_a_client_that_is_killed_has_ended(client: Client) -> None:
    _greeting(client)
    with pytest.raises(TimeoutError, match="still runs"):
        client.wait(0)
    client.kill()
    client.wait(STOP_S_MAX)

    assert not client.is_running
    assert client.stdout.readline() == b""
    client.kill()  # is no error


def test_what_a_client_dies_of_is_in_its_log(client: Client, log: Path) -> None:
    _greeting(client)
    _tell(client, b"fail\n")
    client.wait(STOP_S_MAX)

    assert "RuntimeError: as told" in log.read_text()


def test_a_module_that_cannot_be_imported_bears_nobody(log: Path) -> None:
    with pytest.raises(RuntimeError, match=r"the nursery of tests\.nobody has ended"):
        _born(log, "tests.nobody")


def test_another_nursery_begins_where_one_was_killed(client: Client, log: Path) -> None:
    _, _, old = _greeting(client)
    os.kill(old, signal.SIGKILL)
    [process] = [one for one in nursery._started if one.pid == old]
    process.wait(STOP_S_MAX)
    with pytest.raises(RuntimeError, match="has ended"):
        _born(log.with_name("nobody"))
    other = _born(log.with_name("other"))
    _, _, new = _greeting(other)
    other.stdin.close()
    other.wait(STOP_S_MAX)
    other.stdout.close()

    assert new != old
    assert client.is_running


def test_nobody_outlives_whoever_started_them(log: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(log)]
    owner = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        children = Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()
        owner.kill()

    wait_until(lambda: not _are_there(pid, *children), STOP_S_MAX, "somebody outlived them")


def _are_there(*pids: int | str) -> bool:
    return any(Path(f"/proc/{pid}").exists() for pid in pids)
