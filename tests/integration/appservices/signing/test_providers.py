"""Parties who sign at a provider on their page: all of it over HTTP, and all that goes wrong."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_der_x509_certificate

from appservices.signing.authority.core.levels import Level
from appservices.signing.papers.core.judged import judged
from appservices.signing.signatures.service import remote_signing
from tests.integration.appservices.signing.provider_site import ProviderSite
from tests.integration.appservices.signing.site import ALICE, BOB
from tests.support.csc_server import ACCESS, CODE, PIN, Holder
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Proofs, prepare_signature
from veche.documents.pki.cms import Signer
from veche.documents.signatures.report import Verdict
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.sessions.core.records import Session
    from tests.support.calls import Answer
    from tests.support.sign_page import SignPage

SAID = ({"id": "PIN", "value": PIN}, {"id": "OTP", "value": CODE})
WRONG_PIN = "0815-unmistakable"


class Providers(ProviderSite):
    """Bob has a qualified certificate at a provider, and signs by it on his page."""

    def post(self, page: SignPage, path: str, **body: Any) -> Answer:
        where = f"/sessions/{page.session}/{path}"
        return page.call("POST", where, {"party": page.party, **body})

    def look(self, page: SignPage, user: str = "bob-17") -> Answer:
        return self.post(page, "provider/credentials", provider="trust", user=user)

    def choose(self, page: SignPage, credential: str = "one") -> Answer:
        [found] = [
            one for one in self.look(page).body["credentials"] if one["credential"] == credential
        ]
        told = self.post(
            page,
            "own-certificate",
            chain=found["chain"],
            provider="trust",
            credential=credential,
        )
        assert told.status == 200, told
        return self.approve_own(page)

    def digest(self, page: SignPage, order: Mapping[str, Any]) -> tuple[Any, Signer, bytes]:
        """What Bob's page prepares, the signer, and the attributes that are signed."""
        view = page.view()
        chain = [load_der_x509_certificate(decode_base64(one)) for one in order["chain"]]
        known = [*view["proofs"]["certificates"], *order["chain"][1:], *order["certificates"]]
        lists = [*order["lists"], *view["proofs"]["lists"]]
        proofs = Proofs([*map(decode_base64, known)], [*map(decode_base64, lists)])
        whole = page.document(view)
        prepared = prepare_signature(
            Document(whole), view["you"]["field"], proofs, "Bob", order["at_ms"], bytes_max=9000
        )
        signer = Signer(chain[0], chain[1:])
        return prepared, signer, signer.signed_attributes(prepared.digest)

    def hand(self, page: SignPage, order: Mapping[str, Any], prepared: Any, signer: Any) -> Answer:
        view = page.view()
        whole = page.document(view)
        attributes = signer.signed_attributes(prepared.digest)
        signature = decode_base64(order["signature"])
        token = page.stamp(hashlib.sha256(signature).digest())
        increment = prepared.filled(signer.detached(attributes, signature, token))
        return page.hand_in(page.told(view, whole, whole + increment, increment))

    def ordered(self, page: SignPage, said: Sequence[Mapping[str, str]] = SAID) -> Any:
        """An order, and the answer to the first attempt to have it signed."""
        self.post(page, "provider/begin")
        order = self.post(page, "provider/order")
        assert order.status == 200, order
        prepared, signer, attributes = self.digest(page, order.body)
        told = encode_base64(hashlib.sha256(attributes).digest())
        return prepared, signer, self.post(page, "provider/signature", digest=told, said=list(said))

    def whole(self, page: SignPage) -> Answer:
        prepared, signer, answer = self.ordered(page)
        assert (answer.status, answer.body.get("state")) == (200, "signed"), answer
        return self.hand(page, answer.body, prepared, signer)

    def bob(self, level: Level = Level.QUALIFIED) -> tuple[Session, SignPage]:
        session = self.two(level)
        return session, self.page(session, "p2")

    def all_rows(self) -> str:
        """All that the database has, as text; bytes are in hexadecimal digits."""
        tables = self.rows(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = [self.rows(f"SELECT t::text FROM {name} t") for (name,) in tables]  # noqa: S608
        return "\n".join(str(row[0]) for rows in found for row in rows)

    async def test_a_party_signs_at_a_provider_that_gets_a_digest_alone(self) -> None:
        session, page = self.bob()
        found = await self.away(self.look, page)
        [one] = found.body["credentials"]
        assert (one["own"]["name"], one["own"]["authority"], one["own"]["level"]) == (
            "Bob Brown",
            "Trust of Lindenau",
            "S4",
        )
        await self.away(self.choose, page)
        fields = await self.away(self.post, page, "provider/begin")
        assert [(f["id"], f["is_sent"]) for f in fields.body["fields"]] == [
            ("PIN", False),
            ("OTP", True),
        ]

        answer = await self.away(self.whole, page)

        assert answer.status == 200, answer
        assert self.levels(session) == [("p2", "S4")]
        await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        report = judged(self.closed(session), self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED, report.findings
        sent = repr(self.provider.asked)
        assert "Lease" not in sent
        assert session.id not in sent

    async def test_an_rsa_key_whose_holder_agrees_in_an_app_is_waited_for(self) -> None:
        self.holder.key = rsa.generate_private_key(65_537, 2048)
        self.holder.chain = [self.trust.issue("Bob Brown", self.holder.key)]
        self.holder.asked, self.holder.waits = ("APP",), 2
        session, page = self.bob()
        await self.away(self.choose, page)

        prepared, signer, first = await self.away(self.ordered, page, ())
        second = await self.away(self.post, page, "provider/check")
        third = await self.away(self.post, page, "provider/check")
        again = await self.away(self.post, page, "provider/check")

        assert [one.body["state"] for one in (first, second, third, again)] == [
            "waiting",
            "waiting",
            "signed",
            "signed",
        ]
        assert first.body["until_ms"] - first.body["at_ms"] == remote_signing.ORDER_MS
        # The answer may have been lost, or the page opened anew: it is there still.
        assert again.body["signature"] == third.body["signature"]
        assert self.levels(session) == []
        done = await self.away(self.hand, page, again.body, prepared, signer)
        assert done.status == 200, done
        assert self.levels(session) == [("p2", "S4")]

    async def test_who_says_no_in_the_app_has_signed_nothing(self) -> None:
        self.holder.asked, self.holder.waits = ("APP",), 2
        session, page = self.bob()
        await self.away(self.choose, page)
        await self.away(self.ordered, page, ())
        self.holder.says_no = True

        no = await self.away(self.post, page, "provider/check")
        after = await self.away(self.post, page, "provider/check")

        assert (no.status, no.body["errcode"]) == (409, "ORG.VECHE.PROVIDER_REFUSED")
        assert "The user has refused" in no.body["error"]
        assert after.body["state"] == "none"
        assert self.levels(session) == []

    async def test_wrong_pins_are_refused_until_it_is_locked_and_stand_nowhere(self) -> None:
        heard: list[str] = []
        handler = _Heard(heard)
        logging.getLogger().addHandler(handler)
        self.addCleanup(logging.getLogger().removeHandler, handler)
        self.holder.tries = 2
        session, page = self.bob()
        await self.away(self.choose, page)
        wrong = ({"id": "PIN", "value": WRONG_PIN}, {"id": "OTP", "value": CODE})
        answers = []
        for _ in range(3):
            _, _, answer = await self.away(self.ordered, page, wrong)
            answers.append(answer)

        assert [one.status for one in answers] == [409] * 3
        assert "authentication data is invalid" in answers[0].body["error"]
        assert "locked" in answers[2].body["error"]
        assert WRONG_PIN in repr(self.provider.asked)
        assert WRONG_PIN not in repr([one.body for one in answers])
        assert WRONG_PIN not in "\n".join(heard)
        rows = self.all_rows()
        assert self.rows("SELECT 1 FROM signing.provider_order")
        for said in (WRONG_PIN, CODE, ACCESS):
            assert said not in rows
            assert said.encode().hex() not in rows
        assert self.levels(session) == []

    async def test_a_pin_that_is_no_text_is_not_repeated_in_the_refusal(self) -> None:
        _, page = self.bob()
        await self.away(self.choose, page)
        digest = encode_base64(bytes(32))
        for said in (
            [{"id": "PIN", "value": f"{WRONG_PIN}\n"}],
            [{"id": "PIN", "value": WRONG_PIN * 100}],
            [{"id": "PIN", "value": [WRONG_PIN]}],
            [{"id": "PIN", "value": WRONG_PIN}] * 6,
        ):
            answer = await self.away(
                self.post, page, "provider/signature", digest=digest, said=said
            )
            assert answer.status == 400, answer
            assert WRONG_PIN not in repr(answer.body)

    async def test_nothing_is_signed_before_the_device_key_has_approved_the_certificate(
        self,
    ) -> None:
        session, page = self.bob()
        [one] = (await self.away(self.look, page)).body["credentials"]
        told = {"chain": one["chain"], "provider": "trust", "credential": "one"}
        await self.away(self.post, page, "own-certificate", **told)

        for path in ("provider/begin", "provider/order", "provider/check"):
            answer = await self.away(self.post, page, path)
            assert answer.status == 409, answer
            assert "Approve the certificate" in answer.body["error"]
        sent = {path for path, _ in self.provider.asked}
        assert sent <= {"info", "credentials/list", "credentials/info"}
        assert self.levels(session) == []

    async def test_a_provider_is_asked_nothing_once_the_device_key_is_revoked(self) -> None:
        session, page = self.bob()
        await self.away(self.choose, page)
        begun = await self.away(self.post, page, "provider/begin")
        assert begun.status == 200, begun
        key = self.keys[BOB].id
        self.run_now(lambda txn: self.host.approvals.revoke(txn, BOB, key, self.host.now_ms()))
        sent = len(self.provider.asked)

        for path in ("provider/begin", "provider/order"):
            answer = await self.away(self.post, page, path)
            assert (answer.status, answer.body["errcode"]) == (409, "ORG.VECHE.KEY_REVOKED")
        assert len(self.provider.asked) == sent
        assert self.levels(session) == []

    async def test_another_certificate_at_the_provider_is_not_signed_with(self) -> None:
        session, page = self.bob()
        await self.away(self.choose, page)
        self.holder.chain = [self.trust.issue("Mallory", self.key)]

        answer = await self.away(self.post, page, "provider/begin")

        assert answer.status == 409
        assert "another certificate now" in answer.body["error"]
        assert self.levels(session) == []

    async def test_certificates_that_are_not_taken_are_shown_with_the_reason(self) -> None:
        key = self.key
        day = self.now - (self.now - self.trust.root.not_valid_before_utc)
        old = self.trust.issue("Bob", key, begins=day, ends=self.now - (self.now - day) / 2)
        weak = rsa.generate_private_key(65_537, 1024)  # noqa: S505 -- to be refused
        self.provider.holders |= {
            "old": Holder(key, [old]),
            "weak": Holder(weak, [self.trust.issue("Bob", weak)]),
            "off": Holder(key, [self.trust.issue("Bob", key)], status="disabled"),
            "page": Holder(key, [self.trust.issue("Bob", key)], mode="oauth2code"),
        }
        self.provider.users["bob-17"] = ["old", "weak", "off", "page", "one"]
        _, page = self.bob()

        found = (await self.away(self.look, page)).body["credentials"]

        assert found[0]["credential"] == "one"
        refusals = {one["credential"]: one["refusal"] for one in found}
        assert refusals["one"] == ""
        for name, words in (
            ("old", "ended on"),
            ("weak", "too weak"),
            ("off", "not enabled"),
            ("page", "a page of its provider"),
        ):
            assert words in refusals[name], refusals

    async def test_a_stranger_finds_nothing_and_cannot_go_on_trying(self) -> None:
        session, page = self.bob()
        unknown = await self.away(self.look, page, "nobody")
        assert (unknown.status, unknown.body["errcode"]) == (409, "ORG.VECHE.PROVIDER_REFUSED")
        for _ in range(9):
            await self.away(self.look, page, "nobody")

        limited = await self.away(self.look, page, "bob-17")
        alice = await self.away(self.look, self.page(session, "p1"))
        mine = self.page(session, "p2")
        mine.token = "x" * 32
        stolen = await self.away(self.look, mine)

        assert limited.status == 429
        assert (alice.status, alice.body["errcode"]) == (409, "ORG.VECHE.CERTIFICATE_NOT_TAKEN")
        assert stolen.status == 404

    async def test_a_provider_that_is_down_slow_or_hostile_leaves_nothing_half_done(self) -> None:
        for path, answer, status, words in (
            ("signatures/signHash", (503, b'{"error":"down"}'), 503, "cannot do it now"),
            ("signatures/signHash", (200, b'{"signatures":["AAAA"]}'), 409, "not signed by"),
            ("signatures/signHash", (200, b'{"signatures":[]}'), 503, "another way"),
            ("credentials/authorize", (200, b"<html>"), 503, "another way"),
            ("credentials/authorize", (200, b'{"SAD":7}'), 503, "another way"),
            ("credentials/authorize", (302, b""), 409, "redirects"),
            ("credentials/info", (200, b"{}"), 409, "not enabled"),
            ("credentials/authorize", (401, b"{}"), 409, "access token"),
        ):
            session, page = self.bob()
            await self.away(self.choose, page)
            self.holder.has_code = True
            self.provider.answers = {path: answer}
            _, _, said = await self.away(self.ordered, page)
            assert said.status == status, (path, answer, said)
            assert words in said.body["error"], said.body
            self.provider.answers = {}
            assert self.levels(session) == []
        done = await self.away(self.whole, page)

        assert done.status == 200, done

    async def test_an_order_that_is_too_old_or_overtaken_is_begun_anew(self) -> None:
        session, page = self.bob()
        await self.away(self.choose, page)
        order = await self.away(self.post, page, "provider/order")
        digest = encode_base64(bytes(32))
        await self.away(self.page(session, "p1").sign, self.keys[ALICE])

        overtaken = await self.away(
            self.post, page, "provider/signature", digest=digest, said=list(SAID)
        )
        await self.away(self.post, page, "provider/order")
        self.rows("UPDATE signing.provider_order SET at_ms = at_ms - 240001 RETURNING 1")
        late = await self.away(
            self.post, page, "provider/signature", digest=digest, said=list(SAID)
        )
        done = await self.away(self.whole, page)

        assert order.body["revision"] == 1
        assert (overtaken.status, overtaken.body["errcode"]) == (409, "ORG.VECHE.NO_ORDER")
        assert "Somebody else" in overtaken.body["error"]
        assert "too long" in late.body["error"]
        assert done.status == 200, done

    async def test_a_revoked_certificate_signs_nothing(self) -> None:
        session, page = self.bob()
        await self.away(self.choose, page)
        revoked = (self.holder.chain[0], self.now)
        self.lists["trust"] = self.trust.revocations(revoked)

        answer = await self.away(self.whole, page)

        assert (answer.status, answer.body["errcode"]) == (400, "ORG.VECHE.BAD_SIGNATURE")
        assert "revoked" in answer.body["error"]
        assert self.levels(session) == []

    async def test_an_authority_that_has_no_list_answers(self) -> None:
        self.answer_alone(self.trust)
        self.holder.chain = [self.trust.issue("Bob Brown", self.holder.key)]
        session, page = self.bob()
        await self.away(self.choose, page)

        answer = await self.away(self.whole, page)

        assert answer.status == 200, answer
        assert self.levels(session) == [("p2", "S4")]

    async def test_where_nobody_says_whether_it_was_revoked_the_provider_is_not_asked(self) -> None:
        self.lists["trust"] = b""
        _, page = self.bob()
        await self.away(self.choose, page)
        asked = len(self.provider.asked)

        answer = await self.away(self.post, page, "provider/order")

        assert (answer.status, answer.body["errcode"]) == (409, "ORG.VECHE.NO_PROOF")
        assert "Nobody says now whether the certificate of Bob Brown" in answer.body["error"]
        assert len(self.provider.asked) == asked


class _Heard(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(0)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.exc_info}")
