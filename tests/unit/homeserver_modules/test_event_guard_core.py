from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver_modules.event_guard.core import (
    DEPTH_MAX,
    VALUES_MAX,
    check_event,
    check_room_request,
    has_payload,
    room_request_has_payload,
)
from homeserver_modules.event_guard.families import load_families
from tests.support.payloads import VALID, WRONG_FIELD, malformed, nested
from tests.support.tables import each_row
from veche.protocol.errors import MalformedError

FAMILIES = load_families()

MESSAGE = "m.room.message"
ENCRYPTED = "m.room.encrypted"
KEYS = sorted(FAMILIES)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def refusal(event_type: str, content: object) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        check_event(event_type, content, FAMILIES)
    return caught.value


def frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({k: frozen(v) for k, v in value.items()})
    return tuple(frozen(v) for v in value) if isinstance(value, list) else value


def test_the_builders_know_every_family() -> None:
    assert set(VALID) == set(WRONG_FIELD) == set(FAMILIES)


@each_row("key", KEYS)
def test_a_wellformed_payload_passes(key: str) -> None:
    check_event(MESSAGE, {"body": "x", key: VALID[key]}, FAMILIES)


@each_row("key", KEYS)
def test_a_malformed_payload_is_refused_with_its_field(key: str) -> None:
    error = refusal(MESSAGE, {"body": "x", key: malformed(key)})
    assert error.field == f"{key}.{WRONG_FIELD[key][0]}"


@each_row("key", KEYS)
@each_row("payload", [None, 1, "text", [], {}, {"v": 2}, {"v": True}])
def test_what_is_no_payload_at_all_is_refused(key: str, payload: object) -> None:
    assert refusal(MESSAGE, {key: payload}).field.startswith(key)


@each_row("key", KEYS)
def test_every_field_that_a_payload_must_have_is_missed(key: str) -> None:
    optional = {
        name for name, field in FAMILIES[key].model_fields.items() if not field.is_required()
    }
    for name in VALID[key].keys() - optional:
        lacking = {k: v for k, v in VALID[key].items() if k != name}
        assert refusal(MESSAGE, {key: lacking}).field == f"{key}.{name}"


@each_row("key", KEYS)
def test_an_edit_is_read_in_its_new_content(key: str) -> None:
    check_event(MESSAGE, {"m.new_content": {key: VALID[key]}}, FAMILIES)
    error = refusal(MESSAGE, {"m.new_content": {key: malformed(key)}})
    assert error.field == f"m.new_content.{key}.{WRONG_FIELD[key][0]}"


@each_row("key", KEYS)
def test_frozen_content_is_read_like_any_other(key: str) -> None:
    check_event(MESSAGE, frozen({key: VALID[key]}), FAMILIES)
    assert refusal(MESSAGE, frozen({key: malformed(key)})).field.startswith(key)


def test_beside_a_ciphertext_a_receipt_may_stand() -> None:
    check_event(ENCRYPTED, {"ciphertext": "x", "org.veche.act": VALID["org.veche.act"]}, FAMILIES)


def test_beside_a_ciphertext_a_malformed_receipt_is_refused() -> None:
    content = {"ciphertext": "x", "org.veche.act": malformed("org.veche.act")}
    assert refusal(ENCRYPTED, content).field == "org.veche.act.i"


@each_row("key", sorted(FAMILIES.keys() - {"org.veche.act"}))
def test_beside_a_ciphertext_no_other_family_may_stand(key: str) -> None:
    assert refusal(ENCRYPTED, {"ciphertext": "x", key: VALID[key]}).field == key


@pytest.mark.parametrize("event_type", [MESSAGE, ENCRYPTED, "m.room.member"])
@given(value=json_values)
def test_a_key_that_is_not_known_passes(event_type: str, value: object) -> None:
    check_event(event_type, {"org.veche.from.the.future": value}, FAMILIES)


@given(content=st.dictionaries(st.text(max_size=12), json_values, max_size=6) | json_values)
def test_content_without_our_keys_passes(content: object) -> None:
    assert not has_payload(content)
    check_event(MESSAGE, content, FAMILIES)


@given(key=st.sampled_from(KEYS), value=json_values)
def test_any_value_is_either_refused_as_malformed_or_passes(key: str, value: object) -> None:
    try:
        check_event(MESSAGE, {key: value}, FAMILIES)
    except MalformedError as e:
        assert e.field.startswith(key)  # noqa: PT017 -- both ends are right here


@pytest.mark.parametrize("key", ["org.veche.prompt", "org.veche.from.the.future"])
def test_a_payload_is_refused_beyond_the_depth_and_not_at_it(key: str) -> None:
    payload = {**VALID["org.veche.prompt"], "more": nested(DEPTH_MAX - 1)}
    check_event(MESSAGE, {key: payload}, FAMILIES)

    error = refusal(MESSAGE, {key: {**payload, "more": nested(DEPTH_MAX)}})
    assert str(error) == f"{key}: nested deeper than {DEPTH_MAX} levels"


def test_depth_that_would_exhaust_the_stack_is_refused() -> None:
    assert refusal(MESSAGE, {"org.veche.x": nested(100_000)}).field == "org.veche.x"


def test_payloads_together_are_refused_beyond_the_number_of_values_and_not_at_it() -> None:
    half = [0] * (VALUES_MAX // 2 - 1)
    check_event(MESSAGE, {"org.veche.x": half, "org.veche.y": half}, FAMILIES)

    error = refusal(MESSAGE, {"org.veche.x": half, "org.veche.y": [*half, 0]})
    assert error.field == "org.veche.y"


def test_an_error_never_repeats_a_value() -> None:
    payload = {**VALID["org.veche.answer"], "prompt": "my secret"}
    assert "secret" not in str(refusal(MESSAGE, {"org.veche.answer": payload}))


@each_row("content", [None, 1, "org.veche.prompt", [], ["org.veche.prompt"], {}])
def test_content_that_is_no_object_has_no_payload(content: object) -> None:
    assert not has_payload(content)
    check_event(MESSAGE, content, FAMILIES)


@pytest.mark.parametrize("content", [{"org.veche.x": None}, {"m.new_content": {"org.veche.x": 0}}])
def test_content_with_any_key_of_ours_has_a_payload(content: object) -> None:
    assert has_payload(content)


def test_a_family_of_others_is_checked_by_its_own_key() -> None:
    families = {"org.example.answer": FAMILIES["org.veche.answer"]}
    content = {"org.example.answer": malformed("org.veche.answer")}

    for where in (content, {"m.new_content": content}):
        with pytest.raises(MalformedError, match=r"org\.example\.answer"):
            check_event(MESSAGE, where, families)
        assert has_payload(where, families)
        assert not has_payload(where)


@each_row("key", KEYS)
def test_a_room_request_is_read_in_each_event_it_begins_with(key: str) -> None:
    good = {"type": "m.room.topic", "content": {"topic": "x"}}
    bad = {"type": "m.room.member", "content": {key: malformed(key)}}
    check_room_request({"initial_state": [good, {**bad, "content": VALID}]}, FAMILIES)

    with pytest.raises(MalformedError) as caught:
        check_room_request({"initial_state": [good, bad]}, FAMILIES)
    assert caught.value.field == f"initial_state.1.{key}.{WRONG_FIELD[key][0]}"
    assert str(caught.value).startswith(caught.value.field + ": ")


def test_a_room_request_is_read_in_its_creation_content() -> None:
    key = "org.veche.case"
    with pytest.raises(MalformedError) as caught:
        check_room_request({"creation_content": {key: malformed(key)}}, FAMILIES)
    assert caught.value.field == "creation_content.org.veche.case.history_len"


@each_row(
    "request_body",
    [
        {},
        {"initial_state": None, "creation_content": 1},
        {"initial_state": {"content": {}}},
        {"initial_state": [None, 1, [], {}, {"type": 1, "content": None}]},
    ],
)
def test_a_room_request_of_another_form_is_left_to_the_homeserver(
    request_body: dict[str, Any],
) -> None:
    check_room_request(request_body, FAMILIES)
    assert not room_request_has_payload(request_body)


def test_a_room_request_with_any_key_of_ours_has_a_payload() -> None:
    events = [{"type": "x", "content": {}}, {"type": "x", "content": {"org.veche.x": 1}}]
    assert room_request_has_payload({"initial_state": events})


class Unreadable:
    """What nobody may look at."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"{name} of what is encrypted was read")


def test_nothing_looks_into_what_people_encrypt() -> None:
    """Red line R12: no filter of content in encrypted rooms."""
    names = ("algorithm", "ciphertext", "sender_key", "session_id", "device_id", "m.relates_to")
    content = {name: Unreadable() for name in names}
    check_event(ENCRYPTED, content, FAMILIES)
    assert not has_payload(content, FAMILIES)
