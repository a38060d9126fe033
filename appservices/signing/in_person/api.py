"""HTTP bodies for signing in person without an account.

Source: design of Veche, signing §5.3.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from appservices.signing.evidence.core.handwriting import NAME_CHARACTERS_MAX, Drawing
from appservices.signing.parties.api.parties import ClauseAnswer, ReasonCode, SessionView, Token
from veche.contracts.signing.signing_api import PartyId, SessionId
from veche.protocol.approval import CLAUSES_MAX, Sha256
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
        state: ``offered``, ``claimed``, ``written``, ``identified``, ``refused`` or ``replaced``.
        name: Of the guest, as the document calls them.
        registrar: Name of who has to see who they are.
        expires_at_ms: UTC.
        now_ms: UTC, by our clock.
    """

    state: Literal["offered", "claimed", "written", "identified", "refused", "replaced"]
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


class TabletBody(Wire):
    """A tablet of the office comes in by the link of a meeting.

    Attributes:
        secret_sha256: Of 32 bytes that it has made and keeps to itself; it shows them later.
    """

    secret_sha256: Sha256


class TabletView(MeetingView):
    """A meeting for the tablet that came in.

    Attributes:
        code: Four digits for the registrar to compare.
        view: The document, as the party sees it who writes by hand.
    """

    code: str
    view: SessionView


class HandBody(Wire):
    """Somebody agrees by hand, without a key.

    Attributes:
        name: As they have typed it.
        drawing: What they have written.
        read: That all pages were on the screen.
        agrees: That they have ticked that they agree.
        clauses: An answer to every clause that is not ``required``.
    """

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
    drawing: Drawing
    read: Literal["all_pages"]
    agrees: Literal[True]
    clauses: Annotated[tuple[ClauseAnswer, ...], Field(strict=False, max_length=CLAUSES_MAX)] = ()


class RefusalBody(Wire):
    """Somebody says on a tablet that they do not sign.

    Attributes:
        reason_code: Why.
        reason: In their words; may be empty.
    """

    reason_code: ReasonCode
    reason: Annotated[str, Field(max_length=1_000)] = ""
