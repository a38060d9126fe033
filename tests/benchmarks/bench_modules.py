"""What the modules inside Synapse cost, and how well the name guard tells names apart.

``name_us`` is CPU time of one check against a set's protected names; ``name_recall`` the share of
imitations that it sees through, in the worst set; ``name_false_per_20k`` the honest names that it
takes for an office, in the worst set. Firms of the generator that are the real ones do not count.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from homeserver_modules.official_accounts.confusables import load_confusables
from homeserver_modules.official_accounts.core.guard import NameGuard
from homeserver_modules.official_accounts.core.letters import Letters
from tests.support.names import SEED, SETS, imitations
from veche.contracts.directory.snapshot import ProtectedName

if TYPE_CHECKING:
    from tests.support.names import NameSet

HONEST: Final = 100_000
_PER: Final = 20_000


def run() -> dict[str, float]:
    """Microseconds, shares and counts."""
    found = [_names(names) for names in SETS.values()]
    return {
        "name_us": max(one[0] for one in found),
        "name_recall": min(one[1] for one in found),
        "name_false_per_20k": max(one[2] for one in found),
    }


def _names(names: NameSet) -> tuple[float, float, float]:
    protected = [ProtectedName(name, "", frozenset(), "") for name in names.protected()]
    guard = NameGuard(protected, Letters(load_confusables()))
    honest = list(names.honest(random.Random(SEED), HONEST))  # noqa: S311 -- the same each time
    began_s = time.process_time()
    taken = [(name, guard.check(name)) for name in honest]
    check_us = (time.process_time() - began_s) / HONEST * 1e6
    false = sum(
        match is not None and match.protected.name.casefold() not in name.casefold()
        for name, match in taken
    )
    all_ = list(imitations(names))
    seen = sum(guard.check(one.shown) is not None for one in all_)
    return check_us, seen / len(all_), false * _PER / HONEST
