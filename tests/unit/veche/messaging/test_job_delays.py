"""How long a failed job waits."""

from __future__ import annotations

from tests.support.tables import each_row
from veche.messaging.jobs import RETRY_MS_MAX, retry_delay_ms


@each_row(
    ("attempts", "delay_ms"),
    [(1, 1_000), (2, 2_000), (9, 256_000), (10, RETRY_MS_MAX), (10**9, RETRY_MS_MAX)],
)
def test_waits_double_to_five_minutes(attempts: int, delay_ms: int) -> None:
    assert retry_delay_ms(attempts) == delay_ms
