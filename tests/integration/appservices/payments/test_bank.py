"""The rails of an institution against the demo's bank, which misbehaves."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from nacl.signing import SigningKey
from twisted.internet.defer import Deferred

from appservices.payments.banks.core.orders import NEVER_GOT, SILENCE_DAYS
from appservices.payments.banks.core.orders_xml import write_orders
from appservices.payments.banks.core.port import (
    Accepted,
    BankOrder,
    Entry,
    NameAnswer,
    NameMatch,
    OrderKind,
    Party,
    Refused,
    Signed,
    Unknown,
)
from appservices.payments.banks.core.told_xml import write_advice
from appservices.payments.banks.service import (
    Bank,
    DemoRail,
    NewsKind,
    OrderRequest,
    comparing,
    stuck_files,
)
from appservices.payments.banks.service.answering import FoundOut, found_out
from appservices.payments.banks.service.filing import resume
from appservices.payments.banks.service.incoming import Incoming
from appservices.payments.banks.service.stuck_files import STUCK_MS, SUBMIT, FileWord
from appservices.payments.banks.store import banks as store
from appservices.payments.demo_bank.__main__ import CAPITAL_MINOR, CUSTOMER
from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.ledger.core import AccountCode
from tests.integration.appservices.payments.bank_rig import BANK, BOB, BankCase
from tests.integration.appservices.payments.ledgers import problems
from tests.support.postgres import execute
from tests.support.stored_keys import revoke_keys
from veche.messaging.jobs import CHANNEL
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import UserId, derived_ulid
from veche.runtime.web.http_client import Connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.acts.histories import Finding
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

HABITS = {
    1: "rejected",
    2: "rejected",
    3: "booked",
    4: "asked",
    5: "booked",
    6: "returned",
    7: "booked",
    8: "booked",
    9: "conflict",
    10: "booked",
    50: "booked",
}
"""Where an order ends whose amount ends in these digits."""
GONE = ("booked", "conflict")
OWN = Party("Demo Institution", CUSTOMER)


class TestMisbehaviour(BankCase):
    def test_whatever_the_bank_does_every_line_counts_once_and_the_day_adds_up(
        self,
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._misbehave())

    async def _misbehave(self) -> None:
        await self.top_up(1_000_000)
        orders = {digits: await self.pay_out(10_000 + digits) for digits in HABITS}
        for digits in set(HABITS) - {4, 5, 6}:
            await self.until_state(orders[digits], HABITS[digits])
        for _ in range(3):
            await self.end_day()
        for digits, state in HABITS.items():
            await self.until_state(orders[digits], state)
        await self.until_quiet()

        paid = sum(10_000 + digits for digits, state in HABITS.items() if state in GONE)
        kept = 10_009  # rejected and yet booked: the payer has the money, we look for it
        assert self.held() == 10_004
        assert self.balance(AccountCode.WALLET) == 1_000_000 - paid + kept
        assert self.balance(AccountCode.SUSPENSE) == -kept
        assert self.balance(AccountCode.PAYOUT_CLEARING) == 0
        assert self.balance(AccountCode.OPENING) == CAPITAL_MINOR
        assert self.balance(AccountCode.BANK) == paid - 1_000_000 - CAPITAL_MINOR
        assert await self.days() == [0, 0, 0]
        assert problems(self.dsn) == []
        about = [about for about, _ in await self.alarms()]
        assert {orders[4], orders[9]} <= set(about)
        assert [one for one in about if one.startswith("file ")]
        kinds = [news.kind for news in self.news if news.about == orders[6]]
        assert kinds == [NewsKind.HELD, NewsKind.BOOKED, NewsKind.RETURNED]
        await self._hear_all_again()

    async def _hear_all_again(self) -> None:
        """All files of the bank once more move nothing."""
        before = self.rows("SELECT count(*) FROM ledger.transfer")
        [(cursor,)] = self.rows("SELECT cursor FROM payments.bank")
        self.rows("UPDATE payments.bank SET cursor = ''")

        async def heard() -> bool:
            return self.rows("SELECT cursor FROM payments.bank") == [(cursor,)]

        await self.until(heard, "the files were not heard again")
        await self.until_quiet()
        assert self.rows("SELECT count(*) FROM ledger.transfer") == before
        assert await self.days() == [0, 0, 0]


class TestRails(BankCase):
    def go(self, coroutine: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(coroutine)

    def test_a_payout_without_cover_never_reaches_the_bank(self) -> Deferred[None]:
        return self.go(self._no_cover())

    async def _no_cover(self) -> None:
        await self.top_up(1_000)
        id_ = await self.pay_out(1_050)
        await self.until_state(id_, "dropped")

        assert [news.kind for news in self.news] == [NewsKind.CREDITED, NewsKind.NO_COVER]
        assert self.news[-1].code == "exceeds_credits"
        assert self.held() == 0

    def test_a_payout_whose_key_is_revoked_before_its_hold_is_refused(self) -> Deferred[None]:
        return self.go(self._revoked())

    async def _revoked(self) -> None:
        await self.top_up(10_000)
        id_, alice = derived_ulid(self.home.now_ms(), "revoked"), UserId("@alice:example.org")
        wish = OrderRequest(id_, BANK, OrderKind.PAYOUT, self.account, BOB, 1_050)

        def work(txn: Cursor) -> None:
            now_ms = self.home.now_ms()
            nonce = self.home.approvals.approve(txn, alice, now_ms, "revoked")
            revoke_keys(txn, alice, now_ms)
            self.banking.order(txn, wish, now_ms, approved_by=[nonce])

        await self.run_txn(work)
        await self.until_state(id_, "dropped")

        assert self.news[-1].kind is NewsKind.NO_COVER
        assert self.held() == 0

    def test_what_nobody_knows_is_in_suspense_and_the_day_adds_up(self) -> Deferred[None]:
        return self.go(self._unknown())

    async def _unknown(self) -> None:
        await self.demo.deposit(CUSTOMER, 700, text="hello", name="Somebody")

        async def came() -> bool:
            return self.balance(AccountCode.SUSPENSE) == 700

        await self.until(came, "the line is not in suspense")
        await self.end_day()
        assert await self.days() == [0]
        assert self.rows("SELECT state FROM payments.bank_line WHERE key <> 'opening'") == [
            ("suspense",)
        ]
        await self._odd_key()

    async def _odd_key(self) -> None:
        """A reference of the bank's that ends as we mark lines that go to suspense is a line."""
        line = Entry("K to suspense", 300, True, "EUR", dt.date(2026, 11, 26))
        advice = write_advice("A1", CUSTOMER, [line], self.home.now_ms())

        def hear(txn: Cursor) -> None:
            Incoming.begin(txn, self.desk, BANK, self.home.now_ms()).hear(advice.data)

        await self.run_txn(hear)

        async def came() -> bool:
            return self.balance(AccountCode.SUSPENSE) == 1_000

        await self.until(came, "the line is not in suspense")
        await self.until_quiet()
        assert self.rows("SELECT state FROM payments.bank_line WHERE key = %s", line.key) == [
            ("suspense",)
        ]
        assert self.rows("SELECT why FROM payments.dead_letter") == []

    def test_the_day_of_one_bank_adds_up_beside_another_in_the_same_currency(
        self,
    ) -> Deferred[None]:
        return self.go(self._beside())

    async def _beside(self) -> None:
        line = Entry("K1", 300, True, "EUR", dt.date(2026, 11, 26))
        banks = cast("dict[str, Bank]", self.desk.banks)
        banks["other"] = attrs.evolve(banks[BANK], name="other", own=BOB)
        advice = write_advice("A1", BOB.account, [line], self.home.now_ms())

        def hear(txn: Cursor) -> None:
            store.keep_bank(txn, "other", BOB.account, store.ledger_of(txn, BANK))
            Incoming.begin(txn, self.desk, "other", self.home.now_ms()).hear(advice.data)

        await self.run_txn(hear)
        await self.demo.deposit(CUSTOMER, 700, text="hello", name="Somebody")
        await self.end_day()
        await self.until_quiet()
        await self.demo.deposit(CUSTOMER, 50, text="hello", name="Somebody")
        await self.end_day()
        await self.until_quiet()
        assert self.balance(AccountCode.SUSPENSE) == 1_050
        assert await self.days() == [0, 0]

    def test_a_fault_in_what_follows_from_a_line_does_not_end_the_hearing(self) -> Deferred[None]:
        return self.go(self._faulty())

    async def _faulty(self) -> None:
        await self.top_up(2_000)
        id_ = await self.pay_out(1_001)
        await self.until(self.is_held, "nothing is set aside")
        self.fault = ConflictError("a fault of ours")

        async def rests() -> bool:
            found = self.rows("SELECT due_at_ms FROM runtime.errand WHERE kind = 'bank.fetch'")
            return found != [] and found[0][0] > self.home.now_ms() + 30_000

        await self.until(self.has_no_fault, "nothing went wrong")
        await self.until(rests, "the bank is not to be asked again")
        self.rows(
            "WITH due AS (UPDATE runtime.errand SET due_at_ms = 0 WHERE kind = 'bank.fetch')"
            " SELECT 1 FROM pg_notify(%s, 'bank.fetch')",
            CHANNEL,
        )
        await self.until_state(id_, "rejected")
        await self.until_quiet()

        assert self.balance(AccountCode.WALLET) == 2_000
        assert self.held() == 0

    async def is_held(self) -> bool:
        return self.news[-1].kind is NewsKind.HELD

    async def has_no_fault(self) -> bool:
        return self.fault is None

    def test_a_virtual_account_leads_to_its_owner(self) -> Deferred[None]:
        return self.go(self._virtual())

    async def _virtual(self) -> None:
        virtual = await self.rail.open_virtual("Alice")
        id_ = derived_ulid(1, "virtual")
        await self.run_txn(self.banking.expect, BANK, self.account, id_, 1, virtual_account=virtual)
        await self.demo.deposit(virtual, 300)
        await self.demo.deposit(virtual, 400)

        async def came() -> bool:
            return self.balance(AccountCode.WALLET) == 700

        await self.until(came, "the money did not come")

    def test_a_collection_is_credited_when_the_bank_books_it(self) -> Deferred[None]:
        return self.go(self._collect())

    async def _collect(self) -> None:
        day: dt.date = self._a_day()
        mandate = Signed("M-1", day, "DE98ZZZ09999999999")
        id_ = derived_ulid(self.home.now_ms(), "collect")
        await self.top_up(1)  # the wallet is there
        wish = OrderRequest(id_, BANK, OrderKind.COLLECT, self.account, BOB, 2_500, mandate=mandate)
        await self.run_txn(self.banking.order, wish, self.home.now_ms())

        async def came() -> bool:
            return self.balance(AccountCode.WALLET) == 2_501

        await self.until(came, "the collection did not come")
        await self.until_state(id_, "booked")

    def test_nothing_is_ordered_to_an_account_of_ours(self) -> Deferred[None]:
        return self.go(self._to_ourselves())

    async def _to_ourselves(self) -> None:
        await self.top_up(100)
        id_ = derived_ulid(self.home.now_ms(), "to ourselves")
        ours = Party("Somebody", self.banking.own(BANK).account)
        wish = OrderRequest(id_, BANK, OrderKind.PAYOUT, self.account, ours, 50, text="rent")
        with pytest.raises(MalformedError, match="this institution's own"):
            await self.run_txn(self.banking.order, wish, self.home.now_ms())
        assert self.rows("SELECT count(*) FROM payments.bank_order WHERE id = %s", id_) == [(0,)]

    def test_a_bank_that_is_killed_goes_on_where_it_was(self) -> Deferred[None]:
        return self.go(self._killed())

    async def _killed(self) -> None:
        await self.top_up(100_000)
        self.demo.child.kill()
        first = await self.pay_out(10_050)
        await self.until_state(first, "sent")
        self.demo.child.start()
        await self.until_state(first, "booked")
        await self.until_quiet()

        assert self.balance(AccountCode.WALLET) == 89_950
        await self.end_day()
        assert await self.days() == [0]

    def test_an_order_of_which_nothing_is_heard_ends_by_what_the_bank_says_when_asked(
        self,
    ) -> Deferred[None]:
        return self.go(self._silence())

    async def _silence(self) -> None:
        await self.top_up(100_000)
        lost, done = await self.pay_out(10_004), await self.pay_out(20_004)
        for one in (lost, done):
            await self.until_state(one, "sent")
        with pytest.raises(ConflictError, match="the order is sent"):
            await self._ask(lost, FoundOut.NEVER_GOT)
        for _ in range(SILENCE_DAYS):
            await self.end_day()
        for one in (lost, done):
            await self.until_state(one, "asked")
        silent = [news.about for news in self.news if news.kind is NewsKind.SILENT]
        assert sorted(silent) == sorted([lost, done])

        await self._ask(lost, FoundOut.NEVER_GOT, FoundOut.PAID)  # the first word counts
        await self._ask(done, FoundOut.PAID)
        await self.until_state(lost, "rejected")
        await self.until_state(done, "settled")
        await self.until_quiet()

        assert self.held() == 0
        assert self.balance(AccountCode.WALLET) == 100_000 - 20_004
        assert self.balance(AccountCode.PAYOUT_CLEARING) == 20_004
        told = {news.about: (news.kind, news.code) for news in self.news}
        assert told[lost] == (NewsKind.REJECTED, NEVER_GOT)
        assert told[done] == (NewsKind.BOOKED, "")
        with pytest.raises(ConflictError, match="the order is rejected"):
            await self._ask(lost, FoundOut.PAID)
        with pytest.raises(NotFoundError):
            await self._ask(derived_ulid(1, "nobody's"), FoundOut.PAID)

    def test_orders_that_wait_after_a_restore_are_never_given_to_the_bank(self) -> Deferred[None]:
        return self.go(self._doubt())

    async def _doubt(self) -> None:
        await self.top_up(100_000)
        gone, done = await self.pay_out(10_050), await self.pay_out(20_050)

        def settle(txn: Cursor) -> None:
            for one in found:
                assert one.settle is not None
                one.settle(txn)

        found = [one for one in await self.banking.restored() if one.settle is not None]
        assert len(found) == 2
        await self.run_txn(settle)
        assert not [one for one in await self.banking.restored() if one.settle is not None]
        await self.until_quiet()
        for one in (gone, done):
            await self.until_state(one, "asked")
        await self._ask(gone, FoundOut.NEVER_GOT)
        await self._ask(done, FoundOut.PAID)
        await self.until_state(gone, "rejected")
        await self.until_state(done, "settled")
        await self.until_quiet()
        assert self.held() == 0
        assert self.balance(AccountCode.WALLET) == 100_000 - 20_050
        assert execute(self.dsn, "SELECT count(*) FROM payments.bank_file") == [(0,)]

    def test_a_restored_database_is_shown_what_the_bank_did_since(self) -> Deferred[None]:
        return self.go(self._compared())

    async def _compared(self) -> None:
        await self.top_up(100_000)
        await self.demo.deposit(CUSTOMER, 700, text="hello", name="Some\u202ebody")
        known, gone, refused = [await self.pay_out(one) for one in (10_050, 20_050, 10_001)]
        for one, state in ((known, "booked"), (gone, "booked"), (refused, "rejected")):
            await self.until_state(one, state)
        await self.end_day()
        await self.until_quiet()
        raws, _ = await self.rail.fetch("")
        events = [event for raw in raws for event in self.rail.parse(raw)]

        def found(txn: Cursor, forgotten: Sequence[str]) -> list[Finding]:
            txn.execute("SAVEPOINT before")
            txn.execute("DELETE FROM payments.bank_line WHERE order_id IS NOT NULL")
            txn.execute("DELETE FROM payments.bank_order WHERE id = ANY(%s)", (list(forgotten),))
            there = comparing._strange(txn, Bank(BANK, OWN, "EUR", self.rail), events)
            txn.execute("ROLLBACK TO SAVEPOINT before")
            return there

        assert (
            await self.run_txn(comparing._strange, Bank(BANK, OWN, "EUR", self.rail), events) == []
        )
        again = await self.run_txn(found, [])
        assert not any("\u202e" in one.words for one in again)
        assert len(again) == 2
        assert not any(one.is_lost for one in again)
        [booked, lost, word] = await self.run_txn(found, [gone, refused])
        assert f"for order {known}. It is booked again" in booked.words
        assert "paid 200.50 EUR to Bob Beispiel DE" in lost.words
        assert "--payer WHOM" in lost.words
        assert f"has order {refused}, which the database does not have" in word.words
        assert (booked.is_lost, lost.is_lost, word.is_lost) == (False, True, True)
        self.demo.child.kill()
        [silent] = await self.banking.restored()
        assert silent.missing == BANK

    async def _ask(self, id_: str, *said: FoundOut) -> None:
        def at_once(txn: Cursor) -> None:
            for found in said:
                found_out(txn, id_, found, self.home.now_ms())

        await self.run_txn(at_once)

    def test_a_file_that_the_bank_never_takes_holds_up_no_other_and_is_ended_as_a_whole(
        self,
    ) -> Deferred[None]:
        return self.go(self._stuck())

    async def _stuck(self) -> None:
        await self.top_up(100_000)
        self.rail.silent_to = b">100.20<"
        lost = await self.pay_out(10_020)
        await self.until_state(lost, "sent")
        other = await self._booked(20_020)
        [(file,)] = self.rows("SELECT file FROM payments.bank_order WHERE id = %s", lost)
        assert await self._told() == []
        self.rows("UPDATE payments.bank_file SET at_ms = at_ms - %s RETURNING 1", STUCK_MS)
        [(what, mend)] = await self._told()
        assert file in what
        assert f"veche ledger file {file}" in mend
        await self._say(file, FileWord.AGAIN)
        await self.until_alarm(file)

        await self._say(file, FileWord.NEVER_GOT)
        with pytest.raises(ConflictError, match="the first word counts"):
            await self._say(file, FileWord.GOT)
        self.rows("UPDATE runtime.errand SET due_at_ms = 0 WHERE kind = %s RETURNING 1", SUBMIT)
        await self.until_state(lost, "rejected")
        await self.until_quiet()
        assert self.held() == 0
        assert self.balance(AccountCode.WALLET) == 100_000 - 20_020
        assert await self.state(other) in {"settled", "booked"}
        assert self.rows("SELECT 1 FROM runtime.errand WHERE kind = %s", SUBMIT) == []
        assert await self._told() == []
        with pytest.raises(ConflictError, match="taken or refused"):
            await self._say(file, FileWord.AGAIN)
        with pytest.raises(NotFoundError):
            await self._say("nobody's", FileWord.AGAIN)

    def test_a_file_that_the_bank_takes_at_last_is_its_own(self) -> Deferred[None]:
        return self.go(self._taken_late())

    async def _taken_late(self) -> None:
        await self.top_up(100_000)
        self.rail.silent_to = b">100.20<"
        late = await self.pay_out(10_020)
        await self.until_state(late, "sent")
        [(file,)] = self.rows("SELECT file FROM payments.bank_order WHERE id = %s", late)
        self.rail.silent_to = b"nothing at all"
        await self._say(file, FileWord.AGAIN)
        await self.until_state(late, "settled", "booked")
        with pytest.raises(ConflictError, match="taken or refused"):
            await self._say(file, FileWord.NEVER_GOT)

        await self.until_quiet()
        assert self.balance(AccountCode.WALLET) == 100_000 - 10_020

    async def _booked(self, minor: int) -> str:
        id_ = await self.pay_out(minor)
        await self.until_state(id_, "settled", "booked")
        return id_

    async def _told(self) -> list[tuple[str, str]]:
        """What `veche doctor` says."""

        def found(txn: Cursor) -> list[tuple[str, str]]:
            return list(stuck_files.look(txn, self.home.now_ms() / 1000))

        told: list[tuple[str, str]] = await self.run_txn(found)
        return told

    async def _say(self, file: str, word: FileWord) -> None:
        await self.run_txn(stuck_files.say, file, word, self.home.now_ms())

    async def until_alarm(self, about: str) -> None:
        async def is_told() -> bool:
            return about in [one for one, _ in await self.alarms()]

        await self.until(is_told, "the operator is not told")

    def test_a_day_that_does_not_add_up_stops_payouts_until_it_is_explained(
        self,
    ) -> Deferred[None]:
        return self.go(self._difference())

    async def _difference(self) -> None:
        await self.top_up(100_000)
        await self.end_day()
        # A line that is not the bank's.
        self.rows(
            "INSERT INTO payments.bank_line"
            " (bank, key, sha256, signed_minor, booked_on, state, sealed, at_ms)"
            " VALUES ('demo', 'x', %s, 1, '2000-01-01', 'moving', '', 0)",
            b"x" * 32,
        )
        await self.end_day()
        assert await self.days() == [0, -1]
        waiting = await self.pay_out(10_050)
        await self.until(self._is_held, "the payout has no hold")
        await self.until(self._no_file_job, "the order is not looked at")
        assert await self.state(waiting) == "queued"

        self.rows("DELETE FROM payments.bank_line WHERE key = 'x'")
        await self.run_txn(resume, BANK, self.home.now_ms())
        await self.until_state(waiting, "booked")

    async def _is_held(self) -> bool:
        return self.held() > 0

    async def _no_file_job(self) -> bool:
        return not self.rows("SELECT 1 FROM runtime.errand WHERE kind = 'bank.file'")

    def test_names_are_answered_alike_where_there_is_no_account(self) -> Deferred[None]:
        return self.go(self._names())

    async def _names(self) -> None:
        check = self.banking.name_check
        assert await check(BANK, demo_iban(3), "BOB beispiel") == NameMatch(NameAnswer.MATCH)
        assert await check(BANK, demo_iban(3), "Bob Beispeil") == NameMatch(NameAnswer.NO_MATCH)
        assert await check(BANK, demo_iban(3), "Bob Beispie") == NameMatch(
            NameAnswer.CLOSE, "Bob Beispiel"
        )
        assert await check(BANK, demo_iban(4), "Carol Jones") == NameMatch(
            NameAnswer.CLOSE, "Carol Anne Jones"
        )
        assert await check(BANK, demo_iban(99), "Bob") == NameMatch(NameAnswer.NO_MATCH)
        assert await check(BANK, "DE89370400440532013000", "Bob") == NameMatch(NameAnswer.UNKNOWN)

    def test_the_bank_takes_a_file_once_and_only_from_its_customer(self) -> Deferred[None]:
        return self.go(self._files())

    async def _files(self) -> None:
        own = Party("Demo", CUSTOMER)
        order = BankOrder(derived_ulid(1, "x"), OrderKind.PAYOUT, own, BOB, 1_050, "EUR", text="x")
        message = write_orders([order], 1_790_000_000_000)
        other = attrs.evolve(message, data=message.data.replace(b"<Ustrd>x<", b"<Ustrd>y<"))
        foreign = write_orders(
            [attrs.evolve(order, own=Party("X", "BE72000000001616"))], 1_790_000_000_000
        )

        assert await self.rail.submit(message) == Accepted()
        before, _ = await self.rail.fetch("0")
        assert await self.rail.submit(message) == Accepted()
        after, _ = await self.rail.fetch("0")
        assert len(after) == len(before) > 0
        assert await self.rail.submit(other) == Refused("ORG.VECHE.CONFLICT")
        assert await self.rail.submit(foreign) == Refused("ORG.VECHE.REFUSED")
        broken = attrs.evolve(message, data=b"<x/>")
        assert await self.rail.submit(broken) == Refused("ORG.VECHE.BANK_MESSAGE")
        stranger = DemoRail(self.connections, SigningKey.generate())
        assert await stranger.submit(message) == Refused("ORG.VECHE.BAD_SIGNATURE")
        nowhere = Connections(self.home.reactor, "http://127.0.0.1:1")
        assert await DemoRail(nowhere, self.key).submit(message) == Unknown()
        await nowhere.close()

    def _a_day(self) -> dt.date:
        [(day,)] = self.rows("SELECT '2026-01-31'::date")
        found: dt.date = day
        return found
