"""Proofs about certificates are fetched: from responders of OpenSSL, from lists, or nowhere."""

from __future__ import annotations

import datetime as dt
import ipaddress
import tempfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from appservices.signing.authority.core.issuing import Authority
from appservices.signing.keys.revocation import Fetched, NoProofError, fetched_proofs
from tests.support.bank import Bank, lists_served
from tests.support.forgery import page
from tests.support.readers import by_pyhanko
from tests.support.responders import openssl_responder, responder_of
from tests.support.signing import new_key, with_boxes
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Proofs, prepare_signature
from veche.documents.pki.asking import KIND
from veche.documents.pki.cms import Signer, der_of
from veche.documents.pki.digests import SHA256
from veche.documents.pki.revocation import is_answer
from veche.documents.pki.trust import Standing, Trust
from veche.runtime.web.outbound import Outbound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography import x509

reactor: Any = default_reactor
HERE: Final = (ipaddress.IPv4Network("127.0.0.0/8"),)
NOWHERE: Final = "http://127.0.0.1:1/nothing"
HOUR: Final = dt.timedelta(hours=1)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- OpenSSL has its own


class RevocationTests(TestCase):
    def setUp(self) -> None:
        opened = tempfile.TemporaryDirectory(prefix="veche-revocation-")
        self.addCleanup(opened.cleanup)
        self.folder = Path(opened.name)
        self.now = _now()
        self.bank = Bank("Bank", self.now, list_url="")
        self.key = new_key()
        self.told: list[str] = []

    def issue(self, responder: str, list_url: str = "") -> x509.Certificate:
        """Bob's certificate."""
        self.bank.responder_url, self.bank.list_url = responder, list_url
        return self.bank.issue("Bob Brown", self.key)

    @contextmanager
    def responder(
        self,
        since: dt.datetime | None = None,
        *,
        is_known: bool = True,
        list_url: str = "",
        **how: Any,
    ) -> Iterator[tuple[x509.Certificate, str]]:
        """A certificate, and who answers for it; its address is told before it answers."""
        with lists_served() as (place, found):
            certificate = self.issue(f"{place}/ocsp", list_url)
            said = [(certificate, since)] if is_known else []
            with openssl_responder(self.folder, self.pair, said, **how) as url:
                found["ocsp"] = lambda asked: _posted(url, asked)
                yield certificate, place

    @property
    def pair(self) -> tuple[x509.Certificate, Any]:
        return self.bank.root, self.bank.key

    async def fetch(self, certificate: x509.Certificate, *known: x509.Certificate) -> Fetched:
        outbound = Outbound(reactor, allowed=HERE, timeout_s=5)
        chain = [certificate, *known]
        return await fetched_proofs(outbound, chain, self.now, self.told.append, [self.bank.root])

    def standing(self, certificate: x509.Certificate, proofs: Sequence[bytes]) -> Standing:
        return Trust([self.bank.root], [], proofs).standing(certificate, _now())

    async def test_a_responder_says_that_a_certificate_is_good(self) -> None:
        for options in (("-ndays", "1"), ("-nmin", "10", "-resp_key_id"), ()):
            with self.responder(options=options) as (certificate, _):
                found = await self.fetch(certificate)

            assert found.missing == (), self.told
            assert [is_answer(one) for one in found.proofs] == [True]
            assert self.standing(certificate, found.proofs).is_good

    async def test_what_a_responder_of_the_issuer_says_counts_and_of_another_does_not(self) -> None:
        ours = responder_of(Authority(self.bank.root, self.bank.key), self.now - HOUR)  # type: ignore[arg-type]  # RSA.
        other = Bank("Bank", self.now)
        theirs = responder_of(Authority(other.root, other.key), self.now - HOUR)  # type: ignore[arg-type]  # RSA.
        for one, is_counted in ((ours, True), (theirs, False)):
            with self.responder(by=(one.certificate, one.key)) as (certificate, _):
                found = await self.fetch(certificate)

            assert bool(found.proofs) is is_counted, self.told
        assert "no responder of the certificate's issuer" in self.told[-1]

    async def test_a_revoked_one_is_told_and_an_unknown_one_is_nobodys(self) -> None:
        with self.responder(since=self.now - HOUR) as (certificate, _):
            found = await self.fetch(certificate)
        assert self.standing(certificate, found.proofs).is_revoked

        with self.responder(is_known=False) as (certificate, _):
            found = await self.fetch(certificate)
        assert found == Fetched((), ("Bob Brown",))
        assert "does not know the certificate" in self.told[-1]

    async def test_a_broken_signature_of_a_responder_is_no_answer(self) -> None:
        with self.responder(options=("-ndays", "1", "-badsig")) as (certificate, _):
            found = await self.fetch(certificate)

        assert found.proofs == ()

    async def test_where_no_responder_answers_the_list_is_taken(self) -> None:
        with lists_served() as (place, served):
            certificate = self.issue(f"{place}/ocsp", f"{place}/list")
            served["list"] = self.bank.revocations()
            for answer in (b"", b"hello", b"\x30\x03\x0a\x01\x06", b"x" * 70_000):
                served["ocsp"] = answer

                found = await self.fetch(certificate)

                assert found.proofs == (served["list"],)
                assert self.standing(certificate, found.proofs).is_good
        for why in ("404", "not encoded", "no answer: status 06", "more than 65536 bytes"):
            assert any(why in one for one in self.told), self.told

    async def test_of_an_authority_the_list_comes_first_and_the_answer_after_it(self) -> None:
        with lists_served() as (place, served):
            self.bank.list_url, self.bank.responder_url = f"{place}/list", f"{place}/ocsp"
            middle = self.bank.issue_authority("Bank of Persons", new_key())
            served["ocsp"] = self.bank.answer
            kinds = []
            for held in (
                self.bank.revocations(),
                b"",
                self.bank.revocations(made=self.now - 9 * 24 * HOUR),
            ):
                served["list"] = held
                found = await self.fetch(middle)
                kinds.append([is_answer(one) for one in found.proofs])

        assert kinds == [[False], [True], [True]]

    async def test_an_answer_to_another_question_is_none(self) -> None:
        with lists_served() as (place, served):
            certificate = self.issue(f"{place}/ocsp")
            asked: list[bytes] = []

            def first(question: bytes) -> bytes:
                asked.append(question)
                return self.bank.answer(asked[0])

            served["ocsp"] = first
            good, again = await self.fetch(certificate), await self.fetch(certificate)

        assert len(good.proofs) == 1
        assert again.proofs == ()
        assert "to another question" in self.told[-1]

    async def test_nobody_is_asked_in_a_network_of_our_own(self) -> None:
        certificate = self.issue(NOWHERE, NOWHERE)
        outbound = Outbound(reactor)

        found = await fetched_proofs(
            outbound, [certificate], self.now, self.told.append, [self.bank.root]
        )

        assert found.missing == ("Bob Brown",)
        assert len(self.told) == 2
        assert all("no address of the public Internet" in one for one in self.told)

    async def test_neither_is_said_in_words(self) -> None:
        found = await self.fetch(self.issue(NOWHERE, NOWHERE))

        with pytest.raises(NoProofError, match="Nobody says now whether the cert"):
            found.check()
        assert any("no answer about a certificate" in one for one in self.told)
        assert any("no list of revoked certificates" in one for one in self.told)

    async def test_a_responder_whose_certificate_can_be_revoked_needs_a_list_about_it(self) -> None:
        with lists_served() as (place, served):
            self.bank.list_url = f"{place}/list"
            one = responder_of(
                Authority(self.bank.root, self.bank.key),  # type: ignore[arg-type]  # RSA.
                self.now - HOUR,
                needs_no_list=False,
                more=[(self.bank.point, False)],
            )
            with self.responder(by=(one.certificate, one.key)) as (certificate, _):
                served["list"] = b""
                without = await self.fetch(certificate)
                served["list"] = self.bank.revocations()
                beside = await self.fetch(certificate)

        assert without.proofs == ()
        assert [is_answer(one) for one in beside.proofs] == [True, False]
        assert self.standing(certificate, beside.proofs).is_good

    async def test_others_believe_a_file_with_the_answer(self) -> None:
        """PyHanko, with the proofs of the file alone; and what it does without them."""
        with self.responder() as (certificate, _):
            found = await self.fetch(certificate)
        pdf = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
        good, without = (self.signed(pdf, certificate, proofs) for proofs in (found.proofs, ()))

        [yes] = await deferToThread(by_pyhanko, good, self.bank.root, _now())
        [no] = await deferToThread(by_pyhanko, without, self.bank.root, _now())
        assert yes.bottom_line
        assert not no.bottom_line

    def signed(self, pdf: bytes, certificate: x509.Certificate, lists: Sequence[bytes]) -> bytes:
        """The file, signed by Bob."""
        proofs = Proofs([der_of(self.bank.root)], lists)
        prepared = prepare_signature(
            Document(pdf), "Sig1", proofs, "Bob", int(self.now.timestamp()) * 1000
        )
        signer = Signer(certificate, [])
        attributes = signer.signed_attributes(prepared.digest)
        signature = self.key.sign(attributes, ec.ECDSA(SHA256.for_keys))
        return pdf + prepared.filled(signer.detached(attributes, signature, b""))


def _posted(url: str, asked: bytes) -> bytes:
    request = urllib.request.Request(url, asked, {"Content-Type": KIND})  # noqa: S310 -- ours
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 -- ours
        return bytes(answer.read())
