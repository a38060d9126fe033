"""The pages come to the same verdicts on files of acts as ``veche.transparency.act_proof``."""

from __future__ import annotations

import base64
import copy
import json
import subprocess
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.acts import (
    AT_MS,
    LOG,
    OTHER_LOG,
    WITNESS,
    acts_file,
    an_act,
    some_acts,
    witnessed,
)
from tests.support.node import WIDGETS, node, why_no_node
from veche.protocol.acts import ActClass
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency.act_proof import ACTS_KEY, ACTS_MAX, ActProofError, read_acts, verify_acts
from veche.transparency.notes import Cosigner, NoteSigner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from veche.transparency.notes import VerifierKey

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

VERIFY: Final = WIDGETS / "static" / "verify"
OTHER: Final = NoteSigner("example.org/veche/acts/v1/other", b"x" * 32)
SECOND: Final = Cosigner("w.example/w2", b"2" * 32)
KEYS: Final = (LOG.verifier, OTHER.verifier, SECOND.verifier, WITNESS.verifier)
ACTS: Final = some_acts(5)
FILE: Final = acts_file(ACTS)
MUTATIONS: Final = 300

_VERDICTS: Final = """
    async (text) => {
        try {
            const value = acts.readActs(new TextEncoder().encode(text));
            if (value === undefined) return "none";
            const proven = await acts.verifyActs(value, keys);
            const { size, times_s } = proven.cosigned ?? { size: 0, times_s: {} };
            for (const name in times_s) times_s[name] = Math.min(times_s[name], 2 ** 53);
            const seen = `${size} ${JSON.stringify(times_s)}`;
            return `${proven.organisation} ${proven.acts.map((one) => one.seq)} ${seen}`;
        } catch (error) {
            return error.fault ?? String(error);
        }
    }
"""


def verdict(text: str, keys: Sequence[VerifierKey] = KEYS) -> str:
    """What Python makes of a file."""
    value = read_acts(text.encode())
    if value is None:
        return "none"
    try:
        proven = verify_acts(value, keys)
    except ActProofError as e:
        return e.fault.value
    seqs = ",".join(str(act.seq) for act in proven.acts)
    if proven.cosigned is None:
        return f"{proven.organisation} {seqs} 0 {{}}"
    # Pages have no larger numbers; what is signed they take as it is.
    shown = {name: min(time_s, 2**53) for name, time_s in proven.cosigned.times_s.items()}
    times = json.dumps(shown, separators=(",", ":"))
    return f"{proven.organisation} {seqs} {proven.cosigned.size} {times}"


def of_pages(texts: Sequence[str]) -> list[str]:
    """What the pages make of files, asked of Node."""
    names = {"acts": "acts", "notes": "notes"}
    imports = [
        f"import * as {name} from {json.dumps((VERIFY / f'{file}.js').as_uri())};"
        for name, file in names.items()
    ]
    keys = json.dumps([key.to_text() for key in KEYS])
    code = f"""
        {"".join(imports)}
        const keys = await Promise.all({keys}.map(notes.readKey));
        let text = "";
        for await (const part of process.stdin) text += part;
        const found = [];
        for (const one of JSON.parse(text)) found.push(await ({_VERDICTS})(one));
        process.stdout.write(JSON.stringify(found));
    """
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", code],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def resigned(**changes: Any) -> dict[str, Any]:
    body = {**copy.deepcopy(FILE[ACTS_KEY]), **changes}
    return LOG.sign_object({"org.veche.signed": FILE["org.veche.signed"], ACTS_KEY: body})


def with_act(place: int, **changes: Any) -> dict[str, Any]:
    acts = copy.deepcopy(FILE[ACTS_KEY]["acts"])
    acts[place] = acts[place] | changes
    return resigned(acts=acts)


def with_opening(**changes: Any) -> dict[str, Any]:
    return acts_file([an_act(1, **changes)])


def files() -> Iterator[Any]:
    """Good ones, and one for each way of being wrong."""
    acts, first = FILE[ACTS_KEY]["acts"], an_act(1)
    yield FILE
    yield from (acts_file(some_acts(count)) for count in (0, 1, 2, 33))
    yield from (resigned(acts=[acts[0], acts[3]]), resigned(acts=acts[::-1]))
    yield from (resigned(acts=[acts[0]] * 2), resigned(acts=acts[:1] * (ACTS_MAX + 1)))
    yield from ({}, {ACTS_KEY: {}}, {ACTS_KEY: None}, resigned(v=2), resigned(v=True))
    yield from ({**FILE, "signatures": {}}, acts_file(ACTS, signer=OTHER_LOG))
    yield from ({**FILE, "signatures": None}, {**FILE, "more": 1.5}, {**FILE, "more": 2**60})
    yield {**FILE, "org.veche.signed": {"kind": "other"}}
    yield {**FILE, "more": "x" * 1_100_000}
    yield {
        **FILE,
        "signatures": {**FILE["signatures"], **acts_file([], signer=OTHER)["signatures"]},
    }
    yield from (acts_file(ACTS, log=OTHER_LOG), acts_file(ACTS, checkpoint="x"))
    yield acts_file(ACTS, checkpoint=LOG.sign("other\n1\nx\n"))
    yield from (acts_file(ACTS, log=OTHER), acts_file(ACTS, log=OTHER, signer=OTHER))
    yield from (
        with_act(2, salt=encode_base64(bytes(32))),
        with_act(2, bound=encode_base64(bytes(32))),
    )
    yield with_act(2, opening=ACTS[2]["opening"] | {"why": "another"})
    yield from (with_act(2, opening={"long": "x" * 5_000}), with_act(2, opening={}))
    yield from (with_act(2, e="{}"), with_act(2, e="[]"), with_act(2, e="not JSON"))
    yield from (with_act(2, index=3), with_act(2, index=5), with_act(2, index=-1))
    yield from (with_act(2, path=[]), with_act(2, path=["x"]), with_act(2, salt="x"))
    yield from (with_opening(agency="other"), with_opening(act=ActClass.NOTICE))
    yield from (with_opening(ts=AT_MS + 3_600_000), with_opening(ts=2**53 - 1))
    yield from (with_opening(subject=""), with_opening(prev=first["c"]), with_opening(why="Ä😀"))
    yield from (with_opening(why="x" * 1_024), with_opening(why="x" * 1_025))
    yield from (acts_file([first, an_act(2, prev="")]), acts_file([first, an_act(2, first["c"])]))
    yield acts_file([first, an_act(2, prev=first["c"][::-1])])
    yield acts_file([first, an_act(2, first["c"], subject="q" * 22)])


def witnessed_files() -> Iterator[Any]:
    """With witnesses: at every size, and each way of being wrong."""
    many = some_acts(33)
    for size in (*range(1, 10), 16, 31, 32, 33):
        yield acts_file(many, witnessed=witnessed(many, size))
    shown, other = witnessed(ACTS, 3), some_acts(5, why="other")
    note, path = shown["checkpoint"], shown["consistency"]
    text = f"{note.partition(chr(10) * 2)[0]}\n"
    odd: list[Any] = [None, {}, [], "x", {**shown, "more": 1}]
    yield from (acts_file(ACTS, witnessed=one) for one in odd)
    yield acts_file(ACTS, witnessed=witnessed(other, 3))
    for changed in (
        path[:-1],
        [*path, path[0]],
        path[::-1],
        [encode_base64(bytes(32))] * 2,
        ["x"],
        [],
    ):
        yield acts_file(ACTS, witnessed={**shown, "consistency": changed})
    for time_s in (0, 2**31, 2**53 - 1, 2**53 + 1, 2**62 + 1, 2**63 - 1, 2**63):
        yield acts_file(ACTS, witnessed=witnessed(ACTS, 3, time_s=time_s))
    for lines in (
        SECOND.cosign(text, 9),
        WITNESS.cosign(text, 5) + WITNESS.cosign(text, 9_999) + SECOND.cosign(text, 7),
        Cosigner("w.example/w3", b"3" * 32).cosign(text, 9),
        Cosigner("w.example/w1", b"3" * 32).cosign(text, 9),
        WITNESS.cosign("another\n", 9),
        WITNESS.cosign(text, 9)[:-8] + "AAAAAA==\n",
        "\u2014 w.example/w1 AAAAAAAA\n",
        "x\n",
    ):
        yield acts_file(ACTS, witnessed={**shown, "checkpoint": note + lines})
    short = base64.b64encode(WITNESS.verifier.id + bytes(4)).decode()
    line = f"\u2014 w.example/w1 {short}\n"
    yield acts_file(ACTS, witnessed={**shown, "checkpoint": LOG.sign(text) + line})
    yield acts_file(ACTS, witnessed={**shown, "checkpoint": OTHER.sign(text)})


def test_page_and_command_agree_on_witnesses() -> None:
    texts = [json.dumps(one) for one in witnessed_files()]

    ours, theirs = [verdict(one) for one in texts], of_pages(texts)

    differ = [(n, one, two) for n, (one, two) in enumerate(zip(ours, theirs, strict=True))]
    assert [one for one in differ if one[1] != one[2]] == []
    assert {one.split()[0] for one in ours} == {"lindenau", "bad_head", "not_acts"}
    assert len(set(ours)) > 20


def test_page_and_command_agree_on_every_file() -> None:
    texts = [json.dumps(one) for one in files()]
    texts += ["", "[]", "null", "{", "x" * 10]

    ours, theirs = [verdict(one) for one in texts], of_pages(texts)

    differ = [(n, one, two) for n, (one, two) in enumerate(zip(ours, theirs, strict=True))]
    assert [one for one in differ if one[1] != one[2]] == []
    assert {one.split()[0] for one in ours} == {
        *("none", "lindenau", "not_acts", "unknown_signer", "wrong_signature", "bad_head"),
        *("other_act", "not_in_log", "other_order"),
    }


def test_page_and_command_agree_on_flipped_characters() -> None:
    random, text = Random(11), json.dumps(FILE)  # noqa: S311 -- repeatable
    altered = []
    for _ in range(MUTATIONS):
        at = random.randrange(len(text))
        altered.append(text[:at] + random.choice("0aZ{}:,/+ ") + text[at + 1 :])

    ours, theirs = [verdict(one) for one in altered], of_pages(altered)

    pairs = zip(altered, ours, theirs, strict=True)
    assert [one for one in pairs if one[1] != one[2]] == []


def test_the_page_knows_every_class_of_acts() -> None:
    source = (VERIFY / "acts.js").read_text()
    listed = source.partition("CLASSES = ")[2].partition("([")[2].partition("]")[0]

    assert [one.strip().strip('"') for one in listed.split(",") if one.strip()] == list(ActClass)
