"""`veche ca account`: a certificate by which clients see a bot as verified."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from appservices.signing.authority.core.issuing import Fresh, Holder, account_certificate
from veche.documents.pki.account_key import KEY_BITS
from veche.protocol.errors import ConfigError
from veche.protocol.ids import UserId
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    import argparse
    import datetime as dt
    from collections.abc import Callable

    from appservices.signing.authority.core.issuing import Authority

_ACCOUNT: Final = re.compile(r"@[a-z0-9._=+-]{1,200}:[A-Za-z0-9.:-]{1,253}")
_EXPONENT: Final = 65_537


class _Folder(Protocol):
    """An authority's folder with the root opened."""

    @property
    def root(self) -> Authority:
        """Root authority, which signs."""

    @property
    def now(self) -> dt.datetime:
        """The time, UTC."""


def add_account(
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
        "account",
        help="make a certificate for a bot that is not public yet",
        description="Makes a certificate that names a bot's account, and its key. Services sign"
        " the bot's identity with it when they publish it for the first time.",
    )
    one.add_argument("account", metavar="@BOT:SERVER", help="the bot")
    one.add_argument("name", metavar="NAME", help="name of the bot's organisation")
    one.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for it: crypto.certificates of the configuration",
    )
    add_options(one)
    one.set_defaults(run=partial(run_account, open_folder))


def run_account(
    open_folder: Callable[[argparse.Namespace], _Folder], arguments: argparse.Namespace
) -> int:
    """Run `veche ca account`."""
    account = arguments.account
    if not _ACCOUNT.fullmatch(account):
        raise ConfigError(f"{account} should be a whole account, such as @bot:example.org")
    path = arguments.out / f"{account[1:].partition(':')[0]}.pem"
    if path.exists():
        raise ConfigError(f"{path} is there already: move it away if the bot shall get another")
    folder = open_folder(arguments)
    key = rsa.generate_private_key(_EXPONENT, KEY_BITS)
    holder = Holder(arguments.name, UserId(account), arguments.name)
    fresh = Fresh(x509.random_serial_number(), "", folder.now)
    certificate = account_certificate(folder.root, key.public_key(), holder, fresh)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(path, certificate.public_bytes(Encoding.PEM) + private)
    until = certificate.not_valid_after_utc
    sys.stdout.write(
        f"{path} is good until {until:%Y-%m-%d}. Name its folder as crypto.certificates before the"
        f" bot starts for the first time; once it is public, delete the file.\n"
    )
    return 0
