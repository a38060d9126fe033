"""Signed heads: behind the logs of acts, a promise to everybody.

Every few seconds in which an organisation acted the Merkle tree over the entries of its log is
signed as a checkpoint. It tells a size and a hash, nothing of persons. Whoever holds two can check
that one is the beginning of the other, so the log cannot be rewritten, or be another one for
somebody else, without a trace. With a head, an act that a person keeps is proven to anybody.
Source: design of Veche, acts §3.4 and §3.5.
"""

from __future__ import annotations

import itertools
import json
import logging
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError

from veche.protocol import kept_tree
from veche.protocol.act_proof import ACTS_BYTES_MAX, ACTS_MAX, act_origin
from veche.protocol.errors import NotFoundError, UnavailableError, VecheError
from veche.protocol.merkle import leaf_hash
from veche.protocol.notes import SIZE_MAX, Checkpoint, NoteSigner
from veche.protocol.unpadded import unpadded
from veche.runtime.acts import head_store as store
from veche.runtime.acts.head_store import Head
from veche.runtime.wake import Bell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.protocol.kept_tree import Node
    from veche.runtime.database import Cursor, Database
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

HEAD_EVERY_MS: Final = 10_000
ENTRIES_MAX: Final = 5_000
"""Entries that one transaction adds."""


class ActsForkedError(VecheError):
    """The acts are not those of the signed head: an incident, to be looked into by people."""

    errcode = "ORG.VECHE.ACTS_FORKED"


class ActHeads:
    """Signs the heads of all logs of acts of this server; several replicas do no harm."""

    def __init__(
        self, database: Database, reactor: IReactorTime, server_name: str, seed: bytes
    ) -> None:
        """Make it.

        Args:
            database: That has the logs.
            reactor: Clock.
            server_name: Of the homeserver.
            seed: 32 secret bytes, always the same.
        """
        self._database = database
        self._reactor = reactor
        self._server_name = server_name
        self._seed = seed

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        tasks.spawn("acts.heads", self._loop())

    def signer(self, organisation: str) -> NoteSigner:
        """What signs in the name of the log of an organisation."""
        return NoteSigner(act_origin(self._server_name, organisation), self._seed)

    def proof_of_case(
        self, txn: Cursor, organisation: str, subject: str, case: str, now_ms: int
    ) -> dict[str, Any]:
        """The acts on a person in a case, with a head that has them all (``ActsProof``).

        As ``proof``.
        """
        return self.proof(txn, organisation, subject, now_ms, case=case)

    def proof(
        self,
        txn: Cursor,
        organisation: str,
        subject: str,
        now_ms: int,
        *,
        before: int = SIZE_MAX,
        case: str | None = None,
    ) -> dict[str, Any]:
        """The acts on a person, with a head that has them all (``ActsProof``).

        At most the newest ``ACTS_MAX`` in ``ACTS_BYTES_MAX``, whose private parts are there.

        Args:
            txn: A transaction; it may sign a head.
            organisation: Whose acts.
            subject: Pseudonym of the person.
            now_ms: UTC.
            before: Only acts below this place in the log.
            case: Only acts in this case.

        Raises:
            ActsForkedError: The log is not the one that was signed.
            UnavailableError: The organisation never acted.
        """
        while publish(txn, self.signer(organisation), organisation, now_ms):
            pass
        head = _newest(txn, organisation)
        acts = store.acts_on(txn, organisation, subject, min(before, head.size), ACTS_MAX, case)
        spans = [kept_tree.inclusion(act.idx, head.size) for act in acts]
        wanted = [node for span in spans for nodes in span for node in nodes]
        kept = store.nodes(txn, organisation, wanted)
        proofs = [
            {
                "e": act.entry,
                "bound": unpadded(act.bound),
                "salt": unpadded(act.salt),
                "opening": json.loads(act.opening),
                "index": act.idx,
                "path": [unpadded(one) for one in kept_tree.hashes_of(span, kept)],
            }
            for act, span in zip(acts, spans, strict=True)
        ]
        return {"v": 1, "checkpoint": head.note, "acts": _within(proofs)}

    async def _loop(self) -> None:
        pause = Bell(self._reactor)
        while True:
            try:
                await self._publish_all()
            except CancelledError:
                raise  # the process ends
            except UnavailableError:
                pass  # another round comes
            except Exception:  # the acts go on without
                logger.exception("no head of acts is signed")
            await pause.wait(HEAD_EVERY_MS)

    async def _publish_all(self) -> None:
        for organisation in await self._database.run("acts.grown", store.grown):
            signer, is_more = self.signer(organisation), True
            while is_more:
                now_ms = int(self._reactor.seconds() * 1000)
                is_more = await self._database.run(
                    "acts.head", publish, signer, organisation, now_ms
                )


def publish(txn: Cursor, signer: NoteSigner, organisation: str, now_ms: int) -> bool:
    """Sign what was added to a log since its last head; whether there is more than that.

    Args:
        txn: A transaction.
        signer: In the name of the log.
        organisation: Whose log.
        now_ms: UTC.

    Raises:
        ActsForkedError: The log is not the one that was signed.
    """
    store.lock(txn, organisation)
    last = store.newest(txn, organisation)
    size = last.size if last is not None else 0
    # With the last one that is in the tree already, to see that it is still the same.
    first = max(size - 1, 0)
    found = store.entries_from(txn, organisation, first, ENTRIES_MAX)
    places = [idx for idx, _ in found]
    hashes = [leaf_hash(entry.encode()) for _, entry in found]
    if places != list(range(first, first + len(places))) or (size and not places):
        raise ActsForkedError(f"the log of {organisation} has lost acts from {first} on")
    edge = kept_tree.edge(size)
    kept = store.nodes(txn, organisation, [*edge, kept_tree.Node(0, first)])
    if size and kept.get(kept_tree.Node(0, first)) != hashes.pop(0):
        raise ActsForkedError(f"act {first} of {organisation} is another one than was signed")
    if not hashes:
        return False
    made = kept_tree.grown(size, [kept[node] for node in edge], hashes)
    head = _signed(signer, size + len(hashes), kept | made)
    store.keep(txn, organisation, made, head, now_ms)
    return len(found) == ENTRIES_MAX


def extended(txn: Cursor, organisation: str, after: int | None) -> tuple[Head, Sequence[str]]:
    """The newest signed head of a log, and the proof that it begins with an older one.

    Args:
        txn: A transaction.
        organisation: Whose log.
        after: Size of the older one; None: no proof is asked for.

    Raises:
        NotFoundError: There is no head of that size yet.
        UnavailableError: There is no head yet.
    """
    head = _newest(txn, organisation)
    if not after:
        return head, []
    if after > head.size:
        raise NotFoundError(f"the newest head has {head.size} acts")
    spans = kept_tree.consistency(after, head.size)
    kept = store.nodes(txn, organisation, [node for nodes in spans for node in nodes])
    return head, [unpadded(one) for one in kept_tree.hashes_of(spans, kept)]


def _within(proofs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the newest acts that a file has room for."""
    sizes = itertools.accumulate(len(json.dumps(one)) for one in reversed(proofs))
    count = sum(1 for size in sizes if size <= ACTS_BYTES_MAX)
    return list(proofs[len(proofs) - count :])


def _newest(txn: Cursor, organisation: str) -> Head:
    head = store.newest(txn, organisation)
    if head is None:
        raise UnavailableError("No head is signed yet", retry_after_ms=HEAD_EVERY_MS)
    return head


def _signed(signer: NoteSigner, size: int, kept: dict[Node, bytes]) -> Head:
    root = kept_tree.root_of_edge([kept[node] for node in kept_tree.edge(size)])
    return Head(size, signer.sign(Checkpoint(signer.verifier.name, size, root).to_text()))
