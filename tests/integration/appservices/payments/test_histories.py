"""Top-ups in every history of whom they belong to, and in nobody else's."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import pytest

from appservices.payments.chats.service import chats
from appservices.payments.ledger.core import Transfer, ledger_id
from appservices.payments.ledger.core.requests import TransferCode
from appservices.payments.ledger.service import attempts
from appservices.payments.statements.service.files import statements_of
from appservices.payments.wallet.api import HistoryQuery
from appservices.payments.wallet.service import booked
from appservices.payments.wallet.service.visit import Visit
from tests.integration.appservices.payments.stage import ALICE, BOB, NOW_MS, Stage
from tests.support.postgres import execute
from veche.protocol.ids import UserId, derived_ulid
from veche.protocol.message import body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.ledger.service.attempts import Settle

pytestmark = pytest.mark.postgres

STRANGER: Final = UserId("@stranger:veche.test")
KIND: Final = "top-up"
DAY: Final = dt.datetime.fromtimestamp(NOW_MS / 1_000, tz=dt.UTC).date()


class Topped(Stage):
    """A bank to which money comes from another one."""

    def settles(self) -> dict[str, Settle]:
        return {**super().settles(), KIND: lambda *_: None}

    def top_up(self, person: UserId, minor: int) -> None:
        """Money comes, as a line of a bank has it: no payment of ours is behind it."""
        with self.scene() as scene:
            holder = scene.holder(person).id
        [(account, ledger)] = execute(
            self.dsn, "SELECT id, ledger FROM payments.account WHERE holder = %s", holder
        )
        [(source,)] = execute(
            self.dsn,
            "SELECT debit_id FROM ledger.transfer WHERE credit_id = %s ORDER BY pos LIMIT 1",
            account,
        )
        id_ = derived_ulid(self.now_ms, KIND, minor)
        numbers = int(str(source)), int(str(account)), minor, int(str(ledger))
        transfer = Transfer(ledger_id(id_), *numbers, code=TransferCode.TOP_UP)
        with self.scene() as scene:
            attempts.add(scene.txn, KIND, id_, [transfer], self.now_ms, approved_by=())
        self.write()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Topped.running() as one:
        yield one


def histories(stage: Stage, person: UserId) -> list[str]:
    """What somebody reads of what was booked: in the chat, on the page, in the file."""
    with stage.scene() as scene:
        page = Visit(scene, person, "en")
        asked = HistoryQuery(currency="EUR", first=f"{DAY}", last=f"{DAY}")
        files = statements_of(scene, person, DAY.replace(day=1))
        return [
            body(chats._history(scene, person)),
            " ".join(f"{one}" for one in booked.history(page, asked).lines),
            " ".join(f"{one}" for file in files for one in file.lines),
        ]


def test_a_top_up_is_in_every_history_of_its_owner_and_in_no_other(stage: Stage) -> None:
    assert isinstance(stage, Topped)
    stage.paid(500)
    stage.top_up(BOB, 777)

    assert ["Top-up" in one for one in histories(stage, BOB)] == [True] * 3
    assert ["777" in one or "7.77" in one for one in histories(stage, BOB)] == [True] * 3
    for person in (ALICE, STRANGER):
        assert ["Top-up" in one for one in histories(stage, person)] == [False] * 3
        assert ["777" in one or "7.77" in one for one in histories(stage, person)] == [False] * 3
