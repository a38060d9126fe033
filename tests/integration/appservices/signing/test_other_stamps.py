"""A site whose files are closed by the stamps of an authority elsewhere: OpenSSL, behind HTTP."""

from __future__ import annotations

import base64
import datetime as dt
import json
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.closing.service.closing import Close
from appservices.signing.closing.service.organisation_seals import PutSeal
from appservices.signing.config import StampsSection
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.papers.core.any_files import any_file
from appservices.signing.renewal.service import RENEW, Renew
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.service.ending import CLOSE, SEAL
from appservices.signing.stamps.core import StampAuthority, read_request
from tests.integration.appservices.signing.site import ALICE, TOWN_KEY
from tests.integration.appservices.signing.stamping import OtherStampsSite
from tests.support.bank import DAY, Bank
from tests.support.forgery import page
from tests.support.node import WIDGETS, node
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.signing import ms
from tests.support.tsa import OpensslAuthority
from tests.unit.appservices.widgets.test_signed_files import VERDICT
from veche.api.sealing_client import Sealer
from veche.cli.main import main
from veche.documents.asic.container import DataFile
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import SHA512
from veche.documents.pki.stamps import StampRequest
from veche.documents.signatures.report import Reason, Verdict
from veche.protocol.errors import UnavailableError
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.postgres

reactor: Any = default_reactor
DIGEST = bytes(range(32))


class OtherStampsTests(OtherStampsSite):
    """Alice signs, the town seals, and somebody else says when."""

    async def test_seals_reports_and_closed_files_are_stamped_elsewhere_and_all_believe_it(
        self,
    ) -> None:
        section = self.parts.section.model_copy(update={"id": "town"})
        self.parts = attrs.evolve(self.parts, section=section)
        session_id = await self.signed()
        await self.due(Close(self.parts), CLOSE)

        root = self.parts.authorities.root
        for pdf in (self.whole(session_id), self.evidence(session_id)):
            report = self.judged(pdf)
            assert report.verdict is Verdict.SEALED, report
            # Only by a certificate of theirs can it last so long: ours ends another day.
            assert report.proven_until_ms == ms(self.openssl.certificate.not_valid_after_utc)
            without = self.judged(pdf, der_of(root))
            assert {one.reason for one in without.findings} == {Reason.TIME}, without
        pdf = self.whole(session_id)
        path = self.folder / "lease.pdf"
        path.write_bytes(pdf)
        assert await self.away(main, ["verify", str(path), "--site", self.url]) == 0
        report_path = self.folder / "report.pdf"
        report_path.write_bytes(self.evidence(session_id))
        both = ["verify", str(report_path), "--evidence", str(path)]
        assert await self.away(main, both) == 3
        assert await self.away(main, [*both, "--site", self.url]) == 0
        now = dt.datetime.fromtimestamp(self.host.now_ms() / 1000, dt.UTC)
        believed = await self.away(by_pyhanko, pdf, [root, self.time.root], now)
        assert [(one.valid, one.trusted) for one in believed] == [(True, True)] * 3
        said = await self.away(by_pdfsig, self.folder, pdf, root)
        assert said.count("Signature is Valid") == 2  # It does not judge stamps over the whole.

    async def test_what_an_organisation_has_sealed_over_http_has_their_stamps_too(self) -> None:
        sealer = Sealer(reactor, self.url, TOWN_KEY, "town")
        pdf = await sealer.seal(page("Extract"), "case-7", self.host.now_ms())
        files = await sealer.seal_files([DataFile("a.txt", "text/plain", b"a")], "case-8")
        await sealer.close()

        for data in (pdf, files):
            report = self.judged(data)
            assert report.verdict is Verdict.SEALED, report
            assert report.proven_until_ms == ms(self.openssl.certificate.not_valid_after_utc)

    async def test_the_page_believes_them_for_time_alone(self) -> None:
        session_id = await self.signed()
        await self.due(Close(self.parts), CLOSE)
        told = json.loads(await self.away(_got, f"{self.url}/_veche/signing/v1/authorities"))

        assert told["authorities"] == []
        assert len(told["stampers"]) == 1
        person = self.time.issue("Bob Brown", ec.generate_private_key(ec.SECP256R1()))
        found = await self.away(_by_page, self.whole(session_id), self.parts, person)
        assert found == {"verdict": "sealed", "signer": False}

    async def test_a_container_is_closed_and_renewed_by_them(self) -> None:
        session_id = await self.signed(
            file=any_file(b"PK\x03\x04 lease", "lease.docx"),
            invited=[Invited("p2", Role.SIGNER, ALICE, "Alice Adams")],
            stages=[],
        )
        await self.due(Close(self.parts), CLOSE)
        before = self.judged(self.whole(session_id))
        assert before.verdict is Verdict.SEALED, before

        key = ec.generate_private_key(ec.SECP384R1())
        stamper = self.time.issue_stamper(key, 1800 * DAY)
        self.openssl = OpensslAuthority(self.folder / "tsa2", stamper, key, [self.time.root])
        for _ in range(2):  # Once to learn of the other key.
            try:
                await self.do(Renew(self.parts), RENEW, {"session": session_id})
            except UnavailableError as e:
                assert "another key" in str(e)  # noqa: PT017 -- the second time has to work
        after = self.judged(self.whole(session_id))
        assert after.verdict is Verdict.SEALED, after
        assert (after.proven_until_ms or 0) > (before.proven_until_ms or 0)

    async def test_a_file_waits_for_who_stamps_and_is_never_stamped_by_us(self) -> None:
        honest = self.answer
        session_id = await self.signed()
        stranger, past = Bank("Time", self.time.now), self.time.now - DAY
        other = ec.generate_private_key(ec.SECP256R1())
        ours = StampAuthority(self.time.issue_stamper(other), other, STAMP_POLICY)
        foreign = StampAuthority(stranger.issue_stamper(other), other, STAMP_POLICY)

        def changed(query: bytes, **what: Any) -> bytes:
            asked = read_request(query, b"")
            held = {"imprint": asked.imprint, "nonce": asked.nonce, **what}
            return honest(StampRequest(held["imprint"], held["nonce"], asked.by).encoded())

        lies: dict[Callable[[bytes], bytes], str] = {
            lambda _: b"": "the answer is no time stamp",
            lambda _: b"<html>": "the answer is no time stamp",
            lambda query: changed(query, imprint=DIGEST): "over something else",
            lambda query: changed(query, nonce=7): "over something else",
            lambda query: changed(query, nonce=None): "over something else",
            lambda query: ours.answer(query, 1, ms(past)): "another time than ours",
            lambda query: foreign.answer(query, 1, self.host.now_ms()): "not below the root",
        }
        for lie, why in lies.items():
            self.answer = lie
            with pytest.raises(UnavailableError, match=why):
                await self.away(self.parts.seals.stamp, StampRequest(bytes(32)), 0)
            assert await self.due(Close(self.parts), CLOSE) == {"failed": True}
            assert self.rows("SELECT state FROM signing.session") == [("sealing",)]

        self.answer = honest
        await self.due(Close(self.parts), CLOSE)
        assert self.rows("SELECT state FROM signing.session") == [("completed",)]
        assert self.judged(self.whole(session_id)).verdict is Verdict.SEALED

    async def test_their_policy_and_the_hash_by_which_they_sign_have_to_be_ours(self) -> None:
        strict = self.seals(self.stamps().model_copy(update={"policy": "1.2.3"}))
        with pytest.raises(UnavailableError, match="another policy"):
            await self.away(strict.stamp, StampRequest(DIGEST), 0)
        request = StampRequest(SHA512.digest(b"file"), by=SHA512)
        with pytest.raises(UnavailableError, match="sha256, which is shorter"):
            await self.away(self.parts.seals.stamp, request, 0)

    async def test_without_proof_that_who_stamps_was_not_revoked_nothing_is_closed(self) -> None:
        await self.signed(invited=[self.invited()["invited"][1]], stages=[])
        self.forget()
        for held in (
            None,
            self.time.revocations((self.openssl.certificate, self.time.now - DAY)),
        ):
            self.found["time.crl"] = held or b""
            assert await self.due(Close(self.parts), CLOSE) == {"failed": True}

        assert self.rows("SELECT state FROM signing.session") == [("sealing",)]

    async def test_nothing_is_closed_while_who_stamps_is_down_and_they_are_told_a_password_by_tls(
        self,
    ) -> None:
        await self.signed(invited=[self.invited()["invited"][1]], stages=[])
        self.asked.clear()
        down = self.stamps().model_copy(update={"url": "http://127.0.0.1:1/tsa"})
        honest = self.parts
        seals = self.seals(down)
        self.parts = attrs.evolve(honest, seals=seals)
        assert await self.due(Close(self.parts), CLOSE) == {"failed": True}
        assert self.rows("SELECT state FROM signing.session") == [("sealing",)]

        write_private(self.folder / "password", "veche:secret")
        with pytest.raises(ValidationError, match="begin with https"):
            StampsSection(**{**self.stamps().model_dump(), "password_path": self.folder})
        known = self.stamps().model_copy(update={"password_path": self.folder / "password"})
        seals = self.seals(known)
        self.parts = attrs.evolve(honest, seals=seals)
        await self.due(Close(self.parts), CLOSE)
        assert self.rows("SELECT state FROM signing.session") == [("completed",)]
        said = base64.b64encode(b"veche:secret").decode()
        assert {one["authorization"] for one in self.asked} == {f"Basic {said}"}

    async def test_no_seal_lapses_while_nobody_stamps_and_it_is_one_act_in_the_end(self) -> None:
        await self.away(self.parts.seals.proofs)  # who stamps is known
        honest, self.answer = self.answer, lambda _: b""
        self.sent(**self.invited())
        for _ in range(2):
            with pytest.raises(UnavailableError, match="is no time stamp"):
                await self.due(PutSeal(self.parts), SEAL)
        assert self.rows("SELECT state FROM signing.session") == [("open",)]
        assert self.seals_in_log() == 1

        self.answer = honest
        await self.due(PutSeal(self.parts), SEAL)
        assert self.rows("SELECT party FROM signing.signature") == [("p1",)]
        assert self.seals_in_log() == 1

    def seals_in_log(self) -> int:
        entries = self.rows("SELECT entry FROM runtime.act")
        return sum('"k":"seal"' in entry for (entry,) in entries)


def _got(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 -- ours
        return bytes(answer.read())


def _by_page(pdf: bytes, parts: Any, person: Any) -> dict[str, Any]:
    """What the modules of the page make of a file, and of somebody below who only stamps."""
    static = WIDGETS / "static"
    trust = static / "signatures" / "trust.js"
    certificate = static / "signatures" / "certificate.js"
    code = f"""
        import {{ judge }} from {json.dumps(VERDICT.as_uri())};
        import {{ readCertificate }} from {json.dumps(certificate.as_uri())};
        import {{ Trust, stampRoot }} from {json.dumps(trust.as_uri())};
        const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
        let text = "";
        for await (const part of process.stdin) text += part;
        const one = JSON.parse(text);
        const roots = [readCertificate(bytes(one.root)), stampRoot(bytes(one.stamps))];
        const {{ verdict }} = await judge(bytes(one.pdf), roots, one.now);
        const chain = await new Trust(roots, [], []).chain(readCertificate(bytes(one.person)));
        process.stdout.write(JSON.stringify({{ verdict, signer: chain !== undefined }}));
    """
    given = {
        "pdf": pdf,
        "root": der_of(parts.authorities.root),
        "stamps": der_of(parts.authorities.stamp_roots[0]),
        "person": der_of(person),
    }
    told: dict[str, Any] = {name: base64.b64encode(data).decode() for name, data in given.items()}
    told["now"] = parts.host.now_ms()
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", code],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
