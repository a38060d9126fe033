"""Parties who sign with certificates of their own: a file, a card, a provider; and all refusals."""

from __future__ import annotations

import datetime as dt
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's

from appservices.signing.authority.core.levels import Level
from appservices.signing.closing.service.recording import record_of
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.evidence.core.checks import check_evidence
from appservices.signing.keys.places import open_token
from appservices.signing.papers.core.judged import judged
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.store import sessions
from tests.integration.appservices.signing.own import OwnSite
from tests.integration.appservices.signing.site import ALICE, BOB, SigningSite
from tests.support.bank import DAY, Bank
from tests.support.csc_server import CODE, PIN, Holder, Provider, served
from tests.support.keys import approval_of
from tests.support.softhsm import soft_hsm
from veche.documents.pki.cms import der_of
from veche.documents.signatures.report import Verdict
from veche.protocol.errors import MalformedError
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.runtime.database import Cursor

reactor: Any = default_reactor


class OwnCertificates(OwnSite):
    """What works, and all that is refused."""

    # Right

    async def test_one_signs_with_a_device_and_one_with_a_certificate_of_their_own(self) -> None:
        session, key = self.two(), rsa.generate_private_key(65_537, 2048)
        words = self.key_files(key, self.bank.issue("Robert Brown", key))
        alice = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        assert alice.status == 200, alice

        said = await self.sign(session, *words)

        assert "Lease of flat 12b" in said
        assert "with a certificate of their own" in said
        assert self.levels(session) == [("p1", "S2"), ("p2", "S3")]
        pdf = self.closed(session)
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED, report.findings
        assert [one.name for one in report.signers] == ["Alice Adams", "Robert Brown"]
        alone = judged(pdf, self.parts.authorities.trusted[:1], self.host.now_ms())
        assert alone.verdict is Verdict.UNPROVEN
        view = await self.away(self.page(session, "p1").view)
        [_, bob] = view["parties"]
        assert (bob["certificate"]["name"], bob["certificate"]["issuer"], bob["level"]) == (
            "Robert Brown",
            "Bank of Lindenau",
            "S3",
        )

    async def test_the_device_signs_after_the_certificate_too(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        await self.sign(session, *self.key_files(key, self.bank.issue("Bob Brown", key)))

        alice = await self.away(self.page(session, "p1").sign, self.keys[ALICE])

        assert alice.status == 200, alice
        report = judged(self.closed(session), self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED, report.findings

    async def test_a_card_signs_at_the_level_that_the_operator_gives(self) -> None:
        session = self.two(Level.QUALIFIED)
        with self.token() as (hsm, token):
            certificate = self.trust.issue("Bob Brown", token.make("SIGN"))
            (self.folder / "own.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
            words = ["--pkcs11", str(hsm.module), "--token", token.label, "--label", "SIGN"]
            words += ["--certificate", str(self.folder / "own.pem")]

            said = await self.sign(session, *words, "--pin-path", str(hsm.pin_path))

        assert "issued by Trust of Lindenau" in said
        assert self.levels(session) == [("p2", "S4")]

    async def test_a_provider_signs_and_gets_a_digest_alone(self) -> None:
        session, key = self.two(Level.QUALIFIED), ec.generate_private_key(ec.SECP256R1())
        holder = Holder(key, [self.trust.issue("Bob Brown", key)])
        with served(Provider({"one": holder})) as provider:
            said = await self.sign(session, *self.at(provider), **self.answers(PIN, CODE))

        assert "a key at a provider" in said
        assert self.levels(session) == [("p2", "S4")]
        sent = repr([body for _, body in provider.asked])
        assert "Lease" not in sent
        assert session.id not in sent
        assert [path for path, _ in provider.asked].count("signatures/signHash") == 1

    async def test_the_report_names_issuer_and_whose_word_the_level_is(self) -> None:
        session, key = self.two(Level.QUALIFIED), ec.generate_private_key(ec.SECP256R1())
        await self.sign(session, *self.key_files(key, self.trust.issue("Bob B.", key)))
        await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        pdf = self.closed(session)

        def work(txn: Cursor) -> Any:
            scene = self.scene_of(txn)
            found = sessions.read(txn, scene.vault, session.id)
            assert found is not None
            return record_of(scene, found, hashlib.sha256(pdf).digest(), "sealed")

        record = self.run_now(work)

        bob = record.parties[1]
        assert (bob.level, bob.certificate_name, bob.issuer) == (
            "S4",
            "Bob B.",
            "Trust of Lindenau",
        )
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert check_evidence(record, pdf, report) == []
        assert len(record.policy.roots) == 3

    # Certificates that are not taken

    async def test_another_authority_is_refused_and_named(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        stranger = Bank("Bank of Nowhere", self.now)

        answer = await self.announce(self.two(), stranger.issue("Bob Brown", key), stranger.root)

        assert answer.status == 409
        assert answer.body["errcode"] == "ORG.VECHE.CERTIFICATE_NOT_TAKEN"
        assert "Bank of Lindenau, Trust of Lindenau" in answer.body["error"]

    async def test_an_authority_of_the_same_name_with_another_key_is_refused(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        forged = Bank(self.bank.name, self.now)

        answer = await self.announce(self.two(), forged.issue("Bob Brown", key), forged.root)

        assert answer.status == 409

    async def test_expired_early_weak_and_other_use_are_refused_each_with_its_reason(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        weak = rsa.generate_private_key(65_537, 1024)  # noqa: S505 -- to be refused
        old = self.bank.issue("B", key, begins=self.now - 9 * DAY, ends=self.now - 3 * DAY)
        early = self.bank.issue("B", key, begins=self.now + DAY)
        login = self.bank.issue("B", key, is_for_logging_in=True)
        for certificate, words in (
            (old, "ended on"),
            (early, "begins only on"),
            (self.bank.issue("B", weak), "too weak"),
            (login, "not for signing documents"),
            (self.bank.issue("B", ec.generate_private_key(ec.SECP521R1())), "another kind"),
            (self.bank.root, "not for signing documents"),
        ):
            answer = await self.announce(session, certificate)

            assert (answer.status, answer.body["errcode"]) == (
                409,
                "ORG.VECHE.CERTIFICATE_NOT_TAKEN",
            ), words
            assert words in answer.body["error"], answer.body

    async def test_a_certificate_without_the_policy_does_not_count_as_qualified(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())

        answer = await self.announce(
            self.two(Level.QUALIFIED), self.trust.issue("Bob Brown", key, policies=["1.2.3.4"])
        )

        assert answer.status == 409
        assert "policies" in answer.body["error"]

    async def test_a_level_too_low_is_refused_with_what_is_needed(self) -> None:
        session, key = self.two(Level.QUALIFIED), ec.generate_private_key(ec.SECP256R1())

        own = await self.announce(session, self.bank.issue("Bob Brown", key))
        device = await self.away(self.page(session, "p2").sign, self.keys[BOB])
        click = await self.away(self.page(session, "p2").approve, self.keys[BOB])

        for answer in (own, device, click):
            assert answer.status == 409
            assert answer.body["errcode"] == "ORG.VECHE.SIGNATURE_LEVEL"
            assert "qualified certificate" in answer.body["error"]
        assert self.levels(session) == []

    async def test_who_is_asked_for_no_certificate_signs_on_the_page(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())

        answer = await self.announce(self.two(), self.bank.issue("Al", key), party="p1")

        assert answer.status == 409
        assert "sign on your page" in answer.body["error"]

    async def test_garbage_in_place_of_certificates_is_refused(self) -> None:
        session = self.two()
        page = self.page(session, "p2")
        path = f"/sessions/{page.session}/own-certificate"
        for chain, status in (
            (["AAAA"], 409),
            ([], 400),
            (["AAAA"] * 5, 400),
            (["A" * 20_000], 400),
            (["not base64!"], 400),
        ):
            answer = await self.away(page.call, "POST", path, {"party": "p2", "chain": chain})
            assert answer.status == status, answer

    # Revocation

    async def test_revoked_before_is_refused_and_after_changes_nothing(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.bank.issue("Bob Brown", key)
        words = self.key_files(key, certificate)
        session = self.two()
        self.lists["bank"] = self.bank.revocations((certificate, self.now - DAY))
        assert "revoked" in await self.refused(session, *words)
        assert self.levels(session) == []

        self.lists["bank"] = self.bank.revocations()
        await self.sign(session, *words, approves=False)
        await self.away(self.page(session, "p1").sign, self.keys[ALICE])

        pdf = self.closed(session)
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED, report.findings

    async def test_without_a_list_nothing_is_taken_and_it_says_why(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        self.lists["bank"] = b""

        said = await self.refused(session, *self.key_files(key, self.bank.issue("Bob", key)))

        assert "Nobody says now whether the certificate of Bob was revoked" in said
        assert self.levels(session) == []

    async def test_a_list_that_is_over_is_no_proof(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        self.lists["bank"] = self.bank.revocations(made=self.now - 3 * DAY)

        said = await self.refused(session, *self.key_files(key, self.bank.issue("Bob", key)))

        assert "Nobody says now whether the certificate of Bob was revoked" in said

    async def test_an_authority_that_has_no_list_answers(self) -> None:
        self.answer_alone(self.bank)
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())

        await self.sign(session, *self.key_files(key, self.bank.issue("Bob Brown", key)))
        await self.away(self.page(session, "p1").sign, self.keys[ALICE])

        pdf = self.closed(session)
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED, report.findings
        assert b"/OCSPs" in pdf

    async def test_whom_an_answer_calls_revoked_signs_nothing(self) -> None:
        self.answer_alone(self.bank, self.now - DAY)
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())

        said = await self.refused(session, *self.key_files(key, self.bank.issue("Bob", key)))

        assert "revoked" in said
        assert self.levels(session) == []

    # Who, what and when

    async def test_another_certificate_than_the_approved_one_is_refused(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        mine = self.bank.issue("Bob Brown", key)
        await self.announce(session, mine)
        approved = await self.away(self.approve_own, self.page(session, "p2"))
        assert approved.status == 200

        other = ec.generate_private_key(ec.SECP256R1())
        await self.announce(session, self.bank.issue("Mallory", other))
        stolen = self.key_files(other, self.bank.issue("Mallory", other))
        view = await self.away(self.page(session, "p2").view)
        assert view["you"]["own"]["is_approved"] is False
        with mock.patch("appservices.signing.commands.sign.session.APPROVAL_S_MAX", 0):
            said = await self.refused(session, *stolen, approves=False)

        assert "in time" in said
        assert self.levels(session) == []

    async def test_nobody_else_approves_and_an_approval_is_of_one_key(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        page = self.page(session, "p2")
        await self.announce(session, self.bank.issue("Bob Brown", key))
        asked = await self.away(lambda: page.ask(level="S3", key=page.view()["you"]["own"]["key"]))
        approval = approval_of(asked.body["asked"], asked.body["now_ms"])

        by_alice = await self.away(self.hand_approval, page, self.keys[ALICE].signed(approval))
        other = ec.generate_private_key(ec.SECP256R1())
        await self.announce(session, self.bank.issue("Bob Brown", other))
        of_other = await self.away(self.hand_approval, page, self.keys[BOB].signed(approval))

        assert by_alice.status != 200
        assert (of_other.status, of_other.body["errcode"]) == (409, "ORG.VECHE.APPROVAL_MISMATCH")
        assert self.rows("SELECT 1 FROM signing.certificate") == []

    async def test_two_people_do_not_sign_by_one_certificate(self) -> None:
        session = self.sent(
            [
                Invited("p1", Role.SIGNER, ALICE, "Alice Adams", level=Level.OWN),
                Invited("p2", Role.SIGNER, BOB, "Bob Brown", level=Level.OWN),
            ]
        )
        key = ec.generate_private_key(ec.SECP256R1())
        mine = self.bank.issue("Bob Brown", key)
        await self.announce(session, mine)
        await self.away(self.approve_own, self.page(session, "p2"))

        answer = await self.announce(session, mine, party="p1")

        assert answer.status == 409
        assert "Somebody else" in answer.body["error"]

    async def test_a_wrong_code_stops_it_before_anything_is_told(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        words = self.key_files(key, self.bank.issue("Bob", key))
        wrong = f"{(int(session.code) + 1) % 10_000:04}"

        said = await self.refused(session, *words, code=wrong)

        assert "do not sign" in said
        assert self.rows("SELECT 1 FROM signing.own_certificate") == []

    async def test_a_second_signature_and_a_replay_are_refused(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        words = self.key_files(key, self.bank.issue("Bob Brown", key))
        await self.sign(session, *words)

        again = await self.refused(session, *words, approves=False)
        page = self.page(session, "p2")
        view = await self.away(page.view)
        replay = await self.away(page.hand_in, {**view["revisions"][0], "number": 2})

        assert "cannot sign here now" in again
        assert replay.status == 409
        assert self.levels(session) == [("p2", "S3")]

    async def test_an_approval_that_is_too_old_has_to_be_given_again(self) -> None:
        session, key = self.two(), ec.generate_private_key(ec.SECP256R1())
        await self.announce(session, self.bank.issue("Bob Brown", key))
        page = self.page(session, "p2")
        await self.away(self.approve_own, page)
        self.rows(
            "UPDATE signing.certificate SET issued_at_ms = issued_at_ms - 3600001 RETURNING 1"
        )

        view = await self.away(page.view)

        assert view["you"]["own"]["is_approved"] is False

    # The provider

    async def test_a_wrong_pin_a_late_code_and_a_provider_that_is_down(self) -> None:
        session, key = self.two(Level.QUALIFIED), ec.generate_private_key(ec.SECP256R1())
        holder = Holder(key, [self.trust.issue("Bob Brown", key)])
        with served(Provider({"one": holder})) as provider:
            wrong = await self.refused(session, *self.at(provider), **self.answers("0000", CODE))
            late = await self.refused(
                session, *self.at(provider), **self.answers(PIN, "000000"), approves=False
            )
            provider.answers["signatures/signHash"] = (503, b'{"error":"down"}')
            down = await self.refused(
                session, *self.at(provider), **self.answers(PIN, CODE), approves=False
            )
            del provider.answers["signatures/signHash"]
            assert self.levels(session) == []
            await self.sign(session, *self.at(provider), **self.answers(PIN, CODE), approves=False)

        assert "invalid" in wrong
        assert "invalid" in late
        assert "cannot do it now" in down
        assert self.levels(session) == [("p2", "S4")]

    @contextmanager
    def token(self) -> Iterator[tuple[Any, Any]]:
        folder = self.folder / "hsm"
        folder.mkdir()
        with contextmanager(soft_hsm)(folder) as hsm:
            label = hsm.new_token()
            token = open_token(hsm.module, label, hsm.pin_path.read_text().strip())
            yield hsm, _Labelled(label, token)


class _Labelled:
    """A token and what it is called."""

    def __init__(self, label: str, token: Any) -> None:
        self.label, self.make = label, token.make


class NobodyElsewhere(SigningSite):
    """A site that takes no certificates from elsewhere."""

    async def test_nothing_is_taken_and_nobody_is_asked_for_one(self) -> None:
        session = self.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams")])
        page, key = self.page(session, "p1"), ec.generate_private_key(ec.SECP256R1())
        self.rows("UPDATE signing.party SET level_min = 'S3' RETURNING 1")
        bank = Bank("Bank", dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC))
        body = {"party": "p1", "chain": [encode_base64(der_of(bank.issue("Alice", key)))]}

        path = f"/sessions/{page.session}/own-certificate"
        answer = await self.away(page.call, "POST", path, body)

        assert answer.status == 409
        assert "No certificates from elsewhere" in answer.body["error"]
        with self.assertRaisesRegex(MalformedError, "no authority is configured"):
            self.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams", level=Level.OWN)])
