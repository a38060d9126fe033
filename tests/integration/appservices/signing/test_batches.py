"""Organisations have documents made from templates: one, and many at once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from appservices.signing.batches.service import ROW, SCHEDULE_ROWS
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, DAY_MS, PDF

pytestmark = pytest.mark.postgres

TEMPLATES = Path(__file__).parents[4] / "config" / "signing"
LEASE = "/templates/lease-of-a-flat/sessions"
_REST = "Lindenallee 5, 12345 Lindenau;3;900 EUR;2027-01-01;one_month"
TABLE = f"""reference;p1.name;p1.user;p2.name;p2.user;address;rooms;rent;begins_on;notice
flat-5;Alice Adams;{ALICE};Bob Brown;{BOB};{_REST}
flat-6;Alice Adams;{ALICE};Bob Brown;{CAROL};{_REST}
"""
ANSWERS = {
    "address": "Lindenallee 5\n12345 Lindenau",
    "rooms": 3,
    "rent": "900 EUR",
    "begins_on": "2027-01-01",
    "notice": "one_month",
}


def row(reference: str, tenant: Any = BOB, **changes: Any) -> dict[str, Any]:
    """A lease of Alice's to somebody."""
    return {
        "parties": [
            {"party": "p1", "name": "Alice Adams", "user": ALICE},
            {"party": "p2", "name": "Bob Brown", "user": tenant},
        ],
        "answers": {**ANSWERS, **changes},
        "reference": reference,
    }


class TemplateTests(ChatSite):
    """The town's templates."""

    def _make_parts(self) -> Any:
        parts = super()._make_parts()
        self.templates = self.folder / "templates"
        shutil.copytree(TEMPLATES, self.templates)
        return self.with_templates(parts)

    def setUp(self) -> None:
        super().setUp()
        self.chat(ALICE, BOB, CAROL)

    def body(self, **changes: Any) -> dict[str, Any]:
        """One lease."""
        told = {
            "title": "Lease of flat 5",
            "template": "lease-of-a-flat",
            "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS,
            **row("flat-5"),
        }
        return {**told, **changes}

    def batch(self, *rows: Any, **changes: Any) -> dict[str, Any]:
        """Several leases."""
        deadline_at_ms = self.host.now_ms() + 7 * DAY_MS
        return {"rows": rows, "language": "de", "deadline_at_ms": deadline_at_ms, **changes}

    async def sown(self) -> None:
        """Until nothing of a batch is left to do."""
        while self.due(SCHEDULE_ROWS):
            await self.fire(SCHEDULE_ROWS)
        await self.settle()

    async def test_a_session_from_a_template_is_sent_and_signed(self) -> None:
        status, found = await self.call("GET", "/templates")
        assert status == 200
        [lease] = [one for one in found["templates"] if one["template"] == "lease-of-a-flat"]
        assert [one["party"] for one in lease["parties"]] == ["p1", "p2"]
        assert {one["id"] for one in lease["form"] if one["required"]} == set(ANSWERS)

        body = self.body()
        status, made = await self.call("POST", "/sessions", body, once="k")
        assert status == 201, made
        again = await self.call("POST", "/sessions", body, once="k")
        assert again == (201, made)
        path = f"/sessions/{made['session']}"
        status, refused = await self.call("PUT", f"{path}/file", pdf=PDF)
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.CONFLICT")
        status, sent = await self.call("POST", f"{path}/send", {})
        assert (status, sent["state"]) == (200, "open"), sent
        await self.settle()

        held = self.session()
        assert [one.field for one in held.members] == ["landlord", "tenant"]
        assert [one.id for one in held.subject.clauses] == ["c7"]
        page = self.page(held, "p1")
        signed = await self.away(page.sign, self.keys[ALICE])
        assert signed.status == 200, signed

    async def test_what_a_template_cannot_be_filled_with_is_told_by_field(self) -> None:
        short = row("x")["parties"][:1]
        for changes, status, field in (
            ({"answers": {**ANSWERS, "rent": "piles"}}, 400, "answers.rent"),
            ({"answers": {**ANSWERS, "pets": "yes"}}, 400, "answers.pets"),
            ({"answers": {}}, 400, "answers.address"),
            ({"parties": short}, 400, "parties.p2"),
            ({"parties": row("x", ALICE)["parties"]}, 400, "parties.p2.user"),
            ({"parties": row("x", None)["parties"]}, 400, "parties.p2.user"),
            ({"stages": [{"parties": ["p1", "p2"]}]}, 400, "stages"),
            ({"level": "S1"}, 400, "level"),
            ({"template": "no-such"}, 404, None),
        ):
            got, refused = await self.call("POST", "/sessions", self.body(**changes), once="w")
            assert (got, refused.get("field")) == (status, field), (changes, refused)
        assert self.rows("SELECT count(*) FROM signing.session") == [(0,)]

    async def test_a_dry_run_tells_all_that_is_wrong_and_keeps_nothing(self) -> None:
        rows = [row("a"), row("b", rent="piles", rooms=99), "no row", row("c", CAROL)]
        body = self.batch(*rows, dry_run=True)
        status, told = await self.call("POST", LEASE, body, once="dry")
        assert status == 202, told
        assert (told["batch"], told["waiting"], told["failed"]) == (None, 2, 2)
        found = [(one["row"], one["field"]) for one in told["problems"]]
        assert found == [(2, "answers.rooms"), (2, "answers.rent"), (3, "row")]
        assert "piles" not in str(told["problems"])
        assert self.rows("SELECT count(*) FROM signing.batch") == [(0,)]

    async def test_a_key_that_came_for_one_template_is_refused_for_another(self) -> None:
        shutil.copytree(self.templates / "lease-of-a-flat", self.templates / "lease-of-a-house")
        body = self.batch(row("flat-5"))
        first = await self.call("POST", LEASE, body, once="same")
        assert first[0] == 202, first

        other = LEASE.replace("-flat", "-house")
        status, refused = await self.call("POST", other, body, once="same")

        assert (status, refused["errcode"]) == (409, "ORG.VECHE.CONFLICT")
        assert await self.call("POST", LEASE, body, once="same") == first
        assert (await self.call("POST", other, body, once="another"))[0] == 202

    async def send_table(self, table: str, once: str, **query: Any) -> tuple[int, Any]:
        """Have the documents of a table made."""
        told = {"deadline_at_ms": self.host.now_ms() + 7 * DAY_MS, "language": "de", **query}
        path = f"/templates/lease-of-a-flat/table?{urlencode(told)}"
        return await self.call("POST", path, table=table, once=once)

    async def test_a_table_makes_a_session_for_each_row_as_json_does(self) -> None:
        query = {"deadline_at_ms": self.host.now_ms() + 7 * DAY_MS}
        status, told = await self.send_table(TABLE, "table", **query)
        assert status == 202, told
        assert (told["rows"], told["waiting"], told["failed"]) == (2, 2, 0)
        again = await self.send_table(TABLE, "table", **query)
        assert again == (202, told)
        other = await self.send_table(TABLE, "table", **query, may_delegate=1)
        assert other[0] == 409, other
        await self.sown()

        # The rows are those that a program sends: they make no second session.
        answers = {"rooms": "3", "address": "Lindenallee 5, 12345 Lindenau"}
        same = self.batch(row("flat-5", **answers), row("flat-6", CAROL, **answers))
        status, told = await self.call("POST", LEASE, same, once="json")
        assert status == 202, told
        await self.sown()
        assert self.rows("SELECT count(*) FROM signing.session") == [(2,)]

    async def test_documents_of_a_batch_have_titles_of_their_own_where_rows_name_them(self) -> None:
        head, first, other = TABLE.splitlines()
        table = f"title;{head}\nLease of flat 5;{first}\n;{other}"
        status, told = await self.send_table(table, "titled")
        assert (status, told["failed"]) == (202, 0), told
        await self.sown()

        _, page = await self.call("GET", f"/batches/{told['batch']}/rows?after=0")
        ids = [one["session"] for one in page["rows"]]
        states = [(await self.call("GET", f"/sessions/{one}/state"))[1] for one in ids]
        assert states[0]["title"] == "Lease of flat 5"
        assert states[1]["title"].startswith("Mietvertrag")
        # The other row is the one that it was before rows had titles, and makes no second document.
        _, again = await self.send_table(f"{head}\n{other}", "untitled")
        await self.sown()
        _, page = await self.call("GET", f"/batches/{again['batch']}/rows?after=0")
        assert [one["session"] for one in page["rows"]] == ids[1:]

    async def test_a_dry_run_of_a_table_tells_what_is_wrong_by_row_and_field(self) -> None:
        named = TABLE.splitlines()[1].replace(BOB, "bob") + "\n"
        bad = TABLE.replace("900 EUR", "piles", 1) + "flat-7;Alice\nflat-8" + ";x" * 20
        bad += f"\n{named}"
        status, told = await self.send_table(bad, "dry", dry_run=1)
        assert status == 202, told
        assert (told["batch"], told["waiting"], told["failed"]) == (None, 1, 4)
        [account] = [one for one in told["problems"] if one["row"] == 5]
        assert account["field"] == "parties.p2.user"
        assert account["why"] == "should be a whole account, such as @bob:example.org"
        found = {(one["row"], one["field"]) for one in told["problems"]}
        assert {(1, "answers.rent"), (3, "parties.p2"), (3, "answers.rent"), (4, "row")} <= found
        assert "piles" not in str(told["problems"])
        assert self.rows("SELECT count(*) FROM signing.batch") == [(0,)]

    async def test_a_table_that_is_none_is_refused_with_what_would_be_right(self) -> None:
        for table, words in (
            ("", "is empty: its first line names its columns"),
            (TABLE.splitlines()[0], "has no rows below its head"),
            (
                TABLE.replace("rent", "pets", 1),
                "has a column “pets”; there are: reference, title, p1.name",
            ),
            (TABLE + '"', "line 4"),
        ):
            status, refused = await self.send_table(table, "none")
            assert (status, refused["field"]) == (400, "table"), refused
            assert words in refused["error"]
        status, refused = await self.call("POST", LEASE, table=TABLE, once="none")
        assert (status, refused["field"]) == (400, "Content-Type")

    async def test_a_batch_makes_a_session_for_each_row_and_a_bad_one_stops_none(self) -> None:
        rows = [row("a"), row("b", rent="piles"), row("c", CAROL), row("a")]
        body = self.batch(*rows)
        status, told = await self.call("POST", LEASE, body, once="one")
        assert status == 202, told
        assert (told["waiting"], told["made"], told["failed"]) == (3, 0, 1)
        assert (await self.call("POST", LEASE, body, once="one"))[1]["batch"] == told["batch"]
        status, refused = await self.call("POST", LEASE, self.batch(row("z")), once="one")
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.CONFLICT")

        await self.fire(SCHEDULE_ROWS)
        done = await self.call("GET", f"/batches/{told['batch']}")
        assert (done[1]["waiting"], done[1]["made"], done[1]["failed"]) == (0, 3, 1)
        status, page = await self.call("GET", f"/batches/{told['batch']}/rows?after=0")
        by_row = {one["row"]: one for one in page["rows"]}
        assert [by_row[n]["state"] for n in (1, 2, 3, 4)] == ["made", "failed", "made", "made"]
        assert by_row[1]["session"] == by_row[4]["session"] != by_row[3]["session"]
        assert [one["reference"] for one in page["rows"]] == ["a", "b", "c", "a"]
        assert self.rows("SELECT DISTINCT state FROM signing.session") == [("open",)]
        assert self.rows("SELECT count(*) FROM signing.session") == [(2,)]
        status, state = await self.call("GET", f"/sessions/{by_row[3]['session']}/state")
        assert (status, state["reference"]) == (200, "c")
        assert state["title"].startswith("Mietvertrag")

        # The same row in another batch is the same session.
        status, more = await self.call("POST", LEASE, self.batch(row("c", CAROL)), once="two")
        await self.fire(SCHEDULE_ROWS)
        _, page = await self.call("GET", f"/batches/{more['batch']}/rows")
        assert page["rows"][0]["session"] == by_row[3]["session"]
        status, _ = await self.call("GET", f"/batches/{told['batch']}", key="x" * 32)
        assert status == 401

    async def test_a_row_is_made_once_whatever_ends_in_between(self) -> None:
        await self.call("POST", LEASE, self.batch(row("a")), once="one")
        [sow] = self.due(SCHEDULE_ROWS)
        await self.do(sow)
        [job] = self.due(ROW)
        handler = self.handlers[ROW]
        first = await handler.perform(job)
        second = await handler.perform(job)
        assert first["made"].document.pdf == second["made"].document.pdf
        for result in (first, second):
            self.run_now(handler.finish, job, result, self.host.now_ms())
        assert self.rows("SELECT count(*) FROM signing.session") == [(1,)]
        assert await handler.perform(job) == {}

    async def test_a_template_that_changes_meanwhile_makes_nothing(self) -> None:
        _, told = await self.call("POST", LEASE, self.batch(row("a")), once="one")
        source = self.templates / "lease-of-a-flat" / "template.typ"
        source.write_text(source.read_text() + "\n// changed")
        await self.fire(SCHEDULE_ROWS)
        _, done = await self.call("GET", f"/batches/{told['batch']}")
        assert [(one["row"], one["field"]) for one in done["problems"]] == [(1, "template")]
        assert self.rows("SELECT count(*) FROM signing.session") == [(0,)]

    async def test_a_row_that_comes_too_late_leaves_nothing_behind(self) -> None:
        _, told = await self.call("POST", LEASE, self.batch(row("a"), row("b")), once="one")
        self.rows("UPDATE signing.batch SET deadline_at_ms = 1 RETURNING 1")
        await self.fire(SCHEDULE_ROWS)
        _, done = await self.call("GET", f"/batches/{told['batch']}")
        found = [(one["row"], one["field"]) for one in done["problems"]]
        assert found == [(1, "deadline_at_ms"), (2, "deadline_at_ms")]
        assert self.rows("SELECT count(*) FROM signing.session") == [(0,)]
        assert self.rows("SELECT count(*) FROM signing.blob") == [(0,)]

    async def test_what_was_answered_is_forgotten_once_it_is_made(self) -> None:
        await self.call("POST", LEASE, self.batch(row("a"), row("b", rent="piles")), once="one")
        await self.fire(SCHEDULE_ROWS)
        sealed = self.rows("SELECT sealed FROM signing.batch_row ORDER BY n")
        made, failed = (self.parts.vault.open(bytes(one)) for (one,) in sealed)
        assert made == {"reference": "a"}
        assert failed.keys() == {"reference", "problems"}

    async def test_more_rows_than_there_may_be_are_refused(self) -> None:
        body = self.batch(*[0] * 10_001)
        status, refused = await self.call("POST", LEASE, body, once="one")
        assert (status, refused["field"]) == (400, "body.rows")
        twice = b'{"rows": [], "rows": [1], "deadline_at_ms": 1}'
        status, refused = await self.call("POST", LEASE, once="two", pdf=twice)
        assert (status, refused["field"]) == (400, "Content-Type")

    async def test_many_rows_follow_one_another(self) -> None:
        rows = [row(f"r{n}", rooms=n) for n in range(1, 24)]
        await self.call("POST", LEASE, self.batch(*rows), once="one")
        [sow] = self.due(SCHEDULE_ROWS)
        await self.do(sow)
        assert len(self.due(ROW)) == 20
        [sow] = self.due(SCHEDULE_ROWS)
        await self.do(sow)
        assert len(self.due(ROW)) == 20, "no more at once"
        for job in self.due(ROW)[:3]:
            await self.do(job)
        [sow] = self.due(SCHEDULE_ROWS)
        await self.do(sow)
        assert (len(self.due(ROW)), self.due(SCHEDULE_ROWS)) == (20, [])
