"""A role of the service of its own: it runs everything, and cannot touch what guards the ledger."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import psycopg2
import pytest
from psycopg2.extensions import make_dsn
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.trial.unittest import TestCase

from appservices.payments.ledger.core import Result, TransferFlag
from appservices.payments.ledger.service.work import Work
from appservices.payments.ledger.service.writer import Writer
from appservices.payments.ledger.store import attempts
from appservices.payments.ledger.store.ledger import PostgresLedger
from appservices.payments.proofs.service.heads import publish
from tests.integration.appservices.payments.ledgers import PAYMENTS, problems, sql
from tests.integration.veche.rig import until
from tests.support.ledger import ALICE, BOB, Shard, people, transfer
from tests.support.postgres import database
from tests.support.processes import TIMEOUT_S
from veche.protocol.errors import ConfigError
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.database.roles import grant
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.runtime.database import Cursor

reactor: Any = default_reactor

pytestmark = pytest.mark.postgres

ROLE: Final = "veche_service"
SETS: Final = (*KERNEL_SETS, PAYMENTS)
NOW_MS: Final = 1_795_000_000_000
FORBIDDEN: Final = (
    "UPDATE ledger.account SET credits_posted = credits_posted + 1",
    "UPDATE ledger.shard SET epoch = 0",
    "DELETE FROM ledger.transfer",
    "UPDATE ledger.transfer SET amount = 1",
    "INSERT INTO ledger.block SELECT * FROM ledger.block",
    "INSERT INTO ledger.account SELECT * FROM ledger.account",
    "DELETE FROM ledger.hold",
    "UPDATE ledger.checkpoint SET note = ''",
    "DELETE FROM ledger.tree_node",
    "TRUNCATE ledger.burned",
    "ALTER TABLE ledger.transfer DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only ON ledger.transfer",
    "DROP FUNCTION ledger.refuse_change() CASCADE",
    "CREATE TABLE ledger.mine ()",
    "SELECT ledger.grant_to('veche_service')",
    "SELECT ledger.close_accounts(0::smallint, 0, 0)",
    "DELETE FROM veche.migration",
)


@pytest.fixture(scope="module")
def owner() -> Iterator[str]:
    """A database whose owner has let a role work with it; some money is there."""
    with database(*SETS) as dsn:
        sql(dsn, f"CREATE ROLE {ROLE} LOGIN")
        try:
            grant(dsn, SETS, ROLE)
            with closing(connect(dsn)) as reads, closing(connect(dsn)) as writes:
                people(Shard(PostgresLedger(0, reads, writes)))
            yield dsn
        finally:
            sql(dsn, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


class RoleTests(TestCase):
    timeout = TIMEOUT_S

    @pytest.fixture(autouse=True)
    def _place(self, owner: str) -> None:
        self.owner = owner
        self.dsn = make_dsn(owner, user=ROLE)

    async def test_the_service_does_all_its_work_as_that_role(self) -> None:
        writer = Writer(self.dsn, reactor)
        writer.start()
        await until(lambda: writer.is_leading, "nobody leads")
        hold = transfer(ALICE, BOB, 5, flags=TransferFlag.PENDING, timeout_ms=1)
        outcome = await writer.submit(Work([transfer(ALICE, BOB, 10), hold], settle))
        await until(lambda: not sql(self.owner, "SELECT FROM ledger.hold"), "it does not expire")
        await writer.stop()

        assert outcome.results == [Result.CREATED, Result.CREATED]
        with closing(connect(self.dsn)) as connection, connection, connection.cursor() as txn:
            publish(txn, NoteSigner("here/veche/ledger/v1/0", bytes(32)), NOW_MS)
        assert sql(self.owner, "SELECT count(*) FROM ledger.checkpoint") == [(1,)]
        assert sql(self.owner, "SELECT about FROM payments.attempt") == [("a",)]
        assert problems(self.owner) == []


def settle(txn: Cursor, _outcome: object) -> None:
    """What riders do: write to the tables of payments, announce it."""
    attempts.add(txn, "pay", "a", [transfer()], NOW_MS, approved_by=())


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_that_role_is_refused(owner: str, statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        sql(make_dsn(owner, user=ROLE), statement)


def test_a_table_of_a_later_migration_is_granted_too(owner: str) -> None:
    sql(owner, "CREATE TABLE payments.later (id bigint GENERATED ALWAYS AS IDENTITY)")

    sql(make_dsn(owner, user=ROLE), "INSERT INTO payments.later DEFAULT VALUES")


def test_a_role_that_is_not_there_or_owns_the_tables_is_refused(owner: str) -> None:
    [(own,)] = sql(owner, "SELECT current_user")

    with pytest.raises(ConfigError, match="no such role"):
        grant(owner, SETS, "nobody_at_all")
    with pytest.raises(ConfigError, match="take another"):
        grant(owner, SETS, own)
