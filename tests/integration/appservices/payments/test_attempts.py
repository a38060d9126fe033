"""Attempts: what a transaction leaves to the writer happens once, in order, whatever fails."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from appservices.payments.ledger.core import Account, TransferFlag, ledger_id
from appservices.payments.ledger.service import attempts
from appservices.payments.ledger.service import writer as writers
from appservices.payments.ledger.service.attempts import Attempts, add
from appservices.payments.ledger.service.writer import Writer
from appservices.payments.ledger.store import attempts as store
from appservices.payments.ledger.store.ledger import PostgresLedger
from appservices.payments.paying.service import held
from tests.integration.appservices.payments.ledgers import PAYMENTS, problems
from tests.integration.veche.rig import until
from tests.support.ledger import ALICE, BOB, EUR, Shard, people, transfer
from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from tests.support.stored_keys import StoredApprovals
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import ulid
from veche.runtime.database import Database, connect
from veche.runtime.database.listener import Listener
from veche.runtime.database.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from appservices.payments.ledger.service.attempts import Attempt
    from appservices.payments.ledger.service.work import Outcome
    from veche.bots.ports import BotPorts
    from veche.runtime.database import Cursor

reactor: Any = default_reactor

pytestmark = pytest.mark.postgres


class Place:
    """What attempts need of a host."""

    def __init__(self, dsn: str) -> None:
        self.reactor = reactor
        self.database = Database(dsn, reactor, threads=2)
        self.approvals = StoredApprovals()
        self.channels: dict[str, Callable[[str], None]] = {}
        self.ends: list[Callable[[], Awaitable[None]]] = []

    def now_ms(self) -> int:
        return int(reactor.seconds() * 1000)

    def hear(self, channel: str, heard: Callable[[str], None]) -> None:
        self.channels[channel] = heard

    def at_stop(self, end: Callable[[], Awaitable[None]]) -> None:
        self.ends.append(end)


class AttemptTests(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        # A writer that gave up its lead over a broken work takes it again soon.
        self.patch(writers, "STAND_BY_MS", 20)  # type: ignore[no-untyped-call]  # trial's
        holder = database(*KERNEL_SETS, PAYMENTS)
        self.dsn = holder.__enter__()
        self.addCleanup(holder.__exit__, None, None, None)
        execute(self.dsn, "CREATE TABLE told (id serial, text text)")
        with closing(connect(self.dsn)) as reads, closing(connect(self.dsn)) as writes:
            people(Shard(PostgresLedger(0, reads, writes)))
        self.place = Place(self.dsn)
        self.addCleanup(self.place.database.close)
        self.addCleanup(self.check)
        self.failures = 0
        self.writer = Writer(self.dsn, reactor, expired=held.expired)
        self.buried: list[str] = []
        settles = {"pay": self.settle, held.ENDED: held.settle_ended}
        place = cast("BotPorts", self.place)
        self.attempts = Attempts(place, self.writer, settles, self.tell)
        self.listener = Listener(self.dsn, reactor, self.place.channels)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop()))

    def start(self) -> None:
        self.listener.start()
        self.writer.start()
        self.attempts.start()

    async def stop(self) -> None:
        for end in self.place.ends:
            await end()
        await self.writer.stop()
        await self.listener.stop()

    def check(self) -> None:
        assert problems(self.dsn) == []

    def settle(self, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        if attempt.about.startswith("bad"):
            raise ValueError("what follows cannot be written")
        if attempt.about.startswith("later"):
            raise UnavailableError("not now", retry_after_ms=1)
        txn.execute("INSERT INTO told (text) VALUES (%s)", (f"{attempt.about} {outcome.is_done}",))
        if self.failures:
            self.failures -= 1
            raise ValueError("a mistake")

    async def leave(self, about: str, amount: int = 10, **kwargs: Any) -> None:
        chain = [transfer(ALICE, kwargs.pop("payee", BOB), amount)]
        await self.place.database.run("add", add, "pay", about, chain, 1, approved_by=(), **kwargs)

    def told(self) -> list[object]:
        return [text for (text,) in execute(self.dsn, "SELECT text FROM told ORDER BY id")]

    def tell(self, _txn: Cursor, attempt: Attempt, _now_ms: int) -> None:
        self.buried.append(attempt.about)
        if attempt.about == "silent":
            raise ValueError("somebody cannot be told")

    def dead(self) -> list[object]:
        found = "SELECT about FROM payments.dead_letter JOIN payments.attempt ON id = attempt_id"
        return [about for (about,) in execute(self.dsn, found)]

    def heard(self) -> list[object]:
        """Payments of which it is noted that their hold has ended."""
        found = "SELECT payload->>'payment' AS id FROM runtime.errand WHERE kind = %s ORDER BY id"
        return [payment for (payment,) in execute(self.dsn, found, held.HOLD_ENDED)]

    def left(self) -> object:
        return execute(self.dsn, "SELECT count(*) FROM payments.attempt")[0][0]

    async def test_an_attempt_is_settled_with_its_money(self) -> None:
        self.start()
        await self.leave("a")
        await until(lambda: self.left() == 0, "it is not settled")

        assert self.told() == ["a True"]

    async def test_what_was_left_over_is_taken_at_the_start(self) -> None:
        for about in "abc":
            await self.leave(about, 40)
        self.start()
        await until(lambda: self.left() == 0, "they are not settled")

        # There were 100: in their order, the third finds no cover.
        assert self.told() == ["a True", "b True", "c False"]

    async def test_the_same_attempt_twice_is_one(self) -> None:
        await self.leave("a")
        await self.leave("a")

        assert self.left() == 1

    async def test_an_account_is_opened_by_the_attempt_that_needs_it(self) -> None:
        await self.leave("a", payee=77, accounts=[Account(77, EUR, 1, 1)])
        self.start()
        await until(lambda: self.left() == 0, "it is not settled")

        assert self.told() == ["a True"]

    async def test_a_settle_that_raises_moves_nothing_and_is_tried_again(self) -> None:
        self.failures = 1
        await self.leave("a")
        await self.leave("b")
        self.start()
        await until(lambda: self.left() == 0, "they are not settled")

        # The other one did not wait for it.
        assert sorted(map(str, self.told())) == ["a True", "b True"]
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    async def test_what_no_block_can_have_is_a_dead_letter_until_it_is_tried_again(self) -> None:
        chain, run = [transfer(code=10**12)], self.place.database.run
        await run("add", add, "pay", "broken", chain, 1, approved_by=())
        await run("add", add, "other", "broken", [transfer()], 1, approved_by=())
        await self.leave("fine")
        self.start()
        await until(lambda: self.dead() == ["broken"] and self.left() == 2, "it does not rest")

        # The rest went on; what is about the same thing waits behind it.
        assert self.told() == ["fine True"]
        [letter] = await run("dead", store.dead_letters)
        assert "no room for" in letter.why
        assert json.loads(letter.chain[0])["code"] == 10**12
        # Once the program was mended, an operator has it tried again.
        execute(
            self.dsn,
            "UPDATE payments.attempt SET chain = jsonb_set(chain, '{0,code}', '1')"
            " WHERE about = 'broken' AND kind = 'pay'",
        )
        assert await run("revive", store.revive, letter.id)
        assert not await run("revive", store.revive, letter.id)
        await until(lambda: "broken True" in self.told(), "it is not tried again")
        assert self.dead() == []
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    async def test_a_thousand_attempts_that_fail_stop_nobody(self) -> None:
        for about in ("bad", "later"):
            execute(
                self.dsn,
                "INSERT INTO payments.attempt (kind, about, chain, at_ms)"
                " SELECT 'pay', %s || n, %s, 1 FROM generate_series(1, %s) AS n",
                about,
                json.dumps([transfer()._asdict() | {"id": "ab" * 16}]),
                attempts.AT_ONCE_MAX // 2,
            )
        await self.leave("last")
        self.start()
        await until(lambda: self.told() == ["last True"], "nobody is paid behind them")

        bad = attempts.AT_ONCE_MAX // 2
        await until(lambda: len(self.dead()) == bad, "they are no dead letters")
        # What only has to wait is none.
        assert all(str(about).startswith("bad") for about in self.dead())
        assert self.left() == attempts.AT_ONCE_MAX
        [why] = {
            why for (why,) in execute(self.dsn, "SELECT DISTINCT why FROM payments.dead_letter")
        }
        assert why == "its answer cannot be written: ValueError, see the log for the rest"
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    async def test_what_cannot_be_read_is_a_dead_letter_and_all_others_are_paid(self) -> None:
        good = transfer()._asdict()
        flaws: Sequence[str] = [
            "{}",
            "[1]",
            json.dumps([good | {"from": 1}]),
            json.dumps([good | {"amount": "1"}]),
            "[{}]",
            json.dumps([good | {"amount": "many"}]).replace('"many"', "9" * 5_000),
            "[" * 5_000 + "]" * 5_000,
        ]
        for n, chain in enumerate(flaws):
            execute(
                self.dsn,
                "INSERT INTO payments.attempt (kind, about, chain, at_ms)"
                " VALUES ('pay', %s, %s, 1)",
                f"flaw{n}",
                chain,
            )
        await self.leave("last")
        self.start()
        await until(lambda: self.told() == ["last True"], "nobody is paid behind them")
        await until(lambda: len(self.dead()) == len(flaws), "they are no dead letters")
        letters = await self.place.database.run("dead", store.dead_letters)

        assert self.left() == len(flaws)
        assert sorted(self.buried) == [f"flaw{n}" for n in range(len(flaws))]
        assert "chain" in letters[0].why
        assert letters[0].chain == ["{}"]
        # Nothing of what stands there is repeated.
        assert "999" not in letters[5].why
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    async def test_the_end_of_a_hold_that_cannot_be_told_is_a_dead_letter_and_others_are(
        self,
    ) -> None:
        bad, good = ulid(1, bytes(10)), ulid(2, bytes(10))
        execute(
            self.dsn,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE 'no'; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON runtime.errand FOR EACH ROW"
            f" WHEN (NEW.payload->>'payment' = '{bad}') EXECUTE FUNCTION refuse()",
        )
        for payment in (bad, good):
            hold = transfer(
                amount=10, flags=TransferFlag.PENDING, timeout_ms=500, ref=ledger_id(payment)
            )
            await self.place.database.run("add", add, "pay", payment, [hold], 1, approved_by=())
        self.start()
        await until(lambda: self.heard() == [good], "the other one's end is not told")
        await until(lambda: self.dead() == [ledger_id(bad)], "it is no dead letter")
        assert execute(self.dsn, "SELECT count(*) FROM ledger.hold") == [(0,)]

        # Once what refused it is mended, an operator has it tried again.
        execute(self.dsn, "DROP TRIGGER refuse ON runtime.errand")
        [letter] = await self.place.database.run("dead", store.dead_letters)
        await self.place.database.run("revive", store.revive, letter.id)
        await until(lambda: self.heard() == [bad, good], "it is not told")
        assert self.left() == 0
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    async def test_of_a_dead_letter_is_told_once_and_it_rests_whatever_comes_of_that(self) -> None:
        for about in ("broken", "silent"):
            await self.place.database.run(
                "add", add, "pay", about, [transfer(code=10**12)], 1, approved_by=()
            )
        self.start()
        await until(lambda: len(self.dead()) == 2, "they do not rest")

        assert sorted(self.buried) == ["broken", "silent"]
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

    async def test_an_attempt_is_read_as_it_was_left(self) -> None:
        chain = [transfer(amount=7, ref="ab" * 16)]
        account = Account(77, EUR, 1, 1)
        await self.place.database.run(
            "add", add, "pay", "x", chain, 5, approved_by=(), accounts=[account]
        )

        [found] = await self.place.database.run("read", store.waiting, [], 10)
        assert (found.kind, found.about, found.at_ms) == ("pay", "x", 5)
        assert found.chain == chain
        assert found.accounts == [account]
        assert await self.place.database.run("read", store.waiting, ["x"], 10) == []
