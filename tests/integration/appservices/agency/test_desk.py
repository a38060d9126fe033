"""The desk: who takes a case, what is decided, and talk that is left alone."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from appservices.agency import bot
from appservices.agency.cases.core.states import State
from tests.integration.appservices.agency.town import (
    ALICE,
    BOT,
    CAROL,
    CHAT,
    DAVE,
    EXAMPLE,
    HENRIETTE,
    IRIS,
    STAFF,
    START_MS,
    new_words,
    words_of,
)
from veche.protocol.acts import bind, call_form, plaintext_hash
from veche.protocol.ids import RoomId, UserId, derived_ulid
from veche.protocol.inbound import DeviceStanding, Trust

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.appservices.agency.town import Town
    from veche.contracts.signing.session_api import SessionBody, SessionState

STRANGER = UserId("@stranger:veche.test")
ADDRESS = EXAMPLE.with_name("change-of-address.yaml")


def thread(town: Town) -> str:
    """The message that began the thread of the case."""
    effect = town.case().desk_effect
    assert effect is not None
    return effect


# Before there are cases.


def test_each_desk_has_a_room_with_everybody_who_works_there(town: Town) -> None:
    rooms = {town.desk(): {CAROL, DAVE, IRIS}, town.desk("management"): {HENRIETTE}}

    for room, staff in rooms.items():
        invited = {
            one.state_key
            for one in town.said
            if one.type == "m.room.member" and one.room_id == room
        }
        assert invited == staff


def test_the_staff_cannot_let_others_in(town: Town) -> None:
    for _, path, body in town.host.client.calls:
        if path.endswith("createRoom"):
            assert body["power_level_content_override"] == {"invite": 50}
    assert town.host.client.calls


def test_a_second_start_makes_and_says_nothing(town: Town) -> None:
    before = len(town.said), len(town.host.client.calls)

    town.opened()

    assert (len(town.said), len(town.host.client.calls)) == before


def test_a_restart_with_work_on_the_desk_warns_of_nothing(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    town.host.have_pages()
    town.opened(services=[EXAMPLE, ADDRESS])
    town.claimed()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        town.opened(services=[EXAMPLE, ADDRESS])
        town.write(town.case().room, ALICE, "status")

    assert caplog.records == []


def test_whoever_joined_the_staff_is_invited_at_the_next_start(town: Town) -> None:
    erin = UserId("@erin:veche.test")
    more = {"id": "erin", "user": erin, "role": "clerk", "desks": ["archive"]}

    town.opened(staff=[*STAFF, more])

    last = town.said[-1]
    assert (last.state_key, last.room_id, last.content["membership"]) == (
        erin,
        town.desk(),
        "invite",
    )


def test_talk_of_the_staff_is_left_alone(town: Town) -> None:
    town.submitted()
    desk = town.desk()

    for words in ("lunch?", "I saw something like that", "hello bot", "why", "status"):
        assert town.write(desk, CAROL, words) == []
    assert town.write(desk, CAROL, "who is it?", thread=thread(town)) == []


def test_strangers_at_a_desk_are_not_heard(town: Town) -> None:
    town.submitted()
    question = town.question("claim")

    assert town.press(question, STRANGER, "claim") == []
    assert town.write(town.desk(), STRANGER, "help") == []
    assert town.case().state == State.SUBMITTED.value


def test_help_at_a_desk_tells_its_commands(town: Town) -> None:
    said = words_of(town.write(town.desk(), CAROL, "help"))

    assert "assign" in said
    assert "withdraw" not in said


def test_cases_are_shown_anew_to_who_has_a_new_device(town: Town) -> None:
    town.claimed()
    before = town.case().desk_effect

    said = town.write(town.desk(), HENRIETTE, "cases")

    assert "Name of the child: Anna Weber" in words_of(said)
    assert "What is decided?" in words_of(said)
    assert town.case().desk_effect not in {before, None}
    town.press(town.question("decide"), CAROL, "approve")
    assert town.case().state == State.SERVED.value


def test_a_desk_without_cases_says_so(town: Town) -> None:
    assert words_of(town.write(town.desk(), CAROL, "cases")) == "No case is open at this desk."


# Claiming.


def test_a_case_comes_to_the_desk_in_a_thread_of_its_own(town: Town) -> None:
    town.submitted()
    card = next(one for one in town.said if one.effect == thread(town))
    claim = town.question("claim")

    assert card.room_id == town.desk()
    assert claim.thread == card.effect
    assert town.case().id[-8:] in card.body
    assert town.case().id[-8:] in claim.body
    assert "Anna Weber" not in words_of(town.said, town.desk())


@pytest.mark.parametrize("words", ["1", "I take it", "claim"])
def test_a_case_is_taken_by_words(town: Town, words: str) -> None:
    town.submitted()

    town.write(town.desk(), CAROL, words)

    assert town.case().clerk == "carol"


def test_who_takes_a_case_is_let_into_its_room_and_shown_the_answers(town: Town) -> None:
    town.submitted()

    said = town.press(town.question("claim"), CAROL, "claim")

    [invited] = [one for one in said if one.type == "m.room.member"]
    assert (invited.state_key, invited.room_id) == (CAROL, town.case().room)
    assert "Anna Weber" in words_of(said, town.desk())


def test_of_two_clerks_the_second_is_told(town: Town) -> None:
    town.submitted()
    claim = town.question("claim")
    town.press(claim, CAROL, "claim")

    said = words_of(town.press(claim, DAVE, "claim"))

    assert said
    assert town.case().clerk == "carol"


def test_an_auditor_looks_and_takes_nothing(town: Town) -> None:
    town.submitted()

    town.press(town.question("claim"), IRIS, "claim")

    assert town.case().clerk is None


def test_two_cases_at_a_desk_are_told_apart(town: Town) -> None:
    town.submitted()
    first = town.case().id
    bob, second_chat = UserId("@bob:veche.test"), RoomId("!second:veche.test")
    town.submitted(bob, second_chat)

    ambiguous = words_of(town.write(town.desk(), CAROL, "1"))
    town.write(town.desk(), CAROL, "1", thread=thread(town))

    assert ambiguous
    assert town.case().clerk == "carol"
    assert town.case(bob).clerk is None
    assert town.case().id == first


@pytest.mark.parametrize("is_pressed", [True, False])
def test_a_refused_answer_is_answered_in_the_thread_of_its_question(
    town: Town, is_pressed: bool
) -> None:
    """Whichever way it came: a reaction and a plain reply are in no thread."""
    town.submitted()
    question = town.question("claim")

    if is_pressed:
        said = town.react(question, CAROL, "1\ufe0f\u20e3")
    else:
        said = town.write(town.desk(), CAROL, "1", to=question, trust=Trust.ANY)

    [refusal] = said
    assert refusal.thread == thread(town)


def test_a_claim_in_clear_does_not_count(town: Town) -> None:
    town.submitted()

    said = words_of(town.write(town.desk(), CAROL, "1", trust=Trust.ANY))

    assert "came without encryption" in said
    assert town.case().clerk is None


DOUBTED = (
    DeviceStanding.UNSIGNED,
    DeviceStanding.LATE,
    DeviceStanding.IDENTITY_CHANGED,
    DeviceStanding.UNKNOWN,
)


@pytest.mark.parametrize("standing", DOUBTED)
def test_a_device_that_the_clerk_never_confirmed_does_nothing_at_the_desk(
    town: Town, standing: DeviceStanding
) -> None:
    """The clerk's homeserver can add one, and it gets no keys of the desk either."""
    town.submitted()
    desk, room = town.desk(), town.case().room
    said = words_of(town.write(desk, CAROL, "1", thread=thread(town), standing=standing))
    assert "Nothing has changed." in said
    assert town.case().clerk is None
    town.press(town.question("claim"), CAROL, "claim")
    town.write(room, ALICE, "!human When?")

    words: tuple[tuple[str, dict[str, Any]], ...] = (
        ("1", {"to": town.question("decide")}),
        ("assign dave", {}),
        ("Never.", {"to": town.question("reply")}),
    )
    for body, more in words:
        said = words_of(
            town.write(desk, CAROL, body, thread=thread(town), standing=standing, **more)
        )
        assert "Nothing has changed." in said, body
    assert town.write(desk, CAROL, "lunch?", standing=standing) == []

    assert (town.case().clerk, town.case().state) == ("carol", State.IN_REVIEW.value)
    assert "Never." not in words_of(town.said, room)
    town.press(town.question("decide"), CAROL, "refuse")
    town.write(desk, CAROL, "1", thread=thread(town))
    before = len(town.said)
    town.write(desk, CAROL, "By § 61.", thread=thread(town), standing=standing)
    assert "Nothing has changed." in words_of(town.said[before:])


def test_a_clerk_whose_client_has_no_identity_decides(town: Town) -> None:
    """Any client will do, as long as the device is one of theirs."""
    town.submitted()
    standing = DeviceStanding.NO_IDENTITY

    for _ in range(2):
        town.write(town.desk(), CAROL, "1", thread=thread(town), standing=standing)

    assert town.case().state == State.SERVED.value


def test_a_claim_cannot_be_tapped(town: Town) -> None:
    town.submitted()

    town.react(town.question("claim"), CAROL, "1️⃣")

    assert town.case().clerk is None


def test_mending_ones_talk_at_the_desk_is_no_answer(town: Town) -> None:
    town.submitted()
    relates = {"rel_type": "m.replace", "event_id": "$in2"}
    content = {"msgtype": "m.text", "body": "* 1", "m.relates_to": relates}

    assert town.hear(town.desk(), CAROL, content) == []
    assert town.case().clerk is None


def test_a_case_goes_back_to_the_desk(town: Town) -> None:
    town.claimed()

    said = town.press(town.question("decide"), CAROL, "return")

    assert town.case().clerk is None
    assert "claim" in town.open_topics()
    [out] = [one for one in said if one.type == "m.room.member"]
    assert (out.state_key, out.content["membership"]) == (CAROL, "leave")
    act = out.opening["opening"]
    assert act["act"] == "restriction"
    assert len(act["why"]) >= 10


# Assigning.


@pytest.mark.parametrize("name", ["dave", "@dave:veche.test", "@dave"])
def test_a_case_is_given_to_somebody(town: Town, name: str) -> None:
    town.claimed()

    said = town.write(town.desk(), CAROL, f"!assign {name}", thread=thread(town))

    assert town.case().clerk == "dave"
    moves = {(one.state_key, one.content["membership"]) for one in said if one.state_key}
    assert moves == {(CAROL, "leave"), (DAVE, "invite")}


@pytest.mark.parametrize("name", ["nobody", "iris", "", "@alice:veche.test"])
def test_a_case_is_given_to_nobody_who_cannot_decide(town: Town, name: str) -> None:
    town.claimed()

    said = words_of(town.write(town.desk(), CAROL, f"!assign {name}", thread=thread(town)))

    assert "• carol" in said
    assert "• dave" in said
    assert "iris" not in said
    assert town.case().clerk == "carol"


def test_outside_a_thread_nothing_is_assigned(town: Town) -> None:
    town.claimed()

    assert "thread" in words_of(town.write(town.desk(), CAROL, "!assign dave"))
    assert town.case().clerk == "carol"


def test_only_who_has_a_case_gives_it_away(town: Town) -> None:
    town.claimed()

    town.write(town.desk(), DAVE, "!assign dave", thread=thread(town))

    assert town.case().clerk == "carol"


def test_a_thread_that_is_none_assigns_nothing(town: Town) -> None:
    town.claimed()

    for root in ("unknown", "\0", "x" * 300):
        town.write(town.desk(), CAROL, "!assign dave", thread=root)

    assert town.case().clerk == "carol"


# Deciding.


def test_only_who_has_the_case_decides(town: Town) -> None:
    town.claimed()

    town.press(town.question("decide"), DAVE, "approve")

    assert town.case().state == State.IN_REVIEW.value


def test_a_refusal_says_why_by_which_rule_and_how_to_appeal(town: Town) -> None:
    town.claimed()
    desk, room = town.desk(), town.case().room
    town.press(town.question("decide"), CAROL, "refuse")
    for words in ("1", "skip", "The hospital has no such child.", "submit"):
        town.write(desk, CAROL, words, thread=thread(town))

    assert town.case().state == State.DECIDED_NO.value
    said = words_of(town.said, room)
    assert "There is no such entry in the register" in said
    assert "Civil Status Act, section 26 (1)" in said
    assert "The hospital has no such child." in said
    assert "Administrative Court" in said


def test_who_is_asked_for_words_need_not_know_threads(town: Town) -> None:
    town.claimed()
    town.press(town.question("decide"), CAROL, "ask_more")

    said = words_of(town.write(town.desk(), CAROL, "Which hospital?"), town.case().room)

    assert "Which hospital?" in said
    assert town.case().state == State.NEEDS_MORE.value


def test_who_is_asked_for_words_twice_says_for_which(town: Town) -> None:
    town.claimed()
    bob, second_chat = UserId("@bob:veche.test"), RoomId("!second:veche.test")
    town.submitted(bob, second_chat)
    town.press(town.question("claim"), CAROL, "claim")
    for case in (town.case(), town.case(bob)):
        town.write(town.desk(), CAROL, "Ask the person", thread=case.desk_effect)

    assert town.write(town.desk(), CAROL, "Which hospital?") == []
    said = town.write(town.desk(), CAROL, "Which town?", thread=thread(town))

    assert "Which town?" in words_of(said, town.case().room)
    assert town.case(bob).state == State.IN_REVIEW.value


def test_while_one_writes_others_talk(town: Town) -> None:
    town.claimed()
    town.press(town.question("decide"), CAROL, "ask_more")

    assert town.write(town.desk(), DAVE, "Which hospital?") == []
    assert town.write(town.desk(), DAVE, "submit", thread=thread(town)) == []


def test_writing_can_be_broken_off(town: Town) -> None:
    town.claimed()
    town.press(town.question("decide"), CAROL, "ask_more")

    town.write(town.desk(), CAROL, "cancel", thread=thread(town))

    assert "decide" in town.open_topics()
    assert town.case().state == State.IN_REVIEW.value


def test_where_two_must_approve_one_is_not_enough(town: Town) -> None:
    town.started()
    for words in ("Anna Weber", "12 March 2020", "Court", "skip", "submit"):
        town.write(CHAT, ALICE, words)
    town.press(town.question("claim"), CAROL, "claim")
    town.press(town.question("decide"), CAROL, "approve")
    assert town.case().state == State.IN_REVIEW.value

    town.press(town.question("claim"), CAROL, "claim")
    assert town.case().clerk is None
    town.press(town.question("claim"), DAVE, "claim")
    town.press(town.question("decide"), DAVE, "approve")

    assert town.case().state == State.SERVED.value


# Questions of the person.


def test_a_reply_to_a_question_reaches_the_person(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "!human When will it be ready?")
    question = town.question("reply")

    said = town.write(town.desk(), DAVE, "Tomorrow at ten.", to=question)

    assert "Tomorrow at ten." in words_of(said, room)
    assert "reply" not in town.open_topics()


def test_a_reply_in_the_thread_reaches_the_person(town: Town) -> None:
    town.claimed()
    room = town.case().room
    town.write(room, ALICE, "!human When?")

    said = town.write(
        town.desk(), CAROL, "Tomorrow.", to=town.question("reply"), thread=thread(town)
    )

    assert "Tomorrow." in words_of(said, room)


def test_talk_near_a_question_does_not_reach_the_person(town: Town) -> None:
    """What is said in a thread names its last message for older clients: that is no reply."""
    town.claimed()
    room, desk = town.case().room, town.desk()
    town.write(room, ALICE, "!human When?")
    question = town.question("reply")
    falling_back = {
        "rel_type": "m.thread",
        "event_id": f"${thread(town)}",
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": question.event_id},
    }
    talk = {"msgtype": "m.text", "body": "not her again", "m.relates_to": falling_back}

    said = [*town.hear(desk, CAROL, talk), *town.write(desk, CAROL, "not her again")]

    assert said == []
    assert "not her" not in words_of(town.said, room)
    assert "reply" in town.open_topics()


def test_a_reply_is_not_sent_with_what_it_quotes(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "!human When?")

    words = "> <@bot> The person asks\n> When?\n\nTomorrow."
    said = words_of(town.write(town.desk(), DAVE, words, to=town.question("reply")), room)

    assert "Tomorrow." in said
    assert "The person asks" not in said


def test_an_auditor_does_not_reply(town: Town) -> None:
    town.submitted()
    town.write(town.case().room, ALICE, "!human When?")

    town.write(town.desk(), IRIS, "Tomorrow.", to=town.question("reply"))

    assert "Tomorrow." not in words_of(town.said, town.case().room)


def test_a_question_is_answered_with_a_form_of_ours(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "!human When?")
    question = town.question("reply")
    content = {
        "msgtype": "m.text",
        "body": "filled in",
        "org.veche.answer": {
            "v": 1,
            "prompt": question.prompt["id"],
            "data": {"text": "Tomorrow."},
        },
        "m.relates_to": {"rel_type": "m.reference", "event_id": question.event_id},
    }

    assert "Tomorrow." in words_of(town.hear(town.desk(), DAVE, content), room)


# Very many cases.


def test_a_busy_desk_still_knows_its_oldest_case(town: Town) -> None:
    """More questions than are looked at without a name stand in the room."""
    town.submitted()
    old = thread(town)
    claim = town.question("claim")
    for number in range(60):
        town.sql(
            "INSERT INTO runtime.prompt (prompt_id, bot, room_id, effect_id, reactions, about,"
            " prompt, intro, purpose, state, created_at_ms)"
            " SELECT 'P' || %s, bot, room_id, 'E' || %s, reactions, 'other' || %s, prompt,"
            " intro, purpose, 'open', created_at_ms FROM runtime.prompt WHERE effect_id = %s",
            number,
            number,
            number,
            claim.effect,
        )

    town.write(town.desk(), CAROL, "1", thread=old)

    assert town.case().clerk == "carol"
    assert "claim" not in [
        topic
        for (topic,) in town.sql(
            "SELECT purpose->>'topic' FROM runtime.prompt WHERE state = 'open' AND about = %s",
            town.case().id,
        )
    ]


# The staff changes.


def without(*names: str) -> list[dict[str, Any]]:
    return [dict(one) for one in STAFF if one["id"] not in names]


def test_who_left_is_shown_out_of_the_desk(town: Town) -> None:
    before = len(town.said)

    town.opened(staff=without("dave"))

    [out] = town.said[before:]
    assert (out.state_key, out.room_id, out.content["membership"]) == (
        DAVE,
        town.desk(),
        "leave",
    )


def test_who_moved_to_another_desk_is_shown_out_of_the_old_one(town: Town) -> None:
    before = len(town.said)
    moved = {"id": "dave", "user": DAVE, "role": "clerk", "desks": ["management"]}

    town.opened(staff=[*without("dave"), moved])

    moves = {(one.room_id, one.content["membership"]) for one in town.said[before:]}
    assert moves == {(town.desk(), "leave"), (town.desk("management"), "invite")}


def test_guests_of_a_desk_stay(town: Town) -> None:
    town.seat(town.desk(), STRANGER)
    before = len(town.said)

    town.opened()

    assert town.said[before:] == []


def test_the_cases_of_who_left_go_back_to_the_desk(town: Town) -> None:
    town.claimed()
    room = town.case().room
    before = len(town.said)

    town.opened(staff=without("carol"))

    case = town.case()
    assert (case.clerk, case.state) == (None, State.SUBMITTED.value)
    out = {one.room_id for one in town.said[before:] if one.content.get("membership") == "leave"}
    assert out == {room, town.desk()}
    town.press(town.question("claim"), DAVE, "claim")
    assert town.case().clerk == "dave"


@attrs.define
class FakeSigningClient:
    """The service of signing, as far as the agency asks it."""

    clerk_state: str = "invited"
    taken_back: list[str] = attrs.field(factory=list)

    async def send(self, body: SessionBody, pdf: bytes, key: str) -> str:
        assert body.parties[0].user == CAROL
        assert pdf.startswith(b"%PDF")
        return derived_ulid(START_MS, key)

    async def state(self, session: str) -> SessionState:
        clerk = SimpleNamespace(role="clerk", state=self.clerk_state)
        found = SimpleNamespace(session=session, state="pending", parties=[clerk])
        return cast("SessionState", found)

    async def cancel(self, session: str) -> None:
        self.taken_back.append(session)

    async def close(self) -> None:
        """Nothing of it is open."""


@pytest.mark.parametrize("has_signed", [False, True])
def test_who_left_signs_no_document_of_the_office(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_signed: bool
) -> None:
    (key := tmp_path / "key").write_text("secret\n")
    key.chmod(0o600)
    sign = {"step": "sign", "by": ["clerk"], "law": "Section 5", "due_days": 14}
    path = town.service_file(
        "parking",
        steps=[{"step": "form"}, {"step": "review"}, sign],
        review={"desk": "archive", "decisions": ["approve", "refuse"]},
        result={"document": {"template": "x.typ", "title": {"en": "Permit"}}},
    )
    (path.parent / "x.typ").write_text("A permit.")
    signing_client = FakeSigningClient("signed" if has_signed else "invited")
    monkeypatch.setattr(bot, "SigningClient", lambda *_: signing_client)

    def open_(staff: list[dict[str, Any]]) -> None:
        seal = {"url": "http://127.0.0.1:1", "key_path": str(key)}
        town.opened(services=[path], staff=staff, seal=seal)

    open_(without())
    town.started(pick="parking")
    for words in ("B-AB 123", "skip", "submit"):
        town.write(CHAT, ALICE, words)
    town.press(town.question("claim"), CAROL, "claim")
    town.press(town.question("decide"), CAROL, "approve")
    assert town.case().state == "signing"

    open_(without("carol"))

    assert len(signing_client.taken_back) == (0 if has_signed else 1)
    assert town.case().state == "signing"
    assert ("retry" in town.open_topics()) is not has_signed


def test_an_account_that_another_one_replaced_reads_nothing_any_more(town: Town) -> None:
    town.claimed()
    room, before = town.case().room, len(town.said)
    new = UserId("@carol2:veche.test")

    town.opened(staff=[one | {"user": new} if one["id"] == "carol" else one for one in without()])

    moves = {
        (one.room_id, one.state_key, one.content["membership"])
        for one in town.said[before:]
        if one.type == "m.room.member"
    }
    out = {(one, CAROL, "leave") for one in (room, town.desk())}
    assert moves == out | {(one, new, "invite") for one in (room, town.desk())}
    town.move(town.desk(), new, "join")
    town.write(town.desk(), new, "cases")
    town.press(town.question("decide"), new, "approve")
    assert town.case().state == "served"


def test_a_first_approval_ends_with_the_work_of_who_gave_it(town: Town) -> None:
    """Else the same account approves a second time, under the new id that it has."""
    town.claimed()
    town.press(town.question("decide"), CAROL, "flag.name_mismatch")
    town.press(town.question("decide"), CAROL, "approve")
    renamed = {"id": "caroline", "user": CAROL, "role": "clerk", "desks": ["archive"]}

    town.opened(staff=[renamed, *without("carol")])
    town.press(town.question("claim"), CAROL, "claim")
    town.press(town.question("decide"), CAROL, "approve")

    assert town.case().state == State.IN_REVIEW.value
    town.press(town.question("claim"), DAVE, "claim")
    town.press(town.question("decide"), DAVE, "approve")
    assert town.case().state == State.SERVED.value


def test_who_left_is_not_heard_any_more(town: Town) -> None:
    town.claimed()
    decide = town.question("decide")
    town.opened(staff=without("carol"))

    assert town.press(decide, CAROL, "approve") == []
    assert town.case().state == State.SUBMITTED.value


def test_very_many_cases_of_who_left_go_back_in_several_goes(town: Town) -> None:
    town.claimed()
    case_id = town.case().id
    for number in range(25):
        town.sql(
            "INSERT INTO agency.case_file (case_id, bot, person, service, digest, state, clerk,"
            " chat_id, kept, opened_at_ms) SELECT %(new)s, bot, person, service, digest, state,"
            " clerk, chat_id, replace(kept::text, case_id, %(new)s)::json, 1"
            " FROM agency.case_file WHERE case_id = %(old)s",
            {"new": f"{case_id[:24]}{number:02}", "old": case_id},
        )

    town.opened(staff=without("carol"))

    assert town.sql("SELECT count(*) FROM agency.case_file WHERE clerk IS NOT NULL") == [(0,)]


def test_a_desk_where_nobody_is_left_hands_its_cases_on(town: Town) -> None:
    town.submitted()
    town.write(town.case().room, ALICE, "!human Anybody?")
    old = town.desk()
    path = town.service_file("parking", review=None, refusal=None, steps=steps_without_desk())
    boss = {**without("carol", "dave", "iris")[0], "desks": ["management"]}
    town.opened(services=[path], staff=[boss])

    said = town.write(town.case().room, ALICE, "!why")
    said += town.pass_time(30 * 24 * 3600 * 1000)

    assert "Copy of a birth certificate" in new_words(said, town.desk("management"))
    assert new_words([one for one in said if one.type == "m.room.message"], old) == ""


def steps_without_desk() -> list[dict[str, Any]]:
    return [{"step": "form"}, {"step": "message", "text": {"en": "Done."}}]


# The room of a desk is not there.


def test_a_case_does_not_wait_for_the_room_of_its_desk(town: Town) -> None:
    town.sql("DELETE FROM agency.desk WHERE desk = 'archive'")
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "!human Hello?")
    town.hear(room, ALICE, {"msgtype": "m.file", "body": "x"})
    assert town.case().state == State.SUBMITTED.value
    assert town.case().desk_effect is None

    before = len(town.said)
    town.opened()

    said = town.said[before:]
    assert "waits for a clerk" in words_of(said, town.desk())
    assert "Hello?" in words_of(said, town.desk())
    town.press(town.question("claim"), CAROL, "claim")
    assert town.case().clerk == "carol"


def test_a_case_that_ended_meanwhile_is_not_put_on_the_desk(town: Town) -> None:
    town.sql("DELETE FROM agency.desk WHERE desk = 'archive'")
    town.submitted()
    town.write(town.case().room, ALICE, "withdraw")
    town.press(town.question("withdraw"), ALICE, "withdraw")
    before = len(town.said)

    town.opened()

    assert "certificate" not in words_of(town.said[before:])


def test_a_case_that_is_decided_cannot_be_withdrawn_any_more(town: Town) -> None:
    town.claimed()
    town.write(town.case().room, ALICE, "withdraw")
    assert "withdraw" in town.open_topics()

    town.press(town.question("decide"), CAROL, "approve")

    assert "withdraw" not in town.open_topics()


def test_a_desk_whose_room_is_lost_gets_a_new_one(town: Town) -> None:
    town.claimed()
    old = town.desk()

    said = town.move(old, BOT, "leave", by=STRANGER)

    new = town.desk()
    assert new != old
    invited = {one.state_key for one in said if one.type == "m.room.member"}
    assert invited == {CAROL, DAVE, IRIS}
    assert "Clerk: carol" in words_of(said, new)
    town.press(town.question("decide", new), CAROL, "approve")
    assert town.case().state == State.SERVED.value


def acts_of(town: Town) -> list[tuple[dict[str, Any], str]]:
    """Openings of the acts on the person, with the digests of their effects."""
    rows = town.sql("SELECT opening, encode(bound, 'hex') FROM runtime.act WHERE opening <> ''")
    return [(json.loads(opening), bound) for opening, bound in rows]


def test_what_a_clerk_says_to_the_person_is_an_act_with_their_role(town: Town) -> None:
    town.submitted()
    town.press(town.question("claim"), CAROL, "claim")
    room = town.case().room
    assert room is not None
    before = len(acts_of(town))
    words = {"msgtype": "m.text", "body": "Please bring your passport."}

    assert town.hear(room, CAROL, words) == []
    assert town.hear(room, CAROL, {"body": "hi", "url": "mxc://x/y"}, kind="m.sticker") == []

    said = acts_of(town)[before:]
    assert len(said) == 2
    act, bound = said[0]
    assert (act["actor"], act["act"]) == ("role:clerk", "message")
    assert act["subject"] == town.host.act_log.pseudonym("lindenau", ALICE)
    assert act["ph"] == plaintext_hash(words)
    assert CAROL not in json.dumps(act)
    form = call_form(
        "agency",
        "clerk_says",
        sender=CAROL,
        room_id=room,
        event_id=f"$in{town._events - 1}",
        event_type="m.room.message",
        ph=plaintext_hash(words),
    )
    assert bind(form).hex() == bound


def test_what_nobody_of_the_staff_says_or_came_in_clear_is_no_act_of_the_office(
    town: Town,
) -> None:
    town.submitted()
    town.press(town.question("claim"), CAROL, "claim")
    room = town.case().room
    assert room is not None
    before = acts_of(town)

    town.hear(room, UserId("@guest:x.test"), {"msgtype": "m.text", "body": "psst"})
    town.write(room, CAROL, "forged by the homeserver", trust=Trust.ANY)
    town.hear(room, CAROL, {"msgtype": "m.text", "body": "x", "n": float("nan")})

    assert acts_of(town) == before
