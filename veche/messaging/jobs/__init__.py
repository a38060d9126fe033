"""JobRunner: work that must be done and cannot be done in a transaction, and timers."""

from veche.messaging.jobs.jobs import (
    BATCH_MAX,
    JOIN_SUFFIX,
    RETRY_MS_MAX,
    RETRY_MS_MIN,
    JobHandler,
    JobRunner,
    JobRunners,
    retry_delay_ms,
)
from veche.messaging.jobs.store import (
    CHANNEL,
    LEASE_MS,
    PAYLOAD_BYTES_MAX,
    Job,
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
    "Job",
    "JobHandler",
    "JobRunner",
    "JobRunners",
    "cancel",
    "hasten",
    "retry_delay_ms",
    "schedule",
]
