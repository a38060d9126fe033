"""Paths, errors and room plans of the client API."""

from __future__ import annotations

from tests.support.tables import each_row
from veche.runtime.matrix.client import ERROR_CHARACTERS_MAX, MatrixError, path
from veche.runtime.matrix.rooms import RoomPlan


def test_parts_of_a_path_are_quoted_slashes_too() -> None:
    assert path("rooms", "!a/b:c", "state", "m.x", "") == (
        "/_matrix/client/v3/rooms/%21a%2Fb%3Ac/state/m.x/"
    )
    assert path("ä?#%", root="/r") == "/r/%C3%A4%3F%23%25"


@each_row(
    ("content", "errcode", "error", "wait_ms"),
    [
        ({}, "M_UNKNOWN", "", None),
        ({"errcode": 5, "error": None, "retry_after_ms": "1"}, "M_UNKNOWN", "", None),
        ({"errcode": "M_X", "error": "why", "retry_after_ms": 5}, "M_X", "why", 5),
        ({"retry_after_ms": 5.7}, "M_UNKNOWN", "", 5),
    ],
)
def test_an_error_is_read_whatever_it_holds(
    content: dict[str, object], errcode: str, error: str, wait_ms: int | None
) -> None:
    found = MatrixError(400, content)

    assert (found.errcode, found.error, found.retry_after_ms) == (errcode, error, wait_ms)


def test_the_text_of_an_error_is_bounded() -> None:
    assert len(MatrixError(400, {"error": "x" * 10_000}).error) == ERROR_CHARACTERS_MAX


def test_a_room_is_encrypted_from_its_first_event_on() -> None:
    body = RoomPlan().body("veche_room_1")

    assert body["initial_state"][0]["type"] == "m.room.encryption"
    assert body["room_alias_name"] == "veche_room_1"
    assert "invite" not in body


def test_a_public_room_is_read_by_anybody_and_written_by_the_bot_alone() -> None:
    body = RoomPlan(public_alias="veche_ledger").body("veche_ledger")

    assert body["preset"] == "public_chat"
    assert [one["content"] for one in body["initial_state"]] == [
        {"history_visibility": "world_readable"}
    ]
    assert body["power_level_content_override"] == {"events_default": 100}


def test_a_plan_says_what_the_room_is() -> None:
    topic = {"type": "m.room.topic", "state_key": "", "content": {"topic": "t"}}
    plan = RoomPlan(initial_state=[topic], power_levels={"events_default": 50})

    body = plan.body("x")

    assert [event["type"] for event in body["initial_state"]] == [
        "m.room.encryption",
        "m.room.topic",
    ]
    assert body["power_level_content_override"] == {"events_default": 50}
