"""`veche directory key` makes a key once, and says what to do if it cannot."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from veche.cli.main import main
from veche.transparency.notes import read_verifier_key

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_made_that_nobody_else_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"

    assert main(["directory", "key", "tax.example", "--out", str(path)]) == 0
    assert read_verifier_key(capsys.readouterr().out.strip()).name == "tax.example"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("organisation", "file", "said"),
    [
        ("a b", "key", "like tax.example"),
        ("", "key", "like tax.example"),
        ("tax.example", "old", "Name a new file"),
        ("tax.example", "missing/key", "Name a new file"),
    ],
)
def test_a_key_that_cannot_be_made_changes_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    organisation: str,
    file: str,
    said: str,
) -> None:
    (tmp_path / "old").write_bytes(b"kept")

    assert main(["directory", "key", organisation, "--out", str(tmp_path / file)]) == 1
    assert said in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"kept"
