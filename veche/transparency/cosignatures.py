"""Witnesses' signatures of the head of a log, with their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.transparency.notes import KeyKind, cosignatures, names_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.transparency.notes import VerifierKey


@attrs.frozen
class Cosigned:
    """The witnesses' signatures of a head.

    Attributes:
        size: Entries of the head that they signed.
        times_s: When each of them saw it as the newest one, by name: seconds since 1970, UTC.
            Of those alone whose key is known.
        others: Names that have signed too, and whose key nobody knows: that proves nothing.
    """

    size: int
    times_s: Mapping[str, int]
    others: frozenset[str] = frozenset()


def cosigned(note: str, size: int, keys: Collection[VerifierKey]) -> Cosigned:
    """Which known witnesses have signed the head that a note is.

    Raises:
        MalformedError: It is no note.
        BadSignatureError: A signature of a known witness is wrong.
    """
    times = cosignatures(note, keys)
    known = {key.name: times[key] for key in sorted(times, key=lambda key: key.name)}
    origin = note.partition("\n")[0]
    return Cosigned(size, known, frozenset(names_of(note)) - known.keys() - {origin})


def are_enough(found: Cosigned | None, keys: Collection[VerifierKey], needed: int) -> bool:
    """Return whether so many of the witnesses whose keys are known vouch for a head.

    Args:
        found: Who does.
        keys: That are known.
        needed: How many are wanted; 0: nobody is.
    """
    known = {key.name for key in keys if key.kind is KeyKind.WITNESS}
    return needed <= (len(known & found.times_s.keys()) if found is not None else 0)
