"""Documents that the service never sees: signed, closed and proven from browser to browser."""

from __future__ import annotations

import hashlib

import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.renewal import service as renewals
from appservices.signing.sessions.core.guests import guest_id
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service import ending
from tests.integration.appservices.signing.blind import CANARY, PDF, TITLE, BlindSite, signers
from tests.integration.appservices.signing.chats import DAVE
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL
from tests.support.blind_page import sign_only
from tests.support.keys import unpadded_base64
from tests.support.sign_page import SignPage
from veche.documents.signatures.report import Verdict
from veche.messaging.jobs import Job
from veche.protocol.ids import Ulid, effect_id

pytestmark = pytest.mark.postgres

GUESTS = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3"
CLAUSES = (("c1", "unfair", f"{CANARY} penalty"), ("c2", "optional", f"{CANARY} dog"))


class BlindTests(BlindSite):
    """The whole way, and each way it can end."""

    async def test_two_sign_the_last_page_closes_and_the_file_is_proven(self) -> None:
        link = await self.send()
        await self.settle()
        alice, bob = await self.open(ALICE, link), await self.open(BOB, link)

        view = await self.away(alice.view)
        assert (view["mode"], view.get("title")) == ("blind", None)
        assert view["title_sha256"] == self.carol.veiled(TITLE)
        assert alice.matter(view)["title"] == TITLE
        signed = await self.away(alice.sign, self.keys[ALICE])
        assert (signed.status, signed.body["is_to_close"]) == (200, False), signed
        closed = await self.away(bob.sign, self.keys[BOB])
        assert closed.status == 200, closed
        await self.settle()

        session = self.session()
        assert session.state is State.COMPLETED
        carol = await self.open(CAROL, link)
        for one in (alice, bob, carol):
            view = await self.away(one.view)
            pdf = await self.away(one.document, view)
            report = self.judged(pdf)
            assert report.verdict is Verdict.SEALED
            assert [signer.account for signer in report.signers] == [ALICE, BOB]
            assert view["final_sha256"] == unpadded_base64(hashlib.sha256(pdf).digest())

    async def test_the_report_goes_with_the_file_and_says_that_nobody_here_saw_it(self) -> None:
        self.carol.clauses = CLAUSES
        link = await self.send()
        answers = [{"id": "c1", "accepted": True}, {"id": "c2", "accepted": False}]
        for person in (ALICE, BOB):
            signer = await self.open(person, link)
            done = await self.away(signer.sign, self.keys[person], clauses=answers)
            assert done.status == 200, done
        await self.settle()

        [(name, report)] = self.files(ALICE)
        assert name.endswith("-evidence.pdf")
        evidence = read_evidence(report)
        assert (evidence.mode, evidence.document.title) == ("blind", "")
        assert evidence.document.title_sha256 == self.carol.veiled(TITLE)
        assert [one.answers for one in evidence.clauses] == [
            {"p1": "signed", "p2": "signed"},
            {"p1": "refused", "p2": "refused"},
        ]
        signer = await self.open(ALICE, link)
        pdf = await self.away(lambda: signer.document(signer.view()))
        verdict = self.judged(pdf)
        assert verdict.verdict is Verdict.SEALED
        assert [one.clause for one in verdict.signers] == ["", "c1", "", "c1"]
        assert check_evidence(evidence, pdf, verdict) == []
        assert "I never had it" in self.said_of(BOB)
        assert [what for (what,) in self.rows("SELECT what FROM signing.event ORDER BY n")][
            -3:
        ] == [
            "closing",
            "closed",
            "completed",
        ]

    async def test_a_card_tells_the_mode_the_code_and_who_sends_the_key(self) -> None:
        await self.send()
        await self.settle()

        card = self.card(ALICE, "org.veche.sign_request")
        assert (card["mode"], card["title"], card["code"]) == ("blind", "", self.session().code)
        assert "&k=" not in card["page"]
        told = self.said(ALICE)
        assert f"{CAROL} sends you a link with its key" in told
        assert "those who take part alone" in told
        assert self.session().code in told
        assert "Send me the file" not in told
        assert "Ask a question" not in told
        assert f"asks you to sign: private document {self.session().id[-8:]}" in told

    async def test_the_word_private_leads_to_the_page(self) -> None:
        await self.say_all(CAROL, "private")

        assert f"{self.url}/sign/new" in self.said(CAROL)
        await self.say_all(CAROL, "help more")
        assert "private" in self.said(CAROL)

    async def test_a_key_that_is_sent_to_the_bot_by_mistake_is_not_taken(self) -> None:
        link = await self.send()

        await self.say_all(CAROL, f"Please sign: {link}")
        assert "I am not to have it" in self.said(CAROL)
        await self.say_all(ALICE, "sign")
        page = self.said(ALICE)
        await self.say_all(ALICE, page)
        assert "I am not to have it" not in self.said(ALICE)

    async def test_one_who_is_not_last_leaves_the_closing_to_any_page(self) -> None:
        link = await self.send()
        alice, bob = await self.open(ALICE, link), await self.open(BOB, link)
        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200
        vanished = await self.away(sign_only, bob, self.keys[BOB])
        assert vanished.body["is_to_close"], vanished
        await self.settle()
        assert self.session().state is State.SEALING

        carol = await self.open(CAROL, link)
        late = await self.away(lambda: bob.closing(vanished.body, bob.document(vanished.body)))
        done = await self.away(lambda: carol.close(carol.view()))
        assert done.status == 200, done
        second = await self.away(bob.hand_in_closing, late)
        assert (second.status, second.errcode) == (409, "ORG.VECHE.STALE_REVISION")
        await self.settle()
        assert self.session().state is State.COMPLETED

    async def test_nobody_closes_it_and_the_report_is_made_all_the_same(self) -> None:
        link = await self.send(
            **signers(stages=[{"parties": ["p1"], "need": 1}, {"parties": ["p2"]}])
        )
        alice = await self.open(ALICE, link)
        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200
        await self.take_back(CAROL)
        assert (await self.away(alice.view))["is_to_close"]
        assert "your browser closes the file" in self.all_said(ALICE)

        await self.fire(ending.CLOSE)
        session = self.session()
        assert session.state is State.CANCELLED
        assert session.final_sha256 == session.head_sha256
        assert [name for name, _ in self.files(ALICE)] != []
        assert not (await self.away(alice.view))["is_to_close"]

    async def test_a_code_from_a_text_client_signs_where_that_is_enough(self) -> None:
        for person in (ALICE, BOB):
            self.rows(
                "INSERT INTO crypto.person (user_id, master_key, master_pinned)"
                " VALUES (%s, 'a', 'a') RETURNING 1",
                person,
            )
        await self.send(**signers(level="S0"))
        await self.settle()
        code = self.session().code

        assert f"alone, to sign it: {code}" in self.said(ALICE)
        await self.say_all(ALICE, code)
        await self.say_all(BOB, code)
        session = self.session()
        assert session.state is State.COMPLETED
        assert session.final_sha256 == session.paper.sha256  # type: ignore[union-attr]  # sent

    async def test_declining_tells_a_reason_and_no_words(self) -> None:
        link = await self.send()
        alice = await self.open(ALICE, link)

        told = await self.away(alice.decline, self.keys[ALICE], "other", f"the {CANARY}")
        assert (told.status, self.session().state) == (400, State.OPEN), told
        done = await self.away(alice.decline, self.keys[ALICE], "wrong_terms")
        assert (done.status, done.body["state"]) == (200, "declined"), done

    async def test_in_the_chat_no_words_are_asked_for_either(self) -> None:
        await self.send()
        await self.settle()
        await self.tap(ALICE, "decline", "need_time")

        assert self.session().state is State.DECLINED
        assert f"{ALICE} has declined: I need more time" in self.all_said(CAROL)

    async def test_a_delegate_is_called_by_their_account_and_signs(self) -> None:
        self.chat(DAVE)
        link = await self.send(**signers(may_delegate=True))
        await self.settle()
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "dave")
        assert await self.approve(ALICE) == "approved"

        assert self.states()[DAVE] == "invited"
        assert f"{CAROL} sends you a link with its key" in self.all_said(DAVE)
        dave = await self.open(DAVE, link)
        assert dave.party == "p4"
        assert (await self.away(dave.view))["you"]["can_act"]

    async def _delegated_with_a_deadline(self) -> str:
        """Alice has an hour of her own, and lets Dave act; the link."""
        self.chat(DAVE)
        told = signers(may_delegate=True)
        told["parties"][0]["deadline_at_ms"] = self.host.now_ms() + 3_600_000
        link = await self.send(**told)
        await self.settle()
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "dave")
        assert await self.approve(ALICE) == "approved"
        return link

    def _ring(self, person: str) -> None:
        """The time of a party's own is over, and its clock rings."""
        session = self.session()
        party = next(one for one in reversed(session.members) if one.person == person)
        [(job_id, payload, at_ms)] = self.rows(
            "SELECT errand_id, payload, due_at_ms FROM runtime.errand"
            " WHERE kind = 'signing.deadline' AND payload ->> 'party' = %s",
            party.id,
        )
        assert at_ms == party.deadline_at_ms
        late = Job(job_id, "signing.deadline", payload, at_ms)
        self.run_now(lambda txn: self.handlers["signing.deadline"].finish(txn, late, {}, at_ms + 1))

    async def test_the_time_of_a_delegate_ends_as_that_of_the_party_would(self) -> None:
        await self._delegated_with_a_deadline()

        self._ring(ALICE)
        assert self.states()[DAVE] == "invited"
        self._ring(DAVE)
        assert self.states()[DAVE] == "lapsed"
        assert self.session().state is State.EXPIRED

    async def test_nobody_lets_another_act_whose_own_time_is_over(self) -> None:
        self.chat(DAVE)
        told = signers(may_delegate=True)
        told["parties"][0]["deadline_at_ms"] = self.host.now_ms() + 60_000
        await self.send(**told)
        await self.settle()
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "dave")
        self.rows("UPDATE signing.party SET deadline_at_ms = 1 WHERE id = 'p1' RETURNING 1")
        await self.approve(ALICE)

        assert DAVE not in self.states()

    async def test_it_expires_is_extended_and_reminded_like_any_other(self) -> None:
        await self.send()
        await self.settle()
        number = self.session().id[-8:]

        await self.say_all(CAROL, f"extend {number} 30 days", f"remind {number}")
        assert "One person is reminded" in self.said(CAROL)
        assert f"private document {number}” of {CAROL} still waits for you" in self.all_said(ALICE)
        await self.say_all(CAROL, "sessions")
        assert f"{number} private: open (0/2)" in self.said(CAROL)
        until_ms = self.session().deadline_at_ms
        self.run_now(
            lambda txn: txn.execute("UPDATE signing.session SET deadline_at_ms = %s", (1,))
        )
        late = Job(
            effect_id("late"),
            "signing.deadline",
            {"session": self.session().id, "party": "", "deadline_at_ms": 1},
            until_ms,
        )
        self.run_now(
            lambda txn: self.handlers["signing.deadline"].finish(txn, late, {}, self.host.now_ms())
        )
        assert self.session().state is State.EXPIRED

    async def test_what_was_signed_is_in_the_lists_of_its_signer(self) -> None:
        link = await self.send()
        alice = await self.open(ALICE, link)
        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200

        await self.say_all(ALICE, "signatures", "export")
        assert f"private document {self.session().id[-8:]}” of {CAROL}" in self.all_said(ALICE)
        [(name, data)] = self.files(ALICE)
        assert name == "signatures.json"
        assert self.carol.veiled(TITLE).encode() in data
        assert CANARY.encode() not in data

    async def test_a_page_renews_what_a_time_stamp_will_not_prove_for_long(self) -> None:
        link = await self.send()
        for person in (ALICE, BOB):
            signer = await self.open(person, link)
            assert (await self.away(signer.sign, self.keys[person])).status == 200
        await self.settle()
        alice = await self.open(ALICE, link)
        assert not (await self.away(alice.view))["is_to_renew"]
        early = await self.away(lambda: alice.close(alice.view(), "Renewed4"))
        assert early.status == 409

        self.run_now(lambda txn: txn.execute("UPDATE signing.renewal SET renew_before_ms = 1"))
        for day in (1, 2):
            look = Job(effect_id("look", day), renewals.LOOK, {"day": day}, 0)
            handler = self.handlers[renewals.LOOK]
            self.run_now(lambda txn, a=look, h=handler: h.finish(txn, a, {}, self.host.now_ms()))
            await self.settle()
        assert self.all_said(BOB).count("proves less with the years") == 1
        view = await self.away(alice.view)
        assert view["is_to_renew"]
        done = await self.away(alice.close, view, "Renewed4")
        assert (done.status, done.body["is_to_renew"]) == (200, False), done
        pdf = await self.away(lambda: alice.document(alice.view()))
        assert self.judged(pdf).verdict is Verdict.SEALED
        assert self.session().final_sha256 == hashlib.sha256(pdf).digest()

    def said_of(self, person: str) -> str:
        """All that somebody was told, without what files are called."""
        return self.all_said(person)  # type: ignore[arg-type]  # an account


class LongerHashTests(BlindSite):
    """Files are closed by another hash than people sign by."""

    stamp_hash = "sha512"

    async def test_a_page_stamps_by_the_hash_of_the_site_and_by_no_other(self) -> None:
        link = await self.send()
        for person in (ALICE, BOB):
            signer = await self.open(person, link)
            if person == BOB:
                signed = await self.away(lambda one=signer: SignPage.sign(one, self.keys[BOB]))
            else:
                signed = await self.away(signer.sign, self.keys[person])
            assert signed.status == 200, signed
        view = signed.body
        assert (view["is_to_close"], view["stamp_hash"]) == (True, "sha512")

        weaker = await self.away(lambda: signer.close({**view, "stamp_hash": "sha256"}))
        made = await self.away(lambda: signer.closing(view, signer.document(view)))
        other = {**made, "signed_sha256": made["sha256"]}
        false = await self.away(signer.hand_in_closing, other)
        done = await self.away(signer.hand_in_closing, made)

        assert all(400 <= one.status < 500 for one in (weaker, false)), (weaker, false)
        assert done.status == 200, done
        pdf = await self.away(lambda: signer.document(signer.view()))
        assert self.judged(pdf).verdict is Verdict.SEALED


class DraftTests(BlindSite):
    """Before it is sent."""

    async def test_the_same_key_gives_the_same_draft_and_another_body_is_refused(self) -> None:
        body = self.carol.body(PDF, **signers())
        first = await self.away(self.carol.draft, body, "once")
        again = await self.away(self.carol.draft, body, "once")
        other = await self.away(self.carol.draft, {**body, "effect": "each"}, "once")

        assert (first.status, again.body) == (201, first.body)
        assert (other.status, other.errcode) == (409, "ORG.VECHE.CONFLICT")
        assert self.rows("SELECT count(*), max(mode) FROM signing.session") == [(1, "blind")]

    async def test_who_asks_and_is_no_party_gets_a_copy(self) -> None:
        drafted = await self.away(self.carol.draft, self.carol.body(PDF, **signers()))

        assert drafted.body["party"] == "p3"
        assert self.session().members[2].person == CAROL

    async def test_it_is_not_sent_without_its_document_and_takes_no_other(self) -> None:
        await self.away(self.carol.draft, self.carol.body(PDF, **signers()))

        early = await self.away(self.carol.act, "send")
        assert early.status == 409, early
        for wrong in (b"", self.carol.cipher + b"x", self.carol.sealed(self.carol.pdf, b"other")):
            answer = await self.away(self.carol.put, wrong)
            assert answer.status == 400, answer
        put = await self.away(self.carol.put)
        assert (put.status, put.body["document_is_here"]) == (200, True), put
        assert (await self.away(self.carol.put)).status == 200
        sent = await self.away(self.carol.act, "send")
        again = await self.away(self.carol.act, "send")
        assert sent.body["state"] == again.body["state"] == "open"
        late = await self.away(self.carol.put)
        assert (late.status, late.errcode) == (409, "ORG.VECHE.SESSION_NOT_OPEN")

    async def test_a_draft_is_taken_back_and_gone(self) -> None:
        await self.away(self.carol.draft, self.carol.body(PDF, **signers()))
        await self.away(self.carol.put)

        done = await self.away(self.carol.act, "cancel")
        assert done.body["state"] == "cancelled", done
        assert self.rows("SELECT count(*) FROM signing.blob") == [(0,)]
        gone = await self.away(self.carol.act, "send")
        assert (gone.status, gone.errcode) == (404, "ORG.VECHE.NOT_FOUND")

    async def test_nobody_prepares_without_end(self) -> None:
        for at in range(11):
            answer = await self.away(self.carol.draft, self.carol.body(PDF, **signers()))
            assert answer.status == (201 if at < 10 else 409), (at, answer)

    async def test_what_makes_no_session_is_refused_by_name(self) -> None:
        good = self.carol.body(PDF, **signers())
        one = good["parties"][0]
        for field, value in (
            ("parties", []),
            ("parties", [{**one, "role": "seal"}]),
            ("parties", [{**one, "user": "town"}]),
            ("parties", [one, {**one, "party": "p2"}]),
            ("parties", [{**one, "user": "@veche_signing:veche.test"}]),
            ("parties", [{**one, "user": "@veche_org_town:veche.test"}]),
            ("parties", [{**one, "user": guest_id(Ulid(GUESTS), "p1", "veche.test")}]),
            ("parties", [{**one, "user": "@Bob\u202e:veche.test"}]),
            ("parties", [{**one, "role": "viewer"}]),
            ("stages", [{"parties": ["p9"]}]),
            ("stages", [{"parties": ["p1", "p2"], "need": 3}]),
            ("clauses", [{"id": "c1", "kind": "unfair", "page": 1}]),
            ("deadline_at_ms", 1),
            ("matter", "AAAA"),
            ("title_sha256", "AAAA"),
            ("document", {**good["document"], "size": 0}),
        ):
            answer = await self.away(self.carol.draft, {**good, field: value})
            assert answer.status == 400, (field, value, answer)
        assert self.rows("SELECT count(*) FROM signing.session") == [(0,)]

    async def test_what_is_no_pdf_has_no_clauses_and_no_certificates_of_their_own(self) -> None:
        good = self.carol.body(PDF, **signers())
        container = {"document": {**good["document"], "pages": 0}}
        self.carol.clauses = CLAUSES
        clauses = self.carol.body(PDF, **signers())["clauses"]
        told = {**good, **container, "clauses": clauses}
        answer = await self.away(self.carol.draft, told)
        assert (answer.status, answer.body["field"]) == (400, "clauses"), answer
        answer = await self.away(self.carol.draft, {**good, **container})
        assert answer.status == 201, answer
        session = self.session()
        assert session.has_container
        assert (session.subject.filename, session.subject.title) == ("", "")

    async def test_a_certificate_that_nobody_takes_here_is_refused_with_why(self) -> None:
        good = self.carol.body(PDF, **signers())
        first, second = good["parties"]
        for told in (
            {**good, "level": "S3"},
            {**good, "parties": [first, {**second, "level": "S3"}]},
        ):
            answer = await self.away(self.carol.draft, told)
            assert (answer.status, answer.errcode) == (400, "ORG.VECHE.LEVEL_NOT_OFFERED"), answer
            said = {name: answer.body[name] for name in ("field", "level", "why")}
            assert said == {"field": "level", "level": "S3", "why": "authority"}
        assert self.rows("SELECT count(*) FROM signing.session") == [(0,)]
