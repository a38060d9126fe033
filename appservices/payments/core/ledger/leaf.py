"""Leaves: the canonical JSON (Matrix' rules) of what is recorded; what is absent is left out.

Written out by hand, since a leaf is made for every transfer; a test holds each equal to
``canonicaljson``. Ids are hex digits and the rest integers, so nothing needs escaping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.ledger.values import EventKind

if TYPE_CHECKING:
    from appservices.payments.core.ledger.values import Burned, Event, Row

_EVENTS: Final = {EventKind.OPENED: "opened", EventKind.ALLOWANCE_SET: "allowance_set"}


def row_leaf(row: Row, shard: int) -> bytes:
    """The leaf of a transfer."""
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
