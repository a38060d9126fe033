"""Load every payload that may stand beside a message, by its key.

A family is a key of a message's content with the model of what stands there. The kernel and each
feature register theirs as entry points of ``veche.families``; who reads or refuses payloads (the
homeserver's guard, the reference) loads them from here.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from veche.protocol.message import is_payload_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.wire import Wire

ENTRY_POINTS: Final = "veche.families"


def load_families() -> Mapping[str, type[Wire]]:
    """Load the model of each key from all that is installed.

    Raises:
        ValueError: Two distributions register one key, or one registers a key of Matrix: then no
            ordinary message would pass the guard.
        ImportError: A registered module does not load.
    """
    found: dict[str, type[Wire]] = {}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        families: Mapping[str, type[Wire]] = entry.load()
        twice = found.keys() & families.keys()
        if twice:
            raise ValueError(f"{entry.value} registers {min(twice)}, which is registered already")
        for key in families:
            if not is_payload_key(key):
                raise ValueError(
                    f"{entry.value} registers {key}; write a name in a domain of yours, such as"
                    " org.example.permit"
                )
        found.update(families)
    return MappingProxyType(found)
