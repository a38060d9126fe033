"""`veche witness`: keep the heads of logs of others, and sign those that only grow.

Anybody may run one: it needs this program, a folder and an address, neither a homeserver nor a
database. Its worth is that somebody else runs it than the logs.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appservices.witness.config import load_witness_config
from appservices.witness.core import BODY_BYTES_MAX
from veche.protocol.errors import ConfigError
from veche.runtime import log
from veche.runtime.config.secret_files import read_secret_bytes
from veche.runtime.web.limits import Limit
from veche.transparency.envelope import KEY_BYTES
from veche.transparency.notes import Cosigner

if TYPE_CHECKING:
    import argparse

    from appservices.witness.config import WitnessConfig

logger = logging.getLogger(__name__)

DRAIN_S_MAX: Final = 5.0
"""How long answers may take once the process is to end."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche witness` to the commands of `veche`."""
    parser = commands.add_parser(
        "witness",
        help="sign heads of logs of others, if they only grow",
        description="Sign heads of logs of others, if they only grow.",
    )
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = subcommands.add_parser("key", help="make a key, and print what others need of it")
    command.add_argument(
        "name", metavar="NAME", help="name of the witness, such as w.example.org/w1"
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the key; never over an old one"
    )
    command.set_defaults(run=make_key)
    command = subcommands.add_parser("run", help="sign heads of the logs in a file, until stopped")
    command.add_argument(
        "-c", "--config", type=Path, required=True, metavar="FILE", help="of the witness (YAML)"
    )
    command.set_defaults(make_host=make_host)


def make_key(arguments: argparse.Namespace) -> int:
    """Run `veche witness key`."""
    path, seed = arguments.out, secrets.token_bytes(KEY_BYTES)
    cosigner = _cosigner(arguments.name, seed)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as e:
        raise ConfigError(f"{path} cannot be written: {e.strerror}") from e
    with os.fdopen(file, "wb") as out:
        out.write(seed)
        out.flush()
        os.fsync(out.fileno())
    sys.stdout.write(f"{cosigner.verifier.to_text()}\n")
    return 0


def make_host(reactor: Any, arguments: argparse.Namespace) -> WitnessHost:
    """Make what `veche witness run` runs until SIGTERM or SIGINT.

    Raises:
        ConfigError: The file is wrong, or the key cannot be read.
    """
    config = load_witness_config(arguments.config)
    log.set_up(config.log.level, config.log.format)
    return WitnessHost(config, reactor)


class WitnessHost:
    """The composition root of a witness."""

    def __init__(self, config: WitnessConfig, reactor: Any) -> None:
        """Nothing is open before ``start``.

        Raises:
            ConfigError: The key cannot be read.
        """
        self._config = config
        self._reactor = reactor
        self._cosigner = _cosigner(config.witness.name, read_secret_bytes(config.witness.key_path))
        self._ports: list[Any] = []
        self._sites: list[Any] = []
        self._folder: Any = None

    async def start(self) -> None:
        """Take the folder, then listen.

        Raises:
            ConfigError: Another process has the folder.
            WitnessFolderError: What is there cannot be read.
        """
        # They import klein, and that the reactor.
        from appservices.witness.folder import WitnessFolder  # noqa: PLC0415
        from appservices.witness.routes import HEADERS, WitnessRoutes  # noqa: PLC0415
        from appservices.witness.witness import Witness  # noqa: PLC0415
        from veche.runtime.web import HealthRoutes, new_site  # noqa: PLC0415

        section, listen = self._config.witness, self._config.listen
        keys = section.keys()
        self._folder = WitnessFolder(section.folder, keys)
        witness = Witness(self._cosigner, self._folder, keys)
        limit = Limit(burst=3 * section.address_per_s, per_s=section.address_per_s)
        routes = WitnessRoutes(
            witness, self._reactor, limit, trust_forwarded=section.trust_forwarded
        )
        health = HealthRoutes({}, self._reactor)
        for resource, address, port in (
            (health.app.resource(), listen.address, listen.port),
            (routes.app.resource(), section.address, section.port),
        ):
            site = new_site(resource, self._reactor, body_bytes_max=BODY_BYTES_MAX, headers=HEADERS)
            self._sites.append(site)
            self._ports.append(self._reactor.listenTCP(port, site, interface=address))
        at = self._ports[-1].getHost()
        logger.info("%s signs on %s:%d", witness.verifier.to_text(), at.host, at.port)

    async def stop(self) -> None:
        """Answer what was asked, then give the folder back."""
        for port in self._ports:
            await port.stopListening()
        for site in self._sites:
            await site.drained(DRAIN_S_MAX)
        if self._folder is not None:
            self._folder.close()


def _cosigner(name: str, seed: bytes) -> Cosigner:
    try:
        return Cosigner(name, seed)
    except ValueError as e:
        raise ConfigError(f"this is no key or name of a witness: {e}") from e
