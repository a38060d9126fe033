"""`veche up`: PostgreSQL, Synapse, the services and a demo world on this machine.

This process only starts, watches and stops others; the steps of the start overlap as far as one
does not need the other. Whatever ends it, SIGKILL too, none of the others outlives it.
"""

from __future__ import annotations

import errno
import secrets
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from veche.cli.demo import world as demo
from veche.cli.processes.child import Child, how, tail
from veche.cli.processes.guard import Guard
from veche.cli.processes.homeserver import (
    Homeserver,
    HomeserverPlan,
    has_person,
    is_healthy,
    modules,
    postgres_database,
    register_person,
    write_configuration,
)
from veche.cli.processes.supervise import ChildEndedError, StoppedError, Supervisor
from veche.cli.up.state import StateFolder, check_port, free_port
from veche.cli.up.steps import Step, Steps
from veche.protocol.errors import ConfigError, UnavailableError, VecheError
from veche.runtime.config.secret_files import write_private
from veche.runtime.database.embedded import EmbeddedPostgres
from veche.runtime.database.synapse_database import make_synapse_database
from veche.server.demo import PEOPLE, SERVER_NAME, Place, demo_parts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from veche.server.demo import DemoPart, Preparation, Program

ARENAS: Final = "2"
"""Heaps of the C library in a process: of its many threads one runs at a time, and each heap more
keeps some MiB."""
PORT: Final = 8008
"""Where the homeserver answers, unless another port is chosen."""

PAGES_PORT: Final = 8090
"""Where the pages are, unless another port is chosen. Links in rooms name it: it has to last."""

APP_PORT: Final = 8091
"""Where the app is, unless another port is chosen: browsers keep accounts by port."""

READY_TIMEOUT_S: Final = 60.0
"""How long the services may take until they are ready."""

CHECK_TIMEOUT_S: Final = 60.0
"""How long the bot may take to answer in ``--check``."""

SERVICES_STOP_S: Final = 2.0
"""How long the services may take to finish what they do; what is unsent waits in the outbox."""

HOMESERVER_STOP_S: Final = 1.5
"""How long Synapse may take to end."""

PROGRAM: Final = (sys.executable, "-m", "veche.cli.main")
"""The command `veche`, in this Python."""

DATABASE_START_S: Final = 3.0
"""How long to wait for PostgreSQL's start when it shall stop again."""

_POLL_S: Final = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `veche up`."""
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="folder for everything it makes (default: var)"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help="port of the homeserver (default: %(default)s)"
    )
    parser.add_argument(
        "--pages-port",
        type=int,
        default=PAGES_PORT,
        help="port of the pages (default: %(default)s)",
    )
    parser.add_argument(
        "--app-port", type=int, default=APP_PORT, help="port of the app (default: %(default)s)"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="start everything, have a bot answer an encrypted message, stop",
    )


def run(arguments: argparse.Namespace, *, program: Sequence[str] = PROGRAM) -> int:
    """Run `veche up` until it is stopped.

    Returns:
        Exit code: 0 if a person stopped it, or the check went well; 1 otherwise, after a line
        on standard error that says why.
    """
    try:
        state = arguments.state or checkout() / "var"
        ports = Ports(arguments.port, arguments.pages_port, arguments.app_port)
        up = Up(state, ports, tell, program=program)
    except VecheError as e:
        return _fail(e)
    try:
        up.start()
        if arguments.check:
            up.check()
            return 0
        up.watch()
    except StoppedError as e:
        tell(f"veche up: {e}: stopping")
        return 1 if arguments.check else 0
    except VecheError as e:
        return _fail(e)
    except OSError as e:
        if e.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        return _fail(ConfigError(f"the disk of {up.state.path} is full"))
    finally:
        up.stop()
    return 0


def tell(line: str) -> None:
    """Show a line at once to the person at the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def checkout() -> Path:
    """The checkout that this code is in.

    Raises:
        ConfigError: It was installed without one.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "config" / "services").is_dir():
        raise ConfigError("`veche up` shows the demo of a checkout: clone the repository")
    return root


@attrs.frozen
class Ports:
    """Where a town is reached on this machine.

    Attributes:
        homeserver: Of the homeserver.
        pages: Of the pages.
        app: Of the app.
    """

    homeserver: int
    pages: int
    app: int

    def check(self) -> None:
        """Raise if one cannot be had.

        Raises:
            ConfigError: One is taken, named twice, or no port.
        """
        options = {"--port": self.homeserver, "--pages-port": self.pages, "--app-port": self.app}
        for option, port in options.items():
            other = next(one for one, its in options.items() if its == port)
            if other != option:
                raise ConfigError(f"{option} and {other} are both {port}")
            check_port(port, option)


class Up:
    """Everything that `veche up` runs.

    Attributes:
        state: Its folder.
    """

    def __init__(
        self,
        state: Path,
        ports: Ports,
        tell: Callable[[str], None],
        *,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """Take the state folder and the port; nothing runs yet.

        Raises:
            ConfigError: One of them cannot be had.
        """
        self._tell = tell
        self._program = program
        self._started_s = time.monotonic()
        self._examples = checkout() / "config"
        self.state = StateFolder(state)
        try:
            ports.check()
        except ConfigError:
            self.state.close()
            raise
        path = self.state.path
        self._ports = ports
        taken = [ports.pages, ports.app]
        self._services_port = free_port(ports.homeserver + 1, taken)
        port = free_port(ports.homeserver + 2, [*taken, self._services_port])
        self._place = Place(
            path,
            self._examples,
            port,
            homeserver_url=f"http://localhost:{ports.homeserver}",
            # A name: browsers give passkeys to none that is a number.
            pages_url=f"http://localhost:{ports.pages}",
            app_url=f"http://localhost:{ports.app}",
        )
        self._parts: Sequence[DemoPart] = ()
        self._guard = Guard(held=[self.state.lock])
        self._supervisor = Supervisor(tell)
        self._postgres = EmbeddedPostgres(path / "postgres")
        self._homeserver = Homeserver(self._plan(), self._guard)
        self._starting: list[Child] = []
        self._database: Step | None = None

    def start(self) -> None:
        """Start everything and tell when it is ready.

        Raises:
            StoppedError: Somebody asked to stop meanwhile.
            VecheError: A step failed; the message says why.
        """
        self._supervisor.catch_signals()
        self._tell(f"veche up: {'a new' if self.state.is_new else 'the'} state {self.state.path}")
        self._guard.watch_file(self.state.path / "postgres" / "data" / "postmaster.pid")
        self._write_files()
        steps = Steps(self._tell)
        self._database = steps.take("PostgreSQL", self._start_database)
        homeserver = steps.take("homeserver", self._start_homeserver, self._database)
        tables = steps.take("tables", self._make_tables, self._database)
        steps.take("people", self._register_people, homeserver)
        for program in filter(None, (part.program for part in self._parts)):
            steps.take(program.name, partial(self._start_program, program), homeserver)
        prepared = [
            steps.take(one.name, partial(self._prepare, one))
            for one in filter(None, (part.preparation for part in self._parts))
        ]
        steps.take("services", self._start_services, homeserver, tables, *prepared)
        self._supervisor.wait(steps.have_ended)
        self._tell(f"Ready after {time.monotonic() - self._started_s:.1f} s.\n")

    def watch(self) -> None:
        """Show the log-ins, then keep everything running.

        Raises:
            StoppedError: Somebody asked to stop.
            ChildEndedError: Something ended that cannot be started again by itself.
        """
        self._tell(self._welcome())
        self._supervisor.wait()

    def check(self) -> None:
        """Have a real client write to a bot of the demo, encrypted, and wait for its answer.

        Raises:
            ConfigError: No feature brings a bot that answers.
            StoppedError: Somebody asked to stop.
            ChildEndedError: There was no such answer; the message says what happened.
        """
        started_s = time.monotonic()
        bot = next((part.bot for part in self._parts if part.bot), None)
        if bot is None:
            raise ConfigError("no feature brings a bot that answers to the demo")
        # An account of its own: the people of the demo use theirs by their own devices.
        name, password = f"check_{secrets.token_hex(4)}", secrets.token_hex()
        register_person(self._plan(), name, password)
        person = f"@{name}:{SERVER_NAME}"
        client = Child(
            "client",
            [sys.executable, "-m", "veche.cli.demo.client", self._plan().url, person, bot],
            output=self.state.path / "client.log",
            environment={demo.PASSWORD_VARIABLE: password},
            guard=self._guard,
        )
        try:
            deadline = started_s + CHECK_TIMEOUT_S
            self._supervisor.wait(
                lambda: client.exit_code() is not None or time.monotonic() > deadline
            )
            code = client.exit_code()
        finally:
            client.stop()
        if code != 0:
            what = "took too long" if code is None else f"ended with {how(code)}"
            raise ChildEndedError(f"the check's client {what}:\n{client.last_lines()}")
        self._tell(client.last_lines())
        now_s = time.monotonic()
        self._tell(f"  {'first answer':<14}{now_s - started_s:6.1f} s")
        self._tell(f"  {'services use':<14}{self._starting[-1].resident_bytes() >> 20:4} MiB")
        self._tell(f"Encrypted answer {now_s - self._started_s:.1f} s after the start.")

    def stop(self) -> None:
        """Stop everything in order; what does not end by itself is killed."""
        with ExitStack() as stack:
            # From the last to the first, each also if the one before it failed.
            stack.callback(self.state.close)
            stack.callback(self._guard.close)
            stack.callback(self._postgres.stop)
            if self._database is not None:
                # Not while it makes its data folder.
                stack.callback(self._database.join, DATABASE_START_S)
            stack.callback(self._homeserver.stop, HOMESERVER_STOP_S)
            for child in self._starting:
                stack.callback(child.stop, SERVICES_STOP_S)
            stack.callback(self._supervisor.stop, SERVICES_STOP_S)

    def _welcome(self) -> str:
        return demo.welcome(
            self._plan().port,
            self._passwords(),
            self.state.path,
            pages_url=self._place.pages_url,
            app_url=self._place.app_url,
            parts=self._parts,
        )

    def _plan(self) -> HomeserverPlan:
        return HomeserverPlan(
            folder=self.state.path / "homeserver",
            server_name=SERVER_NAME,
            port=self._ports.homeserver,
            appservice_url=f"http://127.0.0.1:{self._services_port}",
            database=postgres_database(self._postgres.dsn("synapse")),
            modules=modules(
                demo.official_names(self._parts),
                [one for part in self._parts for one in part.directories],
            ),
            settings=demo.homeserver_settings(self._ports.homeserver),
        )

    def _write_files(self) -> None:
        self._parts = demo_parts(self._place)
        self._homeserver.plan = self._plan()
        write_configuration(self._homeserver.plan)
        write_private(
            self.state.path / "veche.yaml",
            demo.services_configuration(
                self._homeserver.plan,
                port=self._services_port,
                database_url=self._postgres.dsn("veche"),
                operator_key=demo.operator_key(self.state.path / "operator_key"),
                pages_url=self._place.pages_url,
                app_url=self._place.app_url,
                sections={name: one for part in self._parts for name, one in part.sections.items()},
            ),
        )

    def _start_database(self) -> None:
        self._postgres.start()
        pid = self._postgres.pid
        self._supervisor.need(
            lambda: None if self._postgres.pid == pid else 1, self._postgres_ended
        )
        self._postgres.create_database("veche")
        make_synapse_database(self._postgres.dsn(), "synapse")

    def _postgres_ended(self, _code: int) -> str:
        log = self.state.path / "postgres" / "log"
        return f"PostgreSQL ended. The last lines of {log}:\n{tail(log)}"

    def _start_homeserver(self) -> None:
        self._homeserver.launch()
        self._homeserver.wait_until_healthy()
        self._supervisor.need(
            self._homeserver.exit_code,
            lambda code: self._homeserver.failure(f"Synapse ended with {how(code)}"),
        )

    def _make_tables(self) -> None:
        self._run_once("tables", "the tables cannot be made", "db", "migrate", *self._config)

    def _prepare(self, one: Preparation) -> None:
        if not one.made.exists():
            self._run_once(one.name, f"the {one.name} cannot be made", *one.command)

    def _run_once(self, name: str, problem: str, *command: str) -> None:
        """Run a command of `veche` to its end."""
        child = self._veche(name, *command)
        self._starting.append(child)
        try:
            code = child.wait(READY_TIMEOUT_S)
        except TimeoutError as e:
            raise ChildEndedError(f"{problem}: {e}\n{child.last_lines()}") from e
        if code != 0:
            raise ChildEndedError(f"{problem}:\n{child.last_lines()}")
        child.stop()

    def _register_people(self) -> None:
        for person, password in zip(PEOPLE, self._passwords().values(), strict=True):
            if not has_person(self._homeserver.plan, person.name):
                register_person(self._homeserver.plan, person.name, password, person.display_name)

    def _start_services(self) -> None:
        child = self._launch_services()
        self._starting.append(child)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not is_healthy(self._services_port, "/ready"):
            code = child.exit_code()
            if code is not None:
                raise ChildEndedError(f"the services ended with {how(code)}:\n{child.last_lines()}")
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the services are not ready after {READY_TIMEOUT_S:g} s:\n"
                    + child.last_lines(),
                    retry_after_ms=0,
                )
            time.sleep(_POLL_S)
        # Only now: what dies in its first start has a fault that no other start mends.
        self._supervisor.keep(child, self._launch_services)

    def _start_program(self, program: Program) -> None:
        def launch() -> Child:
            command = list(program.command)
            return Child(program.name, command, output=program.log, guard=self._guard)

        # Nobody waits until it listens: the services ask it again and again by themselves.
        self._supervisor.keep(launch(), launch)

    def _launch_services(self) -> Child:
        return self._veche("services", "run", "all", *self._config)

    @property
    def _config(self) -> tuple[str, str]:
        return "-c", str(self.state.path / "veche.yaml")

    def _veche(self, name: str, *command: str) -> Child:
        return Child(
            name,
            [*self._program, *command],
            output=self.state.path / f"{name}.log",
            guard=self._guard,
            environment={"MALLOC_ARENA_MAX": ARENAS},
        )

    def _passwords(self) -> dict[str, str]:
        folder = self.state.path / "passwords"
        return {person.name: demo.password(folder, person) for person in PEOPLE}


def _fail(error: VecheError) -> int:
    sys.stderr.write(f"veche up: {error}\n")
    return 1
