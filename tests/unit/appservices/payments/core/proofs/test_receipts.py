from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from appservices.payments.ledger.core import ledger_id
from appservices.payments.ledger.core import values as ledger_values
from appservices.payments.proofs.core.receipts import (
    Fault,
    ReceiptError,
    read_receipt,
    verify_receipt,
)
from tests.support import receipts
from tests.support.receipts import BLOCKS, ORIGIN, SIGNER, Case, a_receipt, an_id, published
from tests.support.tables import each_row
from veche.contracts.payments import receipt as receipt_module
from veche.contracts.payments.receipt import RECEIPT_BYTES_MAX, Receipt
from veche.protocol.ids import hex_of_ulid
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import parse
from veche.transparency.notes import read_verifier_key, signers_of

if TYPE_CHECKING:
    from collections.abc import Iterable

SIGNED = SIGNER.sign_object(a_receipt(4, 9))
KEYS = (SIGNER.verifier,)


def verdict(case: Case) -> str:
    """``holds``, or the fault."""
    keys = [read_verifier_key(text) for text in case.keys]
    try:
        verify_receipt(
            read_receipt(case.text.encode("utf-8", "surrogatepass")), keys, case.published
        )
    except ReceiptError as e:
        return e.fault.value
    return "holds"


def verdicts(cases: Iterable[Case]) -> dict[str, str]:
    return {case.name: verdict(case) for case in cases}


class TestBetween:
    def test_what_is_no_institution_is_refused(self) -> None:
        assert set(verdicts(receipts.between_cases()).values()) == {"not_a_receipt"}


class TestGood:
    @each_row("case", list(receipts.good_cases()))
    def test_what_the_ledger_has_holds(self, case: Case) -> None:
        assert verdict(case) == "holds"

    def test_one_learns_what_it_proves(self) -> None:
        verified = verify_receipt(SIGNED, KEYS, published(4))

        assert verified.receipt == parse(Receipt, a_receipt(4, 9))
        assert verified.origin == ORIGIN
        assert verified.published is not None
        assert verified.published.size == len(BLOCKS)

    def test_what_was_fetched_counts_before_what_the_file_has(self) -> None:
        older = {**SIGNED, "unsigned": {"published": published(4, 4)}}

        verified = verify_receipt(older, KEYS, published(4, 5))

        assert verified.published is not None
        assert verified.published.size == 5

    def test_without_a_head_none_is_claimed(self) -> None:
        assert verify_receipt(SIGNED, KEYS).published is None


class TestAltered:
    def test_nothing_can_be_changed_after_it_was_signed(self) -> None:
        found = verdicts(receipts.altered_cases())

        assert set(found.values()) == {"not_a_receipt", "wrong_signature"}
        assert Counter(found.values())["wrong_signature"] > 30

    @each_row(
        ("changed", "fault"),
        [
            ("id", Fault.OTHER_ENTRY),
            ("payment", Fault.OTHER_ENTRY),
            ("amount.minor", Fault.OTHER_ENTRY),
            ("at_ms", Fault.OTHER_ENTRY),
            ("ledger_proof.index", Fault.NOT_IN_BLOCK),
            ("ledger_proof.block.seq", Fault.OTHER_ENTRY),
            ("ledger_proof.block.at_ms", Fault.OTHER_ENTRY),
            ("ledger_proof.block.root", Fault.NOT_IN_BLOCK),
            *((f"ledger_proof.path.{n}", Fault.NOT_IN_BLOCK) for n in range(6)),
        ],
    )
    def test_what_the_institution_says_falsely_is_found(self, changed: str, fault: Fault) -> None:
        body = a_receipt(4, 9)
        *steps, last = [int(one) if one.isdecimal() else one for one in changed.split(".")]
        holder: Any = body
        for step in steps:
            holder = holder[step]
        old = holder[last]
        holder[last] = old + 1 if isinstance(old, int) else old[:5] + _other(old[5]) + old[6:]

        with pytest.raises(ReceiptError) as caught:
            verify_receipt(SIGNER.sign_object(body), KEYS)

        assert caught.value.fault is fault

    def test_no_false_claim_about_the_ledger_holds(self) -> None:
        found = verdicts(receipts.false_cases())
        free = ("payer_ref", "payee", "currency", "reference", "refund_of", "lines_sha256")
        bound = {
            name: one
            for name, one in found.items()
            # What the ledger does not know is the institution's word alone; what the head of the
            # block commits to, a published head shows.
            if not any(word in name for word in free) and "'prev'" not in name
        }

        held = {name for name, one in bound.items() if one == "holds"}
        assert {name for name in held if "'n'" not in name} == {"entry: a post"}

    def test_another_block_before_is_found_in_the_published_head(self) -> None:
        body = a_receipt(4, 9)
        body["ledger_proof"]["block"]["prev"] = a_receipt(3, 1)["ledger_proof"]["block"]["prev"]
        signed = SIGNER.sign_object(body)

        assert verify_receipt(signed, KEYS).published is None
        with pytest.raises(ReceiptError) as caught:
            verify_receipt(signed, KEYS, published(4))

        assert caught.value.fault is Fault.NOT_PUBLISHED


class TestHeads:
    def test_no_wrong_head_is_taken(self) -> None:
        found = verdicts(receipts.head_cases())
        fine = {"head: 16 signatures", "head: unknown signature", "head: nothing"}
        # A log that lies about its size is found by consistency, not by inclusion.
        fine |= {"head: other size", "fetched head: other size"}
        # After a restore the log goes on under another name, and still has the payment.
        fine |= {"head of a later history"}

        assert {name for name, one in found.items() if one == "holds"} == fine
        assert set(found.values()) == {"holds", "bad_head", "not_published"}


class TestFiles:
    def test_what_is_no_receipt_is_said_to_be_none(self) -> None:
        found = verdicts(receipts.file_cases())

        assert {name for name, one in found.items() if one == "holds"} == {
            "file: white space",
            "file: twice",
            "file: 65536 bytes",
        }
        assert found["no keys"] == found["unknown key"] == Fault.UNKNOWN_SIGNER
        assert found["signed in two names"] == Fault.WRONG_SIGNATURE
        assert found["signatures: none"] == Fault.UNKNOWN_SIGNER

    @each_row("data", [b"\xff{}", b"{" * 100_000, b"[" * 60_000, b"\x00"])
    def test_rubbish_is_refused(self, data: bytes) -> None:
        with pytest.raises(ReceiptError) as caught:
            read_receipt(data)

        assert caught.value.fault is Fault.NOT_A_RECEIPT

    def test_a_damaged_file_is_refused_and_nothing_worse(self) -> None:
        random = Random(1)  # noqa: S311 -- damage for a test
        data = json.dumps({**SIGNED, "unsigned": {"published": published(4)}}).encode()
        for _ in range(2_000):
            damaged = bytearray(data)
            for _ in range(random.randrange(1, 4)):
                at = random.randrange(len(damaged))
                damaged[at : at + random.randrange(3)] = random.randbytes(random.randrange(3))
            try:
                found = verify_receipt(read_receipt(bytes(damaged)), KEYS)
            except ReceiptError:
                continue
            assert found.receipt == parse(Receipt, SIGNED)

    def test_the_longest_file_is_read_and_one_byte_more_is_not(self) -> None:
        text = json.dumps(SIGNED).encode()

        read_receipt(text.ljust(RECEIPT_BYTES_MAX))
        with pytest.raises(ReceiptError, match="65536 bytes"):
            read_receipt(text.ljust(RECEIPT_BYTES_MAX + 1))

    def test_who_claims_to_have_signed_can_be_seen_before(self) -> None:
        assert signers_of(SIGNED) == [ORIGIN]
        assert signers_of({}) == []


class TestSameAsTheLedger:
    def test_ids_and_places_are_those_of_the_ledger(self) -> None:
        assert receipt_module.PLACES == ledger_values.PLACES
        assert hex_of_ulid(an_id(77)) == ledger_id(an_id(77))
        assert decode_base64(a_receipt(1, 0)["ledger_proof"]["block"]["prev"]) == bytes(32)


def _other(character: str) -> str:
    return "B" if character != "B" else "C"
