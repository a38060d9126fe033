"""SQL of meetings of guests and registrars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.meetings.core import Meeting, MeetingState
from veche.protocol.ids import Ulid, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

_MEETING: Final = (
    "SELECT id, session_id, party, registrar, state, made_at_ms, public_key, tablet"
    " FROM signing.meeting"
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
        "UPDATE signing.meeting SET state = %s, public_key = %s, tablet = %s, changed_at_ms = %s,"
        " sealed = CASE WHEN %s = 'written' THEN sealed END WHERE id = %s",
        (
            meeting.state.value,
            meeting.public_key,
            meeting.tablet,
            now_ms,
            meeting.state.value,
            meeting.id,
        ),
    )


def keep_said(txn: Cursor, vault: Vault, meeting_id: str, said: Mapping[str, Any]) -> None:
    """Keep what was written or said on a tablet, until the meeting is over."""
    txn.execute(
        "UPDATE signing.meeting SET sealed = %s WHERE id = %s", (vault.seal(said), meeting_id)
    )


def said_in(txn: Cursor, vault: Vault, meeting_id: str) -> Mapping[str, Any] | None:
    """Return what was written or said on a tablet; None: nothing, or it is over."""
    txn.execute("SELECT sealed FROM signing.meeting WHERE id = %s", (meeting_id,))
    row = txn.fetchone()
    return None if row is None or row[0] is None else vault.open(bytes(row[0]))


def of_id(txn: Cursor, meeting_id: str) -> Meeting | None:
    """A meeting; None: there is no such. Whoever changes it holds the lock of its session."""
    txn.execute(f"{_MEETING} WHERE id = %s", (meeting_id,))
    row = txn.fetchone()
    return _meeting(row) if row else None


def current(txn: Cursor, session_id: str, party: str) -> Meeting | None:
    """The meeting of a guest that goes on, or in which they were identified; None: none is."""
    txn.execute(
        f"{_MEETING} WHERE session_id = %s AND party = %s"
        " AND state IN ('offered', 'claimed', 'written', 'identified')",
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
        tablet=None if row[7] is None else bytes(row[7]),
    )
