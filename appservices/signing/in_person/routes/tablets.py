"""Routes for an office's tablet, on which people without a phone write by hand.

Who asks is known by the token of the link (``Veche-Meeting``) and, once it came in, by the secret
that the tablet has made (``Veche-Tablet``) and forgets when it is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.in_person.api import (
    HandBody,
    MeetingView,
    RefusalBody,
    TabletBody,
    TabletView,
)
from appservices.signing.in_person.routes.meetings import MeetingCalls
from appservices.signing.in_person.service import meetings, tablet_talk, tablets
from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.parties import ASK_LIMIT, READ_LIMIT, Files
from veche.api import Download

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.signing.meetings.core import Meeting
    from appservices.signing.pages.routes.api import Signing
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.api import Call
    from veche.runtime.database import Cursor


class TabletRoutes(MeetingCalls):
    """Serves who writes by hand."""

    def __init__(self, signing: Signing) -> None:
        """Make them."""
        super().__init__(signing)
        self._files = Files(signing.host.reactor)

    @API.sessionless.transaction(
        "signing.tablet",
        "POST",
        "/meetings/<meeting>/tablet",
        body=TabletBody,
        answer=TabletView,
        limit=ASK_LIMIT,
        summary="A tablet of the office comes in, once (Veche-Meeting: TOKEN)",
    )
    def tablet(self, txn: Cursor, call: Call) -> TabletView:
        """The registrar is told which digits it shows."""
        scene = self._conversation(txn, call, f"tablet {call.path_args['meeting']}")
        before, session, member = self._found(scene, call)
        meeting = tablets.claim(scene, (before, session, member), call.body)
        if meeting.state is not before.state:
            tablet_talk.came(scene, meeting, session, member)
        return tablets.view(scene, (meeting, session, member))

    @API.sessionless.transaction(
        "signing.tablet_blob",
        "GET",
        "/meetings/<meeting>/blobs/<digest>",
        answer=Download,
        limit=READ_LIMIT,
        summary="The document for the tablet, encrypted (Veche-Meeting, Veche-Tablet: SECRET)",
    )
    def tablet_blob(self, txn: Cursor, call: Call) -> Download:
        """As long as it is being read there."""
        scene = self._conversation(txn, call, "tablet blob")
        found = self._tablet(scene, call)
        tablets.check_reading(scene, found)
        return self._files.of(scene, found[1], call)

    @API.sessionless.transaction(
        "signing.hand",
        "POST",
        "/meetings/<meeting>/hand",
        body=HandBody,
        answer=MeetingView,
        limit=ASK_LIMIT,
        summary="Agree by hand on the tablet, without a key; it counts once the witness has signed",
    )
    def hand(self, txn: Cursor, call: Call) -> MeetingView:
        """The registrar is asked what they saw."""
        scene = self._conversation(txn, call, f"hand {call.path_args['meeting']}")
        return self._said(scene, call, tablets.agree)

    @API.sessionless.transaction(
        "signing.hand_refusal",
        "POST",
        "/meetings/<meeting>/refusal",
        body=RefusalBody,
        answer=MeetingView,
        limit=ASK_LIMIT,
        summary="Decline on the tablet, with a reason; the registrar confirms it",
    )
    def refusal(self, txn: Cursor, call: Call) -> MeetingView:
        """It is final once they have."""
        scene = self._conversation(txn, call, f"refusal {call.path_args['meeting']}")
        return self._said(scene, call, tablets.decline)

    def _said(self, scene: Conversation, call: Call, say: Callable[..., Meeting]) -> MeetingView:
        """Something is said on the tablet; the registrar is asked about it once."""
        before, session, member = self._tablet(scene, call)
        meeting = say(scene, (before, session, member), call.body)
        if meeting.state is not before.state:
            tablet_talk.said(scene, meeting, session, member)
        return meetings.view(scene, meeting, member)

    def _tablet(self, scene: Conversation, call: Call) -> tuple[Meeting, Session, Member]:
        """The meeting of the tablet that came in."""
        found = self._found(scene, call)
        tablets.check_tablet(found[0], call.header("veche-tablet"))
        return found
