"""Institutions settle by their banks: orders, lines, what comes back; the demo's bank is real."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from twisted.internet.defer import Deferred

from appservices.payments import demo as payments_demo
from appservices.payments.config import PaymentsSection
from appservices.payments.demo_bank.__main__ import CUSTOMER
from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.holders import store as holders
from appservices.payments.interbank.service import banks as peers_bank
from appservices.payments.ledger.core import AccountCode, Transfer, ledger_id
from appservices.payments.ledger.core.requests import TransferCode, opening
from appservices.payments.ledger.service import attempts
from appservices.payments.peers.service import peers
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.topups.service import news as bank_news
from tests.integration.appservices.payments.bank_rig import BANK, BankCase
from tests.integration.appservices.payments.peers_rig import HERE, THERE, key_of
from tests.integration.appservices.payments.stage import Heard, StageScene
from veche.chat.sending import Sender
from veche.messaging.service import BotAccount
from veche.protocol.ids import UserId, derived_ulid
from veche.protocol.money import Money
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.banks.service import BankNews
    from appservices.payments.ledger.service.attempts import Settle
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

OWED: Final = 10_000
_BOT: Final = BotAccount(UserId(f"@veche_payments:{HERE}"), "Bank", "bank")


class SettlingTests(BankCase):
    """An institution that owes another one 100.00, and is owed as much."""

    def settles(self) -> Mapping[str, Settle]:
        return {**super().settles(), "owe": lambda *_: None}

    def _furnish(self, txn: Cursor) -> int:
        peer = {
            "server": THERE,
            "keys": [key_of(THERE)],
            "they_owe_max": {"EUR": "500"},
            "settlement": {"account": demo_iban(3), "name": "Bank of Altstadt"},
        }
        bank = {"name": BANK, "url": "http://127.0.0.1:1", "account": CUSTOMER, "key_path": "/x"}
        whole = {**payments_demo.payments_section(), "peers": [peer], "banks": [bank]}
        self.section = PaymentsSection.model_validate(whole)
        account = super()._furnish(txn)
        scene = self.scene(txn, "furnish", 1)
        peers_bank.start(scene)
        due_to, due_from = (of(scene, THERE, 1) for of in (peers.due_to, peers.due_from))
        source = holders.keep_account(txn, scene.institution().id, 1, AccountCode.OPENING)
        moved = [
            Transfer(
                id=ledger_id(derived_ulid(1, "owe", debit.id)),
                debit_id=debit.id,
                credit_id=credit.id,
                amount=OWED,
                ledger=1,
                code=TransferCode.ISSUE,
            )
            for debit, credit in ((source, due_to), (due_from, source))
        ]
        opened = [opening(one.id, 1, one.code, one.allowance) for one in (due_to, due_from, source)]
        for transfer in moved:
            attempts.add(
                txn, "owe", f"{transfer.debit_id}", [transfer], 1, approved_by=(), accounts=opened
            )
        return account

    def scene(self, txn: Cursor, cause: str, now_ms: int) -> StageScene:
        none = cast("Any", None)
        receipts, vault = Receipts(HERE, b"a" * 32), Vault(b"k" * 32)
        parts: Any = SimpleNamespace(
            section=self.section, bot=_BOT, vault=vault, receipts=receipts, banking=self.banking
        )
        return StageScene(txn, Sender(txn, none, _BOT, cause, now_ms), parts, Heard())

    def _tell(self, txn: Cursor, news: BankNews) -> None:
        super()._tell(txn, news)
        if news.account == self.account:
            return  # Alice has no name here
        bank_news.hear(cast("Any", SimpleNamespace(conversation=self.scene)), txn, news)

    def owed(self) -> tuple[int, int]:
        """What we owe, and are owed."""
        return self.balance(AccountCode.DUE_TO_PEER), -self.balance(AccountCode.DUE_FROM_PEER)

    async def pay(self, minor: int) -> str | None:
        def order(txn: Cursor) -> str | None:
            scene = self.scene(txn, f"order {minor}", self.home.now_ms())
            money = Money(minor=minor, currency="EUR")
            return peers_bank.pay(scene, self.section.peers[0], BANK, money, "November")

        found: str | None = await self.run_txn(order)
        return found

    async def until_settled(self, id_: str | None, state: str) -> None:
        async def is_so() -> bool:
            rows = self.rows("SELECT state FROM payments.peer_settlement WHERE id = %s", id_)
            return rows == [(state,)]

        await self.until(is_so, f"the settlement is not {state}")
        await self.until_quiet()

    def test_what_is_owed_is_paid_by_the_bank_and_booked_by_its_line(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._paid())

    async def _paid(self) -> None:
        await self.until_quiet()
        await self.top_up(50_000)
        assert self.owed() == (OWED, OWED)
        first = await self.pay(6_020)
        # What is ordered is not ordered once more, also before the ledger has its hold.
        assert await self.pay(3_990) is None
        await self.until_settled(first, "booked")

        assert self.owed() == (OWED - 6_020, OWED)
        assert await self.pay(3_990) is None
        second = await self.pay(3_980)
        await self.until_settled(second, "booked")
        assert self.owed() == (0, OWED)
        await self.end_day()
        assert await self.days() == [0]

    def test_what_the_bank_refuses_or_gives_back_is_owed_again(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._back())

    async def _back(self) -> None:
        await self.until_quiet()
        await self.top_up(50_000)
        refused = await self.pay(1_001)
        await self.until_settled(refused, "refused")
        assert self.owed() == (OWED, OWED)
        assert self.rows("SELECT why FROM payments.peer_settlement") == [("AC04",)]

        returned = await self.pay(2_006)
        await self.until_settled(returned, "booked")
        assert self.owed() == (OWED - 2_006, OWED)
        await self.end_day()
        await self.until_settled(returned, "returned")
        assert self.owed() == (OWED, OWED)
        assert self.held() == 0

    def test_what_their_bank_pays_is_taken_off_what_they_owe(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._received())

    async def _received(self) -> None:
        await self.until_quiet()
        reference = peers_bank.reference(HERE, THERE, BANK)
        for minor in (4_000, 1_500):
            await self.demo.deposit(CUSTOMER, minor, reference=reference, name="Bank of Altstadt")

        async def came() -> bool:
            return self.owed() == (OWED, OWED - 5_500)

        await self.until(came, "it is not taken off")
        await self.until_quiet()
        assert self.rows(
            "SELECT kind, amount, state FROM payments.peer_settlement ORDER BY amount"
        ) == [("received", 1_500, "booked"), ("received", 4_000, "booked")]
        assert self.balance(AccountCode.SUSPENSE) == 0
