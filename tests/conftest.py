"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.people import why_not_rust

# A slow or busy machine is no reason to fail.
settings.register_profile(
    "veche", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("veche")


def pytest_report_header() -> list[str]:
    """What cannot be tested on this machine, and why."""
    reason = why_not_rust()
    return [f"skipped: {reason}"] if reason else []
