"""Seals over HTTP, in this process: a real database, the real routes, the client of others."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pikepdf
import pytest
import treq
from cryptography import x509
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.client import HTTPConnectionPool
from twisted.web.resource import Resource

from appservices.payments.receipts.service.pdfs import ReceiptPage, make_receipt
from appservices.payments.statements.core import AccountStatement
from appservices.payments.statements.service.pdfs import make_pdf
from appservices.signing.authority.core.issuing import Holder, stamps_certificate
from appservices.signing.authority.service.authorities import STAMPS, read_authorities
from appservices.signing.bot import Signing
from appservices.signing.commands.ca import make_authority, open_authority
from appservices.signing.config import SealSection, SigningSection
from appservices.signing.routes import API, routes
from tests.support.forgery import page
from tests.support.postgres import database, execute
from tests.support.programs import program
from tests.support.signing import ms, with_boxes
from tests.unit.veche.api.test_gate import FREE, FakeSessions
from veche.api.gate import Gate
from veche.api.sealing_client import Sealer, SealError
from veche.documents.pki.certificates import Level
from veche.documents.pki.digests import SHA256, SHA512
from veche.documents.pki.stamps import StampRequest
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge, list_addresses
from veche.protocol.errors import ConfigError, UnavailableError
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.config.secret_files import write_private
from veche.runtime.database import Database
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.live import Live
from veche.runtime.web import new_site

pytestmark = pytest.mark.postgres

reactor: Any = default_reactor
SIGNING: Final = MigrationSet("signing", "appservices.signing")
KEY: Final = "k" * 32
OTHER: Final = "o" * 32
PDF: Final = page("Extract from the land register")


def _now() -> dt.datetime:
    return dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC)


class SealTests(TestCase):
    """One site with an authority and two organisations, of which one has a seal."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="veche-ca-"))
        self.addCleanup(shutil.rmtree, self.folder)
        opened = database(SIGNING)
        self.dsn = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.database = Database(self.dsn, reactor, threads=2)
        self.addCleanup(self.database.close)
        keys = {"town": KEY, "club": OTHER}
        for name, key in keys.items():
            write_private(self.folder / name, key)
        site = "http://127.0.0.1:1"
        seals = {"town": "Town of Lindenau", "club": "Club"}
        make_authority(self.folder / "ca", "Lindenau", site, b"a long passphrase", _now(), seals)
        section = SigningSection(
            folder=self.folder / "ca",
            seals=[SealSection(id=one, key_paths=[self.folder / one]) for one in keys],
        )
        ends: list[Any] = []
        host = SimpleNamespace(reactor=reactor, at_stop=ends.append, now_ms=lambda: ms(_now()))
        process = cast("Any", host)
        self.signing = Signing(process, section)
        self.addCleanup(lambda: Deferred.fromCoroutine(ends[0]()))
        gate = Gate(self.database, reactor, FakeSessions(), address_limit=FREE)
        ports = cast("Any", SimpleNamespace(gate=gate, live=Live(reactor)))
        resource = routes(ports, self.signing)[API.mount]
        port = reactor.listenTCP(0, new_site(_at(resource), reactor), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}"
        self.pool: Any = HTTPConnectionPool(reactor)
        self.addCleanup(self.pool.closeCachedConnections)

    def changed(self, owner: Any, name: str, value: Any) -> None:
        patch: Any = self.patch
        patch(owner, name, value)

    def sealer(self, key: str = KEY, organisation: str = "town") -> Sealer:
        one = Sealer(reactor, self.url, key, organisation)
        self.addCleanup(lambda: Deferred.fromCoroutine(one.close()))
        return one

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, bytes]:
        url = f"{self.url}{API.prefix}{path}"
        answer = await treq.request(method, url, pool=self.pool, **options)
        return answer.code, await answer.content()

    def records(self) -> list[tuple[Any, ...]]:
        return execute(
            self.dsn, "SELECT organisation, reference, digest FROM signing.seal ORDER BY n"
        )

    async def test_a_document_is_sealed_and_the_service_never_has_it(self) -> None:
        sealed = await self.sealer().seal(PDF, "case-7", ms(_now()))

        later = _now() + dt.timedelta(seconds=5)
        report = judge(sealed, Trusted([self.signing.authorities.root], later))
        assert report.verdict is Verdict.SEALED
        assert sealed.startswith(PDF)
        assert [(one.name, one.level) for one in report.signers] == [
            ("Town of Lindenau", Level.SEAL)
        ]
        [(organisation, reference, digest)] = self.records()
        assert (organisation, reference) == ("town", "case-7")
        assert len(digest) == 32

    async def test_a_statement_of_a_bank_is_sealed(self) -> None:
        day = dt.date(2026, 11, 1)
        found = AccountStatement("7", "EUR", day, day, 0, (), 0)
        host = SimpleNamespace(reactor=reactor)
        section = SimpleNamespace(name_in=lambda _: "Bank of Lindenau")
        parts: Any = SimpleNamespace(host=host, section=section, sealer=self.sealer())

        pdf = await make_pdf(parts, found, "en", ms(_now()))

        later = _now() + dt.timedelta(seconds=5)
        report = judge(pdf, Trusted([self.signing.authorities.root], later))
        assert report.verdict is Verdict.SEALED
        assert [row[1] for row in self.records()] == ["7-20261101-20261101"]

    async def test_a_receipt_is_sealed_with_its_proof_inside(self) -> None:
        host = SimpleNamespace(reactor=reactor)
        parts: Any = SimpleNamespace(host=host, sealer=self.sealer())
        shown = {
            "language": "en",
            "institution": "Bank of Lindenau",
            "title": "Receipt",
            "facts": [["Amount", "1.07 EUR"]],
            "lines_title": "What was paid for",
            "lines": [["Bread (with 7 % tax)", "1.07 EUR"]],
            "note": "The signed receipt is attached.",
        }
        page = ReceiptPage("payment-7", b'{"amount":107}', shown)

        pdf = await make_receipt(parts, page, ms(_now()))

        later = _now() + dt.timedelta(seconds=5)
        report = judge(pdf, Trusted([self.signing.authorities.root], later))
        assert report.verdict is Verdict.SEALED
        assert [row[1] for row in self.records()] == ["payment-7"]
        with pikepdf.open(io.BytesIO(pdf)) as opened:
            assert opened.attachments["receipt.json"].get_file().read_bytes() == page.signed
        # One bit of what stands in it, or of the name of what is attached: a receipt no more.
        for place in (pdf.index(b"stream") + 20, pdf.index(b"receipt.json")):
            changed = pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]
            forged = judge(changed, Trusted([self.signing.authorities.root], later))
            assert forged.verdict in {Verdict.INVALID, Verdict.UNREADABLE}

    async def test_the_lists_are_where_the_certificates_say(self) -> None:
        sealed = await self.sealer().seal(PDF, "case-7", ms(_now()))
        addresses = list_addresses(sealed)
        assert len(addresses) == 2

        for address in addresses:
            path = address.removeprefix(f"http://127.0.0.1:1{API.prefix}")
            code, body = await self.call("GET", path)
            assert code == 200
            assert x509.load_der_x509_crl(body).next_update_utc is not None
        for path in ("/crl/00.crl", "/crl/x.crl", "/crl/..%2Froot.crl", "/ca/other.cer"):
            assert (await self.call("GET", path))[0] == 404
        code, body = await self.call("GET", "/ca/root.cer")
        assert x509.load_der_x509_certificate(body) == self.signing.authorities.root

    async def test_anybody_gets_a_time_stamp_and_openssl_believes_it(self) -> None:
        kind = {"content-type": "application/timestamp-query"}
        query = StampRequest(bytes(32), 5).encoded()

        code, answer = await self.call("POST", "/tsa", data=query, headers=kind)

        assert code == 200
        (self.folder / "query").write_bytes(query)
        (self.folder / "answer").write_bytes(answer)
        openssl = program("openssl")
        root = str(self.folder / "ca" / "root.pem")
        command = [openssl, "ts", "-verify", "-queryfile", "query", "-in", "answer"]
        done = await deferToThread(
            subprocess.run, [*command, "-CAfile", root], cwd=self.folder, capture_output=True
        )
        assert done.returncode == 0, done.stderr

    async def test_a_request_that_is_none_is_refused(self) -> None:
        kind = {"content-type": "application/timestamp-query"}

        assert (await self.call("POST", "/tsa", data=b"x"))[0] == 400
        assert (await self.call("POST", "/tsa", data=bytes(1025), headers=kind))[0] == 413
        code, answer = await self.call("POST", "/tsa", data=b"hello", headers=kind)
        assert code == 200
        assert b"This is no TimeStampReq." in answer

    async def test_nobody_uses_the_seal_of_another(self) -> None:
        for key, organisation, problem in (
            ("x" * 32, "town", UnavailableError),  # 401: mended by the operator
            (OTHER, "town", SealError),
            (KEY, "nobody", SealError),
        ):
            with pytest.raises(problem):
                await self.sealer(key, organisation).seal(PDF, "case-7", ms(_now()))

        body = {"digest": encode_base64(bytes(32)), "reference": "a"}
        assert (await self.call("POST", "/seals/town", json=body))[0] == 401
        assert (await self.call("POST", "/stamps", json={"digest": encode_base64(bytes(32))}))[
            0
        ] == 401
        assert self.records() == []

    async def test_a_key_that_does_not_answer_holds_nothing_else(self) -> None:
        gate = threading.Event()
        self.addCleanup(gate.set)
        held = self.signing.seals
        self.changed(held, "answer", lambda body, now_ms: gate.wait() and body + b"%d" % now_ms)
        kind = {"content-type": "application/timestamp-query"}
        query = StampRequest(bytes(32)).encoded()
        asked = Deferred.fromCoroutine(self.call("POST", "/tsa", data=query, headers=kind))

        for _ in range(3):
            assert (await self.call("GET", "/ca/root.cer"))[0] == 200
            assert self.records() == []

        assert not asked.called
        gate.set()
        assert (await asked)[0] == 200

    async def test_a_token_that_is_gone_seals_nothing_and_records_nothing(self) -> None:
        def gone(*_: object) -> None:
            raise UnavailableError("the token is gone", retry_after_ms=5_000)

        self.changed(self.signing.seals, "seal", gone)

        with pytest.raises(UnavailableError, match="the token is gone"):
            await self.sealer().seal(PDF, "case-7", ms(_now()))
        assert self.records() == []

    async def test_wrong_digests_and_references_are_named(self) -> None:
        head = {"authorization": f"Bearer {KEY}"}
        for body, field in (
            ({"digest": "AA", "reference": "a"}, b"digest"),
            ({"digest": encode_base64(bytes(32)), "reference": ""}, b"reference"),
            ({"digest": encode_base64(bytes(32)), "reference": "a b"}, b"reference"),
            ({"digest": encode_base64(bytes(32)), "reference": "a" * 65}, b"reference"),
        ):
            code, answer = await self.call("POST", "/seals/town", json=body, headers=head)
            assert (code, field in answer) == (400, True)
        assert self.records() == []

    async def test_what_is_no_plain_pdf_is_not_sealed(self) -> None:
        for data in (b"", b"%PDF-1.7\n", with_boxes(PDF, ["Sig1"]), PDF + b"more"):
            with pytest.raises(SealError):
                await self.sealer().seal(data, "case-7", ms(_now()))
        assert self.records() == []

    def test_the_record_of_seals_only_grows(self) -> None:
        columns = "(organisation, digest, reference, at_ms)"
        add = f"INSERT INTO signing.seal {columns} VALUES (%s, %s, %s, 1)"  # noqa: S608 -- ours
        execute(self.dsn, add, "town", bytes(32), "a")

        for statement in (
            "UPDATE signing.seal SET reference = 'b'",
            "DELETE FROM signing.seal",
            "TRUNCATE signing.seal",
        ):
            with pytest.raises(Exception, match="only grows"):
                execute(self.dsn, statement)

    def test_an_organisation_without_a_seal_is_refused_at_the_start(self) -> None:
        write_private(self.folder / "third", "t" * 32)
        section = SigningSection(
            folder=self.folder / "ca",
            seals=[SealSection(id="third", key_paths=[self.folder / "third"])],
        )

        with pytest.raises(ConfigError, match="veche ca seal third"):
            Signing(cast("Any", None), section)

    def test_stamps_of_another_hash_than_their_authority_are_refused_at_the_start(self) -> None:
        folder = self.folder / "ca"
        section = SigningSection(folder=folder, stamp_hash="sha512")
        told = "signing.stamp_hash is sha512.*make it with `veche ca stamps --hash sha512`"

        def start() -> None:
            self.started(section)

        with pytest.raises(ConfigError, match=told):
            start()
        holder = Holder("Lindenau Time", organisation="Lindenau")
        shorter, longer = (
            open_authority(folder, "http://127.0.0.1:1", b"a long passphrase", _now(), by=by)
            for by in (SHA256, SHA512)
        )
        longer.make(STAMPS, holder, stamps_certificate)
        start()
        # The list counts, too: a file has it with the stamp.
        shorter.list(read_authorities(folder).stamps.certificate)
        with pytest.raises(ConfigError, match=told):
            start()
        longer.list(read_authorities(folder).stamps.certificate)
        start()

    def test_a_day_to_come_is_refused_as_files_would_be_stamped_every_day_until_then(self) -> None:
        folder, today = self.folder / "ca", _now().date()
        for day in (today, today - dt.timedelta(days=9)):
            self.started(SigningSection(folder=folder, renew_stamped_before=day))
        section = SigningSection(folder=folder, renew_stamped_before=today + dt.timedelta(days=1))

        with pytest.raises(ConfigError, match=r"renew_stamped_before.*every day until then"):
            self.started(section)

    def test_the_log_says_at_the_start_that_a_list_ends_soon(self) -> None:
        section = SigningSection(folder=self.folder / "ca")
        with self.assertNoLogs("appservices.signing.bot"):
            self.started(section)

        known = self.signing.authorities
        listed = x509.load_der_x509_crl(known.list_of(known.issuing.certificate))
        ends = listed.next_update_utc
        assert ends is not None
        with self.assertLogs("appservices.signing.bot", "WARNING") as said:
            self.started(section, ends - dt.timedelta(days=30))

        assert "veche ca lists" in "\n".join(said.output)

    def started(self, section: SigningSection, at: dt.datetime | None = None) -> None:
        """Start with another configuration, and stop again."""
        ends: list[Any] = []
        now_ms = ms(at or _now())
        host = SimpleNamespace(reactor=reactor, at_stop=ends.append, now_ms=lambda: now_ms)
        Signing(cast("Any", host), section)
        [end] = ends
        self.addCleanup(lambda: Deferred.fromCoroutine(end()))


def _at(resource: Any) -> Any:
    """The resource at its place on a site."""
    root = here = Resource()
    parts = API.mount.split("/")
    for part in parts[:-1]:
        child = Resource()
        here.putChild(part.encode(), child)
        here = child
    here.putChild(parts[-1].encode(), resource)
    return root
