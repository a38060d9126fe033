from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import veche
from homeserver_modules.event_guard.families import load_families
from tests.support.events_page import EXAMPLES, events_page
from tests.support.tables import each_row
from veche.contracts.agency.case import NAME_CHARACTERS_MAX, RULE_CHARACTERS_MAX, CaseCard
from veche.contracts.agency.document import (
    FILE_KEYS_MAX,
    KIND_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
    IssuedDocument,
)
from veche.protocol.acts import ActReceipt
from veche.protocol.errors import MalformedError
from veche.protocol.wire import Wire, parse

FAMILIES = load_families()

PAGE = Path(veche.__file__).parent.parent / "docs" / "reference" / "events.md"
CASE = EXAMPLES["org.veche.case"]
DOCUMENT = EXAMPLES["org.veche.document"]


def test_the_families_are_those_of_the_protocol() -> None:
    assert list(FAMILIES) == [
        "org.veche.case",
        "org.veche.document",
        "org.veche.prompt",
        "org.veche.answer",
        "org.veche.approval",
        "org.veche.act",
        "org.veche.bridged",
        "org.veche.invoice",
        "org.veche.receipt",
        "org.veche.ledger_heads",
        "org.veche.sign_request",
        "org.veche.sign_file",
        "org.veche.sign_result",
    ]
    assert FAMILIES["org.veche.act"] is ActReceipt


@each_row("key", EXAMPLES)
def test_every_example_is_of_its_family(key: str) -> None:
    example = dict(EXAMPLES[key])

    model = parse(FAMILIES[key], example)

    assert isinstance(model, Wire)
    assert model.model_dump(mode="json", exclude_none=True, exclude_unset=True) == example


@each_row("key", EXAMPLES)
@each_row("version", [None, 0, 2, "1"])
def test_another_version_is_refused(key: str, version: object) -> None:
    with pytest.raises(MalformedError, match=r"body\.v"):
        parse(FAMILIES[key], {**EXAMPLES[key], "v": version})


@each_row("key", EXAMPLES)
def test_unknown_fields_are_passed_over(key: str) -> None:
    assert parse(FAMILIES[key], {**EXAMPLES[key], "later": 1})


@each_row(
    ("changes", "field"),
    [
        ({"id": "case-1"}, "id"),
        ({"service": ""}, "service"),
        ({"service": "x" * (NAME_CHARACTERS_MAX + 1)}, "service"),
        ({"state": None}, "state"),
        ({"office": 1}, "office"),
        ({"clock": {"due_at_ms": -1, "rule": "x"}}, r"clock\.due_at_ms"),
        ({"clock": {"due_at_ms": 1.0, "rule": "x"}}, r"clock\.due_at_ms"),
        ({"clock": {"due_at_ms": 1, "rule": "x" * (RULE_CHARACTERS_MAX + 1)}}, r"clock\.rule"),
        ({"clock": {"due_at_ms": 1}}, r"clock\.rule"),
        ({"step": "x" * (RULE_CHARACTERS_MAX + 1)}, "step"),
        ({"history_len": -1}, "history_len"),
        ({"history_len": True}, "history_len"),
        ({"sealed": "no"}, "sealed"),
    ],
)
def test_a_malformed_case_is_refused_and_the_field_named(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(MalformedError, match=field):
        parse(CaseCard, {**CASE, **changes})


def test_a_case_at_its_bounds_is_read() -> None:
    long = "x" * RULE_CHARACTERS_MAX
    name = "x" * NAME_CHARACTERS_MAX
    bounds = {"service": name, "state": name, "office": name, "step": long}

    card = parse(CaseCard, {**CASE, **bounds, "clock": {"due_at_ms": 0, "rule": long}})

    assert (card.office, card.step) == (name, long)


def test_a_case_need_have_no_clock() -> None:
    card = parse(CaseCard, {k: v for k, v in CASE.items() if k not in ("clock", "step")})

    assert (card.clock, card.step, card.sealed) == (None, None, None)


@each_row(
    ("changes", "field"),
    [
        ({"kind": "x" * (KIND_CHARACTERS_MAX + 1)}, "kind"),
        ({"title": ""}, "title"),
        ({"title": "x" * (TITLE_CHARACTERS_MAX + 1)}, "title"),
        ({"issuer": "x" * (TITLE_CHARACTERS_MAX + 1)}, "issuer"),
        ({"sha256": DOCUMENT["sha256"] + "="}, "sha256"),
        ({"sha256": DOCUMENT["sha256"][:-1]}, "sha256"),
        ({"sha256": DOCUMENT["sha256"][:-1] + "B"}, "sha256"),
        ({"sha256": "g" * 64}, "sha256"),
        ({"file": []}, "file"),
        ({"file": {f"k{n}": 1 for n in range(FILE_KEYS_MAX + 1)}}, "file"),
        ({"valid_until_ms": -1}, "valid_until_ms"),
        ({"status_list": "http://town.example/s"}, "status_list"),
    ],
)
def test_a_malformed_document_is_refused_and_the_field_named(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(MalformedError, match=field):
        parse(IssuedDocument, {**DOCUMENT, **changes})


def test_a_document_at_its_bounds_is_read() -> None:
    bounds = {
        "kind": "x" * KIND_CHARACTERS_MAX,
        "title": "x" * TITLE_CHARACTERS_MAX,
        "file": {f"k{n}": 1 for n in range(FILE_KEYS_MAX)},
        "status_list": "https://town.example/s",
    }

    assert parse(IssuedDocument, {**DOCUMENT, **bounds}).title == bounds["title"]


# --- the page -----------------------------------------------------------------------------------


def test_the_reference_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == events_page(), (
        "write it anew: python -c 'from tests.support.events_page import events_page; "
        'print(events_page(), end="")\' > docs/reference/events.md'
    )


@each_row("key", FAMILIES)
def test_the_reference_has_every_field_of_every_family_with_its_meaning(key: str) -> None:
    page = events_page()
    section = page[page.index(f"### `{key}`") :]

    for name in FAMILIES[key].model_fields:
        row = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
        assert not row.endswith("|  |"), f"{name} has no meaning in the docstring"


def test_no_feature_registers_a_key_of_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "greedy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: greedy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[veche.families]\ngreedy = greedy_families:FAMILIES\n")
    (tmp_path / "greedy_families.py").write_text("FAMILIES = {'body': dict}\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ValueError, match="registers body; write a name in a domain"):
        load_families()
