"""SQL of meetings of guests and registrars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.core.meeting import Meeting, MeetingState
from veche.protocol.ids import Ulid, UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

_MEETING: Final = (
    "SELECT id, session_id, party, registrar, state, made_at_ms, public_key FROM signing.meeting"
)


def add(txn: Cursor, meeting: Meeting) -> None:
    """Keep a new one; an earlier one of the guest must be over."""
    txn.execute(
        "INSERT INTO signing.meeting (id, session_id, party, registrar, state, made_at_ms,"
        " changed_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            meeting.id,
            meeting.session_id,
            meeting.party,
            meeting.registrar,
            meeting.state.value,
            meeting.made_at_ms,
            meeting.made_at_ms,
        ),
    )


def save(txn: Cursor, meeting: Meeting, now_ms: int) -> None:
    """Keep what has become of one."""
    txn.execute(
        "UPDATE signing.meeting SET state = %s, public_key = %s, changed_at_ms = %s WHERE id = %s",
        (meeting.state.value, meeting.public_key, now_ms, meeting.id),
    )


def of_id(txn: Cursor, meeting_id: str) -> Meeting | None:
    """A meeting; None: there is no such. Whoever changes it holds the lock of its session."""
    txn.execute(f"{_MEETING} WHERE id = %s", (meeting_id,))
    row = txn.fetchone()
    return _meeting(row) if row else None


def current(txn: Cursor, session_id: str, party: str) -> Meeting | None:
    """The meeting of a guest that goes on, or in which they were identified; None: none is."""
    txn.execute(
        f"{_MEETING} WHERE session_id = %s AND party = %s"
        " AND state IN ('offered', 'claimed', 'identified')",
        (session_id, party),
    )
    row = txn.fetchone()
    return _meeting(row) if row else None


def _meeting(row: Sequence[Any]) -> Meeting:
    return Meeting(
        id=Ulid(row[0]),
        session_id=row[1],
        party=row[2],
        registrar=UserId(row[3]),
        state=MeetingState(row[4]),
        made_at_ms=row[5],
        public_key=None if row[6] is None else bytes(row[6]),
    )
