"""How much of request bodies a site holds at a time, and who may send a large one.

Both are settled when the headers of a request are there, before its body is read.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.errors import LimitError, UnavailableError

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable

BODY_BYTES_MAX: Final = 64 * 1024
"""Largest request body where a site or a route does not say another. A larger one gets 413, or no
answer if its length was not declared."""
DRAINED_BYTES_MAX: Final = 64 << 20
"""How much of a body that was refused is read and thrown away: a client that still sends and is cut
off does not read the answer."""
LARGE_TOTAL_BYTES_MAX: Final = 256 << 20
"""Bodies over ``BODY_BYTES_MAX`` that a site holds at a time, from their headers to the answer."""
LARGE_ADDRESS_BYTES_MAX: Final = 128 << 20
"""... of one client address: two of the largest files."""
SMALL_TOTAL_BYTES_MAX: Final = 256 << 20
"""All other bodies that a site holds at a time: large ones never take the place of these."""
SMALL_ADDRESS_BYTES_MAX: Final = 8 << 20
"""... of one client address, behind which there may be many people."""
RETRY_AFTER_MS: Final = 5_000


@attrs.frozen
class LargeBody:
    """A route whose bodies may be larger than others.

    Attributes:
        method: HTTP method.
        path: Matches the whole path.
        bytes_max: Largest body there.
        admit: Raises the error of whoever may not send one, by the request as far as it came, and
            its path; it is asked before a body over ``BODY_BYTES_MAX`` is read.
    """

    method: bytes
    path: re.Pattern[bytes]
    bytes_max: int
    admit: Callable[[Any, bytes], Awaitable[None]]


class Holding:
    """Counts the bytes of bodies that are held, by client address and in total.

    Attributes:
        total_bytes: How much is held now.
    """

    def __init__(self, address_bytes_max: int, total_bytes_max: int) -> None:
        """Hold nothing so far."""
        self._address_bytes_max = address_bytes_max
        self._total_bytes_max = total_bytes_max
        self._by_address: Counter[str] = Counter()
        self.total_bytes = 0

    def take(self, address: str, count: int) -> None:
        """Hold some bytes more.

        Raises:
            LimitError: This address sends too much at once.
            UnavailableError: All together send too much at once.
        """
        if self._by_address[address] + count > self._address_bytes_max:
            raise LimitError(
                "Too much is being sent from your address at once. Please send this again later.",
                retry_after_ms=RETRY_AFTER_MS,
            )
        if self.total_bytes + count > self._total_bytes_max:
            raise UnavailableError(
                "Too much is being sent to this server at once. Please send this again later.",
                retry_after_ms=RETRY_AFTER_MS,
            )
        self._by_address[address] += count
        self.total_bytes += count

    def give_back(self, address: str, count: int) -> None:
        """Hold some bytes no more."""
        self._by_address[address] -= count
        self.total_bytes -= count
        if not self._by_address[address]:
            del self._by_address[address]
