"""`veche sign`: a person signs a PDF with a key in a file, in a token, at a provider."""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from appservices.signing.authority.core.issuing import PERSON_LIFE, STAMP_POLICY, person_certificate
from appservices.signing.authority.core.issuing import Holder as Named
from appservices.signing.authority.service.authorities import read_authorities
from appservices.signing.commands.sign import command
from appservices.signing.stamps.core import StampAuthority
from tests.support.bank import DAY, Bank, lists_served
from tests.support.csc_server import ACCESS, Holder, Provider, served
from tests.support.forgery import page
from tests.support.processes import ROOT
from tests.support.programs import program
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.signing import Office, fresh, ms, with_boxes
from tests.support.softhsm import soft_hsm
from tests.support.tsa import OpensslAuthority, stamps_served
from tests.unit.appservices.widgets.test_signed_files import File, by_command, by_page, same
from veche.cli.main import main
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import stored
from veche.documents.pki.certificates import Level
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.errors import VecheError
from veche.protocol.ids import UserId
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

PLAIN = page("Pay 100 EUR to Bob")
PASSPHRASE = "correct horse battery"  # noqa: S105 -- for tests
reactor: Any = default_reactor


@contextmanager
def _stamps(office: Office) -> Iterator[str]:
    """An authority for time stamps; its address."""
    who = office.stamping
    with _stamping(StampAuthority(who.certificate, who.key, STAMP_POLICY), office.now) as url:
        yield url


def _stamping(authority: StampAuthority, now: dt.datetime) -> AbstractContextManager[str]:
    return stamps_served(lambda query: authority.answer(query, 7, ms(now)))


class Desk:
    """A person's machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.office = Office(_now())
        self.document = with_boxes(PLAIN, ["Sig1"])
        self.file = folder / "lease.pdf"
        self.file.write_bytes(self.document)
        self.key = ec.generate_private_key(ec.SECP256R1())
        digest = hashlib.sha256(self.document).digest()
        named = Named("Alice Adams", UserId("@alice:example.org"))
        bound = (digest, Level.HIGH, PERSON_LIFE)
        public, made = self.key.public_key(), fresh(self.office.now)
        self.certificate = person_certificate(self.office.issuing, public, named, made, bound)
        above = [self.office.issuing.certificate, self.office.root.certificate]
        self.chain = [self.certificate, *above]
        pems = [one.public_bytes(Encoding.PEM) for one in self.chain]
        (folder / "chain.pem").write_bytes(b"".join(pems))
        hidden = BestAvailableEncryption(PASSPHRASE.encode())
        write_private(
            folder / "key.pem", self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)
        )
        write_private(folder / "passphrase", PASSPHRASE)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def in_file(self) -> list[str]:
        words = ["--key", self.path("key.pem"), "--certificate", self.path("chain.pem")]
        return [*words, "--pin-path", self.path("passphrase")]

    async def sign(self, *words: str) -> str:
        """In this process; what it says."""
        parser = argparse.ArgumentParser()
        command.add_commands(parser.add_subparsers())
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            await command.sign(reactor, parser.parse_args(["sign", str(self.file), *words]))
        return said.getvalue()

    async def refused(self, *words: str) -> str:
        with pytest.raises(VecheError) as refused:
            await self.sign(*words)
        return str(refused.value)

    def sign_by_command(self, *words: str, code: int = 0) -> str:
        """As a person does, in a process of its own."""
        line = [sys.executable, "-m", "veche.cli.main", "sign", str(self.file), *words]
        done = subprocess.run(
            line, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def believed(self) -> bytes:
        pdf = (self.folder / "lease-signed.pdf").read_bytes()
        store = self.folder / "nss"
        store.mkdir()
        said = by_pdfsig(store, pdf, self.office.root.certificate)
        assert "Signature is Valid" in said
        assert "Certificate is Trusted" in said
        return pdf


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- as the command does


class SignTests(TestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="veche-sign-"))
        self.addCleanup(shutil.rmtree, folder)
        self.desk = Desk(folder)

    async def test_a_key_in_a_file_signs_and_a_stamp_closes_it(self) -> None:
        desk = self.desk
        with _stamps(desk.office) as url:
            said = await desk.sign(*desk.in_file, "--tsa", url, "--network", "127.0.0.0/8")

        assert "Alice Adams, with a key in a file" in said
        assert hashlib.sha256(desk.document).hexdigest() in said
        assert "no list of revoked certificates from http://ca.example.org" in said
        for name in ("Alice Adams", "Lindenau Persons", "Lindenau Time"):
            assert f"nobody says now whether the certificate of {name} was revoked" in said
        pdf = desk.believed()
        assert pdf.startswith(desk.document)
        report = judge(pdf, Trusted([desk.office.root.certificate], _now()))
        assert report.closed_at_ms == ms(desk.office.now)
        # The authority's lists were not to be had here, so one thing is not proven.
        assert {one.reason for one in report.findings} == {Reason.LISTS}

    async def test_who_signs_and_who_stamps_are_proven_by_answers_and_so_is_who_renews(
        self,
    ) -> None:
        desk, now = self.desk, _now()
        with lists_served() as (place, found):
            bank = Bank("Bank", now, list_url="", responder_url=f"{place}/answers")
            found["answers"] = bank.answer
            keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
            stamps = [
                StampAuthority(bank.issue_stamper(key, life * DAY), key, STAMP_POLICY)
                for key, life in zip(keys, (400, 800), strict=True)
            ]
            (desk.folder / "chain.pem").write_bytes(
                bank.issue("Bob Brown", desk.key).public_bytes(Encoding.PEM) + bank.pem
            )
            with _stamping(stamps[0], now) as url:
                await desk.sign(*desk.in_file, "--tsa", url, "--network", "127.0.0.0/8")
            path = desk.folder / "lease-signed.pdf"
            signed = path.read_bytes()
            (desk.folder / "bank.pem").write_bytes(bank.pem)
            with _stamping(stamps[1], now) as url:
                line = ["renew", str(path), "--tsa", url, "--root", desk.path("bank.pem")]
                code = await deferToThread(main, line)

        renewed = path.read_bytes()
        reports = [judge(one, Trusted([bank.root], now)) for one in (signed, renewed)]
        assert [one.verdict for one in reports] == [Verdict.SEALED] * 2, reports
        assert code == 0
        assert (reports[1].proven_until_ms or 0) > (reports[0].proven_until_ms or 0)
        believed = await deferToThread(by_pyhanko, signed, bank.root, _now())
        assert [(one.valid, one.trusted) for one in believed] == [(True, True)] * 2
        counts = [len(list(stored(Document(one), b"/OCSPs"))) for one in (signed, renewed)]
        assert counts == [2, 4]

    async def test_a_stamp_as_openssl_writes_it_proves_a_file_for_us_for_pages_and_for_others(
        self,
    ) -> None:
        desk, now = self.desk, _now()
        kinds = [
            (ec.generate_private_key(ec.SECP256R1()), "sha256"),
            (ec.generate_private_key(ec.SECP384R1()), "sha384"),
            (rsa.generate_private_key(65_537, 3072), "sha512"),
        ]
        made = []
        with lists_served() as (place, found):
            bank = Bank("Bank", now, list_url=f"{place}/bank.crl")
            found["bank.crl"] = bank.revocations(made=now - DAY, life=5 * DAY)
            (desk.folder / "chain.pem").write_bytes(
                bank.issue("Bob Brown", desk.key).public_bytes(Encoding.PEM) + bank.pem
            )
            for at, (key, by) in enumerate(kinds):
                stamper = bank.issue_stamper(key)
                tsa = OpensslAuthority(desk.folder / f"tsa{at}", stamper, key, [bank.root], by)
                with stamps_served(tsa.answer) as url:
                    out = ["--out", desk.path(f"{at}.pdf")]
                    words = ["--tsa", url, "--network", "127.0.0.0/8", *out]
                    await desk.sign(*desk.in_file, *words)
                made.append((desk.folder / f"{at}.pdf").read_bytes())

        cases = [File(str(at), pdf, bank.root, _now()) for at, pdf in enumerate(made)]
        for case, seen in zip(cases, await deferToThread(by_page, cases), strict=True):
            report = by_command(case)
            assert report.verdict is Verdict.SEALED, report
            assert same(report, seen) == []
            believed = await deferToThread(by_pyhanko, case.pdf, bank.root, _now())
            assert [(one.valid, one.trusted) for one in believed] == [(True, True)] * 2

    async def test_with_a_stamp_that_names_its_certificate_by_sha1_alone_nothing_is_signed(
        self,
    ) -> None:
        desk, key = self.desk, ec.generate_private_key(ec.SECP256R1())
        bank = Bank("Bank", _now(), list_url="")
        stamper = bank.issue_stamper(key)
        tsa = OpensslAuthority(desk.folder / "tsa", stamper, key, [bank.root], named_by="sha1")
        with stamps_served(tsa.answer) as url:
            said = await desk.refused(*desk.in_file, "--tsa", url, "--network", "127.0.0.0/8")

        assert "it does not name the certificate of who stamped it" in said
        assert not (desk.folder / "lease-signed.pdf").exists()

    async def test_a_key_at_a_provider_signs(self) -> None:
        desk = self.desk
        write_private(desk.folder / "access", ACCESS)
        with served(Provider({"one": Holder(desk.key, desk.chain, asked=())})) as provider:
            words = ["--csc", provider.url, "--access-token-path", desk.path("access")]
            said = await desk.sign(*words, "--network", "127.0.0.0/8")

        assert "Alice Adams, with a key at a provider" in said
        assert desk.believed().startswith(desk.document)

    async def test_a_file_without_a_box_is_signed_where_nothing_is_seen(self) -> None:
        self.desk.file.write_bytes(PLAIN)

        await self.desk.sign(*self.desk.in_file)

        assert self.desk.believed().startswith(PLAIN)

    async def test_a_file_of_another_form_is_signed_once_it_is_written_anew(self) -> None:
        desk = self.desk
        qpdf = program("qpdf")
        source, anew = desk.folder / "plain.pdf", desk.folder / "new.pdf"
        source.write_bytes(PLAIN)
        packed = ["--object-streams=generate", str(source), str(desk.file)]
        subprocess.run([qpdf, *packed], check=True)

        advice = "qpdf --object-streams=disable"
        assert f"{advice} FILE NEW" in await desk.refused(*desk.in_file)

        subprocess.run([qpdf, *advice.split()[1:], str(desk.file), str(anew)], check=True)
        anew.rename(desk.file)
        await desk.sign(*desk.in_file)
        desk.believed()

    async def test_what_is_missing_is_named(self) -> None:
        desk = self.desk
        key, chain = desk.path("key.pem"), desk.path("chain.pem")
        for words, problem in (
            (["--key", key], "needs --certificate"),
            (["--key", desk.path("none.pem"), "--certificate", chain], "cannot be read"),
            (["--pkcs11", "/x.so"], "needs --token and --label"),
            (["--csc", "http://example.org/csc/v1"], "should begin with https"),
            (["--csc", "example.org"], "--csc should be as https://"),
            (["--csc", "https://["], "should be as https://"),
            (["--csc", "https://127.0.0.1/csc/v1"], "no address of the public Internet"),
            (["--key", key, "--network", "x"], "no network"),
            ([*desk.in_file, "--tsa", "ftp://example.org"], "should be as https://"),
        ):
            assert problem in await desk.refused(*words)
        assert not (desk.folder / "lease-signed.pdf").exists()

    async def test_nothing_is_overwritten_and_a_signed_box_not_signed_again(self) -> None:
        desk = self.desk
        await desk.sign(*desk.in_file)

        assert "already" in await desk.refused(*desk.in_file)
        (desk.folder / "lease-signed.pdf").rename(desk.file)
        assert "no field is left empty" in await desk.refused(*desk.in_file)
        assert "signed already" in await desk.refused(*desk.in_file, "--field", "Sig1")


def test_a_key_in_a_token_signs(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(tmp_path)
    with contextmanager(soft_hsm)(tmp_path_factory.mktemp("hsm")) as hsm:
        folder, label = desk.folder / "ca", hsm.new_token()
        where = ["--pkcs11", str(hsm.module), "--token", label, "--pin-path", str(hsm.pin_path)]
        made = ["ca", "init", "Lindenau", "--site", "http://127.0.0.1:1", "--seal", "town", "Town"]
        words = ["--folder", str(folder), "--passphrase-path", desk.path("passphrase")]
        assert main([*made, *words, *where]) == 0
        known = read_authorities(folder)
        chain = [known.seals["town"].certificate, known.root]
        pems = [one.public_bytes(Encoding.PEM) for one in chain]
        (desk.folder / "chain.pem").write_bytes(b"".join(pems))

        which = ["--label", "veche-seals-town", "--certificate", desk.path("chain.pem")]
        said = desk.sign_by_command(*where, *which)

    assert "Town, with a key in a token" in said
    assert "nothing proves it" in said
    (desk.folder / "nss").mkdir()
    pdf = (desk.folder / "lease-signed.pdf").read_bytes()
    assert "Certificate is Trusted" in by_pdfsig(desk.folder / "nss", pdf, known.root)
