"""Whatever a tablet, its writer and the registrar do, in any order: both signed it, or nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.signing.meetings.core import TABLET_MS
from appservices.signing.meetings.service import HAND
from appservices.signing.meetings.service import OVER as OVER_JOB
from appservices.signing.sessions.store import signatures
from tests.integration.appservices.signing.by_hand import HandSite, Tablet
from tests.integration.appservices.signing.chance import Story
from tests.integration.appservices.signing.site import CAROL, kept_key
from tests.support.keys import BrowserKey
from tests.support.long import seeds
from veche.access.approvals import store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


pytestmark = pytest.mark.postgres


class HandStory(Story):
    """Bob writes by hand, and Carol witnesses it."""

    def __init__(self, site: ChanceTests, seed: int) -> None:
        super().__init__(seed)
        self.site = site
        self.tablets: list[Tablet] = []
        self.begun: list[tuple[Any, dict[str, Any], BrowserKey]] = []
        self.revoked: list[BrowserKey] = []
        self.registrars = list(site.parts.section.registrars)
        self.live: list[list[int]] | None = None
        self.used = site.keys[CAROL]

    def states(self) -> dict[str, str]:
        return self.site.states()

    def apt(self) -> str:
        if self.site.states().get("Bob Brown") == "written":
            return self.chance.choice(["sign", "begin", "hand_in"])
        if self.live is not None:
            is_seen = any(one.startswith("passport: None") for one in self.told[-1:])
            return "name" if is_seen else "passport"
        return "write" if self.told and self.told[-1] == "sit: 200" else "sit"

    async def check(self, name: str, found: Any, before: dict[str, str]) -> None:
        await self.site.settle()
        about = (self.told, before, self.site.states())
        assert getattr(found, "status", 0) < 500, (about, found)
        states = self.site.states()
        both = {states.get("Bob Brown"), states.get("Carol Clark")}
        assert both == {"signed"} or "signed" not in both, about
        rows = self.site.rows("SELECT party FROM signing.signature")
        assert len(rows) == (2 if both == {"signed"} else 0), (about, rows)
        if both == {"signed"} and "signed" not in before.values():
            assert name in {"sign", "hand_in"}, about
            assert self.used not in self.revoked, about
            assert self.site.parts.section.registrars, about
            session = self.site.session()
            marks = self.site.run_now(
                lambda txn: signatures.of_session(txn, self.site.parts.vault, session.id)
            )
            [hand] = [one.details[HAND] for one in marks if HAND in one.details]
            assert hand["drawing"]["strokes"] == self.live, about
        if states.get("Bob Brown") != "written" and states.get("Bob Brown") != "signed":
            assert states.get("Carol Clark") in {"waiting", "declined"} or (
                self.site.session().state.value != "open"
            ), about

    async def do_sit(self) -> Any:
        await self.site.tap(CAROL, "here")
        tablet = self.site.tablet()
        self.tablets.append(tablet)
        opened = await self.site.away(tablet.open)
        if opened.status == 200:
            self.live = None
        return opened

    async def do_write(self) -> Any:
        tablet = self.chance.choice(self.tablets[-2:])
        strokes = [[self.chance.randrange(400), 0, 900, self.chance.randrange(100, 290)]]
        answer = await self.site.away(lambda: tablet.write(drawing={"strokes": strokes}))
        if answer.status == 200 and self.live is None:
            self.live = strokes
        return answer

    async def do_refuse(self) -> Any:
        body = {"reason_code": "wrong_terms", "reason": "The rent is wrong"}
        return await self.site.away(self.tablets[-1].call, "POST", "/refusal", body)

    async def do_passport(self) -> None:
        await self.site.tap(CAROL, "passport")

    async def do_name(self) -> None:
        await self.site.say_all(CAROL, "Bob Brown")

    async def do_wrong_name(self) -> None:
        await self.site.say_all(CAROL, "Robert Brown")

    async def do_stop(self) -> None:
        await self.site.tap(CAROL, "stop")
        self.live = None

    async def do_begin(self) -> Any:
        page = await self.site.away(self.site.witness)
        key = self.site.keys[CAROL]
        self.begun.append((page, await self.site.away(self.site.begun, page), key))
        return "begun"

    async def do_hand_in(self) -> Any:
        page, revision, key = self.chance.choice(self.begun)
        self.used = key
        return await self.site.away(page.hand_in, revision)

    async def do_sign(self) -> Any:
        page = self.site.witness()
        keys = [self.site.keys[CAROL], *self.revoked]
        key = self.chance.choice(keys)
        self.used = key
        return await self.site.away(page.sign, key)

    async def do_expire(self) -> None:
        self.site.expire()

    async def do_over(self) -> None:
        await self.site.fire(OVER_JOB)
        if self.site.states()["Bob Brown"] != "written":
            self.live = self.live if self.site.states()["Bob Brown"] == "signed" else None

    async def do_revoke(self) -> None:
        key, now_ms = self.site.keys[CAROL], self.site.host.now_ms()
        self.revoked.append(key)
        self.site.run_now(lambda txn: self.site.host.approvals.revoke(txn, CAROL, key.id, now_ms))
        new = self.site.keys[CAROL] = BrowserKey()
        self.site.run_now(lambda txn: store.add_key(txn, kept_key(CAROL, new)))

    async def do_confirm_refusal(self) -> Any:
        return str(await self.site.approve(CAROL))

    async def do_dismiss(self) -> None:
        self.site.parts.section.registrars.clear()

    async def do_engage(self) -> None:
        self.site.parts.section.registrars[:] = self.registrars

    async def do_late(self) -> None:
        self.site.rows(
            "UPDATE signing.meeting SET made_at_ms = made_at_ms - %s RETURNING 1", TABLET_MS
        )


class ChanceTests(HandSite):
    """Stories by chance."""


def _story(seed: int) -> Callable[[ChanceTests], Awaitable[None]]:
    async def test(self: ChanceTests) -> None:
        await self.prepare()
        await HandStory(self, seed).go()

    return test


for _seed in seeds(ordinary=2, long=100):
    setattr(ChanceTests, f"test_story_{_seed}", _story(_seed))
