"""Parties let others act on their page, with their own key, and take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF
from tests.support.keys import approval_of
from veche.protocol.evidence_checks import read_evidence

if TYPE_CHECKING:
    from tests.support.calls import Answer
    from tests.support.keys import BrowserKey
    from tests.support.sign_page import SignPage

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

    async def test_nobody_lets_another_act_without_the_key_of_the_party(self) -> None:
        page = await self.prepare("delegation")
        forged = await self.delegate(page, self.keys[BOB], "dave")
        assert (forged.status, forged.body["errcode"]) == (409, "ORG.VECHE.KEY_UNKNOWN")
        for changes in ({"to": CAROL}, {"to": None}, {"party": "p2"}):
            refused = await self.delegate(page, self.keys[ALICE], "dave", changes)
            assert refused.status in (404, 409), refused
            assert refused.body["errcode"] != "ORG.VECHE.NOT_YOUR_TURN"
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
