"""An event guard with a fault, for a real Synapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeserver_modules.event_guard.module import EventGuard

if TYPE_CHECKING:
    from homeserver_modules.event_guard.core import Families


class FaultyGuard(EventGuard):
    """Its models never load."""

    def _load(self) -> Families:
        raise ImportError("a library is missing")
