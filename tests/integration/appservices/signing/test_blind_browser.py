"""Somebody asks, two sign and one closes, each in a browser; the service sees none of it."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import io
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.core.issuing import Holder, stamps_certificate
from appservices.signing.authority.service.authorities import STAMPS
from appservices.signing.commands.ca import open_authority
from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.sessions.core.session import State
from tests.integration.appservices.signing.blind import CANARY, BlindSite
from tests.integration.appservices.signing.playing import play
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, reactor
from tests.support import uploads
from tests.support.containers import check_by_openssl, odt
from tests.support.node import chromium_of_run, firefox, why_no_browser, why_no_firefox
from tests.support.programs import program
from tests.support.readers import by_openssl, by_pyhanko
from tests.support.stored_keys import enrol
from veche.cli.main import main
from veche.documents.asic.container import MIME, read_container
from veche.documents.pdf.document import Document
from veche.documents.pki.digests import SHA512
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge, signatures_of
from veche.documents.signed_file import judge_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres
PEOPLE = {"alice": ALICE, "bob": BOB, "carol": CAROL}


class _BlindBrowser(BlindSite):
    """The pages and the service fit."""

    __test__ = False  # but each browser's
    browser: ClassVar[Mapping[str, str]]
    """The environment that chooses it."""

    async def test_a_form_is_sent_signed_twice_closed_and_saved_and_no_request_has_it(self) -> None:
        upload = uploads.changed(uploads.text_field, uploads.plain(f"{CANARY}: 700 EUR"))

        told = await self.away(self._told, upload)
        await self.settle()

        assert told["problems"] == []
        assert told["outcomes"] == ["signed", "signed"]
        assert (told["isTold"], told["count"] > 50) == (False, True)
        assert self.session().state is State.COMPLETED
        pdf = base64.b64decode(told["saved"])
        now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
        report = judge(pdf, self.trusted(now))
        assert (report.verdict, report.findings) == (Verdict.SEALED, ())
        assert [(one.account, one.clause) for one in report.signers] == [
            *((ALICE, ""), (ALICE, "c1")),
            *((BOB, ""), (BOB, "c1")),
        ]
        self._check_verified(
            told["verdict"], "known by their account", "Clause c1 signed by itself"
        )
        statuses = await self.away(by_pyhanko, pdf, self.roots(), now)
        assert [one.bottom_line for one in statuses[:-1]] == [True] * 4
        closing = statuses[-1]
        assert (closing.intact, closing.valid, closing.trusted) == (True, True, True)
        signed = signatures_of(Document(pdf))[:-1]
        assert len(signed) == 4
        for field, _ in signed:
            await self.away(by_openssl, self.folder, pdf, field, self.root())

    async def test_a_letter_is_signed_twice_in_a_container_and_no_request_has_it(self) -> None:
        letter = odt(f"{CANARY}: 700 EUR")

        told = await self.away(self._told, letter, "letter.odt")
        await self.settle()

        assert told["problems"] == []
        assert told["outcomes"] == ["signed", "signed"]
        assert not told["isTold"]
        session = self.session()
        assert (session.state, session.subject.kind) == (State.COMPLETED, MIME)
        container = base64.b64decode(told["saved"])
        now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
        report = judge_file(container, self.trusted(now))
        assert (report.verdict, report.findings) == (Verdict.SEALED, ())
        assert [one.account for one in report.signers] == [ALICE, BOB]
        held = read_container(container)
        assert [one.name for one in held.files] == [f"{CANARY}.odt", "veche-salt.bin"]
        assert (held.files[0].data, len(held.files[1].data)) == (letter, 32)
        # By the letter alone nobody can tell that it is it.
        assert session.paper is not None
        assert session.paper.sha256 == held.document_sha256 != hashlib.sha256(letter).digest()
        for person in (ALICE, BOB):
            [(_, evidence)] = self.files(person)
            assert check_evidence(read_evidence(evidence), container, report) == []
        root, saved = self.folder / "root.pem", self.folder / "letter.asice"
        root.write_bytes(self.root().public_bytes(Encoding.PEM))
        saved.write_bytes(container)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = await self.away(main, ["verify", str(saved), "--site", self.url])
        assert (code, f"{CANARY}.odt" in said.getvalue()) == (0, True), said.getvalue()
        for number in (1, 2):
            openssl = program("openssl")
            against = await self.away(check_by_openssl, openssl, self.folder, container, number)
            assert against == b""
        self._check_verified(told["verdict"], f"{CANARY}.odt", "veche-salt.bin")

    def _check_verified(self, said: str, *words: str) -> None:
        """What the page of verifying said of the closed file, which somebody chose there."""
        assert "This document is genuine: who signed it and when is proven." in said
        for one in (ALICE, BOB, *words):
            assert one in said, said

    def trusted(self, now: dt.datetime) -> Trusted:
        """By which the closed file is judged."""
        return Trusted.by_encoded(self.parts.authorities.trusted, now)

    def _told(self, upload: bytes, name: str = "document.pdf") -> Any:
        """Runs the browsers; each key that they make is enrolled."""
        file = self.folder / name
        file.write_bytes(upload)
        more = {**self.browser, "CANARY": CANARY, "DOCUMENT": str(file)}
        port = urlsplit(self.url).port
        return play("sign_blind_real.js", self.folder, port, more, self._answer)

    def _answer(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        if "name" in told:
            self.run_now(self._enrol_browser, told)
        return {}

    def _enrol_browser(self, txn: Cursor, told: Mapping[str, Any]) -> None:
        enrol(txn, PEOPLE[told["name"]], told)


@pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())
class ChromiumTests(_BlindBrowser):
    """In Chromium."""

    __test__ = True
    browser: ClassVar[Mapping[str, str]] = {"CHROMIUM": str(chromium_of_run())}


@pytest.mark.long
@pytest.mark.skipif(bool(why_no_firefox()), reason=why_no_firefox())
class FirefoxTests(_BlindBrowser):
    """In Firefox."""

    __test__ = True
    browser: ClassVar[Mapping[str, str]] = {"VECHE_BROWSER": "firefox", "FIREFOX": str(firefox())}


@pytest.mark.long
@pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())
class LongerHashTests(ChromiumTests):
    """In Chromium, closed by SHA-512, by an authority for stamps that was made with it."""

    stamp_hash = "sha512"

    def _serve(self) -> None:
        now = dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC)
        folder = self.folder / "ca"
        opened = open_authority(folder, self.url, b"a long passphrase", now, by=SHA512)
        opened.make(STAMPS, Holder("Lindenau Time", organisation="Lindenau"), stamps_certificate)
        super()._serve()

    def trusted(self, now: dt.datetime) -> Trusted:
        """Two days later SHA-256, by which all of them signed, is believed no more."""
        day = dt.timedelta(days=1)
        return Trusted([self.root()], now + 2 * day, (), {"sha256": now + day})
