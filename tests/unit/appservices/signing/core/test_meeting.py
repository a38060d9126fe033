"""A meeting of a guest and a registrar: what may happen in it, and who a guest is."""

from __future__ import annotations

import itertools

import attrs
import pytest

from appservices.signing.meetings.core import (
    LASTS_MS,
    TABLE,
    TABLET_MS,
    Meeting,
    MeetingInput,
    MeetingState,
    step,
)
from appservices.signing.sessions.core.errors import MeetingOverError
from appservices.signing.sessions.core.guests import guest_id, is_guest, is_same_name
from tests.support.tables import each_row
from veche.protocol.ids import Ulid, UserId

ID = Ulid("01KAV3Z8K4Q6V5W7X9Y0A1B2C3")
CAROL = UserId("@carol:example.org")
OFFERED = Meeting(ID, ID, "p2", CAROL, MeetingState.OFFERED, 1_000)


@each_row(("state", "happened"), list(itertools.product(MeetingState, MeetingInput)))
def test_only_what_stands_in_the_table_happens(state: MeetingState, happened: MeetingInput) -> None:
    meeting = attrs.evolve(OFFERED, state=state)
    after = TABLE.get((state, happened))

    if after is None:
        with pytest.raises(MeetingOverError):
            step(meeting, happened, 1_000)
    else:
        assert step(meeting, happened, 1_000) == attrs.evolve(meeting, state=after)


@pytest.mark.parametrize("happened", [MeetingInput.CLAIM, MeetingInput.REFUSE])
def test_a_link_is_good_for_a_quarter_of_an_hour(happened: MeetingInput) -> None:
    end_ms = OFFERED.made_at_ms + LASTS_MS

    step(OFFERED, happened, end_ms - 1)
    with pytest.raises(MeetingOverError):
        step(OFFERED, happened, end_ms)
    # Only a newer one takes its place.
    assert step(OFFERED, MeetingInput.REPLACE, end_ms).state is MeetingState.REPLACED


def test_nothing_follows_once_somebody_is_identified() -> None:
    assert not [one for one in TABLE if one[0] is MeetingState.IDENTIFIED]


TABLET = attrs.evolve(OFFERED, state=MeetingState.CLAIMED, tablet=b"t" * 32)


@pytest.mark.parametrize("happened", [MeetingInput.WRITE, MeetingInput.IDENTIFY])
def test_on_a_tablet_there_is_an_hour_to_read(happened: MeetingInput) -> None:
    end_ms = TABLET.made_at_ms + TABLET_MS

    step(TABLET, happened, end_ms - 1)
    with pytest.raises(MeetingOverError):
        step(TABLET, happened, end_ms)


def test_something_is_written_once() -> None:
    written = step(TABLET, MeetingInput.WRITE, 1_000)

    for again in (MeetingInput.WRITE, MeetingInput.CLAIM):
        with pytest.raises(MeetingOverError):
            step(written, again, 1_000)


def test_another_tablet_shows_other_digits() -> None:
    codes = {attrs.evolve(TABLET, tablet=bytes([n]) * 32).code for n in range(50)}

    assert len(codes) > 45


def test_another_phone_shows_other_digits() -> None:
    codes = {attrs.evolve(OFFERED, public_key=bytes([n]) * 65).code for n in range(50)}

    assert len(codes) > 45
    assert all(len(code) == 4 and code.isdigit() for code in codes)


def test_the_id_of_a_guest_is_nobodys_account() -> None:
    guest = guest_id(ID, "p2", "example.org:8448")

    assert guest == "@veche_guest_01kav3z8k4q6v5w7x9y0a1b2c3_p2:example.org:8448"
    assert is_guest(guest)
    for other in (CAROL, "@veche_guest:example.org", "@veche_guest_x_p2:example.org", "town"):
        assert not is_guest(other)


@each_row(
    ("one", "other", "is_same"),
    [
        ("Bob Brown", "bob  BROWN ", True),
        ("Bob Brown", "Robert Brown", False),
        ("Bob Brown", "Brown Bob", False),
        ("Straße", "STRASSE", True),
        ("Bob", "", False),
    ],
)
def test_names_are_the_same_but_for_case_and_spaces(one: str, other: str, is_same: bool) -> None:
    assert is_same_name(one, other) is is_same
