"""Whoever asks and does not sign has a page of the document, with all that the chat can do."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.request
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from appservices.signing.evidence.core.checks import read_evidence
from appservices.signing.keys.document_cipher import DOCUMENT, decrypt
from appservices.signing.sessions.store.kept import DELETION_ASKED
from tests.integration.appservices.signing.blind import People, token
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.playing import play
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF
from tests.support.calls import request
from tests.support.node import chromium_of_run, why_no_browser
from tests.support.sign_page import API, SignPage
from veche.contracts.signing.card import SIGN_REQUEST_KEY
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.calls import Answer
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres
DAY_MS = 86_400_000


class OwnedSite(ChatSite):
    """Carol asks, Alice and Bob sign; all are signed in on the pages."""

    def setUp(self) -> None:
        super().setUp()
        self.host.gate._sessions = People()
        self.chat(CAROL, ALICE, BOB)

    async def prepare(self, who: str = "alice then bob") -> str:
        """Carol has a document signed; the link of her page."""
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", who)
        await self.tap(CAROL, "send")
        found = re.search(r"http\S+/sign#\S+", self.said(CAROL))
        assert found is not None, self.said(CAROL)
        return found[0]

    async def ask_page(
        self, method: str, path: str = "", body: object = None, who: str = "", **headers: str
    ) -> Answer:
        """A request about the newest document, by whoever has a session."""
        url = f"{self.url}{API}/owned/{self.session().id}{path}"
        told = {"authorization": f"Bearer {who or token(CAROL)}", **headers}
        answer: Answer = await self.away(lambda: request(method, url, body=body, headers=told))
        return answer

    async def act(self, what: str, body: object = None, **more: str) -> Answer:
        """An act of Carol's page."""
        return await self.ask_page(
            "POST", f"/{what}", body or {}, **{"idempotency-key": what, **more}
        )

    async def sign(self, person: UserId) -> None:
        """A person signs on the page of their card."""
        page = SignPage.of(self.card(person, SIGN_REQUEST_KEY)["page"])
        answer = await self.away(page.sign, self.keys[person])
        assert answer.status == 200, answer
        await self.settle()


class OwnedTests(OwnedSite):
    """What Carol's page asks of the service."""

    async def test_who_asks_sees_who_has_signed_and_gets_file_and_report(self) -> None:
        link = await self.prepare()
        assert f"#r={self.session().id}&k=" in link
        view = (await self.ask_page("GET")).body
        states = [(one["name"], one["state"]) for one in view["parties"]]
        assert states == [("Alice Adams", "invited"), ("Bob Brown", "waiting")]
        assert (view["is_yours"], view["you"]["can_act"], view.get("report")) == (True, False, None)
        assert view["you"]["party"] not in {one["party"] for one in view["parties"]}

        await self.sign(ALICE)
        await self.sign(BOB)

        view = (await self.ask_page("GET")).body
        assert (view["state"], view["may_delete"]) == ("completed", True)
        key = decode_base64(link.rpartition("&k=")[2].replace("-", "+").replace("_", "/"))
        for blob in (view["document"]["blob"], view["report"]):
            cipher = await self.away(self._download, blob)
            assert hashlib.sha256(cipher).hexdigest() == blob
            assert decrypt(key, cipher, DOCUMENT).startswith(b"%PDF-")

    def _download(self, blob: str) -> bytes:
        url = f"{self.url}{API}/owned/{self.session().id}/blobs/{blob}"
        one = urllib.request.Request(url)  # noqa: S310 -- ours
        one.add_header("authorization", f"Bearer {token(CAROL)}")
        with urllib.request.urlopen(one) as answer:  # noqa: S310
            data: bytes = answer.read()
        return data

    async def test_nobody_else_sees_or_does_anything_there(self) -> None:
        await self.prepare()
        path = f"/blobs/{(await self.ask_page('GET')).body['document']['blob']}"
        card = SignPage.of(self.card(ALICE, SIGN_REQUEST_KEY)["page"])
        until_ms = self.session().deadline_at_ms + DAY_MS

        for who, status in ((token(ALICE), 404), (token(BOB), 404), (token(CAROL, "low"), 403)):
            assert (await self.ask_page("GET", who=who)).status == status
            assert (await self.ask_page("GET", path, who=who)).status == status
            for what, body in (("cancel", {}), ("remind", {}), ("extend", None)):
                sent = body if body is not None else {"deadline_at_ms": until_ms}
                assert (await self.act(what, sent, who=who)).status == status
        # The link of a party opens nothing of it.
        party = {"veche-party": f"{card.party} {card.token}"}
        assert (await self.ask_page("GET", who="none.nobody", **party)).status == 401
        assert self.session().state.value == "open"

    async def test_a_draft_is_no_ones_page(self) -> None:
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()

        assert (await self.ask_page("GET")).status == 404
        assert (await self.act("cancel")).status == 404

    async def test_more_time_reminding_and_taking_back_are_as_in_the_chat(self) -> None:
        await self.prepare("alice, bob")
        before_ms = self.session().deadline_at_ms

        early = await self.act("extend", {"deadline_at_ms": before_ms})
        assert early.status == 400
        later = await self.act("extend", {"deadline_at_ms": before_ms + DAY_MS})
        assert later.body["deadline_at_ms"] == before_ms + DAY_MS
        assert "There is more time" in self.all_said(ALICE)

        reminded = (await self.act("remind")).body
        assert (reminded["count"], reminded["waiting"]) == (2, 2)
        assert "still waits for you" in self.all_said(BOB)

        await self.sign(ALICE)
        gone = await self.act("cancel")
        assert gone.body["state"] == "cancelled"
        await self.settle()
        assert "has taken it back" in self.all_said(BOB)
        assert next(name for name, _ in self.files(ALICE)) == "lease-signed.pdf"
        for what, body in (("cancel", {}), ("remind", {}), ("extend", {"deadline_at_ms": 1})):
            refused = await self.act(what, body, **{"idempotency-key": f"{what}-again"})
            assert refused.status == 409, refused

    async def test_who_asks_and_signs_has_one_page_for_both(self) -> None:
        link = await self.prepare("me, alice")

        page = SignPage.of(link)
        view: dict[str, Any] = await self.away(page.view)
        assert (view["is_yours"], view["you"]["can_act"]) == (True, True)
        assert not (await self.away(SignPage.of(self.link(ALICE)).view))["is_yours"]
        assert (await self.act("remind")).body["count"] == 2

    def link(self, person: UserId) -> str:
        """Of the page of somebody's card."""
        page: str = self.card(person, SIGN_REQUEST_KEY)["page"]
        return page

    async def test_the_number_shows_the_link_again_to_who_asked_alone(self) -> None:
        link = await self.prepare()
        number = self.session().id[-8:]

        await self.say_all(CAROL, f"sessions {number}")
        assert link in self.said(CAROL)
        await self.say_all(ALICE, f"sessions {number}")
        assert number in self.said(ALICE)
        assert "/sign#" not in self.said(ALICE)


@pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())
class OwnedBrowserTests(OwnedSite):
    """The page in a browser, and the service, fit."""

    @pytest.mark.long
    async def test_the_page_does_all_of_it_and_what_it_saves_holds(self) -> None:
        link = await self.prepare("alice, bob")
        before_ms = self.session().deadline_at_ms

        def answer(told: Mapping[str, Any]) -> Mapping[str, Any]:
            wanted = told.get("asks")
            if wanted == "alice signs":
                page = SignPage.of(self.card(ALICE, SIGN_REQUEST_KEY)["page"])
                assert page.sign(self.keys[ALICE]).status == 200
            elif wanted == "it is closed":
                cast("Any", blockingCallFromThread)(
                    self.host.reactor, lambda: Deferred.fromCoroutine(self.settle())
                )
            return {"link": link}

        browser = {"CHROMIUM": str(chromium_of_run())}
        port = urlsplit(self.url).port
        told = await self.away(play, "sign_owned_real.js", self.folder, port, browser, answer)

        assert told["problems"] == []
        found = {name: base64.b64decode(one) for name, one in told["outcomes"].items()}
        session = self.session()
        assert session.state.value == "cancelled"
        assert before_ms < session.deadline_at_ms <= before_ms + 2 * DAY_MS
        assert hashlib.sha256(found["closed"]).digest() == session.final_sha256
        assert found["closed"].startswith(found["now"])
        [record] = [read_evidence(found["report"])]
        assert record.final_sha256 == encode_base64(session.final_sha256)
        assert self.rows("SELECT count(*) FROM signing.event WHERE what = %s", DELETION_ASKED) == [
            (1,)
        ]
