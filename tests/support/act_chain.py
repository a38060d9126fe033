"""A chain of acts, checked in the database from its first entry on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from veche.acts import store
from veche.protocol.acts import EMPTY_HEAD, commitment, inner, next_head, read_entry
from veche.protocol.errors import ActRequiredError
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def check_chain(txn: Cursor, organisation: str) -> int:
    """How many entries an organisation's chain has, each recomputed from the first on.

    Held against one another are the entries and the heads, each entry and its opening, the acts
    on each person, and the end of the chain with what the next act would follow.

    Raises:
        ActRequiredError: Something was changed, taken away or put in; it says where.
    """
    head, size = EMPTY_HEAD, 0
    # One for each person that the organisation ever dealt with: some 100 bytes each.
    persons: dict[str, tuple[int, str]] = {}
    wiped_to = _wiped_to(txn, organisation)
    for row in _chain(txn, organisation):
        computed = next_head(head, row.entry.encode())
        is_next = row.idx == size and row.prev == head and row.head == computed
        is_next = is_next and (row.opening is not None or row.idx < wiped_to)
        if not (is_next and _fits(organisation, row, persons)):
            raise ActRequiredError(f"the chain of {organisation} is broken at entry {row.idx}")
        head, size = computed, size + 1
    if (store.head(txn, organisation) or (0, EMPTY_HEAD)) != (size, head):
        raise ActRequiredError(f"the chain of {organisation} is broken at its end, after {size}")
    return size


def _fits(organisation: str, row: store.Row, persons: dict[str, tuple[int, str]]) -> bool:
    """Whether entry and opening are of one act, which follows the last one on its person.

    Of an act whose opening was wiped the entry alone is left to be checked.
    """
    try:
        entry = read_entry(row.entry)
    except ActRequiredError:
        return False
    seq, last = persons.get(row.subject, (0, ""))
    persons[row.subject] = (seq + 1, entry["c"])
    is_of_it = entry["a"] == organisation and entry["n"] == (1 if row.subject else 0)
    if row.bound is not None and encode_base64(commitment(row.bound, row.inner_part)) != entry["c"]:
        return False
    if row.opening is None or row.salt is None:
        return is_of_it and row.opening is None and row.salt is None
    try:
        opening = json.loads(row.opening)
        hidden = inner(opening, row.salt)
    except (ActRequiredError, ValueError):
        return False
    wanted = {
        "agency": organisation,
        "act": entry["k"],
        "subject": row.subject,
        "seq": seq + 1,
        "prev": last,
    }
    return (
        is_of_it
        and hidden == row.inner_part
        and all(opening.get(key) == value for key, value in wanted.items())
    )


def _wiped_to(txn: Cursor, organisation: str) -> int:
    """Index of the first act of a chain whose private part was not wiped."""
    txn.execute("SELECT wiped_to FROM runtime.act_head WHERE organisation = %s", (organisation,))
    row = txn.fetchone()
    return int(row[0]) if row else 0


def _chain(txn: Cursor, organisation: str) -> list[store.Row]:
    """All entries of a chain, in order."""
    txn.execute(
        "SELECT idx, entry, inner_part, prev, head, subject, opening, salt, bound"
        " FROM runtime.act WHERE organisation = %s ORDER BY idx",
        (organisation,),
    )
    return [store.Row(*map(_as_bytes, row)) for row in txn.fetchall()]


def _as_bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
