"""Processes are killed while somebody writes by hand before a witness: nothing is lost or twice.

Each step is also done where nobody is killed, and comes to the same. What was written and the
witness's signature count together or not at all, at each moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.signing.meetings.service import OVER
from tests.integration.appservices.signing.by_hand import HandSite
from tests.integration.appservices.signing.chats import DAVE
from tests.integration.appservices.signing.killed import HEAR
from tests.integration.appservices.signing.killing import KillingSite
from tests.integration.appservices.signing.site import ALICE, CAROL
from tests.support.keys import approval_of
from tests.support.sign_page import FreshKey

if TYPE_CHECKING:
    from tests.integration.appservices.signing.by_hand import Tablet
    from tests.integration.appservices.signing.killing import Facts
    from tests.support.sign_page import SignPage

pytestmark = pytest.mark.postgres
Request = Callable[[str], Awaitable[int]]
BOTH: Final = [("p1", "S0"), ("p2", "S2")]
"""The signatures of who writes and of their witness."""
REFUSAL: Final = {"reason_code": "wrong_terms", "reason": "The rent is wrong"}


class KilledByHandTests(KillingSite, HandSite):
    """Bob writes by hand before Carol."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(CAROL, ALICE, DAVE)

    async def handed_in(self) -> Tablet:
        """Bob has written on the tablet; Carol is asked about it."""
        await self.lease()
        tablet, _ = await self.sit()
        answer = await self.away(tablet.write)
        assert answer.status == 200, answer
        return tablet

    async def seen(self) -> SignPage:
        """The page of the witness of what was written and seen."""
        await self.lease()
        await self.written()
        return self.witness()

    def at(self, tablet: Tablet, call: Callable[[], Any]) -> Request:
        """What a tablet asks, of any process."""

        async def ask(url: str) -> int:
            tablet.origin = url
            answer = await self.away(call)
            return int(answer.status)

        return ask

    @pytest.mark.long
    async def test_a_tablet_comes_in_once(self) -> None:
        async def come() -> Request:
            await self.lease()
            await self.tap(CAROL, "here")
            tablet = self.tablet()
            return self.at(tablet, tablet.open)

        found = await self.asked_again("signing.tablet", come)
        assert found["event", "tablet", "p1"] == 1
        assert found["meeting", "claimed", "true"] == 1
        assert _said(found, "A tablet has opened") == 1

    async def test_what_is_written_is_handed_in_once(self) -> None:
        async def write() -> Request:
            await self.lease()
            tablet, _ = await self.sit()
            return self.at(tablet, tablet.write)

        found = await self.asked_again("signing.hand", write)
        assert found["event", "wrote", "p1"] == 1
        assert found["meeting", "written", "false"] == 1
        assert _said(found, "Did you see them write it?") == 1

    @pytest.mark.long
    async def test_a_refusal_is_said_on_the_tablet_once(self) -> None:
        async def refuse() -> Request:
            await self.lease()
            tablet, _ = await self.sit()
            return self.at(tablet, lambda: tablet.call("POST", "/refusal", REFUSAL))

        found = await self.asked_again("signing.hand_refusal", refuse)
        assert found["event", "wrote", "p1"] == 1
        assert _said(found, "Bob Brown is with me and declines to sign") == 1

    async def test_the_witness_is_asked_once(self) -> None:
        async def see() -> None:
            await self.handed_in()
            await self.tap(CAROL, "passport")
            self.write(CAROL, {"msgtype": "m.text", "body": "Bob Brown"})

        found = await self.in_spite(HEAR, see, ("finish",))
        assert (found["event", "seen", "p1"], found["event", "invited", "p2"]) == (1, 1)
        assert found["party", CAROL, "invited"] == 1
        assert _said(found, "that you saw Bob Brown") == 1

    async def test_the_witness_has_one_certificate_by_one_approval(self) -> None:
        async def approve() -> Request:
            page, key = await self.seen(), FreshKey()
            asked = await self.away(page.ask, level="S2", key=key.id)
            signed = self.keys[CAROL].signed(approval_of(asked.body["asked"], asked.body["now_ms"]))

            async def certify(url: str) -> int:
                page.origin = url
                answer = await self.away(page.certify, key, signed)
                return int(answer.status)

            return certify

        for name in ("certifying", "certificate"):
            found = await self.asked_again(f"signing.{name}", approve)
            assert found["certificate", CAROL] == 1
            assert not [fact for fact in found if fact[0] == "signature"]

    async def test_both_have_signed_at_one_moment_and_once(self) -> None:
        async def sign() -> Request:
            page = await self.seen()
            revision = await self.away(self.begun, page)
            assert self.signatures() == []

            async def hand_in(url: str) -> int:
                page.origin = url
                try:
                    answer = await self.away(page.hand_in, revision)
                finally:
                    # Also where a process was killed, before or after it had committed.
                    assert self.signatures() in ([], BOTH)
                assert self.signatures() == BOTH
                return int(answer.status)

            return hand_in

        found = await self.asked_again("signing.sign", sign, (200, 409))
        assert (found["signature", "p1", "S0"], found["signature", "p2", "S2"]) == (1, 1)
        assert (found["event", "signed", "p1"], found["event", "signed", "p2"]) == (1, 1)
        assert found["meeting", "identified", "true"] == 1
        assert found["session", "completed", "2", "false"] == 1
        assert ("errand", OVER) not in found

    def signatures(self) -> list[tuple[str, str]]:
        """Who has signed the newest document, and how."""
        return self.rows(
            "SELECT party, level FROM signing.signature WHERE session_id = %s ORDER BY party",
            self.session().id,
        )

    async def test_what_was_written_counts_no_more_once_its_time_is_over(self) -> None:
        async def see() -> None:
            await self.seen()

        async def write() -> None:
            await self.handed_in()

        found = await self.in_spite(OVER, see, ("finish",))
        assert found["event", "withdrawn", "p1"] == 1
        assert found["party", CAROL, "waiting"] == 1
        assert found["meeting", "refused", "true"] == 1
        assert _said(found, "The time is over") == 1
        found = await self.in_spite(OVER, write, ("finish",))
        assert ("event", "withdrawn", "p1") not in found
        assert found["meeting", "refused", "true"] == 1
        assert _said(found, "The time is over") == 1

    @pytest.mark.long
    async def test_a_refusal_on_the_tablet_is_confirmed_once(self) -> None:
        async def confirm() -> None:
            await self.lease()
            tablet, _ = await self.sit()
            answer = await self.away(tablet.call, "POST", "/refusal", REFUSAL)
            assert answer.status == 200, answer
            assert self.hand_over(CAROL, self.signed(CAROL)) == "approved"
            for answer in self.from_pages():
                self.answer_on_page(answer)

        found = await self.in_spite(HEAR, confirm, ("finish",))
        assert found["event", "declined", "p1"] == 1
        assert sum(n for fact, n in found.items() if fact[:2] == ("session", "declined")) == 1
        assert found["meeting", "identified", "true"] == 1


def _said(found: Facts, words: str) -> int:
    """How often Carol was told something."""
    return sum(
        count
        for fact, count in found.items()
        if fact[:3] == ("said", CAROL, "message") and words in fact[3]
    )
