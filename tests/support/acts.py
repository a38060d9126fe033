"""A small log of acts, and files that prove what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.support.tree_proofs import consistency_proof, inclusion_proof
from veche.protocol.acts import (
    ActClass,
    Opening,
    bind,
    call_form,
    commitment,
    inner,
    make_entry,
)
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency import merkle
from veche.transparency.act_proof import ACTS_KEY, act_origin
from veche.transparency.notes import Checkpoint, Cosigner, NoteSigner

if TYPE_CHECKING:
    from collections.abc import Sequence

ORIGIN: Final = act_origin("example.org", "lindenau")
LOG: Final = NoteSigner(ORIGIN, b"l" * 32)
OTHER_LOG: Final = NoteSigner(ORIGIN, b"o" * 32)
AT_MS: Final = 1_764_000_000_000
"""Monday, 24 November 2025, 16:00 UTC."""
SUBJECT: Final = "p" * 22


def an_act(seq: int, prev: str = "", **changes: Any) -> dict[str, Any]:
    """What is kept of an act, without its place in the log."""
    fields: dict[str, Any] = {
        "act": ActClass.MESSAGE,
        "id": f"{seq:026}",
        "agency": "lindenau",
        "actor": "bot",
        "subject": SUBJECT,
        "seq": seq,
        "prev": prev,
        "ts": AT_MS + seq,
        "purpose": "birth-certificate-copy",
        "basis": "PStG §55",
        "case": "01CASE",
    }
    opening = Opening(**fields | changes).to_json()
    salt, bound = bytes([seq]) * 32, bind(call_form("test", "do", what=str(seq)))
    c = commitment(bound, inner(opening, salt))
    entry = make_entry("lindenau", ActClass.MESSAGE, AT_MS, 1, c)
    return {
        "e": entry.decode(),
        "bound": encode_base64(bound),
        "salt": encode_base64(salt),
        "opening": opening,
        "c": encode_base64(c),
    }


def some_acts(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Acts on one person, each of which follows the one before."""
    made: list[dict[str, Any]] = []
    for seq in range(1, count + 1):
        made.append(an_act(seq, made[-1]["c"] if made else "", **changes))
    return made


def acts_file(
    acts: Sequence[dict[str, Any]],
    /,
    log: NoteSigner = LOG,
    signer: NoteSigner = LOG,
    **changes: Any,
) -> dict[str, Any]:
    """A file of acts, which are all that their log has.

    Args:
        acts: From ``an_act``.
        log: Signs the head.
        signer: Signs the file.
        **changes: Of the proof, before it is signed.
    """
    point = Checkpoint(log.verifier.name, len(acts), merkle.root_of_hashes(_hashes(acts)))
    body = {"v": 1, "checkpoint": log.sign(point.to_text()), "acts": _proofs(acts)}
    return signer.sign_object({"org.veche.signed": {"kind": "case"}, ACTS_KEY: body | changes})


WITNESS = Cosigner("w.example/w1", b"w" * 32)


def witnessed(
    acts: Sequence[dict[str, Any]], size: int, *, cosigner: Cosigner = WITNESS, time_s: int = 1_764
) -> dict[str, Any]:
    """What shows that a witness has signed the head of the first acts of a log."""
    hashes = _hashes(acts)
    text = Checkpoint(LOG.verifier.name, size, merkle.root_of_hashes(hashes[:size])).to_text()
    path = consistency_proof(hashes, size)
    return {
        "checkpoint": LOG.sign(text) + cosigner.cosign(text, time_s),
        "consistency": [encode_base64(one) for one in path],
    }


def _hashes(acts: Sequence[dict[str, Any]]) -> list[bytes]:
    return [merkle.leaf_hash(one["e"].encode()) for one in acts]


def _proofs(acts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Acts, each with its place in a log that has just these."""
    hashes = _hashes(acts)
    return [
        {key: value for key, value in one.items() if key != "c"}
        | {"index": i, "path": [encode_base64(x) for x in inclusion_proof(hashes, i)]}
        for i, one in enumerate(acts)
    ]


def for_pages() -> dict[str, Any]:
    """What a browser test needs: files by what is found out about them, and keys."""
    acts = some_acts(5)
    good = acts_file(acts)
    wrong = {**good, "org.veche.signed": {"kind": "other"}}
    return {
        "key": LOG.verifier.to_text(),
        "foreign_key": OTHER_LOG.verifier.to_text(),
        "witness_key": WITNESS.verifier.to_text(),
        "good": good,
        "witnessed": acts_file(acts, witnessed=witnessed(acts, 4, time_s=1_764_000_000)),
        "newest": acts_file(
            acts,
            acts=_proofs(acts)[3:],
            witnessed=witnessed(acts, 5, time_s=1_764_000_000),
        ),
        "older": acts_file(acts, acts=_proofs(acts)[:3]),
        "wiped": acts_file(acts, acts=[]),
        "false": {
            "not_acts": LOG.sign_object({ACTS_KEY: {}}),
            "unknown_signer": acts_file(acts, log=OTHER_LOG, signer=OTHER_LOG),
            "wrong_signature": wrong,
            "bad_head": acts_file(acts, log=OTHER_LOG),
            "other_act": acts_file(
                acts, acts=[{**_proofs(acts)[0], "salt": encode_base64(bytes(32))}]
            ),
            "not_in_log": acts_file(acts, acts=[{**_proofs(acts)[0], "index": 1}]),
            "other_order": acts_file(acts, acts=_proofs(acts)[::-1]),
        },
    }
