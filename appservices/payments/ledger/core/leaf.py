"""Leaves: the canonical JSON (Matrix' rules) of what is recorded; what is absent is left out.

Written out by hand, since a leaf is made for every transfer; a test holds each equal to
``canonicaljson``. Ids are hex digits and the rest integers, so nothing needs escaping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.ledger.core.values import EventKind

if TYPE_CHECKING:
    from appservices.payments.ledger.core.values import Burned, Event, Row

_PLAIN: Final = (
    b'{"amount":%d,"at_ms":%d,"code":%d,"credit_id":%d,"debit_id":%d,"flags":%d,"id":"%b",'
    b'"ledger":%d,"pos":%d,%b"released":%d,"shard":%d}'
)
"""Of most transfers; filled in twice as fast as text that is encoded afterwards."""
_REF: Final = b'"ref":"%b",'

_EVENTS: Final = {EventKind.OPENED: "opened", EventKind.ALLOWANCE_SET: "allowance_set"}


def row_leaf(row: Row, shard: int) -> bytes:
    """The leaf of a transfer."""
    (
        pos,
        id_,
        debit,
        credit,
        amount,
        released,
        ledger,
        code,
        flags,
        pending,
        refund,
        ref,
        ext,
        channel,
        expires_at_ms,
        at_ms,
    ) = row
    if pending or refund or ext or channel or expires_at_ms is not None:
        return _rare_leaf(row, shard)
    return _PLAIN % (
        amount,
        at_ms,
        code,
        credit,
        debit,
        flags,
        id_.encode(),
        ledger,
        pos,
        _REF % ref.encode() if ref else b"",
        released,
        shard,
    )


def _rare_leaf(row: Row, shard: int) -> bytes:
    channel = f'"channel":{row.channel},' if row.channel else ""
    expires = f'"expires_at_ms":{row.expires_at_ms},' if row.expires_at_ms is not None else ""
    ext = f'"ext":{row.ext},' if row.ext else ""
    pending = f'"pending_id":"{row.pending_id}",' if row.pending_id else ""
    ref = f'"ref":"{row.ref}",' if row.ref else ""
    refund = f'"refund_of":"{row.refund_of}",' if row.refund_of else ""
    return (
        f'{{"amount":{row.amount},"at_ms":{row.at_ms},{channel}"code":{row.code},'
        f'"credit_id":{row.credit_id},"debit_id":{row.debit_id},{expires}{ext}'
        f'"flags":{row.flags},"id":"{row.id}","ledger":{row.ledger},{pending}"pos":{row.pos},'
        f'{ref}{refund}"released":{row.released},"shard":{shard}}}'
    ).encode()


def event_leaf(event: Event, shard: int) -> bytes:
    """The leaf of what happened to an account."""
    account = event.account
    channel = f'"channel":{account.channel},' if account.channel else ""
    ext = f'"ext":{account.ext},' if account.ext else ""
    ref = f'"ref":"{account.ref}",' if account.ref else ""
    return (
        f'{{"account_id":{account.id},"allowance":{account.allowance},"at_ms":{account.at_ms},'
        f'{channel}"code":{account.code},"event":"{_EVENTS[event.kind]}",{ext}'
        f'"flags":{account.flags},"ledger":{account.ledger},"pos":{event.pos},{ref}'
        f'"salt":"{account.salt}","shard":{shard}}}'
    ).encode()


def burned_leaf(burned: Burned, shard: int) -> bytes:
    """The leaf of an id that failed for good: a refusal can be proved."""
    return (
        f'{{"at_ms":{burned.at_ms},"id":"{burned.id}","pos":{burned.pos},'
        f'"result":"{burned.result.word}","shard":{shard}}}'
    ).encode()
