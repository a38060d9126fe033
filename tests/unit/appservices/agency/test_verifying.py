"""`veche verify` of receipts of delivery; the page judges the same files in a test of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.acts import LOG
from tests.support.delivery_receipts import BODY, WORDS, for_pages
from veche.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

MADE = for_pages()
HOLDS, FALSE, NOBODY_KNOWS = 0, 1, 3


def verify(folder: Path, value: object) -> int:
    """The exit code of the command."""
    path = folder / "delivery.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return main(["verify", str(path), "--key", LOG.verifier.to_text()])


def test_a_receipt_holds_and_says_the_hash_of_the_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(tmp_path, MADE["good"]) == HOLDS

    told = capsys.readouterr().out
    assert BODY["sha256"] in told
    assert WORDS not in told
    assert "the person's server acknowledged it" in told
    assert "not yet" in told


def test_a_served_message_says_since_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(tmp_path, MADE["served"]) == HOLDS

    assert "served     2025-11-29" in capsys.readouterr().out


@pytest.mark.parametrize("fault", list(MADE["false"]))
def test_a_false_one_is_refused(tmp_path: Path, fault: str) -> None:
    wanted = NOBODY_KNOWS if fault == "unknown_signer" else FALSE

    assert verify(tmp_path, MADE["false"][fault]) == wanted


@pytest.mark.parametrize("number", range(len(MADE["impossible"])))
def test_what_cannot_be_is_refused_whoever_signs_it(tmp_path: Path, number: int) -> None:
    assert verify(tmp_path, MADE["impossible"][number]) == FALSE
