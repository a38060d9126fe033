"""Rows that a block puts into its tables, as they are sent.

The transfers of a small block are arrays, which go with the call that finishes it: ``write_block``.
Those of a large one go before it, by COPY in PostgreSQL's binary format: each value behind its
length, -1 for NULL. It is made in half the time of text, and read sooner. The rest is seldom, and
is text.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812 -- it is a class
from typing import TYPE_CHECKING, Final, NamedTuple

from appservices.payments.ledger.core.port import BrokenError
from appservices.payments.ledger.core.values import AMOUNT_MAX, ID_ZERO, PLACES, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appservices.payments.ledger.core.block import Block, Content
    from appservices.payments.ledger.core.values import Event

_COPY_ROWS: Final = (
    f"COPY ledger.transfer (shard, {', '.join(Row._fields)}) FROM STDIN (FORMAT binary)"
)
_COPY_EVENTS: Final = """
    COPY ledger.event (shard, pos, kind, account_id, ledger, code, flags, allowance, ref, ext,
        channel, at_ms, salt) FROM STDIN"""
_COPY_BURNED: Final = "COPY ledger.burned (shard, pos, id, result, at_ms) FROM STDIN"

CALLED_MAX: Final = 512
"""Transfers of a block that go with the call; from some thousand on a COPY is sooner done."""

_COLUMNS: Final = 1 + len(Row._fields)
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NONE: Final = b"\xff\xff\xff\xff"
_UUID: Final = b"\0\0\0\x10"
# How many columns, then shard, pos, id, debit_id, credit_id, amount, released, ledger, code, flags.
_FIRST: Final = Struct(">hihiqi16siqiqiqiqiiiiii").pack
_EXT_CHANNEL: Final = Struct(">iqii").pack
_BIGINT: Final = Struct(">iq").pack

_NULL: Final = r"\N"  # in text
_NONE_TEXT: Final = "NULL"  # in an array
_INTEGER_MAX: Final = 2**31 - 1
_ID_DIGITS: Final = len(ID_ZERO)


class Copy(NamedTuple):
    """A COPY statement and its data."""

    statement: str
    data: bytes


class Sending(NamedTuple):
    """A block as it is sent.

    Attributes:
        copies: What is copied in first.
        arrays: The transfers of a small block, as ``write_block`` takes them; None: they are copied
            in, or there are none.
    """

    copies: Iterable[Copy]
    arrays: Sequence[str | None] | None


def sending_of(block: Block) -> Sending:
    """All that a block records.

    Raises:
        BrokenError: There is no room for a number in its column, or an id is none.
    """
    shard, content = block.shard, block.content
    copies = []
    arrays = None
    if 0 < len(content.rows) <= CALLED_MAX:
        arrays = _arrays(content)
    elif content.rows:
        try:
            lines = [_line(shard, row) for row in content.rows]
        except (StructError, ValueError) as e:
            raise BrokenError(f"block {content.seq}: {e}") from e
        copies.append(Copy(_COPY_ROWS, b"".join([_HEADER, *lines, _TRAILER])))
    if content.events:
        text = "".join([_event_line(shard, event) for event in content.events])
        copies.append(Copy(_COPY_EVENTS, text.encode()))
    if content.burned:
        lines_ = [f"{shard}\t{b.pos}\t{b.id}\t{int(b.result)}\t{b.at_ms}\n" for b in content.burned]
        copies.append(Copy(_COPY_BURNED, "".join(lines_).encode()))
    return Sending(copies, arrays)


def _arrays(content: Content) -> Sequence[str | None]:
    """Columns in the order of ``write_block``; None where all is as in most transfers."""
    first, rows = content.seq * PLACES, content.rows
    positions, *columns, expires, times = zip(*rows, strict=True)
    ids, debits, credits_, amounts, released, ledgers, codes, flags, *uuids, exts, channels = (
        columns
    )
    is_in_a_row = positions[0] == first and positions[-1] == first + len(rows) - 1
    return (
        None if is_in_a_row else _numbers([pos - first for pos in positions], _INTEGER_MAX),
        _ids(ids),
        *(_numbers(column, AMOUNT_MAX) for column in (debits, credits_, amounts)),
        _numbers(released, AMOUNT_MAX) if any(released) else None,
        *(_numbers(column, _INTEGER_MAX) for column in (ledgers, codes)),
        _numbers(flags, _INTEGER_MAX) if any(flags) else None,
        *(_ids(column) if any(column) else None for column in uuids),
        _numbers(exts, AMOUNT_MAX) if any(exts) else None,
        _numbers(channels, _INTEGER_MAX) if any(channels) else None,
        _numbers(expires, AMOUNT_MAX) if any(expires) else None,
        None if set(times) == {content.at_ms} else _numbers(times, AMOUNT_MAX),
    )


def _numbers(column: Sequence[int | None], most: int) -> str:
    given = [one for one in column if one is not None]
    if max(given) > most or min(given) < -most - 1:
        raise BrokenError(f"there is no room for {max(given, key=abs)} in a column")
    return "{" + ",".join([_NONE_TEXT if one is None else str(int(one)) for one in column]) + "}"


def _ids(column: Sequence[str | None]) -> str:
    if any(one is not None and len(one) != _ID_DIGITS for one in column):
        raise BrokenError("an id does not have 32 digits")
    return "{" + ",".join([one or _NONE_TEXT for one in column]) + "}"


def _line(shard: int, row: Row) -> bytes:
    pos, id_, debit, credit, amount, released, ledger, code, flags, *_ = row
    first = (8, debit, 8, credit, 8, amount, 8, released, 4, ledger, 4, code, 4, flags)
    return (
        _FIRST(_COLUMNS, 2, shard, 8, pos, 16, bytes.fromhex(id_), *first)
        + _uuid(row.pending_id)
        + _uuid(row.refund_of)
        + _uuid(row.ref)
        + _EXT_CHANNEL(8, row.ext, 4, row.channel)
        + (_NONE if row.expires_at_ms is None else _BIGINT(8, row.expires_at_ms))
        + _BIGINT(8, row.at_ms)
    )


def _uuid(id_: str | None) -> bytes:
    return _NONE if id_ is None else _UUID + bytes.fromhex(id_)


def _event_line(shard: int, event: Event) -> str:
    # Ids and salts are hex digits and the rest integers: nothing to escape.
    a = event.account
    return (
        f"{shard}\t{event.pos}\t{int(event.kind)}\t{a.id}\t{a.ledger}\t{int(a.code)}\t{a.flags}\t"
        f"{a.allowance}\t{a.ref or _NULL}\t{a.ext}\t{a.channel}\t{a.at_ms}\t{a.salt}\n"
    )
