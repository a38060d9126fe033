"""Metrics in Prometheus' form, all in one registry of ours.

A module makes its metrics once, when it is imported, and keeps them in private names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

REGISTRY: Final = CollectorRegistry()

SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def counter(name: str, what: str, labels: Sequence[str] = ()) -> Counter:
    """A count that only grows; ``name`` is ``veche_…_total``."""
    return Counter(_checked(name), what, labels, registry=REGISTRY)


def gauge(name: str, what: str, labels: Sequence[str] = ()) -> Gauge:
    """A number that rises and falls."""
    return Gauge(_checked(name), what, labels, registry=REGISTRY)


def histogram(name: str, what: str, labels: Sequence[str] = ()) -> Histogram:
    """How long something takes; ``name`` is ``veche_…_seconds``."""
    return Histogram(_checked(name), what, labels, registry=REGISTRY, buckets=SECONDS_BUCKETS)


def text() -> bytes:
    """All metrics now, in Prometheus' text format 0.0.4."""
    return generate_latest(REGISTRY)


def _checked(name: str) -> str:
    if not name.startswith("veche_"):
        raise ValueError(f"a metric of ours starts with veche_: {name}")
    return name


ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
