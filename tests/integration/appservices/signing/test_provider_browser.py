"""A person signs at a provider on the real page in Chromium, at the real service and a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from appservices.signing.authority.core.levels import Level
from appservices.signing.papers.core.judged import judged
from tests.integration.appservices.signing.playing import play
from tests.integration.appservices.signing.provider_site import ProviderSite
from tests.integration.appservices.signing.site import ALICE, BOB
from tests.support.csc_server import CODE, PIN
from tests.support.node import engine, why_no_browser
from tests.support.stored_keys import enrol
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Session
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser()),
]


class ProviderPages(ProviderSite):
    """Bob's page, and what he says to his provider."""

    async def test_a_person_signs_with_pin_and_code_after_a_wrong_one(self) -> None:
        session = self.two(Level.QUALIFIED)

        done = await self.away(self.played, session, "code")

        assert done["problems"] == []
        assert "authentication data is invalid" in done["refused"]
        assert done["left"] == ["", ""]
        assert done["outcomes"] == ["signed"]
        await self.check_sealed(session)

    @pytest.mark.long
    async def test_a_person_agrees_in_an_app_and_opens_the_page_anew_meanwhile(self) -> None:
        self.holder.asked, self.holder.waits = ("APP",), 10_000
        session = self.two(Level.QUALIFIED)

        done = await self.away(self.played, session, "app")

        assert done == {"problems": [], "outcomes": ["signed"]}
        paths = [path for path, _ in self.provider.asked]
        assert paths.count("credentials/authorize") == 1
        assert paths.count("signatures/signHash") == 1
        await self.check_sealed(session)

    async def check_sealed(self, session: Session) -> None:
        """Bob's signature is at its level, and the file holds once Alice has signed too."""
        assert self.levels(session) == [("p2", "S4")]
        await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        closed = await self.away(self.closed, session)
        report = judged(closed, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED, report.findings
        assert report.signers[0].name == "Bob Brown"

    def played(self, session: Session, mode: str) -> Any:
        """What became of it in the browser."""

        def answer(told: Mapping[str, Any]) -> Mapping[str, Any]:
            if "agree" in told:
                self.holder.waits = 0
            if "name" not in told:
                return {}
            link = self.run_now(self._link, session, BOB, told)
            return {"link": link, "mode": mode, "pin": PIN, "code": CODE}

        browser = {"CHROMIUM": str(engine())}
        return play("sign_provider_real.js", self.folder, urlsplit(self.url).port, browser, answer)

    def _link(
        self, txn: Cursor, session: Session, person: UserId, told: Mapping[str, Any]
    ) -> str | None:
        enrol(txn, person, told)
        member = session.member("p2")
        assert member is not None
        return self.scene_of(txn).page_of(session, member)
