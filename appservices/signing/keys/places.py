"""Which key a file of the authority's folder means, and opening it: a PEM file, or a token.

Beside the certificate ``NAME.pem`` there is either ``NAME.key``, the key itself, or ``NAME.token``,
which says in which token it is::

    pkcs11:
      module: /usr/lib/softhsm/libsofthsm2.so
      token: lindenau
      key: veche-issuing
      pin_path: /etc/veche/pin
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NoReturn, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from pydantic import Field

from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import read_secret
from veche.runtime.config.sections import FilePath, SecretPath, Section, load

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.utils import Buffer

    from appservices.signing.keys.tokens import Token

KEY: Final = ".key"
IN_TOKEN: Final = ".token"  # noqa: S105 -- the ending of a name
LABEL: Final = r"^[!-~][ -~]{0,63}$"
_EXTRA: Final = "pip install 'veche[pkcs11]'"


class TokenSection(Section):
    """A key in a token: a smart card, a USB key, a hardware module."""

    module: FilePath
    """The library of the token's maker, such as ``/usr/lib/softhsm/libsofthsm2.so``."""
    token: str = Field(pattern=LABEL, examples=["lindenau"])
    """Label of the token."""
    key: str = Field(pattern=LABEL, examples=["veche-issuing"])
    """Label of the pair of keys."""
    pin_path: SecretPath
    """File with the PIN."""


class TokenKey(ec.EllipticCurvePrivateKey):
    """A private key that stays in its token, where one of ``cryptography`` is expected.

    It signs, and blocks while it does. All that would need the key itself is refused.
    """

    def __init__(self, token: Token, label: str, public: ec.EllipticCurvePublicKey) -> None:
        """Make it; nothing is asked of the token.

        Args:
            token: Where it is.
            label: Of the pair.
            public: The key's public half.
        """
        self._token = token
        self._label = label
        self._public = public

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """ECDSA in DER, of data or of a digest.

        Raises:
            TokenError: The token does not answer.
        """
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed):
            digest = bytes(data)
        else:
            hashed = hashes.Hash(algorithm)
            hashed.update(data)
            digest = hashed.finalize()
        # Of a longer digest the first bits are signed (FIPS 186-5 §6.4); tokens refuse longer ones.
        numbers = self._token.sign(self._label, digest[: (self.key_size + 7) // 8])
        half = len(numbers) // 2
        return encode_dss_signature(int.from_bytes(numbers[:half]), int.from_bytes(numbers[half:]))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256, of those that we make."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """In bits."""
        return self._public.key_size

    def exchange(
        self,
        algorithm: ec.ECDH,  # noqa: ARG002 -- cryptography's
        peer_public_key: ec.EllipticCurvePublicKey,  # noqa: ARG002 -- as above
    ) -> NoReturn:
        """Refused: it is a key for signatures."""
        raise TypeError("the key is for signatures")

    def private_numbers(self) -> NoReturn:
        """Refused: it does not leave its token."""
        raise TypeError("the key does not leave its token")

    def private_bytes(
        self,
        encoding: serialization.Encoding,  # noqa: ARG002 -- cryptography's
        format: serialization.PrivateFormat,  # noqa: A002, ARG002 -- as above
        encryption_algorithm: serialization.KeySerializationEncryption,  # noqa: ARG002 -- as above
    ) -> NoReturn:
        """Refused: it does not leave its token."""
        raise TypeError("the key does not leave its token")

    def __copy__(self) -> TokenKey:
        """Itself."""
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> TokenKey:
        """Itself."""
        return self


def open_token(module: Path, label: str, pin: str, *, is_typed: bool = False) -> Token:
    """A token; see ``appservices.signing.keys.tokens.token_of``.

    Raises:
        ConfigError: The library that speaks to tokens is not installed, or the module is none.
    """
    try:
        from appservices.signing.keys import tokens  # noqa: PLC0415 -- an extra of the installation
    except ImportError as e:
        raise ConfigError(f"keys in tokens need one more library: {_EXTRA}") from e
    return tokens.token_of(module, label, pin, is_typed=is_typed)


def open_key(stem: Path) -> ec.EllipticCurvePrivateKey:
    """The key beside a certificate.

    Args:
        stem: Path of the certificate without its ending.

    Raises:
        ConfigError: There is none, or one of each kind, or it cannot be opened.
        TokenError: Its token does not answer.
        PinRefusedError: Its token does not take the PIN.
    """
    path, where = stem.with_name(f"{stem.name}{KEY}"), stem.with_name(f"{stem.name}{IN_TOKEN}")
    if where.exists():
        if path.exists():
            raise ConfigError(f"{path} and {where} are both there: which of them is it?")
        return _in_token(where)
    try:
        return read_key(path, None)
    except (OSError, ValueError, TypeError) as e:
        raise ConfigError(f"{path} is no key that can be read ({e})") from e


def read_key(path: Path, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    """A key in a PEM file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is none of an elliptic curve, or of another passphrase.
        TypeError: It is encrypted and there is no passphrase, or the other way round.
    """
    key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("it is of no elliptic curve")  # noqa: TRY004 -- it is a bad file
    return key


def has_signed(key: ec.EllipticCurvePrivateKey, public: object) -> bool:
    """Return whether a key matches its public key, proven by a signature, not by the token."""
    digest = hashlib.sha256(b"whose key is this?").digest()
    algorithm = ec.ECDSA(Prehashed(hashes.SHA256()))
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    try:
        public.verify(key.sign(digest, algorithm), digest, algorithm)
    except InvalidSignature:
        return False
    return True


def token_of_key(stem: Path) -> TokenSection | None:
    """In which token a key is; None: in none.

    Args:
        stem: Path of the certificate without its ending.

    Raises:
        ConfigError: The file that says so cannot be read.
    """
    path = stem.with_name(f"{stem.name}{IN_TOKEN}")
    return _section(path) if path.exists() else None


def token_text(section: TokenSection) -> str:
    """Write the content of ``NAME.token``."""
    return (
        "# The key is in a token; it never leaves it.\n"
        "pkcs11:\n"
        f"  module: {_quoted(str(section.module))}\n"
        f"  token: {_quoted(section.token)}\n"
        f"  key: {_quoted(section.key)}\n"
        f"  pin_path: {_quoted(str(section.pin_path))}\n"
    )


def _quoted(text: str) -> str:
    """A text of YAML, whatever its characters."""
    return "'" + text.replace("'", "''") + "'"


def _section(path: Path) -> TokenSection:
    return cast("TokenSection", load(path, {"pkcs11": TokenSection})["pkcs11"])


def _in_token(path: Path) -> TokenKey:
    section = _section(path)
    token = open_token(section.module, section.token, read_secret(section.pin_path))
    public = token.public_key(section.key)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise ConfigError(f"{path}: the key {section.key} is no key of an elliptic curve")
    return TokenKey(token, section.key, public)
