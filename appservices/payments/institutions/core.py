"""Messages between institutions: in whose name, and how old."""

from __future__ import annotations

from typing import Final

AGE_MS_MAX: Final = 300_000
"""How far the moment of a message may be from our clock."""


def origin_of(server: str) -> str:
    """In whose name the institution of a server signs: its ledger's, of its only shard."""
    return f"{server}/veche/ledger/v1/0"
