"""Routes for a guest's phone before it can sign, and for the screen with its code.

Who asks is known by the token of the code's link (``Veche-Meeting``), which one phone may use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.in_person.api import ClaimBody, ClaimedView, MeetingView, ScreenView
from appservices.signing.in_person.service import meeting_talk, meetings
from appservices.signing.meetings import store
from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.parties import ASK_LIMIT, READ_LIMIT, Nothing
from veche.protocol.errors import NotFoundError

if TYPE_CHECKING:
    from appservices.signing.meetings.core import Meeting
    from appservices.signing.pages.routes.api import Signing
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.api import Call
    from veche.runtime.database import Cursor


class MeetingCalls:
    """Calls of who has the link of a meeting."""

    def __init__(self, signing: Signing) -> None:
        """Make them."""
        self._signing = signing

    def _found(self, scene: Conversation, call: Call) -> tuple[Meeting, Session, Member]:
        return meetings.opened(scene, call.path_args["meeting"], call.header("veche-meeting"))

    def _conversation(self, txn: Cursor, call: Call, cause: str) -> Conversation:
        parts = self._signing.parts
        if parts is None:
            raise NotFoundError(meetings.NO_SUCH)
        return parts.conversation(txn, f"page {cause}", call.now_ms)


class MeetingRoutes(MeetingCalls):
    """Serves guests who sign in person."""

    @API.sessionless.transaction(
        "signing.claim",
        "POST",
        "/meetings/<meeting>/claim",
        body=ClaimBody,
        answer=ClaimedView,
        limit=ASK_LIMIT,
        summary="A guest's phone comes in, once (Veche-Meeting: TOKEN); again it gets the same",
    )
    def claim(self, txn: Cursor, call: Call) -> ClaimedView:
        """The registrar is asked who holds it."""
        scene = self._conversation(txn, call, f"claim {call.path_args['meeting']}")
        found = self._found(scene, call)
        meeting, is_new = meetings.claim(scene, found, call.body)
        if is_new:
            meeting_talk.came(scene, meeting, *found[1:])
        return meetings.claimed_view(scene, meeting, *found[1:])

    @API.sessionless.transaction(
        "signing.meeting",
        "GET",
        "/meetings/<meeting>",
        answer=MeetingView,
        limit=READ_LIMIT,
        summary="How far a meeting has got (Veche-Meeting: TOKEN)",
    )
    def meeting(self, txn: Cursor, call: Call) -> MeetingView:
        """The phone asks until it may sign."""
        scene = self._conversation(txn, call, "meeting")
        meeting, _, member = self._found(scene, call)
        return meetings.view(scene, meeting, member)

    @API.sessionless.transaction(
        "signing.screen",
        "GET",
        "/meetings/<meeting>/screen",
        answer=ScreenView,
        limit=READ_LIMIT,
        summary="The code of a meeting, for a screen (Veche-Meeting: TOKEN)",
    )
    def screen(self, txn: Cursor, call: Call) -> ScreenView:
        """As long as no phone came in."""
        scene = self._conversation(txn, call, "screen")
        return meetings.screen_view(scene, *self._found(scene, call))

    @API.sessionless.transaction(
        "signing.leave",
        "POST",
        "/meetings/<meeting>/leave",
        body=Nothing,
        answer=MeetingView,
        limit=ASK_LIMIT,
        summary="Who holds the phone does not want to go on (Veche-Meeting: TOKEN)",
    )
    def leave(self, txn: Cursor, call: Call) -> MeetingView:
        """The registrar is told."""
        scene = self._conversation(txn, call, f"leave {call.path_args['meeting']}")
        meeting, session, member = self._found(scene, call)
        meetings.refuse(scene, meeting)
        meeting_talk.left(scene, meeting, session, member)
        return meetings.view(scene, store.of_id(txn, meeting.id) or meeting, member)
