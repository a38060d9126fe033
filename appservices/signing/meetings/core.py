"""A guest and a registrar meet: a link for one phone, then a word on who holds it.

Who has no phone writes on a tablet of the office instead: then the link is for that, which has no
key, and what is written counts once the registrar has signed as the witness of it. The link is used
once; a newer one takes its place. Whatever is not in the table changes nothing.
"""

from __future__ import annotations

import enum
import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.sessions.core.errors import MeetingOverError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import Ulid, UserId

LASTS_MS: Final = 15 * 60_000
"""From the link to the word on who holds the phone; to whoever opens it on a tablet."""
TABLET_MS: Final = 60 * 60_000
"""From the link to the signature of who has seen what was written on the tablet: there is time to
read."""
_CODES: Final = 10_000


class MeetingState(enum.Enum):
    """How far it has got."""

    OFFERED = "offered"
    """The link is shown."""
    CLAIMED = "claimed"
    """A phone or a tablet has opened it; nobody else can."""
    WRITTEN = "written"
    """Who sits at the tablet has agreed on it by hand, or said that they do not."""
    IDENTIFIED = "identified"
    """The registrar has said who holds that phone, or signed as witness of what was written."""
    REFUSED = "refused"
    """The registrar, or who holds the phone, has said no."""
    REPLACED = "replaced"
    """A newer link has taken its place."""


class MeetingInput(enum.Enum):
    """An input to the state machine of a meeting."""

    CLAIM = "claim"
    WRITE = "write"
    IDENTIFY = "identify"
    REFUSE = "refuse"
    REPLACE = "replace"


TABLE: Final[Mapping[tuple[MeetingState, MeetingInput], MeetingState]] = {
    (MeetingState.OFFERED, MeetingInput.CLAIM): MeetingState.CLAIMED,
    (MeetingState.OFFERED, MeetingInput.REFUSE): MeetingState.REFUSED,
    (MeetingState.OFFERED, MeetingInput.REPLACE): MeetingState.REPLACED,
    (MeetingState.CLAIMED, MeetingInput.WRITE): MeetingState.WRITTEN,
    (MeetingState.CLAIMED, MeetingInput.IDENTIFY): MeetingState.IDENTIFIED,
    (MeetingState.CLAIMED, MeetingInput.REFUSE): MeetingState.REFUSED,
    (MeetingState.CLAIMED, MeetingInput.REPLACE): MeetingState.REPLACED,
    (MeetingState.WRITTEN, MeetingInput.IDENTIFY): MeetingState.IDENTIFIED,
    (MeetingState.WRITTEN, MeetingInput.REFUSE): MeetingState.REFUSED,
    (MeetingState.WRITTEN, MeetingInput.REPLACE): MeetingState.REPLACED,
}


@attrs.frozen
class Meeting:
    """A meeting.

    Attributes:
        id: ULID.
        session_id: Of the document.
        party: The guest.
        registrar: Account of who sees the identity document.
        state: How far it has got.
        made_at_ms: UTC.
        public_key: Of the phone that has opened the link, 65 bytes; None: none has.
        tablet: SHA-256 of the secret of the tablet that has; None: none has.
    """

    id: Ulid
    session_id: str
    party: str
    registrar: UserId
    state: MeetingState
    made_at_ms: int
    public_key: bytes | None = None
    tablet: bytes | None = None

    @property
    def expires_at_ms(self) -> int:
        """Until when it goes on."""
        return self.made_at_ms + (LASTS_MS if self.tablet is None else TABLET_MS)

    @property
    def code(self) -> str:
        """Four digits that the phone or tablet shows and the registrar is told: that it is this."""
        device = self.public_key or self.tablet or b""
        digest = hashlib.sha256(self.id.encode() + device).digest()
        return f"{int.from_bytes(digest[-2:], 'big') % _CODES:04}"


def about_of(session: str, party: str) -> str:
    """Return the subject of a registrar's question in meetings, by which it is found again."""
    return f"meeting {session} {party}"


def step(meeting: Meeting, happened: MeetingInput, now_ms: int) -> Meeting:
    """The meeting in which something has happened.

    Raises:
        MeetingOverError: It is too late for that, or another was first.
    """
    state = TABLE.get((meeting.state, happened))
    is_late = now_ms >= meeting.expires_at_ms and happened is not MeetingInput.REPLACE
    if state is None or is_late:
        raise MeetingOverError
    return attrs.evolve(meeting, state=state)
