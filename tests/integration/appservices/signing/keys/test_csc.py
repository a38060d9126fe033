"""Remote signatures: against the test server that exists (version 1), and one by the text of 2."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import Holder as Named
from appservices.signing.keys import csc
from appservices.signing.keys.core import csc as protocol
from appservices.signing.keys.core.csc import ProviderRefusedError
from appservices.signing.keys.core.provider import KeyHome, KeyUnfitError
from appservices.signing.keys.csc import ProviderClient, ProviderSection, RemoteKey, chosen
from appservices.signing.keys.pades import sign_pdf
from appservices.signing.keys.pool import SigningPool
from appservices.signing.keys.revocation import Fetched
from tests.integration.veche.rig import WAIT_S_MAX
from tests.support.csc_server import ACCESS, CODE, PIN, Holder, Provider, served
from tests.support.forgery import page
from tests.support.processes import free_ports
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.signing import Office, fresh, ms, with_boxes
from veche.documents.pki.certificates import Level
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.errors import ConfigError, UnavailableError
from veche.protocol.ids import UserId
from veche.runtime.web.outbound import OutboundRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

reactor: Any = default_reactor
HERE: Final = ("127.0.0.0/8", "::1/128")
PDF: Final = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
SECRETS: Final = {"PIN": PIN, "OTP": CODE}
DIGEST: Final = hashlib.sha256(b"what is signed").digest()
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Stamps:
    """Time stamps of a test's office."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def stamp(self, imprint: bytes) -> bytes:
        return self._office.token(imprint, self._office.now)


def _certificate(office: Office, key: _Key, document: bytes) -> Certificate:
    digest = hashlib.sha256(document).digest()
    named = Named("Alice Adams", UserId("@alice:example.org"))
    public: Any = key.public_key()
    life = issuing.PERSON_LIFE
    bound = (digest, Level.HIGH, life)
    return issuing.person_certificate(office.issuing, public, named, fresh(office.now), bound)


class Version2Tests(TestCase):
    """A provider with an ECDSA and an RSA credential, each of which asks for a PIN and a code."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="veche-csc-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.now = _now()
        self.office = office = Office(self.now)
        keys: dict[str, _Key] = {
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "rsa": rsa.generate_private_key(65537, 2048),
        }
        above = [office.issuing.certificate, office.root.certificate]
        holders = {
            name: Holder(key, [_certificate(office, key, PDF), *above])
            for name, key in keys.items()
        }
        opened = served(Provider(holders))
        self.provider = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.pool = SigningPool(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.pool.close()))
        self.client = self.new_client()

    def new_client(self, token: str = ACCESS, **changed: Any) -> ProviderClient:
        values = {"url": self.provider.url, "networks": HERE} | changed
        return ProviderClient(reactor, ProviderSection(**values), token)

    def changed(self, owner: Any, name: str, value: Any) -> None:
        patch: Any = self.patch
        patch(owner, name, value)

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    async def signed(self, credential: str) -> bytes:
        remote = await self.client.remote(credential)
        await self.client.challenge(remote)
        key = RemoteKey(self.client, remote, SECRETS)
        stamps, root = Stamps(self.office), self.office.root.certificate

        async def fetch(
            certificates: Sequence[Certificate],
            roots: Sequence[Certificate] = (),  # noqa: ARG001 -- of the protocol
        ) -> Fetched:
            below = [one for one in certificates if one != root]
            return Fetched(tuple(self.office.list_of(one, self.now) for one in below), ())

        return await sign_pdf(self.pool, key, PDF, ms(self.now), stamps, fetch=fetch)

    async def test_a_file_is_signed_by_either_kind_of_key_and_others_believe_it(self) -> None:
        for credential in ("ec", "rsa"):
            pdf = await self.signed(credential)

            assert pdf.startswith(PDF)
            statuses = await deferToThread(by_pyhanko, pdf, self.office.root.certificate, self.now)
            assert all(one.intact and one.valid and one.trusted for one in statuses)
            assert len(statuses) == 2
            said = await deferToThread(
                by_pdfsig, self.new_folder(), pdf, self.office.root.certificate
            )
            assert "Signature is Valid" in said
            assert "Certificate is Trusted" in said

    async def test_the_strict_verdict_is_green(self) -> None:
        pdf = await self.signed("ec")

        report = judge(pdf, Trusted([self.office.root.certificate], self.now))

        assert [one.name for one in report.signers] == ["Alice Adams"]
        assert report.verdict is Verdict.SEALED

    async def test_only_hashes_are_sent_and_the_authorisation_is_bound_to_them(self) -> None:
        await self.signed("ec")

        asked = dict(self.provider.asked)
        [digest] = asked["credentials/authorize"]["hashes"]
        assert asked["signatures/signHash"]["hashes"] == [digest]
        assert len(digest) == 44
        # Longer than what digests and tokens have by chance.
        assert all("Pay 100 EUR" not in str(body) for _, body in self.provider.asked)

    async def test_two_hashes_are_signed_by_one_authorisation_and_not_three(self) -> None:
        remote = await self.client.remote("ec")
        await self.client.challenge(remote)

        assert len(await self.client.sign(remote, [DIGEST, bytes(32)], SECRETS)) == 2
        with pytest.raises(ProviderRefusedError, match="2 files at a time"):
            await self.client.sign(remote, [DIGEST] * 3, SECRETS)

    async def test_two_numbers_of_the_same_length_are_taken_for_ecdsa(self) -> None:
        self.provider.holders["ec"].is_raw = True

        pdf = await self.signed("ec")

        statuses = await deferToThread(by_pyhanko, pdf, self.office.root.certificate, self.now)
        assert all(one.intact and one.valid for one in statuses)

    async def test_a_wrong_code_is_refused_in_the_words_of_the_provider(self) -> None:
        remote = await self.client.remote("ec")

        with pytest.raises(ProviderRefusedError, match="authentication data is invalid"):
            await self.client.sign(remote, [DIGEST], SECRETS)  # no code was sent yet
        await self.client.challenge(remote)
        with pytest.raises(ProviderRefusedError, match="authentication data is invalid"):
            await self.client.sign(remote, [DIGEST], SECRETS | {"PIN": "0000"})
        with pytest.raises(ProviderRefusedError, match="Code by SMS is needed"):
            await self.client.sign(remote, [DIGEST], {"PIN": PIN})

    async def test_the_holder_may_agree_elsewhere_and_is_waited_for(self) -> None:
        self.changed(csc, "POLL_S", 0.01)
        holder = self.provider.holders["ec"]
        holder.asked, holder.waits = ("APP",), 3

        remote = await self.client.remote("ec")
        assert len(await self.client.sign(remote, [DIGEST], {})) == 1

        paths = [path for path, _ in self.provider.asked]
        assert paths.count("credentials/authorizeCheck") == 3

    async def test_who_never_agrees_is_not_waited_for_without_end(self) -> None:
        self.changed(csc, "POLL_S", 0.01)
        self.changed(csc, "WAIT_S_MAX", 0.1)
        holder = self.provider.holders["ec"]
        holder.asked, holder.waits = ("APP",), 1_000_000

        with pytest.raises(ProviderRefusedError, match="nobody has agreed"):
            await self.client.sign(await self.client.remote("ec"), [DIGEST], {})

    async def test_a_credential_that_cannot_be_used_is_named(self) -> None:
        with pytest.raises(ProviderRefusedError, match=r"say which credential signs; .*ec, rsa"):
            await chosen(self.client, None)
        with pytest.raises(ProviderRefusedError, match="Invalid parameter credentialID"):
            await chosen(self.client, "nobody")
        holder = self.provider.holders["ec"]
        holder.mode = "oauth2code"
        with pytest.raises(ProviderRefusedError, match="a page of its provider"):
            await chosen(self.client, "ec")
        holder.status = "disabled"
        with pytest.raises(ProviderRefusedError, match="not enabled"):
            await chosen(self.client, "ec")

    async def test_an_access_token_that_has_ended_is_named(self) -> None:
        client = self.new_client("another-token")

        with pytest.raises(ProviderRefusedError, match="access token"):
            await client.remote("ec")

    async def test_what_is_signed_by_another_key_is_never_put_into_a_file(self) -> None:
        remote = await self.client.remote("ec")
        await self.client.challenge(remote)
        self.provider.holders["ec"].key = ec.generate_private_key(ec.SECP256R1())

        with pytest.raises(KeyUnfitError, match="not signed by the certificate's key"):
            await self.client.sign(remote, [DIGEST], SECRETS)

    async def test_answers_that_are_none_are_told_and_may_be_tried_again(self) -> None:
        for path, answer, words in (
            ("info", (200, b'{"specs": "3.1"}'), "speaks 3.1"),
            ("credentials/info", (500, b""), "cannot do it now"),
            ("credentials/info", (429, b'{"error": "slow down"}'), "slow down"),
            ("credentials/info", (200, b"<html>"), "not enabled"),
            ("credentials/authorize", (200, b"{}"), "SAD: should be a text"),
            ("signatures/signHash", (200, b'{"signatures": []}'), "signatures: should be 1"),
            ("signatures/signHash", (200, b'{"signatures": ["?"]}'), "should be base64"),
        ):
            self.provider.answers = {path: answer}
            self.provider.holders["ec"].has_code = True
            client = self.new_client()
            with pytest.raises((ProviderRefusedError, UnavailableError), match=words):
                await client.sign(await client.remote("ec"), [DIGEST], SECRETS)

    async def test_a_provider_in_a_network_that_is_not_listed_is_not_asked(self) -> None:
        client = self.new_client(networks=("10.0.0.0/8",))

        with pytest.raises(OutboundRefusedError):
            await client.remote("ec")
        assert self.provider.asked == []
        with pytest.raises(ConfigError, match="https"):
            self.new_client(networks=())

    async def test_the_key_says_where_it_is(self) -> None:
        key = RemoteKey(self.client, await self.client.remote("rsa"), {})

        assert key.credential.home is KeyHome.PROVIDER
        assert key.credential.name == "Alice Adams"
        assert len(key.credential.chain) == 2


_LIFE: Final = {
    "valid-from": "2020-01-01T00:00:00+0000",
    "valid-to": "2100-01-01T00:00:00+0000",
}


def _usage(*names: str) -> dict[str, Any]:
    value = {"schema": "key-usage", "params": list(names)}
    return {"id": "key_usage", "critical": True, "smart-value": value}


def _dummy_config(folder: Path) -> Path:
    """Configuration of certomancer: a root, and two persons with keys of either kind."""
    keys: dict[str, _Key] = {
        "root": ec.generate_private_key(ec.SECP256R1()),
        "alice": ec.generate_private_key(ec.SECP256R1()),
        "bob": rsa.generate_private_key(65537, 2048),
    }
    for name, key in keys.items():
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        (folder / f"{name}.pem").write_bytes(pem)
    is_ca = {"id": "basic_constraints", "critical": True, "value": {"ca": True}}
    mail = {"id": "extended_key_usage", "value": ["email_protection"]}
    extensions = {
        "root": [is_ca, _usage("key_cert_sign", "crl_sign")],
        "alice": [_usage("digital_signature", "non_repudiation"), mail],
        "bob": [_usage("digital_signature", "non_repudiation"), mail],
    }
    certs = {
        name: {"subject": name, "issuer": "root", "validity": _LIFE, "extensions": extensions[name]}
        for name in keys
    }
    architecture = {
        "keyset": "provider",
        "entity-defaults": {"organization-name": "Provider"},
        "entities": {name: {"common-name": name.title()} for name in keys},
        "certs": certs,
    }
    files = {name: {"path": f"{name}.pem"} for name in keys}
    config = folder / "certomancer.yml"
    content = {
        "external-url-prefix": "http://pki.example.org",
        "keysets": {"provider": {"path-prefix": str(folder), "keys": files}},
        "pki-architectures": {"provider": architecture},
    }
    config.write_text(yaml.safe_dump(content))
    return config


class Version1Tests(TestCase):
    """certomancer-csc-dummy, a program of others."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="veche-csc-"))
        self.addCleanup(shutil.rmtree, self.folder)
        [port] = free_ports(1)
        config = _dummy_config(self.folder)
        command = [sys.executable, "-m", "csc_dummy", str(config), str(port), "2"]
        log = (self.folder / "log").open("wb")
        self.addCleanup(log.close)
        self.server = subprocess.Popen(command, stdout=log, stderr=log)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        section = ProviderSection(url=f"http://localhost:{port}/csc/v1", networks=HERE)
        self.client = ProviderClient(reactor, section, "")
        self.pool = SigningPool(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.pool.close()))

    async def until_ready(self) -> None:
        until_s = time.monotonic() + WAIT_S_MAX
        while True:
            try:
                await self.client.version()
            except UnavailableError:
                assert self.server.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until_s
                await deferToThread(time.sleep, 0.1)
            else:
                return

    async def test_files_are_signed_and_others_believe_it(self) -> None:
        await self.until_ready()
        assert "provider/alice" in await self.client.credentials()
        for name in ("Alice", "Bob"):
            remote = await self.client.remote(f"provider/{name.lower()}")
            key = RemoteKey(self.client, remote, {})
            root = remote.certificates[-1]

            pdf = await sign_pdf(self.pool, key, PDF, ms(_now()))
            (self.folder / name).mkdir()

            said = await deferToThread(by_pdfsig, self.folder / name, pdf, root)
            assert f"Signer Certificate Common Name: {name}" in said
            assert "Signature is Valid" in said
            assert "Certificate is Trusted" in said
            [status] = await deferToThread(by_pyhanko, pdf, root, _now())
            assert status.intact
            assert status.valid

    async def test_an_authorisation_signs_nothing_else(self) -> None:
        await self.until_ready()
        remote = await self.client.remote("provider/alice")

        with pytest.raises(ProviderRefusedError, match="the provider refuses"):
            await self.client.remote("provider/nobody")
        version = await self.client.version()
        body = cast("Any", protocol.authorise_body(version, remote, [DIGEST], {}))
        reply = await self.client._call("credentials/authorize", body)
        other = protocol.sign_body(version, remote, [bytes(32)], reply.content["SAD"])
        with pytest.raises(ProviderRefusedError, match="the provider refuses"):
            await self.client._call("signatures/signHash", other)


def _now() -> dt.datetime:
    return dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC)
