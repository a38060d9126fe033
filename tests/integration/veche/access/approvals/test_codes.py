"""Payments by a code in the chat, and the daily limit that a person sets for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.veche.access.approvals.till import HOUR_MS, RULES, ApprovalCase
from tests.integration.veche.access.sessions.chat import ALICE, BOB, BOT
from tests.support.keys import BrowserKey, approval_of, signature_shown
from tests.support.said import columns_with
from veche.access.approvals import CodeLimit, LimitView, Verdict, limits, said, store
from veche.access.approvals.core import LIMIT_ASKED_MS, LIMIT_HOLD_MS, TRIES_MAX
from veche.access.approvals.errors import LimitTooHighError
from veche.protocol.answers import Chosen, NoAnswer, RefusalReason, Refused
from veche.protocol.errors import MalformedError, NotFoundError
from veche.protocol.inbound import DeviceStanding

if TYPE_CHECKING:
    from tests.integration.veche.access.approvals.till import Bill
    from veche.chat.prompts import Heard
    from veche.protocol.approval import AskedApproval

DAY_MS = 24 * HOUR_MS


def refusal(heard: Heard) -> RefusalReason:
    assert isinstance(heard.outcome, Refused), heard.outcome
    return heard.outcome.reason


def other(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 10**4:04}"


class CodeCase(ApprovalCase):
    async def allow(self, minor: int = 5_000) -> None:
        """Alice may approve so much by code a day."""
        await self.meet()
        await self.transact(store.save_limit, ALICE, CodeLimit("EUR", minor))

    async def limit(self) -> LimitView:
        [view] = await self.transact(limits.views, self.approvals.parts.rules, ALICE, self.now_ms)
        assert isinstance(view, LimitView)
        return view

    async def change(self, minor: int, currency: str = "EUR") -> AskedApproval | None:
        asked: AskedApproval | None = await self.transact(
            limits.change, self.approvals.parts, ALICE, currency, minor, self.now_ms
        )
        return asked

    async def sign(self, asked: AskedApproval | None, key: BrowserKey) -> Verdict:
        """Approve a raise."""
        assert asked is not None
        content = asked.model_dump(mode="json", exclude_none=True)
        return (await self.take(key.signed(approval_of(content, self.now_ms)))).verdict


class CodeTest(CodeCase):
    async def test_without_a_limit_there_is_no_code(self) -> None:
        await self.meet()
        bill = await self.bill(1)

        assert not bill.has_code
        heard = await self.reply("1234", bill)
        assert not isinstance(heard.outcome, Chosen)

    async def test_the_code_from_a_verified_device_pays_within_the_limit(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)

        heard = await self.reply(bill.code, bill)

        assert isinstance(heard.outcome, Chosen)
        assert (heard.outcome.choice, heard.outcome.approved_by) == ("pay", bill.asked.nonce)
        assert self.evidence() == [(bill.asked.nonce, "payment", "code")]
        assert (await self.limit()).spent_minor == 1_250
        assert (await self.log_lines())[-1] == "Approved by a code in the chat: a payment."

    async def test_the_code_is_never_written_in_clear(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)
        _, enrolment = await self.begin()

        assert columns_with(self.dsn, bill.asked.nonce) != []
        assert columns_with(self.dsn, bill.code) == []
        assert columns_with(self.dsn, enrolment.code) == []

    async def test_the_code_may_be_the_next_message(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)

        heard = await self.reply(f" {bill.code} ")
        assert isinstance(heard.outcome, Chosen)

    async def test_the_evidence_of_a_code_says_what_was_shown_and_what_was_sent(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)
        await self.reply(bill.code, bill, event_id="$code")

        evidence = await self.transact(self.approvals.authorised, bill.asked.nonce)
        assert json.loads(evidence.signed) == approval_of(bill.content, self.now_ms)
        assert evidence.proof == {
            "event": "$code",
            "room": bill.room_id,
            "device": None,
            "message": bill.code,
        }
        exported = await self.transact(self.approvals.exported, bill.asked.nonce)
        assert exported["reply"]["event"] == "$code"
        assert exported["public_key"] is exported["signature"] is None

    async def test_a_code_counts_once(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)
        await self.reply(bill.code, bill)

        again = await self.reply(bill.code, bill)
        assert not isinstance(again.outcome, Chosen)
        assert len(self.evidence()) == 1

    async def test_the_same_message_again_is_the_same_answer(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)
        first = await self.reply(bill.code, bill, event_id="$code")
        again = await self.reply(bill.code, bill, event_id="$code")

        assert again.outcome == first.outcome
        assert len(self.evidence()) == 1

    async def test_a_code_and_a_key_at_once_are_one_approval(self) -> None:
        key = await self.enrol()
        await self.allow()
        bill = await self.bill(1_250)

        running: list[Deferred[Any]] = [
            Deferred.fromCoroutine(self.reply(bill.code, bill)),
            Deferred.fromCoroutine(self.approve(bill, key)),
        ]
        heard, taken = await gatherResults(running)

        assert len(self.evidence()) == 1
        assert isinstance(heard.outcome, Chosen) is (taken.verdict is Verdict.OVER)

    async def test_three_wrong_codes_burn_the_code_and_not_the_key(self) -> None:
        key = await self.enrol()
        await self.allow()
        bill = await self.bill(1_250)

        for _ in range(TRIES_MAX):
            assert refusal(await self.reply(other(bill.code), bill)) is RefusalReason.CODE_WRONG
        assert refusal(await self.reply(bill.code, bill)) is RefusalReason.CODE_SPENT
        assert (await self.log_lines())[-1] == "Refused: a payment. Wrong codes were typed."
        assert (await self.approve(bill, key)).outcome == "approved"

    async def test_only_a_verified_device_of_the_pinned_identity_pays(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)

        for standing in DeviceStanding:
            if standing is not DeviceStanding.VERIFIED:
                heard = await self.reply(bill.code, bill, standing=standing)
                assert refusal(heard) is RefusalReason.TRUST_TOO_LOW, standing
        await self.know(master="another", PHONE=True)
        assert refusal(await self.reply(bill.code, bill)) is RefusalReason.TRUST_TOO_LOW
        assert self.evidence() == []

    async def test_of_two_devices_that_claim_one_session_neither_pays(self) -> None:
        await self.allow()
        both, one = await self.bill(1_250), await self.bill(1_250)
        self.claim("$both", both.room_id, "PHONE", "GHOST")
        self.claim("$one", one.room_id, "PHONE", "PHONE")

        heard = await self.reply(both.code, both, event_id="$both")
        assert refusal(heard) is RefusalReason.TRUST_TOO_LOW
        assert self.evidence() == []
        await self.reply(one.code, one, event_id="$one")
        evidence = await self.transact(self.approvals.authorised, one.asked.nonce)
        assert evidence.proof["device"] == "PHONE"

    def claim(self, event_id: str, room_id: str, *devices: str) -> None:
        """An event arrived, whose session each of these gave to a device of the bot's."""
        self.sql(
            "INSERT INTO runtime.inbox (room_id, event_id, bot, sender, event_type, source, state,"
            " event, received_at_ms) VALUES (%s, %s, %s, %s, 'm.room.encrypted', 1, 2, %s, 1)",
            *(room_id, event_id, BOT, ALICE),
            json.dumps({"content": {"session_id": event_id}}),
        )
        self.sql(
            "INSERT INTO crypto.identity VALUES (%s, 'key', '', 'operator', 1)"
            " ON CONFLICT DO NOTHING",
            BOT,
        )
        for n, device in enumerate(devices):
            self.sql(
                "WITH d AS (INSERT INTO crypto.device (user_id, device_id, account, pickled_under,"
                " retired_at_ms) VALUES (%s, %s, '', '', 1) RETURNING device_no)"
                " INSERT INTO crypto.room_key_in"
                " SELECT device_no, %s, %s, '', %s, %s, 'ed', 0, 0 FROM d",
                *(BOT, f"{event_id} {n}", room_id, event_id, ALICE, device),
            )

    async def test_nobody_else_pays_with_it(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)

        heard = await self.reply(bill.code, bill, sender=BOB)
        assert not isinstance(heard.outcome, Chosen)
        assert self.evidence() == []

    async def test_a_message_that_was_edited_into_a_code_pays_nothing(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)
        relates = {"rel_type": "m.replace", "event_id": "$old"}

        heard = await self.reply(bill.code, content={"m.relates_to": relates})
        assert isinstance(heard.outcome, NoAnswer)

    async def test_the_limit_is_for_all_payments_of_a_day(self) -> None:
        await self.allow(2_500)
        first, second, third = [await self.bill(1_250) for _ in range(3)]

        for bill in (first, second):
            assert isinstance((await self.reply(bill.code, bill)).outcome, Chosen)
        assert refusal(await self.reply(third.code, third)) is RefusalReason.CODE_OVER_LIMIT
        self.wait(DAY_MS)
        assert (await self.limit()).spent_minor == 0
        later = await self.bill(2_500)
        assert isinstance((await self.reply(later.code, later)).outcome, Chosen)

    async def test_two_codes_at_once_do_not_pass_the_limit_together(self) -> None:
        await self.allow(2_000)
        rooms = [await self.chat() for _ in range(2)]
        bills = [await self.bill(1_250, room_id=room_id) for room_id in rooms]

        running = [Deferred.fromCoroutine(self.reply(bill.code, bill)) for bill in bills]
        outcomes = [heard.outcome for heard in await gatherResults(running)]

        assert sorted(isinstance(one, Chosen) for one in outcomes) == [False, True]
        assert (await self.limit()).spent_minor == 1_250

    async def test_above_the_limit_no_code_is_offered(self) -> None:
        await self.allow(1_250)

        assert (await self.bill(1_250)).has_code
        assert not (await self.bill(1_251)).has_code

    async def test_no_code_is_offered_in_clear_or_for_anything_but_payments(self) -> None:
        await self.allow()
        clear = await self.chat(is_encrypted=False)
        lease = signature_shown()

        assert not (await self.bill(1, room_id=clear)).has_code
        assert not (await self.bill(kind="signature", shown=lease)).has_code

    async def test_four_digits_are_something_else_where_no_code_waits(self) -> None:
        await self.allow()
        older = await self.bill(1_250)
        await self.bill(9_000)  # the newest has no code, as one that asks for a year

        await self.reply("1984")
        assert self.sql("SELECT sum(code_tries) FROM runtime.approval_asked") == [(0,)]
        assert isinstance((await self.reply(older.code)).outcome, Chosen)

    async def test_an_operator_who_lowers_the_highest_limit_lowers_it_for_all(self) -> None:
        await self.allow(5_000)
        bill = await self.bill(1_250)
        self.approvals = self.of_rules(attrs.evolve(RULES, code_limits={"EUR": 1_000}))

        assert refusal(await self.reply(bill.code, bill)) is RefusalReason.CODE_OVER_LIMIT

    async def test_other_words_are_answers_as_ever(self) -> None:
        await self.allow()
        bill = await self.bill(1_250)

        assert refusal(await self.reply("1", bill)) is RefusalReason.APPROVAL_NEEDED
        heard = await self.reply("2", bill)
        assert isinstance(heard.outcome, Chosen)
        assert (heard.outcome.choice, heard.outcome.approved_by) == ("decline", None)

    async def test_a_refusal_leads_to_the_page(self) -> None:
        await self.meet()
        bill = await self.bill(1_250)

        heard = await self.reply("1", bill)
        assert isinstance(heard.outcome, Refused)
        assert self.approve_page(bill, heard.outcome.choice) in bill.body

    def approve_page(self, bill: Bill, choice: str | None) -> str:
        url = self.approvals.page_of(bill.prompt, choice)
        assert url is not None
        return url


class LimitTest(CodeCase):
    async def test_a_raise_needs_the_key_and_waits_a_day(self) -> None:
        key = await self.enrol()
        asked = await self.change(5_000)

        assert await self.sign(asked, key) is Verdict.GOOD

        assert (await self.limit()).limit.minor == 0
        told = (await self.said())[-1]
        assert "you can approve by code up to 50.00 EUR a day." in told.body
        assert "Not you? Set it back at once:" in told.body
        self.wait(LIMIT_HOLD_MS - 1)
        assert (await self.limit()).limit.minor == 0
        assert not (await self.bill(1)).has_code
        self.wait(1)
        assert (await self.limit()).limit.minor == 5_000
        assert (await self.bill(5_000)).has_code

    async def test_asking_alone_changes_nothing(self) -> None:
        await self.enrol()
        await self.change(5_000)
        self.wait(LIMIT_HOLD_MS)

        assert (await self.limit()).limit.minor == 0

    async def test_a_raise_is_shown_in_words_and_counts_once(self) -> None:
        key = await self.enrol()
        asked = await self.change(5_000)

        assert asked is not None
        shown = asked.model_dump(mode="json", exclude_none=True)["shown"]
        assert shown["text"].startswith("Payments of up to 50.00 EUR a day may be approved")
        assert shown["cap"] == {"minor": 5_000, "currency": "EUR"}
        assert await self.sign(asked, key) is Verdict.GOOD
        assert await self.sign(asked, key) is Verdict.OVER

    async def test_a_raise_must_be_approved_soon(self) -> None:
        key = await self.enrol()
        asked = await self.change(5_000)
        self.wait(LIMIT_ASKED_MS)

        assert await self.sign(asked, key) is Verdict.OVER

    async def test_only_the_raise_that_was_asked_for_last_can_be_approved(self) -> None:
        key = await self.enrol()
        first, last = await self.change(5_000), await self.change(4_000)

        with pytest.raises(NotFoundError):
            await self.sign(first, key)
        assert await self.sign(last, key) is Verdict.GOOD
        await self.change(5_000)
        states = "SELECT state FROM runtime.approval_asked WHERE prompt_id IS NULL ORDER BY 1"
        assert self.sql(states) == [("approved",), ("open",)]

    async def test_a_new_key_raises_nothing(self) -> None:
        key = await self.enrol(is_held=True)

        assert await self.sign(await self.change(5_000), key) is Verdict.KEY_HELD

    async def test_lowering_is_done_at_once_without_a_key(self) -> None:
        await self.allow(5_000)

        assert await self.change(1_000) is None

        assert (await self.limit()).limit == CodeLimit("EUR", 1_000)
        assert (await self.log_lines())[-1] == "Payments by code: up to 10.00 EUR a day."

    async def test_lowering_takes_a_raise_back(self) -> None:
        key = await self.enrol()
        await self.sign(await self.change(5_000), key)

        assert await self.change(0) is None
        self.wait(LIMIT_HOLD_MS)
        assert (await self.limit()).limit == CodeLimit("EUR", 0)

    async def test_a_raise_ends_with_the_key_that_approved_it(self) -> None:
        stolen, other = await self.enrol(), await self.enrol()
        await self.sign(await self.change(5_000), stolen)
        await self.revoke(stolen)
        assert "up to 0.00 EUR a day" in (await self.said())[-1].body
        self.wait(LIMIT_HOLD_MS)
        assert (await self.limit()).limit.minor == 0

        await self.sign(await self.change(5_000), other)
        self.wait(LIMIT_HOLD_MS)
        third = await self.enrol()
        await self.sign(await self.change(6_000), third)
        await self.revoke(other)
        assert (await self.limit()).limit.minor == 0, "one that counts by it ends, lowered or not"
        self.wait(LIMIT_HOLD_MS)
        assert (await self.limit()).limit.minor == 6_000, "what another key approved stays"
        await self.change(5_999)
        await self.revoke(third)
        assert (await self.limit()).limit.minor == 0

    async def revoke(self, key: BrowserKey) -> None:
        await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)

    async def test_the_same_limit_again_changes_nothing(self) -> None:
        await self.allow(5_000)

        assert await self.change(5_000) is None
        assert await self.log_lines() == []

    async def test_no_limit_is_above_what_the_operator_allows(self) -> None:
        await self.meet()

        assert await self.change(20_000) is not None
        with pytest.raises(LimitTooHighError) as refused:
            await self.change(20_001)
        assert str(said(refused.value, "en")) == "The highest daily limit here is 200.00 EUR."
        with pytest.raises(MalformedError):
            await self.change(1, "USD")

    async def test_a_bill_that_was_asked_before_the_limit_fell_is_not_paid_by_code(self) -> None:
        await self.allow(5_000)
        bill = await self.bill(1_250)
        await self.change(1_000)

        assert refusal(await self.reply(bill.code, bill)) is RefusalReason.CODE_OVER_LIMIT
