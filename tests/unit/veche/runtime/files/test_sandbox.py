"""The sandbox: each child alone with what it is given, and its fork server behind it."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ROOT, STOP_S_MAX, wait_until
from veche.runtime.files import sandbox
from veche.runtime.files.sandbox import (
    CPU_S_MAX,
    FILES_MAX,
    MEMORY_BYTES_MAX,
    SandboxError,
    in_sandbox,
)

OWNER = f"""
import sys, threading
from veche.runtime.files.sandbox import _server, in_sandbox
sys.path.insert(0, {str(ROOT)!r})
from {__name__} import sleeping
threading.Thread(target=in_sandbox, args=(sleeping, sys.argv[1]), daemon=True).start()
sys.stdin.read(1)
"""


def seen(secret: str) -> dict[str, Any]:
    """What a child finds; it leaves something behind."""
    before = getattr(sys, "left_behind", None)
    sys.left_behind = secret  # type: ignore[attr-defined]  # what another child must not find
    os.environ["LEFT_BEHIND"] = secret
    time.sleep(0.3)  # so that others are there at the same time
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
    return {
        "before": before,
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,  # noqa: PTH208 -- and its own
        "mapped": sandbox._mapped_bytes(),
        "limits": [resource.getrlimit(getattr(resource, name)) for name in names],
        "parent": os.getppid(),
        "pid": os.getpid(),
        "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208
    }


def sleeping(path: str) -> None:
    """Say who it is, and do nothing for long."""
    os.mkfifo(path)
    name = f"{path}.{os.getpid()}.{os.getppid()}"
    os.mkfifo(name)  # a file has no content, by its bounds
    time.sleep(600)


def _are_there(*pids: str) -> bool:
    return any(Path(f"/proc/{pid}").exists() for pid in pids)


def _sleeper(folder: Path) -> list[str]:
    wait_until(lambda: len(list(folder.glob("fifo.*"))) == 1, STOP_S_MAX, "it does not begin")
    [found] = folder.glob("fifo.*")
    return found.name.split(".")[1:]


def _killed() -> int:
    """The server's number, which is gone."""
    pid = in_sandbox(os.getppid)
    os.kill(pid, signal.SIGKILL)
    assert sandbox._server._process is not None
    sandbox._server._process.wait(STOP_S_MAX)
    return pid


def test_children_have_nothing_of_each_other_and_their_bounds() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: in_sandbox(seen, f"secret {number}"), range(8)))

    assert len({one["pid"] for one in found}) == 8
    assert len({one["parent"] for one in found}) == 1
    for one in found:
        assert one["before"] is None
        assert one["descriptors"] == 4, "its input, two outputs, and who asks"
        assert one["threads"] == 1
        [(memory, hard), *others] = one["limits"]
        assert hard == memory
        assert 0 <= memory - MEMORY_BYTES_MAX < one["mapped"], "beside what others imported"
        assert others == [(bound, bound) for bound in (CPU_S_MAX, 0, FILES_MAX)]


def test_what_is_large_goes_both_ways() -> None:
    content = os.urandom(64) * 2**20  # 64 MiB

    assert in_sandbox(bytes.swapcase, content) == content.swapcase()


def test_a_child_that_does_nothing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = sandbox._receive

    def receive_soon(of: socket.socket, _: float) -> bytearray:
        _sleeper(tmp_path)
        return receive(of, time.monotonic() + 0.2)

    monkeypatch.setattr(sandbox, "_receive", receive_soon)
    with pytest.raises(SandboxError, match="too long"):
        in_sandbox(sleeping, str(tmp_path / "fifo"))

    pid, _ = _sleeper(tmp_path)
    wait_until(lambda: not _are_there(pid), STOP_S_MAX, "it is still there")


def test_the_server_is_started_again_when_it_has_died() -> None:
    old = _killed()

    assert in_sandbox(os.getppid) != old


def test_a_job_fails_as_others_do_when_the_server_dies_with_it() -> None:
    before = in_sandbox(os.getppid)
    os.kill(before, signal.SIGSTOP)
    killer = threading.Timer(0.5, os.kill, (before, signal.SIGKILL))
    killer.start()
    with pytest.raises(SandboxError):
        in_sandbox(len, b"abc")

    assert in_sandbox(len, b"abc") == 3


def test_a_server_that_cannot_start_is_an_error_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    _killed()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    for _ in range(2):
        with pytest.raises(SandboxError):
            in_sandbox(len, b"abc")
    monkeypatch.undo()

    assert in_sandbox(len, b"abc") == 3


def test_the_server_and_its_children_end_with_their_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "fifo")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as owner:
        pids = _sleeper(tmp_path)
        # Both are in its group: a service that is stopped finishes what it has begun.
        for pid in pids:
            os.kill(int(pid), signal.SIGTERM)
        assert _are_there(*pids)
        owner.kill()

    wait_until(lambda: not _are_there(*pids), STOP_S_MAX, "somebody outlived their process")


def test_only_modules_that_say_so_are_imported_for_all() -> None:
    from appservices.signing.places.service.drawing import read_pages  # noqa: PLC0415 -- says so

    # `sleeping` is of a module that imports pytest.
    with pytest.raises(SandboxError, match="cannot be read"):
        in_sandbox(sleeping, "/proc/no folder")
    with pytest.raises(SandboxError, match="cannot be read"):
        in_sandbox(read_pages, b"no file")

    loaded = "[n in __import__('sys').modules for n in ('pytest', 'pikepdf', 'twisted')]"
    assert in_sandbox(eval, loaded) == [False, True, False]
