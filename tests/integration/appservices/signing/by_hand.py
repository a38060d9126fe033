"""A tablet of the office on which somebody writes by hand, and the site of the registrar."""

from __future__ import annotations

import hashlib
import secrets
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import attrs

from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, CAROL, DAY_MS, PDF
from tests.support.calls import Answer, request
from tests.support.keys import unpadded_base64
from tests.support.sign_page import API, FreshKey, SignPage

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

WHO = '"Bob Brown" by hand'
NAME = [[100, 200, 200, 60, 300, 220, 420, 80], [500, 150, 620, 150]]
OVER = "ORG.VECHE.MEETING_OVER"


@attrs.define
class Tablet:
    """A tablet of the office, which has opened a link."""

    origin: str
    meeting: str
    token: str
    secret: bytes = attrs.field(factory=lambda: secrets.token_bytes(32))

    def call(self, method: str, path: str = "", body: object = None, **more: str) -> Answer:
        headers = {"veche-meeting": self.token, "veche-tablet": unpadded_base64(self.secret)}
        url = f"{self.origin}{API}/meetings/{self.meeting}{path}"
        return request(method, url, body=body, headers={**headers, **more})

    def open(self) -> Answer:
        digest = unpadded_base64(hashlib.sha256(self.secret).digest())
        return self.call("POST", "/tablet", {"secret_sha256": digest})

    def blob(self, digest: str, secret: bytes | None = None) -> tuple[int, bytes]:
        one = urllib.request.Request(f"{self.origin}{API}/meetings/{self.meeting}/blobs/{digest}")  # noqa: S310 -- ours
        one.add_header("veche-meeting", self.token)
        one.add_header("veche-tablet", unpadded_base64(secret or self.secret))
        try:
            with urllib.request.urlopen(one) as answer:  # noqa: S310 -- ours
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, b""

    def write(self, **changes: object) -> Answer:
        body = {
            "name": "Bob Brown",
            "drawing": {"strokes": NAME},
            "read": "all_pages",
            "agrees": True,
            "clauses": [],
            **changes,
        }
        return self.call("POST", "/hand", body)


class HandSite(ChatSite):
    """Carol has a lease signed by Bob, who has no account and no phone."""

    async def prepare(self, who: str = WHO, *more: str, asker: Any = CAROL) -> None:
        self.chat(*{CAROL, ALICE, DAVE, asker})
        await self.lease(who, *more, asker=asker)

    async def lease(
        self, who: str = WHO, *more: str, asker: Any = CAROL, is_sent: bool = True
    ) -> None:
        """The same in a chat that is there."""
        self.send_file(asker, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(asker, "Lease of flat 12b", who)
        await self.tap(asker, *more, *(["send"] if is_sent else []))

    async def by_town(self) -> tuple[dict[str, Any], str]:
        """The same for the town; what it has ordered, and the path of that."""
        seer = {"user": CAROL, "name": "Carol Clark"}
        party = {"party": "p1", "name": "Bob Brown", "in_person": seer, "by_hand": True}
        deadline_at_ms = self.host.now_ms() + 7 * DAY_MS
        body = {"title": "Lease", "parties": [party], "deadline_at_ms": deadline_at_ms}
        status, made = await self.call("POST", "/sessions", body, once="by-hand")
        assert status == 201, made
        path = f"/sessions/{made['session']}"
        await self.call("PUT", f"{path}/file", pdf=PDF)
        status, sent = await self.call("POST", f"{path}/send", {})
        assert (status, sent["state"]) == (200, "open"), sent
        await self.settle()
        return body, path

    def tablet(self) -> Tablet:
        """That opens the newest link."""
        lines = [one["body"] for one in self.contents(CAROL) if "/sign#tablet=" in one["body"]]
        link = lines[-1].partition("/sign#tablet=")[2].split()[0]
        meeting, _, rest = link.partition("&x=")
        return Tablet(self.url, meeting, rest.partition("&k=")[0])

    async def sit(self) -> tuple[Tablet, Answer]:
        """Bob is there: the tablet has opened the link."""
        await self.tap(CAROL, "here")
        tablet = self.tablet()
        opened = await self.away(tablet.open)
        assert opened.status == 200, opened
        return tablet, opened

    async def written(self, **changes: object) -> Tablet:
        """Bob has written, and Carol has seen his passport."""
        tablet, _ = await self.sit()
        answer = await self.away(lambda: tablet.write(**changes))
        assert answer.status == 200, answer
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")
        return tablet

    def witness(self) -> SignPage:
        """Carol's page, on which she signs that she saw it."""
        session = self.session()
        one = next(each for each in session.members if each.party.role.value == "witness")
        return self.page(session, one.id)

    def begun(self, page: SignPage) -> dict[str, Any]:
        """A signature of the witness's that is made and not handed in."""
        key = FreshKey()
        return self.revision(page, key, page.certificate(key, self.keys[CAROL]))

    def revision(self, page: SignPage, key: FreshKey, issued: Answer) -> dict[str, Any]:
        """The same with a certificate that was asked for."""
        assert issued.status == 200, issued
        view = page.view()
        return page.revision(view, page.document(view), key, issued.body)

    def expire(self) -> None:
        """Let the time for the witness's signature be over."""

        def work(txn: Cursor) -> None:
            scene = self.scene_of(txn)
            session = scene.session(self.session().id)
            assert session is not None
            members = tuple(
                one
                if one.written is None
                else attrs.evolve(one, written=attrs.evolve(one.written, until_ms=scene.now_ms))
                for one in session.members
            )
            scene.save(attrs.evolve(session, members=members))

        self.run_now(work)
