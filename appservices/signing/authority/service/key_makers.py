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

from appservices.signing.keys.places import (
    IN_TOKEN,
    KEY,
    TokenKey,
    TokenSection,
    open_token,
    token_text,
)
from veche.runtime.config.secret_files import read_secret, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from appservices.signing.keys import Token

LABELS_MAX: Final = 100
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
        (folder / f"{name}{IN_TOKEN}").unlink(missing_ok=True)
        self._made.append(path)
        return key

    def undo(self) -> None:
        """Delete the files."""
        while self._made:
            self._made.pop().unlink(missing_ok=True)


@attrs.define
class TokenKeys:
    """Keys that are made in a token; a key before it of the same name stays there.

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
        token = self._open()
        label = _free_label(token, f"{PREFIX}{name.replace('/', '-')}")
        public = token.make(label)
        self._made.append(label)
        section = TokenSection(
            module=self.module, token=self.token, key=label, pin_path=self.pin_path
        )
        write_private(folder / f"{name}{IN_TOKEN}", token_text(section))
        (folder / f"{name}{KEY}").unlink(missing_ok=True)
        return TokenKey(token, label, public)

    def undo(self) -> None:
        """Destroy the keys in the token."""
        while self._made:
            self._open().remove(self._made.pop())

    def _open(self) -> Token:
        return open_token(self.module, self.token, read_secret(self.pin_path))


def _free_label(token: Token, wanted: str) -> str:
    """A label that no key has: the next one for time stamps has a number."""
    labels = (wanted, *(f"{wanted}-{number}" for number in range(2, LABELS_MAX)))
    return next((one for one in labels if not token.has(one)), wanted)
