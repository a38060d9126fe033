from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from veche.cli.up.state import FORMAT, StateFolder, check_port, free_port
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def taken(path: Path) -> StateFolder:
    folder = StateFolder(path)
    folder.close()
    return folder


def listening() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def test_a_new_folder_is_made_with_its_parents_and_known_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"

    assert taken(path).is_new
    assert not taken(path).is_new
    assert taken(path).path == path


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert taken(tmp_path).is_new


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ConfigError, match="holds something else"):
        StateFolder(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_of_a_newer_veche_is_refused(tmp_path: Path) -> None:
    taken(tmp_path)
    (tmp_path / "veche-state.json").write_text(json.dumps({"format": FORMAT + 1}))

    with pytest.raises(ConfigError, match="newer Veche"):
        StateFolder(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "x"}', '{"format": null}'])
def test_a_damaged_marker_is_refused(tmp_path: Path, text: str) -> None:
    taken(tmp_path)
    (tmp_path / "veche-state.json").write_text(text)

    with pytest.raises(ConfigError, match="damaged"):
        StateFolder(tmp_path)


def test_a_folder_in_use_is_refused_and_its_user_named(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)

    with pytest.raises(ConfigError, match=f"as process {os.getpid()}; stop it"):
        StateFolder(tmp_path)

    folder.close()
    taken(tmp_path)


def test_a_folder_is_ours_again_once_the_last_heir_of_a_dead_owner_is_gone(tmp_path: Path) -> None:
    # The guard of an `up` that was killed holds the lock while it stops the children.
    script = (
        "import subprocess, sys; from pathlib import Path;"
        "from veche.cli.up.state import StateFolder;"
        f"state = StateFolder(Path({str(tmp_path)!r}));"
        "heir = subprocess.Popen(['sleep', '1'], pass_fds=[state.lock])"
    )
    subprocess.run([sys.executable, "-c", script], check=True)

    assert not taken(tmp_path).is_new


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="choose another with --state"):
        StateFolder(tmp_path / "file")


def test_a_full_disk_is_refused_before_anything_starts(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free

    with pytest.raises(ConfigError, match=r"is full: \d+ MiB are free"):
        StateFolder(tmp_path, free_bytes_min=free * 2)

    assert taken(tmp_path).is_new


def test_a_free_port_passes_also_right_after_its_use() -> None:
    listener = listening()
    port = listener.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = listener.accept()
    accepted.close()  # the side that closes first keeps the port in TIME_WAIT
    client.close()
    listener.close()

    check_port(port)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who listens")
def test_a_port_in_use_is_refused_and_its_user_named() -> None:
    with listening() as listener, pytest.raises(ConfigError) as refused:
        check_port(listener.getsockname()[1])

    assert f"in use by process {os.getpid()} (" in str(refused.value)
    assert "--port" in str(refused.value)


def test_a_port_that_somebody_uses_on_all_addresses_is_in_use() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))  # noqa: S104 -- the case at hand
        listener.listen()

        with pytest.raises(ConfigError, match="in use"):
            check_port(listener.getsockname()[1])


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_numbers_that_are_no_port_are_refused(port: int) -> None:
    with pytest.raises(ConfigError, match="should be from 1 to 65535"):
        check_port(port)


def test_the_preferred_port_is_taken_if_it_is_free_and_another_if_not() -> None:
    with listening() as listener:
        preferred = listener.getsockname()[1]
        other = free_port(preferred)

    assert other != preferred
    assert free_port(preferred) == preferred
    assert free_port(preferred, [preferred]) != preferred
