"""Published heads: behind the writer, the blocks become a public promise.

Every few seconds in which something happened the Merkle tree over the heads of all blocks is signed
as a checkpoint. It tells a size and a hash, nothing of persons. Whoever holds two checkpoints can
check that one is the beginning of the other, so the ledger cannot be rewritten, or be another one
for somebody else, without a trace. Source: design of Veche, payments §6; acts §3.4.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from appservices.payments.ledger.core.values import PLACES
from appservices.payments.ledger.store import ledger
from appservices.payments.proofs.store import LedgerTree
from veche.acts import signed_tree
from veche.contracts.payments.receipt import Published
from veche.protocol.errors import NotFoundError, UnavailableError
from veche.protocol.ids import hex_of_ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.payments.ledger.service.writer import Writer
    from veche.acts import LastSigned
    from veche.acts.signed_tree import Head, SignedTree
    from veche.acts.witnesses.asking import Witnesses
    from veche.runtime.database import Cursor
    from veche.runtime.process import Process
    from veche.transparency.notes import Checkpoint, NoteSigner, VerifierKey
    from veche.transparency.witness_proofs import WitnessedHead

logger = logging.getLogger(__name__)

SHARD: Final = 0
TREE: Final = LedgerTree(SHARD)


class Heads:
    """Publishes the heads of the ledger while this process writes it."""

    def __init__(
        self,
        host: Process,
        writer: Writer,
        signer: NoteSigner,
        post: Callable[[Cursor, int], None],
        vouched: Vouched,
        last_signed: LastSigned,
    ) -> None:
        """Make it.

        Args:
            host: What it lives in.
            writer: Of the ledger.
            signer: In the name of the ledger.
            post: Posts the newest head in the room, in a transaction, if it is time to.
            vouched: What witnesses have signed of the heads.
            last_signed: Keeps what was signed last outside the database.
        """
        self._vouched = vouched
        self._post = post
        self._host = host
        self._writer = writer
        self._signer = signer
        self._last_signed = last_signed

    def start(self) -> None:
        """Begin; ends with the host."""
        self._host.spawn("payments.heads", self._loop())
        self._vouched.start(self._host)

    async def _loop(self) -> None:
        while True:
            if self._writer.is_leading:
                await self._publish_all()
            await deferLater(self._host.reactor, signed_tree.HEAD_EVERY_MS / 1000)

    async def _publish_all(self) -> None:
        is_more = True
        while is_more:
            try:
                database, now_ms = self._host.database, self._host.now_ms()
                is_more = await database.run(
                    "payments.heads", publish, self._signer, now_ms, self._last_signed
                )
                if not is_more:
                    await database.run("payments.heads_room", self._post, now_ms)
            except CancelledError:
                raise  # the process ends
            except UnavailableError:
                return
            except Exception:  # another round comes; the ledger goes on without
                logger.exception("no head is published")
                return


def publish(
    txn: Cursor, signer: NoteSigner, now_ms: int, last_signed: LastSigned | None = None
) -> bool:
    """As ``signed_tree.publish``, of the ledger."""
    return signed_tree.publish(txn, TREE, signer, now_ms, last_signed)


class Vouched:
    """The heads with what witnesses have signed of them."""

    def __init__(self, origin: str, witnesses: Witnesses | None = None) -> None:
        """Make it.

        Args:
            origin: Of the ledger.
            witnesses: Whom its heads are shown to; None: nobody.
        """
        self._origin = origin
        self._witnesses = witnesses

    @property
    def keys(self) -> Sequence[VerifierKey]:
        """Keys of the witnesses."""
        return self._witnesses.keys if self._witnesses is not None else ()

    def start(self, host: Process) -> None:
        """Begin to show them the heads; ends with the host."""
        if self._witnesses is not None:
            self._witnesses.start(host.spawn, self._trees)

    def _trees(self, txn: Cursor) -> dict[str, SignedTree]:  # noqa: ARG002 -- as of other logs
        """The ledger, by its origin."""
        return {self._origin: TREE}

    def newest(self, txn: Cursor) -> Head | None:
        """The newest head that enough of them have signed; None: there is none."""
        return self._newest(txn)

    def beside(self, txn: Cursor, size: int) -> WitnessedHead | None:
        """Return the witnesses' signatures for a head of ``size`` blocks, or an older head."""
        found = self._witnesses
        return found.beside(txn, self._origin, TREE, size) if found is not None else None

    def published(self, txn: Cursor, id_: str) -> Published:
        """Prove that a transfer's block is in the newest witnessed head, else published head.

        Args:
            txn: A transaction.
            id_: ULID of the transfer: whoever knows it may ask.

        Raises:
            NotFoundError: There is no such transfer.
            UnavailableError: Its block is not published yet.
        """
        row = ledger.row(txn, SHARD, hex_of_ulid(id_))
        if row is None:
            raise NotFoundError("There is no such receipt")
        seq = row.pos // PLACES
        head = self._newest(txn, seq) or signed_tree.newest(txn, TREE, seq)
        path = signed_tree.inclusion(txn, TREE, seq - 1, head.size)
        return Published(path=path, checkpoint=head.note)

    def _newest(self, txn: Cursor, size_min: int = 1) -> Head | None:
        found = self._witnesses
        return found.newest(txn, self._origin, TREE, size_min) if found is not None else None


def extended(txn: Cursor, after: int | None) -> tuple[Head, Sequence[str]]:
    """As ``signed_tree.extended``, of the ledger."""
    return signed_tree.extended(txn, TREE, after)


def root_text(txn: Cursor, origin: str, size: int) -> str:
    """As ``signed_tree.text_of``, of the ledger."""
    return signed_tree.text_of(txn, TREE, origin, size)


def had(txn: Cursor, head: Checkpoint) -> bool:
    """Return whether this ledger had this head when it had as many blocks."""
    try:
        return root_text(txn, head.origin, head.size) == head.to_text()
    except NotFoundError:
        return False
