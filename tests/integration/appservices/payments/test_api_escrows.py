"""Escrows by HTTP: an organisation sells, the buyer puts money aside, k of n or the date decide."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, gatherResults

from appservices.payments.escrows.core.escrow import OPEN_MAX, EscrowInput
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import records as deals
from tests.integration.appservices.payments.branch import SHOP, BranchTestCase
from tests.integration.appservices.payments.ledgers import problems
from tests.integration.appservices.payments.scenes import ALICE, BOB
from tests.support.postgres import execute

pytestmark = pytest.mark.postgres

DAY_MS = 86_400_000


def money(minor: int, currency: str = "EUR") -> dict[str, Any]:
    return {"minor": minor, "currency": currency}


class EscrowTests(BranchTestCase):
    async def test_once_its_date_is_over_nothing_is_decided_even_before_the_clock_rings(
        self,
    ) -> None:
        id_ = await self.funded()
        execute(self.bank.dsn, "UPDATE payments.escrow SET due_at_ms = %s", self.bank.now_ms())
        late = await self.bank.call(
            "POST", f"/escrows/{id_}/decide", {"to_seller": money(0)}, key="late"
        )

        assert (late[0], late[1]["errcode"]) == (409, "ORG.VECHE.ESCROW_STATE")
        votes = execute(self.bank.dsn, "SELECT count(to_seller) FROM payments.escrow_party")
        assert votes == [(0,)]

    async def test_of_many_at_once_no_more_are_opened_than_there_may_be(self) -> None:
        answers = await gatherResults(
            [
                Deferred.fromCoroutine(self.bank.call("POST", "/escrows", self.body(), key=f"e{n}"))
                for n in range(3 * OPEN_MAX)
            ]
        )

        assert [status for status, _ in answers].count(201) == OPEN_MAX
        refused = {view["errcode"] for status, view in answers if status != 201}
        assert refused == {"ORG.VECHE.TOO_MANY_ESCROWS"}

    def body(self, **more: Any) -> dict[str, Any]:
        ends_at_ms = self.bank.now_ms() + 10 * DAY_MS
        given = {"buyer": ALICE, "title": "Oven", "amount": money(1_000), "ends_at_ms": ends_at_ms}
        return {**given, "ours": "deal-1", **more}

    async def opened(self, key: str = "e", **more: Any) -> dict[str, Any]:
        status, view = await self.bank.call("POST", "/escrows", self.body(**more), key=key)
        assert status == 201, view
        found: dict[str, Any] = view
        return found

    async def funded(self, **more: Any) -> str:
        """An escrow into which Alice has put the money, as if her key had approved that."""
        id_ = str((await self.opened(**more))["id"])
        await self.fund(id_)
        return id_

    async def fund(self, escrow_id: str) -> None:
        with self.bank.scene() as scene:
            deal = deals.lock(scene, escrow_id)
            assert deal is not None
            approved = attrs.evolve(deal.escrow, approved_by=f"nonce {escrow_id}")
            after = attrs.evolve(deal, escrow=approved)
            escrows._step(scene, after, EscrowInput.GO, due_at_ms=approved.ends_at_ms)
        await self.bank.settled()

    async def vote(self, escrow_id: str, place: int, to_seller: int) -> None:
        """A person decides, as if their key had approved that."""
        with self.bank.scene() as scene:
            deal = deals.lock(scene, escrow_id)
            assert deal is not None
            nonce = f"vote {place} {escrow_id}"
            voter = attrs.evolve(deal.escrow.voters[place], to_seller=to_seller, approved_by=nonce)
            escrows.decide(scene, deal, voter)
        await self.bank.settled()

    async def decide(self, id_: str, minor: int, key: str = "d", who: str = "first") -> Any:
        body = {"to_seller": money(minor)}
        answer = await self.bank.call("POST", f"/escrows/{id_}/decide", body, key=key, who=who)
        await self.bank.settled()
        return answer

    async def cancel(self, id_: str, key: str) -> tuple[int, Any]:
        where = f"/escrows/{id_}/cancel"
        return await self.bank.call("POST", where, {"reason": "sold"}, key=key)

    async def state(self, id_: str) -> str:
        _, view = await self.bank.call("GET", f"/escrows/{id_}")
        return str(view["state"])

    async def test_buyer_and_seller_release_it(self) -> None:
        id_ = await self.funded()
        before = self.bank.balance(ALICE)
        first = await self.decide(id_, 1_000)
        await self.vote(id_, 0, 1_000)
        _, view = await self.bank.call("GET", f"/escrows/{id_}")
        events = (await self.bank.call("GET", "/events"))[1]["events"]

        assert before == 9_000
        assert (first[0], first[1]["state"]) == (200, "funded")
        assert (view["state"], view["to_seller"]) == ("released", money(1_000))
        assert [one["role"] for one in view["parties"]] == ["buyer", "seller"]
        assert self.bank.balance(SHOP) == 101_000
        told = [(one["type"], one["escrow"], one["ours"]) for one in events]
        assert told == [
            (f"escrow.{what}", id_, "deal-1") for what in ("agreed", "funded", "voted", "released")
        ]
        assert events[-1]["payment"] == view["payment"]
        assert problems(self.bank.dsn) == []

    async def test_the_seller_gives_it_back_or_shares_it(self) -> None:
        back = await self.funded(key="back")
        shared = await self.funded(key="shared", title="Other")
        await self.decide(back, 0, "d1")
        await self.vote(back, 0, 0)
        await self.decide(shared, 400, "d2")
        await self.vote(shared, 0, 400)

        assert (await self.state(back), await self.state(shared)) == ("returned", "shared")
        assert self.bank.balance(ALICE) == 10_000 - 400
        assert self.bank.balance(SHOP) == 100_400

    async def test_alone_the_seller_decides_nothing_and_the_date_does(self) -> None:
        id_ = await self.funded()
        await self.decide(id_, 1_000)
        assert await self.state(id_) == "funded"
        execute(self.bank.dsn, "UPDATE payments.escrow SET due_at_ms = 1 WHERE id = %s", id_)
        with self.bank.scene() as scene:
            escrows.fire_timer(scene, id_)
        await self.bank.settled()

        assert await self.state(id_) == "returned"
        assert self.bank.balance(ALICE) == 10_000

    async def test_an_arbiter_is_asked_first_and_decides_with_one_of_both(self) -> None:
        view = await self.opened(arbiters=[BOB])
        id_ = view["id"]
        assert (view["state"], view["k"]) == ("proposed", 2)
        with self.bank.scene() as scene:
            deal = deals.lock(scene, id_)
            assert deal is not None
            escrows._join(scene, deal, deal.escrow.voters[2])
        await self.fund(id_)
        await self.decide(id_, 1_000)
        await self.vote(id_, 2, 1_000)

        assert await self.state(id_) == "released"

    async def test_what_was_decided_once_stays(self) -> None:
        id_ = await self.funded()
        await self.decide(id_, 1_000)
        again = await self.decide(id_, 1_000, "again")
        other = await self.decide(id_, 0, "other")
        await self.vote(id_, 0, 1_000)
        late = await self.decide(id_, 0, "late")

        assert again[0] == 200
        for one in (other, late):
            assert (one[0], one[1]["errcode"]) == (409, "ORG.VECHE.DECIDED")
        assert self.bank.balance(SHOP) == 101_000

    async def test_whose_account_is_stopped_decides_nothing(self) -> None:
        id_ = await self.funded()
        stop = "UPDATE payments.holder SET frozen_at_ms = 1 WHERE kind = 'organisation'"
        execute(self.bank.dsn, stop)

        assert (await self.decide(id_, 1_000))[0] == 403
        votes = execute(self.bank.dsn, "SELECT count(to_seller) FROM payments.escrow_party")
        assert votes == [(0,)]

    async def test_it_is_taken_back_until_the_money_is_put_aside(self) -> None:
        id_ = (await self.opened())["id"]
        status, view = await self.cancel(id_, "c")
        assert (status, view["state"]) == (200, "declined")
        assert (await self.cancel(id_, "c2"))[0] == 200
        funded = await self.funded(key="f")
        status, view = await self.cancel(funded, "c3")
        early = (await self.opened("early"))["id"]

        assert (status, view["errcode"]) == (409, "ORG.VECHE.ESCROW_STATE")
        status, view = await self.decide(early, 1)
        assert (status, view["errcode"]) == (409, "ORG.VECHE.ESCROW_STATE")

    async def test_others_neither_see_nor_decide_it(self) -> None:
        id_ = await self.funded()

        assert (await self.bank.call("GET", f"/escrows/{id_}", who="office"))[0] == 404
        assert (await self.decide(id_, 0, who="office"))[0] == 404
        status, _ = await self.bank.call("POST", "/escrows", self.body(), who="office", key="o")
        assert status == 403

    async def test_what_cannot_be_is_refused(self) -> None:
        wrongs: tuple[dict[str, Any], ...] = (
            {"amount": money(0)},
            {"amount": money(1, "USD")},
            {"buyer": "@alice:elsewhere.test"},
            {"arbiters": [ALICE]},
            {"arbiters": [BOB, BOB]},
            {"arbiters": [BOB], "k": 4},
            {"k": 3},
            {"ends_at_ms": 1},
            {"ends_at_ms": self.bank.now_ms() + 77 * DAY_MS},
        )
        for n, wrong in enumerate(wrongs):
            status, view = await self.bank.call("POST", "/escrows", self.body(**wrong), key=f"w{n}")
            assert (status, view["errcode"]) == (400, "ORG.VECHE.MALFORMED"), wrong
        id_ = await self.funded()
        for n, minor in enumerate((-1, 1_001)):
            assert (await self.decide(id_, minor, f"x{n}"))[0] == 400
