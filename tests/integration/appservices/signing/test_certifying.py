"""Certificates whose key does not answer, refuses, or whose process ends: nothing is lost."""

from __future__ import annotations

import threading
from typing import Any, cast

import attrs
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from appservices.signing.authority.core.issuing import Authority
from appservices.signing.keys.places import TokenKey
from appservices.signing.keys.tokens import TokenError
from appservices.signing.parties.service import acting
from appservices.signing.signatures.service import certifying
from tests.integration.appservices.signing.site import ALICE, BOB, SigningSite, two_signers
from tests.integration.veche.rig import until
from tests.support.keys import approval_of
from tests.support.sign_page import FreshKey

pytestmark = pytest.mark.postgres

THREADS = 4
"""Of the site's database."""


class SlowToken:
    """Holds the authority's key, and answers when the test says so."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self.key = key
        self.answers = threading.Event()
        self.answers.set()
        self.refuses = False

    def sign(self, _label: str, digest: bytes) -> bytes:
        """r and s, as a token gives them."""
        assert self.answers.wait(60), "the test never let it answer"
        if self.refuses:
            raise TokenError("the token is not there")
        made = self.key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return b"".join(one.to_bytes(32, "big") for one in decode_dss_signature(made))


class TokenTests(SigningSite):
    """The authority's key is in a token."""

    def _make_parts(self) -> Any:
        parts = super()._make_parts()
        known = parts.authorities
        self.token = SlowToken(known.issuing.key)
        self.addCleanup(self.token.answers.set)
        key = TokenKey(cast("Any", self.token), "issuing", known.issuing.key.public_key())
        issuing = Authority(known.issuing.certificate, key)
        return attrs.evolve(parts, authorities=attrs.evolve(known, issuing=issuing))

    def approved(self, page: Any, person: Any) -> tuple[FreshKey, dict[str, Any]]:
        """A fresh key, and what the person's device says to it."""
        key = FreshKey()
        asked = page.ask(level="S2", key=key.id).body
        return key, self.keys[person].signed(approval_of(asked["asked"], asked["now_ms"]))

    def counts(self) -> tuple[int, int, int]:
        """Certificates to be made, certificates, and their acts."""
        [(waiting,)] = self.rows("SELECT count(*) FROM signing.certifying")
        [(issued,)] = self.rows("SELECT count(*) FROM signing.certificate")
        acts = self.rows("SELECT entry FROM runtime.act")
        return waiting, issued, sum('"k":"certificate"' in entry for (entry,) in acts)

    async def test_a_token_that_does_not_answer_holds_no_thread_of_the_database(self) -> None:
        sessions = [self.sent(**two_signers()) for _ in range(3)]
        pages = [
            (self.page(one, party), person)
            for one in sessions
            for party, person in (("p1", ALICE), ("p2", BOB))
        ]
        assert len(pages) > THREADS
        self.token.answers.clear()
        asked = [
            deferToThread(page.certificate, FreshKey(), self.keys[person]) for page, person in pages
        ]
        await until(lambda: self.counts()[0] == len(pages), "not all are prepared")

        seen = await self.away(pages[0][0].view)
        assert seen["you"]["state"] != "signed"
        assert self.counts() == (len(pages), 0, 0)

        self.token.answers.set()
        answers = await gatherResults(asked)
        assert [one.status for one in answers] == [200] * len(pages)
        assert self.counts() == (0, len(pages), len(pages))

    async def test_what_a_token_refused_the_same_approval_gives_later(self) -> None:
        page = self.page(self.sent(**two_signers()), "p1")
        key, signed = await self.away(self.approved, page, ALICE)
        self.token.refuses = True
        refused = await self.away(page.certify, key, signed)
        assert (refused.status, refused.errcode) == (503, "ORG.VECHE.TOKEN_UNAVAILABLE")
        assert self.counts() == (1, 0, 0)
        stolen = await self.away(page.certify, FreshKey(), signed)
        assert stolen.errcode == "ORG.VECHE.CONFLICT"

        self.token.refuses = False
        issued = await self.away(page.certify, key, signed)
        assert issued.status == 200, issued
        assert self.counts() == (0, 1, 1)
        again = await self.away(page.certify, key, signed)
        assert again.body == issued.body

    async def test_a_crash_after_the_key_has_signed_loses_nothing(self) -> None:
        page = self.page(self.sent(**two_signers()), "p1")
        key, signed = await self.away(self.approved, page, ALICE)

        def ended(*_: object) -> None:
            raise RuntimeError("the process ends here")

        patch = self.patch(certifying, "keep", ended)  # type: ignore[no-untyped-call]  # trial's
        crashed = await self.away(page.certify, key, signed)
        self.flushLoggedErrors(RuntimeError)  # type: ignore[no-untyped-call]  # trial's
        assert crashed.status == 500
        [(serial,)] = self.rows("SELECT serial FROM signing.certifying")
        patch.restore()

        issued = await self.away(page.certify, key, signed)
        assert issued.status == 200, issued
        assert self.rows("SELECT serial FROM signing.certificate") == [(serial,)]
        assert self.counts() == (0, 1, 1)

    async def test_a_session_that_ends_meanwhile_gives_no_certificate(self) -> None:
        session = self.sent(**two_signers())
        page = self.page(session, "p1")
        self.token.answers.clear()
        asked = deferToThread(page.certificate, FreshKey(), self.keys[ALICE])
        await until(lambda: self.counts()[0] == 1, "it is not prepared")

        def cancel(txn: Any) -> None:
            scene = self.scene_of(txn)
            held = scene.session(session.id)
            assert held is not None
            acting.cancelled(scene, held)

        self.run_now(cancel)
        self.token.answers.set()
        answer = await asked
        assert (answer.status, answer.errcode) == (409, "ORG.VECHE.SESSION_NOT_OPEN")
        assert self.counts()[1:] == (0, 0)
