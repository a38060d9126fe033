"""What is said over HTTP when somebody without an account signs in person.

Source: design of Veche, signing §5.3.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from veche.protocol.signing_api import PartyId, SessionId, Token
from veche.protocol.wire import Wire


class ClaimBody(Wire):
    """A phone comes in by the link of a meeting.

    Attributes:
        public_key: The key that it has made, 65 bytes.
        signature: Of that key over canonical JSON of ``{"v": 1, "what": "org.veche.meeting",
            "meeting": its id, "key": id of the key}``.
    """

    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{87}$")]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}$")]


class MeetingView(Wire):
    """A meeting, as whoever has its link sees it.

    Attributes:
        state: ``offered``, ``claimed``, ``identified``, ``refused`` or ``replaced``.
        name: Of the guest, as the document calls them.
        registrar: Name of who has to see who they are.
        expires_at_ms: UTC.
        now_ms: UTC, by our clock.
    """

    state: Literal["offered", "claimed", "identified", "refused", "replaced"]
    name: str
    registrar: str
    expires_at_ms: int
    now_ms: int


class ScreenView(MeetingView):
    """The same for a screen that shows the link.

    Attributes:
        modules: Rows of the QR code, ``1`` dark and ``0`` light; empty: nobody can come in.
    """

    modules: list[str]


class ClaimedView(MeetingView):
    """The same for the phone that came in.

    Attributes:
        code: Four digits for the registrar to compare.
        person: Id of the guest, whose key it is to be.
        session: The document.
        party: As whom they sign.
        token: Of the party's link.
    """

    code: str
    person: str
    session: SessionId
    party: PartyId
    token: Token
