"""Prompts on a real database: asked, answered once, closed, found again however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.veche.prompt_room import PromptRoom
from tests.support.postgres import database
from tests.support.prompts import ALICE, MALLORY, ROOM, a_prompt, in_thread, replied, words
from veche.chat import prompts
from veche.chat.prompts import Closing
from veche.chat.prompts.store import OPEN_ABOUT_MAX
from veche.protocol.answers import PROMPTS_MAX, Chosen, NoAnswer, RefusalReason, Refused
from veche.protocol.errors import UnavailableError
from veche.protocol.forms import Field, FieldKind, Form
from veche.protocol.ids import EffectId, RoomId
from veche.protocol.inbound import Trust
from veche.protocol.message import Paragraph
from veche.runtime.database.migrate import MigrationSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.chat.prompts import Heard
    from veche.protocol.prompts import NumberReactions, Prompt

THREAD = EffectId("1" * 32)
NASTY = "\0\ud800 \u202e"
FORM = Form(fields=(Field(id="text", kind=FieldKind.TEXT, label="Why"),))


@pytest.fixture
def room() -> Iterator[PromptRoom]:
    with database(MigrationSet("runtime", "veche.runtime")) as dsn:
        room = PromptRoom(dsn)
        yield room
        room.close()


def reaction(event_id: str, key: str = "1️⃣") -> dict[str, Any]:
    relates = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
    return {"m.relates_to": relates}


def structured(prompt: Prompt, event_id: str, choice: str = "pay") -> dict[str, Any]:
    answer = {"v": 1, "prompt": prompt.id, "choice": choice}
    relates = {"rel_type": "m.reference", "event_id": event_id}
    return words(choice, relates) | {"org.veche.answer": answer}


def refusal(heard: Heard) -> RefusalReason:
    assert isinstance(heard.outcome, Refused), heard.outcome
    return heard.outcome.reason


def choice(heard: Heard) -> str | None:
    assert isinstance(heard.outcome, Chosen), heard.outcome
    return heard.outcome.choice


def test_a_prompt_is_asked_with_a_reaction_for_each_choice(room: PromptRoom) -> None:
    prompt = room.ask()

    rows = room.outbox()
    assert [row[0] for row in rows] == ["m.room.message", *["m.reaction"] * 3]
    assert [row[1][0] for row in rows[1:]] == ["m.annotation"] * 3
    assert rows[0][3]["org.veche.prompt"]["id"] == prompt.id


def test_what_needs_more_trust_gets_no_reactions(room: PromptRoom) -> None:
    room.ask(a_prompt(min_trust="e2ee"))

    assert [row[0] for row in room.outbox()] == ["m.room.message"]


def reactions_of(room: PromptRoom) -> int:
    return sum(row[0] == "m.reaction" for row in room.outbox())


def test_only_the_first_two_prompts_of_a_chat_get_reactions(room: PromptRoom) -> None:
    placed = []
    for number in range(4):
        before = reactions_of(room)
        room.ask(a_prompt(name=f"{number}"))
        placed.append(reactions_of(room) - before)

    assert placed == [3, 3, 0, 0]
    bodies = [row[3]["body"] for row in room.outbox() if row[0] == "m.room.message"]
    assert ["tap" in body for body in bodies] == [True, True, False, False]


def test_whoever_taps_gets_reactions_on_every_prompt(room: PromptRoom) -> None:
    room.ask(a_prompt(name="first"))
    second = room.ask(a_prompt(name="second"))
    room.hear(words("1"))
    room.ask(a_prompt(name="third"))
    assert reactions_of(room) == 6

    room.hear(reaction(room.event_of(second)), "m.reaction", trust=Trust.ANY)
    room.ask(a_prompt(name="fourth"))
    room.ask(a_prompt(name="fifth"))

    assert reactions_of(room) == 12


@pytest.mark.parametrize(("policy", "placed"), [("always", 12), ("never", 0), ("first", 6)])
def test_the_operator_chooses_where_reactions_are_placed(
    room: PromptRoom, policy: NumberReactions, placed: int
) -> None:
    for number in range(4):
        room.ask(a_prompt(name=f"{number}"), reactions=policy)

    assert reactions_of(room) == placed


def test_an_answer_closes_the_prompt_by_one_edit(room: PromptRoom) -> None:
    prompt = room.ask()
    said = len(room.outbox())
    heard = room.hear(words("1"))

    assert choice(heard) == "pay"
    assert room.settle(heard)
    assert not room.kept(prompt).is_open
    assert room.shown() == ["Pay?\n\nAnswer: done"]
    assert len(room.outbox()) == said + 1


@pytest.mark.parametrize("begun", [0, 1, 3])
def test_numbers_that_wait_are_not_placed_under_what_was_answered(
    room: PromptRoom, begun: int
) -> None:
    other = room.ask(a_prompt(name="another"))
    prompt = room.ask()
    room.begin_reactions(prompt, begun)

    room.settle(room.hear(words("1", replied(room.event_of(prompt)))))

    assert room.reactions_to_come(prompt) == begun
    assert room.reactions_to_come(other) == 3


def test_numbers_that_wait_are_not_placed_under_what_was_withdrawn(room: PromptRoom) -> None:
    prompt = room.ask()

    room.shut(prompt)

    assert room.reactions_to_come(prompt) == 0


def test_numbers_stay_under_a_prompt_for_many_answers(room: PromptRoom) -> None:
    prompt = room.ask(a_prompt(is_single_use=False))

    room.settle(room.hear(words("1")))

    assert room.reactions_to_come(prompt) == 3


def test_exactly_one_answer_counts(room: PromptRoom) -> None:
    room.ask()
    first, second = room.hear(words("1")), room.hear(words("2"))
    assert room.settle(first)
    said = len(room.outbox())

    assert not room.settle(second)
    assert len(room.outbox()) == said


def test_a_second_answer_is_refused_as_such(room: PromptRoom) -> None:
    prompt = room.ask()
    event_id = room.event_of(prompt)
    room.settle(room.hear(words("1")))

    assert refusal(room.hear(structured(prompt, event_id))) is RefusalReason.DOUBLED
    assert refusal(room.hear(words("1", replied(event_id)))) is RefusalReason.DOUBLED


def test_a_prompt_for_many_answers_stays_open(room: PromptRoom) -> None:
    prompt = room.ask(a_prompt(is_single_use=False))

    assert room.settle(room.hear(words("1")))
    assert room.settle(room.hear(words("2")))
    assert room.kept(prompt).is_open
    assert room.shown() == []


@pytest.mark.parametrize("reason", ["withdrawn", "expired"])
def test_a_closed_prompt_takes_no_answer(room: PromptRoom, reason: Any) -> None:
    prompt = room.ask()
    event_id = room.event_of(prompt)
    room.shut(prompt, Closing("It is over.", reason))

    assert refusal(room.hear(structured(prompt, event_id))) is RefusalReason.LATE
    assert room.shown() == ["Pay?\n\nIt is over."]


def test_a_card_says_at_its_end_how_it_stands_then(room: PromptRoom) -> None:
    prompt = room.ask()
    now, beside = (Paragraph("Paid by Bob."),), {"org.veche.later": {"state": "paid"}}
    room.shut(prompt, Closing("It is over.", intro=now, payload=beside))

    assert room.shown() == ["Paid by Bob.\n\nIt is over."]
    content = room.outbox()[-1][3]["m.new_content"]
    assert content["org.veche.later"] == {"state": "paid"}
    assert content["org.veche.prompt"]["closed"] == "withdrawn"


def test_closing_twice_shows_it_once(room: PromptRoom) -> None:
    prompt = room.ask()
    room.shut(prompt)

    room.shut(prompt)

    assert room.shown() == ["Pay?\n\nIt is over."]


def test_an_answered_prompt_is_not_closed_again(room: PromptRoom) -> None:
    prompt = room.ask()
    room.settle(room.hear(words("1")))

    room.shut(prompt)

    assert room.shown() == ["Pay?\n\nAnswer: done"]


def test_a_form_cannot_be_filled_in_any_more_once_it_is_closed(room: PromptRoom) -> None:
    prompt = room.ask(a_prompt({}, form=FORM))

    room.shut(prompt)

    assert not room.kept(prompt).is_open
    assert room.shown() == ["Pay?\n\nIt is over."]
    closed = room.outbox()[-1][3]["m.new_content"]["org.veche.prompt"]
    assert closed["closed"] == "withdrawn"
    assert "form" not in closed


@pytest.mark.parametrize("form", [None, FORM])
def test_what_cannot_be_pressed_gives_way_to_a_newer_question_in_silence(
    room: PromptRoom, form: Form | None
) -> None:
    prompt = room.ask(a_prompt({}, form=form))
    said = len(room.outbox())

    room.shut(prompt, Closing("Look below.", is_replaced=True))

    assert not room.kept(prompt).is_open
    assert len(room.outbox()) == said


def test_an_edit_never_answers(room: PromptRoom) -> None:
    prompt = room.ask()
    relates = {"rel_type": "m.replace", "event_id": room.event_of(prompt)}

    assert room.hear(words("1", relates)).outcome == NoAnswer(None)


def test_a_stranger_cannot_answer(room: PromptRoom) -> None:
    prompt = room.ask()
    content = structured(prompt, room.event_of(prompt))

    assert refusal(room.hear(content, sender=MALLORY)) is RefusalReason.OUT_OF_SCOPE


def test_what_is_not_sure_enough_does_not_count(room: PromptRoom) -> None:
    room.ask(a_prompt(min_trust="verified"))

    assert refusal(room.hear(words("1"), trust=Trust.E2EE)) is RefusalReason.TRUST_TOO_LOW
    assert choice(room.hear(words("1"), trust=Trust.VERIFIED)) == "pay"


def test_a_reaction_answers(room: PromptRoom) -> None:
    prompt = room.ask()

    heard = room.hear(reaction(room.event_of(prompt), "2️⃣"), "m.reaction", trust=Trust.ANY)

    assert choice(heard) == "later"


@pytest.mark.parametrize("kind", ["m.reaction", "m.room.message"])
def test_what_is_about_a_message_on_its_way_waits_for_it(room: PromptRoom, kind: str) -> None:
    prompt = room.ask(is_sent=False)
    content = reaction("$later") if kind == "m.reaction" else words("1", replied("$later"))

    with pytest.raises(UnavailableError) as caught:
        room.hear(content, kind)

    assert 0 < caught.value.retry_after_ms <= 5_000
    event_id = room.send(room.kept(prompt).effect)
    content["m.relates_to"] = (
        reaction(event_id)["m.relates_to"] if kind == "m.reaction" else replied(event_id)
    )
    assert choice(room.hear(content, kind)) == "pay"


def test_nothing_waits_for_a_message_that_never_arrives(room: PromptRoom) -> None:
    prompt = room.ask(is_sent=False)
    room.give_up(room.kept(prompt).effect)

    assert room.hear(reaction("$other"), "m.reaction").outcome == NoAnswer(None)


def test_nothing_waits_for_a_message_whose_row_is_gone(room: PromptRoom) -> None:
    room.ask()
    room.txn.execute("DELETE FROM runtime.outbox")

    assert room.hear(reaction("$other"), "m.reaction").outcome == NoAnswer(None)


def test_nothing_waits_for_a_prompt_that_is_closed(room: PromptRoom) -> None:
    room.shut(room.ask(is_sent=False))

    assert room.hear(reaction("$other"), "m.reaction").outcome == NoAnswer(None)


def test_a_structured_answer_may_overtake_the_event_id(room: PromptRoom) -> None:
    prompt = room.ask(is_sent=False)

    assert choice(room.hear(structured(prompt, "$not-known-yet"))) == "pay"


def test_bare_words_fit_the_newest_question_of_a_dialogue(room: PromptRoom) -> None:
    room.ask(a_prompt({"a": "Apples", "b": "Bananas"}, name="first"))
    second = room.ask(a_prompt({"c": "Cherries", "d": "Dates"}, name="second"))

    heard = room.hear(words("1"), is_dialogue=True)

    assert choice(heard) == "c"
    assert heard.kept is not None
    assert heard.kept.id == second.id
    assert isinstance(room.hear(words("1")).outcome, Refused)


def test_the_newest_of_one_moment_is_the_last_that_was_asked(room: PromptRoom) -> None:
    for name in "abcdefgh":
        room.ask(a_prompt({name: f"Choice of {name}"}, name=name))

        assert choice(room.hear(words("1"), is_dialogue=True)) == name


def test_in_a_dialogue_a_reply_answers_an_older_question(room: PromptRoom) -> None:
    first = room.ask(a_prompt(name="first"))
    room.ask(a_prompt(name="second"))

    heard = room.hear(words("1", replied(room.event_of(first))), is_dialogue=True)

    assert heard.kept is not None
    assert heard.kept.id == first.id


def test_in_a_thread_only_its_prompts_are_meant(room: PromptRoom) -> None:
    inside = room.ask(a_prompt(name="inside"), thread=THREAD)
    room.ask(a_prompt(name="outside"))
    room.ask(a_prompt(name="elsewhere"), thread=EffectId("2" * 32))

    heard = room.hear(words("1", in_thread("$root")), thread=THREAD)

    assert heard.kept is not None
    assert heard.kept.id == inside.id
    assert [kept.id for kept in heard.open] == [inside.id]


def test_the_same_number_for_two_questions_is_ambiguous(room: PromptRoom) -> None:
    room.ask(a_prompt(name="first"))
    room.ask(a_prompt(name="second"))

    assert refusal(room.hear(words("1"))) is RefusalReason.AMBIGUOUS


def test_an_old_prompt_is_found_by_what_names_it(room: PromptRoom) -> None:
    old = room.ask(a_prompt(name="old"), thread=THREAD)
    event_id = room.event_of(old)
    for number in range(PROMPTS_MAX + 1):
        room.ask(a_prompt(name=f"newer {number}"))

    by_name = [
        room.hear(structured(old, event_id)),
        room.hear(words("1", replied(event_id))),
        room.hear(reaction(event_id), "m.reaction"),
        room.hear(words("1", in_thread("$root")), thread=THREAD),
    ]
    assert [choice(heard) for heard in by_name] == ["pay"] * 4
    assert {heard.kept.id for heard in by_name if heard.kept} == {old.id}
    assert len(room.hear(words("hello")).open) == PROMPTS_MAX


def test_prompts_of_other_rooms_are_not_meant(room: PromptRoom) -> None:
    other = RoomId("!other:example.org")
    room.ask(room_id=other)

    assert room.hear(words("1")).outcome == NoAnswer(None)
    assert choice(room.hear(words("1"), room_id=other)) == "pay"


def test_a_prompt_of_another_room_cannot_be_named(room: PromptRoom) -> None:
    prompt = room.ask(room_id=RoomId("!other:example.org"))

    assert room.hear(structured(prompt, "$x")).outcome == NoAnswer(None)


@pytest.mark.parametrize("event_id", ["$\0", "$\ud800", "$" + "x" * 300, "", 7, None, {"a": 1}])
def test_ids_that_are_none_harm_nothing(room: PromptRoom, event_id: Any) -> None:
    room.ask()
    contents = [
        words("1", {"m.in_reply_to": {"event_id": event_id}}),
        words("1", {"rel_type": "m.thread", "event_id": event_id}),
        reaction(event_id),
        words("1") | {"m.in_reply_to": event_id},
        words("1") | {"org.veche.answer": {"v": 1, "prompt": event_id, "choice": "pay"}},
        words("1") | {"org.veche.answer": event_id},
    ]

    for content in contents:
        assert room.hear(content).outcome is not None


def test_a_matter_finds_its_open_prompts_in_every_room(room: PromptRoom) -> None:
    here = room.ask(a_prompt(name="here"), about="case 1")
    there = room.ask(a_prompt(name="there"), about="case 1", room_id=RoomId("!there:example.org"))
    over = room.ask(a_prompt(name="over"), about="case 1")
    room.ask(a_prompt(name="other"), about="case 2")
    room.ask(a_prompt(name="none"))
    room.shut(over)

    found = prompts.open_about(room.txn, room.sender().bot.user_id, "case 1")

    assert [kept.id for kept in found] == [there.id, here.id]
    assert [kept.room_id for kept in found] == ["!there:example.org", ROOM]


def test_a_matter_with_very_many_open_prompts_gives_the_newest(room: PromptRoom) -> None:
    for number in range(OPEN_ABOUT_MAX + 1):
        room.ask(a_prompt(name=str(number), min_trust="e2ee"), about="case", is_sent=False)

    found = prompts.open_about(room.txn, room.sender().bot.user_id, "case")

    assert len(found) == OPEN_ABOUT_MAX
    assert found[-1].id == a_prompt(name="1").id


def test_what_the_service_wants_to_remember_comes_back(room: PromptRoom) -> None:
    prompt = room.ask(topic="pay", depth={"of": ["json"]}, nasty=NASTY)

    assert room.kept(prompt).purpose == {
        "topic": "pay",
        "depth": {"of": ["json"]},
        "nasty": NASTY,
    }


def test_the_same_cause_asks_once(room: PromptRoom) -> None:
    room.ask(cause="the same")
    said = len(room.outbox())

    room.ask(cause="the same")

    assert len(room.outbox()) == said
    room.txn.execute("SELECT count(*) FROM runtime.prompt")
    assert room.txn.fetchone() == (1,)


def test_the_answer_is_remembered(room: PromptRoom) -> None:
    room.ask()
    room.settle(room.hear(words("2")))

    room.txn.execute("SELECT state, answered_by, choice, answer_event_id FROM runtime.prompt")
    state, by, chosen, event_id = room.txn.fetchone() or ()
    assert (state, by, chosen) == ("answered", ALICE, "later")
    assert event_id.startswith("$in")
