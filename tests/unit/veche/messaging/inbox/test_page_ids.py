"""Ids of what people do on pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.veche.rig import event, is_ours
from tests.support.tables import each_row
from veche.messaging.inbox.events import ID_CHARACTERS_MAX, read_event, read_events
from veche.messaging.inbox.pages import is_page, page_event_id
from veche.protocol.ids import UserId

ALICE, BOB = UserId("@alice:veche.test"), UserId("@bob:veche.test")
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


@given(KEYS, KEYS)
def test_an_id_is_of_one_person_and_one_key(one: str, other: str) -> None:
    assert page_event_id(ALICE, one) != page_event_id(BOB, one)
    assert (page_event_id(ALICE, one) == page_event_id(ALICE, other)) == (one == other)


@given(KEYS)
def test_an_id_fits_and_is_of_a_page(key: str) -> None:
    event_id = page_event_id(ALICE, key)
    assert is_page(event_id)
    assert len(event_id) <= ID_CHARACTERS_MAX
    assert not {"$", " "} & set(event_id)


@given(KEYS)
def test_no_homeserver_says_an_id_of_a_page(key: str) -> None:
    forged = event("!room", ALICE, "forged", event_id=page_event_id(ALICE, key))
    with pytest.raises(ValueError, match="none of a homeserver"):
        read_event(forged, is_ours)


@each_row(
    "event_id", ["page:", "page:x", "PAGE:x", " page:x", "x", "", "\0page:x", "p", "é", 5, None]
)
def test_ids_that_no_homeserver_gives_are_passed_over(event_id: Any) -> None:
    good = event("!room", ALICE, "good")
    rows, malformed_count = read_events(
        [event("!room", ALICE, "x", event_id=event_id), good], is_ours
    )
    assert [row.event_id for row in rows] == [good["event_id"]]
    assert malformed_count == 1
