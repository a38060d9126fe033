"""SQL of the signed heads of logs of acts: the trees over their entries, and the checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from veche.acts.signed_tree import Head
from veche.transparency.merkle import leaf_hash
from veche.transparency.tree_nodes import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from veche.runtime.database import Cursor

_GROWN: Final = """
    SELECT h.organisation FROM runtime.act_head AS h WHERE h.size > coalesce(
        (SELECT max(c.size) FROM runtime.act_checkpoint AS c
         WHERE c.organisation = h.organisation), 0)
    ORDER BY h.organisation"""
# The newest ones, should there be more.
_ACTS: Final = """
    SELECT idx, entry, bound, salt, opening FROM runtime.act
    WHERE organisation = %(organisation)s AND subject = %(subject)s AND idx < %(before)s
        AND bound IS NOT NULL AND opening IS NOT NULL
        AND (%(case)s::text IS NULL OR opening::json ->> 'case' = %(case)s)
    ORDER BY idx DESC LIMIT %(limit)s"""
_COUNTS: Final = """
    SELECT s.organisation, s.seq FROM runtime.act_subject AS s
    JOIN unnest(%s::text[], %s::text[]) AS wanted (organisation, subject)
        USING (organisation, subject)
    ORDER BY s.organisation"""


class Provable(NamedTuple):
    """An act whose private part is there.

    Attributes:
        idx: Its place in the log, from 0.
        entry: What is public of it.
        bound: What binds it to its effect.
        salt: Of its commitment.
        opening: Canonical JSON.
    """

    idx: int
    entry: str
    bound: bytes
    salt: bytes
    opening: str


class TableTree:
    """A log in tables as a tree (``SignedTree``).

    Attributes:
        tables: Of entries, nodes and checkpoints, and their column that names the log.
        entries: What is in it.
        name: For errors.
    """

    tables: tuple[str, str, str, str]
    entries: str

    def __init__(self, log: str, name: str, lock: str) -> None:
        """Make it; it keeps nothing."""
        self.name, self._log, self._lock = name, log, lock
        self._entry, self._node, self._checkpoint, self._key = self.tables
        self._head = f"SELECT size, note FROM {self._checkpoint} WHERE {self._key} = %s"  # noqa: S608 -- ours

    def lock(self, txn: Cursor) -> None:
        """Write it alone until the transaction ends."""
        txn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self._lock,))

    def newest(self, txn: Cursor) -> Head | None:
        """The newest signed head."""
        txn.execute(f"{self._head} ORDER BY size DESC LIMIT 1", (self._log,))
        row = txn.fetchone()
        return Head(*row) if row else None

    def head_of(self, txn: Cursor, size: int) -> Head | None:
        """The head that was signed at a size."""
        txn.execute(f"{self._head} AND size = %s", (self._log, size))
        row = txn.fetchone()
        return Head(*row) if row else None

    def first_after(self, txn: Cursor, size: int) -> int | None:
        """When the first head beyond a size was signed."""
        txn.execute(
            f"SELECT at_ms FROM {self._checkpoint} WHERE {self._key} = %s"  # noqa: S608
            " AND size > %s ORDER BY size LIMIT 1",
            (self._log, size),
        )
        row = txn.fetchone()
        return int(row[0]) if row else None

    def leaves_from(self, txn: Cursor, place: int, limit: int) -> list[tuple[int, bytes]]:
        """Places and leaf hashes of entries."""
        txn.execute(
            f"SELECT idx, entry FROM {self._entry} WHERE {self._key} = %s"  # noqa: S608
            " AND idx >= %s ORDER BY idx LIMIT %s",
            (self._log, place, limit),
        )
        return [(idx, leaf_hash(entry.encode())) for idx, entry in txn.fetchall()]

    def nodes(self, txn: Cursor, wanted: Iterable[Node]) -> dict[Node, bytes]:
        """The nodes that are kept."""
        names = sorted(set(wanted))
        txn.execute(
            f"SELECT level, at, hash FROM {self._node}"  # noqa: S608
            " JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, at) USING (level, at)"
            f" WHERE {self._key} = %s",
            ([one.level for one in names], [one.at for one in names], self._log),
        )
        return {Node(level, at): bytes(digest) for level, at, digest in txn.fetchall()}

    def keep(self, txn: Cursor, made: Mapping[Node, bytes], head: Head, now_ms: int) -> None:
        """Keep nodes that are new, and the head that has them."""
        levels, places = [node.level for node in made], [node.at for node in made]
        txn.execute(
            f"INSERT INTO {self._node} ({self._key}, level, at, hash)"  # noqa: S608
            " SELECT %s, * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])",
            (self._log, levels, places, list(made.values())),
        )
        txn.execute(
            f"INSERT INTO {self._checkpoint} ({self._key}, size, note, at_ms)"  # noqa: S608
            " VALUES (%s, %s, %s, %s)",
            (self._log, head.size, head.note, now_ms),
        )


class ActTree(TableTree):
    """The log of acts of an organisation as a tree."""

    tables = ("runtime.act", "runtime.act_node", "runtime.act_checkpoint", "organisation")
    entries = "acts"

    def __init__(self, organisation: str) -> None:
        """Make it; it keeps nothing."""
        super().__init__(organisation, f"the log of {organisation}", f"acts {organisation}")


def grown(txn: Cursor) -> list[str]:
    """The organisations with acts that no signed head has yet."""
    txn.execute(_GROWN)
    return [organisation for (organisation,) in txn.fetchall()]


def signed(txn: Cursor) -> list[str]:
    """The organisations whose log has a signed head."""
    txn.execute("SELECT DISTINCT organisation FROM runtime.act_checkpoint ORDER BY organisation")
    return [organisation for (organisation,) in txn.fetchall()]


def has_log(txn: Cursor, organisation: str) -> bool:
    """Return whether an organisation has ever acted."""
    txn.execute("SELECT 1 FROM runtime.act_head WHERE organisation = %s", (organisation,))
    return txn.fetchone() is not None


def actors(txn: Cursor) -> dict[str, str]:
    """The organisations that have ever acted, with the name of one of their bots."""
    txn.execute(
        "SELECT h.organisation, coalesce(min(b.display_name), h.organisation)"
        " FROM runtime.act_head AS h LEFT JOIN runtime.bot AS b USING (organisation)"
        " GROUP BY h.organisation ORDER BY h.organisation"
    )
    return dict(txn.fetchall())


def counts(txn: Cursor, subjects: Mapping[str, str]) -> dict[str, int]:
    """How many acts organisations did to a person; those that did none are absent."""
    txn.execute(_COUNTS, (list(subjects), list(subjects.values())))
    return dict(txn.fetchall())


def acts_on(
    txn: Cursor, organisation: str, subject: str, before: int, limit: int, case: str | None = None
) -> list[Provable]:
    """Acts on a person, in their order; the newest, should there be more than a limit.

    Only those below the place ``before`` count; with ``case`` only those of that case.
    """
    values = {"organisation": organisation, "subject": subject, "case": case}
    txn.execute(_ACTS, {**values, "before": before, "limit": limit})
    return [
        Provable(idx, entry, bytes(bound), bytes(salt), opening)
        for idx, entry, bound, salt, opening in reversed(txn.fetchall())
    ]
