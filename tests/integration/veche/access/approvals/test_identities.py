"""Confirming a new identity on a real database: by a key of before, or by the operator."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.integration.veche.access.approvals.till import HOLD_MS, RULES, ApprovalCase
from tests.integration.veche.access.sessions.chat import ALICE, BOB, MASTER
from tests.support.keys import BrowserKey, approval_of, decline_of
from veche.access.approvals import (
    AskedState,
    IdentityState,
    Offer,
    Rules,
    Verdict,
    identities,
    limits,
)
from veche.access.approvals.core import IDENTITY_ASKED_MS
from veche.access.approvals.errors import (
    ApprovalOverError,
    IdentityUnchangedError,
    KeyHeldError,
    NoRoomError,
)
from veche.protocol.answers import Chosen
from veche.protocol.errors import RefusedError
from veche.protocol.inbound import DeviceStanding
from veche.runtime.crypto.tracking import pin_identity, unconfirmed

if TYPE_CHECKING:
    from veche.access.approvals import Taken
    from veche.protocol.approval import AskedApproval
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

NEW = "another master key"
NEWER = "a third master key"


class IdentityCase(ApprovalCase):
    async def reset(self, master: str | None = NEW) -> None:
        """Alice, or somebody else, takes another identity."""
        await self.know(master=master, PHONE=True)

    async def asked(self, person: UserId = ALICE) -> AskedApproval:
        asked: AskedApproval = await self.transact(identities.ask, person, self.now_ms)
        return asked

    async def confirm(self, asked: AskedApproval, key: BrowserKey) -> Taken:
        content = asked.model_dump(mode="json", exclude_none=True)
        return await self.take(key.signed(approval_of(content, self.now_ms)))

    async def state(self) -> IdentityState:
        found = await self.transact(identities.standing, ALICE)
        assert isinstance(found.state, IdentityState)
        return found.state

    def pinned(self) -> Any:
        [(pinned,)] = self.sql("SELECT master_pinned FROM crypto.person WHERE user_id = %s", ALICE)
        return pinned


class ConfirmingTest(IdentityCase):
    async def test_a_key_of_before_confirms_the_new_identity(self) -> None:
        key = await self.enrol()
        await self.reset()
        before = await self.state()
        asked = await self.asked()

        taken = await self.confirm(asked, key)

        assert (before, taken.outcome) == (IdentityState.CHANGED, "approved")
        assert (self.pinned(), await self.state()) == (NEW, IdentityState.SAME)
        assert "You confirmed the new identity" in (await self.bodies())[-1]
        assert (await self.log_lines())[-1] == (
            "The new identity of your Matrix account was confirmed."
        )

    async def test_what_is_shown_names_the_identity_and_nobody_is_asked_by_a_prompt(self) -> None:
        await self.enrol()
        await self.reset()

        asked = await self.asked()

        assert asked.kind == "mandate"
        assert "anot her  mast er k ey" in asked.model_dump()["shown"]["text"]
        assert self.handed_in() == []

    async def test_no_other_key_confirms_it(self) -> None:
        await self.enrol()
        await self.reset()
        asked = await self.asked()

        strange = await self.confirm(asked, BrowserKey())

        assert strange.verdict is Verdict.KEY_UNKNOWN
        assert self.pinned() == MASTER

    async def test_a_revoked_key_confirms_nothing(self) -> None:
        key = await self.enrol()
        await self.reset()
        asked = await self.asked()
        await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)

        taken = await self.confirm(asked, key)

        assert taken.verdict is Verdict.KEY_REVOKED
        assert self.pinned() == MASTER

    async def test_a_key_that_is_still_held_confirms_nothing(self) -> None:
        key = await self.enrol(is_held=True)
        await self.reset()
        asked = await self.asked()

        early = await self.confirm(asked, key)
        self.wait(HOLD_MS)
        late = await self.confirm(await self.asked(), key)

        assert isinstance(early.outcome, KeyHeldError)
        assert late.outcome == "approved"

    async def test_no_key_is_enrolled_under_an_identity_that_nobody_confirmed(self) -> None:
        await self.enrol()
        await self.reset()

        with pytest.raises(RefusedError, match="another one"):
            await self.begin(BrowserKey())

    async def test_another_identity_than_was_shown_is_not_confirmed(self) -> None:
        key = await self.enrol()
        await self.reset()
        asked = await self.asked()
        await self.reset(NEWER)

        view = await self.transact(self.approvals.view, asked.nonce, self.now_ms)
        taken = await self.confirm(asked, key)

        assert view.state is AskedState.CLOSED
        assert isinstance(taken.outcome, ApprovalOverError)
        assert self.pinned() == MASTER

    async def test_it_is_confirmed_once(self) -> None:
        key = await self.enrol()
        await self.reset()
        asked = await self.asked()
        await self.confirm(asked, key)

        again = await self.confirm(asked, key)

        assert isinstance(again.outcome, ApprovalOverError)
        with pytest.raises(IdentityUnchangedError):
            await self.asked()

    async def test_saying_no_with_the_key_leaves_everything(self) -> None:
        key = await self.enrol()
        await self.reset()
        asked = await self.asked()
        content = asked.model_dump(mode="json", exclude_none=True)

        taken = await self.take(key.signed(decline_of(content, self.now_ms)))

        assert taken.outcome == "declined"
        assert self.pinned() == MASTER

    async def test_what_was_asked_is_over_after_a_day(self) -> None:
        key = await self.enrol()
        await self.reset()
        asked = await self.asked()
        self.wait(IDENTITY_ASKED_MS)

        taken = await self.confirm(asked, key)

        assert isinstance(taken.outcome, ApprovalOverError)
        assert self.pinned() == MASTER

    async def test_asking_again_takes_the_place_of_the_first_and_of_no_limit(self) -> None:
        await self.enrol()
        raise_limit = await self.transact(
            limits.change, self.approvals.parts, ALICE, "EUR", 100, self.now_ms
        )
        await self.reset()
        first, second = await self.asked(), await self.asked()

        kept = {nonce for (nonce,) in self.sql("SELECT nonce FROM runtime.approval_asked")}

        assert kept == {raise_limit.nonce, second.nonce} - {first.nonce}


class KeyInDoubtTest(IdentityCase):
    """A key of before is proven by itself, so it goes on: its word does not come by the identity.

    Else whoever runs the homeserver could stop somebody's money by showing another identity.
    """

    async def test_a_key_of_before_pays_and_declines_while_the_identity_is_in_doubt(self) -> None:
        key = await self.enrol()
        asked_before = await self.bill(500)
        await self.know(master=NEW, PHONE=False, GHOST=True)
        bills = (asked_before, await self.bill(501))

        taken = [await self.approve(one, key) for one in bills]
        last = await self.bill(502)
        declined = await self.take(key.signed(decline_of(last.content, self.now_ms)))

        assert [one.outcome for one in taken] == ["approved", "approved"]
        assert declined.outcome == "declined"
        for one in bills:
            nonce = one.asked.nonce
            evidence = await self.transact(self.approvals.authorised, nonce)
            assert (evidence.key_id, evidence.means) == (key.id, "p256")
        assert await self.state() is IdentityState.CHANGED

    async def test_a_doubt_lets_no_other_key_in_and_a_revoked_one_out(self) -> None:
        key = await self.enrol()
        bill = await self.bill(500)
        await self.know(master=NEW, PHONE=False, GHOST=True)

        strange = await self.approve(bill, BrowserKey())
        with pytest.raises(NoRoomError):
            await self.begin()
        await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)
        revoked = await self.approve(bill, key)

        verdicts = strange.verdict, revoked.verdict
        assert verdicts == (Verdict.KEY_UNKNOWN, Verdict.KEY_REVOKED)
        assert self.handed_in() == []


class OfferTest(IdentityCase):
    async def offer(self) -> Offer:
        """What Alice is told of the identity, or the device, that is to be confirmed."""

        def work(txn: Cursor) -> Offer:
            candidate = next(iter(unconfirmed(txn, ALICE)), None)
            return identities.offer(txn, self.approvals.parts, ALICE, candidate, self.now_ms)

        offer: Offer = await self.transact(work)
        return offer

    async def test_whoever_has_a_key_gets_a_link_and_others_the_number_alone(self) -> None:
        await self.meet()
        await self.transact(pin_identity, ALICE, self.now_ms)
        await self.reset()
        without = await self.offer()
        await self.reset(MASTER)
        await self.enrol()
        await self.reset()

        with_key = await self.offer()

        assert (without.fingerprint, without.url) == ("anot her  mast er k ey", None)
        assert with_key.fingerprint == without.fingerprint
        assert with_key.url is not None
        assert "/approve#" in with_key.url

    async def test_an_identity_that_is_gone_cannot_be_confirmed(self) -> None:
        await self.enrol()
        await self.reset(None)

        offer = await self.offer()

        assert (offer.fingerprint, offer.url) == (None, None)
        assert await self.state() is IdentityState.GONE
        with pytest.raises(IdentityUnchangedError):
            await self.asked()

    async def test_without_pages_there_is_no_link(self) -> None:
        await self.enrol()
        await self.reset()
        pageless = self.of_rules(Rules(0, RULES.held, {}, {}), None)

        offer = await self.transact(identities.offer, pageless.parts, ALICE, NEW, self.now_ms)

        assert offer.url is None

    async def test_of_strangers_there_is_nothing_to_confirm(self) -> None:
        with pytest.raises(IdentityUnchangedError):
            await self.asked(BOB)


class OperatorTest(IdentityCase):
    async def by_operator(self, identity: str) -> bool:
        """Confirm Alice's, as `veche identity` does."""
        parts, now_ms = self.approvals.parts, self.now_ms
        return cast(
            "bool",
            await self.transact(identities.confirm, parts, ALICE, identity, "operator", now_ms),
        )

    async def test_the_operator_confirms_whoever_has_no_key(self) -> None:
        await self.meet()
        await self.transact(pin_identity, ALICE, self.now_ms)
        await self.reset()

        done = await self.by_operator(NEW)
        again = await self.by_operator(NEW)

        assert (done, again) == (True, False)
        assert self.pinned() == NEW
        [body] = [one for one in await self.bodies() if "operator of this service" in one]
        assert "anot her  mast er k ey" in body

    async def test_an_identity_that_is_not_there_is_not_pinned(self) -> None:
        await self.meet()
        await self.transact(pin_identity, ALICE, self.now_ms)
        await self.reset()

        done = await self.by_operator(NEWER)

        assert not done
        assert self.pinned() == MASTER


class MomentTest(IdentityCase):
    """An identity of the homeserver's comes at every moment of a story, and gets nothing by it."""

    async def ghost_comes(self) -> None:
        await self.know(master=NEW, PHONE=False, GHOST=True)

    async def get_nothing(self) -> None:
        """Whatever is begun while the identity is in doubt."""
        said = await self.page(self.room())
        assert "I send no link now" in said.body
        count = len(await self.said())
        await self.sessions.ask_code(ALICE, "", f"192.0.2.{count}")
        await self.jobs()
        later = " ".join(await self.bodies()).rpartition("I send no link now")[2]
        assert re.findall(r"/signin#|\b[0-9]{6}\b|\b[0-9]{3} [0-9]{3}\b", later) == []
        with pytest.raises(NoRoomError):
            await self.begin()
        bill = await self.bill(501)
        assert re.findall(r"http|(?m: [0-9]{4}$)", bill.body) == []

    async def story(self, master: str | None, moment: int) -> None:
        """Link, sign-in, key, code and payment; the ghost comes before one of the steps."""
        await self.know(master=master, PHONE=master is not None)
        await self.chat()
        await self.transact(pin_identity, ALICE, self.now_ms)
        link = await self.page(self.room())
        await self.seal(link)
        if moment == 0:
            await self.ghost_comes()
            with pytest.raises(RefusedError):
                await self.sessions.redeem_link(link.secret)
            return
        await self.sessions.redeem_link(link.secret)
        key = BrowserKey()
        if master is None or moment == 1:
            await self.ghost_comes()
            return
        enrolment_id, said = await self.begin(key)
        if moment == 2:
            await self.ghost_comes()
            with pytest.raises(RefusedError):
                await self.finish(enrolment_id, said.code, key)
            return
        await self.finish(enrolment_id, said.code, key)
        self.wait(HOLD_MS)
        self.sql(
            "INSERT INTO runtime.code_limit (person, currency, minor) VALUES (%s, 'EUR', 9000)",
            ALICE,
        )
        bill = await self.bill(500)
        await self.ghost_comes()
        for standing in (DeviceStanding.LATE, DeviceStanding.VERIFIED):
            heard = await self.reply(bill.code, bill, standing=standing)
            assert not isinstance(heard.outcome, Chosen), standing

    async def test_whoever_is_put_in_at_any_moment_signs_in_enrols_and_pays_nowhere(self) -> None:
        for master in (None, MASTER):
            for moment in range(4):
                await self.story(master, moment)

                await self.get_nothing()
                assert self.evidence() == []
                self.sql(
                    "TRUNCATE crypto.person, crypto.person_device, crypto.pinned_device,"
                    " runtime.device_key, runtime.key_enrolment, runtime.code_limit CASCADE"
                )
