"""The signatures of persons with the stamps of an authority elsewhere: OpenSSL, behind HTTP."""

from __future__ import annotations

import datetime as dt
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.closing.service.closing import Close
from appservices.signing.papers.core.any_files import any_file
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.ending import CLOSE
from appservices.signing.stamps.core import StampAuthority
from tests.integration.appservices.signing.blind import BlindSite
from tests.integration.appservices.signing.own import OwnSite
from tests.integration.appservices.signing.site import ALICE, BOB, two_signers
from tests.integration.appservices.signing.stamping import OtherStamps, OtherStampsSite
from tests.support.bank import DAY
from tests.support.blind_page import sign_only
from tests.support.programs import program
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.sign_page import token_of
from tests.support.signing import ms
from veche.cli.main import main
from veche.documents.pdf.document import Document
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import StampRequest, read_token
from veche.documents.signatures.checking import open_signature
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signatures.verdict import signatures_of
from veche.documents.signed_file import judge_file
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appservices.signing.config import StampsSection
    from tests.support.sign_page import SignPage

pytestmark = pytest.mark.postgres
TSA = "/_veche/signing/v1/tsa"
OPENSSL_POLICY = "1.3.6.1.4.1.99999.1"


class OtherStampersTests(OtherStampsSite):
    """Alice and Bob sign; whoever stamps does so for them too."""

    async def test_a_lease_of_two_is_stamped_by_nobody_else_and_all_readers_believe_it(
        self,
    ) -> None:
        session = self.sent(**two_signers())
        for party, person in (("p1", ALICE), ("p2", BOB)):
            done = await self.away(self.page(session, party).sign, self.keys[person])
            assert done.status == 200, done
        await self.due(Close(self.parts), CLOSE)

        pdf = self.whole(session.id)
        assert stampers_in(pdf) == {der_of(self.openssl.certificate)}
        report = self.judged(pdf)
        assert (report.verdict, report.findings) == (Verdict.SEALED, ())
        without = self.judged(pdf, der_of(self.parts.authorities.root))
        assert {one.reason for one in without.findings} == {Reason.TIME}
        assert len(without.findings) == 3  # two signatures, and the stamp that closes
        (self.folder / "lease.pdf").write_bytes(pdf)
        path = str(self.folder / "lease.pdf")
        assert await self.away(main, ["verify", path, "--site", self.url]) == 0
        now = dt.datetime.fromtimestamp(self.host.now_ms() / 1000, dt.UTC)
        root = self.parts.authorities.root
        believed = await self.away(by_pyhanko, pdf, [root, self.time.root], now)
        assert [(one.valid, one.trusted) for one in believed] == [(True, True)] * 3
        said = await self.away(by_pdfsig, self.folder, pdf, root)
        assert said.count("Signature is Valid") == 2

    async def test_any_file_in_a_container_is_stamped_by_them(self) -> None:
        session = self.sent(**two_signers(), file=any_file(b"PK\x03\x04 lease", "lease.docx"))
        for party, person in (("p1", ALICE), ("p2", BOB)):
            done = await self.away(self.page(session, party).sign, self.keys[person])
            assert done.status == 200, done
        await self.due(Close(self.parts), CLOSE)

        report = self.judged(self.whole(session.id))
        assert (report.verdict, len(report.signers)) == (Verdict.SEALED, 2), report
        root = der_of(self.parts.authorities.root)
        found = self.judged(self.whole(session.id), root).findings
        assert [one.reason for one in found] == [Reason.TIME] * 3

    async def test_another_stamp_than_theirs_is_refused_and_the_signer_signs_again(self) -> None:
        session = self.sent(**two_signers())
        alice = self.page(session, "p1")
        key = ec.generate_private_key(ec.SECP256R1())
        person = self.time.issue("Bob Brown", key)
        ours, now_ms = self.parts.seals, self.host.now_ms
        lies: dict[Callable[[bytes], bytes], str] = {
            lambda query: ours.answer(query, now_ms()): "not below the root",
            lambda query: self.stranger().answer(query, 1, now_ms()): "not below the root",
            lambda query: StampAuthority(person, key, STAMP_POLICY).answer(
                query, 1, now_ms()
            ): "not below the root",
            lambda query: self.late(query, 6 * 60_000): "older than five minutes",
        }
        for lie, why in lies.items():
            done = await self.away(_signed_with, alice, self.keys[ALICE], lie)
            assert done.errcode == "ORG.VECHE.BAD_SIGNATURE", done
            assert why in done.body["error"]
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

        done = await self.away(alice.sign, self.keys[ALICE])
        assert done.status == 200, done

    async def test_what_travels_with_a_stamp_and_is_not_theirs_is_refused(self) -> None:
        session = self.sent(**two_signers())
        foreign = self.stranger()

        def more(query: bytes) -> bytes:
            answer = self.openssl
            above = [self.time.root, foreign._signers[SHA256].certificate]
            return attrs.evolve(answer, above=above).answer(query)

        done = await self.away(_signed_with, self.page(session, "p1"), self.keys[ALICE], more)
        assert done.errcode == "ORG.VECHE.BAD_SIGNATURE", done
        assert "travels with it" in done.body["error"]

    async def test_while_they_are_silent_nothing_is_signed_and_then_it_is_asked_again(self) -> None:
        session = self.sent(**two_signers())
        honest, alice = self.answer, self.page(session, "p1")
        for lie in (
            lambda _: b"",
            lambda query: self.stranger().answer(query, 1, self.host.now_ms()),
            lambda query: self.late(query, 2 * 60_000),
        ):
            self.answer = lie
            told = await self.away(alice.call, "GET", "/tsa/proofs")
            assert (told.status, told.errcode) == (503, "ORG.VECHE.UNAVAILABLE"), told
            assert "authority for time stamps" in told.body["error"]
            assert await self.away(self.asked_for_a_stamp) == 503
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

        self.answer = honest
        done = await self.away(alice.sign, self.keys[ALICE])
        assert done.status == 200, done

    def asked_for_a_stamp(self) -> int:
        """What `/tsa` answers to one who asks."""
        query = StampRequest(bytes(32), 7).encoded()
        one = urllib.request.Request(f"{self.url}{TSA}", data=query, method="POST")  # noqa: S310 -- ours
        one.add_header("content-type", "application/timestamp-query")
        try:
            with urllib.request.urlopen(one) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as e:
            with e:
                return e.code

    async def test_openssl_asks_here_and_gets_their_stamp(self) -> None:
        (self.folder / "file").write_bytes(b"a file")
        (self.folder / "time-root.pem").write_bytes(self.time.pem)
        openssl = program("openssl")
        query = [openssl, "ts", "-query", "-data", "file", "-sha512", "-cert", "-out", "query"]
        await self.away(subprocess.run, query, cwd=self.folder, check=True, capture_output=True)

        def ask() -> bytes:
            data = (self.folder / "query").read_bytes()
            one = urllib.request.Request(f"{self.url}{TSA}", data=data, method="POST")  # noqa: S310 -- ours
            one.add_header("content-type", "application/timestamp-query")
            with urllib.request.urlopen(one) as answer:  # noqa: S310
                return bytes(answer.read())

        self.openssl.hash = "sha512"
        (self.folder / "answer").write_bytes(await self.away(ask))
        check = [openssl, "ts", "-verify", "-queryfile", "query", "-in", "answer"]
        done = await self.away(
            subprocess.run, [*check, "-CAfile", "time-root.pem"], cwd=self.folder, check=False
        )
        assert done.returncode == 0

    async def test_a_key_that_nobody_knows_yet_stamps_and_its_proofs_are_there_at_once(
        self,
    ) -> None:
        session = self.sent(**two_signers())
        alice = self.page(session, "p1")
        before = await self.away(lambda: alice.stampers(alice.view()))
        self.use(ec.generate_private_key(ec.SECP384R1()))
        token = await self.away(alice.stamp, bytes(32))

        sent = read_token(token).signed.certificates
        assert der_of(self.openssl.certificate) in sent
        after = await self.away(lambda: alice.stampers(alice.view()))
        assert set(after.certificates) - set(before.certificates) == {
            der_of(self.openssl.certificate)
        }
        done = await self.away(alice.sign, self.keys[ALICE])
        assert done.status == 200, done

    async def test_proofs_that_end_soon_are_fetched_again_soon(self) -> None:
        self.found["time.crl"] = self.time.revocations(
            made=self.time.now - DAY, life=DAY + dt.timedelta(minutes=20)
        )
        others = self.parts.seals.others
        assert others is not None
        await others.newest_proofs()

        [held] = others._known.values()
        assert held.until_ms - self.host.now_ms() <= 60_000


class TokenTests(OtherStampsSite):
    """They know the site by a token."""

    async def test_they_are_told_it_with_each_question(self) -> None:
        write_private(self.folder / "token", "s3cret")
        # By TLS alone, which the configuration makes sure of.
        known = self.stamps().model_copy(update={"token_path": self.folder / "token"})
        seals = self.seals(known)
        await self.away(seals.proofs)
        await self.away(seals.stamp, StampRequest(bytes(32)), 0)
        assert [one["authorization"] for one in self.asked] == ["Bearer s3cret"] * 2


class PolicyTests(OtherStampsSite):
    """They have to stamp under one policy."""

    def stamps(self) -> StampsSection:
        return super().stamps().model_copy(update={"policy": OPENSSL_POLICY})

    async def test_a_stamp_under_another_policy_is_refused_and_theirs_is_taken(self) -> None:
        alice = self.page(self.sent(**two_signers()), "p1")
        assert (await self.away(alice.call, "GET", "/tsa/proofs")).body["policy"] == OPENSSL_POLICY
        done = await self.away(
            _signed_with, alice, self.keys[ALICE], lambda query: self.late(query, 0)
        )
        assert done.errcode == "ORG.VECHE.BAD_SIGNATURE", done
        assert "another policy" in done.body["error"]

        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200


class RespondersTests(OtherStampsSite):
    """They have no list, but a responder."""

    def use(self, key: Any) -> None:
        place, _, _ = self.time.list_url.rpartition("/")
        self.time.list_url, self.time.responder_url = "", f"{place or self.time.list_url}/answers"
        self.found["answers"] = self.time.answer
        super().use(key)

    async def test_answers_about_who_stamps_go_into_pdf_and_container(self) -> None:
        sessions = [
            self.sent(**two_signers()),
            self.sent(**two_signers(), file=any_file(b"PK\x03\x04 lease", "lease.docx")),
        ]
        for session in sessions:
            for party, person in (("p1", ALICE), ("p2", BOB)):
                done = await self.away(self.page(session, party).sign, self.keys[person])
                assert done.status == 200, done
            await self.do(Close(self.parts), CLOSE, {"session": session.id, "tries": 0})

            report = self.judged(self.whole(session.id))
            assert (report.verdict, len(report.signers)) == (Verdict.SEALED, 2), report
        assert "time.crl" not in self.time.list_url

    async def test_without_an_answer_nobody_is_told_who_stamps(self) -> None:
        self.found["answers"] = b""
        alice = self.page(self.sent(**two_signers()), "p1")
        told = await self.away(alice.call, "GET", "/tsa/proofs")
        assert told.status == 503, told
        assert "Nobody says now whether the certificate" in told.body["error"]


class FormerTests(OtherStampsSite):
    """The site stamps itself again."""

    is_over = False

    def stamps(self) -> StampsSection:
        return cast("StampsSection", None) if self.is_over else super().stamps()

    def former_stamp_roots(self) -> list[Path]:
        return [self.folder / "time.pem"] if self.is_over else []

    async def test_what_one_has_signed_before_the_change_holds_and_the_other_signs_after_it(
        self,
    ) -> None:
        session = self.sent(**two_signers())
        done = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        assert done.status == 200, done
        self.is_over = True
        self._serve()
        done = await self.away(self.page(session, "p2").sign, self.keys[BOB])
        assert done.status == 200, done
        await self.due(Close(self.parts), CLOSE)

        pdf = self.whole(session.id)
        own = der_of(self.parts.authorities.stamps.certificate)
        assert stampers_in(pdf) == {own, der_of(self.openssl.certificate)}
        assert self.judged(pdf).verdict is Verdict.SEALED
        view = await self.away(self.page(session, "p2").view)
        assert (len(view["stampers"]), view["is_stamped_elsewhere"]) == (1, False)
        # They stamp nothing any more.
        other = self.page(self.sent(**two_signers()), "p1")
        done = await self.away(_signed_with, other, self.keys[ALICE], self._openssl)
        assert done.errcode == "ORG.VECHE.BAD_SIGNATURE", done


class CommandTests(OtherStamps, OwnSite):
    """Bob signs by `veche sign --session`, with a key of his own."""

    async def test_his_signature_is_stamped_by_them_and_sealed(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        alice = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        assert alice.status == 200, alice
        await self.sign(session, *self.key_files(key, self.bank.issue("Robert Brown", key)))

        pdf = await self.away(self.closed, session)
        assert stampers_in(pdf) == {der_of(self.openssl.certificate)}
        report = judge_file(pdf, self.trusted())
        assert (report.verdict, len(report.signers)) == (Verdict.SEALED, 2), report

    def trusted(self) -> Trusted:
        now = dt.datetime.fromtimestamp(self.host.now_ms() / 1000, dt.UTC)
        return Trusted.by_encoded(self.parts.authorities.trusted, now)

    async def test_a_stamp_of_somebody_else_is_handed_in_by_nobody(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        others = self.parts.seals.others
        assert others is not None

        async def lie(query: bytes) -> bytes:
            return self.stranger().answer(query, 1, self.host.now_ms())

        vars(others)["answer"] = lie
        said = await self.refused(
            session, *self.key_files(key, self.bank.issue("Robert Brown", key))
        )
        assert "of nobody whom the service has named" in said
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

    async def test_while_they_are_silent_his_key_is_not_used(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        self.answer = lambda _: b""
        said = await self.refused(
            session, *self.key_files(key, self.bank.issue("Robert Brown", key))
        )
        assert "authority for time stamps" in said
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]


class BlindStampersTests(OtherStamps, BlindSite):
    """Documents that the service never sees: their stamps come from elsewhere too."""

    async def test_two_sign_and_a_page_closes(self) -> None:
        link = await self.send()
        await self.settle()
        for person in (ALICE, BOB):
            page = await self.open(person, link)
            done = await self.away(page.sign, self.keys[person])
            assert done.status == 200, done
        await self.settle()

        assert self.session().state is State.COMPLETED
        pdf = await self.away(lambda: page.document(page.view()))
        assert stampers_in(pdf) == {der_of(self.openssl.certificate)}
        report = self.judged(pdf)
        assert (report.verdict, len(report.signers)) == (Verdict.SEALED, 2)
        ends_ms = ms(self.openssl.certificate.not_valid_after_utc)
        assert report.proven_until_ms == ends_ms
        [(before_ms,)] = self.rows("SELECT renew_before_ms FROM signing.renewal")
        assert before_ms < ends_ms < before_ms + 367 * DAY.total_seconds() * 1000

    async def test_the_stamp_that_closes_is_theirs_or_it_is_refused(self) -> None:
        link = await self.send()
        await self.settle()
        for person in (ALICE, BOB):
            page = await self.open(person, link)
            made = await self.away(sign_only, page, self.keys[person])
            assert made.status == 200, made
        view = await self.away(page.view)
        ours, now_ms = self.parts.seals, self.host.now_ms

        def close() -> Any:
            return _lying(page, lambda query: ours.answer(query, now_ms())).close(view)

        closed = await self.away(close)
        assert closed.errcode == "ORG.VECHE.BAD_SIGNATURE", closed
        assert "not below the root" in closed.body["error"]
        assert (await self.away(page.close, view)).status == 200


def stampers_in(pdf: bytes) -> set[bytes]:
    """Who has stamped in a file: DER of their certificates."""
    found = set()
    for field, revision in signatures_of(Document(pdf)):
        found.add(der_of(open_signature(pdf, field, revision.ends).stamper()))
    return found


def _signed_with(page: SignPage, device: Any, answer: Callable[[bytes], bytes]) -> Any:
    """What comes of a signature whose stamp somebody else gives."""
    return _lying(page, answer).sign(device)


def _lying(page: SignPage, answer: Callable[[bytes], bytes]) -> Any:
    """A page to which somebody else gives stamps."""

    class Liar(type(page)):  # type: ignore[misc]
        def stamp(self, digest: bytes, by: Any = SHA256) -> bytes:
            return token_of(answer(StampRequest(digest, 7, by).encoded()))

    return Liar(**attrs.asdict(page))
