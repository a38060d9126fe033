"""SQL of what was heard of documents that are being signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def signing_cursor(txn: Cursor, organisation: str) -> int:
    """The last event that an organisation has heard; 0: none."""
    txn.execute("SELECT cursor FROM agency.signing_cursor WHERE organisation = %s", (organisation,))
    row = txn.fetchone()
    return row[0] if row else 0


def move_signing_cursor(txn: Cursor, organisation: str, cursor: int) -> bool:
    """Note that an event is heard; False if it was before, in this process or another."""
    txn.execute(
        "INSERT INTO agency.signing_cursor AS c (organisation, cursor) VALUES (%s, %s)"
        " ON CONFLICT (organisation) DO UPDATE SET cursor = EXCLUDED.cursor"
        " WHERE c.cursor < EXCLUDED.cursor",
        (organisation, cursor),
    )
    return txn.rowcount == 1
