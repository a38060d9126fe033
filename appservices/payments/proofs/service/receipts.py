"""Receipts of payments: what was told, with the proof that the ledger has it, signed.

A receipt is made in the transaction of the block that moves the money, from the block itself: who
is paid holds the whole proof with the first message, and needs nobody to check it later. Only that
the block is in a published head comes after it: see ``heads``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.ledger.core.block import Block, leaves
from appservices.payments.ledger.core.values import PLACES
from appservices.payments.ledger.store import ledger
from appservices.payments.proofs.service.heads import SHARD, Vouched
from veche.protocol.errors import NotFoundError, UnavailableError
from veche.protocol.ids import hex_of_ulid
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency.merkle import leaf_hash, levels_of, path_in
from veche.transparency.notes import NAME_CHARACTERS_MAX, NoteSigner, log_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.ledger.service.work import Outcome
    from veche.acts.witnesses.asking import Witnesses
    from veche.protocol.ids import Ulid
    from veche.protocol.money import Money
    from veche.runtime.database import Cursor
    from veche.transparency.notes import VerifierKey

_REF_BYTES: Final = 16


@attrs.frozen
class Told:
    """The facts in a receipt beside its proof.

    Attributes:
        id: Of the transfer that pays.
        payment: Of the payment, the ``ref`` of the transfer.
        payer_ref: As ``Receipts.payer_ref``.
        payee: Who was paid, in words.
        amount: Amount that they got.
        reference: Purpose; may be empty.
        refund_of: Of a refund: the transfer that it gives back.
        lines_sha256: Of an invoice: SHA-256 of its lines, unpadded base64.
        between: Of a payment between institutions: the servers of the payer's and the payee's.
    """

    id: Ulid
    payment: Ulid
    payer_ref: str
    payee: str
    amount: Money
    reference: str = ""
    refund_of: Ulid | None = None
    lines_sha256: str | None = None
    between: tuple[str, str] | None = None


@attrs.frozen
class _Tree:
    """The tree of a block: made once for all receipts of it.

    Attributes:
        block: Which.
        leaves: Its entries.
        levels: Of the tree over them.
    """

    block: Block
    leaves: Sequence[bytes]
    levels: Sequence[Sequence[bytes]]

    @classmethod
    def of(cls, block: Block) -> _Tree:
        """Make it."""
        entries = leaves(SHARD, block.content)
        return cls(block, entries, levels_of([leaf_hash(one) for one in entries]))

    def proof(self, place: int) -> dict[str, Any]:
        """Prove that the entry at a place is in the block: ``LedgerProof``."""
        block, content = self.block, self.block.content
        return {
            "leaf": self.leaves[place].decode(),
            "index": place,
            "block": {
                "seq": content.seq,
                "at_ms": content.at_ms,
                "n": content.size,
                "prev": encode_base64(block.prev),
                "root": encode_base64(block.root),
            },
            "path": [encode_base64(one) for one in path_in(self.levels, place)],
        }


class Receipts:
    """Makes the receipts of an institution.

    Attributes:
        signer: In the name of its ledger; its key verifies receipts and heads.
        keys: Of the ledger in all its histories, the present one first.
        vouched: The heads, with what witnesses have signed.
    """

    def __init__(
        self,
        server_name: str,
        seed: bytes,
        witnesses: Witnesses | None = None,
        history: int = 1,
    ) -> None:
        """Make it.

        Args:
            server_name: Of the homeserver, by which others find the key.
            seed: 32 secret bytes.
            witnesses: Who vouches for the heads of the ledger; None: nobody.
            history: Which one the ledger is in.
        """
        self._seed = seed
        signers = [
            NoteSigner(f"{server_name}/veche/ledger/v{one}/{SHARD}", seed)
            for one in range(history, 0, -1)
        ]
        self.signer = signers[0]
        self.keys = [one.verifier for one in signers]
        self._log = signers[-1].verifier.name
        self.vouched = Vouched(self.signer.verifier.name, witnesses)
        # One block has many receipts, and they are made one after the other.
        self._tree: _Tree | None = None

    def verifier_of(self, origin: str) -> VerifierKey | None:
        """The key of the ledger in any history, also one that is not known here; None: not its."""
        if log_of(origin) != self._log or len(origin) > NAME_CHARACTERS_MAX:
            return None
        return NoteSigner(origin, self._seed).verifier

    def payer_ref(self, payer: str, payee: str) -> str:
        """The pseudonym of a payer towards a payee: always the same, another one for others."""
        digest = hashlib.blake2b(
            f"{payer}\n{payee}".encode(),
            digest_size=_REF_BYTES,
            key=self._seed,
            person=b"veche.payer",
        )
        return encode_base64(digest.digest())

    def of(self, outcome: Outcome, told: Told) -> dict[str, Any] | None:
        """The receipt of a transfer of a work, signed, for the transaction of its block.

        Args:
            outcome: What became of the work.
            told: What it tells.

        Returns:
            None if the transfer was recorded in an earlier block: ``again`` has its receipt.
        """
        id_ = hex_of_ulid(told.id)
        row = next((one for one in outcome.rows if one.id == id_), None)
        if row is None or outcome.block is None:
            return None
        return self._signed(outcome.block, row.pos % PLACES, told)

    def again(self, txn: Cursor, told: Told) -> dict[str, Any]:
        """The receipt of a transfer that was recorded before, with its published head if it is.

        Raises:
            NotFoundError: There is no such transfer.
        """
        row = ledger.row(txn, SHARD, hex_of_ulid(told.id))
        block = ledger.block(txn, SHARD, row.pos // PLACES) if row is not None else None
        if row is None or block is None:
            raise NotFoundError("There is no such receipt")
        signed = self._signed(block, row.pos % PLACES, told)
        try:
            shown = self.vouched.published(txn, told.id).model_dump(mode="json")
        except UnavailableError:
            return signed
        return {**signed, "unsigned": {"published": shown}}

    def _signed(self, block: Block, place: int, told: Told) -> dict[str, Any]:
        tree = self._tree
        if tree is None or tree.block.head != block.head:
            tree = self._tree = _Tree.of(block)
        between = dict(zip(("payer", "payee"), told.between or (), strict=bool(told.between)))
        optional = {
            "refund_of": told.refund_of,
            "lines_sha256": told.lines_sha256,
            "between": between or None,
        }
        body = {
            "v": 1,
            "id": told.id,
            "payment": told.payment,
            "payer_ref": told.payer_ref,
            "payee": told.payee,
            "amount": told.amount.model_dump(),
            "at_ms": block.content.at_ms,
            "reference": told.reference,
            **{name: value for name, value in optional.items() if value is not None},
            "ledger_proof": tree.proof(place),
        }
        return self.signer.sign_object(body)
