"""Who has no phone writes on the real page of a tablet, and their witness signs on theirs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest

from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.in_person.service import meetings, tablets
from appservices.signing.meetings import store as meeting_store
from appservices.signing.sessions.core.guests import Papers, Registrar, guest_id
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.records import Clause, ClauseKind
from tests.integration.appservices.signing.playing import play
from tests.integration.appservices.signing.site import CAROL, OFFICE, SigningSite
from tests.support.node import chromium_of_run, firefox, why_no_browser, why_no_firefox
from tests.support.stored_keys import enrol
from veche.protocol.ids import RoomId, Ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Session
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres
CLAUSES = (
    Clause("c1", "Deposit", ClauseKind.UNFAIR, 1),
    Clause("c2", "Newsletter", ClauseKind.OPTIONAL, 1),
)


class _Browser(SigningSite):
    """The pages and the service fit."""

    __test__ = False  # but each browser's
    browser: ClassVar[Mapping[str, str]]
    """The environment that chooses it."""

    async def test_one_writes_by_hand_on_a_tablet_and_the_other_signs_as_the_witness(self) -> None:
        guest = Invited(
            id="p1",
            role=Role.SIGNER,
            person=guest_id(Ulid("0" * 26), "p1", "veche.test"),
            name="Bob Brown",
            registrar=Registrar(CAROL, "Carol Clark", OFFICE),
            is_by_hand=True,
        )
        session = self.sent([guest], clauses=CLAUSES)
        answer = partial(self._answer, session)
        port = urlsplit(self.url).port

        program = "sign_hand_real.js"
        done = await self.away(play, program, self.folder, port, self.browser, answer)

        assert done == {"outcomes": ["signed"], "problems": []}
        assert self.rows("SELECT id, state FROM signing.party ORDER BY id") == [
            ("p1", "signed"),
            ("p2", "signed"),
        ]

    def _answer(self, session: Session, told: Mapping[str, Any]) -> Mapping[str, Any]:
        if "name" not in told:
            return {}
        steps = {
            "tablet": self._offer,
            "again": self._again,
            "seen": self._seen,
            "carol": self._witness,
        }
        found: Mapping[str, Any] = self.run_now(steps[told["name"]], session, told)
        return found

    def _offer(self, txn: Cursor, session: Session, _told: Mapping[str, Any]) -> Mapping[str, Any]:
        scene = self.scene_of(txn)
        known = scene.session(session.id)
        assert known is not None
        made = meetings.offer(scene, known, known.members[0], RoomId("!carol"))
        return {"link": meetings.link_of(self.parts, made, known)}

    def _again(self, txn: Cursor, session: Session, _told: Mapping[str, Any]) -> Mapping[str, Any]:
        made = meeting_store.current(txn, session.id, "p1")
        assert made is not None
        return {"link": meetings.link_of(self.parts, made, session)}

    def _seen(self, txn: Cursor, session: Session, told: Mapping[str, Any]) -> Mapping[str, Any]:
        scene = self.scene_of(txn)
        known, made = scene.session(session.id), meeting_store.current(txn, session.id, "p1")
        assert known is not None
        assert made is not None
        assert made.code == told["digits"]
        tablets.vouch(scene, known, known.members[0], made, Papers.PASSPORT)
        return {}

    def _witness(self, txn: Cursor, session: Session, told: Mapping[str, Any]) -> Mapping[str, Any]:
        enrol(txn, CAROL, told)
        scene = self.scene_of(txn)
        known = scene.session(session.id)
        assert known is not None
        return {"link": scene.page_of(known, known.members[1])}


@pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())
class ChromiumTests(_Browser):
    """In Chromium."""

    __test__ = True
    browser: ClassVar[Mapping[str, str]] = {"CHROMIUM": str(chromium_of_run())}


@pytest.mark.long
@pytest.mark.skipif(bool(why_no_firefox()), reason=why_no_firefox())
class FirefoxTests(_Browser):
    """In Firefox."""

    __test__ = True
    browser: ClassVar[Mapping[str, str]] = {"VECHE_BROWSER": "firefox", "FIREFOX": str(firefox())}
