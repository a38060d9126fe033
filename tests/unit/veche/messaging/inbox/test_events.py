"""What of a push becomes a row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.messaging.inbox.events import (
    HEALED_INVITE,
    ID_CHARACTERS_MAX,
    TRACKED,
    invite_of,
    is_first_join,
    read_event,
    read_events,
)
from veche.protocol.ids import UserId

BOT = UserId("@veche_bot:example.org")
ALICE = "@alice:example.org"


def is_ours(user_id: str) -> bool:
    return user_id.startswith("@veche_") and user_id.endswith(":example.org")


def event(**changes: Any) -> dict[str, Any]:
    whole = {
        "room_id": "!room",
        "event_id": "$1",
        "sender": ALICE,
        "type": "m.room.message",
        "content": {"body": "hello"},
    }
    return whole | changes


def member(user_id: str, membership: str, **changes: Any) -> dict[str, Any]:
    return event(
        type="m.room.member", state_key=user_id, content={"membership": membership}, **changes
    )


def test_a_message_is_a_row_with_the_whole_event() -> None:
    row = read_event(event(), is_ours)

    assert row is not None
    assert (row.room_id, row.event_id, row.sender, row.event_type) == (
        "!room",
        "$1",
        ALICE,
        "m.room.message",
    )
    assert row.bot is None
    assert json.loads(row.event) == event()


def test_what_our_bots_say_is_no_row() -> None:
    assert read_event(event(sender=BOT), is_ours) is None


def test_a_membership_of_our_bot_is_a_row_about_it_whoever_sends_it() -> None:
    invited = read_event(member(BOT, "invite"), is_ours)
    joined = read_event(member(BOT, "join", sender=BOT), is_ours)

    assert invited is not None
    assert joined is not None
    assert (invited.bot, invited.membership) == (BOT, "invite")
    assert (joined.bot, joined.membership) == (BOT, "join")


@pytest.mark.parametrize("kind", sorted(TRACKED))
def test_state_that_decides_who_reads_is_a_row_although_our_bot_set_it(kind: str) -> None:
    key = ALICE if kind == "m.room.member" else ""
    row = read_event(event(type=kind, state_key=key, sender=BOT), is_ours)

    assert row is not None
    assert row.bot is None
    # Without a state key it is no state, only somebody's words.
    assert read_event(event(type=kind, sender=BOT), is_ours) is None


def test_whom_our_bot_removes_is_a_row() -> None:
    assert read_event(member(ALICE, "ban", sender=BOT), is_ours) is not None


def test_a_bot_of_another_server_is_not_ours() -> None:
    assert read_event(event(sender="@veche_bot:elsewhere.org"), is_ours) is not None


@each_row("field", ["room_id", "event_id", "sender", "type"])
@each_row(
    "value",
    [None, 1, True, [], {}, "", "a\0b", "\ud800", "x" * (ID_CHARACTERS_MAX + 1)],
)
def test_an_event_whose_ids_are_none_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"id|NUL|surrogates"):
        read_event(event(**{field: value}), is_ours)


@each_row("field", ["room_id", "event_id", "sender", "type"])
def test_an_event_without_an_id_is_refused(field: str) -> None:
    without = event()
    del without[field]

    with pytest.raises(ValueError, match=field):
        read_event(without, is_ours)


def test_the_longest_id_is_taken() -> None:
    longest = "$" + "x" * (ID_CHARACTERS_MAX - 1)

    row = read_event(event(event_id=longest), is_ours)

    assert row is not None
    assert row.event_id == longest


@each_row("thing", [None, 1, "text", [], [{}]])
def test_what_is_no_object_is_refused(thing: object) -> None:
    with pytest.raises(ValueError, match="not an object"):
        read_event(thing, is_ours)


def test_one_malformed_event_does_not_touch_the_others() -> None:
    rows, malformed_count = read_events(
        [event(), {"event_id": "$2"}, None, event(event_id="$3")], is_ours
    )

    assert [row.event_id for row in rows] == ["$1", "$3"]
    assert malformed_count == 2


def test_an_event_nested_too_deep_is_malformed_and_no_more() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}

    rows, malformed_count = read_events([event(content=deep), event()], is_ours)

    assert [row.event_id for row in rows] == ["$1"]
    assert malformed_count == 1
    while deep:  # or its end would take as deep a recursion
        deep = deep.pop("a")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_breaks_the_reading_of_others(thing: Any) -> None:
    rows, malformed_count = read_events([thing, event(content=thing), event()], is_ours)

    assert len(rows) + malformed_count == 3
    assert rows[-1].event_id == "$1"


def test_content_with_nul_and_lone_surrogates_stays_what_it_was() -> None:
    odd = {"body": "a\0b\ud800c"}

    row = read_event(event(content=odd), is_ours)

    assert row is not None
    assert row.event.isascii()
    assert json.loads(row.event)["content"] == odd


@each_row("content", [None, [], "join", {}, {"membership": 1}])
def test_a_membership_of_our_bot_that_says_nothing_has_none(content: object) -> None:
    row = read_event(event(type="m.room.member", state_key=BOT, content=content), is_ours)

    assert row is not None
    assert row.bot == BOT
    assert row.membership is None


def test_the_whole_event_of_an_invitation_keeps_its_id() -> None:
    invite = {"invite_state": {"events": [event(type="m.room.name"), member(BOT, "invite")]}}

    found = invite_of("!room", invite, BOT, "s1")

    assert found is not None
    assert found["event_id"] == "$1"


def test_a_stripped_invitation_gets_an_id_of_its_own_that_is_always_the_same() -> None:
    stripped = member(BOT, "invite")
    del stripped["event_id"], stripped["room_id"]
    other = {**stripped, "sender": "@bob:example.org"}

    ids = [
        (invite_of("!room", {"invite_state": {"events": [one]}}, BOT, since) or {})["event_id"]
        for one, since in ((stripped, "s1"), (stripped, "s1"), (other, "s1"), (stripped, "s2"))
    ]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(one.startswith(HEALED_INVITE) for one in ids)
    assert max(map(len, ids)) <= ID_CHARACTERS_MAX


@each_row(
    "invite",
    [
        None,
        [],
        {},
        {"invite_state": None},
        {"invite_state": {"events": None}},
        {"invite_state": {"events": [None, 1]}},
        {"invite_state": {"events": [member("@other:example.org", "invite")]}},
        {"invite_state": {"events": [member(BOT, "join")]}},
    ],
)
def test_what_is_no_invitation_of_the_bot_is_none(invite: object) -> None:
    assert invite_of("!room", invite, BOT, "s1") is None


def test_only_the_event_by_which_the_bot_comes_in_is_its_first() -> None:
    invited = {"prev_content": {"membership": "invite"}}
    renamed = {"prev_content": {"membership": "join"}}

    assert is_first_join(member(BOT, "join"), BOT)
    assert is_first_join(member(BOT, "join", unsigned=invited), BOT)
    assert not is_first_join(member(BOT, "join", unsigned=renamed), BOT)
    assert not is_first_join(member(BOT, "leave"), BOT)
    assert not is_first_join(member(ALICE, "join"), BOT)
    assert not is_first_join(event(), BOT)
