import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.canonical import DEPTH_MAX, INTEGER_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.json_reader import NODES_MAX, check_json, read_content, read_json, read_relayed

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=50,
).filter(lambda value: "\\u0000" not in json.dumps(value))
PIECES = st.sampled_from(
    [
        *("[", "]", "{", "}", ",", ":", '"', "\\", "\\u0000", "\\ud83d", '"a"', "1", "-", "1e999"),
        *("9" * 310, "9" * 5_000, "NaN", "Infinity", "null", "true", "\x00", "\ufeff", " ", "ж"),
    ]
)


@given(PLAIN)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary() | st.lists(PIECES).map(lambda parts: "".join(parts).encode()))
def test_whatever_comes_is_read_or_malformed(data: bytes) -> None:
    try:
        content = read_json(data, nodes_max=1_000)
    except MalformedError:
        return
    json.dumps(content).encode()


@given(PLAIN)
def test_what_a_server_passes_on_is_read_as_it_was_written(value: Any) -> None:
    assert read_relayed(json.dumps(value).encode()) == value


@given(st.binary() | st.lists(PIECES).map(lambda parts: "".join(parts).encode()))
def test_whatever_a_server_passes_on_can_be_written_again_or_is_malformed(data: bytes) -> None:
    try:
        content = read_relayed(data)
    except MalformedError:
        return
    json.dumps(content, allow_nan=False).encode()


@each_row("depth", [DEPTH_MAX + 4, 500, 20_000])
@each_row("unit", [(b"[", b"]"), (b'{"a":', b"}"), (b'["]",[],', b"]"), (b'{"\\"{":1,"x":', b"}")])
def test_what_one_person_nests_too_deeply_spoils_no_other(
    depth: int, unit: tuple[bytes, bytes]
) -> None:
    opening, closing = unit
    deep = opening * depth + b"1" + closing * depth

    read = read_relayed(b'{"events":[{"n":1},%b,{"n":2}]}' % deep)

    assert [read["events"][0], read["events"][2]] == [{"n": 1}, {"n": 2}]
    json.dumps(read)


@each_row("number", [b"1e999", b"-1e999", b"NaN", b"Infinity", b"9007199254740992", b"9" * 5_000])
def test_a_number_that_is_none_or_too_large_is_left_out_of_what_is_passed_on(number: bytes) -> None:
    read = read_relayed(b'{"events":[{"n":%b},{"n":9007199254740991}]}' % number)

    assert read == {"events": [{"n": None}, {"n": INTEGER_MAX}]}


@each_row("digits", [17, 309, 310, 4_299, 5_000])
@each_row("sign", [b"", b"-"])
def test_no_integer_is_too_long_to_be_refused(digits: int, sign: bytes) -> None:
    with pytest.raises(MalformedError):
        read_json(b'{"any": %b%b}' % (sign, b"9" * digits))


@each_row("unit", [b"[]", b"{}", b"1", b'{"a":1}', b'""', b'{"\\"[":[]}', b'"\\\\",[]'])
def test_values_are_counted_before_they_are_made(unit: bytes) -> None:
    most = b"[" + b",".join([unit] * (NODES_MAX // (unit.count(b",") + 1) + 1)) + b"]"
    with pytest.raises(MalformedError, match="values"):
        read_json(most)
    assert read_json(b"[" + b",".join([unit] * 1_000) + b"]")


def test_marks_inside_of_texts_are_no_values() -> None:
    text = ',[{:\\",' * NODES_MAX
    assert read_json(json.dumps([text]).encode()) == [text]


@each_row("unit", [b'\\"', b'"', b"\\", b'"\\', b'",', b"[" * 99, b'{"a":', b"9"])
def test_no_document_takes_long_to_refuse(unit: bytes) -> None:
    data = unit * ((1 << 20) // len(unit))
    began_s = time.process_time()
    with pytest.raises(MalformedError):
        read_json(data)
    assert time.process_time() - began_s < 1


def test_other_encodings_than_utf_8_are_refused() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"):
        with pytest.raises(MalformedError):
            read_json('{"é": 1}'.encode(encoding))


def test_a_bound_of_depth_is_the_same_for_what_is_read_elsewhere() -> None:
    deep: Any = []
    for _ in range(DEPTH_MAX - 1):
        deep = [deep]
    check_json(deep, "content")
    with pytest.raises(MalformedError, match="levels"):
        check_json({"any": deep}, "content")


@each_row("wrong", [["x"], {"a": 1}, None, 1, True])
def test_a_standard_field_of_another_type_is_as_if_it_were_not_there(wrong: Any) -> None:
    relation = {"rel_type": wrong, "event_id": "$a", "key": wrong, "x": wrong}
    content = {"msgtype": wrong, "body": "hello", "membership": wrong, "m.relates_to": relation}

    found = read_content(content, "content")

    assert found == {"body": "hello", "m.relates_to": {"event_id": "$a", "x": wrong}}
    assert content["msgtype"] == wrong


def test_content_of_the_right_form_is_not_copied() -> None:
    content = {"msgtype": "m.text", "body": "\0", "m.relates_to": {"event_id": "$a"}}
    assert read_content(content, "content") is content


def test_content_with_such_a_number_is_refused() -> None:
    with pytest.raises(MalformedError):
        read_content({"msgtype": "m.text", "x": [10**400]}, "content")
