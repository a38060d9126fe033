"""Money that everybody of this homeserver begins with in a demo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.payments.chats.service.chats import greet
from appservices.payments.conversation.service.conversation import wallet_topic
from appservices.payments.wallet.routes.persons import _wallet
from appservices.payments.wallet.service.visit import Visit
from tests.integration.appservices.payments.branch import BranchTestCase
from tests.integration.appservices.payments.scenes import ALICE
from tests.support.postgres import execute, session
from veche.protocol.ids import RoomId, UserId
from veche.runtime.live import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.postgres

DORA = "@dora:veche.test"
FAR = "@dora:other.test"


class TestNewcomers(BranchTestCase):
    def more(self) -> Mapping[str, Any]:
        return {"newcomer_grant": "50 EUR"}

    async def begin(self, person: str) -> None:
        """A person begins a chat with the bot."""
        with self.bank.scene() as scene:
            greet(scene, RoomId(f"!{person[1:]}"), UserId(person))
        await self.bank.settled()

    async def test_somebody_new_has_it_once_with_a_receipt(self) -> None:
        self.bank.chat(DORA)

        await self.begin(DORA)
        await self.begin(DORA)

        assert self.bank.balance(DORA) == 5_000
        # Two welcomes, one receipt.
        told = "SELECT count(*) FROM runtime.outbox WHERE room_id = %s"
        assert execute(self.bank.dsn, told, f"!{DORA[1:]}") == [(3,)]

    async def test_somebody_new_who_only_looks_at_their_wallet_has_it_too(self) -> None:
        with session(self.bank.dsn) as listening:
            listening.cursor().execute(f"LISTEN {CHANNEL}")
            listening.commit()
            for _ in range(2):
                with self.bank.scene() as scene:
                    _wallet(Visit(scene, UserId(DORA), "en"))
                await self.bank.settled()
            listening.poll()
            heard = [one.payload for one in listening.notifies]
            listening.cursor().execute("UNLISTEN *")
            listening.commit()

        assert self.bank.balance(DORA) == 5_000
        # The page that showed 0.00 looks again.
        assert wallet_topic(UserId(DORA)) in heard

    async def test_who_has_a_grant_of_their_own_and_who_is_from_elsewhere_get_none(self) -> None:
        for person, has_cents in ((ALICE, 10_000), (FAR, 0)):
            self.bank.chat(person)
            before = self.bank.balance(person)

            await self.begin(person)

            assert self.bank.balance(person) == before == has_cents
