"""Amounts with a unit, as people write them in configuration files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DURATIONS_MS: Final = {
    "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
}  # fmt: skip
SIZES_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

_AMOUNT: Final = re.compile(r"^(\d{1,9}) ?([A-Za-z]+)$", re.ASCII)


def parse_duration(text: str) -> int:
    """A duration in ms: ``250 ms``, ``30 s``, ``5 min``, ``2 h``, ``7 d``, ``1 w``.

    Raises:
        ValueError: It is something else.
    """
    return _parse(text, DURATIONS_MS, "30 s")


def parse_size(text: str) -> int:
    """A size in bytes: ``512 B``, ``64 KiB``, ``16 MiB``, ``2 GiB``, ``1 TiB``.

    Raises:
        ValueError: It is something else.
    """
    return _parse(text, SIZES_BYTES, "16 MiB")


def show_duration(duration_ms: int) -> str:
    """The text that ``parse_duration`` reads as it, in the largest unit that fits."""
    return _show(duration_ms, DURATIONS_MS)


def show_size(size_bytes: int) -> str:
    """The text that ``parse_size`` reads as it, in the largest unit that fits."""
    return _show(size_bytes, SIZES_BYTES)


def _parse(text: str, units: Mapping[str, int], example: str) -> int:
    match = _AMOUNT.match(text)
    if match is None or match[2] not in units:
        raise ValueError(
            f"should be a whole number and a unit ({', '.join(units)}), such as {example!r}"
        )
    return int(match[1]) * units[match[2]]


def _show(amount: int, units: Mapping[str, int]) -> str:
    unit = max((name for name in units if amount % units[name] == 0), key=lambda name: units[name])
    return f"{amount // units[unit]} {unit if amount else next(iter(units))}"
