"""The state of a form survives restarts, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.tables import each_row
from veche.protocol.errors import MalformedError
from veche.protocol.forms.models import FIELDS_MAX
from veche.protocol.forms.state import FormState, Mode

STATE = FormState(
    {"a": "x", "b": {"minor": 5, "currency": "EUR"}, "c": ["red"], "d": True},
    3,
    Mode.EDITING,
    1_700_000_000_000,
    frozenset({"a", "z"}),
)


def test_a_state_survives_json() -> None:
    assert FormState.from_json(json.loads(json.dumps(STATE.to_json()))) == STATE


def test_the_json_of_a_state_is_as_it_was() -> None:
    # Forms that people began before an update are read after it: never change this.
    assert STATE.to_json() == {
        "v": 1,
        "mode": "editing",
        "position": 3,
        "started_at_ms": 1_700_000_000_000,
        "values": {"a": "x", "b": {"minor": 5, "currency": "EUR"}, "c": ["red"], "d": True},
        "done": ["a", "z"],
    }


@each_row(
    "wrong",
    [
        {"v": 2}, {"mode": "sleeping"}, {"position": -1}, {"position": FIELDS_MAX},
        {"position": "1"}, {"started_at_ms": None}, {"values": []}, {"done": "a"},
        {"values": {f"f{n}": 1 for n in range(FIELDS_MAX + 1)}},
        {"done": ["a"] * (FIELDS_MAX + 1)},
    ],
)  # fmt: skip
def test_what_is_no_state_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        FormState.from_json({**STATE.to_json(), **wrong})


@each_row("wrong", [None, [], "x", {}, 5])
def test_what_is_no_object_is_refused(wrong: object) -> None:
    with pytest.raises(MalformedError):
        FormState.from_json(wrong)
