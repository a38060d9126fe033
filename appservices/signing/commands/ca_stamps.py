"""`veche ca stamps`: the next authority for time stamps; the key of the one before is destroyed.

The certificate of the one before stays in ``former``: files that it stamped need newer lists about
it, which `veche ca lists` goes on making.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appservices.signing.authority.core.issuing import Holder, stamps_certificate
from appservices.signing.authority.service.authorities import CERTIFICATE, ROOT, STAMPS
from veche.documents.pki.digests import hash_named
from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from appservices.signing.authority.core.issuing import Authority, Fresh
    from veche.documents.pki.digests import Hash

FORMER: Final = "former"
"""Folder with certificates of authorities and seals that sign no more."""


class _Folder(Protocol):
    """An authority's folder with the root opened."""

    @property
    def path(self) -> Path:
        """The folder."""

    def make(
        self,
        name: str,
        holder: Holder,
        issue: Callable[[Authority, EllipticCurvePublicKey, Holder, Fresh], x509.Certificate],
    ) -> None:
        """Make a key, its certificate and its list."""


def add_stamps(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    add_options: Callable[[argparse.ArgumentParser], None],
    open_folder: Callable[[argparse.Namespace], _Folder],
) -> None:
    """Add the command.

    Args:
        commands: Of `veche ca`.
        add_options: Adds those for the folder, the root's passphrase and tokens.
        open_folder: Opens the folder with the root's key.
    """
    one = commands.add_parser(
        "stamps",
        help="make the next authority for time stamps; once a year",
        description="Makes another key and certificate for time stamps, and destroys the key"
        " before it.",
    )
    one.add_argument("--site", required=True, metavar="URL", help="as for init")
    add_options(one)
    one.set_defaults(run=partial(run_stamps, open_folder))


def run_stamps(
    open_folder: Callable[[argparse.Namespace], _Folder], arguments: argparse.Namespace
) -> int:
    """Run `veche ca stamps`."""
    folder = open_folder(arguments)
    keep_former(folder.path, read_certificate(folder.path / f"{STAMPS}{CERTIFICATE}"))
    root = read_certificate(folder.path / f"{ROOT}{CERTIFICATE}")
    [organisation] = root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    name = str(organisation.value)
    folder.make(STAMPS, Holder(f"{name} Time", organisation=name), stamps_certificate)
    sys.stdout.write(
        "The next authority for time stamps is made. Restart the services; a key in a token that"
        " is not used any more is yours to delete.\n"
    )
    return 0


def keep_former(folder: Path, certificate: x509.Certificate) -> None:
    """Keep the certificate of what signs no more: without it nobody could make a list about it.

    Call it before another takes its place.
    """
    kept = folder / FORMER / f"{certificate.serial_number:x}{CERTIFICATE}"
    write_private(kept, certificate.public_bytes(Encoding.PEM))


def former_certificates(folder: Path) -> list[x509.Certificate]:
    """The certificates of authorities and seals that sign no more.

    Raises:
        ConfigError: One cannot be read.
    """
    return [read_certificate(path) for path in sorted((folder / FORMER).glob(f"*{CERTIFICATE}"))]


def stamps_hash(folder: Path) -> Hash:
    """The hash with which the root has signed the certificate of the time stamps.

    Raises:
        ConfigError: It cannot be read, or is of a hash that is not taken.
    """
    path = folder / f"{STAMPS}{CERTIFICATE}"
    by = read_certificate(path).signature_hash_algorithm
    try:
        return hash_named("" if by is None else by.name)
    except ValueError as e:
        raise ConfigError(f"{path} is signed with a hash that is not taken: {e}") from e


def read_certificate(path: Path) -> x509.Certificate:
    """A certificate of the authority's folder.

    Raises:
        ConfigError: There is none that can be read.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as e:
        raise ConfigError(f"{path} is no certificate that can be read: {e}") from e
