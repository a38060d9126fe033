"""How well a name fits an account's owner: nearly is told, anything else not."""

from __future__ import annotations

import unicodedata

from appservices.payments.banks.core.port import NameAnswer, NameMatch


def compare(asked: str, owner: str) -> NameMatch:
    """``MATCH`` for the same name, ``CLOSE`` for one letter off or a middle name missing.

    Args:
        asked: As the payer wrote it.
        owner: As the bank has it.
    """
    ours, theirs = _words(asked), _words(owner)
    if ours == theirs:
        return NameMatch(NameAnswer.MATCH)
    if ours and (_lacks_middle(ours, theirs) or _is_one_off(" ".join(ours), " ".join(theirs))):
        return NameMatch(NameAnswer.CLOSE, owner)
    return NameMatch(NameAnswer.NO_MATCH)


def _words(name: str) -> list[str]:
    return unicodedata.normalize("NFKC", name).casefold().split()


def _lacks_middle(ours: list[str], theirs: list[str]) -> bool:
    """Return whether first and last words agree and what is between is left out or added."""
    shorter, longer = sorted((ours, theirs), key=len)
    has_ends = len(shorter) > 1 and (shorter[0], shorter[-1]) == (longer[0], longer[-1])
    return has_ends and set(shorter) <= set(longer)


def _is_one_off(one: str, other: str) -> bool:
    """Return whether one letter was changed, left out or added."""
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    same = 0
    while same < len(shorter) and shorter[same] == longer[same]:
        same += 1
    rest = same + 1 if len(shorter) == len(longer) else same
    return shorter[rest:] == longer[same + 1 :]
