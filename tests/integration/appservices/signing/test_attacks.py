"""Attacks on sessions of signers: races, things out of turn, what must not be in the tables."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from appservices.signing.authority.core.levels import Level
from appservices.signing.certificates import store as certificates
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.evidence.core import record as evidence
from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core import parties
from appservices.signing.sessions.core.parties import Role, Stage
from appservices.signing.sessions.service.tokens import key_text
from appservices.signing.signatures.service import certifying, taking
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    CAROL,
    PDF,
    SigningSite,
    approver,
    two_signers,
)
from tests.support.keys import approval_of, decline_of
from tests.support.sign_page import FreshKey, SignPage
from veche.contracts.signing.card import SIGN_REQUEST_KEY
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres


def at_once(*works: Any) -> list[Any]:
    """Do several things at the same time; what each gave."""
    found: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(at: int) -> None:
        gate.wait(30)
        found[at] = works[at]()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(works))]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    return found


def test_the_record_has_room_for_everybody_and_who_acts_for_them() -> None:
    assert evidence.PARTIES_MAX >= 2 * parties.PARTIES_MAX


class RaceTests(SigningSite):
    """What comes at the same moment counts once, or not at all."""

    def act(self, session: Any, work: Any, *args: Any) -> Any:
        """Do something in a session, in a transaction."""

        def locked(txn: Any) -> Any:
            scene = self.scene_of(txn)
            held = scene.session(session.id)
            assert held is not None
            return work(scene, held, *args)

        return self.run_now(locked)

    def made(self, page: SignPage, person: UserId) -> dict[str, Any]:
        """A signature that was not handed in yet."""
        view, key = page.view(), FreshKey()
        issued = page.certificate(key, self.keys[person])
        assert issued.status == 200, issued
        return page.revision(view, page.document(view), key, issued.body)

    async def test_the_same_signature_twice_at_once_counts_once(self) -> None:
        alice = self.page(self.sent(**two_signers()), "p1")
        revision = await self.away(self.made, alice, ALICE)
        hand_in = lambda: alice.hand_in(revision)  # noqa: E731 -- twice
        answers = await self.away(at_once, hand_in, hand_in)
        assert sorted(one.status for one in answers) == [200, 409], answers
        assert self.rows("SELECT count(*) FROM signing.revision") == [(1,)]
        assert self.rows("SELECT count(*) FROM signing.signature") == [(1,)]

    async def test_signing_and_cancelling_at_once_end_in_one_of_both(self) -> None:
        session = self.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams")])
        alice = self.page(session, "p1")
        revision = await self.away(self.made, alice, ALICE)

        def cancel() -> bool:
            try:
                self.act(session, acting.cancelled)
            except Exception:  # noqa: BLE001 -- came second
                return False
            return True

        signed, is_cancelled = await self.away(at_once, lambda: alice.hand_in(revision), cancel)
        assert (signed.status == 200) != is_cancelled, signed
        [(state, ended)] = self.rows("SELECT state, ended_at_ms IS NOT NULL FROM signing.session")
        assert (state, ended) == (("cancelled", True) if is_cancelled else ("sealing", False))
        [(count,)] = self.rows("SELECT count(*) FROM signing.signature")
        assert count == (0 if is_cancelled else 1)

    async def test_who_is_taken_back_while_their_certificate_is_made(self) -> None:
        session = self.sent(**two_signers(), may_delegate=True)
        self.act(session, acting.delegated, "p1", CAROL, "Carol Clark")
        approved = certificates.Approved(7, session.id, "p3", CAROL, "n", b"spki", 1)
        self.run_now(certificates.add_approved, approved)

        taken_back = self.act(session, acting.taken_back, "p1")
        assert [one.id for one in taken_back.members] == ["p1", "p2"]
        assert not self.rows("SELECT nonce FROM signing.certifying")

    async def test_nothing_is_signed_after_the_deadline_before_its_clock_fires(self) -> None:
        session = self.sent(
            [*two_signers()["invited"], approver("p3", CAROL, "Carol Clark")],
            deadline_at_ms=self.host.now_ms() + 60_000,
        )
        alice, carol = self.page(session, "p1"), self.page(session, "p3")
        revision = await self.away(self.made, alice, ALICE)
        asked = (await self.away(carol.ask)).body
        approval = self.keys[CAROL].signed(approval_of(asked["asked"], asked["now_ms"]))
        self.rows("UPDATE signing.session SET deadline_at_ms = made_at_ms RETURNING 1")

        late = await self.away(alice.hand_in, revision)
        body = {"party": "p3", "approval": approval}
        path = f"/sessions/{session.id}/signatures"
        late_approval = await self.away(carol.call, "POST", path, body)
        for one in (late, late_approval, await self.away(alice.ask)):
            assert (one.status, one.errcode) == (409, "ORG.VECHE.SESSION_NOT_OPEN")
            assert one.body["state"] == "expired"
        assert self.rows("SELECT count(*) FROM signing.signature") == [(0,)]

    async def test_a_certificate_that_was_revoked_signs_nothing_any_more(self) -> None:
        alice = self.page(self.sent(**two_signers()), "p1")
        revision = await self.away(self.made, alice, ALICE)
        before = taking.check_held

        def revoked_meanwhile(*args: Any) -> None:
            before(*args)
            self.rows("UPDATE signing.certificate SET revoked_at_ms = 1 RETURNING 1")

        cast("Any", self).patch(taking, "check_held", revoked_meanwhile)
        answer = await self.away(alice.hand_in, revision)
        assert answer.errcode == "ORG.VECHE.BAD_SIGNATURE", answer
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

    async def test_a_device_that_was_lost_signs_nothing_that_it_approved_before(self) -> None:
        alice = self.page(self.sent(**two_signers()), "p1")
        revision = await self.away(self.made, alice, ALICE)
        self.rows("UPDATE runtime.device_key SET revoked_at_ms = 1 RETURNING 1")

        answer = await self.away(alice.hand_in, revision)
        assert answer.errcode == "ORG.VECHE.KEY_REVOKED", answer
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

    async def test_a_lost_device_gets_no_certificate_for_what_waits(self) -> None:
        alice, key = self.page(self.sent(**two_signers()), "p1"), FreshKey()

        def approved() -> dict[str, Any]:
            asked = alice.ask(level="S2", key=key.id).body
            return self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))

        signed = await self.away(approved)
        before = certifying.sign

        def revoked_meanwhile(*args: Any) -> Any:
            self.rows("UPDATE runtime.device_key SET revoked_at_ms = 1 RETURNING 1")
            return before(*args)

        cast("Any", self).patch(certifying, "sign", revoked_meanwhile)
        for _ in range(2):  # also where the certificate was approved before, and is asked for again
            answer = await self.away(alice.certify, key, signed)
            assert answer.errcode == "ORG.VECHE.KEY_REVOKED", answer
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(0,)]


class ReplayTests(SigningSite):
    """An approval is for one thing, one level, one party, one session."""

    def asked(self, page: SignPage, **changes: Any) -> tuple[dict[str, Any], int]:
        answer = page.ask(**changes)
        assert answer.status == 200, answer
        return answer.body["asked"], answer.body["now_ms"]

    async def test_no_approval_stands_for_another_level_party_or_answer(self) -> None:
        invited = [
            Invited("p1", Role.SIGNER, ALICE, "Alice Adams", level=Level.APPROVAL),
            Invited("p2", Role.SIGNER, BOB, "Bob Brown", level=Level.APPROVAL),
        ]
        session, other = self.sent(invited), self.sent(invited)
        alice, bob = self.page(session, "p1"), self.page(session, "p2")
        elsewhere = self.page(other, "p1")
        path = f"/sessions/{session.id}"

        def attempts() -> list[Any]:
            device, key = self.keys[ALICE], FreshKey()
            advanced = device.signed(approval_of(*self.asked(alice, level="S2", key=key.id)))
            as_click = alice.call(
                "POST", f"{path}/signatures", {"party": "p1", "approval": advanced}
            )
            simple = device.signed(approval_of(*self.asked(alice)))
            as_certificate = alice.certify(FreshKey(), simple)
            as_bob = bob.call("POST", f"{path}/signatures", {"party": "p2", "approval": simple})
            there = elsewhere.call(
                "POST",
                f"/sessions/{other.id}/signatures",
                {"party": "p1", "approval": simple},
            )
            declined = device.signed(decline_of(*self.asked(alice)))
            refusal = alice.call(
                "POST", f"{path}/signatures", {"party": "p1", "approval": declined}
            )
            body = {"party": "p1", "reason_code": "other", "approval": simple}
            consent = alice.call("POST", f"{path}/decline", body)
            not_theirs = elsewhere.call(
                "POST", f"/sessions/{other.id}/decline", {**body, "approval": declined}
            )
            old = alice.call("POST", f"{path}/signatures", {"party": "p1", "approval": simple})
            return [
                as_click,
                as_certificate,
                as_bob,
                there,
                refusal,
                consent,
                not_theirs,
                old,
            ]

        for n, answer in enumerate(await self.away(attempts)):
            assert 400 <= answer.status < 500, (n, answer)
        assert self.rows("SELECT count(*) FROM signing.signature") == [(0,)]
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(0,)]
        assert {one for (one,) in self.rows("SELECT state FROM signing.party")} == {"invited"}

    async def test_a_viewer_and_a_witness_before_their_turn_act_in_no_way(self) -> None:
        invited = [
            Invited("p1", Role.SIGNER, ALICE, "Alice Adams"),
            Invited("p2", Role.WITNESS, BOB, "Bob Brown", of="p1"),
            Invited("p3", Role.VIEWER, CAROL, "Carol Clark"),
        ]
        session = self.sent(invited, stages=[Stage(("p1", "p2"))])

        for party, person in (("p2", BOB), ("p3", CAROL)):
            page = self.page(session, party)
            assert (await self.away(page.view))["you"]["can_act"] is False
            for answer in (
                await self.away(page.sign, self.keys[person]),
                await self.away(page.approve, self.keys[person]),
                await self.away(page.decline, self.keys[person], "other"),
            ):
                assert answer.status == 409, answer

    async def test_the_link_of_a_delegate_who_was_taken_back_opens_nothing(self) -> None:
        session = self.sent(**two_signers(), may_delegate=True)

        def delegate(txn: Any, person: UserId) -> Any:
            scene = self.scene_of(txn)
            held = scene.session(session.id)
            assert held is not None
            return acting.delegated(scene, held, "p1", person, "Them")

        def back(txn: Any) -> None:
            scene = self.scene_of(txn)
            held = scene.session(session.id)
            assert held is not None
            acting.taken_back(scene, held, "p1")

        first = self.page(self.run_now(delegate, CAROL), "p3")
        await self.away(first.call, "POST", f"/sessions/{session.id}/view", {})
        self.run_now(back)
        gone = await self.away(first.call, "GET", f"/sessions/{session.id}")
        assert gone.status == 404
        # The next one is another party, so what the record says of the first is not of them.
        held = self.run_now(delegate, DAVE)
        assert [one.id for one in held.members] == ["p1", "p2", "p4"]
        whose = self.rows("SELECT what, party FROM signing.event WHERE party IN ('p3', 'p4')")
        assert whose == [("invited", "p3"), ("viewed", "p3"), ("invited", "p4")]

    async def test_lists_have_one_address_each(self) -> None:
        alice = self.page(self.sent(**two_signers()), "p1")
        await self.away(alice.certificate, FreshKey(), self.keys[ALICE])
        [(serial,)] = self.rows("SELECT serial FROM signing.certificate")
        name = f"{int(serial):x}"
        for wrong in (f"0x{name}", f"0{name}", f"%20{name}", f"{name[0]}_{name[1:]}", f"-{name}"):
            answer = await self.away(alice.call, "GET", f"/crl/{wrong}.crl")
            assert answer.status == 404, (wrong, answer)


class TableTests(ChatSite):
    """What a dump of the database tells, and what the record says in the end."""

    async def prepare(self, title: str, who: str, *more: str) -> None:
        self.send_file(CAROL, PDF, "canaryfile.pdf")
        await self.settle()
        await self.say_all(CAROL, title, who)
        await self.tap(CAROL, *more, "send")

    async def sign(self, person: UserId) -> None:
        page = SignPage.of(self.card(person, SIGN_REQUEST_KEY)["page"])
        answer = await self.away(page.sign, self.keys[person])
        assert answer.status == 200, answer
        await self.settle()

    async def test_a_delegation_that_was_taken_back_leaves_evidence_that_fits(self) -> None:
        self.chat(CAROL, ALICE, BOB, DAVE)
        await self.prepare("Lease", "alice, bob", "delegation")
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "dave")
        assert await self.approve(ALICE) == "approved"
        assert await self.approve(ALICE) == "approved"
        await self.sign(ALICE)
        await self.sign(BOB)

        [(_, pdf), (_, report)] = self.files(CAROL)
        record = read_evidence(report)
        judgement = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert check_evidence(record, pdf, judgement) == []
        assert {one.party for one in record.parties} == {"p1", "p2"}
        assert record.delegations == ()
        assert "taken_back" in {one.what for one in record.events}

    async def test_a_dump_tells_nothing_of_what_was_signed_and_why(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        self.send_file(CAROL, PDF, "canaryfile.pdf")
        # Before it is fetched: the key of the file in the chat.
        assert not self.dump() & {b"canaryfile", b"key_ops"}
        await self.settle()
        await self.say_all(CAROL, "Canarytitle", "alice, bob")
        await self.tap(CAROL, "send")
        await self.tap(ALICE, "ask")
        await self.say_all(ALICE, "Canaryquestion?")
        await self.say_all(CAROL, "Canaryanswer.")
        await self.sign(ALICE)
        await self.tap(BOB, "decline", "wrong_terms")
        await self.say_all(BOB, "Canaryreason")
        # A label of a question has the name of the file, until the question is wiped.
        assert self.dump() <= {b"canaryfile"}
        # What stood in a question still stands there once it has ended.
        assert "Why do you decline \u201cCanarytitle\u201d" in self.all_said(BOB)

    def dump(self) -> set[bytes]:
        """Which of the words that nobody may find there are in the tables."""
        tables = self.rows(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname IN ('signing', 'runtime', 'crypto')"
        )
        words = {b"canary" + one for one in (b"file", b"title", b"question", b"answer", b"reason")}
        words |= {b"alice adams", b"700 eur", b"key_ops", b"/sign#"}
        for held in self.rows("SELECT id FROM signing.session"):
            session = self.run_now(lambda txn, id_=held[0]: self.scene_of(txn).session(id_))
            key = session.subject.key
            words |= {key.hex().encode(), encode_base64(key).encode(), key_text(key).encode()}
        found: set[bytes] = set()
        for (table,) in tables:
            rows = self.rows(f"SELECT t::text FROM {table} t")  # noqa: S608 -- ours
            text = "\n".join(one for (one,) in rows).encode().lower()
            # Bytes are dumped as digits; titles may begin with a large letter.
            found |= {
                one
                for one in words
                if one.lower() in text
                or one.hex().encode() in text
                or one.capitalize().hex().encode() in text
            }
        return found
