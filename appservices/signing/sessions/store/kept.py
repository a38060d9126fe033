"""SQL of how much is kept of documents, without anything that is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

EXPIRING: Final = "expiring"
"""Event: the parties were told when it is deleted."""
DELETION_ASKED: Final = "deletion_asked"
"""Event: whoever asked for the signatures wants it deleted."""


@attrs.frozen(order=True)
class KeptRow:
    """A document of which something is kept, beside the report.

    Attributes:
        id: Of its session.
        is_blind: Whether only browsers can read it.
        state: Of its session.
        closed_at_ms: UTC; None: it is not closed.
        size: Bytes, as ciphertext.
        warned_at_ms: When its people were told that it is deleted, UTC; None: not yet.
        is_asked: Whether whoever asked for the signatures wants it deleted.
    """

    id: str
    is_blind: bool
    state: str
    closed_at_ms: int | None
    size: int
    warned_at_ms: int | None
    is_asked: bool


def all_kept(txn: Cursor) -> list[KeptRow]:
    """All documents of which something is kept, the longest closed first."""
    txn.execute(
        "SELECT s.id, s.mode = 'blind', s.state, s.closed_at_ms, held.bytes +"
        " (SELECT coalesce(sum(octet_length(r.increment)), 0)::bigint FROM signing.revision AS r"
        "  WHERE r.session_id = s.id),"
        " (SELECT min(e.at_ms) FROM signing.event AS e WHERE e.session_id = s.id AND e.what = %s),"
        " EXISTS (SELECT FROM signing.event AS e WHERE e.session_id = s.id AND e.what = %s)"
        " FROM signing.session AS s JOIN ("
        "  SELECT session_id, sum(octet_length(data))::bigint AS bytes FROM signing.blob"
        "  WHERE kind <> 'evidence' GROUP BY session_id"
        " ) AS held ON held.session_id = s.id ORDER BY s.closed_at_ms, s.id",
        (EXPIRING, DELETION_ASKED),
    )
    return [KeptRow(*row) for row in txn.fetchall()]
