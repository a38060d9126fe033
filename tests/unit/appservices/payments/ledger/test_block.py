"""Leaves, blocks, ids, and the replay of all of them."""

from __future__ import annotations

import hashlib

import pytest
from canonicaljson import encode_canonical_json
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.ledger.core import (
    AMOUNT_MAX,
    Account,
    Result,
    Row,
    TransferFlag,
    ledger_id,
    ulid_of,
)
from appservices.payments.ledger.core.block import FIRST_HEAD, Content, leaves, next_head, seal
from appservices.payments.ledger.core.leaf import burned_leaf, event_leaf, row_leaf
from appservices.payments.ledger.core.replay import ReplayError, replay
from appservices.payments.ledger.core.values import Burned, Event, EventKind
from appservices.payments.ledger.store.memory_ledger import MemoryLedger
from tests.support.ledger import ALICE, BOB, Shard, end, new_id, people
from tests.support.tables import each_row
from veche.protocol.ids import ulid
from veche.transparency.merkle import root

ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
numbers = st.integers(0, AMOUNT_MAX)
any_number = st.integers(-AMOUNT_MAX, AMOUNT_MAX)
shards = st.integers(0, 99)
rows = st.builds(
    Row,
    pos=numbers,
    id=ids,
    debit_id=numbers,
    credit_id=numbers,
    amount=numbers,
    released=numbers,
    ledger=numbers,
    code=numbers,
    flags=st.integers(0, 1023),
    pending_id=st.none() | ids,
    refund_of=st.none() | ids,
    ref=st.none() | ids,
    ext=any_number,
    channel=any_number,
    expires_at_ms=st.none() | numbers,
    at_ms=numbers,
)
accounts = st.builds(
    Account,
    id=numbers,
    ledger=numbers,
    code=numbers,
    flags=st.integers(0, 31),
    allowance=numbers,
    ref=st.none() | ids,
    ext=any_number,
    channel=any_number,
    at_ms=numbers,
    salt=ids.map(lambda id_: id_[:20]),
)


@given(rows, shards)
def test_the_leaf_of_a_transfer_is_canonical_json(row: Row, shard: int) -> None:
    said = {name: value for name, value in row._asdict().items() if value is not None}
    for name in ("ext", "channel"):
        if not said[name]:
            del said[name]

    assert row_leaf(row, shard) == encode_canonical_json(said | {"shard": shard})


@given(numbers, st.sampled_from(EventKind), accounts, shards)
def test_the_leaf_of_an_event_is_canonical_json(
    pos: int, kind: EventKind, account: Account, shard: int
) -> None:
    said = {name: value for name, value in account._asdict().items() if value is not None}
    for name in ("ext", "channel"):
        if not said[name]:
            del said[name]
    said |= {"account_id": said.pop("id"), "event": kind.name.lower(), "pos": pos, "shard": shard}

    assert event_leaf(Event(pos, kind, account), shard) == encode_canonical_json(said)


@given(numbers, ids, st.sampled_from(Result), numbers, shards)
def test_the_leaf_of_a_refusal_is_canonical_json(
    pos: int, id_: str, result: Result, at_ms: int, shard: int
) -> None:
    said = {"at_ms": at_ms, "id": id_, "pos": pos, "result": result.word, "shard": shard}

    assert burned_leaf(Burned(pos, id_, result, at_ms), shard) == encode_canonical_json(said)


def test_leaves_are_in_the_order_of_what_happened() -> None:
    row = Row(8_193, new_id(), 1, 2, 3, 0, 1, 1, 0, None, None, None, 0, 0, None, 5)
    opened = Event(8_192, EventKind.OPENED, Account(1, 1, 1))
    burned = Burned(8_194, new_id(), Result.EXCEEDS_CREDITS, 5)
    content = Content(1, 5, (row,), (opened,), (burned,))

    assert leaves(0, content) == [event_leaf(opened, 0), row_leaf(row, 0), burned_leaf(burned, 0)]
    assert content.size == 3


def test_a_head_commits_to_all_of_its_block_and_all_before() -> None:
    row = Row(8_192, new_id(), 1, 2, 3, 0, 1, 1, 0, None, None, None, 0, 0, None, 5)
    block = seal(0, 1, FIRST_HEAD, Content(1, 5, (row,)))
    numbers_ = (1).to_bytes(8, "big") + (5).to_bytes(8, "big") + (1).to_bytes(4, "big")

    assert block.root == root([row_leaf(row, 0)])
    assert block.head == hashlib.sha256(b"\2" + bytes(32) + numbers_ + block.root).digest()
    others = [
        next_head(b"\1" * 32, 1, 5, 1, block.root),
        next_head(FIRST_HEAD, 2, 5, 1, block.root),
        next_head(FIRST_HEAD, 1, 6, 1, block.root),
        next_head(FIRST_HEAD, 1, 5, 2, block.root),
        next_head(FIRST_HEAD, 1, 5, 1, bytes(32)),
    ]
    assert len({block.head, *others}) == 6


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_ids_are_ulids_and_sort_alike(at_ms: int, entropy: bytes) -> None:
    one, later = ulid(at_ms, entropy), ulid(2**48 - 1, b"\xff" * 10)

    assert ledger_id(one) == f"{at_ms:012x}{entropy.hex()}"
    assert ulid_of(ledger_id(one)) == one
    assert (ledger_id(one) < ledger_id(later)) == (one < later)


def eventful() -> Shard:
    shard = people(Shard())
    hold = new_id()
    shard.one(amount=30, id=hold, flags=TransferFlag.PENDING, timeout_ms=5)
    shard.one(amount=1_000)
    shard.ask(end(TransferFlag.POST, hold, 3), end(TransferFlag.VOID, hold))
    shard.one(amount=1_000, flags=TransferFlag.BALANCING_DEBIT | TransferFlag.PENDING, timeout_ms=9)
    shard.allow(BOB, 7)
    shard.now_ms += 50
    shard.one(BOB, ALICE, 7)
    return shard


def test_a_replay_of_all_events_gives_the_same_ledger() -> None:
    shard, store = eventful(), MemoryLedger()

    assert replay(shard.blocks(), store) == shard.seq
    assert isinstance(shard.store, MemoryLedger)
    assert store.accounts == shard.store.accounts
    assert store.transfers == shard.store.transfers
    assert store.burned == shard.store.burned
    assert store.take_over("").head == shard.head


@each_row("seq", [2, 3, 5, 6])
def test_a_replay_finds_what_the_core_did_not_decide(seq: int) -> None:
    shard = eventful()
    blocks = shard.blocks()
    content = blocks[seq - 1].content
    changed = content._replace(rows=(content.rows[0]._replace(amount=content.rows[0].amount + 99),))
    # Whoever changes it seals it again, so that the hashes are in order.
    blocks[seq - 1] = seal(0, blocks[seq - 1].epoch, blocks[seq - 1].prev, changed)

    with pytest.raises(ReplayError) as raised:
        replay(blocks, MemoryLedger())
    assert raised.value.seq >= seq
