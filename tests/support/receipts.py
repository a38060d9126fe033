"""Receipts of a small ledger, and every way in which they may be wrong.

The ledger is the real one: its rows, leaves, blocks and heads.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.ledger.core import Row, ledger_id
from appservices.payments.ledger.core.block import FIRST_HEAD, Block, Content, leaves, seal
from appservices.payments.ledger.core.values import PLACES
from tests.support.tree_proofs import inclusion_proof
from veche.protocol.ids import ulid
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency import merkle
from veche.transparency.notes import Checkpoint, NoteSigner, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from veche.protocol.ids import Ulid

ORIGIN: Final = "example.org/veche/ledger/v1/0"
SIGNER: Final = NoteSigner(ORIGIN, b"s" * 32)
OTHER: Final = NoteSigner(ORIGIN, b"o" * 32)
FOREIGN: Final = NoteSigner("other.example/veche/ledger/v1/0", b"f" * 32)
AT_MS: Final = 1_764_000_000_000
SIZES: Final = (1, 2, 7, 44, 3)
"""Entries of the blocks."""


@attrs.frozen
class Case:
    """A file that somebody has verified.

    Attributes:
        name: What is special about it.
        text: The file.
        keys: That are believed.
        published: What was fetched, or None.
    """

    name: str
    text: str
    keys: Sequence[str]
    published: Any = None


def an_id(number: int) -> Ulid:
    """A ULID for a test."""
    return ulid(AT_MS, number.to_bytes(10, "big"))


def a_row(seq: int, place: int, **changes: Any) -> Row:
    """A transfer of a block, with a payment of its own."""
    number = seq * 100 + place
    row = Row(
        pos=seq * PLACES + place,
        id=ledger_id(an_id(number)),
        debit_id=1_000_001,
        credit_id=1_000_002,
        amount=1250 + place,
        released=0,
        ledger=1,
        code=10,
        flags=0,
        pending_id=None,
        refund_of=None,
        ref=ledger_id(an_id(number + 50_000)),
        ext=0,
        channel=0,
        expires_at_ms=None,
        at_ms=AT_MS + seq,
    )
    return row._replace(**changes)


def ledger_of(*contents: Sequence[Row]) -> list[Block]:
    """Blocks with these rows."""
    made: list[Block] = []
    head = FIRST_HEAD
    for seq, rows in enumerate(contents, 1):
        made.append(seal(0, 1, head, Content(seq, AT_MS + seq, tuple(rows))))
        head = made[-1].head
    return made


BLOCKS: Final = ledger_of(
    *([a_row(seq, place) for place in range(size)] for seq, size in enumerate(SIZES, 1))
)


def a_receipt(seq: int, place: int, blocks: Sequence[Block] = BLOCKS) -> dict[str, Any]:
    """The receipt of a transfer, not signed yet."""
    block = blocks[seq - 1]
    row = block.content.rows[place]
    entries = leaves(0, block.content)
    number = seq * 100 + place
    path = inclusion_proof([merkle.leaf_hash(one) for one in entries], place)
    return {
        "v": 1,
        "id": an_id(number),
        "payment": an_id(number + 50_000),
        "payer_ref": encode_base64(b"p" * 16),
        "payee": "Bäckerei „Zum Ofen“ 😀",
        "amount": {"minor": row.amount, "currency": "EUR"},
        "at_ms": row.at_ms,
        "reference": "Brötchen",
        "ledger_proof": {
            "leaf": entries[place].decode(),
            "index": place,
            "block": {
                "seq": seq,
                "at_ms": block.content.at_ms,
                "n": block.content.size,
                "prev": encode_base64(block.prev),
                "root": encode_base64(block.root),
            },
            "path": [encode_base64(one) for one in path],
        },
    }


def published(
    seq: int, blocks: int = len(SIZES), signer: NoteSigner = SIGNER, **changes: Any
) -> dict[str, Any]:
    """That a block is in a published head.

    Args:
        seq: Of the block.
        blocks: How many the head has.
        signer: Of the head.
        **changes: Of its checkpoint.
    """
    hashes = [merkle.leaf_hash(block.head) for block in BLOCKS[:blocks]]
    point = Checkpoint(signer.verifier.name, blocks, merkle.root_of_hashes(hashes))
    path = inclusion_proof(hashes, seq - 1) if seq <= blocks else []
    return {
        "path": [encode_base64(one) for one in path],
        "checkpoint": signer.sign(attrs.evolve(point, **changes).to_text()),
    }


def good_cases() -> Iterator[Case]:
    """Files that hold."""
    for seq, size in enumerate(SIZES, 1):
        for place in {0, size // 2, size - 1}:
            signed = SIGNER.sign_object(a_receipt(seq, place))
            yield _case(f"block {seq} place {place}", signed)
    signed = SIGNER.sign_object(a_receipt(4, 9))
    for size in range(4, 6):
        with_head = {**signed, "unsigned": {"published": published(4, size)}}
        yield _case(f"published in head {size}", with_head)
        yield _case(f"fetched head {size}", signed, published=published(4, size))
    yield _case("content of an event", {"body": "Paid", "org.veche.receipt": signed})
    yield _case("event", {"type": "m", "content": {"org.veche.receipt": signed}})
    yield _case("two keys of one name", signed, keys=(SIGNER.verifier, OTHER.verifier))
    yield _case("also signed by others", FOREIGN.sign_object(signed))
    yield _case("more fields", SIGNER.sign_object({**a_receipt(4, 9), "more": [None, True, -1]}))
    two = {"payer": "here.test", "payee": "[::1]:8448"}
    for between in (two, None):
        yield _case(
            f"between {between}", SIGNER.sign_object({**a_receipt(4, 9), "between": between})
        )
    refund = ledger_of([a_row(1, 0, refund_of=ledger_id(an_id(7)))])
    yield _case("refund", SIGNER.sign_object({**a_receipt(1, 0, refund), "refund_of": an_id(7)}))


def altered_cases() -> Iterator[Case]:
    """The receipt changed after it was signed, at every place that is signed."""
    signed = SIGNER.sign_object(a_receipt(4, 9))
    for path in _places(signed):
        for number, changed in enumerate(_others(_at(signed, path))):
            yield _case(f"altered {path} {number}", _with(signed, path, changed))
    yield _case("a field more", {**signed, "more": 1})
    yield _case("a field less", {k: v for k, v in signed.items() if k != "reference"})


def false_cases() -> Iterator[Case]:
    """The institution itself signs what is not so, or in another form."""
    body = a_receipt(4, 9)
    for path in _places(body):
        for number, changed in enumerate((*_others(_at(body, path)), *_ODD)):
            yield _signed(f"signed {path} {number}", _with(body, path, changed))
    for path in (*_places(body), *_OBJECTS):
        yield _signed(f"signed without {path}", _without(body, path))
    yield from _false_paths(body)
    yield from _false_entries(body)


def between_cases() -> Iterator[Case]:
    """Institutions that are none."""
    for name, between in {
        "no server": {"payer": "", "payee": "there.test"},
        "a space": {"payer": "here.test", "payee": "there test"},
        "a line": {"payer": "here.test\n", "payee": "there.test"},
        "one institution": {"payer": "here.test"},
        "a word": "here.test",
    }.items():
        yield _signed(f"between: {name}", {**a_receipt(4, 9), "between": between})


def head_cases() -> Iterator[Case]:
    """Published heads that prove nothing."""
    signed = SIGNER.sign_object(a_receipt(4, 9))
    good = published(4)
    note: str = good["checkpoint"]
    line = note.split("\n")[-2]
    bad: dict[str, Any] = {
        "too small": published(4, 3),
        "other block": published(3),
        "no path": {**good, "path": []},
        "long path": {**good, "path": [*good["path"], good["path"][0]]},
        "turned path": {**good, "path": good["path"][::-1]},
        "by an unknown key": published(4, signer=OTHER),
        "of another log": published(4, signer=FOREIGN),
        "in another's name": published(4, origin=FOREIGN.verifier.name),
        "other root": published(4, root=bytes(32)),
        "other size": published(4, size=6),
        "not a note": {**good, "checkpoint": "x"},
        "no checkpoint": {"path": good["path"]},
        "no object": "x",
        "a list": [],
        "changed note": {**good, "checkpoint": note.replace("\n5\n", "\n6\n")},
        "leading zero": {**good, "checkpoint": SIGNER.sign(f"{ORIGIN}\n05\nAAAA\n")},
        "extension line": {
            **good,
            "checkpoint": SIGNER.sign(f"{note.partition(chr(10) * 2)[0]}\nmore\n"),
        },
        "carriage returns": {**good, "checkpoint": note.replace("\n", "\r\n")},
        "without its end": {**good, "checkpoint": note[:-1]},
        "17 signatures": {**good, "checkpoint": note + f"{line}\n" * 16},
        "half a signature": {**good, "checkpoint": f"{note}\u2014 x\n"},
        "no base64": {**good, "checkpoint": f"{note}\u2014 x AAAAA===\n"},
        "too long": {**good, "checkpoint": note + "x" * 17_000},
        "zero byte": {**good, "checkpoint": note.replace("\n5", "\n\x005")},
    }
    for name, proof in bad.items():
        yield _case(f"fetched head: {name}", signed, published=proof)
        yield _case(f"head: {name}", {**signed, "unsigned": {"published": proof}})
    later = NoteSigner(ORIGIN.replace("/v1/", "/v2/"), b"s" * 32)
    keys = (SIGNER.verifier, later.verifier)
    yield _case("head of a later history", signed, keys, published(4, signer=later))
    fine = {
        "16 signatures": {**good, "checkpoint": note + f"{line}\n" * 15},
        "unknown signature": {**good, "checkpoint": f"{note}\u2014 ключ AAAAAAAA\n"},
        "nothing": None,
    }
    for name, proof in fine.items():
        yield _case(f"head: {name}", {**signed, "unsigned": {"published": proof}})


def file_cases() -> Iterator[Case]:
    """Files and keys of all kinds."""
    signed = SIGNER.sign_object(a_receipt(4, 9))
    text = json.dumps(signed)
    yield Case("no keys", text, ())
    yield _case("unknown key", signed, keys=(OTHER.verifier,))
    yield _case("key of another", signed, keys=(FOREIGN.verifier,))
    both = FOREIGN.sign_object(signed)
    yield _case("signed in two names", both, keys=(FOREIGN.verifier, SIGNER.verifier))
    key_id = f"ed25519:{SIGNER.verifier.version}"
    for name, signatures in {
        "none": {},
        "no object": "x",
        "of nobody": {ORIGIN: {}},
        "of another key": {ORIGIN: {"ed25519:1": signed["signatures"][ORIGIN][key_id]}},
        "no text": {ORIGIN: {key_id: 1}},
        "empty": {ORIGIN: {key_id: ""}},
        "padded": {ORIGIN: {key_id: signed["signatures"][ORIGIN][key_id] + "=="}},
        "too many": {ORIGIN: {**{f"ed25519:{n}": "" for n in range(16)}, key_id: "A"}},
    }.items():
        yield _case(f"signatures: {name}", {**signed, "signatures": signatures})
    for name, file in {
        "empty": "",
        "no JSON": "x",
        "a list": "[]",
        "a number": "1",
        "nothing": "{}",
        "byte order mark": f"\ufeff{text}",
        "white space": f" \n{text}\t ",
        "a fraction": text.replace('"v": 1', '"v": 1.0'),
        "an exponent": text.replace('"v": 1', '"v": 1e0'),
        "a large number": text.replace('"v": 1', '"v": 1, "more": 9007199254740993'),
        "twice": text.replace('"v": 1', '"v": 2, "v": 1'),
        "half a character": text.replace('"v": 1', '"v": 1, "more": "\\ud800"'),
        "deep": text.replace('"v": 1', f'"v": 1, "more": {"[" * 40}{"]" * 40}'),
        "no number": text.replace('"v": 1', '"v": 1, "more": NaN'),
        "prototype": text.replace('"v": 1', '"v": 1, "__proto__": {}'),
        "cut": text[:-2],
        "65537 bytes": text + " " * (65_537 - len(text)),
        "65536 bytes": text + " " * (65_536 - len(text)),
    }.items():
        yield Case(f"file: {name}", file, (SIGNER.verifier.to_text(),))


def all_cases() -> list[Case]:
    """All of them."""
    makers: list[Callable[[], Iterator[Case]]] = [
        good_cases, altered_cases, false_cases, between_cases, head_cases, file_cases,
    ]  # fmt: skip
    return [case for make in makers for case in make()]


def for_pages() -> dict[str, Any]:
    """What a browser test needs: files by what is found out about them, keys and proofs."""
    signed = SIGNER.sign_object(a_receipt(4, 9))
    body = a_receipt(4, 9)
    false = {
        "not_a_receipt": {"v": 1},
        "unknown_signer": FOREIGN.sign_object(body),
        "wrong_signature": {**signed, "amount": {"minor": 1, "currency": "EUR"}},
        "other_entry": SIGNER.sign_object({**body, "amount": {"minor": 1, "currency": "EUR"}}),
        "not_in_block": SIGNER.sign_object(_with(body, ("ledger_proof", "index"), 8)),
        "bad_head": {**signed, "unsigned": {"published": published(4, signer=OTHER)}},
        "not_published": {**signed, "unsigned": {"published": published(3)}},
    }
    return {
        "id": body["id"],
        "keys": [SIGNER.verifier.to_text()],
        "foreign_key": FOREIGN.verifier.to_text(),
        "good": signed,
        "proof": published(4),
        "other_proof": published(3),
        "false": false,
    }


def _case(
    name: str, value: Any, keys: Sequence[VerifierKey] = (SIGNER.verifier,), published: Any = None
) -> Case:
    return Case(name, json.dumps(value), [key.to_text() for key in keys], published)


def _signed(name: str, body: dict[str, Any]) -> Case:
    return _case(name, SIGNER.sign_object(body))


def _false_paths(body: dict[str, Any]) -> Iterator[Case]:
    path: list[str] = body["ledger_proof"]["path"]
    others = {
        "short": path[:-1],
        "long": [*path, path[0]],
        "none": [],
        "turned": path[::-1],
        "too long": path * 6,
    }
    for name, other in others.items():
        yield _signed(f"signed path: {name}", _with(body, ("ledger_proof", "path"), other))


def _false_entries(body: dict[str, Any]) -> Iterator[Case]:
    """Entries that are in their block, and are not what the receipt says of them."""
    kinds: dict[str, dict[str, Any]] = {
        "a hold": {"flags": 2, "expires_at_ms": AT_MS},
        "a void": {"flags": 8, "pending_id": ledger_id(an_id(1))},
        "an expiry": {"flags": 512, "pending_id": ledger_id(an_id(1))},
        "a post": {"flags": 4, "released": 1250, "pending_id": ledger_id(an_id(1))},
        "a refund": {"refund_of": ledger_id(an_id(1))},
        "another amount": {"amount": 1},
        "another payment": {"ref": ledger_id(an_id(1))},
        "no payment": {"ref": None},
        "another id": {"id": ledger_id(an_id(1))},
        "another time": {"at_ms": AT_MS},
        "another place": {"pos": 9 * PLACES},
        "a large number": {"ext": 2**60},
    }
    for name, changes in kinds.items():
        blocks = ledger_of([a_row(1, 0, **changes)])
        real = a_receipt(1, 0, ledger_of([a_row(1, 0)]))
        false = {**a_receipt(1, 0, blocks), "amount": real["amount"], "at_ms": real["at_ms"]}
        yield _signed(f"entry: {name}", false)
    leaf: str = body["ledger_proof"]["leaf"]
    for name, other in {
        "spaced": leaf.replace(",", ", "),
        "no JSON": "xx",
        "a list": "[]",
        "yes": leaf.replace('"flags":0', '"flags":false'),
        "no shard": leaf.replace(',"shard":0', ""),
        "other shard": leaf.replace('"shard":0', '"shard":1'),
    }.items():
        yield _signed(f"leaf: {name}", _with(body, ("ledger_proof", "leaf"), other))


_ODD: Final[tuple[Any, ...]] = (None, True, 0, -1, 2**53 - 1, "", "x", "😀" * 300, [], {}, [1])
"""Values of every kind."""
_OBJECTS: Final = (
    ("amount",),
    ("ledger_proof",),
    ("ledger_proof", "block"),
    ("ledger_proof", "path"),
)


def _others(value: Any) -> list[Any]:
    """Values of the same kind."""
    if isinstance(value, str):
        turned = value[::-1]
        first = ("B" if value[:1] != "B" else "C") + value[1:]
        return [one for one in (turned, first, value + "A", value[:-1]) if one != value]
    return [value + 1, value - 1]


def _places(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """Where texts and numbers are, but for the signatures."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "signatures":
                yield from _places(one, *path, key)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _places(one, *path, index)
    else:
        yield path


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(value: dict[str, Any], path: Sequence[str | int], changed: Any) -> dict[str, Any]:
    made = copy.deepcopy(value)
    _at(made, path[:-1])[path[-1]] = changed
    return made


def _without(value: dict[str, Any], path: Sequence[str | int]) -> dict[str, Any]:
    made = copy.deepcopy(value)
    del _at(made, path[:-1])[path[-1]]
    return made
