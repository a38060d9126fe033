from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.acts import (
    LOG,
    ORIGIN,
    OTHER_LOG,
    SUBJECT,
    WITNESS,
    acts_file,
    an_act,
    some_acts,
    witnessed,
)
from tests.support.tree_proofs import consistency_proof
from tests.unit.veche.cli.test_verify import site
from veche.cli.main import main
from veche.cli.verify import acts as verify_acts
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency import merkle
from veche.transparency.act_proof import ACTS_FILE_BYTES_MAX, ActFault
from veche.transparency.notes import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

ACTS = some_acts(3)
FILE = acts_file(ACTS)
KEY = LOG.verifier.to_text()
WELL_KNOWN = "/.well-known/veche/acts?organisation=lindenau"
HEADS = "/_veche/acts/v1/heads?after=3&organisation=lindenau"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    path = tmp_path / "export.json"

    def run(value: Any, *options: str) -> tuple[int, str, str]:
        """Exit code, output and errors, without the path."""
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        code = main(["verify", str(path), *options])
        out, err = capsys.readouterr()
        return code, out, err.replace(f"{path}: ", "")

    return run


def newest(more: int = 2, signer: Any = LOG) -> dict[str, Any]:
    """What a site answers whose log has some more acts."""
    acts = some_acts(3 + more)
    hashes = [merkle.leaf_hash(one["e"].encode()) for one in acts]
    point = Checkpoint(ORIGIN, len(acts), merkle.root_of_hashes(hashes))
    path = consistency_proof(hashes, 3) if more else []
    note = signer.sign(point.to_text())
    return {"checkpoint": note, "consistency": [encode_base64(one) for one in path]}


def answers(**head: Any) -> dict[str, Any]:
    keys = {"v": 1, "api": "/_veche/acts/v1", "keys": [KEY]}
    return {WELL_KNOWN: keys, HEADS: newest() | head}


def test_acts_that_hold_are_told_in_words(run: Run) -> None:
    code, out, err = run(FILE, "--key", KEY)

    assert (code, err) == (0, "")
    assert out == (
        "acts of    lindenau\n"
        f"person     {SUBJECT}\n"
        "case       01CASE\n"
        "acts       3 (numbers 1 to 3 on this person)\n"
        f"signed by  {ORIGIN}\n"
        "head       of 3 acts, in the file\n"
        "witnesses  none: its own signature alone says that it has one history\n"
        "     1  2025-11-24 16:00 UTC  message, bot: PStG §55\n"
        "     2  2025-11-24 16:00 UTC  message, bot: PStG §55\n"
        "     3  2025-11-24 16:00 UTC  message, bot: PStG §55\n"
        "It holds.\n"
    )


def test_witnesses_are_named_and_counted(run: Run) -> None:
    file = acts_file(ACTS, witnessed=witnessed(ACTS, 2, time_s=1_764_000_000))
    theirs = WITNESS.verifier.to_text()

    out = run(file, "--key", KEY, "--key", theirs, "--needed", "1")[1]
    assert "witnesses  w.example/w1 (2025-11-24 16:00 UTC) for the first 2 acts\n" in out
    assert "none whose key is known, 1 others" in run(file, "--key", KEY)[1]
    code, out, err = run(file, "--key", KEY, "--needed", "1")
    assert (code, out) == (3, "")
    assert "fewer than 1 of the witnesses" in err


def test_a_key_that_only_the_site_names_is_said_to_be_and_does_not_count(
    run: Run,
) -> None:
    file = acts_file(ACTS, witnessed=witnessed(ACTS, 3, time_s=1_764_000_000))
    told = answers()
    told[WELL_KNOWN] = {**told[WELL_KNOWN], "witnesses": [WITNESS.verifier.to_text()]}
    with site(told) as url:
        out = run(file, "--online", "--site", url)[1]
        code, _, err = run(file, "--online", "--site", url, "--needed", "1")

    assert "w.example/w1 (2025-11-24 16:00 UTC, its key by the site's word)" in out
    assert (code, "fewer than 1" in err) == (3, True)


def test_witnesses_of_another_history_are_no_proof(run: Run) -> None:
    others = [an_act(n, why="other") for n in (1, 2, 3)]
    code, out, err = run(acts_file(ACTS, witnessed=witnessed(others, 2)), "--key", KEY)

    assert (code, out) == (1, "")
    assert "does not begin with the one that witnesses have signed" in err


def test_a_reason_cannot_paint_over_the_terminal(run: Run) -> None:
    out = run(acts_file([an_act(1, why="Eve\x1b[2J\n\u202eIt holds.")]), "--key", KEY)[1]

    assert "PStG §55 (Eve[2J It holds.)\n" in out
    assert "\x1b" not in out


def test_without_a_key_nobody_can_tell(run: Run) -> None:
    for options in ((), ("--key", OTHER_LOG.verifier.to_text())):
        code, out, err = run(FILE, *options)
        assert (code, out) == (3, "")
        assert "no key of the log of acts is known" in err


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({**FILE, "more": "x"}, "False: it was changed"),
        (acts_file(ACTS, v=2), "This is no file of acts"),
        (acts_file(ACTS, log=OTHER_LOG), "False: the head in it"),
        (acts_file([an_act(1, agency="other")]), "False: an act in it is not the one"),
        (acts_file([an_act(2)]), "False: the acts in it do not follow"),
    ],
)
def test_each_fault_has_its_words(run: Run, file: Any, words: str) -> None:
    code, out, err = run(file, "--key", KEY)

    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1


def test_every_fault_has_words() -> None:
    assert set(verify_acts.WORDS) == set(ActFault)


def test_a_file_that_is_too_large_is_none(run: Run) -> None:
    data = json.dumps(FILE).encode() + b" " * ACTS_FILE_BYTES_MAX

    assert run(data, "--key", KEY)[0] == 1


@pytest.mark.parametrize("more", [0, 1, 2, 9])
def test_the_site_gives_the_key_and_a_newer_head(run: Run, more: int) -> None:
    with site(answers(**newest(more))) as url:
        code, out, err = run(FILE, "--online", "--site", url)

    assert (code, err) == (0, "")
    assert f"head       of 3 acts, asked {url}\n" in out


def test_a_log_that_was_rewritten_is_found_out(run: Run) -> None:
    with site(answers(consistency=[])) as url:
        code, out, err = run(FILE, "--online", "--site", url)

    assert (code, out) == (1, "")
    assert "there are two logs" in err


def test_a_log_that_is_shorter_than_what_it_signed_is_false(run: Run) -> None:
    said, hashes = answers(), [merkle.leaf_hash(one["e"].encode()) for one in some_acts(2)]
    shorter = Checkpoint(ORIGIN, 2, merkle.root_of_hashes(hashes))
    said["/_veche/acts/v1/heads?organisation=lindenau"] = {
        "checkpoint": LOG.sign(shorter.to_text()),
        "consistency": [],
    }
    with site(said | {HEADS: 404}) as url:
        code, out, err = run(FILE, "--online", "--site", url)

    assert (code, out) == (1, "")
    assert "it has 2 entries, and 3 were signed" in err


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (WELL_KNOWN, 404),
        (WELL_KNOWN, {"api": "/_veche/acts/v1", "keys": []}),
        (HEADS, 503),
        (HEADS, newest(signer=OTHER_LOG)),
    ],
)
def test_where_the_site_does_not_say_it_nobody_can_tell(run: Run, path: str, answer: Any) -> None:
    with site(answers() | {path: answer}) as url:
        assert run(FILE, "--online", "--site", url)[:2] == (3, "")


def test_a_file_that_names_no_log_is_asked_of_no_site(run: Run) -> None:
    code, _, err = run({**FILE, "signatures": {}}, "--online")

    assert code == 3
    assert "does not name one server" in err
