"""`veche ca`: the authority of a site: made once, seals for organisations, new lists each year.

The key of the root signs the other authorities, seals and lists, and nothing else. It is encrypted
by a passphrase and can lie elsewhere: the services never read it.
"""

from __future__ import annotations

import datetime as dt
import getpass
import re
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from appservices.signing.routes.api import API
from appservices.signing.service.authorities import (
    CERTIFICATE,
    ISSUING,
    KEY,
    LISTS,
    ROOT,
    SEALS,
    STAMPS,
    list_name,
    read_authorities,
)
from veche.cli.homeserver import write_private
from veche.protocol.errors import ConfigError
from veche.protocol.signatures.certificates import (
    Authority,
    Fresh,
    Holder,
    issuing_certificate,
    revocation_list,
    root_certificate,
    seal_certificate,
    stamps_certificate,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

PASSPHRASE_CHARACTERS_MIN: Final = 12
_ID: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche ca` to the commands of `veche`."""
    parser = commands.add_parser("ca", help="make the authority that signatures are trusted by")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = subcommands.add_parser("init", help="make the root and the authorities below it")
    one.add_argument("name", metavar="NAME", help="of whose authority it is, such as a town")
    one.add_argument(
        "--site",
        required=True,
        metavar="URL",
        help="where its lists will be asked for: the public address of the services",
    )
    one.add_argument(
        "--seal",
        nargs=2,
        action="append",
        default=[],
        metavar=("ID", "NAME"),
        help="make the seal of an organisation too; may be repeated",
    )
    _add_options(one)
    one.set_defaults(run=run_init)
    one = subcommands.add_parser("seal", help="make the seal of an organisation")
    one.add_argument("id", metavar="ID", help="of the organisation, as in the configuration")
    one.add_argument("name", metavar="NAME", help="which whoever checks a seal reads")
    one.add_argument("--site", required=True, metavar="URL", help="as for init")
    _add_options(one)
    one.set_defaults(run=run_seal)
    one = subcommands.add_parser(
        "lists", help="make the lists of revoked certificates again; once a year"
    )
    _add_options(one)
    one.set_defaults(run=run_lists)
    one = subcommands.add_parser("show", help="say what is there and until when it is good")
    one.add_argument("--folder", type=Path, required=True, metavar="DIR", help="of the authority")
    one.set_defaults(run=run_show)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, required=True, metavar="DIR", help="of the authority"
    )
    parser.add_argument(
        "--passphrase-path",
        type=Path,
        metavar="FILE",
        help="file with the passphrase of the root's key (default: it is asked for)",
    )


@attrs.frozen
class _Folder:
    """The folder with the root opened."""

    path: Path
    root: Authority
    site: str
    now: dt.datetime

    def make(
        self,
        name: str,
        holder: Holder,
        issue: Callable[[Authority, EllipticCurvePublicKey, Holder, Fresh], x509.Certificate],
    ) -> None:
        """Make a key, its certificate and its list; nothing of them is there before."""
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        url = f"{self.site}{API.prefix}/crl/{serial:x}.crl"
        certificate = issue(self.root, key.public_key(), holder, Fresh(serial, url, self.now))
        self.list(certificate)
        _write_key(self.path / f"{name}{KEY}", key, NoEncryption())
        _write(self.path / f"{name}{CERTIFICATE}", certificate)

    def list(self, certificate: x509.Certificate) -> None:
        """Make a certificate's list."""
        made = revocation_list(self.root, certificate, self.now)
        path = self.path / LISTS / list_name(certificate)
        write_private(path, made.public_bytes(Encoding.DER))


def run_init(arguments: argparse.Namespace) -> int:
    """Run `veche ca init`."""
    folder, site = arguments.folder, _site(arguments.site)
    if is_made(folder):
        raise ConfigError(f"there is an authority in {folder}: what it signed needs it for ever")
    passphrase = _passphrase(arguments.passphrase_path, is_new=True)
    make_authority(folder, arguments.name, site, passphrase, _now(), dict(arguments.seal))
    sys.stdout.write(
        f"The authority of {arguments.name} is in {folder}. Publish {ROOT}{CERTIFICATE}: it is what"
        f" others trust. Take {ROOT}{KEY} to another place, and keep it: it is needed for seals,"
        " and once a year for the lists.\n"
    )
    return 0


def run_seal(arguments: argparse.Namespace) -> int:
    """Run `veche ca seal`."""
    folder = _opened(arguments, _site(arguments.site))
    add_seal(folder, arguments.id, arguments.name)
    sys.stdout.write(f"The seal of {arguments.name} is made. Restart the services.\n")
    return 0


def run_lists(arguments: argparse.Namespace) -> int:
    """Run `veche ca lists`."""
    known = read_authorities(arguments.folder)
    folder = _opened(arguments, "")
    made = [known.issuing, known.stamps, *known.seals.values()]
    for one in made:
        folder.list(one.certificate)
    sys.stdout.write(f"{len(made)} lists are made. Restart the services.\n")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Run `veche ca show`."""
    known = read_authorities(arguments.folder)
    sys.stdout.write(_line("root", known.root))
    named = {"persons": known.issuing, "time stamps": known.stamps}
    named |= {f"seal {name}": one for name, one in known.seals.items()}
    for name, one in named.items():
        held = x509.load_der_x509_crl(known.list_of(one.certificate))
        until = held.next_update_utc
        listed = "for ever" if until is None else f"{until:%Y-%m-%d}"
        sys.stdout.write(f"{_line(name, one.certificate).rstrip()}; its list until {listed}\n")
    return 0


def make_authority(
    folder: Path,
    name: str,
    site: str,
    passphrase: bytes,
    now: dt.datetime,
    seals: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Make an authority; the certificate of the root is written last, when all else is there.

    Args:
        folder: Where; it is made.
        name: Whose.
        site: Public address of the services, with nothing after the host.
        passphrase: By which the root's key is encrypted.
        now: The time, UTC, whole seconds.
        seals: Names of organisations that get a seal, by their ids.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    holder = Holder(f"{name} Root", organisation=name)
    root = root_certificate(key, holder, x509.random_serial_number(), now)
    made = _Folder(folder, Authority(root, key), site, now)
    persons = Holder(f"{name} Persons", organisation=name)
    made.make(ISSUING, persons, issuing_certificate)
    made.make(STAMPS, Holder(f"{name} Time", organisation=name), stamps_certificate)
    for organisation, called in seals.items():
        add_seal(made, organisation, called)
    _write_key(folder / f"{ROOT}{KEY}", key, BestAvailableEncryption(passphrase))
    _write(folder / f"{ROOT}{CERTIFICATE}", root)


def open_authority(folder: Path, site: str, passphrase: bytes, now: dt.datetime) -> _Folder:
    """The folder, with the root's key.

    Raises:
        ConfigError: It cannot be read, or the passphrase is another one.
    """
    path = folder / f"{ROOT}{KEY}"
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase)
        root = x509.load_pem_x509_certificate((folder / f"{ROOT}{CERTIFICATE}").read_bytes())
    except OSError as e:
        raise ConfigError(f"there is no authority in {folder}: {e}") from e
    except (ValueError, TypeError) as e:
        raise ConfigError(f"{path} does not open with this passphrase") from e
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != root.public_key():
        raise ConfigError(f"{path} is not the key of {ROOT}{CERTIFICATE}")
    return _Folder(folder, Authority(root, key), site, now)


def add_seal(folder: _Folder, organisation: str, name: str) -> None:
    """Make the seal of an organisation.

    Raises:
        ConfigError: It has one, or its id is none.
    """
    if not _ID.fullmatch(organisation):
        raise ConfigError(f"{organisation} is no id: small letters, digits, dots and hyphens")
    if (folder.path / SEALS / f"{organisation}{CERTIFICATE}").exists() and is_made(folder.path):
        raise ConfigError(f"{organisation} has a seal in {folder.path / SEALS}")
    folder.make(f"{SEALS}/{organisation}", Holder(name, organisation=name), seal_certificate)


def is_made(folder: Path) -> bool:
    """Whether there is a whole authority in a folder."""
    return (folder / f"{ROOT}{CERTIFICATE}").exists()


def _opened(arguments: argparse.Namespace, site: str) -> _Folder:
    passphrase = _passphrase(arguments.passphrase_path, is_new=False)
    return open_authority(arguments.folder, site, passphrase, _now())


def _passphrase(path: Path | None, *, is_new: bool) -> bytes:
    if path is not None:
        try:
            words = path.read_text().strip()
        except (OSError, ValueError) as e:
            raise ConfigError(f"{path} cannot be read: {e}") from e
    else:
        words = getpass.getpass("Passphrase of the root's key: ")
        if is_new and getpass.getpass("Once more: ") != words:
            raise ConfigError("the two are not the same")
    if is_new and len(words) < PASSPHRASE_CHARACTERS_MIN:
        raise ConfigError(f"the passphrase has {PASSPHRASE_CHARACTERS_MIN} characters or more")
    return words.encode()


def _site(url: str) -> str:
    site = url.rstrip("/")
    if not site.startswith(("http://", "https://")) or site.count("/") != 2:  # noqa: PLR2004
        raise ConfigError(f"{url} should be as https://services.example.org")
    return site


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- the clock of a command


def _line(name: str, certificate: x509.Certificate) -> str:
    ends = certificate.not_valid_after_utc
    return f"{name}: {certificate.subject.rfc4514_string()}; until {ends:%Y-%m-%d}\n"


def _write(path: Path, certificate: x509.Certificate) -> None:
    write_private(path, certificate.public_bytes(Encoding.PEM))


def _write_key(
    path: Path, key: EllipticCurvePrivateKey, encryption: KeySerializationEncryption
) -> None:
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
