"""Receipts for the parts of a message: each counts once, also before its part is known.

A message is delivered once all its parts are, and failed once one of them is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridges.core.model import PartReport, RemoteReport
from bridges.host import store
from veche.runtime import metrics

if TYPE_CHECKING:
    from bridges.core.model import SentPart
    from veche.runtime.database import Cursor

EARLY_MS: Final = 24 * 3_600_000
EARLY_MAX: Final = 10_000
"""Receipts of a network that wait for their parts."""

_receipts = metrics.counter(
    "veche_bridge_receipts_total",
    "Receipts of a network for parts: taken, early, double, or lost: too many wait.",
    ["network", "end"],
)


def reported(txn: Cursor, network: str, report: PartReport, now_ms: int) -> RemoteReport | None:
    """Take a receipt; what it says of the whole message, if that is more than before."""
    _lock(txn, network, report.part_id)
    txn.execute(
        "SELECT effect_id, grade FROM bridges.sent_part WHERE bridge_id = %s AND part_id = %s",
        (network, report.part_id),
    )
    row = txn.fetchone()
    if row is None:
        _keep(txn, network, report, now_ms)
        return None
    if row[1] == report.grade:
        _receipts.labels(network, "double").inc()
        return None
    return _graded(txn, network, str(row[0]), report)


def noted(
    txn: Cursor, network: str, effect_id: str, part: SentPart, now_ms: int
) -> RemoteReport | None:
    """Know a part that the network took; what an earlier receipt says of the whole message."""
    if part.part_id is not None:
        _lock(txn, network, part.part_id)
        txn.execute(
            "UPDATE bridges.sent_part SET part_id = NULL WHERE bridge_id = %s AND part_id = %s",
            (network, part.part_id),
        )
    txn.execute(
        "INSERT INTO bridges.sent_part (bridge_id, effect_id, number, total, part_id)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (network, effect_id, part.number, part.total, part.part_id),
    )
    txn.execute(
        "DELETE FROM bridges.early_receipt WHERE bridge_id = %s AND part_id = %s AND at_ms >= %s"
        " RETURNING grade, reason",
        (network, part.part_id, now_ms - EARLY_MS),
    )
    row = txn.fetchone()
    if row is None:
        return None
    return _graded(txn, network, effect_id, PartReport(str(part.part_id), *row))


def sent_numbers(txn: Cursor, network: str, effect_id: str) -> tuple[int, ...]:
    """Numbers of the parts of a message that the network has."""
    txn.execute(
        "SELECT number FROM bridges.sent_part WHERE bridge_id = %s AND effect_id = %s",
        (network, effect_id),
    )
    return tuple(sorted(int(number) for (number,) in txn.fetchall()))


def _graded(txn: Cursor, network: str, effect_id: str, report: PartReport) -> RemoteReport | None:
    # Receipts for parts of one message wait for each other, so that the last sees all.
    store.state_of(txn, network, effect_id)
    txn.execute(
        "UPDATE bridges.sent_part SET grade = %s WHERE bridge_id = %s AND part_id = %s",
        (report.grade, network, report.part_id),
    )
    txn.execute(
        "SELECT total, grade FROM bridges.sent_part WHERE bridge_id = %s AND effect_id = %s",
        (network, effect_id),
    )
    rows = txn.fetchall()
    _receipts.labels(network, "taken").inc()
    delivered_count = sum(grade == "delivered" for _, grade in rows)
    if report.grade == "delivered" and delivered_count < rows[0][0]:
        return None
    return RemoteReport(effect_id, "", report.grade, report.reason)


def _keep(txn: Cursor, network: str, report: PartReport, now_ms: int) -> None:
    txn.execute(
        "DELETE FROM bridges.early_receipt WHERE bridge_id = %s AND at_ms < %s",
        (network, now_ms - EARLY_MS),
    )
    txn.execute("SELECT count(*) FROM bridges.early_receipt WHERE bridge_id = %s", (network,))
    [(count,)] = txn.fetchall()
    if count >= EARLY_MAX:
        _receipts.labels(network, "lost").inc()
        return
    txn.execute(
        "INSERT INTO bridges.early_receipt (bridge_id, part_id, grade, reason, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (bridge_id, part_id) DO UPDATE"
        " SET grade = excluded.grade, reason = excluded.reason, at_ms = excluded.at_ms",
        (network, report.part_id, report.grade, report.reason, now_ms),
    )
    _receipts.labels(network, "early").inc()


def _lock(txn: Cursor, network: str, part_id: str) -> None:
    """A receipt and the answer that tells its id may come at once: the later sees the earlier."""
    key = f"{network}\npart\n{part_id}"
    txn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
