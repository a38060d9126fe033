"""Errands: work that must be done and cannot be done in a transaction, and timers."""

from veche.messaging.jobs.jobs import (
    BATCH_MAX,
    JOIN_SUFFIX,
    RETRY_MS_MAX,
    RETRY_MS_MIN,
    ErrandHandler,
    ErrandLoops,
    Errands,
    retry_delay_ms,
)
from veche.messaging.jobs.store import (
    CHANNEL,
    LEASE_MS,
    PAYLOAD_BYTES_MAX,
    Errand,
    cancel,
    hasten,
    schedule,
)

__all__ = [
    "BATCH_MAX",
    "CHANNEL",
    "JOIN_SUFFIX",
    "LEASE_MS",
    "PAYLOAD_BYTES_MAX",
    "RETRY_MS_MAX",
    "RETRY_MS_MIN",
    "Errand",
    "ErrandHandler",
    "ErrandLoops",
    "Errands",
    "cancel",
    "hasten",
    "retry_delay_ms",
    "schedule",
]
