"""When a session is replaced, at each bound and one beyond it."""

from __future__ import annotations

import pytest

from tests.support.tables import each_row
from veche.runtime.crypto.core.rotation import (
    AGE_MS_MAX,
    AGE_MS_MIN,
    MESSAGES_MAX,
    Limits,
    Rotation,
    read_limits,
    rotation,
)

ANNA, BORIS = ("@anna:veche.test", "a"), ("@boris:veche.test", "b")


def why(
    count: int = 0,
    age_ms: int = 0,
    shared: tuple[tuple[str, str], ...] = (ANNA,),
    readers: tuple[tuple[str, str], ...] = (ANNA,),
    limits: Limits | None = None,
) -> Rotation | None:
    return rotation(
        limits or Limits(), message_count=count, age_ms=age_ms, shared=shared, readers=readers
    )


def test_a_session_that_fits_stays() -> None:
    assert why() is None


@pytest.mark.parametrize(
    ("count", "reason"), [(MESSAGES_MAX - 1, None), (MESSAGES_MAX, Rotation.MESSAGES)]
)
def test_it_goes_after_as_many_messages(count: int, reason: Rotation | None) -> None:
    assert why(count=count) is reason


@pytest.mark.parametrize(
    ("age_ms", "reason"), [(AGE_MS_MAX - 1, None), (AGE_MS_MAX, Rotation.AGE), (-1, Rotation.AGE)]
)
def test_it_goes_when_it_is_old_or_the_clock_went_back(
    age_ms: int, reason: Rotation | None
) -> None:
    assert why(age_ms=age_ms) is reason


def test_it_goes_when_a_reader_or_a_device_is_gone() -> None:
    assert why(shared=(ANNA, BORIS)) is Rotation.READER_GONE


def test_it_stays_when_a_reader_comes() -> None:
    assert why(readers=(ANNA, BORIS)) is None


def test_a_rooms_own_limits_hold() -> None:
    limits = Limits(AGE_MS_MIN, 3)

    assert why(count=2, limits=limits) is None
    assert why(count=3, limits=limits) is Rotation.MESSAGES
    assert why(age_ms=AGE_MS_MIN, limits=limits) is Rotation.AGE


@each_row(
    ("content", "limits"),
    [
        ({}, Limits()),
        (None, Limits()),
        ([], Limits()),
        ({"rotation_period_msgs": 7}, Limits(AGE_MS_MAX, 7)),
        ({"rotation_period_msgs": 0}, Limits(AGE_MS_MAX, 1)),
        ({"rotation_period_msgs": -(2**80)}, Limits(AGE_MS_MAX, 1)),
        ({"rotation_period_msgs": 10**6}, Limits()),
        ({"rotation_period_msgs": True}, Limits()),
        ({"rotation_period_msgs": "7"}, Limits()),
        ({"rotation_period_ms": 1}, Limits(AGE_MS_MIN, MESSAGES_MAX)),
        ({"rotation_period_ms": AGE_MS_MIN + 1}, Limits(AGE_MS_MIN + 1, MESSAGES_MAX)),
        ({"rotation_period_ms": 2**80}, Limits()),
        ({"rotation_period_ms": 1.5}, Limits()),
    ],
)
def test_what_a_room_wishes_is_kept_within_our_bounds(content: object, limits: Limits) -> None:
    assert read_limits(content) == limits
