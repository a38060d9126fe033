"""What `veche verify` says of the witnesses of a log."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from veche.transparency.cosignatures import are_enough

if TYPE_CHECKING:
    from collections.abc import Collection

    from veche.transparency.cosignatures import Cosigned
    from veche.transparency.notes import VerifierKey


class TooFewWitnessesError(Exception):
    """Fewer witnesses have signed than whoever verifies wants."""


def witness_words(found: Cosigned | None, what: str, given: Collection[VerifierKey]) -> str:
    """Who vouches for a log, and since when.

    Args:
        found: Who has signed; None: no such head is shown.
        what: Is in the log: acts, or blocks.
        given: Keys that whoever verifies has given.
    """
    if found is None or not (found.times_s or found.others):
        return "none: its own signature alone says that it has one history"
    if not found.times_s:
        return f"none whose key is known, {len(found.others)} others: give their keys with --key"
    names = {key.name for key in given}
    told = []
    for name, time_s in found.times_s.items():
        doubt = "" if name in names else ", its key by the site's word"
        told.append(f"{name} ({_moment(time_s)}{doubt})")
    return f"{', '.join(told)} for the first {found.size} {what}"


def check_enough(found: Cosigned | None, given: Collection[VerifierKey], needed: int) -> None:
    """Make sure that so many of the witnesses whose keys were given have signed.

    Raises:
        TooFewWitnessesError: Fewer have.
    """
    if not are_enough(found, given, needed):
        raise TooFewWitnessesError(
            f"fewer than {needed} of the witnesses whose keys you gave have signed: ask again"
            " later, or for a newer file"
        )


def _moment(time_s: int) -> str:
    try:
        return f"{dt.datetime.fromtimestamp(time_s, tz=dt.UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "at no time that there is"
