"""`veche ca revoke`: a certificate counts no more; its new list is served at once."""

from __future__ import annotations

import datetime as dt
import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from appservices.signing.authority.core.issuing import Revoked
from appservices.signing.authority.service.authorities import (
    CERTIFICATE,
    LISTS,
    list_name,
    read_authorities,
)
from appservices.signing.certificates.service import REASONS, revoke, revoked_by
from appservices.signing.commands.ca_stamps import former_certificates
from veche.protocol.errors import ConfigError, NotFoundError
from veche.server.installed import add_config_option
from veche.server.offline import config_of, database_of, transaction

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509

_SERIAL: Final = re.compile(r"[0-9a-f]{1,40}")


class _Folder(Protocol):
    """An authority's folder with the root opened."""

    def list(self, certificate: x509.Certificate, revoked: Revoked | None = None) -> None:
        """Make a certificate's list."""


def add_revoking(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    add_options: Callable[[argparse.ArgumentParser], None],
    open_folder: Callable[[argparse.Namespace], _Folder],
) -> None:
    """Add the command.

    Args:
        commands: Of `veche ca`.
        add_options: Adds those for the folder and the root's passphrase.
        open_folder: Opens the folder with the root's key.
    """
    one = commands.add_parser(
        "revoke",
        help="revoke a certificate; its new list is served at once",
        description="Revokes a certificate. For a seal or an authority the root's key is needed;"
        " for a person's certificate the database.",
    )
    one.add_argument(
        "serial", metavar="SERIAL", help="serial number of the certificate, hexadecimal"
    )
    one.add_argument("--reason", required=True, choices=sorted(REASONS), help="why")
    one.add_argument(
        "--since",
        metavar="TIME",
        help="what was signed before stays good, such as 2026-11-26T12:00 (UTC); default: nothing"
        " that it signed counts",
    )
    add_options(one)
    add_config_option(one)
    one.set_defaults(run=partial(run_revoke, open_folder))


def run_revoke(
    open_folder: Callable[[argparse.Namespace], _Folder], arguments: argparse.Namespace
) -> int:
    """Run `veche ca revoke`."""
    text = arguments.serial.lower().replace(":", "").lstrip("0")
    if not _SERIAL.fullmatch(text):
        raise ConfigError(f"{arguments.serial} is no number of a certificate")
    serial, now = int(text, 16), dt.datetime.now(dt.UTC)  # noqa: TID251 -- the clock of a command
    since = _since(arguments.since, now) if arguments.since is not None else None
    found = _in_folder(arguments.folder, serial)
    if found is None:
        _revoke_person(arguments, serial, since, now)
    else:
        why = Revoked(since or found.not_valid_before_utc, REASONS[arguments.reason])
        before = revoked_on(arguments.folder / LISTS / list_name(found), found)
        if before is not None and before.since <= why.since:
            raise _revoked_before(serial, before)
        open_folder(arguments).list(found, why)
    sys.stdout.write(
        f"Certificate {text} is revoked; its list says so at once. Whoever keeps files with it"
        " finds out with: veche verify --online\n"
    )
    return 0


def revoked_on(path: Path, certificate: x509.Certificate) -> Revoked | None:
    """Return the entry on a certificate in an existing list; None: no entry, or no list.

    Args:
        path: Of the list.
        certificate: Of which it speaks.

    Raises:
        ConfigError: There is a file that is no list: who is on it is not known.
    """
    if not path.exists():
        return None
    try:
        return revoked_by(path.read_bytes(), certificate)
    except ValueError as e:
        raise ConfigError(f"{path} is no list: what was revoked is not known any more") from e


def _revoked_before(serial: int, before: Revoked) -> ConfigError:
    return ConfigError(
        f"the certificate {serial:x} was revoked before: nothing counts that it signed after"
        f" {before.since:%Y-%m-%dT%H:%M} UTC; that stays, and can only be put earlier"
    )


def _in_folder(folder: Path, serial: int) -> x509.Certificate | None:
    """The seal or authority of this number; the root cannot be revoked."""
    known = read_authorities(folder)
    if known.root.serial_number == serial:
        raise ConfigError(f"the root cannot be revoked: tell everybody not to trust {CERTIFICATE}")
    made = (known.issuing, known.stamps, *known.seals.values())
    held = [*(one.certificate for one in made), *former_certificates(folder)]
    return next((one for one in held if one.serial_number == serial), None)


def _revoke_person(
    arguments: argparse.Namespace, serial: int, since: dt.datetime | None, now: dt.datetime
) -> None:
    authorities = read_authorities(arguments.folder)
    reason = REASONS[arguments.reason]
    try:
        config = config_of(arguments)
    except ConfigError as e:
        raise ConfigError(
            f"no seal and no authority in {arguments.folder} has the number {serial:x}; if it is a"
            f" person's certificate, its list is in the database: {e}"
        ) from e
    with database_of(config) as dsn:
        now_ms = int(now.timestamp() * 1000)
        try:
            before = transaction(
                dsn, lambda txn: revoke(txn, authorities, serial, now_ms, since, reason)
            )
        except NotFoundError as e:
            raise ConfigError(f"there is no certificate {serial:x} here") from e
    if before is not None:
        raise _revoked_before(serial, before)


def _since(text: str, now: dt.datetime) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as e:
        raise ConfigError(f"{text} should be as 2026-11-26T12:00") from e
    since = found.replace(tzinfo=found.tzinfo or dt.UTC, microsecond=0)
    if since > now:
        raise ConfigError(f"{text} is not yet")
    return since
