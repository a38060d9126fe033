"""`veche verify` of the copy of a room of a ledger's heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.tree_proofs import consistency_proof
from tests.unit.appservices.payments.core.proofs.test_heads import (
    FORK,
    HASHES,
    KEYS,
    ORIGIN,
    export,
    note,
    post,
    seen,
)
from tests.unit.veche.cli.test_verify import API, site
from veche.cli.main import main
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from pathlib import Path

KEY: Final = KEYS[0].to_text()
WITNESS_KEY: Final = KEYS[1].to_text()


class Run:
    """`veche verify` over a copy."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._path = folder / "room.json"
        self._capsys = capsys

    def __call__(self, data: bytes, *options: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        self._path.write_bytes(data)
        code = main(["verify", str(self._path), *options])
        return (code, *self._capsys.readouterr())


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


def answers(size: int, *after: int, hashes: list[bytes] = HASHES) -> dict[str, Any]:
    said: dict[str, Any] = {
        "/.well-known/veche/payments": {"v": 1, "api": API, "keys": [KEY]},
        f"{API}/heads": {"checkpoint": note(size, hashes), "consistency": []},
    }
    for one in after:
        path = consistency_proof(hashes[:size], one)
        said[f"{API}/heads?after={one}"] = {
            "checkpoint": note(size, hashes),
            "consistency": [encode_base64(digest) for digest in path],
        }
    return said


COPY: Final = export(post(4, 0), post(9, 4, witnessed=[seen(4)]))


def test_a_copy_holds_without_asking_anybody(run: Run) -> None:
    code, out, err = run(COPY, "--key", KEY, "--key", WITNESS_KEY)

    assert (code, err) == (0, "")
    assert out == (
        f"ledger     {ORIGIN}\n"
        "heads      2, of 4 to 9 blocks\n"
        "proven     each begins with the one before\n"
        f"seen by    {KEYS[1].name}\n"
        "It holds.\n"
    )
    assert "not all are shown" in run(export(post(4, 0), post(9, 5)), "--key", KEY)[1]


def test_without_a_key_nobody_can_tell(run: Run) -> None:
    code, out, err = run(COPY)

    assert (code, out) == (3, "")
    assert f"no key of {ORIGIN} is known" in err


def test_the_ledger_of_today_has_to_begin_with_what_stood_in_the_room(run: Run) -> None:
    with site(answers(20, 9)) as url:
        code, out, _ = run(COPY, "--online", "--site", url)
    assert code == 0
    assert f"the ledger of today begins with all of them (asked {url})" in out

    with site(answers(20, 9, hashes=FORK)) as url:
        code, _, err = run(COPY, "--online", "--site", url)
    assert code == 1
    assert "they prove that there are two ledgers" in err


def test_a_ledger_that_got_shorter_is_found_out(run: Run) -> None:
    with site(answers(5)) as url:
        code, _, err = run(COPY, "--online", "--site", url)

    assert code == 1
    assert note(9) in err


def test_a_site_that_does_not_answer_proves_nothing(run: Run) -> None:
    with site(answers(20)) as url:
        code, _, err = run(COPY, "--online", "--site", url)

    assert code == 3
    assert "404" in err


def test_a_copy_that_was_changed_is_false(run: Run) -> None:
    code, _, err = run(COPY.replace(b"\\n4\\n", b"\\n5\\n"), "--key", KEY)

    assert code == 1
    assert "False" in err
