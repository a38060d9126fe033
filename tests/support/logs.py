"""Logs that show their heads to witnesses, honest ones and others."""

from __future__ import annotations

from hashlib import sha256

import attrs

from tests.support.tree_proofs import consistency_proof
from veche.transparency import merkle
from veche.transparency.notes import Checkpoint, NoteSigner
from veche.transparency.witness_protocol import AddCheckpoint

ORIGIN = "town.example/veche/acts/v1/townhall"
SEED = b"l" * 32


@attrs.frozen
class TestLog:
    """A log of so many entries.

    Attributes:
        signer: Signs its heads.
        history: What its entries are; logs of another history have others.
        fork_at: From which entry on they are those of the history.
    """

    __test__ = False

    signer: NoteSigner = attrs.field(factory=lambda: NoteSigner(ORIGIN, SEED))
    history: str = "true"
    fork_at: int = 0

    def leaves(self, size: int) -> list[bytes]:
        """Leaf hashes of the first entries."""
        told = (self.history if n >= self.fork_at else "true" for n in range(size))
        return [sha256(f"{one} {n}".encode()).digest() for n, one in enumerate(told)]

    def head(self, size: int) -> Checkpoint:
        """Of the first entries."""
        root = merkle.root_of_hashes(self.leaves(size))
        return Checkpoint(self.signer.verifier.name, size, root)

    def note(self, size: int) -> str:
        """The signed head."""
        return self.signer.sign(self.head(size).to_text())

    def message(self, old: int, size: int) -> AddCheckpoint:
        """What shows a witness the head of ``size`` entries that has the one of ``old``."""
        path = consistency_proof(self.leaves(size), old) if 0 < old <= size else []
        return AddCheckpoint(old, path, self.note(size))
