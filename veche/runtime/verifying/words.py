"""Inputs, results and errors of the functions that verify files for `veche verify`.

A feature adds one by an entry point of the group ``veche.verifiers``: it takes the bytes of a file
and ``Asked``, and returns the report on a file that holds.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs

from veche.protocol.approval import showable
from veche.transparency.cosignatures import are_enough

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from veche.transparency.cosignatures import Cosigned
    from veche.transparency.notes import VerifierKey


@attrs.frozen
class Asked:
    """How a file is to be verified, as the options of the command say.

    Attributes:
        keys: Of logs and witnesses that are believed.
        needed: How many of these witnesses must have signed.
        is_online: Whether the site of the log is asked for its keys and its newest head.
        site: Address of the site that is asked; None: that of the server that the file names.
    """

    keys: Sequence[VerifierKey]
    needed: int
    is_online: bool
    site: str | None


class FalseFileError(Exception):
    """A file is false; the message says why."""


class OtherFileError(FalseFileError):
    """A file is none that the function knows: another one may."""


class NobodyKnowsError(Exception):
    """Nobody can tell whether a file holds; the message says why."""


class UncheckedError(NobodyKnowsError):
    """A file could not be checked."""


def facts_text(facts: Mapping[str, str]) -> str:
    """A line of a report for each fact that is not empty."""
    return "".join(f"{name:<10} {plain(value)}\n" for name, value in facts.items() if value)


def plain(text: str) -> str:
    """On one line of a terminal, without what would turn or hide a part of it."""
    return showable(text).replace("\n", " ")


def witness_words(found: Cosigned | None, what: str, given: Collection[VerifierKey]) -> str:
    """Describe which witnesses vouch for a log, and since when.

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
        UncheckedError: Fewer have.
    """
    if not are_enough(found, given, needed):
        raise UncheckedError(
            f"fewer than {needed} of the witnesses whose keys you gave have signed: ask again"
            " later, or for a newer file"
        )


def _moment(time_s: int) -> str:
    try:
        return f"{dt.datetime.fromtimestamp(time_s, tz=dt.UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "at no time that there is"
