"""`veche ca`: the authority of a site: made once, seals for organisations, new lists each year.

The key of the root signs the other authorities, seals and lists, and nothing else. It is encrypted
by a passphrase, or in a token of its own, and can lie elsewhere: the services never read it.
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
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.core.issuing import (
    Authority,
    Fresh,
    Holder,
    Revoked,
    issuing_certificate,
    revocation_list,
    root_certificate,
    seal_certificate,
    stamps_certificate,
)
from appservices.signing.authority.service.authorities import (
    CERTIFICATE,
    ISSUING,
    LISTS,
    ROOT,
    SEALS,
    STAMPS,
    list_name,
    read_authorities,
)
from appservices.signing.authority.service.key_makers import FileKeys, TokenKeys
from appservices.signing.commands.ca_account import add_account
from appservices.signing.commands.ca_revoke import add_revoking, revoked_on
from appservices.signing.commands.ca_stamps import (
    add_stamps,
    former_certificates,
    keep_former,
    read_certificate,
    stamps_hash,
)
from appservices.signing.keys.places import (
    IN_TOKEN,
    KEY,
    has_signed,
    open_key,
    read_key,
    token_of_key,
)
from appservices.signing.pages.routes.api import API
from veche.documents.pki.digests import HASHES, SHA256, hash_named
from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from appservices.signing.authority.service.key_makers import KeyMaker
    from veche.documents.pki.digests import Hash

PASSPHRASE_CHARACTERS_MIN: Final = 12
SEAL_AGAIN: Final = dt.timedelta(days=366)
"""How long before its end another seal may take the place of one."""
_ID: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche ca` to the commands of `veche`."""
    parser = commands.add_parser("ca", help="make the authority that signatures are trusted by")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = subcommands.add_parser("init", help="make the root and the authorities below it")
    one.add_argument("name", metavar="NAME", help="owner of the authority, such as a town")
    one.add_argument(
        "--site",
        required=True,
        metavar="URL",
        help="address of its lists: the public address of the services",
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
    _add_token_options(one)
    one.add_argument(
        "--root-token", metavar="LABEL", help="make the root's key in this token, by itself"
    )
    one.add_argument(
        "--root-pin-path", type=Path, metavar="FILE", help="file with that token's PIN"
    )
    one.set_defaults(run=run_init)
    one = subcommands.add_parser("seal", help="make the seal of an organisation")
    one.add_argument("id", metavar="ID", help="id of the organisation, as in the configuration")
    one.add_argument("name", metavar="NAME", help="name that people read when they check a seal")
    one.add_argument("--site", required=True, metavar="URL", help="as for init")
    _add_all_options(one)
    one.set_defaults(run=run_seal)
    one = subcommands.add_parser(
        "lists", help="make the lists of revoked certificates again; once a year"
    )
    _add_later_options(one)
    one.set_defaults(run=run_lists)
    add_revoking(subcommands, _add_later_options, _open_for_lists)
    add_stamps(subcommands, _add_all_options, _open_for_keys)
    add_account(subcommands, _add_later_options, _open_for_lists)
    one = subcommands.add_parser("show", help="say what is there and until when it is good")
    one.add_argument(
        "--folder", type=Path, required=True, metavar="DIR", help="folder of the authority"
    )
    one.set_defaults(run=run_show)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, required=True, metavar="DIR", help="folder of the authority"
    )
    parser.add_argument(
        "--passphrase-path",
        type=Path,
        metavar="FILE",
        help="file with the passphrase of the root's key (default: ask for it)",
    )


def _add_later_options(parser: argparse.ArgumentParser) -> None:
    """Those of what is done with an authority that is there."""
    _add_options(parser)
    parser.add_argument(
        "--hash",
        choices=[one.name for one in HASHES],
        help="with which the root signs certificates and lists (default: as it signed the"
        " certificate of the time stamps)",
    )


def _add_token_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pkcs11",
        type=Path,
        metavar="MODULE",
        help="make the keys in a token, by the library of its maker",
    )
    parser.add_argument("--token", metavar="LABEL", help="label of the token for everyday keys")
    parser.add_argument(
        "--pin-path", type=Path, metavar="FILE", help="file with its PIN, which services read too"
    )


@attrs.frozen
class _Folder:
    """The folder with the root opened."""

    path: Path
    root: Authority
    site: str
    now: dt.datetime
    keys: KeyMaker = attrs.field(factory=FileKeys)

    def make(
        self,
        name: str,
        holder: Holder,
        issue: Callable[[Authority, EllipticCurvePublicKey, Holder, Fresh], x509.Certificate],
    ) -> None:
        """Make a key, its certificate and its list; nothing of them is there before."""
        public = self.keys.make(self.path, name).public_key()
        serial = x509.random_serial_number()
        url = f"{self.site}{API.prefix}/crl/{serial:x}.crl"
        certificate = issue(self.root, public, holder, Fresh(serial, url, self.now))
        self.list(certificate)
        _write(self.path / f"{name}{CERTIFICATE}", certificate)

    def list(self, certificate: x509.Certificate, revoked: Revoked | None = None) -> None:
        """Make a certificate's list; who is on it stays there, and what has ended gets no newer."""
        path = self.path / LISTS / list_name(certificate)
        held = [one for one in (revoked_on(path, certificate), revoked) if one is not None]
        why = min(held, key=lambda one: one.since, default=None)
        if why is None and certificate.not_valid_after_utc <= self.now:
            return
        made = revocation_list(self.root, certificate, self.now, why)
        write_private(path, made.public_bytes(Encoding.DER))


def run_init(arguments: argparse.Namespace) -> int:
    """Run `veche ca init`."""
    folder, site = arguments.folder, _site(arguments.site)
    if is_made(folder):
        raise ConfigError(f"there is an authority in {folder}: what it signed needs it for ever")
    keys, root_keys = _key_maker(arguments), _root_key_maker(arguments)
    make_authority(folder, arguments.name, site, root_keys, _now(), dict(arguments.seal), keys)
    kept = f"{ROOT}{KEY}" if isinstance(root_keys, FileKeys) else f"the token {root_keys.token}"
    sys.stdout.write(
        f"The authority of {arguments.name} is in {folder}. Publish {ROOT}{CERTIFICATE}: it is what"
        f" others trust. Take {kept} to another place, and keep it: it is needed for seals,"
        " and once a year for the lists.\n"
    )
    return 0


def run_seal(arguments: argparse.Namespace) -> int:
    """Run `veche ca seal`."""
    folder = _open_for_keys(arguments, f"{SEALS}/{arguments.id}")
    add_seal(folder, arguments.id, arguments.name)
    sys.stdout.write(f"The seal of {arguments.name} is made. Restart the services.\n")
    return 0


def run_lists(arguments: argparse.Namespace) -> int:
    """Run `veche ca lists`."""
    known = read_authorities(arguments.folder)
    folder = _opened(arguments, "", FileKeys())
    made = [one.certificate for one in (known.issuing, known.stamps, *known.seals.values())]
    made += former_certificates(folder.path)
    for one in made:
        folder.list(one)
    sys.stdout.write(f"{len(made)} lists are made; the services take them at once.\n")
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
        why = revoked_on(arguments.folder / LISTS / list_name(one.certificate), one.certificate)
        revoked = "" if why is None else f"; REVOKED from {why.since:%Y-%m-%dT%H:%M} UTC on"
        line = f"{_line(name, one.certificate).rstrip()}; its list until {listed}{revoked}"
        sys.stdout.write(f"{line}; number {one.certificate.serial_number:x}\n")
    return 0


def make_authority(
    folder: Path,
    name: str,
    site: str,
    root_keys: bytes | KeyMaker,
    now: dt.datetime,
    seals: Mapping[str, str] = MappingProxyType({}),
    keys: KeyMaker | None = None,
) -> None:
    """Make an authority; the certificate of the root is written last, when all else is there.

    Args:
        folder: Where; it is made.
        name: Whose.
        site: Public address of the services, with nothing after the host.
        root_keys: Makes the root's key; a passphrase: in a file that it encrypts.
        now: The time, UTC, whole seconds.
        seals: Names of organisations that get a seal, by their ids.
        keys: Makes the others; None: in files.

    Raises:
        ConfigError: A key cannot be made.
        TokenError: A token does not answer.
    """
    root_maker = FileKeys(root_keys) if isinstance(root_keys, bytes) else root_keys
    maker = FileKeys() if keys is None else keys
    try:
        key = root_maker.make(folder, ROOT)
        holder = Holder(f"{name} Root", organisation=name)
        root = root_certificate(key, holder, x509.random_serial_number(), now)
        made = _Folder(folder, Authority(root, key), site, now, maker)
        persons = Holder(f"{name} Persons", organisation=name)
        made.make(ISSUING, persons, issuing_certificate)
        made.make(STAMPS, Holder(f"{name} Time", organisation=name), stamps_certificate)
        for organisation, called in seals.items():
            add_seal(made, organisation, called)
        _write(folder / f"{ROOT}{CERTIFICATE}", root)
    except BaseException:
        for one in (maker, root_maker):
            one.undo()
        raise


def open_authority(
    folder: Path,
    site: str,
    passphrase: bytes,
    now: dt.datetime,
    keys: KeyMaker | None = None,
    by: Hash = SHA256,
) -> _Folder:
    """The folder, with the root's key.

    Args:
        folder: Of the authority.
        site: Public address of the services, with nothing after the host.
        passphrase: Of the root's key, where it is a file.
        now: The time, UTC, whole seconds.
        keys: Makes more keys; None: in files.
        by: The hash with which the root signs.

    Raises:
        ConfigError: It cannot be read, or the passphrase is another one.
        TokenError: The token of the root does not answer.
    """
    path = folder / f"{ROOT}{KEY}"
    try:
        root = x509.load_pem_x509_certificate((folder / f"{ROOT}{CERTIFICATE}").read_bytes())
        key = open_key(folder / ROOT) if _is_root_in_token(folder) else read_key(path, passphrase)
    except OSError as e:
        raise ConfigError(f"there is no authority in {folder}: {e}") from e
    except (ValueError, TypeError) as e:
        raise ConfigError(f"{path} does not open with this passphrase") from e
    if not has_signed(key, root.public_key()):
        raise ConfigError(f"{path} is not the key of {ROOT}{CERTIFICATE}")
    return _Folder(folder, Authority(root, key, by), site, now, keys or FileKeys())


def add_seal(folder: _Folder, organisation: str, name: str) -> None:
    """Make the seal of an organisation; in place of one that is revoked or soon over.

    Raises:
        ConfigError: It has one that is good for long, or its id is none.
    """
    if not _ID.fullmatch(organisation):
        raise ConfigError(f"{organisation} is no id: small letters, digits, dots and hyphens")
    path = folder.path / SEALS / f"{organisation}{CERTIFICATE}"
    if path.exists() and is_made(folder.path):
        former = read_certificate(path)
        ends = former.not_valid_after_utc
        is_revoked = revoked_on(folder.path / LISTS / list_name(former), former) is not None
        if not is_revoked and ends - folder.now > SEAL_AGAIN:
            raise ConfigError(
                f"{organisation} has a seal in {folder.path / SEALS}, good until {ends:%Y-%m-%d}:"
                " another takes its place in its last year, or once it is revoked"
            )
        keep_former(folder.path, former)
    holder = Holder(name, organisation=name)
    try:
        folder.make(f"{SEALS}/{organisation}", holder, seal_certificate)
    except BaseException:
        folder.keys.undo()
        raise


def is_made(folder: Path) -> bool:
    """Return whether there is a whole authority in a folder."""
    return (folder / f"{ROOT}{CERTIFICATE}").exists()


def _add_all_options(parser: argparse.ArgumentParser) -> None:
    _add_later_options(parser)
    _add_token_options(parser)


def _open_for_keys(arguments: argparse.Namespace, name: str = STAMPS) -> _Folder:
    keys = _key_maker(arguments) or _same_place(arguments.folder / name)
    return _opened(arguments, _site(arguments.site), keys)


def _open_for_lists(arguments: argparse.Namespace) -> _Folder:
    return _opened(arguments, "", FileKeys())


def _opened(arguments: argparse.Namespace, site: str, keys: KeyMaker) -> _Folder:
    folder = arguments.folder
    if not is_made(folder):
        raise ConfigError(f"there is no authority in {folder}: `veche ca init` makes one")
    is_asked = not _is_root_in_token(folder)
    if is_asked and not (folder / f"{ROOT}{KEY}").exists():
        raise ConfigError(
            f"the key of the root is not in {folder}: put {ROOT}{KEY} back for this, or"
            f" {ROOT}{IN_TOKEN} if it is in a token, and plug that in"
        )
    passphrase = _passphrase(arguments.passphrase_path, is_new=False) if is_asked else b""
    by = hash_named(arguments.hash) if arguments.hash else stamps_hash(folder)
    return open_authority(folder, site, passphrase, _now(), keys, by)


def _is_root_in_token(folder: Path) -> bool:
    return (folder / f"{ROOT}{IN_TOKEN}").exists()


def _same_place(stem: Path) -> KeyMaker:
    """Return a key maker for the place of the former key, so never a file by oversight."""
    held = token_of_key(stem)
    return FileKeys() if held is None else TokenKeys(held.module, held.token, held.pin_path)


def _key_maker(arguments: argparse.Namespace) -> KeyMaker | None:
    """Return the maker of everyday keys; None: none was chosen."""
    if arguments.pkcs11 is None:
        if arguments.token is not None or arguments.pin_path is not None:
            raise ConfigError("--token and --pin-path need --pkcs11")
        return None
    if arguments.token is None or arguments.pin_path is None:
        raise ConfigError("--pkcs11 needs --token and --pin-path")
    return _token_keys(arguments.pkcs11, arguments.token, arguments.pin_path)


def _root_key_maker(arguments: argparse.Namespace) -> FileKeys | TokenKeys:
    if arguments.root_token is None:
        return FileKeys(_passphrase(arguments.passphrase_path, is_new=True))
    if arguments.pkcs11 is None or arguments.root_pin_path is None:
        raise ConfigError("--root-token needs --pkcs11 and --root-pin-path")
    if arguments.root_token == arguments.token:
        raise ConfigError("the root's key needs a token of its own, that is taken away")
    return _token_keys(arguments.pkcs11, arguments.root_token, arguments.root_pin_path)


def _token_keys(module: Path, token: str, pin_path: Path) -> TokenKeys:
    return TokenKeys(module.absolute(), token, pin_path.absolute())


def _passphrase(path: Path | None, *, is_new: bool) -> bytes:
    if path is not None:
        try:
            words = path.read_text().strip()
        except (OSError, ValueError) as e:
            raise ConfigError(f"{path} cannot be read: {e}") from e
    else:
        words = _typed("Passphrase of the root's key: ")
        if is_new and _typed("Once more: ") != words:
            raise ConfigError("the two are not the same")
    if is_new and len(words) < PASSPHRASE_CHARACTERS_MIN:
        raise ConfigError(f"the passphrase has {PASSPHRASE_CHARACTERS_MIN} characters or more")
    return words.encode()


def _typed(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except EOFError as e:
        raise ConfigError("nobody can type the passphrase here: name --passphrase-path") from e


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
