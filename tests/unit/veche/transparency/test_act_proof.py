from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest

from tests.support.acts import AT_MS, LOG, ORIGIN, OTHER_LOG, acts_file, an_act, some_acts
from tests.support.tables import each_row
from veche.protocol.acts import ActClass
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency.act_proof import (
    ACTS_FILE_BYTES_MAX,
    ACTS_KEY,
    ACTS_MAX,
    ActFault,
    ActProofError,
    read_acts,
    verify_acts,
)
from veche.transparency.notes import NoteSigner

KEYS = (LOG.verifier,)
ACTS = some_acts(5)
FILE = acts_file(ACTS)
ALTERATIONS = 300


def verdict(file: Any) -> str:
    """``holds``, or the fault."""
    try:
        verify_acts(file, KEYS)
    except ActProofError as e:
        return e.fault.value
    return "holds"


def resigned(file: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A file whose proof an organisation changed and signed again."""
    body = {**copy.deepcopy(file[ACTS_KEY]), **changes}
    return LOG.sign_object({"org.veche.signed": file["org.veche.signed"], ACTS_KEY: body})


def with_act(place: int, **changes: Any) -> dict[str, Any]:
    acts = copy.deepcopy(FILE[ACTS_KEY]["acts"])
    acts[place] = acts[place] | changes
    return resigned(FILE, acts=acts)


def test_one_learns_what_the_organisation_did() -> None:
    proven = verify_acts(FILE, KEYS)

    assert (proven.organisation, proven.head.origin, proven.head.size) == ("lindenau", ORIGIN, 5)
    assert [act.seq for act in proven.acts] == [1, 2, 3, 4, 5]
    assert {(act.case, act.basis, act.actor) for act in proven.acts} == {
        ("01CASE", "PStG §55", "bot")
    }


@each_row("count", [0, 1, 2, 33])
def test_any_number_of_acts_is_proven(count: int) -> None:
    assert len(verify_acts(acts_file(some_acts(count)), KEYS).acts) == count


def test_acts_of_a_case_need_not_follow_one_another_but_a_gap_is_seen() -> None:
    acts = FILE[ACTS_KEY]["acts"]

    proven = verify_acts(resigned(FILE, acts=[acts[0], acts[3]]), KEYS)

    assert [act.seq for act in proven.acts] == [1, 4]


@each_row(
    ("file", "fault"),
    [
        ({}, "not_acts"),
        ({ACTS_KEY: {}}, "not_acts"),
        (resigned(FILE, v=2), "not_acts"),
        (resigned(FILE, v=True), "not_acts"),
        (resigned(FILE, acts=FILE[ACTS_KEY]["acts"][:1] * (ACTS_MAX + 1)), "not_acts"),
        ({**FILE, "signatures": {}}, "unknown_signer"),
        (acts_file(ACTS, signer=OTHER_LOG), "unknown_signer"),
        ({**FILE, "org.veche.signed": {"kind": "other"}}, "wrong_signature"),
        ({**FILE, "more": 1.5}, "not_acts"),
        (acts_file(ACTS, log=OTHER_LOG), "bad_head"),
        (acts_file(ACTS, checkpoint="x"), "bad_head"),
        (acts_file(ACTS, checkpoint=LOG.sign("other\n1\nx\n")), "bad_head"),
        (with_act(2, salt=encode_base64(bytes(32))), "other_act"),
        (with_act(2, bound=encode_base64(bytes(32))), "other_act"),
        (with_act(2, opening=ACTS[2]["opening"] | {"why": "another"}), "other_act"),
        (with_act(2, opening={"long": "x" * 5_000}), "other_act"),
        (with_act(2, opening={}), "other_act"),
        (with_act(2, e="{}"), "other_act"),
        (with_act(2, index=3), "not_in_log"),
        (with_act(2, index=5), "not_in_log"),
        (with_act(2, path=[]), "not_in_log"),
        (resigned(FILE, acts=FILE[ACTS_KEY]["acts"][::-1]), "other_order"),
        (resigned(FILE, acts=[FILE[ACTS_KEY]["acts"][0]] * 2), "other_order"),
    ],
)
def test_what_is_not_proven_is_refused_for_its_reason(file: Any, fault: str) -> None:
    assert verdict(file) == fault


@each_row(
    "changes",
    [
        {"agency": "other"},
        {"act": ActClass.NOTICE},
        {"ts": AT_MS + 3_600_000},
        {"ts": 2**53 - 1},
        {"subject": ""},
    ],
)
def test_an_act_that_the_public_entry_lies_about_is_refused(changes: dict[str, Any]) -> None:
    assert verdict(acts_file([an_act(1, **changes)])) == "other_act"


def test_an_act_that_hides_the_one_before_is_refused() -> None:
    first = an_act(1)

    assert verdict(acts_file([first, an_act(2, prev="")])) == "other_order"
    assert verdict(acts_file([first, an_act(2, prev=first["c"][::-1])])) == "other_order"
    assert verdict(acts_file([an_act(1, prev=first["c"])])) == "other_order"


def test_acts_on_another_person_do_not_go_into_the_file_of_one() -> None:
    first = an_act(1)

    assert verdict(acts_file([first, an_act(2, first["c"], subject="q" * 22)])) == "other_order"


def test_acts_of_another_organisation_are_none_of_this_log() -> None:
    other = NoteSigner("example.org/veche/acts/v1/other", b"x" * 32)
    file = acts_file(ACTS, log=other, signer=other)

    with pytest.raises(ActProofError) as caught:
        verify_acts(file, [*KEYS, other.verifier])
    assert caught.value.fault is ActFault.OTHER_ACT


def test_the_head_of_another_log_does_not_count() -> None:
    other = NoteSigner("example.org/veche/acts/v1/other", b"x" * 32)

    with pytest.raises(ActProofError) as caught:
        verify_acts(acts_file(ACTS, log=other), [*KEYS, other.verifier])
    assert caught.value.fault is ActFault.BAD_HEAD


def test_no_flipped_character_holds() -> None:
    random, text = Random(7), json.dumps(FILE)  # noqa: S311 -- repeatable
    held = []
    for _ in range(ALTERATIONS):
        at = random.randrange(len(text))
        altered = text[:at] + random.choice("0aZ{}:,/+ ") + text[at + 1 :]
        value = read_acts(altered.encode())
        if value is not None and value != FILE and verdict(value) == "holds":
            held.append(altered)

    assert held == []


def test_only_a_file_with_acts_is_taken_for_one() -> None:
    assert read_acts(json.dumps(FILE).encode()) == FILE
    for data in (b"", b"[]", b"{}", b"\xff", b"[" * 65_000, b" " * (ACTS_FILE_BYTES_MAX + 1)):
        assert read_acts(data) is None
