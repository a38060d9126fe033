"""Verification of a receipt by anybody, without its issuer.

A receipt says four things that are checked one after the other:

1. *signature*: the institution signed exactly this;
2. *entry*: the entry of its ledger that the receipt carries is that of this payment;
3. *block*: that entry is in a block of the ledger (an inclusion proof of RFC 6962);
4. *head*: that block is in a head of the ledger that was published, so the institution cannot have
   another ledger for somebody else. Only where the receipt has, or one has fetched, that proof.

Source: design of Veche, payments §6. ``appservices/widgets/static/verify`` checks the same in
browsers; a test compares the verdicts.
"""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.ledger.core.block import next_head
from veche.contracts.payments.receipt import (
    PLACES,
    RECEIPT_BYTES_MAX,
    RECEIPT_KEY,
    LedgerProof,
    Published,
    Receipt,
)
from veche.protocol.canonical import canonical
from veche.protocol.errors import BadSignatureError, MalformedError, ProtocolError
from veche.protocol.ids import hex_of_ulid
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import mapping, parse
from veche.transparency.cosignatures import Cosigned, cosigned
from veche.transparency.merkle import includes
from veche.transparency.notes import (
    Checkpoint,
    UnknownSignerError,
    log_of,
    open_checkpoint,
    signer_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.transparency.notes import VerifierKey

_NOT_MOVED: Final = 2 | 8 | 512
"""Flags of entries that move nothing: holds, and what ends them without a payment."""


class Fault(enum.StrEnum):
    """Why a receipt does not hold."""

    NOT_A_RECEIPT = "not_a_receipt"
    UNKNOWN_SIGNER = "unknown_signer"
    """Nobody can tell: no key of its signer is known."""
    WRONG_SIGNATURE = "wrong_signature"
    OTHER_ENTRY = "other_entry"
    NOT_IN_BLOCK = "not_in_block"
    BAD_HEAD = "bad_head"
    NOT_PUBLISHED = "not_published"


class ReceiptError(ProtocolError):
    """A receipt does not hold.

    Attributes:
        fault: Which check failed.
    """

    errcode = "ORG.VECHE.RECEIPT"

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@attrs.frozen
class Verified:
    """A receipt that holds.

    Attributes:
        receipt: What it says.
        origin: The ledger, in whose name it is signed.
        published: The published head that has its block; None if that was not shown.
        cosigned: Which witnesses have signed that head; None if none was shown.
    """

    receipt: Receipt
    origin: str
    published: Checkpoint | None
    cosigned: Cosigned | None = None


def read_receipt(data: bytes) -> Mapping[str, Any]:
    """The receipt in a file: alone, in the content of an event, or in a whole event.

    Raises:
        ReceiptError: There is none in it (``NOT_A_RECEIPT``).
    """
    if len(data) > RECEIPT_BYTES_MAX:
        raise ReceiptError(Fault.NOT_A_RECEIPT, f"the file is over {RECEIPT_BYTES_MAX} bytes")
    try:
        value = json.loads(data.decode(), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as e:
        raise ReceiptError(Fault.NOT_A_RECEIPT, "the file is not JSON") from e
    if not isinstance(value, dict):
        raise ReceiptError(Fault.NOT_A_RECEIPT, "the file holds no object")
    content = mapping(value.get("content")) or value
    return mapping(content.get(RECEIPT_KEY)) or value


def verify_receipt(
    value: Mapping[str, Any], keys: Collection[VerifierKey], published: object = None
) -> Verified:
    """Verify a receipt and return what it proves.

    Args:
        value: As received.
        keys: Of ledgers that are believed.
        published: A ``Published`` that was fetched; else the one that the receipt has, if any.

    Raises:
        ReceiptError: It does not hold, or nobody can tell.
    """
    receipt = _read(value)
    origin = _signer(value, keys)
    _check_entry(receipt, origin)
    head = _head_of_block(receipt.ledger_proof)
    proof = published if published is not None else mapping(value.get("unsigned")).get("published")
    if proof is None:
        return Verified(receipt, origin, None)
    seq = receipt.ledger_proof.block.seq
    return Verified(receipt, origin, *_published(proof, origin, (seq, head), keys))


def _refuse(_number: str) -> None:
    raise ValueError("no number of canonical JSON")


def _read(value: Mapping[str, Any]) -> Receipt:
    try:
        canonical(value, where="receipt")
        return parse(Receipt, value, where="receipt")
    except MalformedError as e:
        raise ReceiptError(Fault.NOT_A_RECEIPT, str(e)) from e


def _signer(value: Mapping[str, Any], keys: Collection[VerifierKey]) -> str:
    """In whose name a receipt is signed, by a key that is known."""
    try:
        return signer_of(value, keys)
    except UnknownSignerError as e:
        raise ReceiptError(Fault.UNKNOWN_SIGNER, str(e)) from e
    except BadSignatureError as e:
        raise ReceiptError(Fault.WRONG_SIGNATURE, str(e)) from e


def _check_entry(receipt: Receipt, origin: str) -> None:
    """Make sure that the entry of the ledger is the one that the receipt speaks of."""
    proof = receipt.ledger_proof
    entry = _entry(proof.leaf)
    of = receipt.refund_of
    said = {
        "id": hex_of_ulid(receipt.id),
        "ref": hex_of_ulid(receipt.payment),
        "amount": receipt.amount.minor,
        "at_ms": receipt.at_ms,
        "refund_of": hex_of_ulid(of) if of is not None else None,
    }
    for name, value in said.items():
        found = entry.get(name)
        if found != value or type(found) is not type(value):
            raise ReceiptError(Fault.OTHER_ENTRY, f"the ledger's entry has another {name}")
    flags, pos, shard = (entry.get(name) for name in ("flags", "pos", "shard"))
    if not (type(flags) is type(pos) is type(shard) is int) or flags & _NOT_MOVED:
        raise ReceiptError(Fault.OTHER_ENTRY, "the ledger's entry is none of a payment")
    if pos // PLACES != proof.block.seq or receipt.at_ms != proof.block.at_ms:
        raise ReceiptError(Fault.OTHER_ENTRY, "the ledger's entry is of another block")
    if origin.rpartition("/")[2] != str(shard):
        raise ReceiptError(Fault.OTHER_ENTRY, "the entry is of another ledger")


def _entry(leaf: str) -> Mapping[str, Any]:
    """An entry, which has to be written as the ledger writes it."""
    try:
        entry = json.loads(leaf)
        is_canonical = isinstance(entry, dict) and canonical(entry) == leaf.encode()
    except (ValueError, RecursionError, MalformedError) as e:
        raise ReceiptError(Fault.OTHER_ENTRY, "the ledger's entry is not canonical JSON") from e
    if not is_canonical:
        raise ReceiptError(Fault.OTHER_ENTRY, "the ledger's entry is not canonical JSON")
    return dict(entry)


def _head_of_block(proof: LedgerProof) -> bytes:
    """The head of a block that has the entry."""
    block, path = proof.block, [decode_base64(one) for one in proof.path]
    root = decode_base64(block.root)
    if not includes(root, proof.leaf.encode(), proof.index, block.n, path):
        raise ReceiptError(Fault.NOT_IN_BLOCK, "the entry is not in the block")
    return next_head(decode_base64(block.prev), block.seq, block.at_ms, block.n, root)


def _published(
    proof: object, origin: str, block: tuple[int, bytes], keys: Collection[VerifierKey]
) -> tuple[Checkpoint, Cosigned]:
    """The published head that has a block, given by its number and its head; who signed it."""
    seq, head = block
    try:
        read = parse(Published, proof, where="published")
        checkpoint = open_checkpoint(read.checkpoint, keys)
        witnesses = cosigned(read.checkpoint, checkpoint.size, keys)
    except (MalformedError, BadSignatureError) as e:
        raise ReceiptError(Fault.BAD_HEAD, str(e)) from e
    if log_of(checkpoint.origin) != log_of(origin):
        raise ReceiptError(Fault.BAD_HEAD, "the published head is of another ledger")
    path = [decode_base64(one) for one in read.path]
    if not includes(checkpoint.root, head, seq - 1, checkpoint.size, path):
        raise ReceiptError(Fault.NOT_PUBLISHED, "the block is not in the published head")
    return checkpoint, witnesses
