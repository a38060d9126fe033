"""Parties let others act on their page, with their own key, and take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF
from tests.support.keys import BrowserKey, approval_of
from tests.support.sign_page import FreshKey

if TYPE_CHECKING:
    from appservices.signing.evidence.core.record import Evidence
    from tests.support.calls import Answer
    from tests.support.sign_page import SignPage
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


class DelegationTests(ChatSite):
    """Carol asks Alice and Bob, who may let others act."""

    async def prepare(self, *more: str) -> SignPage:
        """Alice's page."""
        self.chat(CAROL, ALICE, BOB, DAVE)
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", "alice, bob")
        await self.tap(CAROL, *more, "send")
        return self.page(self.session(), "p1")

    async def delegate(
        self, page: SignPage, key: BrowserKey, to: str | None, changes: Any = None
    ) -> Answer:
        """Ask, approve, hand in."""
        body = {"party": page.party} if to is None else {"party": page.party, "to": to}
        path = f"/sessions/{page.session}/delegate"
        asked: Answer = await self.away(page.call, "POST", f"{path}/ask", body)
        if asked.status != 200:
            return asked
        signed = key.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
        user = asked.body["user"]
        told = {"party": page.party, "approval": signed, **({"to": user} if user else {})}
        answer: Answer = await self.away(page.call, "POST", path, {**told, **(changes or {})})
        await self.settle()
        return answer

    async def test_a_party_lets_another_act_takes_it_back_and_lets_them_again(self) -> None:
        page = await self.prepare("delegation")
        answer = await self.delegate(page, self.keys[ALICE], "dave")
        assert answer.status == 200, answer
        assert answer.body["you"]["state"] == "delegated"
        assert self.states() == {
            "Alice Adams": "delegated",
            "Bob Brown": "invited",
            "Dave Dean": "invited",
        }
        assert "Dave Dean for Alice Adams" in self.all_said(DAVE)
        refused = await self.delegate(page, self.keys[ALICE], "carol")
        assert (refused.status, refused.body["errcode"]) == (409, "ORG.VECHE.NOT_YOUR_TURN")

        back = await self.delegate(page, self.keys[ALICE], None)
        assert back.status == 200, back
        assert self.states() == {"Alice Adams": "viewed", "Bob Brown": "invited"}
        again = await self.delegate(page, self.keys[ALICE], None)
        assert again.body["errcode"] == "ORG.VECHE.DELEGATION_NOT_ALLOWED"

        assert (await self.delegate(page, self.keys[ALICE], str(CAROL))).status == 200
        signed = await self.away(self.page(self.session(), "p4").sign, self.keys[CAROL])
        assert signed.status == 200, signed
        late = await self.delegate(page, self.keys[ALICE], None)
        assert late.body["errcode"] == "ORG.VECHE.DELEGATION_NOT_ALLOWED"
        signed = await self.away(self.page(self.session(), "p2").sign, self.keys[BOB])
        assert signed.status == 200, signed
        await self.settle()
        [(_, _), (_, evidence)] = self.files(CAROL)
        [one] = read_evidence(evidence).delegations
        assert (one.party, one.to) == ("p1", "p4")
        assert one.approval is not None
        assert one.approval.person == ALICE

    async def test_a_key_that_is_revoked_since_lets_nobody_act(self) -> None:
        page = await self.prepare("delegation")
        assert (await self.delegate(page, self.keys[ALICE], str(CAROL))).status == 200
        theirs = self.page(self.session(), "p3")
        begun = await self.away(theirs.certificate, FreshKey(), self.keys[CAROL])
        assert begun.status == 200, begun
        now_ms, key = self.host.now_ms(), self.keys[ALICE].id
        self.run_now(lambda txn: self.host.approvals.revoke(txn, ALICE, key, now_ms))

        refused = await self.away(theirs.sign, self.keys[CAROL])
        assert refused.body["errcode"] == "ORG.VECHE.DELEGATION_NOT_ALLOWED", refused
        refused = await self.away(theirs.decline, self.keys[CAROL], "other")
        assert refused.body["errcode"] == "ORG.VECHE.DELEGATION_NOT_ALLOWED", refused

        # Whose place it is takes it back, although a certificate is there already.
        keys, self.keys = self.keys, {ALICE: BrowserKey()}
        self.run_now(self._enrol)
        self.keys = keys | self.keys
        back = await self.delegate(page, self.keys[ALICE], None)
        assert back.status == 200, back
        assert (await self.away(page.sign, self.keys[ALICE])).status == 200

    async def test_nobody_lets_another_act_without_the_key_of_the_party(self) -> None:
        page = await self.prepare("delegation")
        forged = await self.delegate(page, self.keys[BOB], "dave")
        assert (forged.status, forged.body["errcode"]) == (409, "ORG.VECHE.KEY_UNKNOWN")
        refusals = []
        for changes in ({"to": CAROL}, {"to": None}, {"party": "p2"}):
            refused = await self.delegate(page, self.keys[ALICE], "dave", changes)
            refusals.append((refused.status, refused.body["errcode"]))
        mismatch = (409, "ORG.VECHE.APPROVAL_MISMATCH")
        assert refusals == [mismatch, mismatch, (404, "ORG.VECHE.NOT_FOUND")]
        stranger = self.page(self.session(), "p2")
        stranger.party = "p1"
        assert (await self.delegate(stranger, self.keys[ALICE], "dave")).status == 404
        assert self.states() == {"Alice Adams": "invited", "Bob Brown": "invited"}

    async def test_who_cannot_act_in_their_place_is_told_before_the_key_is_asked(self) -> None:
        page = await self.prepare("delegation")
        for to, words in (
            ("nobody", "nobody of that name"),
            ("not a name", "nobody of that name"),
            ("bob", "take part already"),
            ("alice", "take part already"),
            ("veche_signing", "nobody of that name"),
        ):
            refused = await self.delegate(page, self.keys[ALICE], to)
            assert (refused.status, refused.body["errcode"]) == (
                409,
                "ORG.VECHE.DELEGATION_NOT_ALLOWED",
            )
            assert words in refused.body["error"], (to, refused)

    async def test_whoever_asks_may_forbid_it(self) -> None:
        page = await self.prepare()
        refused = await self.delegate(page, self.keys[ALICE], "dave")
        assert refused.body["errcode"] == "ORG.VECHE.DELEGATION_NOT_ALLOWED"


class ChatDelegationTests(ChatSite):
    """The same in the chat, where the bot asks for the approval."""

    async def prepare(self, *more: str, who: str = "alice, bob") -> None:
        self.chat(CAROL, ALICE, BOB, DAVE)
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", who)
        await self.tap(CAROL, "delegation", *more, "send")

    async def name(self, person: UserId, other: str) -> None:
        await self.tap(person, "delegate")
        await self.say_all(person, other)

    async def test_the_bot_lets_another_act_once_the_key_has_approved(self) -> None:
        await self.prepare()
        await self.name(ALICE, "dave")
        assert "Shall Dave Dean (@dave:veche.test) act for you" in self.said(ALICE)
        assert "approve it with your key" in self.said(ALICE)
        # Words, and a button without the key, let nobody act.
        await self.say_all(ALICE, "1", "Let them act")
        await self.tap(ALICE, "allow")
        assert self.states()["Alice Adams"] == "invited"
        assert await self.approve(ALICE, self.keys[BOB]) != "approved"
        assert self.states()["Alice Adams"] == "invited"

        told = self.signed(ALICE)
        assert await self.hand_in(ALICE, told) == "approved"
        assert self.states()["Alice Adams"] == "delegated"
        assert await self.hand_in(ALICE, told) != "approved"
        # To take it back needs the key, too.
        await self.tap(ALICE, "taken-back")
        assert self.states()["Alice Adams"] == "delegated"
        assert await self.approve(ALICE) == "approved"
        assert self.states() == {"Alice Adams": "viewed", "Bob Brown": "invited"}
        assert await self.hand_in(ALICE, told) != "approved"
        assert self.states() == {"Alice Adams": "viewed", "Bob Brown": "invited"}

    async def test_the_evidence_has_the_approval_that_was_given_in_the_chat(self) -> None:
        await self.prepare(who="alice")
        await self.name(ALICE, "bob")
        assert await self.approve(ALICE) == "approved"
        signed = await self.away(self.page(self.session(), "p2").sign, self.keys[BOB])
        assert signed.status == 200, signed
        await self.settle()

        [(_, pdf), (_, report)] = self.files(CAROL)
        evidence = read_evidence(report)
        [one] = evidence.delegations
        assert one.approval is not None
        assert one.approval.person == ALICE
        judgement = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert check_evidence(evidence, pdf, judgement) == []
        other = with_party(evidence, "p2", user=str(CAROL))
        problems = check_evidence(other, pdf, judgement)
        assert "p1: the word on who acts for them names another" in problems
        thief = with_party(evidence, "p1", user=str(CAROL))
        assert any("somebody else" in one for one in check_evidence(thief, pdf, judgement))

    async def test_an_approval_that_comes_too_late_changes_nothing_and_says_why(self) -> None:
        await self.prepare()
        await self.name(ALICE, "dave")
        told = self.signed(ALICE)
        signed = await self.away(self.page(self.session(), "p1").sign, self.keys[ALICE])
        assert signed.status == 200, signed
        assert await self.hand_in(ALICE, told) == "approved"
        assert self.states()["Alice Adams"] == "signed"
        assert "You have signed" in self.all_said(ALICE)

    async def test_a_key_that_was_revoked_meanwhile_lets_nobody_act(self) -> None:
        await self.prepare()
        await self.name(ALICE, "dave")
        told = self.signed(ALICE)
        now_ms, key = self.host.now_ms(), self.keys[ALICE].id
        self.run_now(lambda txn: self.host.approvals.revoke(txn, ALICE, key, now_ms))
        assert await self.hand_in(ALICE, told) != "approved"
        assert self.states()["Alice Adams"] == "invited"

    async def test_who_has_no_key_is_told_to_add_one_first(self) -> None:
        await self.prepare(who="dave, bob")
        await self.tap(DAVE, "delegate")
        assert "you have none here" in self.said(DAVE)
        assert "/keys" in self.said(DAVE)
        await self.say_all(DAVE, "alice")
        assert self.states()["Dave Dean"] == "invited"

    async def test_where_a_reply_would_sign_a_proven_device_is_enough(self) -> None:
        self.run_now(self.identify)
        await self.prepare("level", "s0", who="dave, bob")
        await self.name(DAVE, "alice")
        assert "Shall Alice Adams" in self.said(DAVE)
        await self.tap(DAVE, "allow")
        assert self.states()["Dave Dean"] == "delegated"
        await self.tap(DAVE, "taken-back")
        assert self.states()["Dave Dean"] == "viewed"

    async def test_without_a_key_the_word_of_an_unknown_identity_is_none(self) -> None:
        await self.prepare("level", "s0", who="dave, bob")
        await self.name(DAVE, "alice")
        await self.tap(DAVE, "allow")
        assert self.states()["Dave Dean"] == "invited"

    @staticmethod
    def identify(txn: Cursor) -> None:
        """Give Dave an identity."""
        txn.execute("INSERT INTO crypto.person (user_id, master_key) VALUES (%s, 'key')", (DAVE,))

    async def test_a_question_without_a_key_counts_no_more_once_there_is_one(self) -> None:
        await self.prepare("level", "s0", who="dave, bob")
        await self.name(DAVE, "alice")
        self.keys = {DAVE: BrowserKey()}
        self.run_now(self._enrol)
        await self.tap(DAVE, "allow")
        assert self.states()["Dave Dean"] == "invited"
        await self.say_all(DAVE, "alice")
        assert await self.approve(DAVE) == "approved"
        assert self.states()["Dave Dean"] == "delegated"

    async def test_what_is_asked_is_kept_without_title_and_names(self) -> None:
        await self.prepare()
        await self.name(ALICE, "dave")
        kept = str(self.rows("SELECT p::text FROM runtime.prompt p"))
        kept += str(self.rows("SELECT a::text FROM runtime.approval_asked a"))
        assert "@dave:veche.test acts for me" in kept
        assert "Lease of flat" not in kept
        assert "Dave Dean" not in kept


def with_party(evidence: Evidence, party: str, **changes: str) -> Evidence:
    """Evidence in which a party has something else."""
    parties = tuple(
        one.model_copy(update=changes) if one.party == party else one for one in evidence.parties
    )
    return evidence.model_copy(update={"parties": parties})
