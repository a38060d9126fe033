"""Who sends a request, as far as one sees without the database."""

from __future__ import annotations

import attrs


@attrs.frozen
class Caller:
    """Who asks, as far as one sees without the database.

    Attributes:
        address: As ``client_address``.
        token: Of a session, or None.
        now_ms: When, UTC.
    """

    address: str
    token: str | None
    now_ms: int
