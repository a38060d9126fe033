"""Persons whom somebody trusts have to agree before their signature counts: k of n (H2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg2
import pytest

from appservices.signing.guardians.service import guardians
from appservices.signing.papers.core.judged import judged
from appservices.signing.sessions.store import signatures as kept_signatures
from appservices.signing.sessions.store.signatures import Signature
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF, two_signers
from tests.support.keys import BrowserKey, approval_of
from tests.support.sign_page import FreshKey, ask_all
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session
    from tests.support.calls import Answer
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

FIRST = "ORG.VECHE.GUARDIANS_FIRST"


class GuardiansTests(ChatSite):
    """Alice chooses guardians; Carol asks her and Bob to sign."""

    def setUp(self) -> None:
        super().setUp()
        for person in (CAROL, DAVE):
            self.keys.setdefault(person, BrowserKey())
        fresh = {person: self.keys[person] for person in (DAVE,)}
        everyone, self.keys = self.keys, fresh
        self.run_now(self._enrol)
        self.keys = everyone

    async def choose_guardians(self, typed: str = "bob dave 2 of 2", *persons: UserId) -> None:
        """Alice sets a rule with her key; each of the persons accepts with theirs."""
        self.chat(ALICE, BOB, CAROL, DAVE)
        await self.say_all(ALICE, f"guardians {typed}")
        assert await self.approve(ALICE) == "approved"
        for person in persons or (BOB, DAVE):
            assert await self.approve(person) == "approved"

    async def sign(self, session: Session, party: str = "p1", person: UserId = ALICE) -> Answer:
        """All that the page does."""
        answer: Answer = await self.away(self.page(session, party).sign, self.keys[person])
        await self.settle()
        return answer

    def states_of_rules(self) -> list[str]:
        return [
            str(state) for (state,) in self.rows("SELECT state FROM signing.guard_rule ORDER BY id")
        ]

    async def test_enough_guardians_have_to_agree_before_a_signature_counts(self) -> None:
        await self.choose_guardians()
        assert "2 of 2 have to agree: Bob Brown, Dave Dean" in self.said(ALICE)
        session = self.sent(**two_signers())

        answer = await self.sign(session)

        assert (answer.status, answer.body["errcode"]) == (409, FIRST)
        assert "2 of your 2 guardians have to agree" in self.said(ALICE)
        for person in (BOB, DAVE):
            told = self.said(person)
            assert "Lease of flat 12b" in told
            assert "Alice Adams" in told
            assert session.code in told
        assert "Guardians who take part in it themselves: Bob Brown" in self.said(DAVE)
        assert await self.approve(BOB) == "approved"
        assert (await self.sign(session)).body["errcode"] == FIRST
        assert await self.approve(DAVE) == "approved"
        assert "Your guardians agree that you sign “Lease of flat 12b”" in self.said(ALICE)
        assert (await self.sign(session)).status == 200
        # Bob has no guardians himself.
        assert (await self.sign(session, "p2", BOB)).status == 200
        *_, (_, pdf), _ = self.files(CAROL)
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED

    async def test_nothing_that_a_page_sends_goes_past_them(self) -> None:
        await self.choose_guardians()
        session = self.sent(**two_signers())
        page, fresh = self.page(session, "p1"), FreshKey()

        asked = await self.away(page.ask, level="S2", key=fresh.id)
        again = await self.away(page.ask, level="S2", key=fresh.id)

        assert asked.body["errcode"] == again.body["errcode"] == FIRST
        assert self.rows("SELECT 1 FROM signing.certificate") == []
        # Asked once, however often the page tries.
        assert len(self.rows("SELECT 1 FROM signing.guarded")) == 1
        asked_of_bob = [one for one in self.contents(BOB) if "Please look at" in one["body"]]
        assert len([one for one in asked_of_bob if "m.new_content" not in one]) == 1

        def keep(txn: Cursor) -> None:
            scene = self.scene_of(txn)
            signature = Signature("p1", session.members[0].level_min, self.host.now_ms())
            kept_signatures.add(txn, scene.vault, session.id, signature)

        with pytest.raises(psycopg2.errors.CheckViolation, match="too few guardians"):
            self.run_now(keep)

    async def test_an_approval_of_before_the_rule_gives_no_certificate_any_more(self) -> None:
        self.chat(ALICE, BOB, CAROL, DAVE)
        session = self.sent(**two_signers())
        page, fresh = self.page(session, "p1"), FreshKey()
        asked = await self.away(page.ask, level="S2", key=fresh.id)
        signed = self.keys[ALICE].signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
        await self.choose_guardians("bob", BOB)

        answer = await self.away(page.certify, fresh, signed)

        assert (answer.status, answer.body["errcode"]) == (409, FIRST)
        assert self.rows("SELECT 1 FROM signing.certificate") == []

    async def test_a_guardian_who_refuses_ends_it_and_the_person_can_decline(self) -> None:
        await self.choose_guardians()
        session = self.sent(**two_signers())
        await self.sign(session)
        await self.tap(BOB, "decline")
        assert "Too few of your guardians agree" in self.said(ALICE)
        assert "refused: 1" in self.said(ALICE)
        assert "Bob" not in self.said(ALICE)
        assert (await self.sign(session)).body["errcode"] == FIRST
        # It is decided, for Dave as well.
        assert "It is decided." in self.all_said(DAVE)
        assert (await self.sign(session)).body["errcode"] == FIRST
        page = self.page(session, "p1")
        answer = await self.away(page.decline, self.keys[ALICE], "need_time")
        assert answer.status == 200, answer

    async def test_one_of_two_is_enough_where_the_rule_says_so(self) -> None:
        await self.choose_guardians("bob dave 1 of 2")
        session = self.sent(**two_signers())
        await self.sign(session)
        await self.tap(BOB, "decline")
        assert "Too few of your guardians" not in self.said(ALICE)
        assert await self.approve(DAVE) == "approved"
        assert (await self.sign(session)).status == 200

    async def test_the_guardians_of_each_party_are_asked(self) -> None:
        await self.choose_guardians("dave", DAVE)
        await self.say_all(BOB, "guardians carol")
        assert await self.approve(BOB) == "approved"
        assert await self.approve(CAROL) == "approved"
        session = self.sent(**two_signers())

        await self.sign(session)
        await self.sign(session, "p2", BOB)

        for person in (DAVE, CAROL):
            assert "Please look at a signature" in self.said(person)
            assert await self.approve(person) == "approved"
        assert (await self.sign(session)).status == 200
        assert (await self.sign(session, "p2", BOB)).status == 200

    async def test_who_agreed_with_a_key_that_is_revoked_since_is_asked_anew(self) -> None:
        await self.choose_guardians("dave", DAVE)
        session = self.sent(**two_signers())
        await self.sign(session)
        assert await self.approve(DAVE) == "approved"
        stolen, everyone = self.keys[DAVE].id, self.keys
        self.run_now(lambda txn: self.host.approvals.revoke(txn, DAVE, stolen, self.host.now_ms()))

        assert (await self.sign(session)).body["errcode"] == FIRST

        self.keys = {DAVE: BrowserKey()}
        self.run_now(self._enrol)
        self.keys = everyone | self.keys
        assert await self.approve(DAVE) == "approved"
        assert (await self.sign(session)).status == 200

    async def test_a_reply_with_the_code_and_letting_another_act_wait_for_them_too(self) -> None:
        await self.choose_guardians("dave", DAVE)
        self.run_now(
            lambda txn: txn.execute(
                "INSERT INTO crypto.person (user_id, master_key) VALUES (%s, 'key')"
                " ON CONFLICT DO NOTHING",
                (ALICE,),
            )
        )
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", "alice")
        await self.tap(CAROL, "level", "s0", "delegation", "send")
        session = self.session()

        await self.say_all(ALICE, session.code)

        assert self.states() == {"Alice Adams": "invited"}
        assert "1 of your 1 guardians have to agree" in self.all_said(ALICE)
        await self.say_all(ALICE, session.code)
        assert "guardians have to agree to this document first" in self.said(ALICE)
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "bob")
        assert "guardians have to agree to this document first" in self.said(ALICE)
        assert await self.approve(DAVE) == "approved"
        await self.say_all(ALICE, session.code)
        assert self.states() == {"Alice Adams": "signed"}

    async def test_letting_another_act_on_the_page_asks_them_as_the_chat_does(self) -> None:
        await self.choose_guardians("dave", DAVE)
        session = self.sent(may_delegate=True, **two_signers())
        page = self.page(session, "p1")
        path, body = f"/sessions/{page.session}/delegate", {"party": "p1", "to": str(CAROL)}

        first, again = [await self.away(page.call, "POST", f"{path}/ask", body) for _ in range(2)]

        assert [one.body["errcode"] for one in (first, again)] == [FIRST, FIRST]
        assert len(self.rows("SELECT 1 FROM signing.guarded")) == 1
        assert "1 of your 1 guardians have to agree" in self.all_said(ALICE)
        assert await self.approve(DAVE) == "approved"
        asked = await self.away(page.call, "POST", f"{path}/ask", body)
        assert asked.status == 200, asked
        signed = self.keys[ALICE].signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
        done = await self.away(page.call, "POST", path, {**body, "approval": signed})
        assert done.status == 200, done
        assert self.states()["Alice Adams"] == "delegated"

    async def test_who_may_not_let_another_act_has_nobody_asked(self) -> None:
        await self.choose_guardians("dave", DAVE)
        session = self.sent(**two_signers())
        page = self.page(session, "p1")
        body = {"party": "p1", "to": str(CAROL)}

        path = f"/sessions/{page.session}/delegate/ask"
        answer = await self.away(page.call, "POST", path, body)

        assert answer.body["errcode"] == "ORG.VECHE.DELEGATION_NOT_ALLOWED"
        assert self.rows("SELECT 1 FROM signing.guarded") == []

    async def test_of_many_documents_at_once_those_without_their_word_are_left_out(self) -> None:
        await self.choose_guardians("dave", DAVE)
        ones = [self.sent(**two_signers()) for _ in range(2)]
        await self.sign(ones[0])
        assert await self.approve(DAVE) == "approved"
        pages = [self.page(one, "p1") for one in ones]

        asked = await self.away(ask_all, pages, FreshKey())

        assert [one["errcode"] for one in asked.body["left_out"]] == [FIRST]
        assert asked.body["left_out"][0]["session"] == ones[1].id

    async def test_a_guardian_without_a_chat_is_invited_to_one(self) -> None:
        self.chat(ALICE)
        await self.say_all(ALICE, "guardians dave")
        assert await self.approve(ALICE) == "approved"
        assert "Alice Adams asks you to be a guardian" in self.said(DAVE)
        assert await self.approve(DAVE) == "approved"
        assert self.states_of_rules() == ["active"]

    async def test_a_weaker_rule_counts_a_day_later_and_the_guardians_are_told(self) -> None:
        await self.choose_guardians()
        await self.say_all(ALICE, "guardians off")
        assert await self.approve(ALICE) == "approved"
        assert self.states_of_rules() == ["active", "waiting"]
        for person in (BOB, DAVE):
            assert "Alice Adams wants to be guarded less" in self.said(person)
        session = self.sent(**two_signers())
        assert (await self.sign(session)).body["errcode"] == FIRST
        # The clock that fires too early is set again.
        await self.fire(guardians.COUNT)
        assert self.states_of_rules() == ["active", "waiting"]

        self.rows(
            "UPDATE signing.guard_rule SET counts_from_ms = 1 WHERE state = 'waiting' RETURNING 1"
        )
        await self.fire(guardians.COUNT)

        assert self.states_of_rules() == ["ended", "ended"]
        assert "Nobody guards your signatures" in self.said(ALICE)
        assert (await self.sign(session)).status == 200

    async def test_the_present_rule_can_be_kept_by_a_tap(self) -> None:
        await self.choose_guardians()
        await self.say_all(ALICE, "guardians bob")
        assert await self.approve(ALICE) == "approved"
        assert self.states_of_rules() == ["active", "waiting"]
        await self.tap(ALICE, "keep")
        assert self.states_of_rules() == ["active", "ended"]

    async def test_a_stricter_rule_counts_at_once_and_needs_no_second_acceptance(self) -> None:
        await self.choose_guardians("bob dave 1 of 2")
        await self.say_all(ALICE, "guardians bob dave 2 of 2")
        assert await self.approve(ALICE) == "approved"
        assert self.states_of_rules() == ["ended", "active"]

    async def test_who_does_not_want_to_be_one_ends_the_rule_that_was_to_come(self) -> None:
        await self.choose_guardians("bob dave 2 of 2", BOB)
        assert self.states_of_rules() == ["asked"]
        session = self.sent(**two_signers())
        await self.tap(DAVE, "decline")
        assert "Dave Dean does not want to be your guardian" in self.said(ALICE)
        assert self.states_of_rules() == ["ended"]
        assert (await self.sign(session)).status == 200

    async def test_who_left_does_not_count_and_too_few_are_told(self) -> None:
        await self.choose_guardians()
        self.leave(DAVE)
        session = self.sent(**two_signers())
        assert (await self.sign(session)).body["errcode"] == FIRST
        assert "Too few guardians can be asked" in self.said(ALICE)
        assert "Dave Dean" in self.said(ALICE)

    async def test_when_the_document_is_over_nobody_is_asked_any_more(self) -> None:
        await self.choose_guardians()
        session = self.sent(**two_signers())
        await self.sign(session)
        await self.take_back(CAROL)
        newest = [one for one in self.contents(DAVE) if "m.new_content" in one]
        assert "It is decided." in newest[-1]["body"]
        assert self.rows("SELECT 1 FROM signing.guardian_vote") == []

    async def test_what_cannot_be_a_rule_is_refused_by_name(self) -> None:
        self.chat(ALICE)
        for typed, words in (
            ("bob 2 of 1", "does not fit to whom you named"),
            ("bob @bob", "Write each guardian once"),
            ("a b c d e f", "There can be 5 guardians at most"),
            ("nobody", "Nobody else of the name"),
            ("alice", "Nobody else of the name"),
            ("veche_signing", "Nobody else of the name"),
            ("2 of 2", "Write who, and how many of them"),
        ):
            await self.say_all(ALICE, f"guardians {typed}")
            assert words in self.said(ALICE), typed
        await self.say_all(ALICE, "guardians")
        assert "Nobody guards your signatures" in self.said(ALICE)
        await self.say_all(ALICE, "guardians off")
        assert "Nobody guards your signatures" in self.said(ALICE)
        assert self.rows("SELECT 1 FROM signing.guard_rule") == []

    async def test_a_dump_tells_no_names_and_no_title(self) -> None:
        await self.choose_guardians()
        await self.sign(self.sent(**two_signers()))
        kept = "".join(
            str(self.rows(f"SELECT t::text FROM {table} t"))  # noqa: S608 -- ours
            for table in (
                "signing.guard_rule",
                "signing.guardian",
                "signing.guarded",
                "runtime.prompt",
            )
        )
        for word in ("Bob Brown", "Dave Dean", "Lease of flat"):
            assert word not in kept
