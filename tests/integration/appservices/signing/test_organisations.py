"""Organisations have documents signed over HTTP: drafts, files, events, by their keys."""

from __future__ import annotations

import http.client
import io
from contextlib import closing
from typing import Any, cast

import pikepdf
import psycopg2.errors
import pytest
import typst

from appservices.signing.drafting.service import laying
from appservices.signing.keys.document_cipher import DOCUMENT, encrypt
from appservices.signing.organisations.routes import organisations
from appservices.signing.sessions.store import blobs
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    DAY_MS,
    PDF,
    SigningSite,
)
from tests.support.forgery import page
from tests.support.sign_page import API
from veche.runtime.database import connect

pytestmark = pytest.mark.postgres


class OrganisationTests(SigningSite):
    """The town asks Alice and Bob to sign."""

    def body(self, **changes: Any) -> dict[str, Any]:
        told = {
            "title": "Lease of flat 12b",
            "filename": "lease.pdf",
            "parties": [
                {"party": "p1", "name": "Alice Adams", "user": ALICE},
                {"party": "p2", "name": "Bob Brown", "user": BOB},
            ],
            "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS,
            "reference": "case-7",
        }
        return {**told, **changes}

    async def draft(self, **changes: Any) -> str:
        status, made = await self.call("POST", "/sessions", self.body(**changes), once="k1")
        assert status == 201, made
        return str(made["session"])

    async def test_a_document_is_drafted_sent_signed_and_fetched(self) -> None:
        session = await self.draft()

        status, refused = await self.call("POST", f"/sessions/{session}/send", {})
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.REFUSED")
        status, put = await self.call("PUT", f"/sessions/{session}/file", pdf=PDF)
        assert status == 200, put
        assert put["pages"] == 1
        status, sent = await self.call("POST", f"/sessions/{session}/send", {})
        assert (status, sent["state"]) == (200, "open"), sent
        assert [one["state"] for one in sent["parties"]] == ["invited", "invited"]
        again = await self.call("POST", f"/sessions/{session}/send", {})
        assert again == (200, sent)

        held = self.run_now(lambda txn: self.session_of(txn, session))
        signed = await self.away(self.page(held, "p1").sign, self.keys[ALICE])
        assert signed.status == 200, signed
        status, file = await self.call("GET", f"/sessions/{session}/file")
        assert status == 200
        assert file.count(b"/ByteRange") == 1
        status, news = await self.call("GET", "/events?after=0")
        assert [one["what"] for one in news["events"]][-2:] == ["certified", "signed"]
        assert {one["reference"] for one in news["events"]} == {"case-7"}
        later = await self.call("GET", f"/events?after={news['cursor']}")
        assert later == (200, {"events": [], "cursor": news["cursor"]})

    async def test_a_box_stands_on_the_page_that_is_asked_for(self) -> None:
        alice, bob = self.body()["parties"]
        session = await self.draft(parties=[alice, {**bob, "page": 2, "side": "right"}])
        status, refused = await self.call("PUT", f"/sessions/{session}/file", pdf=PDF)
        assert (status, refused["field"]) == (400, "parties.p2.page")
        assert "there is no page 2: the file has 1" in refused["error"]

        two = b"#set page(height: 842pt)\nOne #pagebreak() Two"
        status, put = await self.call("PUT", f"/sessions/{session}/file", pdf=typst.compile(two))
        assert (status, put["pages"]) == (200, 2), put
        status, sent = await self.call("POST", f"/sessions/{session}/send", {})
        assert (status, sent["state"]) == (200, "open"), sent
        held = self.run_now(lambda txn: self.session_of(txn, session))
        page = self.page(held, "p2")
        signed = await self.away(page.sign, self.keys[BOB])
        assert signed.status == 200, signed
        pdf = (await self.call("GET", f"/sessions/{session}/file"))[1]
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert [str(one.T) for one in document.pages[1].Annots] == ["Sig2"]
            assert [str(one.T) for one in document.pages[2].Annots] == ["Sig1"]

    async def test_a_key_of_idempotency_means_one_session(self) -> None:
        body = self.body()
        first = await self.call("POST", "/sessions", body, once="same")
        assert await self.call("POST", "/sessions", body, once="same") == first
        other = {**body, "title": "Another one"}
        status, refused = await self.call("POST", "/sessions", other, once="same")
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.CONFLICT")
        assert self.rows("SELECT count(*) FROM signing.session") == [(1,)]

    async def test_a_box_stands_where_on_the_page_it_is_asked_for(self) -> None:
        alice, bob = self.body()["parties"]
        place = {"x": 300, "y": 40, "width": 180, "height": 45}
        parties = [{**alice, "page": 1, "box": place}, {**bob, "page": 1, "side": "left"}]
        session = await self.draft(parties=parties)
        turned = b"#set page(width: 842pt, height: 595pt)\nTurned"
        with pikepdf.open(io.BytesIO(typst.compile(turned))) as document:
            document.pages[0].obj["/Rotate"] = 90
            out = io.BytesIO()
            document.save(out)
        status, put = await self.call("PUT", f"/sessions/{session}/file", pdf=out.getvalue())
        assert (status, put["pages"]) == (200, 1), put
        status, sent = await self.call("POST", f"/sessions/{session}/send", {})
        assert (status, sent["state"]) == (200, "open"), sent

        held = self.run_now(lambda txn: self.session_of(txn, session))
        assert (await self.away(self.page(held, "p1").sign, self.keys[ALICE])).status == 200
        pdf = (await self.call("GET", f"/sessions/{session}/file"))[1]
        with pikepdf.open(io.BytesIO(pdf)) as document:
            (own,) = document.pages[0].Annots
            assert [float(one) for one in own.Rect] == [40, 300, 85, 480]
            assert [str(one.T) for one in document.pages[1].Annots] == ["Sig2"]

    async def test_a_box_that_has_no_room_is_refused_and_can_be_asked_for_elsewhere(self) -> None:
        alice, bob = self.body()["parties"]
        off = {**alice, "page": 1, "box": {"x": 500, "y": 500}}
        session = await self.draft(parties=[off, bob])
        status, put = await self.call("PUT", f"/sessions/{session}/file", pdf=PDF)
        assert status == 200, put

        status, refused = await self.call("POST", f"/sessions/{session}/send", {})

        assert (status, refused["field"]) == (400, "parties.p1.box"), refused
        assert "page 1 is 595 by 842 points" in refused["error"]
        status, state = await self.call("GET", f"/sessions/{session}/state")
        assert (status, state["state"]) == (200, "draft")
        over = [{**one, "page": 1, "box": {"x": 50, "y": 90}} for one in (alice, bob)]
        status, refused = await self.call(
            "POST", "/sessions", self.body(parties=over), once="covers"
        )
        assert (status, refused["field"]) == (400, "parties.p2.box"), refused
        assert "covers the box of p1" in refused["error"]

    async def test_what_is_no_session_is_refused_and_nothing_is_kept(self) -> None:
        signer = {"party": "p1", "name": "Alice Adams", "user": ALICE}
        for wrong in (
            {"parties": [signer, signer]},
            {"parties": [{**signer, "user": None}]},
            {"parties": [{**signer, "role": "viewer"}]},
            {"parties": [{**signer, "role": "witness", "witness_of": "p9"}]},
            {"stages": [{"parties": ["p1"]}]},
            {"stages": [{"parties": ["p1", "p2"], "need": 3}]},
            {"parties": [{**signer, "side": "left"}]},
            {"parties": [{**signer, "page": 0}]},
            {"parties": [{**signer, "page": 1, "role": "approver"}]},
            {"parties": [{**signer, "box": {"x": 1, "y": 1}}]},
            {"parties": [{**signer, "page": 1, "side": "left", "box": {"x": 1, "y": 1}}]},
            {"parties": [{**signer, "page": 1, "box": {"x": -1, "y": 1}}]},
            {"parties": [{**signer, "page": 1, "box": {"x": 1, "y": 14_401}}]},
            {"parties": [{**signer, "page": 1, "box": {"x": 1.5, "y": 1}}]},
            {"parties": [{**signer, "page": 1, "box": {"x": 1}}]},
            {"parties": [{**signer, "page": 1, "box": {"x": 1, "y": 1, "width": 401}}]},
            {"parties": [{**signer, "page": 1, "box": {"x": 1, "y": 1, "height": 29}}]},
            {"parties": [{**signer, "page": 1, "role": "approver", "box": {"x": 1, "y": 1}}]},
            {"deadline_at_ms": 1},
            {"deadline_at_ms": self.host.now_ms() + 181 * DAY_MS},
        ):
            status, refused = await self.call("POST", "/sessions", self.body(**wrong), once="wrong")
            assert status == 400, (wrong, refused)
            assert refused["field"], refused
        assert self.rows("SELECT count(*) FROM signing.session") == [(0,)]

    async def test_files_that_cannot_be_signed_say_what_to_do(self) -> None:
        session = await self.draft()
        for wrong, errcode in (
            (b"hello", "ORG.VECHE.DOCUMENT_NOT_PDF"),
            (b"%PDF-1.7\nrubbish", "ORG.VECHE.DOCUMENT_UNREADABLE"),
        ):
            status, refused = await self.call("PUT", f"/sessions/{session}/file", pdf=wrong)
            assert (status, refused["errcode"]) == (400, errcode)
        path = f"{API}/sessions/{session}/file"
        assert await self.away(self.announce, path, 51 << 20) == 413

    async def test_what_approvals_cannot_show_is_no_session(self) -> None:
        """Else it would be sent, and nobody could ever sign it."""
        turned = "Lease of \u202e12b tlaf"
        party = {"party": "p1", "name": "Alice Adams", "user": ALICE}
        clause = {"id": "c1", "title": "Deposit", "kind": "unfair", "page": 1}
        for wrong, field in (
            ({"title": turned}, "title"),
            ({"title": "Lease\nof flat"}, "title"),
            ({"title": "\u3164"}, "title"),
            ({"filename": "lease\u202efdp.exe"}, "filename"),
            ({"parties": [{**party, "name": "Alice\u0007"}]}, "name"),
            ({"parties": [{**party, "name": "@bob:localhost"}]}, "name"),
            ({"parties": [{**party, "name": " "}]}, "name"),
            ({"clauses": [{**clause, "title": turned}]}, "clauses"),
        ):
            status, refused = await self.call("POST", "/sessions", self.body(**wrong), once="odd")
            assert (status, refused.get("field")) == (400, field), (wrong, refused)

    async def test_another_file_while_a_draft_is_sent_is_never_passed_over(self) -> None:
        session = await self.draft()
        await self.call("PUT", f"/sessions/{session}/file", pdf=PDF)
        before = laying.boxed

        def swapped(drawn: Any, *rest: Any) -> bytes:
            cipher = encrypt(drawn.subject.key, page("900 EUR"), DOCUMENT)
            self.run_now(lambda txn: blobs.put(txn, session, "upload", cipher, 1))
            return before(drawn, *rest)

        patch: Any = cast("Any", self).patch(organisations, "boxed", swapped)
        status, refused = await self.call("POST", f"/sessions/{session}/send", {})
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.CONFLICT"), refused
        patch.restore()
        status, sent = await self.call("POST", f"/sessions/{session}/send", {})
        assert (status, sent["state"]) == (200, "open")

    async def test_nobody_else_sees_it(self) -> None:
        session = await self.draft()
        status, refused = await self.call("GET", f"/sessions/{session}/state", key="x" * 32)
        assert (status, refused["errcode"]) == (401, "ORG.VECHE.SIGN_IN")

    async def test_it_is_taken_back_and_extended(self) -> None:
        session = await self.draft()
        await self.call("PUT", f"/sessions/{session}/file", pdf=PDF)
        await self.call("POST", f"/sessions/{session}/send", {})
        until_ms = self.host.now_ms() + 30 * DAY_MS
        body = {"deadline_at_ms": until_ms}
        status, longer = await self.call("POST", f"/sessions/{session}/extend", body)
        assert (status, longer["deadline_at_ms"]) == (200, until_ms)
        status, ended = await self.call("POST", f"/sessions/{session}/cancel", {})
        assert (status, ended["state"]) == (200, "cancelled")
        status, refused = await self.call("POST", f"/sessions/{session}/cancel", {})
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.SESSION_NOT_OPEN")

    def announce(self, path: str, size: int) -> int:
        """Say how large a body would be, as a client that waits for leave to send it."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        with closing(connection):
            connection.putrequest("PUT", path)
            connection.putheader("content-length", str(size))
            connection.putheader("content-type", "application/pdf")
            connection.endheaders()
            return connection.getresponse().status

    def session_of(self, txn: Any, session: str) -> Any:
        found = self.scene_of(txn).session(session)
        assert found is not None
        return found

    async def test_events_commit_in_the_order_of_their_numbers(self) -> None:
        session = await self.draft()
        held = self.run_now(lambda txn: self.session_of(txn, session))
        with connect(self.dsn) as slow, slow.cursor() as txn:
            self.scene_of(txn).record(held, "first")
            with connect(self.dsn) as quick, quick.cursor() as other:
                # It waits: whoever asked meanwhile would pass the first one by.
                other.execute("SET LOCAL lock_timeout = '100 ms'")
                with pytest.raises(psycopg2.errors.LockNotAvailable):
                    self.scene_of(other).record(held, "second")
            slow.commit()
        self.run_now(lambda txn: self.scene_of(txn).record(held, "second"))
        status, news = await self.call("GET", "/events?after=0")
        assert (status, [one["what"] for one in news["events"]]) == (200, ["first", "second"])
