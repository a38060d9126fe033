"""The caller of a request, as far as known without the database."""

from __future__ import annotations

import attrs


@attrs.frozen
class Caller:
    """The caller of a request, as far as known without the database.

    Attributes:
        address: As ``client_address``.
        token: Of a session, or None.
        now_ms: When, UTC.
    """

    address: str
    token: str | None
    now_ms: int
