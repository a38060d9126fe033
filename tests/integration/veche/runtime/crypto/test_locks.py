"""Locks and epochs on PostgreSQL: two processes, and connections that are cut."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY
from tests.support.crypto_peers import BOT
from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from veche.protocol.ids import UserId
from veche.runtime.crypto.locks import Locks
from veche.runtime.crypto.start import take_over
from veche.runtime.crypto.store import devices
from veche.runtime.crypto.writer import FAILURES_MAX, LostWriterError
from veche.runtime.database import Database, DedicatedSession
from veche.runtime.database.migrate import KERNEL_SETS

pytestmark = pytest.mark.postgres


class LocksTest(TestCase):
    """Each test has its own bots on one database."""

    timeout = TIMEOUT_S
    stack: ClassVar[ExitStack]
    dsn: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = ExitStack()
        cls.dsn = cls.stack.enter_context(database(*KERNEL_SETS))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stack.close()

    def locks(self, **more: int) -> Locks:
        session = DedicatedSession("locks", self.dsn, reactor)  # type: ignore[arg-type]  # the module is the reactor
        locks = Locks(session, **more)
        self.addCleanup(lambda: Deferred.fromCoroutine(locks.close()))
        return locks

    def base(self) -> Database:
        base = Database(self.dsn, reactor)  # type: ignore[arg-type]  # the module is the reactor
        self.addCleanup(base.close)
        return base

    async def test_one_process_at_a_time_has_a_lock(self) -> None:
        first, second = self.locks(), self.locks()

        taken = [await locks.try_take("@a:x") for locks in (first, second, first)]
        other = await second.try_take("@b:x")
        await first.release("@a:x")
        after = await second.try_take("@a:x")

        assert taken == [True, False, False]
        assert other
        assert after

    async def test_a_cut_connection_loses_every_lock_and_the_process_can_take_them_again(
        self,
    ) -> None:
        first, second = self.locks(), self.locks()
        await first.try_take("@c:x")
        await first.try_take("@d:x")
        cut(self.dsn)

        held = [await first.is_held(bot) for bot in ("@c:x", "@d:x", "@never:x")]
        taken = await second.try_take("@c:x")
        again = await first.try_take("@d:x")

        assert held == [False, False, False]
        assert (taken, again) == (True, True)

    async def test_a_process_takes_as_many_bots_as_it_may_and_leaves_the_others(self) -> None:
        locks = self.locks(bots_max=2)

        taken = [await locks.try_take(f"@max{number}:x") for number in range(3)]
        await locks.release("@max0:x")
        after = await locks.try_take("@max2:x")

        assert (taken, after) == ([True, True, False], True)

    async def test_a_lock_that_was_lost_is_not_given_back_for_others(self) -> None:
        first, second = self.locks(), self.locks()
        await first.try_take("@e:x")
        cut(self.dsn)
        await first.is_held("@e:x")
        await second.try_take("@e:x")

        await first.release("@e:x")

        assert await second.is_held("@e:x")

    async def test_a_writer_whose_lock_was_cut_commits_nothing_once_another_took_over(self) -> None:
        base = self.base()
        old, _ = await take_over(base, OPERATOR_KEY, UserId(BOT), 1)
        new, _ = await take_over(base, OPERATOR_KEY, UserId(BOT), 1)

        with pytest.raises(LostWriterError):
            await old.run("test", devices.save_account, old.device_no, "spoiled")
        await new.run("test", devices.save_fallback_time, new.device_no, 7)

        [row] = execute(
            self.dsn,
            "SELECT account = 'spoiled', fallback_made_at_ms FROM crypto.device WHERE user_id = %s",
            BOT,
        )
        assert row == (False, 7)
        assert (old.is_lost, new.is_lost) == (True, False)

    async def test_a_writer_whose_transactions_fail_gives_up(self) -> None:
        writer, _ = await take_over(self.base(), OPERATOR_KEY, UserId("@veche_f:x"), 1)
        seen = []
        for _ in range(FAILURES_MAX):
            seen.append(writer.is_failing)
            with pytest.raises(ZeroDivisionError):
                await writer.run("test", lambda _txn: 1 // 0)
        failing = writer.is_failing
        await writer.run("test", lambda _txn: None)

        assert not any(seen)
        assert failing
        assert not writer.is_failing

    async def test_the_account_of_a_failed_transaction_is_thrown_away(self) -> None:
        writer, _ = await take_over(self.base(), OPERATOR_KEY, UserId("@veche_g:x"), 1)

        def use_up(txn: Any) -> None:
            writer.changing_account(txn).mark_keys_as_published()
            writer.save_account(txn)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await writer.run("test", use_up)
        account = await writer.run("test", writer.account)

        assert len(account.one_time_keys) == 50

    async def test_two_processes_that_take_over_at_once_get_different_epochs(self) -> None:
        base, bot = self.base(), UserId("@veche_h:x")
        await take_over(base, OPERATOR_KEY, bot, 1)
        both = [Deferred.fromCoroutine(take_over(base, OPERATOR_KEY, bot, 1)) for _ in range(2)]

        writers = [(await one)[0] for one in both]

        assert {writer.epoch for writer in writers} == {2, 3}


def cut(dsn: str) -> None:
    """Cut every other connection to the database."""
    execute(
        dsn,
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
