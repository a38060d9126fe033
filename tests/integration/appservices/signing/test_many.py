"""Many documents in one gesture: over HTTP, with real keys, files, certificates and stamps."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from appservices.signing.cards.service import together
from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged
from appservices.signing.parties.service import acting, waiting
from appservices.signing.sessions.core.records import Clause, ClauseKind
from appservices.signing.sessions.service.tokens import LIST_SEED, list_link
from appservices.signing.signatures.service import certifying
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    CAROL,
    SigningSite,
    approver,
    two_signers,
)
from tests.support.calls import request
from tests.support.forgery import page
from tests.support.keys import approval_of, unpadded_base64
from tests.support.long import many
from tests.support.sign_page import API, FreshKey, SignList, ask_all, sign_all
from tests.support.signing import with_boxes
from veche.documents.signatures.report import Verdict
from veche.protocol.approval import DOCUMENTS_MAX, documents_sha256
from veche.protocol.message import URL_CHARACTERS_MAX
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.signing.sessions.core.records import Session
    from tests.support.calls import Answer
    from tests.support.sign_page import SignPage
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


class ManyTests(SigningSite):
    """What one approval signs, and what it does not."""

    def listed(self, person: Any = ALICE) -> SignList:
        """The page of a person's list, by the link of their chat."""
        link = self.run_now(lambda txn: waiting.link_of(self.scene_of(txn), person))
        return SignList.of(link)

    def several(self, count: int) -> list[SignPage]:
        """Alice's pages of so many documents that Bob signs too."""
        files = [page(f"Lease of flat {number}") for number in range(count)]
        return [self.page(self.sent(**two_signers(), pdf=one), "p1") for one in files]

    async def test_hundreds_of_documents_in_one_gesture_and_what_is_above_in_another(self) -> None:
        most, above = many(ordinary=6, long=DOCUMENTS_MAX), 2
        self.patch(waiting, "DOCUMENTS_MAX", most)  # type: ignore[no-untyped-call]  # trial's
        every = most + above
        for number in range(every):
            self.sent(two_signers()["invited"][:1], pdf=page(f"Receipt {number}"))
        told = await self.away(self.listed().read)
        assert DOCUMENTS_MAX >= 200
        assert (len(told["documents"]), told["more"]) == (most, above)

        for count, left in ((most, above), (above, 0)):
            pages = await self.away(self.listed().pages)
            answers = await self.away(sign_all, pages, self.keys[ALICE])
            assert [one.status for one in answers] == [200] * count, answers
            told = await self.away(self.listed().read)
            assert len(told["documents"]) == left
        assert self.rows(
            "SELECT count(*), count(DISTINCT nonce), count(DISTINCT spki_sha256),"
            " count(DISTINCT session_id), count(DISTINCT act) FROM signing.certificate"
        ) == [(every, 2, 2, every, every)]
        states = self.rows("SELECT state, revision, count(*) FROM signing.session GROUP BY 1, 2")
        assert states == [("sealing", 1, every)]
        assert self.rows("SELECT count(*) FROM runtime.approval") == [(2,)]

    async def test_one_that_was_swapped_is_not_signed_and_the_others_are(self) -> None:
        pages = self.several(3)
        other = with_boxes(page("Sale of flat 1"), ["Sig1", "Sig2"])

        def swapped() -> list[Answer]:
            key, answers = FreshKey(), []
            asked = ask_all(pages, key).body
            signed = self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))
            for at, one in enumerate(pages):
                issued, view = one.certify(key, signed), one.view()
                # Her browser is given another file in place of the second one.
                pdf = other if at == 1 else one.document(view)
                answers.append(one.hand_in(one.revision(view, pdf, key, issued.body)))
            return answers

        answers = await self.away(swapped)
        assert [one.status for one in answers] == [200, 409, 200], answers
        assert self.signed() == {pages[0].session, pages[2].session}

    async def test_signed_elsewhere_and_cancelled_meanwhile(self) -> None:
        pages = self.several(5)
        sessions = [self.held(one) for one in pages]

        def meanwhile(at: int) -> None:
            if at == 0:  # after the approval, before the first certificate
                assert pages[1].sign(self.keys[ALICE]).status == 200
                self.run_now(self._cancel, sessions[2])
                assert self.page(sessions[3], "p2").sign(self.keys[BOB]).status == 200

        answers = await self.away(lambda: sign_all(pages, self.keys[ALICE], meanwhile=meanwhile))
        told = [(one.status, one.errcode if one.status != 200 else "") for one in answers]
        assert told == [
            (200, ""),
            (409, "ORG.VECHE.ALREADY_SIGNED"),
            (409, "ORG.VECHE.SESSION_NOT_OPEN"),
            (200, ""),
            (200, ""),
        ]
        # What has ended before the question is left out of it, and named.
        late = [*pages, *self.several(1)]
        asked = await self.away(ask_all, late, FreshKey())
        left = {one["session"]: one["errcode"] for one in asked.body["left_out"]}
        assert left.keys() == {one.session for one in pages}
        assert left[pages[2].session] == "ORG.VECHE.SESSION_NOT_OPEN"
        documents = asked.body["asked"]["shown"]["documents"]
        assert [one["session"] for one in documents] == [late[-1].session]

    async def test_the_first_may_fail_and_the_approval_still_counts_once(self) -> None:
        pages = self.several(2)
        cancelled = self.held(pages[0])

        def meanwhile(at: int) -> None:
            if at == 0:
                self.run_now(self._cancel, cancelled)

        answers = await self.away(lambda: sign_all(pages, self.keys[ALICE], meanwhile=meanwhile))
        assert [one.status for one in answers] == [409, 200]

    async def test_an_approval_gives_nothing_in_a_session_that_it_does_not_list(self) -> None:
        pages = self.several(2)
        [other] = self.several(1)

        def replayed() -> list[Answer]:
            key = FreshKey()
            asked = ask_all(pages, key).body
            signed = self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))
            assert pages[0].certify(key, signed).status == 200
            bob = self.page(self.held(pages[1]), "p2")
            return [
                other.certify(key, signed),  # not listed
                pages[1].certify(FreshKey(), signed),  # another key
                bob.certify(key, signed),  # another person
                pages[0].call(
                    "POST",
                    f"/sessions/{pages[0].session}/signatures",
                    {"party": "p1", "approval": signed},
                ),  # as an approval alone
            ]

        answers = await self.away(replayed)
        assert [one.errcode for one in answers[:3]] == ["ORG.VECHE.APPROVAL_MISMATCH"] * 3, answers
        assert answers[3].errcode == "ORG.VECHE.SIGNATURE_LEVEL"
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(1,)]

    async def test_a_list_that_is_not_what_was_asked_is_not_taken(self) -> None:
        pages = self.several(3)
        digest = unpadded_base64(b"x" * 32)

        def changed(change: Callable[[dict[str, Any]], None]) -> Answer:
            key = FreshKey()
            asked = ask_all(pages, key).body
            approval = approval_of(asked["asked"], asked["now_ms"])
            change(approval["shown"])
            return pages[1].certify(key, self.keys[ALICE].signed(approval))

        def swap(shown: dict[str, Any]) -> None:
            shown["documents"][0]["code"] = "0000"
            shown["code"] = "0000"

        def fewer(shown: dict[str, Any]) -> None:
            """A list without the third one, whose sums are right."""
            documents = shown["documents"][:2]
            digests = [decode_base64(one["sha256"]) for one in documents]
            shown["documents"] = documents
            shown["sha256"] = unpadded_base64(documents_sha256(digests))
            for name in ("size", "pages"):
                shown[name] = sum(one[name] for one in documents)

        for change in (
            lambda shown: shown.update(sha256=digest),
            lambda shown: shown["documents"][1].update(sha256=digest),
            lambda shown: shown["documents"].reverse(),
            lambda shown: shown.update(size=1),
            lambda shown: shown.pop("documents"),
            swap,
            fewer,
        ):
            answer = await self.away(changed, change)
            assert 400 <= answer.status < 500, answer
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(0,)]
        # The refused ones were no approval: the right one is taken.
        answers = await self.away(sign_all, pages, self.keys[ALICE])
        assert [one.status for one in answers] == [200] * 3

    async def test_the_same_approval_gives_the_same_certificate_until_the_key_is_revoked(
        self,
    ) -> None:
        pages = self.several(2)

        def work() -> list[Answer]:
            key = FreshKey()
            asked = ask_all(pages, key).body
            signed = self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))
            first, again = pages[0].certify(key, signed), pages[0].certify(key, signed)
            self.run_now(lambda txn: txn.execute("UPDATE runtime.device_key SET revoked_at_ms = 5"))
            return [first, again, pages[1].certify(key, signed)]

        first, again, late = await self.away(work)
        assert first.status == 200
        assert first.body == again.body
        assert late.errcode == "ORG.VECHE.KEY_REVOKED", late

    async def test_an_old_approval_gives_no_more(self) -> None:
        pages = self.several(2)

        def work() -> Answer:
            key = FreshKey()
            asked = ask_all(pages, key).body
            signed = self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))
            assert pages[0].certify(key, signed).status == 200
            self.patch(certifying, "LIST_MS_MAX", -1)  # type: ignore[no-untyped-call]
            return pages[1].certify(key, signed)

        answer = await self.away(work)
        assert answer.errcode == "ORG.VECHE.APPROVAL_OVER", answer

    async def test_who_has_no_box_or_has_clauses_signs_one_at_a_time(self) -> None:
        clause = Clause("c1", "House rules", ClauseKind.UNFAIR, 1)
        with_clause = self.sent(**two_signers(), clauses=(clause,))
        agreed = self.sent([approver("p1", ALICE, "Alice Adams")])
        plain = self.sent(**two_signers())
        self.sent(**two_signers(order=True))

        told = await self.away(self.listed().read)
        assert [one["session"] for one in told["documents"]][:1] == [plain.id]
        assert {one["session"] for one in told["others"]} == {with_clause.id, agreed.id}
        pages = [self.page(one, "p1") for one in (with_clause, agreed, plain)]
        asked = await self.away(ask_all, pages, FreshKey())
        left = {one["session"]: one["errcode"] for one in asked.body["left_out"]}
        assert left == {
            with_clause.id: "ORG.VECHE.CLAUSE_NOT_ACCEPTED",
            agreed.id: "ORG.VECHE.SIGNATURE_LEVEL",
        }

    async def test_a_list_is_for_one_person_and_for_a_day(self) -> None:
        self.several(1)
        alice, bob = self.listed(), self.listed(BOB)
        name, until, token = alice.header.split()
        later = str(int(until) + 1)
        other = bob.header.split()[0]
        for header in (
            f"{other} {until} {token}",
            f"{name} {later} {token}",
            f"{name} {until} {'A' * 32}",
        ):
            answer = await self.away(
                request, "GET", f"{self.url}{API}/waiting", headers={"veche-list": header}
            )
            assert (answer.status, answer.errcode) == (404, "ORG.VECHE.NOT_FOUND")
        old = list_link(self.host.seed(LIST_SEED), ALICE, self.host.now_ms() - 1)
        gone = SignList.of(f"{self.url}/sign#{old.fragment}")
        with pytest.raises(AssertionError, match="404"):
            await self.away(gone.read)
        bad = await self.away(
            request, "GET", f"{self.url}{API}/waiting", headers={"veche-list": "nonsense"}
        )
        assert bad.status == 401
        # Links of another person in a list are left out.
        pages = [*self.several(1), self.page(self.sent(**two_signers()), "p2")]
        asked = await self.away(ask_all, pages, FreshKey())
        [left] = asked.body["left_out"]
        assert left["errcode"] == "ORG.VECHE.APPROVAL_MISMATCH"

    def held(self, page: SignPage) -> Session:
        """The session of a page as it is now."""

        def work(txn: Cursor) -> Session:
            session = self.scene_of(txn).session(page.session)
            assert session is not None
            return session

        found: Session = self.run_now(work)
        return found

    def signed(self) -> set[str]:
        """Sessions that somebody has signed."""
        return {row[0] for row in self.rows("SELECT session_id FROM signing.revision")}

    def _cancel(self, txn: Cursor, session: Session) -> None:
        scene = self.scene_of(txn)
        known = scene.session(session.id)
        assert known is not None
        acting.cancelled(scene, known)


class ChatTests(ChatSite):
    """From the words in the chat to the evidence in it."""

    async def test_sign_all_from_the_word_to_the_evidence(self) -> None:
        self.chat(ALICE, CAROL)
        # Nothing is said of them all before the test ends, however slow the machine is.
        self.patch(together, "SPAN_MS", 10**15)  # type: ignore[no-untyped-call]  # trial's
        mine = two_signers()["invited"][:1]
        alone = {self.sent(mine).id, self.sent(mine).id}
        ids = {*alone, self.sent(**two_signers()).id, self.sent(**two_signers()).id}
        await self.settle()
        hint = "2 documents wait for you. To sign them all on one page, write sign all"
        assert self.all_said(ALICE).count(hint) == 1

        await self.say_all(ALICE, "sign")
        assert "4 documents wait for you" in self.said(ALICE)
        assert "sign all" in self.said(ALICE)
        await self.say_all(ALICE, "sign all")
        [link] = re.findall(r"http\S+/sign#all=\S+", self.said(ALICE))
        assert len(link) < URL_CHARACTERS_MAX
        pages = await self.away(SignList.of(link).pages)
        assert {one.session for one in pages} == ids
        answers = await self.away(sign_all, pages, self.keys[ALICE])
        assert [one.status for one in answers] == [200] * 4
        await self.settle()
        # What is said of them all: test_together.py.
        assert "Alice Adams has signed" not in self.all_said(CAROL)

        files = self.files(ALICE)
        signed = [pdf for name, pdf in files if "signed" in name]
        records = [read_evidence(pdf) for name, pdf in files if "evidence" in name]
        assert {one.session for one in records} == alone
        for pdf in signed:
            report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
            assert report.verdict is Verdict.SEALED
            digest = unpadded_base64(hashlib.sha256(pdf).digest())
            [record] = [one for one in records if one.final_sha256 == digest]
            assert check_evidence(record, pdf, report) == []
            # The same approval in a session that it does not list proves nothing.
            wrong = record.model_copy(update={"session": "01KAV3Z8K4Q6V5W7X9Y0A1B2C3"})
            told = check_evidence(wrong, pdf, report)
            assert any("not this document" in one for one in told), told
