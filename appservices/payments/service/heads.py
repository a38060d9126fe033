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

from appservices.payments.core.ledger.values import PLACES
from appservices.payments.store import heads as store
from appservices.payments.store import ledger
from appservices.payments.store.heads import Head
from veche.protocol import kept_tree
from veche.protocol.errors import NotFoundError, UnavailableError, VecheError
from veche.protocol.ids import hex_of_ulid
from veche.protocol.merkle import leaf_hash
from veche.protocol.notes import Checkpoint
from veche.protocol.receipt import Published
from veche.protocol.unpadded import unpadded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.payments.service.writer import Writer
    from veche.protocol.kept_tree import Node
    from veche.protocol.notes import NoteSigner
    from veche.runtime.database import Cursor
    from veche.runtime.host import Host

logger = logging.getLogger(__name__)

SHARD: Final = 0
HEAD_EVERY_S: Final = 10
BLOCKS_MAX: Final = 5_000
"""Blocks that one transaction adds."""


class ForkedError(VecheError):
    """The blocks are not those that were published: an incident, to be looked into by people."""

    errcode = "ORG.VECHE.LEDGER_FORKED"


class Heads:
    """Publishes the heads of the ledger while this process writes it."""

    def __init__(
        self, host: Host, writer: Writer, signer: NoteSigner, post: Callable[[Cursor, int], None]
    ) -> None:
        """Make it.

        Args:
            host: What it lives in.
            writer: Of the ledger.
            signer: In the name of the ledger.
            post: Posts the newest head in the room, in a transaction, if it is time to.
        """
        self._post = post
        self._host = host
        self._writer = writer
        self._signer = signer

    def start(self) -> None:
        """Begin; ends with the host."""
        self._host.spawn("payments.heads", self._loop())

    async def _loop(self) -> None:
        while True:
            if self._writer.is_leading:
                await self._publish_all()
            await deferLater(self._host.reactor, HEAD_EVERY_S)

    async def _publish_all(self) -> None:
        is_more = True
        while is_more:
            try:
                database, now_ms = self._host.database, self._host.now_ms()
                is_more = await database.run("payments.heads", publish, self._signer, now_ms)
                if not is_more:
                    await database.run("payments.heads_room", self._post, now_ms)
            except CancelledError:
                raise  # the process ends
            except UnavailableError:
                return
            except Exception:  # another round comes; the ledger goes on without
                logger.exception("no head is published")
                return


def publish(txn: Cursor, signer: NoteSigner, now_ms: int) -> bool:
    """Sign what was added since the last head; whether there is more than that.

    Args:
        txn: A transaction of its own.
        signer: In the name of the ledger.
        now_ms: UTC.

    Raises:
        ForkedError: The blocks are not those that were published.
    """
    store.lock(txn, SHARD)
    last = store.newest(txn, SHARD)
    size = last.size if last is not None else 0
    # With the last one that is in the tree already, to see that it is still the same.
    found = store.blocks_from(txn, SHARD, max(size, 1), BLOCKS_MAX)
    seqs, hashes = [seq for seq, _ in found], [leaf_hash(head) for _, head in found]
    if seqs != list(range(max(size, 1), max(size, 1) + len(seqs))) or (size and not seqs):
        raise ForkedError(f"block {size} was published, and the blocks from it on have gaps")
    edge = kept_tree.edge(size)
    kept = store.nodes(txn, SHARD, [*edge, kept_tree.Node(0, size - 1)])
    if size and kept.get(kept_tree.Node(0, size - 1)) != hashes.pop(0):
        raise ForkedError(f"block {size} is another one than was published")
    if not hashes:
        return False
    made = kept_tree.grown(size, [kept[node] for node in edge], hashes)
    store.keep(txn, SHARD, made, _signed(signer, size + len(hashes), kept | made), now_ms)
    return len(found) == BLOCKS_MAX


def published(txn: Cursor, id_: str) -> Published:
    """That the block of a transfer is in the newest published head.

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
    head = _newest(txn)
    seq = row.pos // PLACES
    if head.size < seq:
        raise _too_early()
    return Published(path=_path(txn, kept_tree.inclusion(seq - 1, head.size)), checkpoint=head.note)


def extended(txn: Cursor, after: int | None) -> tuple[Head, Sequence[str]]:
    """The newest published head, and the proof that it begins with an older one.

    Args:
        txn: A transaction.
        after: Size of the older one; None or 0: no proof is asked for.

    Raises:
        NotFoundError: There is no head of that size yet.
        UnavailableError: There is no head yet.
    """
    head = _newest(txn)
    if not after:
        return head, []
    if after > head.size:
        raise NotFoundError(f"the newest head has {head.size} blocks")
    return head, _path(txn, kept_tree.consistency(after, head.size))


def root_text(txn: Cursor, origin: str, size: int) -> str:
    """The text of the head that this ledger had when it had ``size`` blocks.

    Raises:
        NotFoundError: So many blocks are not published.
    """
    newest = store.newest(txn, SHARD)
    if newest is None or not 0 < size <= newest.size:
        raise NotFoundError(f"no head of {size} blocks is published")
    edge = kept_tree.edge(size)
    kept = store.nodes(txn, SHARD, edge)
    root = kept_tree.root_of_edge([kept[node] for node in edge])
    return Checkpoint(origin, size, root).to_text()


def had(txn: Cursor, head: Checkpoint) -> bool:
    """Whether this ledger was what a head says, when it had as many blocks."""
    try:
        return root_text(txn, head.origin, head.size) == head.to_text()
    except NotFoundError:
        return False


def _newest(txn: Cursor) -> Head:
    head = store.newest(txn, SHARD)
    if head is None:
        raise _too_early()
    return head


def _too_early() -> UnavailableError:
    words = f"It is not published yet: please ask again in {HEAD_EVERY_S} seconds"
    return UnavailableError(words, retry_after_ms=HEAD_EVERY_S * 1000)


def _path(txn: Cursor, spans: Sequence[Sequence[Node]]) -> list[str]:
    kept = store.nodes(txn, SHARD, [node for nodes in spans for node in nodes])
    return [unpadded(one) for one in kept_tree.hashes_of(spans, kept)]


def _signed(signer: NoteSigner, size: int, kept: dict[Node, bytes]) -> Head:
    root = kept_tree.root_of_edge([kept[node] for node in kept_tree.edge(size)])
    point = Checkpoint(signer.verifier.name, size, root)
    return Head(size, signer.sign(point.to_text()))
