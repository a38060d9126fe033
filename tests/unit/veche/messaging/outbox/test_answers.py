"""The table of answers of the homeserver, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.messaging.outbox.answers import (
    DEVICE_RETRY_MS,
    LIMITED_MS_MAX,
    RETRY_MS_MAX,
    RETRY_MS_MIN,
    Do,
    judge,
    retry_ms,
)
from veche.protocol.errors import UnavailableError
from veche.runtime.matrix.client import MatrixError
from veche.runtime.ports import Undeliverable
from veche.runtime.web.http_client import AnswerTooLargeError, NoAnswerError


def refused(status: int, errcode: str, **more: Any) -> MatrixError:
    return MatrixError(status, {"errcode": errcode, "error": "text", **more})


@each_row("status", [500, 502, 503, 504, 520])
def test_an_error_of_the_server_is_tried_again(status: int) -> None:
    verdict = judge(refused(status, "M_UNKNOWN"))

    assert verdict.do is Do.RETRY
    assert verdict.wait_ms is None
    assert not verdict.is_alarm


@pytest.mark.parametrize(
    "error",
    [
        NoAnswerError("no", retry_after_ms=1),
        AnswerTooLargeError("no", retry_after_ms=1),
        UnavailableError("not JSON", retry_after_ms=1),
    ],
)
def test_no_answer_is_tried_again(error: UnavailableError) -> None:
    assert judge(error).do is Do.RETRY


@each_row(
    ("told_ms", "wait_ms"),
    [(0, 0), (1_500, 1_500), (None, RETRY_MS_MIN), (-5, 0), ("soon", RETRY_MS_MIN)],
)
def test_a_limit_waits_as_long_as_it_says(told_ms: object, wait_ms: int) -> None:
    verdict = judge(refused(429, "M_LIMIT_EXCEEDED", retry_after_ms=told_ms))

    assert (verdict.do, verdict.wait_ms) == (Do.RETRY, wait_ms)


@pytest.mark.parametrize("told_ms", [LIMITED_MS_MAX, LIMITED_MS_MAX + 1])
def test_a_limit_waits_ten_minutes_at_most(told_ms: int) -> None:
    assert judge(refused(429, "M_LIMIT_EXCEEDED", retry_after_ms=told_ms)).wait_ms == LIMITED_MS_MAX


def test_a_reaction_that_is_there_is_done() -> None:
    assert judge(refused(400, "M_DUPLICATE_ANNOTATION")).do is Do.DONE


def test_an_unknown_device_is_an_alarm_and_waits() -> None:
    verdict = judge(refused(400, "M_UNKNOWN_DEVICE"))

    assert verdict.do is Do.DEVICE_LOST
    assert verdict.wait_ms == DEVICE_RETRY_MS
    assert verdict.is_alarm


def test_our_own_guard_is_a_bug_and_not_tried_again() -> None:
    by_key = judge(refused(403, "M_FORBIDDEN", **{"org.veche.reason": "ACT_MISSING"}))
    by_code = judge(refused(400, "ORG.VECHE.MALFORMED", field="org.veche.prompt.v"))

    for verdict in (by_key, by_code):
        assert verdict.do is Do.GIVE_UP
        assert verdict.reason is Undeliverable.GUARD
        assert verdict.is_alarm


def test_a_person_who_takes_no_invites_is_no_alarm() -> None:
    verdict = judge(refused(403, "M_INVITE_BLOCKED"))

    assert verdict.do is Do.GIVE_UP
    assert verdict.reason is Undeliverable.INVITES_BLOCKED
    assert not verdict.is_alarm


@each_row(
    ("status", "errcode"),
    [(413, "M_TOO_LARGE"), (400, "M_BAD_JSON"), (400, "M_UNKNOWN"), (404, "M_NOT_FOUND")],
)
def test_what_the_homeserver_does_not_take_is_a_bug(status: int, errcode: str) -> None:
    verdict = judge(refused(status, errcode))

    assert verdict.do is Do.GIVE_UP
    assert verdict.reason is Undeliverable.MALFORMED
    assert verdict.is_alarm


def test_forbidden_asks_whether_the_bot_is_in_the_room() -> None:
    assert judge(refused(403, "M_FORBIDDEN")).do is Do.ASK_MEMBERSHIP


def test_a_refused_token_gives_nothing_up() -> None:
    verdict = judge(refused(401, "M_UNKNOWN_TOKEN"))

    assert verdict.do is Do.RETRY
    assert verdict.is_alarm


@given(st.integers(400, 599), st.text(max_size=30), st.dictionaries(st.text(), st.text()))
def test_every_answer_has_a_verdict(status: int, errcode: str, extra: dict[str, str]) -> None:
    verdict = judge(MatrixError(status, {**extra, "errcode": errcode}))

    assert (verdict.reason is not None) == (verdict.do is Do.GIVE_UP)


@each_row(
    ("attempts", "full_ms"),
    [(0, 1_000), (1, 1_000), (2, 2_000), (6, 32_000), (7, 60_000), (10_000, 60_000)],
)
def test_waits_double_to_a_minute(attempts: int, full_ms: int) -> None:
    assert retry_ms(attempts, lambda: 0.0) == full_ms // 2
    assert full_ms * 0.99 <= retry_ms(attempts, lambda: 0.9999) <= full_ms


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_no_wait_is_longer_or_shorter_than_said(attempts: int, chance: float) -> None:
    assert RETRY_MS_MIN // 2 <= retry_ms(attempts, lambda: chance) <= RETRY_MS_MAX
