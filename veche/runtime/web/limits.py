"""How often somebody may ask: token buckets in the memory of one process, in a bounded table."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import attrs

BUCKETS_MAX: Final = 20_000
"""Keys that one table knows; with one more, the key that asked longest ago is forgotten."""


@attrs.frozen
class Limit:
    """How often; or how much, where what is counted is bytes.

    Attributes:
        burst: Requests that are allowed at once, at least 1.
        per_s: Requests a second in the long run, above 0.
    """

    burst: int = attrs.field(validator=attrs.validators.ge(1))
    per_s: float = attrs.field(validator=attrs.validators.gt(0))


class Buckets:
    """One bucket a key, full at first."""

    def __init__(self, limit: Limit, *, buckets_max: int = BUCKETS_MAX) -> None:
        self._limit = limit
        self._buckets_max = buckets_max
        # Tokens left, and when that was; whoever asked last is last.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def spend(self, key: str, now_s: float, cost: int = 1) -> int:
        """Take a token, or several; 0, or after how many ms there is one.

        Whoever has one left may take more than they have, and waits longer afterwards: so what is
        larger than all that is allowed at once can be had, too.

        Args:
            key: Who asks.
            now_s: Moment of any clock that never goes back.
            cost: How many are taken.
        """
        limit = self._limit
        left, at_s = self._buckets.get(key, (float(limit.burst), now_s))
        left = min(float(limit.burst), left + max(0.0, now_s - at_s) * limit.per_s)
        is_allowed = left >= 1
        self._buckets[key] = (left - cost if is_allowed else left, now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._buckets_max:
            self._buckets.popitem(last=False)
        # At least 1: rounding never makes a refusal look like a pass.
        return 0 if is_allowed else max(1, int((1 - left) / limit.per_s * 1000))
