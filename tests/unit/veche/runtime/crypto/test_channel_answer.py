"""Answers of the crypto channel: parts of a wrong form are left out, never an error."""

from __future__ import annotations

import pytest

from tests.support.crypto_peers import ANNA, damaged
from tests.support.tables import each_row
from veche.runtime.crypto.channel import Answer, read_answer
from veche.runtime.crypto.core.values import BadEventError, Json

ANSWER: Json = {
    "pos": "5",
    "extensions": {
        "to_device": {"next_batch": "7", "events": [{"type": "m.dummy"}]},
        "e2ee": {
            "device_lists": {"changed": [ANNA], "left": []},
            "device_one_time_keys_count": {"signed_curve25519": 49},
            "device_unused_fallback_key_types": ["signed_curve25519"],
        },
    },
}


def test_an_answer_is_read() -> None:
    answer = read_answer(ANSWER, "3")

    assert answer == Answer("5", "7", ({"type": "m.dummy"},), (ANNA,), (), 49, False)


def test_an_empty_answer_keeps_what_is_known() -> None:
    assert read_answer({"pos": "5"}, "3") == Answer("5", "3", (), (), (), None, False)


def test_an_answer_without_position_is_refused() -> None:
    with pytest.raises(BadEventError):
        read_answer({"extensions": {}}, None)


def test_no_damage_within_raises() -> None:
    for where, wrong in damaged(ANSWER):
        if where.startswith("pos"):
            continue
        read_answer(wrong, "3")


@each_row("user", [7, None, "", "a\0", "\ud800", "@" + "x" * 300, []])
def test_users_that_cannot_be_are_left_out(user: object) -> None:
    lists = {"changed": [user, ANNA], "left": user}
    answer = read_answer({"pos": "5", "extensions": {"e2ee": {"device_lists": lists}}}, None)

    assert answer.changed == (ANNA,)
    assert answer.left == ()


@each_row(("counts", "count"), [({}, 0), ({"signed_curve25519": 3}, 3), (None, None), ([], None)])
def test_a_missing_count_is_zero_only_where_counts_are_given(
    counts: object, count: int | None
) -> None:
    e2ee = {"device_one_time_keys_count": counts}

    assert read_answer({"pos": "5", "extensions": {"e2ee": e2ee}}, None).one_time_keys == count


def test_a_used_fallback_key_is_seen() -> None:
    e2ee: Json = {"device_unused_fallback_key_types": []}

    assert read_answer({"pos": "5", "extensions": {"e2ee": e2ee}}, None).is_fallback_used
