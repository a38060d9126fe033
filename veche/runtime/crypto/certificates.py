"""Certificates of bots, for the first publication of their identity.

A homeserver keeps such a signature only with the first upload of a master key, so a bot that is
public already gets none; who it is, the directory says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from veche.documents.pki.account_key import account_signature, names_account
from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import read_secret_bytes
from veche.runtime.crypto.core.signing import signed_bytes, with_signature

if TYPE_CHECKING:
    from pathlib import Path

    from veche.runtime.crypto.core.values import Json


def certified(folder: Path, bot: str, master: Json) -> Json:
    """The master key of a bot with the signature of its certificate, if it has one.

    Args:
        folder: With a file ``<localpart>.pem`` for a bot: the certificate, then its key, as
            ``veche ca account`` makes it.
        bot: Whose.
        master: As it is published.

    Raises:
        ConfigError: The file is not of this bot, or cannot be read.
    """
    path = folder / f"{bot[1:].partition(':')[0]}.pem"
    if not path.exists():
        return master
    pem = read_secret_bytes(path)
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as e:
        raise ConfigError(f"{path}: it should have a certificate, then its key: {e}") from e
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigError(f"{path}: the key is not that of the certificate")
    if not names_account(certificate, bot):
        raise ConfigError(f"{path}: the certificate is not for {bot}")
    try:
        signature = account_signature(signed_bytes(master), certificate, key)
    except (ValueError, x509.ExtensionNotFound) as e:
        words = "the certificate lacks the id of its key, or of that of its authority"
        raise ConfigError(f"{path}: {words}") from e
    return with_signature(master, bot, *signature)
