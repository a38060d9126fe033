"""The second oracle: what must be true of a ledger at any moment, asked of its tables in SQL.

Written apart from the core, which it shares nothing with but the Merkle tree: so a fault there does
not hide here. It also finds what a superuser changed by hand, and names the block.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from veche.transparency.merkle import root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor

CASES_MAX: Final = 20
"""Cases of one broken rule that are named."""

_SIDES: Final = """
    SELECT shard, pos, debit_id AS id,
        CASE WHEN flags & 2 <> 0 THEN amount ELSE -released END AS dp,
        CASE WHEN flags & 2 <> 0 THEN 0 ELSE amount END AS dq, 0::bigint AS cp, 0::bigint AS cq
    FROM ledger.transfer
    UNION ALL
    SELECT shard, pos, credit_id, 0, 0, CASE WHEN flags & 2 <> 0 THEN amount ELSE -released END,
        CASE WHEN flags & 2 <> 0 THEN 0 ELSE amount END
    FROM ledger.transfer"""

# Each yields the cases that break its rule.
_RULES: Final[Mapping[str, str]] = {
    "an account's sums are not the fold of its rows": f"""
        SELECT 'account ' || a.id FROM ledger.account AS a
        LEFT JOIN (SELECT shard, id, sum(dp) AS dp, sum(dq) AS dq, sum(cp) AS cp, sum(cq) AS cq
                   FROM ({_SIDES}) AS s GROUP BY shard, id) AS f USING (shard, id)
        WHERE a.shard = %(shard)s
            AND (debits_pending, debits_posted, credits_pending, credits_posted) IS DISTINCT FROM
                (coalesce(dp, 0), coalesce(dq, 0), coalesce(cp, 0), coalesce(cq, 0))""",  # noqa: S608 -- constants
    "money was made or lost": """
        SELECT 'ledger ' || ledger FROM ledger.account WHERE shard = %(shard)s GROUP BY ledger
        HAVING sum(debits_posted) <> sum(credits_posted)
            OR sum(debits_pending) <> sum(credits_pending)""",
    "pending sums are not the open holds": """
        SELECT 'account ' || a.id FROM ledger.account AS a
        LEFT JOIN (SELECT debit_id AS id, sum(amount) AS held FROM ledger.hold
                   WHERE shard = %(shard)s GROUP BY 1) AS d USING (id)
        LEFT JOIN (SELECT credit_id AS id, sum(amount) AS held FROM ledger.hold
                   WHERE shard = %(shard)s GROUP BY 1) AS c USING (id)
        WHERE a.shard = %(shard)s AND (debits_pending, credits_pending) IS DISTINCT FROM
            (coalesce(d.held, 0), coalesce(c.held, 0))""",
    "a hold is neither open nor ended once": """
        SELECT 'transfer ' || p.id FROM ledger.transfer AS p
        WHERE p.shard = %(shard)s AND flags & 2 <> 0 AND 1 <>
            (SELECT count(*) FROM ledger.hold AS h
             WHERE h.shard = p.shard AND h.id = p.id AND h.pos = p.pos AND h.amount = p.amount) +
            (SELECT count(*) FROM ledger.transfer AS e
             WHERE e.shard = p.shard AND e.pending_id = p.id)""",
    "a hold is ended in part, or between other accounts": """
        SELECT 'transfer ' || e.id FROM ledger.transfer AS e
        LEFT JOIN ledger.transfer AS p ON p.shard = e.shard AND p.id = e.pending_id
        WHERE e.shard = %(shard)s AND e.pending_id IS NOT NULL AND (
            p.id IS NULL OR p.flags & 2 = 0 OR p.pos >= e.pos OR p.amount <> e.released
            OR (p.debit_id, p.credit_id, p.ledger) <> (e.debit_id, e.credit_id, e.ledger))""",
    "an account passes its bound": """
        SELECT 'account ' || id FROM ledger.account WHERE shard = %(shard)s AND (
            flags & 1 <> 0
                AND debits_posted::numeric + debits_pending > credits_posted::numeric + allowance
            OR flags & 2 <> 0
                AND credits_posted::numeric + credits_pending > debits_posted::numeric + allowance
        )""",
    "a row is between accounts of another ledger, or of none": """
        SELECT 'transfer ' || t.id FROM ledger.transfer AS t
        LEFT JOIN ledger.account AS d ON d.shard = t.shard AND d.id = t.debit_id
        LEFT JOIN ledger.account AS c ON c.shard = t.shard AND c.id = t.credit_id
        WHERE t.shard = %(shard)s
            AND (d.ledger IS DISTINCT FROM t.ledger OR c.ledger IS DISTINCT FROM t.ledger)""",
    "a row moved an account before it was opened": """
        SELECT 'transfer ' || t.id FROM ledger.transfer AS t
        JOIN ledger.account AS a ON a.shard = t.shard AND a.id IN (t.debit_id, t.credit_id)
        WHERE t.shard = %(shard)s AND t.pos < a.opened_pos""",
    "an account is not as its events say": """
        SELECT 'account ' || coalesce(a.id, o.account_id) FROM
        (SELECT * FROM ledger.event WHERE shard = %(shard)s AND kind = 1) AS o
        FULL JOIN (SELECT * FROM ledger.account WHERE shard = %(shard)s) AS a ON a.id = o.account_id
        LEFT JOIN LATERAL (SELECT allowance FROM ledger.event AS e WHERE e.shard = %(shard)s
            AND e.account_id = a.id ORDER BY pos DESC LIMIT 1) AS last ON TRUE
        WHERE (a.ledger, a.code, a.flags & ~16, a.ref, a.ext, a.channel, a.opened_pos, a.at_ms,
               a.allowance) IS DISTINCT FROM
              (o.ledger, o.code, o.flags & ~16, o.ref, o.ext, o.channel, o.pos, o.at_ms,
               last.allowance)""",
    "an account is closed, or open, without a hold that says so": """
        SELECT 'account ' || a.id FROM ledger.account AS a
        JOIN ledger.event AS o ON o.shard = a.shard AND o.account_id = a.id AND o.kind = 1
        WHERE a.shard = %(shard)s AND (a.flags & 16 <> 0) <> (o.flags & 16 <> 0 OR EXISTS (
            SELECT FROM ledger.transfer AS p
            LEFT JOIN ledger.transfer AS e ON e.shard = p.shard AND e.pending_id = p.id
            WHERE p.shard = a.shard AND p.flags & 2 <> 0
                AND (p.flags & 64 <> 0 AND p.debit_id = a.id
                    OR p.flags & 128 <> 0 AND p.credit_id = a.id)
                AND (e.id IS NULL OR e.flags & 4 <> 0)))""",
    "more was given back than was paid, or it was counted wrongly": """
        SELECT 'transfer ' || coalesce(r.original, f.original) FROM
        (SELECT * FROM ledger.refunded WHERE shard = %(shard)s) AS r
        FULL JOIN (SELECT t.refund_of AS original, o.amount AS captured,
                       sum(t.amount - t.released) AS refunded,
                       bool_and(o.flags & 522 = 0 AND o.debit_id = t.credit_id
                           AND o.credit_id = t.debit_id AND o.ledger = t.ledger) AS is_reversed
                   FROM ledger.transfer AS t
                   LEFT JOIN ledger.transfer AS o ON o.shard = t.shard AND o.id = t.refund_of
                   WHERE t.shard = %(shard)s AND t.refund_of IS NOT NULL
                   GROUP BY t.refund_of, o.amount) AS f ON f.original = r.original
        WHERE (r.captured, r.refunded) IS DISTINCT FROM (f.captured, f.refunded)
            OR f.is_reversed IS NOT TRUE OR f.refunded NOT BETWEEN 0 AND f.captured""",
    "an id has two answers": """
        SELECT 'transfer ' || id FROM ledger.burned JOIN ledger.transfer USING (shard, id)
        WHERE shard = %(shard)s""",
    "blocks have a gap, or time went back": """
        SELECT 'block ' || seq FROM (
            SELECT seq, at_ms, seq - lag(seq, 1, 0::bigint) OVER w AS step,
                at_ms - lag(at_ms, 1, 0::bigint) OVER w AS ms
            FROM ledger.block WHERE shard = %(shard)s WINDOW w AS (ORDER BY seq)) AS b
        WHERE step <> 1 OR ms < 0""",
    "a row belongs to no block": """
        SELECT 'position ' || pos FROM (
            SELECT shard, pos FROM ledger.transfer UNION ALL SELECT shard, pos FROM ledger.event
            UNION ALL SELECT shard, pos FROM ledger.burned) AS one
        WHERE shard = %(shard)s AND NOT EXISTS (SELECT FROM ledger.block AS b
            WHERE b.shard = one.shard AND b.seq = pos >> 13)""",
    "the shard does not stand at its last block": """
        SELECT 'shard ' || s.shard FROM ledger.shard AS s
        LEFT JOIN LATERAL (SELECT seq, at_ms, head FROM ledger.block AS b
            WHERE b.shard = s.shard ORDER BY seq DESC LIMIT 1) AS b ON TRUE
        WHERE s.shard = %(shard)s AND (s.seq, s.at_ms, s.head) IS DISTINCT FROM
            (coalesce(b.seq, 0), coalesce(b.at_ms, 0),
             coalesce(b.head, decode(repeat('00', 32), 'hex')))""",
    "a line of the history is not the fold of the rows before it": f"""
        SELECT 'account ' || b.account_id || ' block ' || b.seq FROM ledger.balance AS b
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(dp), 0) AS dp, coalesce(sum(dq), 0) AS dq,
                coalesce(sum(cp), 0) AS cp, coalesce(sum(cq), 0) AS cq FROM ({_SIDES}) AS s
            WHERE s.shard = b.shard AND s.id = b.account_id AND s.pos < (b.seq + 1) * 8192
        ) AS f ON TRUE
        WHERE b.shard = %(shard)s
            AND (debits_pending, debits_posted, credits_pending, credits_posted) IS DISTINCT FROM
                (dp, dq, cp, cq)""",  # noqa: S608
}

_BLOCKS: Final = """
    SELECT seq, at_ms, n, prev, root, head FROM ledger.block
    WHERE shard = %(shard)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s"""
_BLOCKS_AT_ONCE: Final = 1_000
_HEX: Final = "replace({}::text, '-', '')"
# What a leaf says, by its specification: absent fields are left out.
_LEAVES: Final = f"""
    SELECT pos, jsonb_strip_nulls(jsonb_build_object('amount', amount, 'at_ms', at_ms,
        'channel', nullif(channel, 0), 'code', code, 'credit_id', credit_id, 'debit_id', debit_id,
        'expires_at_ms', expires_at_ms, 'ext', nullif(ext, 0), 'flags', flags,
        'id', {_HEX.format("id")}, 'ledger', ledger, 'pending_id', {_HEX.format("pending_id")},
        'pos', pos, 'ref', {_HEX.format("ref")}, 'refund_of', {_HEX.format("refund_of")},
        'released', released, 'shard', shard))
    FROM ledger.transfer WHERE shard = %(shard)s AND pos BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT pos, jsonb_strip_nulls(jsonb_build_object('account_id', account_id,
        'allowance', allowance, 'at_ms', at_ms, 'channel', nullif(channel, 0), 'code', code,
        'event', CASE kind WHEN 1 THEN 'opened' ELSE 'allowance_set' END, 'ext', nullif(ext, 0),
        'flags', flags, 'ledger', ledger, 'pos', pos, 'ref', {_HEX.format("ref")}, 'salt', salt,
        'shard', shard))
    FROM ledger.event WHERE shard = %(shard)s AND pos BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT pos, jsonb_build_object('at_ms', at_ms, 'id', {_HEX.format("id")}, 'pos', pos,
        'result', result, 'shard', shard)
    FROM ledger.burned WHERE shard = %(shard)s AND pos BETWEEN %(first)s AND %(last)s
    ORDER BY pos"""  # noqa: S608


def problems(
    txn: Cursor, shard: int, results: Mapping[int, str], *, after_seq: int = 0
) -> list[str]:
    """Each broken rule with its cases, and each block that is not what it says; empty if all holds.

    Args:
        txn: A transaction that sees one state: ``REPEATABLE READ``, where a writer works meanwhile.
        shard: Which.
        results: What the numbers of burned ids are called in leaves.
        after_seq: Blocks up to this one are not hashed again.
    """
    found = []
    for rule, sql in _RULES.items():
        txn.execute(f"{sql} LIMIT {CASES_MAX}", {"shard": shard})
        cases = [case for (case,) in txn]
        if cases:
            found.append(f"{rule}: {', '.join(cases)}")
    return found + _block_problems(txn, shard, results, after_seq)


def _block_problems(
    txn: Cursor, shard: int, results: Mapping[int, str], after_seq: int
) -> list[str]:
    found: list[str] = []
    before = bytes(32) if after_seq == 0 else _head_of(txn, shard, after_seq)
    while True:
        values = {"shard": shard, "after": after_seq, "limit": _BLOCKS_AT_ONCE}
        txn.execute(_BLOCKS, values)
        blocks = txn.fetchall()
        for seq, at_ms, n, prev, block_root, head in blocks:
            leaves = _leaves(txn, shard, seq, results)
            if len(leaves) != n or root(leaves) != bytes(block_root):
                found.append(f"block {seq} does not hold what was committed")
            if bytes(prev) != before:
                found.append(f"block {seq} does not follow the one before")
            if _head(prev, seq, at_ms, n, block_root) != bytes(head):
                found.append(f"block {seq} has a head that is not its own")
            before, after_seq = bytes(head), seq
        if len(blocks) < _BLOCKS_AT_ONCE:
            return found


def _leaves(txn: Cursor, shard: int, seq: int, results: Mapping[int, str]) -> list[bytes]:
    values = {"shard": shard, "first": seq * 8192, "last": seq * 8192 + 8191}
    txn.execute(_LEAVES, values)
    leaves = []
    for _, said in txn:
        if "result" in said:
            said["result"] = results[said["result"]]
        leaves.append(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
    return leaves


def _head(prev: bytes, seq: int, at_ms: int, n: int, block_root: bytes) -> bytes:
    numbers = b"".join(
        number.to_bytes(size, "big") for number, size in ((seq, 8), (at_ms, 8), (n, 4))
    )
    return sha256(b"\2" + bytes(prev) + numbers + bytes(block_root)).digest()


def _head_of(txn: Cursor, shard: int, seq: int) -> bytes:
    txn.execute("SELECT head FROM ledger.block WHERE shard = %s AND seq = %s", (shard, seq))
    found = txn.fetchone()
    return bytes(found[0]) if found else bytes(32)
