from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.prompts import (
    ALICE,
    LABELS,
    MALLORY,
    NOW_MS,
    a_prompt,
    in_thread,
    referring,
    replied,
    said,
    standing,
    words,
)
from tests.support.tables import each_row
from veche.protocol.answers import (
    PROMPTS_MAX,
    Chosen,
    NoAnswer,
    OpenPrompt,
    PromptState,
    RefusalReason,
    Refused,
    read_answer,
)
from veche.protocol.forms import Field, FieldKind, Form
from veche.protocol.ids import EventId, Ulid, UserId
from veche.protocol.inbound import Trust
from veche.protocol.texts.typed_choice import keycap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.inbound import Inbound

PROMPT = a_prompt()
ID = Ulid(PROMPT.id)
FORM = Form(fields=(Field(id="reason", kind=FieldKind.TEXT, label="Why?"),))
REACTION = "m.reaction"
VOTE_UNSTABLE = "org.matrix.msc3381.poll.response"
VOTE = "m.poll.response"


def structured(choice: object = "pay", relates: object = None, **more: object) -> dict[str, Any]:
    answer = {"v": 1, "prompt": PROMPT.id, "choice": choice, **more}
    related = referring() if relates is None else relates
    return {**words("Pay 12.50 EUR"), "org.veche.answer": answer, "m.relates_to": related}


def reacted(key: object, event_id: object = "$prompt") -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": key}}


def pressed(choice: object, where: Mapping[str, Any], prefix: str = "org.matrix.msc4139.") -> Any:
    return {f"{prefix}used_prompt": {"id": choice}, **words("Pay"), **where}


def voted(*answers: object) -> dict[str, Any]:
    return {"m.relates_to": referring(), VOTE_UNSTABLE: {"answers": list(answers)}}


def voted_stably(*answers: object) -> dict[str, Any]:
    return {"m.relates_to": referring(), "m.selections": list(answers)}


ANSWERS: dict[str, tuple[str, dict[str, Any], str]] = {
    # name: (event type, content, via); each chooses "pay"
    "number": ("m.room.message", words("1"), "text"),
    "number with a dot": ("m.room.message", words("1."), "text"),
    "label": ("m.room.message", words("pay 12.50 eur"), "text"),
    "id": ("m.room.message", words("PAY"), "text"),
    "unique prefix": ("m.room.message", words("pa"), "text"),
    "reply": ("m.room.message", words("1", replied()), "text"),
    "reply with quote": (
        "m.room.message",
        words("> <@veche_town:example.org> Pay?\n> 1. Pay\n\n1", replied()),
        "text",
    ),
    "thread reply": ("m.room.message", words("1", in_thread()), "text"),
    "later in the thread": ("m.room.message", words("1", in_thread(latest="$other")), "text"),
    "reaction": (REACTION, reacted("1️⃣"), "reaction"),
    "reaction without U+FE0F": (REACTION, reacted("1\u20e3"), "reaction"),
    "structured": ("m.room.message", structured(), "structured"),
    "msc4139": (
        "org.matrix.msc4139.conversation.reply",
        pressed("pay", {"m.in_reply_to": {"event_id": "$prompt", "rel_type": "m.thread"}}),
        "msc4139",
    ),
    "msc4139 in a message": (
        "m.room.message",
        pressed("pay", {"m.relates_to": in_thread()}),
        "msc4139",
    ),
    "msc4139, stable names": (
        "m.conversation.reply",
        pressed("pay", {"m.relates_to": in_thread()}, "m."),
        "msc4139",
    ),
    "vote": (VOTE_UNSTABLE, voted("pay"), "poll"),
    "vote, stable shape": (VOTE, voted_stably("pay"), "poll"),
    "vote with more than allowed": (VOTE, voted_stably("pay", "later"), "poll"),
}


def read(inbound: Inbound, *prompts: OpenPrompt, now_ms: int = NOW_MS) -> object:
    return read_answer(inbound, prompts or (standing(PROMPT),), now_ms)


@each_row("name", ANSWERS)
def test_every_way_to_answer_gives_the_same_choice(name: str) -> None:
    event_type, content, via = ANSWERS[name]

    assert read(said(content, event_type)) == Chosen(ID, "pay", None, via)  # type: ignore[arg-type]  # of the table


@each_row("name", ANSWERS)
def test_an_edit_of_an_answer_never_answers(name: str) -> None:
    event_type, content, _ = ANSWERS[name]
    edit = content.get("m.relates_to", {})
    edited = {**content, "m.relates_to": {**edit, "rel_type": "m.replace", "event_id": "$prompt"}}

    assert read(said(edited, event_type)) == NoAnswer(None)


@each_row("name", ANSWERS)
def test_a_state_event_never_answers(name: str) -> None:
    event_type, content, _ = ANSWERS[name]

    assert read(said(content, event_type, state_key="")) == NoAnswer(None)


# --- who, when, how sure: the whole product ---------------------------------------------------

SENDERS = {"in scope": ALICE, "out of scope": MALLORY}
TIMES = {"in time": NOW_MS + 59_999, "late": NOW_MS + 60_000}
TARGETED = {
    name: row
    for name, row in ANSWERS.items()
    if "m.relates_to" in row[1] or "m.in_reply_to" in row[1]
}


def expected(
    state: PromptState, sender: str, time: str, given: Trust, wanted: Trust
) -> RefusalReason | None:
    if sender == "out of scope":
        return RefusalReason.OUT_OF_SCOPE
    if state is PromptState.EDITED:
        return RefusalReason.EDITED
    if state is PromptState.ANSWERED:
        return RefusalReason.DOUBLED
    if state in (PromptState.EXPIRED, PromptState.CLOSED) or time == "late":
        return RefusalReason.LATE
    return RefusalReason.TRUST_TOO_LOW if given < wanted else None


@each_row("name", TARGETED)
def test_who_answers_when_and_how_surely_decides_for_every_way(name: str) -> None:
    event_type, content, via = TARGETED[name]
    for state, sender, time, given_, wanted in itertools.product(
        PromptState, SENDERS, TIMES, Trust, Trust
    ):
        prompt = a_prompt(min_trust=wanted.label)  # type: ignore[arg-type]  # a label by definition
        inbound = said(content, event_type, sender=SENDERS[sender], trust=given_)
        sure = Trust.ANY if via == "reaction" else given_
        reason = expected(state, sender, time, sure, wanted)

        outcome = read(inbound, standing(prompt, state=state), now_ms=TIMES[time])

        if reason is None:
            assert isinstance(outcome, Chosen)
        else:
            assert outcome == Refused(ID, reason)


def test_a_reaction_never_counts_for_more_than_any() -> None:
    prompt = standing(a_prompt(min_trust="e2ee"))

    outcome = read(said(reacted("1️⃣"), REACTION, trust=Trust.SIGNED), prompt)

    assert outcome == Refused(ID, RefusalReason.TRUST_TOO_LOW)


def test_an_empty_scope_lets_anybody_answer() -> None:
    prompt = standing(a_prompt(scope=()))

    assert isinstance(read(said(words("1"), sender=MALLORY), prompt), Chosen)


def test_each_person_in_scope_answers_a_single_use_prompt_once() -> None:
    bob = UserId("@bob:example.org")
    prompt = standing(a_prompt(scope=(ALICE, bob)), answered_by=frozenset({ALICE}))

    assert read(said(words("1", replied())), prompt) == Refused(ID, RefusalReason.DOUBLED)
    assert isinstance(read(said(words("1", replied()), sender=bob), prompt), Chosen)


def test_a_prompt_for_many_uses_takes_a_second_answer() -> None:
    prompt = a_prompt(is_single_use=False)
    answered = standing(prompt, state=PromptState.ANSWERED, answered_by=frozenset({ALICE}))

    assert isinstance(read(said(words("1", replied())), answered), Chosen)


# --- what is no choice ------------------------------------------------------------------------


@each_row(
    ("event_type", "content", "reason"),
    [
        ("m.room.message", words("4", replied()), RefusalReason.UNKNOWN_CHOICE),
        ("m.room.message", words("0", replied()), RefusalReason.UNKNOWN_CHOICE),
        ("m.room.message", words("4"), RefusalReason.UNKNOWN_CHOICE),
        (REACTION, reacted("4️⃣"), RefusalReason.UNKNOWN_CHOICE),
        (REACTION, reacted("🔟"), RefusalReason.UNKNOWN_CHOICE),
        (REACTION, reacted("0️⃣"), RefusalReason.UNKNOWN_CHOICE),
        ("m.room.message", structured("steal"), RefusalReason.UNKNOWN_CHOICE),
        ("m.room.message", structured(None), RefusalReason.MALFORMED),
        ("m.room.message", structured(None, data={"reason": "x"}), RefusalReason.MALFORMED),
        ("m.room.message", structured(7), RefusalReason.MALFORMED),
        ("m.room.message", structured("Pay"), RefusalReason.MALFORMED),
        ("m.room.message", structured(v=2), RefusalReason.MALFORMED),
        ("m.room.message", structured(prompt="01"), RefusalReason.MALFORMED),
        ("m.room.message", structured(prompt=["x"]), RefusalReason.MALFORMED),
        (
            "m.room.message",
            structured(prompt=a_prompt(name="strange").id),
            RefusalReason.MALFORMED,
        ),
        ("m.room.message", structured(relates={}), RefusalReason.MALFORMED),
        ("m.room.message", structured(relates=replied()), RefusalReason.MALFORMED),
        ("m.room.message", structured(relates=referring("$other")), RefusalReason.MALFORMED),
        (
            "m.room.message",
            {**words("x"), "org.veche.answer": "pay", "m.relates_to": referring()},
            RefusalReason.MALFORMED,
        ),
        (
            "m.room.message",
            pressed("steal", {"m.relates_to": in_thread()}),
            RefusalReason.UNKNOWN_CHOICE,
        ),
        ("m.room.message", pressed(None, {"m.relates_to": in_thread()}), RefusalReason.MALFORMED),
        (
            "m.room.message",
            {"m.used_prompt": "pay", "m.relates_to": in_thread()},
            RefusalReason.MALFORMED,
        ),
        (VOTE, voted_stably("steal"), RefusalReason.UNKNOWN_CHOICE),
        (VOTE, voted_stably(), RefusalReason.MALFORMED),
        (VOTE, voted_stably(1), RefusalReason.MALFORMED),
        (VOTE_UNSTABLE, {"m.relates_to": referring()}, RefusalReason.MALFORMED),
        (
            VOTE_UNSTABLE,
            {"m.relates_to": referring(), VOTE_UNSTABLE: ["pay"]},
            RefusalReason.MALFORMED,
        ),
    ],
)
def test_what_is_no_choice_is_refused_and_says_why(
    event_type: str, content: dict[str, Any], reason: RefusalReason
) -> None:
    assert read(said(content, event_type)) == Refused(ID, reason)


@each_row(
    ("event_type", "content"),
    [
        ("m.room.message", words("what is this about?")),
        ("m.room.message", words("")),
        ("m.room.message", words("1" * 201)),
        ("m.room.message", words(7)),
        ("m.room.message", {"msgtype": "m.notice", "body": "1"}),
        ("m.room.message", {"msgtype": "m.image", "body": "1"}),
        ("m.room.message", words("1", replied("$somebody"))),
        ("m.room.message", {}),
        (REACTION, reacted("👍")),
        (REACTION, reacted("1")),
        (REACTION, reacted(1)),
        (REACTION, reacted("1️⃣", "$somebody")),
        (REACTION, reacted("1️⃣", {"$prompt": 1})),
        (REACTION, {"m.relates_to": "$prompt"}),
        (REACTION, {"m.relates_to": {"rel_type": "m.thread", "event_id": "$prompt", "key": "1️⃣"}}),
        (VOTE, {"m.selections": ["pay"]}),
        (VOTE, {"m.selections": ["pay"], "m.relates_to": in_thread()}),
        ("m.room.message", {**words("x"), "org.veche.answer": {"v": 1}}),
        ("m.room.message", {"m.used_prompt": {"id": "pay"}}),
        ("m.room.member", words("1")),
        ("org.example.answer", words("1", replied())),
    ],
)
def test_what_is_no_answer_is_left_to_others(event_type: str, content: dict[str, Any]) -> None:
    assert read(said(content, event_type)) == NoAnswer(None)


def test_free_words_in_reply_to_a_prompt_say_to_which() -> None:
    assert read(said(words("why so much?", replied()))) == NoAnswer(ID)
    assert read(said(words("why so much?", in_thread()))) == NoAnswer(ID)


def test_free_words_in_reply_to_a_closed_prompt_are_still_words() -> None:
    closed = standing(PROMPT, state=PromptState.CLOSED)

    assert read(said(words("why so much?", replied())), closed) == NoAnswer(ID)


def test_words_that_fit_two_choices_are_ambiguous() -> None:
    prompt = standing(a_prompt({"a": "Red roof", "b": "Red brick"}))

    assert read(said(words("red")), prompt) == Refused(ID, RefusalReason.AMBIGUOUS)
    assert read(said(words("red", replied())), prompt) == Refused(ID, RefusalReason.AMBIGUOUS)
    assert read(said(words("red b")), prompt) == Chosen(ID, "b", None, "text")


# --- the next message -------------------------------------------------------------------------


def test_without_leave_bare_words_answer_nothing() -> None:
    outcome = read_answer(said(words("1")), (standing(PROMPT),), NOW_MS, is_bare_text_allowed=False)

    assert outcome == NoAnswer(None)


def two_prompts() -> tuple[OpenPrompt, OpenPrompt]:
    newer = a_prompt({"yes": "Yes, please", "no": "No"}, name="newer")
    return standing(newer, "$newer"), standing(PROMPT)


@each_row(
    ("typed", "outcome"),
    [
        ("pay", Chosen(ID, "pay", None, "text")),
        ("3", Chosen(ID, "dispute", None, "text")),
        ("yes", Chosen(Ulid(two_prompts()[0].prompt.id), "yes", None, "text")),
        ("1", Refused(None, RefusalReason.AMBIGUOUS)),
        ("2", Refused(None, RefusalReason.AMBIGUOUS)),
        ("9", NoAnswer(None)),
        ("good morning", NoAnswer(None)),
    ],
)
def test_bare_words_count_if_they_fit_one_open_prompt_only(typed: str, outcome: object) -> None:
    assert read(said(words(typed)), *two_prompts()) == outcome


def test_of_two_prompts_the_closer_fit_wins() -> None:
    newer = standing(a_prompt({"all": "Pay 12.50 EUR and close"}, name="newer"), "$newer")

    outcome = read(said(words("pay 12.50 eur")), newer, standing(PROMPT))

    assert outcome == Chosen(ID, "pay", None, "text")


def test_words_that_are_unclear_within_one_of_two_prompts_are_ambiguous() -> None:
    newer = standing(a_prompt({"a": "Red roof", "b": "Red brick"}, name="newer"), "$newer")

    outcome = read(said(words("red")), newer, standing(PROMPT))

    assert outcome == Refused(None, RefusalReason.AMBIGUOUS)


def test_bare_words_pass_prompts_that_are_not_for_the_sender() -> None:
    foreign = standing(a_prompt(name="foreign", scope=(MALLORY,)), "$foreign")

    assert read(said(words("1")), foreign, standing(PROMPT)) == Chosen(ID, "pay", None, "text")
    assert read(said(words("1")), foreign) == NoAnswer(None)


def test_bare_words_pass_closed_prompts() -> None:
    closed = standing(a_prompt(name="closed"), "$closed", PromptState.ANSWERED)

    assert read(said(words("1")), closed, standing(PROMPT)) == Chosen(ID, "pay", None, "text")


@each_row(
    ("state", "reason"),
    [
        (PromptState.ANSWERED, RefusalReason.DOUBLED),
        (PromptState.EXPIRED, RefusalReason.LATE),
        (PromptState.CLOSED, RefusalReason.LATE),
        (PromptState.EDITED, RefusalReason.EDITED),
    ],
)
def test_bare_words_for_a_closed_prompt_are_no_answer_but_can_be_explained(
    state: PromptState, reason: RefusalReason
) -> None:
    closed = standing(PROMPT, state=state)
    foreign = standing(a_prompt(name="foreign", scope=(MALLORY,)), "$foreign")

    assert read(said(words("1")), foreign, closed) == NoAnswer(None, Refused(ID, reason))
    assert read(said(words("pa")), closed) == NoAnswer(None)  # a mere prefix may be anything
    assert read(said(words("hello")), closed) == NoAnswer(None)


def test_in_a_thread_about_something_else_words_are_as_bare() -> None:
    assert read(said(words("1", in_thread("$case")))) == Chosen(ID, "pay", None, "text")


def test_a_true_reply_in_a_thread_goes_to_what_it_replies_to() -> None:
    relates = {**in_thread("$case", "$somebody"), "is_falling_back": False}

    assert read(said(words("1", relates))) == NoAnswer(None)


# --- prompts with more than choices -----------------------------------------------------------


def test_a_number_beyond_the_choices_may_be_the_value_of_a_field() -> None:
    prompt = standing(a_prompt(form=FORM))

    assert read(said(words("42")), prompt) == NoAnswer(None)
    assert read(said(words("42", replied())), prompt) == NoAnswer(ID)


def test_a_form_is_answered_with_data_and_maybe_a_choice() -> None:
    prompt = standing(a_prompt(form=FORM))
    data = {"reason": "too much"}

    outcome = read(said(structured("dispute", data=data)), prompt)
    without_choice = read(said(structured(None, data=data)), prompt)

    assert outcome == Chosen(ID, "dispute", data, "structured")
    assert without_choice == Chosen(ID, None, data, "structured")


def test_data_that_nobody_asked_for_is_dropped() -> None:
    assert read(said(structured("pay", data={"x": 1}))) == Chosen(ID, "pay", None, "structured")


def test_too_many_values_are_malformed() -> None:
    prompt = standing(a_prompt(form=FORM))
    data = {f"f{n}": "x" for n in range(51)}

    outcome = read(said(structured("pay", data=data)), prompt)

    assert outcome == Refused(ID, RefusalReason.MALFORMED)


def test_an_answer_may_overtake_the_news_of_the_prompts_event() -> None:
    outcome = read(said(structured(relates=referring("$new"))), standing(PROMPT, None))

    assert outcome == Chosen(ID, "pay", None, "structured")


def test_an_answer_of_a_client_names_the_event_of_the_prompt() -> None:
    relates = {"rel_type": "m.reference"}

    outcome = read(said(structured(relates=relates)), standing(PROMPT, "$new"))

    assert outcome == Refused(ID, RefusalReason.MALFORMED)


def test_a_vote_on_the_poll_answers_its_text_twin() -> None:
    prompt = standing(PROMPT, twins=frozenset({EventId("$poll")}))
    content = {"m.relates_to": referring("$poll"), "m.selections": ["later"]}

    assert read(said(content, VOTE), prompt) == Chosen(ID, "later", None, "poll")


def test_prompts_beyond_the_bound_are_not_looked_at() -> None:
    newer = [standing(a_prompt({}, name=f"{n}"), f"${n}") for n in range(PROMPTS_MAX)]

    assert read(said(words("1", replied())), *newer, standing(PROMPT)) == NoAnswer(None)
    assert isinstance(read(said(words("1", replied())), *newer[1:], standing(PROMPT)), Chosen)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "m.relates_to",
                        "m.in_reply_to",
                        "event_id",
                        "rel_type",
                        "key",
                        "body",
                        "msgtype",
                        "org.veche.answer",
                        "m.used_prompt",
                        "id",
                        "m.selections",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(["m.room.message", REACTION, VOTE, VOTE_UNSTABLE, "m.conversation.reply"]),
)
def test_no_content_whatever_makes_it_fail(content: object, event_type: str) -> None:
    shaped = content if isinstance(content, dict) else {"m.relates_to": content}

    outcome = read(said(shaped, event_type))

    assert isinstance(outcome, Chosen | Refused | NoAnswer)


@given(st.integers(1, 10), st.integers(1, 10))
def test_number_and_reaction_choose_the_same(count: int, number: int) -> None:
    prompt = standing(a_prompt({f"c{n}": f"Choice {chr(64 + n)}" for n in range(1, count + 1)}))

    typed = read(said(words(str(number), replied())), prompt)
    tapped = read(said(reacted(keycap(number)), REACTION), prompt)

    if number <= count:
        assert isinstance(typed, Chosen)
        assert isinstance(tapped, Chosen)
        assert typed.choice == tapped.choice == f"c{number}"
    else:
        assert typed == tapped == Refused(ID, RefusalReason.UNKNOWN_CHOICE)


@given(st.sampled_from(list(LABELS.items())), st.integers(2, 30), st.booleans())
def test_every_long_enough_start_of_a_label_chooses_it(
    choice: tuple[str, str], length: int, is_upper: bool
) -> None:
    id_, label = choice
    typed = label[:length].upper() if is_upper else label[:length]

    assert read(said(words(typed))) == Chosen(ID, id_, None, "text")
