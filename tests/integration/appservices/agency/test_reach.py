"""People who come, go and cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appservices.agency.cases.core.states import State
from tests.integration.appservices.agency.town import (
    ALICE,
    BOT,
    CAROL,
    CHAT,
    words_of,
)
from veche.contracts.agency.case import CASE_KEY
from veche.protocol.ids import UserId
from veche.runtime.ports import Undeliverable

if TYPE_CHECKING:
    from tests.integration.appservices.agency.town import Said, Town

CANNOT = "cannot be reached"


def last_in(town: Town, room_id: str, kind: str = "m.room.message") -> Said:
    return [one for one in town.said if one.room_id == room_id and one.type == kind][-1]


@pytest.mark.parametrize(
    "reason",
    [
        Undeliverable.ROOM_LOST,
        Undeliverable.FORBIDDEN,
        Undeliverable.GUARD,
        Undeliverable.MALFORMED,
    ],
)
def test_the_desk_learns_that_a_message_never_arrives(town: Town, reason: Undeliverable) -> None:
    town.submitted()

    said = town.lose(last_in(town, town.case().room), reason)

    assert CANNOT in words_of(said, town.desk())
    assert town.case().id[-8:] in words_of(said, town.desk())
    assert town.case().is_unreached


def test_the_desk_learns_it_once(town: Town) -> None:
    town.submitted()
    lost = last_in(town, town.case().room)
    town.lose(lost, Undeliverable.ROOM_LOST)

    assert town.lose(lost, Undeliverable.ROOM_LOST) == []


def test_the_desk_learns_that_the_person_is_there_again(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.lose(last_in(town, room), Undeliverable.ROOM_LOST)

    said = town.write(room, ALICE, "status")

    assert "can be reached again" in words_of(said, town.desk())
    assert not town.case().is_unreached
    assert "can be reached again" not in words_of(town.write(room, ALICE, "status"))


def test_a_lost_edit_or_reaction_alarms_nobody(town: Town) -> None:
    town.submitted()
    edit = next(one for one in town.said if one.is_edit)
    reaction = last_in(town, CHAT, "m.reaction")

    assert town.lose(edit, Undeliverable.RELATION_LOST) == []
    assert town.lose(reaction, Undeliverable.FORBIDDEN) == []


def test_who_takes_no_invitations_is_told_the_way_in(town: Town) -> None:
    town.submitted()
    room = town.case().room
    invitation = last_in(town, room, "m.room.member")

    said = town.lose(invitation, Undeliverable.INVITES_BLOCKED)

    words = words_of(said, CHAT)
    assert f"https://matrix.to/#/{room}?via=veche.test" in words
    assert "without an invitation" in words
    assert not town.case().is_unreached


def test_the_desk_learns_that_a_clerk_could_not_be_let_in(town: Town) -> None:
    town.claimed()
    invitation = last_in(town, town.case().room, "m.room.member")
    assert invitation.state_key == CAROL

    said = town.lose(invitation, Undeliverable.INVITES_BLOCKED)

    assert CAROL in words_of(said, town.desk())
    assert words_of(said, CHAT) == ""


def test_what_is_lost_at_a_desk_or_in_a_chat_changes_no_case(town: Town) -> None:
    town.greeted()

    assert town.lose(last_in(town, town.desk()), Undeliverable.ROOM_LOST) == []
    assert town.lose(last_in(town, CHAT), Undeliverable.ROOM_LOST) == []


def test_a_draft_whose_person_is_lost_disturbs_no_desk(town: Town) -> None:
    town.started()

    assert town.lose(last_in(town, CHAT), Undeliverable.ROOM_LOST) == []
    assert town.case().state == State.DRAFT.value


@pytest.mark.parametrize("membership", ["leave", "ban"])
def test_a_person_who_leaves_the_room_of_the_case_finds_back(town: Town, membership: str) -> None:
    town.submitted()
    room = town.case().room

    said = town.move(room, ALICE, membership)

    assert CANNOT in words_of(said, town.desk())
    assert f"https://matrix.to/#/{room}" in words_of(said, CHAT)
    back = town.move(room, ALICE, "join")
    assert "can be reached again" in words_of(back, town.desk())


def test_the_case_of_a_person_who_left_goes_on(town: Town) -> None:
    town.claimed()
    town.move(town.case().room, ALICE, "leave")

    town.press(town.question("decide"), CAROL, "approve")

    assert town.case().state == State.SERVED.value


def test_others_come_and_go_unnoticed(town: Town) -> None:
    town.claimed()
    room = town.case().room

    for user in (CAROL, UserId("@mother:veche.test")):
        for membership in ("invite", "join", "leave"):
            assert town.move(room, user, membership, by=ALICE) == []
    assert town.move(CHAT, ALICE, "leave") == []


def test_a_bot_that_was_shown_out_of_the_room_of_a_case_tells_the_desk(town: Town) -> None:
    town.submitted()

    said = town.move(town.case().room, BOT, "leave", by=ALICE)

    assert CANNOT in words_of(said, town.desk())


def test_a_bot_that_was_shown_out_of_a_chat_says_nothing(town: Town) -> None:
    town.greeted()

    assert town.move(CHAT, BOT, "ban", by=ALICE) == []


@pytest.mark.parametrize("membership", [None, 7, "knock", "dance"])
def test_odd_memberships_harm_nothing(town: Town, membership: str) -> None:
    town.submitted()
    content = {"membership": membership}

    for user in (ALICE, BOT):
        for room in (town.case().room, CHAT, town.desk()):
            said = town.hear(room, user, content, kind="m.room.member", state_key=user)
            assert said == []


def cards_in(said: list[Said]) -> list[Said]:
    return [one for one in said if CASE_KEY in one.content and one.relation is None]


def test_a_person_of_another_server_who_joins_gets_what_was_said_before_once(town: Town) -> None:
    far = UserId("@far:elsewhere.test")
    town.submitted()
    room = town.case().room
    fresh = "UPDATE agency.case_file SET person = %s, card_effect = NULL, has_joined = false"
    town.sql(fresh, far)
    town.press(town.question("claim"), CAROL, "claim")
    town.press(town.question("decide"), CAROL, "ask_more")
    early = town.write(town.desk(), CAROL, "Which hospital?")

    said = town.move(room, far, "join")
    again = [*town.move(room, far, "join"), *town.move(room, far, "leave")]
    back = town.move(room, far, "join")

    assert cards_in(early) == []
    assert len(cards_in(said)) == 1
    assert "waits for your answer" in words_of(said, room)
    assert "Which hospital?" in words_of(said, room)
    assert cards_in([*again, *back]) == []
    assert "Which hospital?" not in words_of([*again, *back], room)


def test_a_person_of_ours_who_joins_gets_nothing_twice(town: Town) -> None:
    town.submitted()

    assert town.move(town.case().room, ALICE, "join") == []
