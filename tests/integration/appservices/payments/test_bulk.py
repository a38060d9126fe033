"""Payouts in bulk: each line once, nothing lost, whoever stops or fails in the middle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg2.errors
import pytest

from appservices.payments.banks.service import filing
from appservices.payments.bulk.service import bulk
from appservices.payments.bulk.service import lines as bulk_lines
from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.demo_bank.habits import Habit
from appservices.payments.holders import store as holders
from tests.integration.appservices.payments.branch import BANK, OFFICE, SHOP, BranchTestCase
from tests.integration.appservices.payments.ledgers import problems
from tests.integration.appservices.payments.scenes import ALICE, BOB
from tests.integration.veche.rig import until
from tests.stories.bank import DemoBank
from tests.support.act_chain import check_chain
from tests.support.postgres import execute
from tests.support.said import opened
from veche.protocol.acts import ActClass
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.postgres

GHOST: Final = "@ghost:veche.test"


class BulkTests(BranchTestCase):
    def body(self, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        given = {
            "v": 1,
            "institution": BANK,
            "organisation": SHOP,
            "ours": "wages",
            "at_ms": self.bank.now_ms(),
            "title": "Wages",
            "currency": "EUR",
            "lines": lines,
        }
        return {**given, **more}

    async def order(
        self, body: Mapping[str, Any], who: str = "first", key: str = "k"
    ) -> tuple[int, Any]:
        return await self.bank.call(
            "POST", "/payouts", self.bank.signed(body, who), who=who, key=key
        )

    async def over(self, payout_id: str, who: str = "first") -> dict[str, Any]:
        await self.bank.settled()
        status, view = await self.bank.call("GET", f"/payouts/{payout_id}", who=who)
        assert status == 200, view
        found: dict[str, Any] = view
        return found

    def check(self) -> None:
        assert problems(self.bank.dsn) == []
        assert self.bank.aside() == 0

    async def test_each_line_is_paid_once_with_a_receipt_and_an_invitation(self) -> None:
        lines = [{"ours": "a", "to": ALICE, "minor": 1_000}, {"ours": "b", "to": BOB, "minor": 50}]
        body = self.body(lines)
        status, view = await self.order(body)
        assert (status, view["total"]) == (201, {"minor": 1_050, "currency": "EUR"})
        status, again = await self.order(body)
        assert (status, again["id"]) == (201, view["id"])
        after = await self.over(view["id"])

        assert (after["state"], after["lines"]) == ("done", {"paid": 2})
        assert self.bank.balance(BOB) == 50
        assert self.bank.balance(SHOP) == 100_000 - 1_050
        # Whoever has no chat is invited to one, and told there.
        invited = execute(
            self.bank.dsn,
            "SELECT payload ->> 'person' FROM runtime.errand WHERE kind = 'payments.chat'",
        )
        assert {str(person) for (person,) in invited} == {ALICE, BOB}
        assert self.bank.heard() == ["payout.paid", "payout.paid", "payout.done"]
        self.check()

    async def test_who_is_not_there_fails_alone_and_the_money_goes_back(self) -> None:
        lines = [
            {"ours": "a", "to": GHOST, "minor": 700},
            {"ours": "b", "to": BOB, "minor": 50},
        ]
        _, view = await self.order(self.body(lines))
        after = await self.over(view["id"])
        _, found = await self.bank.call("GET", f"/payouts/{view['id']}/lines")

        assert (after["state"], after["lines"]) == ("done", {"failed": 1, "paid": 1})
        assert after["paid"]["minor"] == 50
        assert [line["why"] for line in found["lines"]] == ["unknown_payee", None]
        assert self.bank.balance(SHOP) == 100_000 - 50
        self.check()

    async def test_who_stopped_everything_alone_hears_why_they_are_not_paid(self) -> None:
        self.bank.chat(BOB)
        with self.bank.scene() as scene:
            holders.set_frozen(scene.txn, scene.holder(UserId(BOB)).id, scene.now_ms)
        _, view = await self.order(self.body([{"ours": "a", "to": BOB, "minor": 50}]))
        after = await self.over(view["id"])
        _, found = await self.bank.call("GET", f"/payouts/{view['id']}/lines")

        assert after["lines"] == {"failed": 1}
        assert [line["why"] for line in found["lines"]] == ["payee_not_payable"]
        rows = execute(self.bank.dsn, "SELECT content FROM runtime.outbox")
        told = [opened(one, b"p" * 32).get("body", "") for (one,) in rows]
        [words] = [body for body in told if "You stopped" in body]
        assert "wanted to pay you 0.50 EUR" in words
        assert self.bank.balance(SHOP) == 100_000
        self.check()

    async def test_without_cover_nothing_is_paid(self) -> None:
        lines = [{"ours": "a", "to": BOB, "minor": 9_999}] * 1
        self.bank.section.organisations[0].two_keys_above.clear()
        lines = [{"ours": f"{n}", "to": BOB, "minor": 60_000} for n in range(2)]
        _, view = await self.order(self.body(lines))
        after = await self.over(view["id"])

        assert (after["state"], after["lines"]) == ("refused", {"stopped": 2})
        assert self.bank.heard() == ["payout.refused"]
        assert self.bank.balance(SHOP) == 100_000
        self.check()

    async def test_above_the_limit_a_second_key_has_to_approve(self) -> None:
        body = self.body([{"ours": "a", "to": BOB, "minor": 10_001}])
        _, view = await self.order(body)
        assert view["state"] == "waiting"
        approval = {
            "v": 1,
            "institution": BANK,
            "organisation": SHOP,
            "payout": view["id"],
            "sha256": view["sha256"],
            "at_ms": self.bank.now_ms(),
        }
        where = f"/payouts/{view['id']}/approve"
        same = await self.bank.call("POST", where, self.bank.signed(approval), key="a1")
        forged = await self.bank.call(
            "POST", where, self.bank.signed(approval), who="second", key="a2"
        )
        other = {**approval, "sha256": "0" * 64}
        wrong = await self.bank.call(
            "POST", where, self.bank.signed(other, "second"), who="second", key="a3"
        )

        assert (same[0], same[1]["errcode"]) == (403, "ORG.VECHE.TWO_KEYS")
        assert (forged[0], forged[1]["errcode"]) == (400, "ORG.VECHE.BAD_SIGNATURE")
        assert (wrong[0], wrong[1]["errcode"]) == (409, "ORG.VECHE.CONFLICT")
        assert self.bank.balance(BOB) == 0
        signed = self.bank.signed(approval, "second")
        [shop, *_] = self.bank.section.organisations
        keys = list(shop.keys)
        shop.keys[:] = [one for one in keys if one.path.name != "first"]
        gone = await self.bank.call("POST", where, signed, who="second", key="gone")
        assert (gone[0], gone[1]["errcode"]) == (403, "ORG.VECHE.TWO_KEYS")
        shop.keys[:] = keys
        done = await self.bank.call("POST", where, signed, who="second", key="a4")
        assert done[0] == 200
        assert (await self.over(view["id"]))["state"] == "done"
        assert self.bank.balance(BOB) == 10_001
        late = await self.bank.call("POST", where, signed, who="second", key="a5")
        assert (late[0], late[1]["errcode"]) == (409, "ORG.VECHE.PAYOUT_STATE")
        self.check()

    async def test_several_below_the_limit_within_a_day_count_together(self) -> None:
        states = []
        for n, minor in enumerate((6_000, 4_000, 1, 9_999)):
            _, view = await self.order(
                self.body([{"ours": "a", "to": BOB, "minor": minor}], ours=f"part-{n}"), key=f"p{n}"
            )
            states.append(view["state"])
            if view["state"] != "waiting":
                await self.over(view["id"])
        assert states[2:] == ["waiting", "waiting"]
        assert "waiting" not in states[:2]
        assert self.bank.balance(BOB) == 10_000

        # A day later those of before count no more.
        execute(self.bank.dsn, "UPDATE payments.payout SET made_at_ms = made_at_ms - 86400001")
        _, view = await self.order(
            self.body([{"ours": "a", "to": BOB, "minor": 10_000}], ours="later"), key="later"
        )
        assert (await self.over(view["id"]))["state"] == "done"
        self.check()

    async def test_stopped_in_the_middle_each_line_is_paid_or_back(self) -> None:
        lines = [{"ours": f"{n}", "to": BOB, "minor": 1} for n in range(200)]
        _, view = await self.order(self.body(lines))
        where = f"/payouts/{view['id']}"

        def has_begun() -> bool:
            found = execute(
                self.bank.dsn, "SELECT count(*) FROM payments.payout_line WHERE state = 'paid'"
            )
            return int(str(found[0][0])) > 0

        await until(has_begun, "it does not begin")
        status, _ = await self.bank.call("POST", f"{where}/stop", {"reason": "mistake"}, key="s")
        after = await self.over(view["id"])

        assert status in {200, 409}
        assert after["state"] == ("stopped" if status == 200 else "done")
        paid = after["lines"]["paid"]
        assert paid + after["lines"].get("stopped", 0) == 200
        assert self.bank.balance(BOB) == paid == after["paid"]["minor"]
        assert self.bank.balance(SHOP) == 100_000 - paid
        self.check()

    async def test_a_homeserver_that_is_down_delays_lines_and_loses_none(self) -> None:
        self.bank.people.is_down = True
        _, view = await self.order(self.body([{"ours": "a", "to": BOB, "minor": 5}]))

        def was_tried() -> bool:
            tried = "SELECT count(*) FROM runtime.errand WHERE kind = %s AND attempts > 0"
            return execute(self.bank.dsn, tried, bulk.PAY_LINES) == [(1,)]

        await until(was_tried, "it is not tried")
        self.bank.people.is_down = False
        after = await self.over(view["id"])
        self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's

        assert after["lines"] == {"paid": 1}
        self.check()

    async def test_what_is_altered_forged_or_sent_again_moves_nothing(self) -> None:
        body = self.body([{"ours": "a", "to": BOB, "minor": 10}])
        signed = self.bank.signed(body)
        altered = {**signed, "lines": [{"ours": "a", "to": ALICE, "minor": 10}]}
        more = {**signed, "hidden": 1}
        unsigned = {key: value for key, value in signed.items() if key != "signatures"}
        other_key = self.bank.signed(body, "second")
        for number, sent in enumerate((altered, more, unsigned, other_key)):
            answer = await self.bank.call("POST", "/payouts", sent, key=f"bad{number}")
            assert answer[0] == 400, answer
            assert answer[1]["errcode"] == "ORG.VECHE.BAD_SIGNATURE"
        for change in (
            {"institution": "other-bank"},
            {"organisation": OFFICE},
            {"at_ms": self.bank.now_ms() - 90_000_000},
            {"at_ms": self.bank.now_ms() + 600_000},
        ):
            changed = self.bank.signed({**body, **change})
            if "organisation" not in change:
                answer = await self.bank.call("POST", "/payouts", changed, key=f"{change}"[:60])
                assert answer[0] == 400, answer
        assert (await self.bank.call("POST", "/payouts", signed, key="good"))[0] == 201
        replayed = await self.bank.call("POST", "/payouts", signed, key="replay")
        assert (replayed[0], replayed[1]["errcode"]) == (409, "ORG.VECHE.CONFLICT")
        await self.bank.settled()

        assert self.bank.balance(BOB) == 10
        self.check()

    async def test_lines_that_make_no_sense_are_refused_by_name(self) -> None:
        good = {"ours": "a", "to": BOB, "minor": 1}
        for line, field in (
            ({**good, "minor": 0}, "body.lines.0.minor"),
            ({**good, "minor": 1.5}, "body.lines.0.minor"),
            ({**good, "to": "@bob:elsewhere.test"}, "body.lines.0.to"),
            ({"ours": "a", "minor": 1}, "body.lines.0"),
            ({"ours": "a", "iban": "DE00", "name": "A", "minor": 1}, "body.lines.0.iban"),
        ):
            body = self.body([line])
            if isinstance(line["minor"], float):
                # No canonical JSON, so nobody can sign it.
                status, answer = await self.bank.call("POST", "/payouts", {}, key="x")
                assert status == 400
                continue
            status, answer = await self.order(body, key=f"{field}{line['minor']}")
            assert (status, answer["field"]) == (400, field), answer
        status, answer = await self.order(self.body([good, good]), key="twice")
        assert status == 400
        status, answer = await self.order(self.body([good], currency="USD"), key="usd")
        assert (status, answer["field"]) == (400, "body.currency")

    async def test_a_benefit_is_an_act_on_each_person_spent_with_its_money(self) -> None:
        lines = [{"ours": "a", "to": ALICE, "minor": 7}, {"ours": "b", "to": BOB, "minor": 8}]
        body = self.body(lines, organisation=OFFICE)
        status, answer = await self.order(body, "office")
        assert (status, answer["errcode"]) == (409, "ORG.VECHE.ACT_REQUIRED")
        act = {"purpose": "housing.benefit", "basis": "Housing Act, section 4"}
        _, view = await self.order({**body, "act": act}, "office", "k2")
        await self.over(view["id"], "office")

        assert self.bank.balance(BOB) == 8
        with self.bank.scene() as scene:
            assert check_chain(scene.txn, OFFICE) == 2
            scene.txn.execute("SELECT entry FROM runtime.act WHERE organisation = %s", (OFFICE,))
            assert all(f'"k":"{ActClass.PAYOUT}"' in entry for (entry,) in scene.txn.fetchall())
            scene.txn.execute("SELECT count(*) FROM runtime.act_spent")
            assert scene.txn.fetchall() == [(2,)]
        self.check()

    async def test_another_organisation_sees_and_stops_nothing(self) -> None:
        _, view = await self.order(self.body([{"ours": "a", "to": BOB, "minor": 20_000}]))
        where = f"/payouts/{view['id']}"
        for method, path, body in (
            ("GET", where, None),
            ("GET", f"{where}/lines", None),
            ("POST", f"{where}/stop", {"reason": "x"}),
        ):
            status, _ = await self.bank.call(method, path, body, who="office", key="o")
            assert status == 404
        assert (await self.bank.call("POST", f"{where}/stop", {"reason": "x"}, key="s"))[0] == 200
        assert (await self.over(view["id"]))["lines"] == {"stopped": 1}

    async def test_the_database_refuses_more_than_was_set_aside(self) -> None:
        _, view = await self.order(self.body([{"ours": "a", "to": BOB, "minor": 20_000}]))
        with pytest.raises(psycopg2.errors.CheckViolation, match="payout_total"):
            execute(self.bank.dsn, "UPDATE payments.payout SET gone = total + 1 RETURNING 1")
        with pytest.raises(psycopg2.errors.CheckViolation, match="payout_two_persons"):
            execute(self.bank.dsn, "UPDATE payments.payout SET approved_by = made_by RETURNING 1")
        assert view["state"] == "waiting"

    async def test_more_lines_than_one_errand_takes_are_paid_in_order(self) -> None:
        count = 2 * bulk_lines.LINES_AT_ONCE + 1
        lines = [{"ours": f"{n}", "to": ALICE if n % 2 else BOB, "minor": 1} for n in range(count)]
        _, view = await self.order(self.body(lines))
        after = await self.over(view["id"])

        assert after["lines"] == {"paid": count}
        assert self.bank.balance(BOB) == count // 2 + 1
        self.check()


class BankLineTests(BranchTestCase):
    """Lines that a bank pays: booked, refused, given back."""

    demo: DemoBank

    def more(self) -> Mapping[str, Any]:
        self.patch(filing, "FILE_AFTER_MS", 50)  # type: ignore[no-untyped-call]  # trial's
        self.patch(filing, "FETCH_EVERY_MS", 100)  # type: ignore[no-untyped-call]  # trial's
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        running = DemoBank.running(Path(folder.name))
        self.demo = running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        return {"banks": [self.demo.section]}

    async def rents(self, amounts: Mapping[str, int]) -> dict[str, Any]:
        """Pay to an account at the bank, with one key; by the name of each line, in cents."""
        self.bank.section.organisations[0].two_keys_above.clear()
        status, view = await self.order(demo_iban(3), amounts)
        assert status == 201, view
        return view

    async def order(self, iban: str, amounts: Mapping[str, int]) -> tuple[int, dict[str, Any]]:
        """Order such a payout; what is answered."""
        account = {"iban": iban, "name": "Bob Beispiel"}
        body = {
            "v": 1,
            "institution": BANK,
            "organisation": SHOP,
            "ours": "rents",
            "at_ms": self.bank.now_ms(),
            "title": "Rents",
            "currency": "EUR",
            "lines": [{"ours": one, **account, "minor": minor} for one, minor in amounts.items()],
        }
        status, view = await self.bank.call("POST", "/payouts", self.bank.signed(body), key="rents")
        return status, dict(view)

    async def test_no_line_is_for_an_account_of_the_institution_itself(self) -> None:
        status, answer = await self.order(demo_iban(1), {"ours": 100})

        assert (status, answer["field"]) == (400, "body.lines.0.iban")

    async def test_what_a_bank_refuses_or_gives_back_is_the_organisations_again(self) -> None:
        amounts = {"booked": 5_000, "refused": 5_001, "returned": 5_006}
        view = await self.rents(amounts)
        await until(lambda: self.bank.heard()[-1:] == ["payout.done"], "it does not end")
        assert sorted(self.bank.heard()) == [
            "payout.done",
            "payout.failed",
            "payout.paid",
            "payout.paid",
        ]
        assert self.bank.balance(SHOP) == 100_000 - 5_000 - 5_006
        self.demo.end_day()
        await until(lambda: self.bank.heard()[-1:] == ["payout.returned"], "nothing comes back")
        await until(lambda: self.bank.balance(SHOP) == 100_000 - 5_000, "it is not ours again")
        _, found = await self.bank.call("GET", f"/payouts/{view['id']}/lines")

        assert [line["state"] for line in found["lines"]] == ["paid", "failed", "returned"]
        assert found["lines"][1]["why"] == "bank_says_no"
        assert self.bank.aside() == 0
        assert problems(self.bank.dsn) == []

    async def test_whatever_a_bank_does_with_a_line_it_is_heard_on(self) -> None:
        habits = [habit for habit in Habit if habit is not Habit.LOST]
        view = await self.rents({habit.name: 5_000 + habit.value for habit in habits})
        await until(lambda: "payout.failed" in self.bank.heard(), "nothing is heard of the bank")
        self.demo.end_day()
        await until(lambda: "payout.returned" in self.bank.heard(), "the day's end is not heard")
        self.demo.deposit(700, "nobody's")
        await until(lambda: self.lines_of(700) == 1, "the bank is not heard any more")
        await until(lambda: "payout.done" in self.bank.heard(), "it does not end")
        _, found = await self.bank.call("GET", f"/payouts/{view['id']}/lines")
        states = {line["ours"]: line["state"] for line in found["lines"]}

        assert states["REJECTED_BOOKED"] == "failed"
        assert states["RETURNED"] == "returned"
        assert states["TWICE"] == "paid"
        assert problems(self.bank.dsn) == []

    def lines_of(self, minor: int) -> int:
        """How many lines of an amount the bank told of."""
        return len(
            execute(
                self.bank.dsn,
                "SELECT key FROM payments.bank_line WHERE signed_minor = %s",
                minor,
            )
        )
