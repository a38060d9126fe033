"""The certificate of a bot signs its master key; one of somebody else never does."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import pytest
from asn1crypto import cms, pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from veche.documents.pki.account_key import account_uri
from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import write_private
from veche.runtime.crypto.certificates import certified
from veche.runtime.crypto.core.signing import signed_bytes

if TYPE_CHECKING:
    from pathlib import Path

BOT: Final = "@veche_tax:veche.test"
MASTER: Final[dict[str, Any]] = {"user_id": BOT, "usage": ["master"], "keys": {"ed25519:a": "a"}}
KEY: Final = rsa.generate_private_key(65_537, 2_048)
OTHER_KEY: Final = rsa.generate_private_key(65_537, 2_048)
NOW: Final = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def certificate(user_id: str, key: Any = KEY, *, has_authority: bool = True) -> bytes:
    name = x509.Name([])
    public, issuer = key.public_key(), ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([account_uri(user_id)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if has_authority:
        its = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
        builder = builder.add_extension(its, critical=False)
    return builder.sign(issuer, hashes.SHA256()).public_bytes(Encoding.PEM)


def private(key: Any = KEY) -> bytes:
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made


def test_a_bot_without_a_file_is_published_as_it_is(tmp_path: Path) -> None:
    assert certified(tmp_path, BOT, MASTER) is MASTER


def test_the_signature_is_cms_of_the_key_alone_and_others_stay(tmp_path: Path) -> None:
    write_private(tmp_path / "veche_tax.pem", certificate(BOT) + private())
    signed = certified(tmp_path, BOT, {**MASTER, "signatures": {BOT: {"ed25519:D": "s"}}})

    of_bot = signed["signatures"][BOT]
    [name] = [one for one in of_bot if one.startswith("io.element.x509:")]
    assert of_bot["ed25519:D"] == "s"
    kind, _, der = pem.unarmor(of_bot[name].encode())
    found = cms.ContentInfo.load(der)["content"]
    [signer] = found["signer_infos"]
    assert (kind, signer["version"].native, signer["signed_attrs"].native) == ("CMS", "v3", None)
    by = hashes.SHA512()
    pss = padding.PSS(padding.MGF1(by), 64)
    KEY.public_key().verify(signer["signature"].native, signed_bytes(MASTER), pss, by)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no pem", "a certificate, then its key"),
        (certificate(BOT), "a certificate, then its key"),
        (certificate(BOT) + private(OTHER_KEY), "the key is not that of the certificate"),
        (certificate("@veche_tax:evil.test") + private(), "the certificate is not for"),
        (certificate("@veche_taxi:veche.test") + private(), "the certificate is not for"),
        (certificate(BOT, has_authority=False) + private(), "lacks the id"),
    ],
)
def test_a_file_that_is_not_of_the_bot_keeps_it_from_being_published(
    tmp_path: Path, content: bytes, why: str
) -> None:
    write_private(tmp_path / "veche_tax.pem", content)
    with pytest.raises(ConfigError, match=why) as refused:
        certified(tmp_path, BOT, MASTER)
    assert "veche_tax.pem" in str(refused.value)
