"""Making the keys of an authority: in files, or in tokens that they never leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from veche.cli.homeserver import write_private
from veche.runtime.keys.places import (
    IN_TOKEN,
    KEY,
    TokenKey,
    TokenSection,
    open_token,
    token_text,
)
from veche.runtime.secret_files import read_secret

if TYPE_CHECKING:
    from pathlib import Path

    from veche.runtime.keys.tokens import Token

PREFIX: Final = "veche-"
"""Of the labels of keys in tokens."""


class KeyMaker(Protocol):
    """Makes keys, and keeps beside the certificates where they are."""

    def make(self, folder: Path, name: str) -> ec.EllipticCurvePrivateKey:
        """Make a key.

        Args:
            folder: Of the authority.
            name: Of the certificate in it, such as ``seals/town``.

        Raises:
            ConfigError: It cannot be made, or there is one.
            TokenError: The token does not answer.
        """

    def undo(self) -> None:
        """Destroy what was made: nothing is signed with it, since something else went wrong."""


@attrs.define
class FileKeys:
    """Keys in files that only their owner may read.

    Attributes:
        passphrase: By which they are encrypted; None: they are not.
    """

    passphrase: bytes | None = None
    _made: list[Path] = attrs.field(factory=list)

    def make(self, folder: Path, name: str) -> ec.EllipticCurvePrivateKey:
        """Make a key."""
        key = ec.generate_private_key(ec.SECP256R1())
        hidden = (
            NoEncryption() if self.passphrase is None else BestAvailableEncryption(self.passphrase)
        )
        path = folder / f"{name}{KEY}"
        write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
        self._made.append(path)
        return key

    def undo(self) -> None:
        """Delete the files."""
        while self._made:
            self._made.pop().unlink(missing_ok=True)


@attrs.define
class TokenKeys:
    """Keys that are made in a token.

    Attributes:
        module: The library of the token's maker.
        token: Its label.
        pin_path: File with its PIN; the services read it too.
    """

    module: Path
    token: str
    pin_path: Path
    _made: list[str] = attrs.field(factory=list)

    def make(self, folder: Path, name: str) -> ec.EllipticCurvePrivateKey:
        """Make a key."""
        token, label = self._open(), f"{PREFIX}{name.replace('/', '-')}"
        public = token.make(label)
        self._made.append(label)
        section = TokenSection(
            module=self.module, token=self.token, key=label, pin_path=self.pin_path
        )
        write_private(folder / f"{name}{IN_TOKEN}", token_text(section))
        return TokenKey(token, label, public)

    def undo(self) -> None:
        """Destroy the keys in the token."""
        while self._made:
            self._open().remove(self._made.pop())

    def _open(self) -> Token:
        return open_token(self.module, self.token, read_secret(self.pin_path))
