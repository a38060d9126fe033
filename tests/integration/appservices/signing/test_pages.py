"""Parties sign on their pages: over HTTP, with real keys, files, certificates and stamps."""

from __future__ import annotations

import hashlib
import urllib.request
from typing import Any

import pytest

from appservices.signing.routes import API
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    TOWN_KEY,
    SigningSite,
    approver,
    two_signers,
)
from tests.support.hostile_json import broken
from tests.support.keys import BrowserKey, approval_of, unpadded_base64
from tests.support.sign_page import FreshKey, SignPage
from veche.access.sessions import Level as SessionLevel

pytestmark = pytest.mark.postgres


class PageTests(SigningSite):
    """What a party's page can do, and what nobody can."""

    async def test_two_sign_one_after_the_other_and_the_file_is_theirs(self) -> None:
        session = self.sent(**two_signers(order=True))
        alice, bob = self.page(session, "p1"), self.page(session, "p2")

        early = await self.away(bob.sign, self.keys[BOB])
        assert (early.status, early.errcode) == (409, "ORG.VECHE.NOT_YOUR_TURN")
        signed = await self.away(alice.sign, self.keys[ALICE])
        assert signed.status == 200, signed
        assert signed.body["you"]["state"] == "signed"
        again = await self.away(alice.sign, self.keys[ALICE])
        assert (again.status, again.errcode) == (409, "ORG.VECHE.ALREADY_SIGNED")
        second = await self.away(bob.sign, self.keys[BOB])
        assert second.status == 200, second
        assert second.body["state"] == "sealing"

        assert [row[0] for row in self.rows("SELECT what FROM signing.event ORDER BY n")] == [
            "sent",
            "invited",
            "certified",
            "signed",
            "invited",
            "certified",
            "signed",
        ]
        acts = self.rows("SELECT entry FROM runtime.act")
        assert sum('"k":"certificate"' in entry for (entry,) in acts) == 2

    async def test_no_body_is_an_error_of_ours_and_the_next_good_request_is_answered(self) -> None:
        session = self.sent(**two_signers())
        alice = self.page(session, "p1")
        for who in (
            {"veche-party": f"{alice.party} {alice.token}"},
            {"authorization": f"Bearer {TOWN_KEY}"},
            {"authorization": f"Bearer {SessionLevel.VERIFIED.label}"},
        ):
            self._serve()  # each asks as if for the first time: nobody waits for their turn
            known = {"session": session.id, "organisation": "town"}
            found, _ = await self.away(broken, API, self.url, who, known)
            logged = self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's
            assert (found, logged) == ([], [])
        signed = await self.away(self.page(session, "p2").view)

        assert signed["state"] == "open"

    async def test_who_is_second_signs_the_newer_file_with_the_same_certificate(self) -> None:
        session = self.sent(**two_signers())
        alice, bob = self.page(session, "p1"), self.page(session, "p2")

        def race() -> tuple[Any, Any]:
            view, key = bob.view(), FreshKey()
            issued = bob.certificate(key, self.keys[BOB])
            late = bob.revision(view, bob.document(view), key, issued.body)
            assert alice.sign(self.keys[ALICE]).status == 200
            refused = bob.hand_in(late)
            newer = bob.view()
            return refused, bob.hand_in(bob.revision(newer, bob.document(newer), key, issued.body))

        refused, done = await self.away(race)
        assert (refused.status, refused.errcode) == (409, "ORG.VECHE.STALE_REVISION")
        assert refused.body["revision"]["number"] == 1
        assert done.status == 200, done
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(2,)]

    async def test_an_approver_signs_by_their_key_alone(self) -> None:
        session = self.sent([approver("p1", ALICE, "Alice Adams")])

        done = await self.away(self.page(session, "p1").approve, self.keys[ALICE])
        assert done.status == 200, done
        assert done.body["parties"][0]["level"] == "S1"
        assert done.body["state"] == "sealing"

    async def test_declining_takes_the_key_and_is_final(self) -> None:
        session = self.sent(**two_signers())
        alice = self.page(session, "p1")

        forged = await self.away(alice.decline, self.keys[BOB], "not_mine")
        assert forged.status >= 400
        done = await self.away(alice.decline, self.keys[ALICE], "wrong_terms", "Too dear")
        assert done.status == 200, done
        assert done.body["state"] == "declined"
        again = await self.away(alice.sign, self.keys[ALICE])
        assert (again.status, again.errcode) == (409, "ORG.VECHE.SESSION_NOT_OPEN")

    async def test_a_link_shows_one_session_as_one_party_and_nothing_else(self) -> None:
        first, second = self.sent(**two_signers()), self.sent(**two_signers())
        alice = self.page(first, "p1")

        as_bob = SignPage(alice.origin, alice.session, "p2", alice.token, alice.key)
        elsewhere = SignPage(alice.origin, second.id, "p1", alice.token, alice.key)
        for wrong in (as_bob, elsewhere):
            path = f"/sessions/{wrong.session}"
            answer = await self.away(wrong.call, "GET", path)
            assert (answer.status, answer.errcode) == (404, "ORG.VECHE.NOT_FOUND")
        nobody = SignPage(alice.origin, first.id, "p1", "x", alice.key)
        answer = await self.away(nobody.call, "GET", f"/sessions/{first.id}")
        assert answer.status == 401


class CertificateTests(SigningSite):
    """A certificate is for one key, one document and one approval."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.sent(**two_signers())
        self.alice = self.page(self.session, "p1")

    async def certify(self, device: BrowserKey, **changes: Any) -> Any:
        return await self.away(self.alice.certificate, FreshKey(), device, **changes)

    async def test_the_same_approval_gives_the_same_certificate(self) -> None:
        def twice() -> tuple[Any, Any, Any]:
            key = FreshKey()
            asked = self.alice.ask(level="S2", key=key.id).body
            approval = approval_of(asked["asked"], asked["now_ms"])
            signed = self.keys[ALICE].signed(approval)
            other = self.alice.certify(FreshKey(), signed)
            return self.alice.certify(key, signed), self.alice.certify(key, signed), other

        first, second, other = await self.away(twice)
        assert other.status >= 400
        assert first.status == second.status == 200
        assert first.body == second.body

    async def test_no_other_persons_key_approves(self) -> None:
        answer = await self.certify(self.keys[BOB])
        assert answer.status >= 400
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(0,)]

    async def test_a_key_that_nobody_enrolled_approves_nothing(self) -> None:
        answer = await self.certify(BrowserKey())
        assert answer.errcode == "ORG.VECHE.KEY_UNKNOWN", answer

    async def test_a_fresh_key_that_the_page_does_not_have(self) -> None:
        def stolen() -> Any:
            victim, mine = FreshKey(), FreshKey()
            asked = self.alice.ask(level="S2", key=victim.id).body
            signed = self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))
            mine.spki = victim.spki
            return self.alice.certify(mine, signed)

        answer = await self.away(stolen)
        assert answer.errcode == "ORG.VECHE.BAD_SIGNATURE", answer
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(0,)]

    async def test_what_was_shown_cannot_be_something_else(self) -> None:
        def changed(field: str, value: Any) -> Any:
            key = FreshKey()
            asked = self.alice.ask(level="S2", key=key.id).body
            approval = approval_of(asked["asked"], asked["now_ms"])
            approval["shown"] = {**approval["shown"], field: value}
            return self.alice.certify(key, self.keys[ALICE].signed(approval))

        for field, value in (
            ("title", "Lease of flat 13"),
            ("sha256", unpadded_base64(hashlib.sha256(b"other").digest())),
            ("party", "p2"),
            ("effect", "each"),
            ("read", "elsewhere"),
            ("pages", 2),
        ):
            answer = await self.away(changed, field, value)
            assert answer.status >= 400, (field, answer)
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(0,)]

    async def test_an_approval_for_another_session_is_worth_nothing_here(self) -> None:
        other = self.page(self.sent(**two_signers()), "p1")

        def cross() -> Any:
            key = FreshKey()
            asked = other.ask(level="S2", key=key.id).body
            signed = self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))
            return self.alice.certify(key, signed)

        answer = await self.away(cross)
        assert answer.errcode == "ORG.VECHE.APPROVAL_MISMATCH"

    async def test_a_signature_by_another_key_is_not_taken(self) -> None:
        def forged() -> Any:
            view, key = self.alice.view(), FreshKey()
            issued = self.alice.certificate(key, self.keys[ALICE]).body
            pdf = self.alice.document(view)
            return self.alice.hand_in(self.alice.revision(view, pdf, FreshKey(), issued))

        answer = await self.away(forged)
        assert answer.errcode == "ORG.VECHE.BAD_SIGNATURE"
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

    async def test_a_signature_in_anothers_box_or_under_anothers_key_is_not_taken(self) -> None:
        def forged() -> list[Any]:
            view, key = self.alice.view(), FreshKey()
            issued = self.alice.certificate(key, self.keys[ALICE]).body
            pdf = self.alice.document(view)
            in_box = {**view, "you": {**view["you"], "field": "Sig2"}}
            wrong_box = self.alice.hand_in(self.alice.revision(in_box, pdf, key, issued))
            good = self.alice.revision(view, pdf, key, issued)
            garbled = self.alice.hand_in({**good, "increment": "A" * 400})
            other = self.alice.hand_in({**good, "sha256": good["previous_sha256"]})
            return [wrong_box, garbled, other]

        for answer in await self.away(forged):
            assert 400 <= answer.status < 500, answer
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

    async def test_its_list_is_public_and_says_that_it_is_good(self) -> None:
        answer = await self.certify(self.keys[ALICE])
        assert answer.status == 200, answer
        [(serial, held)] = self.rows("SELECT serial, list FROM signing.certificate")
        found = await self.away(_fetch, f"{self.url}/_veche/signing/v1/crl/{int(serial):x}.crl")
        assert found == bytes(held)


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 -- ours
        return bytes(answer.read())
