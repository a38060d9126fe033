"""Refuses malformed org.veche payloads before they enter a room.

In homeserver.yaml::

    modules:
      - module: homeserver_modules.event_guard.EventGuard
        config: {}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeserver_modules.event_guard.module import EventGuard

__all__ = ["EventGuard"]


def __getattr__(name: str) -> object:
    # Only Synapse has Synapse: the rules of this package can be imported without it.
    if name != "EventGuard":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from homeserver_modules.event_guard.module import EventGuard  # noqa: PLC0415

    return EventGuard
