"""The second oracle finds what a superuser does with the triggers off, and names the block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg2
import pytest

from appservices.payments.ledger.core import TransferFlag
from tests.integration.appservices.payments.ledgers import ledger, problems, problems_after, sql
from tests.support.ledger import ALICE, BOB, FEES, Shard, end, new_id, people

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """Blocks: 1 opens accounts, 2 money, 3 a hold, 4 a post of it, 5 a refund, 6 a burned id, 7 a
    hold that closes, 8 an allowance, 9 a hold."""
    with ledger() as (dsn, store):
        shard = people(Shard(store))
        hold, paid = new_id(), new_id()
        shard.one(amount=40, id=hold, flags=TransferFlag.PENDING)
        shard.ask(end(TransferFlag.POST, hold, 30, id=paid))
        shard.one(BOB, ALICE, 10, refund_of=paid)
        shard.one(amount=1_000)
        shard.one(
            amount=0, flags=TransferFlag.PENDING | TransferFlag.CLOSING_CREDIT, credit_id=FEES
        )
        shard.allow(BOB, 5)
        shard.one(amount=1, flags=TransferFlag.PENDING, timeout_ms=10)
        assert problems(dsn) == []
        yield dsn


CHANGES = {
    "amount of a transfer": (
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE pos = 2 * 8192",
        ["block 2 does not hold what was committed", "fold of its rows: account 1, account 3"],
    ),
    "payee of a transfer": (
        "UPDATE ledger.transfer SET credit_id = 4 WHERE pos = 2 * 8192",
        ["block 2 does not hold what was committed", "fold of its rows"],
    ),
    "a reference": (
        "UPDATE ledger.transfer SET ref = gen_random_uuid() WHERE pos = 5 * 8192",
        ["block 5 does not hold what was committed"],
    ),
    "a time": (
        "UPDATE ledger.transfer SET at_ms = at_ms - 1 WHERE pos = 3 * 8192",
        ["block 3 does not hold what was committed"],
    ),
    "a transfer is gone": (
        "DELETE FROM ledger.transfer WHERE pos = 9 * 8192",
        ["block 9 does not hold what was committed"],
    ),
    "a transfer is added": (
        (
            "INSERT INTO ledger.transfer SELECT shard, pos + 1, gen_random_uuid(), debit_id,"
            " credit_id, 0, 0, ledger, code, 0, NULL, NULL, NULL, 0, 0, NULL, at_ms"
            " FROM ledger.transfer WHERE pos = 5 * 8192"
        ),
        ["block 5 does not hold what was committed"],
    ),
    "a refusal is another": (
        "UPDATE ledger.burned SET result = 67",
        ["block 6 does not hold what was committed"],
    ),
    "a refusal is gone": (
        "DELETE FROM ledger.burned",
        ["block 6 does not hold what was committed"],
    ),
    "an allowance": (
        "UPDATE ledger.event SET allowance = 6 WHERE kind = 2",
        ["block 8 does not hold what was committed", "as its events say: account 2"],
    ),
    "a balance": (
        "UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE id = 2",
        ["fold of its rows: account 2", "money was made or lost: ledger 1"],
    ),
    "two balances": (
        (
            "UPDATE ledger.account SET credits_posted = credits_posted + 1,"
            " debits_posted = debits_posted + 1 WHERE id = 3"
        ),
        ["fold of its rows: account 3"],
    ),
    "an allowance of an account": (
        "UPDATE ledger.account SET allowance = 1000 WHERE id = 1",
        ["as its events say: account 1"],
    ),
    "an account of nobody": (
        (
            "INSERT INTO ledger.account (shard, id, ledger, code, flags, allowance, ext, channel,"
            " opened_pos, at_ms) VALUES (0, 99, 1, 1, 0, 0, 0, 0, 8192, 1000)"
        ),
        ["as its events say: account 99"],
    ),
    "an account is opened again": (
        "UPDATE ledger.account SET flags = flags & ~16 WHERE id = 3",
        ["without a hold that says so: account 3"],
    ),
    "a hold is gone": (
        "DELETE FROM ledger.hold WHERE amount = 1",
        ["neither open nor ended once", "are not the open holds: account 1, account 2"],
    ),
    "what was given back": (
        "UPDATE ledger.refunded SET refunded = 0",
        ["counted wrongly"],
    ),
    "the history": (
        "UPDATE ledger.balance SET credits_posted = 0 WHERE seq = 4",
        ["line of the history is not the fold of the rows before it: account 2 block 4"],
    ),
    "a block's time": (
        "UPDATE ledger.block SET at_ms = at_ms + 1 WHERE seq = 4",
        ["block 4 has a head that is not its own"],
    ),
    "a block's head": (
        "UPDATE ledger.block SET head = sha256(head) WHERE seq = 4",
        ["block 4 has a head that is not its own", "block 5 does not follow the one before"],
    ),
    "a block is gone": (
        "DELETE FROM ledger.block WHERE seq = 4",
        ["blocks have a gap, or time went back: block 5", "belongs to no block: position 32768"],
    ),
    "the last blocks are gone": (
        "DELETE FROM ledger.block WHERE seq = 9",
        ["the shard does not stand at its last block"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_found(dsn: str, change: str) -> None:
    statement, expected = CHANGES[change]
    off = "SET session_replication_role = replica"

    found = "; ".join(problems_after(dsn, off, statement))

    for one in expected:
        assert one in found
    assert problems(dsn) == []


def test_blocks_up_to_one_that_is_trusted_are_left_out(dsn: str) -> None:
    off = "SET session_replication_role = replica"
    statement, _ = CHANGES["a reference"]

    assert problems_after(dsn, off, statement, after_seq=5) == []


def test_statements_are_refused_while_the_triggers_are_on(dsn: str) -> None:
    for statement, _ in CHANGES.values():
        with pytest.raises(psycopg2.Error, match=r"append-only|alone|without the block"):
            sql(dsn, statement)
