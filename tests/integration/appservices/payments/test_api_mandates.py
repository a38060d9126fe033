"""Mandates by HTTP: asked for, given, debited by, given up; each debit once and within its caps."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, gatherResults

from appservices.payments.mandates import store
from appservices.payments.mandates.core.mandate import MANDATES_MAX, MandateState
from appservices.payments.mandates.service import debits as charges
from appservices.payments.mandates.service import mandates
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments
from tests.integration.appservices.payments.branch import OFFICE, SHOP, BranchTestCase
from tests.integration.appservices.payments.ledgers import problems
from tests.integration.appservices.payments.scenes import ALICE
from tests.support.postgres import execute

pytestmark = pytest.mark.postgres


def money(minor: int, currency: str = "EUR") -> dict[str, Any]:
    return {"minor": minor, "currency": currency}


class MandateTests(BranchTestCase):
    def body(self, **more: Any) -> dict[str, Any]:
        given = {
            "payer": ALICE,
            "purpose": "Bread each week",
            "each_max": money(500),
            "period": "week",
            "period_max": money(800),
            "ends_at_ms": 2_000_000_000_000,
            "notice_ms": 0,
            "ours": "subscription-1",
        }
        return {**given, **more}

    async def made(self, who: str = "first", key: str = "m", **more: Any) -> str:
        status, view = await self.bank.call(
            "POST", "/mandates", self.body(**more), who=who, key=key
        )
        assert (status, view["state"]) == (201, "proposed"), view
        return str(view["id"])

    def give(self, mandate_id: str) -> None:
        """Alice gives it, as if her key had approved it."""
        with self.bank.scene() as scene:
            mandate = store.lock_mandate(scene.txn, mandate_id)
            assert mandate is not None
            approved = attrs.evolve(mandate, approved_by=f"nonce {mandate_id}")
            mandates._set_state(scene, approved, MandateState.ACTIVE)

    async def charge(self, mandate_id: str, minor: int, key: str, **more: Any) -> tuple[int, Any]:
        who = more.pop("who", "first")
        body = {"amount": money(minor), "title": "Bread", "ours": key, **more}
        where = f"/mandates/{mandate_id}/charges"
        return await self.bank.call("POST", where, body, who=who, key=key)

    async def fire_timer(self, charge: dict[str, Any]) -> None:
        """Its notice is over."""
        with self.bank.scene() as scene:
            matter = files.lock(scene, charge["id"])
            assert matter is not None
            charges.fire_timer(scene, matter)
        await self.bank.settled()

    def types(self) -> list[str]:
        return self.bank.heard()

    async def test_it_is_asked_for_given_debited_by_and_given_up(self) -> None:
        id_ = await self.made()
        again = await self.bank.call("POST", "/mandates", self.body(), key="m")
        self.give(id_)
        status, charge = await self.charge(id_, 300, "c1")
        assert (status, charge["state"], charge["ours"]) == (201, "cooling", "c1")
        await self.fire_timer(charge)
        _, paid = await self.bank.call("GET", f"/mandates/{id_}/charges/{charge['id']}")
        _, view = await self.bank.call("GET", f"/mandates/{id_}")
        _, ended = await self.bank.call("POST", f"/mandates/{id_}/end", {}, key="e")

        assert again[1]["id"] == id_
        assert paid["state"] == "paid"
        assert (view["left"], view["count"]) == (money(500), 1)
        assert ended["state"] == "ended"
        assert self.bank.balance(ALICE) == 10_000 - 300
        events = (await self.bank.call("GET", "/events"))[1]["events"]
        told = [(one["type"], one["mandate"], one["ours"]) for one in events]
        assert told == [
            ("mandate.active", id_, "subscription-1"),
            ("charge.paid", id_, "c1"),
            ("mandate.ended", id_, "subscription-1"),
        ]
        assert events[1]["payment"] == charge["id"]
        assert problems(self.bank.dsn) == []

    async def test_no_debit_has_the_number_of_somebody_else_s_payment(self) -> None:
        id_ = await self.made()
        self.give(id_)
        charge = (await self.charge(id_, 300, "c1"))[1]
        await self.fire_timer(charge)
        with self.bank.scene() as scene:
            payer = scene.holder(ALICE).id
            paid = payments.made(scene.txn, payer, charge["id"][-8:])
        theirs = f"7ZZZZZZZZZ{charge['id'][10:]}"
        forged = await self.charge(id_, 100, "forged", id=theirs)
        honest = await self.charge(id_, 100, "honest", id=f"{charge['id'][:-8]}00000000")

        assert paid is not None
        assert (forged[0], forged[1]["field"]) == (400, "body.id"), forged
        assert honest[0] == 201

    async def test_a_debit_beyond_it_moves_nothing(self) -> None:
        id_ = await self.made()
        early = await self.charge(id_, 100, "early")
        self.give(id_)
        above = await self.charge(id_, 501, "above")
        usd = await self.charge(id_, 1, "usd", amount=money(1, "USD"))
        nothing = await self.charge(id_, 0, "nothing")
        first = (await self.charge(id_, 500, "one"))[1]
        second = (await self.charge(id_, 301, "two"))[1]
        await self.fire_timer(first)
        await self.fire_timer(second)
        _, over = await self.bank.call("GET", f"/mandates/{id_}/charges/{second['id']}")

        for refused in (early, above):
            assert (refused[0], refused[1]["errcode"]) == (409, "ORG.VECHE.MANDATE_REFUSED")
        assert [early[1]["reason"], above[1]["reason"]] == ["not_active", "above_each"]
        assert (usd[0], nothing[0]) == (400, 400)
        assert (over["state"], over["why"]) == ("refused", "above_period")
        assert self.bank.balance(ALICE) == 10_000 - 500
        assert self.types()[-2:] == ["charge.paid", "charge.refused"]

    async def test_once_it_is_given_up_nothing_is_debited_whatever_waits(self) -> None:
        id_ = await self.made()
        self.give(id_)
        charge = (await self.charge(id_, 300, "c"))[1]
        await self.bank.call("POST", f"/mandates/{id_}/end", {}, key="e")
        # Not a day later, when its time would have come.
        _, refused = await self.bank.call("GET", f"/mandates/{id_}/charges/{charge['id']}")
        again = await self.bank.call("POST", f"/mandates/{id_}/end", {}, key="e2")

        assert (refused["state"], refused["why"]) == ("refused", "not_active")
        assert again[1]["state"] == "ended"
        assert self.bank.balance(ALICE) == 10_000
        assert self.types() == ["mandate.active", "charge.refused", "mandate.ended"]

    async def test_one_key_debits_once_however_often_it_comes(self) -> None:
        id_ = await self.made()
        self.give(id_)
        answers = await gatherResults(
            [Deferred.fromCoroutine(self.charge(id_, 300, "same")) for _ in range(8)]
        )
        other = await self.charge(id_, 299, "same")
        ids = {view["id"] for _, view in answers}

        assert {status for status, _ in answers} == {201}
        assert len(ids) == 1
        assert (other[0], other[1]["errcode"]) == (409, "ORG.VECHE.KEY_REUSED")
        counted = "SELECT count(*) FROM payments.payment WHERE mandate_id = %s"
        assert execute(self.bank.dsn, counted, id_) == [(1,)]

    async def test_others_neither_see_nor_use_it(self) -> None:
        id_ = await self.made()
        self.give(id_)
        for method, path in (
            ("GET", f"/mandates/{id_}"),
            ("POST", f"/mandates/{id_}/end"),
            ("GET", f"/mandates/{id_}/charges/{id_}"),
        ):
            body: dict[str, Any] | None = {} if method == "POST" else None
            status, _ = await self.bank.call(method, path, body, who="office", key="x")
            assert status == 404
        assert (await self.charge(id_, 1, "o", who="office"))[0] == 404

    async def test_what_cannot_be_asked_is_refused(self) -> None:
        wrongs: tuple[dict[str, Any], ...] = (
            {"each_max": money(801)},
            {"each_max": money(0)},
            {"each_max": money(1, "USD"), "period_max": money(1, "USD")},
            {"payer": "@alice:elsewhere.test"},
            {"ends_at_ms": 1},
            {"starts_at_ms": 2_000_000_000_000},
            # In the last year that there is, no period ends.
            {"starts_at_ms": 253_370_764_800_000, "ends_at_ms": 253_402_300_799_999},
        )
        for n, wrong in enumerate(wrongs):
            status, view = await self.bank.call(
                "POST", "/mandates", self.body(**wrong), key=f"w{n}"
            )
            assert (status, view["errcode"]) == (400, "ORG.VECHE.MALFORMED"), wrong

    async def test_of_many_at_once_no_more_are_asked_for_than_there_may_be(self) -> None:
        answers = await gatherResults(
            [
                Deferred.fromCoroutine(
                    self.bank.call("POST", "/mandates", self.body(), key=f"m{n}")
                )
                for n in range(3 * MANDATES_MAX)
            ]
        )

        assert [status for status, _ in answers].count(201) == MANDATES_MAX
        refused = {view["errcode"] for status, view in answers if status != 201}
        assert refused == {"ORG.VECHE.TOO_MANY_MANDATES"}

    async def test_an_office_debits_nobody_without_its_act(self) -> None:
        id_ = await self.made("office")
        self.give(id_)
        bare = await self.charge(id_, 100, "bare", who="office")
        ground = {"purpose": "water", "basis": "Water Act, section 3"}
        good = await self.charge(id_, 100, "good", who="office", act={"ground": ground})
        await self.fire_timer(good[1])

        assert (bare[0], bare[1]["errcode"]) == (409, "ORG.VECHE.ACT_REQUIRED")
        assert good[0] == 201
        assert self.bank.heard(OFFICE) == ["mandate.active", "charge.paid"]
        assert self.bank.heard(SHOP) == []
        assert execute(self.bank.dsn, "SELECT count(*) FROM runtime.act_spent") == [(1,)]
