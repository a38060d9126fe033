"""Ids: those of Matrix as types of their own, ours as ULIDs and digests.

An id that must be the same when a cause is handled twice is *derived* from that cause, so that
nothing needs a source of randomness inside a transaction.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final, NewType

from pydantic import Field

UserId = NewType("UserId", str)
RoomId = NewType("RoomId", str)
EventId = NewType("EventId", str)
DeviceId = NewType("DeviceId", str)
EffectId = NewType("EffectId", str)
Ulid = NewType("Ulid", str)

ULID_PATTERN: Final = r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
MATRIX_ID_CHARACTERS_MAX: Final = 255
"""Longest user, room or event id (Matrix spec v1.18, appendices, "Identifier Grammar")."""

WireUlid = Annotated[str, Field(pattern=ULID_PATTERN)]
USER_PATTERN: Final = r"^@[^:]*:.+$"
WireUserId = Annotated[str, Field(pattern=USER_PATTERN, max_length=MATRIX_ID_CHARACTERS_MAX)]
WireEventId = Annotated[str, Field(pattern=r"^\$.+$", max_length=MATRIX_ID_CHARACTERS_MAX)]

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_ENTROPY_BYTES: Final = 10
_EVENT_ID: Final = re.compile(r"\$[!-~]{1,254}")
_MS_MAX: Final = (1 << 48) - 1


def as_event_id(value: object) -> EventId | None:
    """``value`` from outside if it can be the id of an event, else None.

    No database takes NUL or a lone surrogate, and what people send may have both.
    """
    return EventId(value) if isinstance(value, str) and _EVENT_ID.fullmatch(value) else None


def ulid(at_ms: int, entropy: bytes) -> Ulid:
    """The ULID of a moment: 26 characters that sort by time.

    Args:
        at_ms: UTC, 0 to 2^48 - 1.
        entropy: 10 bytes.

    Raises:
        ValueError: An argument is out of bounds.
    """
    if not 0 <= at_ms <= _MS_MAX:
        raise ValueError("at_ms does not fit into 48 bits")
    if len(entropy) != _ENTROPY_BYTES:
        raise ValueError(f"entropy must have {_ENTROPY_BYTES} bytes")
    number = (at_ms << 80) | int.from_bytes(entropy, "big")
    return Ulid("".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]))


def hex_of_ulid(of: str) -> str:
    """The 128 bits of a ULID as 32 lower-case hex digits, which sort alike.

    Args:
        of: As ``ULID_PATTERN``.
    """
    number = 0
    for character in of:
        number = number << 5 | _CROCKFORD.index(character)
    return f"{number:032x}"


def derived_ulid(at_ms: int, *cause: str | int) -> Ulid:
    """The ULID of something made by ``cause`` at a moment; the same again for the same cause."""
    return ulid(at_ms, _digest(cause, _ENTROPY_BYTES))


def effect_id(*cause: str | int) -> EffectId:
    """The id of an effect, derived from its cause: 32 characters, safe in a path.

    It is also the Matrix transaction id of the event that comes of it, unique over the whole
    application service.
    """
    return EffectId(_digest(cause, 16).hex())


def _digest(cause: tuple[str | int, ...], size: int) -> bytes:
    # Each part with its length, so that ("a", "bc") and ("ab", "c") differ.
    parts = [str(part).encode() for part in cause]
    data = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.blake2b(data, digest_size=size, person=b"veche.id").digest()
