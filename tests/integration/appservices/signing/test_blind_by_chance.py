"""Whatever the parties of a private document do, in any order: what counts, its key signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.appservices.signing.blind import CANARY, BlindSite
from tests.integration.appservices.signing.chance import Story
from tests.integration.appservices.signing.site import ALICE, BOB, kept_key
from tests.support.blind_page import RefusedPageError, sign_only
from tests.support.keys import BrowserKey
from tests.support.long import seeds
from tests.support.sign_page import FreshKey
from veche.access.approvals import store
from veche.documents.pdf.values import PdfError
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.blind_page import BlindPage
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres


class BlindStory(Story):
    """Alice and Bob sign what Carol has encrypted."""

    apt_share = 0.6
    cannot = (RefusedPageError, PdfError)

    def __init__(self, site: ChanceTests, seed: int) -> None:
        super().__init__(seed)
        self.site = site
        self.pages: dict[UserId, list[BlindPage]] = {ALICE: [], BOB: []}
        self.begun: list[tuple[UserId, dict[str, Any], BrowserKey]] = []
        self.closings: list[tuple[BlindPage, dict[str, Any]]] = []
        self.revoked: list[BrowserKey] = []
        self.used: tuple[str, BrowserKey | None] = ("", None)

    def states(self) -> dict[str, str]:
        return {one.id: one.party.state.value for one in self.site.session().members}

    def apt(self) -> str:
        if not self.pages[ALICE]:
            return "open_alice"
        if not self.pages[BOB]:
            return "open_bob"
        return self.chance.choice(["sign", "begin", "hand_in", "sign", "close"])

    async def check(self, name: str, found: Any, before: dict[str, str]) -> None:
        await self.site.settle()
        about = (self.told, before, self.states(), found)
        assert getattr(found, "status", 0) < 500, about
        after = self.states()
        for party in ("p1", "p2"):
            if after.get(party) == "signed" and before.get(party) != "signed":
                assert name in {"sign", "hand_in", "swapped"}, about
                assert found.status == 200, about
                assert self.used[0] == party, (about, self.used)
                assert self.used[1] not in self.revoked, about
        if after.get("p2") == "signed":
            assert after.get("p1") == "signed", about
        state = self.site.session().state.value
        if state == "completed":
            assert (after["p1"], after["p2"]) == ("signed", "signed"), about

    def page(self) -> tuple[UserId, BlindPage]:
        person = self.chance.choice([ALICE, BOB])
        return person, self.chance.choice(self.pages[person])

    async def do_open_alice(self) -> str:
        self.pages[ALICE].append(await self.site.open(ALICE))
        return "opened"

    async def do_open_bob(self) -> str:
        self.pages[BOB].append(await self.site.open(BOB))
        return "opened"

    def key_of(self, person: UserId) -> BrowserKey:
        keys = [self.site.keys[person], *self.revoked[-1:]]
        return self.chance.choice([keys[0], *keys])

    async def do_begin(self) -> Any:
        person, page = self.page()
        key = self.site.keys[person]

        def work() -> Any:
            view, fresh = page.view(), FreshKey()
            issued = page.certificate(fresh, key)
            if issued.status != 200:
                return issued
            return page.revision(view, page.document(view), fresh, issued.body)

        made = await self.site.away(work)
        if isinstance(made, dict):
            self.begun.append((person, made, key))
            return "begun"
        return made

    async def do_hand_in(self) -> Any:
        person, made, key = self.chance.choice(self.begun)
        page = self.chance.choice(self.pages[person])
        self.used = (page.party, key)
        return await self.site.away(page.hand_in, made)

    async def do_swapped(self) -> Any:
        """One hands in what another has signed, or parts of it."""
        (_, made, _), (_, other, _) = self.chance.sample(self.begun, 2)
        mixed = dict(made)
        for name in self.chance.sample(sorted(set(made) & set(other)), 2):
            mixed[name] = other[name]
        person = self.chance.choice([ALICE, BOB])
        page = self.chance.choice(self.pages[person])
        owner, _, key = next(one for one in self.begun if one[1]["cms"] == mixed["cms"])
        self.used = (page.party if owner == person else "of another", key)
        return await self.site.away(page.hand_in, mixed)

    async def do_sign(self) -> Any:
        person, page = self.page()
        key = self.key_of(person)
        self.used = (page.party, key)
        return await self.site.away(sign_only, page, key)

    async def do_close(self) -> Any:
        _, page = self.page()
        return await self.site.away(lambda: page.close(page.view()))

    async def do_prepare_closing(self) -> Any:
        _, page = self.page()

        def work() -> Any:
            view = page.view()
            return page, page.closing(view, page.document(view))

        self.closings.append(await self.site.away(work))
        return "prepared"

    async def do_close_late(self) -> Any:
        page, made = self.chance.choice(self.closings)
        return await self.site.away(page.hand_in_closing, made)

    async def do_revoke(self) -> None:
        person = self.chance.choice([ALICE, BOB])
        key, now_ms = self.site.keys[person], self.site.host.now_ms()
        self.revoked.append(key)
        self.site.run_now(lambda txn: self.site.host.approvals.revoke(txn, person, key.id, now_ms))
        new = self.site.keys[person] = BrowserKey()
        self.site.run_now(lambda txn: store.add_key(txn, kept_key(person, new)))

    async def do_doubt(self) -> Any:
        if self.chance.random() < 0.7:
            return "not now"
        _, page = self.page()
        return await self.site.away(page.doubt, self.chance.randrange(3), "signature")

    async def do_cancel(self) -> Any:
        if self.chance.random() < 0.7:
            return "not now"
        return await self.site.away(self.site.carol.act, "cancel")


class ChanceTests(BlindSite):
    """Stories by chance."""

    async def finish(self, story: BlindStory) -> None:
        """Look at what is there in the end."""
        dump = str(self.rows("SELECT s::text, p::text FROM signing.session s, signing.party p"))
        assert CANARY not in dump + str(self.rows("SELECT content::text FROM runtime.outbox"))
        if self.session().state.value == "completed":
            alice = await self.open(ALICE)
            pdf = await self.away(lambda: alice.document(alice.view()))
            report = self.judged(pdf)
            assert report.verdict is Verdict.SEALED, (story.told, report.findings)
            assert [one.name for one in report.signers] == [ALICE, BOB], story.told


def _story(seed: int) -> Callable[[ChanceTests], Awaitable[None]]:
    async def test(self: ChanceTests) -> None:
        await self.send()
        await self.settle()
        story = BlindStory(self, seed)
        await story.go()
        await self.finish(story)

    return test


for _seed in seeds(ordinary=2, long=100):
    setattr(ChanceTests, f"test_story_{_seed}", _story(_seed))
