"""What the copy of a room of a ledger's heads proves."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from appservices.payments.proofs.core.heads import (
    COPY_BYTES_MAX,
    TwoLedgersError,
    is_chain,
    open_copy,
    read_copy,
    unproven,
)
from tests.support.tables import each_row
from tests.support.tree_proofs import consistency_proof
from veche.contracts.payments.ledger_heads import HEADS_KEY, LedgerHeads
from veche.protocol.errors import BadSignatureError
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency import merkle
from veche.transparency.notes import Checkpoint, NoteSigner

ORIGIN: Final = "here.test/veche/ledger/v1/0"
SIGNER: Final = NoteSigner(ORIGIN, b"a" * 32)
WITNESS: Final = NoteSigner("there.test/veche/ledger/v1/0", b"b" * 32)
KEYS: Final = (SIGNER.verifier, WITNESS.verifier)
HASHES: Final = [merkle.leaf_hash(b"%d" % n) for n in range(20)]
FORK: Final = [*HASHES[:5], *HASHES[10:], *HASHES[5:10]]


def note(size: int, hashes: list[bytes] = HASHES, signer: NoteSigner = SIGNER) -> str:
    root = merkle.root_of_hashes(hashes[:size])
    return signer.sign(Checkpoint(signer.verifier.name, size, root).to_text())


def post(size: int, after: int, hashes: list[bytes] = HASHES, **more: Any) -> dict[str, Any]:
    path = consistency_proof(hashes[:size], after) if after else []
    return {
        "v": 1,
        "checkpoint": note(size, hashes),
        "after": after,
        "consistency": [encode_base64(one) for one in path],
        "witnessed": [],
        **more,
    }


def seen(size: int) -> str:
    text = note(size).rpartition("\n\n")[0] + "\n"
    return note(size) + WITNESS.sign(text).removeprefix(f"{text}\n")


def export(*posts: dict[str, Any]) -> bytes:
    messages = [{"content": {"body": "x", HEADS_KEY: one}} for one in posts]
    return json.dumps({"room_name": "heads", "messages": messages}).encode()


def opened(data: bytes) -> dict[str, Any]:
    found = read_copy(data)
    assert found is not None
    return open_copy(found, KEYS)


def test_posts_prove_one_another_in_any_order() -> None:
    heads = opened(export(post(9, 4), post(4, 0), post(20, 9)))[ORIGIN]

    assert [one.head.size for one in heads] == [4, 9, 20]
    assert is_chain(heads)
    assert [one.head.size for one in unproven(heads)] == [20]


def test_what_is_missing_between_two_posts_is_not_proven() -> None:
    heads = opened(export(post(4, 0), post(20, 9)))[ORIGIN]

    assert not is_chain(heads)
    assert [one.head.size for one in unproven(heads)] == [4, 20]


@pytest.mark.parametrize("later", [post(12, 9, FORK), {**post(12, 9), "consistency": []}])
def test_a_proof_that_does_not_hold_proves_nothing(later: dict[str, Any]) -> None:
    heads = opened(export(post(9, 0), later))[ORIGIN]

    assert not is_chain(heads)
    assert [one.head.size for one in unproven(heads)] == [9, 12]


def test_notes_are_read_from_text_as_a_client_copies_it() -> None:
    text = f"[12:30] Bank: The ledger has 4 blocks.\r\n\r\n{note(4)}\n[12:40]\n{seen(9)}".replace(
        "\n", "\r\n"
    )
    for data in (text.encode(), json.dumps([{"body": text}]).encode()):
        heads = opened(data)[ORIGIN]

        assert [one.head.size for one in heads] == [4, 9]
        assert heads[1].signers == {ORIGIN, WITNESS.verifier.name}


def test_a_witness_counts_wherever_its_note_stands() -> None:
    others = WITNESS.sign(Checkpoint(WITNESS.verifier.name, 3, HASHES[0]).to_text())
    unknown = NoteSigner("x.test/veche/ledger/v1/0", b"x" * 32)
    strange = unknown.sign(Checkpoint(unknown.verifier.name, 3, HASHES[0]).to_text())
    found = opened(export(post(9, 0, witnessed=[seen(4), seen(9), others, strange])))

    assert {one.head.size: len(one.signers) for one in found[ORIGIN]} == {4: 2, 9: 2}
    assert [one.head.size for one in found[WITNESS.verifier.name]] == [3]
    assert unknown.verifier.name not in found


@pytest.mark.parametrize(
    "posts",
    [
        (post(9, 0), post(9, 0, FORK)),
        (post(9, 0, FORK, witnessed=[seen(9)]),),
    ],
)
def test_two_heads_that_do_not_go_together_are_both_shown(posts: tuple[dict[str, Any]]) -> None:
    with pytest.raises(TwoLedgersError) as caught:
        opened(export(*posts))

    assert str(caught.value).count(f"{ORIGIN}\n") == 2


def test_what_the_ledger_did_not_sign_is_refused() -> None:
    forged = note(4, signer=NoteSigner(ORIGIN, b"z" * 32))
    with pytest.raises(BadSignatureError):
        opened(export({**post(4, 0), "checkpoint": forged}))
    with pytest.raises(BadSignatureError):
        opened(export({**post(4, 0), "checkpoint": note(4).replace("\n4\n", "\n5\n")}))


@each_row(
    "data",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"words",
        json.dumps({"unsigned": {"published": {"checkpoint": note(4)}}}).encode(),
        json.dumps({HEADS_KEY: {"v": 2}}).encode(),
    ],
)
def test_other_files_are_no_copies(data: bytes) -> None:
    assert read_copy(data) is None


def test_a_copy_is_read_up_to_a_size() -> None:
    data = export(post(4, 0))
    assert read_copy(data + b" " * (COPY_BYTES_MAX - len(data))) is not None
    assert read_copy(data + b" " * (COPY_BYTES_MAX + 1 - len(data))) is None


def test_a_payload_has_bounds() -> None:
    with pytest.raises(ValueError, match="witnessed"):
        LedgerHeads.model_validate(post(4, 0, witnessed=[note(4)] * 9))
