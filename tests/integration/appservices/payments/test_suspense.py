"""What an operator decides about lines in suspense; ledger, writer and the demo's bank are real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from twisted.internet.defer import Deferred

from appservices.payments.banks.service import NewsKind, suspense
from appservices.payments.banks.service.suspense import Note
from appservices.payments.demo_bank.__main__ import CUSTOMER
from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode, Transfer, ledger_id
from appservices.payments.ledger.core.requests import TransferCode
from appservices.payments.ledger.service import attempts
from tests.integration.appservices.payments.bank_rig import BANK, BankCase
from tests.integration.appservices.payments.ledgers import problems
from tests.support.stored_keys import revoke_keys
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import UserId, derived_ulid
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.banks.service import BankNews
    from appservices.payments.ledger.service.attempts import Settle
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

OPENING: Final = AccountCode.OPENING
NOTE: Final = Note("the bank says that it is Alice's", "operator")


class SuspenseTests(BankCase):
    """An institution to which money came that nobody knows anything of."""

    def settles(self) -> Mapping[str, Settle]:
        return {**super().settles(), "by hand": lambda *_: None}

    def _tell(self, txn: Cursor, news: BankNews) -> None:
        super()._tell(txn, news)
        suspense.heard(txn, news)

    async def came(self, minor: int, **words: str) -> str:
        """Let money come that nobody knows; its line."""
        before = {key for key, *_ in self.lines()}
        await self.demo.deposit(CUSTOMER, minor, **words)
        await self.until(self.is_new(before), "the line is not in suspense")
        [key] = {key for key, *_ in self.lines()} - before
        return str(key)

    def is_new(self, before: set[str]) -> Any:
        async def is_there() -> bool:
            return len(self.lines()) > len(before)

        return is_there

    def lines(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT key FROM payments.bank_line WHERE state = 'suspense'")

    async def decide(self, what: Callable[..., Any], key: str, *more: Any) -> Any:
        """Decide about a line, as the command does."""

        def work(txn: Cursor) -> Any:
            [line] = suspense.find(txn, [key])
            return what(txn, Vault(b"k" * 32), line, *more, NOTE, self.home.now_ms())

        return await self.run_txn(work)

    async def match(self, *keys: str) -> Any:
        def work(txn: Cursor) -> Any:
            lines = suspense.find(txn, keys)
            return suspense.match(txn, Vault(b"k" * 32), lines, NOTE, self.home.now_ms())

        return await self.run_txn(work)

    async def until_decided(self, id_: str, state: str) -> None:
        async def is_so() -> bool:
            found = self.rows("SELECT state FROM payments.suspense_order WHERE id = %s", id_)
            return found == [(state,)]

        await self.until(is_so, f"it is not {state}")
        await self.until_quiet()

    async def end(self) -> None:
        """The day adds up, and nothing is wrong in the ledger."""
        await self.end_day()
        assert set(await self.days()) == {0}
        assert problems(self.dsn) == []

    def test_money_is_somebodys_after_all(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._assigned())

    async def _assigned(self) -> None:
        key = await self.came(700)
        id_ = await self.decide(suspense.assign, key, self.account)
        await self.until_decided(id_, "done")

        assert self.balance(AccountCode.WALLET) == 700
        assert self.balance(AccountCode.SUSPENSE) == 0
        assert self.lines() == []
        assert [(one.kind, one.amount_minor) for one in self.news] == [(NewsKind.CREDITED, 700)]
        with pytest.raises(NotFoundError, match="no line of this name"):
            await self.decide(suspense.assign, key, self.account)
        [(sealed,)] = self.rows("SELECT sealed FROM payments.suspense_order")
        assert Vault(b"k" * 32).open(bytes(sealed))["why"] == NOTE.why
        await self.end()

    def test_it_is_decided_once(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._once())

    async def _once(self) -> None:
        key = await self.came(700)

        def twice(txn: Cursor) -> None:
            for _ in range(2):
                [line] = suspense.find(txn, [key])
                suspense.assign(txn, Vault(b"k" * 32), line, self.account, NOTE, self.home.now_ms())

        with pytest.raises(ConflictError, match="decided already"):
            await self.run_txn(twice)
        await self.until_quiet()

        assert self.balance(AccountCode.WALLET) == 0
        assert self.balance(AccountCode.SUSPENSE) == 700

    def test_a_reference_that_was_mistyped_leads_where_it_was_meant_to(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._expected())

    async def _expected(self) -> None:
        id_ = derived_ulid(self.home.now_ms(), "invoice")
        reference = await self.run_txn(
            self.banking.expect, BANK, self.account, id_, self.home.now_ms(), amount_minor=900
        )
        other, key = await self.came(800), await self.came(900)
        with pytest.raises(ConflictError, match="another amount"):
            await self.decide(suspense.assign_expected, other, reference)
        made = await self.decide(suspense.assign_expected, key, reference)
        await self.until_decided(made, "done")
        with pytest.raises(NotFoundError, match="nothing is expected"):
            await self.decide(suspense.assign_expected, other, reference)

        assert [(one.about, one.line) for one in self.news] == [(id_, key)]
        assert self.balance(AccountCode.WALLET) == 900
        assert self.balance(AccountCode.SUSPENSE) == 800
        await self.end()

    def test_money_goes_back_to_where_it_came_from(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._returned())

    async def _returned(self) -> None:
        unknown = await self.came(600)
        key = await self.came(700, payer=demo_iban(3), name="Bob Beispiel")
        with pytest.raises(ConflictError, match="did not say from which account"):
            await self.decide(suspense.give_back, unknown)
        id_ = await self.decide(suspense.give_back, key)
        await self.until_decided(id_, "done")

        assert self.balance(AccountCode.SUSPENSE) == 600
        assert self.lines() == [(unknown,)]
        assert self.held() == 0
        await self.end()

    def test_what_the_bank_does_not_give_back_stays_and_can_be_decided_anew(
        self,
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._refused())

    async def _refused(self) -> None:
        key = await self.came(701, payer=demo_iban(3), name="Bob Beispiel")
        id_ = await self.decide(suspense.give_back, key)
        await self.until_decided(id_, "refused")
        assert (self.balance(AccountCode.SUSPENSE), self.held()) == (701, 0)
        assert any("it stays in suspense" in problem for _, problem in await self.alarms())
        made = await self.decide(suspense.assign, key, self.account)
        await self.until_decided(made, "done")

        assert self.balance(AccountCode.WALLET) == 701
        await self.end()

    def test_what_comes_back_again_is_in_suspense_again(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._came_back())

    async def _came_back(self) -> None:
        key = await self.came(706, payer=demo_iban(3), name="Bob Beispiel")
        id_ = await self.decide(suspense.give_back, key)
        await self.until_decided(id_, "done")
        await self.end_day()

        async def is_back() -> bool:
            return len(self.lines()) == 1

        await self.until(is_back, "it did not come back")
        assert self.balance(AccountCode.SUSPENSE) == 706
        assert self.lines() != [(key,)]
        await self.end()

    def test_lines_that_settle_one_another_need_nothing(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._matched())

    async def _matched(self) -> None:
        await self.top_up(2_000)
        order = await self.pay_out(1_009)  # rejected, and yet booked
        await self.until_state(order, "conflict")
        await self.until_quiet()
        [(gone,)] = self.lines()
        with pytest.raises(ConflictError, match="it went out"):
            await self.decide(suspense.assign, gone, self.account)
        wrong, right = await self.came(1_000), await self.came(1_009)
        with pytest.raises(ConflictError, match="together the lines"):
            await self.match(gone, wrong)
        with pytest.raises(MalformedError, match="each once"):
            await self.match(gone, gone)
        await self.match(gone, right)

        assert self.lines() == [(wrong,)]
        assert self.balance(AccountCode.SUSPENSE) == 1_000
        await self.end()

    async def gone(self) -> str:
        """Let the bank pay what nobody here knows of; its line."""
        await self.top_up(2_000)
        order = await self.pay_out(1_009)  # rejected, and yet booked
        await self.until_state(order, "conflict")
        await self.until_quiet()
        [(key,)] = self.lines()
        return str(key)

    async def charge(self, key: str, *, is_revoked: bool = False) -> str:
        """Charge a line to Alice, who approved that with a key; the payment."""
        payment_id, alice = derived_ulid(self.home.now_ms(), "charge"), UserId("@alice:example.org")

        def work(txn: Cursor) -> None:
            now_ms = self.home.now_ms()
            nonce = self.home.approvals.approve(txn, alice, now_ms, payment_id)
            if is_revoked:
                revoke_keys(txn, alice, now_ms)
            [line] = suspense.find(txn, [key])
            charged = suspense.Charge(payment_id, self.account, [nonce], b"")
            self.banking.charge(txn, line, charged, now_ms)

        await self.run_txn(work)
        await self.until_quiet()
        return payment_id

    def test_what_went_out_is_charged_to_whose_it_was_once_they_approve(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._charged())

    async def _charged(self) -> None:
        key = await self.gone()
        self.news.clear()
        revoked = await self.charge(key, is_revoked=True)
        assert self.balance(AccountCode.WALLET) == 2_000
        assert self.lines() == [(key,)]
        charged = await self.charge(key)

        assert self.lines() == []
        assert self.balance(AccountCode.WALLET) == 2_000 - 1_009
        assert self.balance(AccountCode.SUSPENSE) == 0
        told = [(one.about, one.kind, one.account) for one in self.news]
        assert told == [
            (revoked, NewsKind.NO_COVER, self.account),
            (charged, NewsKind.BOOKED, self.account),
        ]
        with pytest.raises(NotFoundError, match="no line of this name"):
            await self.charge(key)
        await self.end()

    def test_what_went_out_for_nobody_is_borne_by_the_institution(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._borne())

    async def _borne(self) -> None:
        key, came, before = await self.gone(), await self.came(300), self.balance(OPENING)
        with pytest.raises(ConflictError, match="it came in"):
            await self.decide(suspense.bear, came)
        await self.until_decided(await self.decide(suspense.bear, key), "done")

        assert self.lines() == [(came,)]
        assert self.balance(AccountCode.WALLET) == 2_000
        assert self.balance(AccountCode.SUSPENSE) == 300
        assert self.balance(OPENING) == before - 1_009
        await self.end()

    def test_what_was_settled_by_hand_is_not_given_to_anybody_else(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._by_hand())

    async def _by_hand(self) -> None:
        settled, other = await self.came(700), await self.came(300)

        def settle(txn: Cursor) -> None:
            ledger = holders.currencies(txn)["EUR"]
            [(from_, to)] = self.rows(
                "SELECT a.id, b.id FROM payments.account AS a, payments.account AS b"
                " WHERE a.code = %s AND b.code = %s",
                int(AccountCode.SUSPENSE),
                int(AccountCode.OPENING),
            )
            id_ = ledger_id(derived_ulid(self.home.now_ms(), "by hand"))
            code = TransferCode.SETTLED
            moved = Transfer(
                id=id_, debit_id=from_, credit_id=to, amount=700, ledger=ledger, code=code
            )
            attempts.add(txn, "by hand", "by hand", [moved], self.home.now_ms(), approved_by=())

        await self.run_txn(settle)
        await self.until_quiet()
        with pytest.raises(ConflictError, match="settled by hand"):
            await self.decide(suspense.assign, settled, self.account)
        await self.match(settled)
        id_ = await self.decide(suspense.assign, other, self.account)
        await self.until_decided(id_, "done")

        assert self.balance(AccountCode.WALLET) == 300
        assert self.balance(AccountCode.SUSPENSE) == 0
