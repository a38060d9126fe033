"""What is written by hand: which lines are a drawing, and what its record and digest say."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.evidence.core.handwriting import (
    HEIGHT,
    LENGTH_MIN,
    POINTS_MAX,
    STROKES_MAX,
    WIDTH,
    Drawing,
    HandRecord,
)
from tests.support.tables import each_row
from veche.protocol.errors import MalformedError
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import parse

DIGEST = "A" * 43
TOLD = {
    "v": 1,
    "what": "org.veche.hand",
    "session": "01KAV3Z8K4Q6V5W7X9Y0A1B2C3",
    "party": "p1",
    "name": "Bob Brown",
    "title": "Lease",
    "document_sha256": DIGEST,
    "code": "4718",
    "parties_sha256": DIGEST,
    "effect": "when_complete",
    "agreed": True,
    "read": "all_pages",
    "clauses": [{"id": "c1", "title": "Deposit", "accepted": False}],
    "drawing_sha256": DIGEST,
    "written_at_ms": 1_000,
    "witness": "@carol:example.org",
    "papers": "passport",
}


def drawing(strokes: object) -> Drawing:
    return parse(Drawing, {"strokes": strokes}, where="drawing")


def record(**changes: object) -> HandRecord:
    return parse(HandRecord, {**TOLD, **changes}, where="record")


def test_a_name_is_lines() -> None:
    made = drawing([[0, 0, 200, 0], [10, 20]])

    assert made.length == 200
    assert made.path == "M0 0L200 0 M10 20L10 20"


def test_the_digest_is_of_canonical_json() -> None:
    told = b'{"strokes":[[0,0,200,0]]}'

    assert drawing([[0, 0, 200, 0]]).sha256 == encode_base64(hashlib.sha256(told).digest())


@each_row(
    "strokes",
    [
        [[0, 0, LENGTH_MIN, 0]],
        [[0, 0, WIDTH, HEIGHT]],
        [[0, 0, 2, 2]] * (STROKES_MAX - 1) + [[0, 0, LENGTH_MIN, 0]],
        [[0, 0, LENGTH_MIN, 0] + [0, 0] * (POINTS_MAX - 2)],
    ],
)
def test_at_the_bounds_it_is_one(strokes: object) -> None:
    assert drawing(strokes).length >= LENGTH_MIN


@each_row(
    "strokes",
    [
        None,
        "M0 0L9 9",
        [],
        [[]],
        [[0, 0]],
        [[0, 0, LENGTH_MIN - 1, 0]],
        [[0, 0, 500]],
        [[0, 0, WIDTH + 1, 0]],
        [[0, 0, WIDTH, HEIGHT + 1]],
        [[0, 0, -1, 200]],
        [[0.5, 0, 500, 0]],
        [["0", "0", "500", "0"]],
        [[True, 0, 500, 0]],
        [[0, 0, 500, 0]] * (STROKES_MAX + 1),
        [[0, 0, 500, 0] + [0, 0] * (POINTS_MAX - 1)],
        [[0, 0, 500, 0] + [0, 0] * (POINTS_MAX // 2)] * 2,
    ],
)
def test_anything_else_is_refused(strokes: object) -> None:
    with pytest.raises(MalformedError):
        drawing(strokes)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT)), min_size=2, max_size=9),
        min_size=1,
        max_size=9,
    )
)
def test_what_is_shown_is_numbers_alone(points: list[list[tuple[int, int]]]) -> None:
    strokes = [[*points_of(one)] for one in points]
    try:
        made = drawing([*strokes, [0, 0, LENGTH_MIN, 0]])
    except MalformedError:
        pytest.fail("every line on the sheet can be drawn")

    assert set(made.path) <= set("ML 0123456789")


def points_of(stroke: list[tuple[int, int]]) -> list[int]:
    return [value for point in stroke for value in point]


def test_a_record_has_one_form_and_one_digest() -> None:
    one = record()

    assert one.told == TOLD
    assert one.sha256 == encode_base64(hashlib.sha256(one.signed).digest())
    assert record(clauses=[{**TOLD["clauses"][0], "accepted": True}]).sha256 != one.sha256  # type: ignore[index]


@each_row(
    "changes",
    [{field: other} for field, other in {
        "session": "01KAV3Z8K4Q6V5W7X9Y0A1B2C4",
        "party": "p2",
        "name": "Ann Brown",
        "title": "Sale",
        "document_sha256": "B" * 42 + "A",
        "code": "4719",
        "parties_sha256": "B" * 42 + "A",
        "effect": "each",
        "clauses": [],
        "drawing_sha256": "B" * 42 + "A",
        "written_at_ms": 1_001,
        "witness": "@dave:example.org",
        "papers": "identity_card",
    }.items()],
)  # fmt: skip
def test_whatever_it_says_changes_its_digest(changes: dict[str, Any]) -> None:
    assert record(**changes).sha256 != record().sha256


@each_row(
    "changes",
    [
        {"agreed": False},
        {"read": "elsewhere"},
        {"what": "org.veche.meeting"},
        {"v": 2},
        {"name": ""},
        {"name": "Bob\u202eBrown"},
        {"papers": "Passport!"},
        {"more": 1},
    ],
)
def test_a_record_of_another_form_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        record(**changes)
