"""What a push service is sent, and what its answers mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.app import core
from appservices.app.core import Outcome
from veche.protocol.errors import MalformedError

NOW_MS = 1_800_000_000_000
IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255)


@given(IDS, IDS, st.none() | st.integers(0, 2**53))
def test_a_payload_holds_ids_and_a_count_and_has_a_rounded_length(
    event_id: str, room_id: str, unread: int | None
) -> None:
    made = core.payload(event_id, room_id, unread)

    assert json.loads(made) == {
        "event_id": event_id,
        "room_id": room_id,
        "counts": {} if unread is None else {"unread": unread},
    }
    assert len(made) % core.PADDED_BYTES == 0


def test_ids_that_would_not_fit_are_left_out() -> None:
    longest = core.payload("\U0001f600" * 255, "\0" * 255, 2**53)

    assert len(longest) <= 3_993, "RFC 8291 §4"
    assert json.loads(longest) == {"counts": {"unread": 2**53}}


def test_rooms_are_told_apart_and_not_named() -> None:
    topics = {
        core.headers(room, secret, is_urgent=True)["Topic"]
        for room in ("!a:x", "!b:x")
        for secret in (b"1" * 16, b"2" * 16)
    }

    assert len(topics) == 4
    assert {len(one) for one in topics} == {32}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.SENT),
        (201, Outcome.SENT),
        (299, Outcome.SENT),
        (400, Outcome.DROPPED),
        (401, Outcome.LATER),
        (403, Outcome.LATER),
        (404, Outcome.GONE),
        (410, Outcome.GONE),
        (413, Outcome.DROPPED),
        (429, Outcome.LATER),
        (500, Outcome.LATER),
        (503, Outcome.LATER),
    ],
)
def test_what_an_answer_means(status: int, outcome: Outcome) -> None:
    assert core.outcome_of(status) is outcome


@pytest.mark.parametrize(
    ("retry_after", "failures", "wait_ms"),
    [
        ("", 1, 30_000),
        ("", 2, 60_000),
        ("", 1_000_000, 3_600_000),
        ("120", 9, 120_000),
        (" 120 ", 1, 120_000),
        ("0", 1, 1_000),
        ("9" * 5_000, 1, 3_600_000),
        ("-5", 1, 30_000),
        ("١٢", 1, 30_000),
        ("soon", 1, 30_000),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 1, 120_000),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 1, 1_000),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1, 3_600_000),
    ],
)
def test_how_long_a_push_service_is_left_alone(
    retry_after: str, failures: int, wait_ms: int
) -> None:
    assert core.wait_ms(retry_after, failures, NOW_MS) == wait_ms


@given(st.text(max_size=60), st.integers(-5, 10**9))
def test_whatever_it_says_it_is_asked_again_within_an_hour(said: str, failures: int) -> None:
    assert 1_000 <= core.wait_ms(said, failures, NOW_MS) <= core.WAIT_MS_MAX


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("fcm.googleapis.com", True),
        ("FCM.googleapis.com.", True),
        ("updates.push.services.mozilla.com", True),
        ("push.services.mozilla.com", False),
        ("evilpush.services.mozilla.com", False),
        ("fcm.googleapis.com.evil.example", False),
        ("fcm-googleapis.com", False),
        ("", False),
    ],
)
def test_which_push_services_are_listed(host: str, *, is_served: bool) -> None:
    services = ("fcm.googleapis.com", "*.push.services.mozilla.com")

    assert core.is_served(host, services) is is_served
    assert core.is_served(host, ("*",))


@given(st.binary(max_size=80))
def test_base64url_is_read_as_it_is_written(data: bytes) -> None:
    assert core.from_base64url(core.to_base64url(data)) == data


@given(st.text(max_size=100), st.text(max_size=100))
def test_keys_that_are_none_are_refused_by_name(p256dh: str, auth: str) -> None:
    with pytest.raises(MalformedError) as refused:
        core.checked("https://push.example/x", p256dh, auth)

    assert refused.value.field == "body.p256dh"
