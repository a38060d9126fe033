"""Persons whose keys are passkeys sign on the real page, at the real service, in Chromium."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.playing import play
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, two_signers
from tests.support.node import chromium, why_no_browser
from veche.access.approvals import Key, KeyKind, base64url, fingerprint, passkeys, store
from veche.access.approvals.sites import Site, site_of
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Session

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser()),
]
WHO: Final = {"alice": (ALICE, "p1"), "bob": (BOB, "p2")}
_CHALLENGE: Final = hashlib.sha256(b"made").digest()


class PasskeyTests(ChatSite):
    """The browser makes the passkeys by our own code, for our own options."""

    site: Site

    async def test_two_sign_with_passkeys_and_the_report_proves_it(self) -> None:
        self.chat(CAROL)
        session = self.sent(**two_signers())

        done = await self.away(
            play,
            "sign_passkey_real.js",
            self.folder,
            urlsplit(self.url).port,
            {"CHROMIUM": str(chromium())},
            lambda told: self._answer(session, told),
        )

        first, *outcomes = done["outcomes"]
        assert "Your passkey was not used, so nothing was signed" in first
        assert (outcomes, done["problems"]) == (["signed", "signed"], [])
        await self.settle()
        [(_, pdf), (_, report)] = self.files(CAROL)
        judgement = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert judgement.verdict is Verdict.SEALED
        evidence = read_evidence(report)
        assert check_evidence(evidence, pdf, judgement) == []
        assert {(one.party, one.means) for one in evidence.approvals} == {
            ("p1", "webauthn"),
            ("p2", "webauthn"),
        }
        assert {one.rp_id for one in evidence.approvals} == {"localhost"}
        # Another's passkey, in the place of Bob's, is found out.
        alice, bob = evidence.approvals
        mixed = bob.model_copy(update={"webauthn": alice.webauthn})
        forged = evidence.model_copy(update={"approvals": (alice, mixed)})
        assert check_evidence(forged, pdf, judgement) != []

    def _answer(self, session: Session, told: Mapping[str, Any]) -> Mapping[str, Any]:
        if "made" in told:
            return self._enrolled(session, told)
        if "site" in told:
            person, _ = WHO[told["name"]]
            self._live_at(told["site"])
            handle = told["name"].encode()
            made = passkeys.creation_options(self.site, person, handle, _CHALLENGE, ())
            return {"creation": made}
        return {}

    def _live_at(self, address: str) -> None:
        """Passkeys live where the pages are, which are elsewhere than the service here."""
        site = site_of(address)
        assert site is not None
        self.site = site
        self.host.approvals = self.approvals(address)

    def _enrolled(self, session: Session, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """Enrols the passkey that a browser has made; the link of its person."""
        person, party = WHO[told["name"]]
        made = told["made"]
        found = passkeys.made(
            self.site, _CHALLENGE, made["client_data"], made["attestation_object"]
        )
        id_ = fingerprint(found.public_key)
        assert made["id"] == id_
        key = Key(
            id=id_,
            person=person,
            kind=KeyKind.WEBAUTHN,
            public_key=found.public_key,
            credential_id=found.credential_id,
            transports=("internal",),
            sign_count=found.sign_count,
            label="Laptop",
            created_at_ms=1,
            held_until_ms=1,
        )
        assert self.run_now(lambda txn: store.add_key(txn, key))
        member = session.member(party)
        assert member is not None
        link = self.run_now(lambda txn: self.scene_of(txn).page_of(session, member))
        listed = {
            "id": id_,
            "kind": "webauthn",
            "credential_id": base64url(found.credential_id),
            "transports": ["internal"],
            "label": "Laptop",
            "held_until_ms": None,
        }
        return {"link": link, "listed": listed}
