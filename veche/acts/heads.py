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
from typing import TYPE_CHECKING, Any

from veche.acts import head_store as store
from veche.acts import signed_tree
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.wake_event import WakeEvent
from veche.transparency import tree_nodes as kept_tree
from veche.transparency.act_proof import ACTS_BYTES_MAX, ACTS_MAX, act_origin
from veche.transparency.notes import SIZE_MAX, NoteSigner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.acts.last_signed import LastSigned
    from veche.acts.signed_tree import Head, SignedTree
    from veche.acts.witnesses.asking import Witnesses
    from veche.runtime.database import Cursor
    from veche.runtime.tasks import Tasks
    from veche.transparency.notes import VerifierKey
    from veche.transparency.witness_proofs import WitnessedHead

logger = logging.getLogger(__name__)


class ActHeads:
    """Signs the heads of all logs of acts of this server; several replicas do no harm."""

    def __init__(
        self,
        witnesses: Witnesses,
        server_name: str,
        seed: bytes,
        last_signed: LastSigned | None = None,
        history: int = 1,
    ) -> None:
        """Make it; ``seed`` is secret, and ``last_signed`` is kept outside the database."""
        self._last_signed = last_signed
        self._history = history
        self._witnesses = witnesses
        self._database = witnesses.database
        self._reactor = witnesses.reactor
        self._server_name = server_name
        self._seed = seed

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        again = signed_tree.HEAD_EVERY_MS, "no head of acts is signed"
        tasks.spawn("acts.heads", WakeEvent(self._reactor).repeat(self._publish_all, *again))
        self._witnesses.start(tasks.spawn, self.trees)

    def trees(self, txn: Cursor) -> dict[str, SignedTree]:
        """The logs that have a signed head, by origin."""
        found = store.signed(txn)
        return {self._origin(one): store.ActTree(one) for one in found}

    def tree_of(self, log: str) -> SignedTree | None:
        """The log of a name (``log_of``); None: it is no log of acts of this server."""
        organisation = log.rpartition("/")[2]
        is_ours = log == act_origin(self._server_name, organisation)
        return store.ActTree(organisation) if is_ours else None

    def witnessed(self, txn: Cursor, organisation: str, size: int) -> WitnessedHead | None:
        """Return the witnesses' signatures for a head of ``size`` acts, or an older one."""
        tree = store.ActTree(organisation)
        return self._witnesses.beside(txn, self._origin(organisation), tree, size)

    def signer(self, organisation: str) -> NoteSigner:
        """Return the signer for the log of an organisation."""
        return NoteSigner(self._origin(organisation), self._seed)

    def keys(self, organisation: str) -> list[VerifierKey]:
        """The keys of the log of an organisation, the present one first."""
        names = [
            act_origin(self._server_name, organisation, one) for one in range(self._history, 0, -1)
        ]
        return [NoteSigner(name, self._seed).verifier for name in names]

    def head_with(self, txn: Cursor, organisation: str, place: int, now_ms: int) -> Head:
        """The newest head of a log, which has the act of a place; it is signed now if need be."""
        head = store.ActTree(organisation).newest(txn)
        while head is None or head.size <= place:
            self._publish(txn, organisation, now_ms)
            head = signed_tree.newest(txn, store.ActTree(organisation))
        return head

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
            ForkedError: The log is not the one that was signed.
            UnavailableError: The organisation never acted.
        """
        while self._publish(txn, organisation, now_ms):
            pass
        tree = store.ActTree(organisation)
        head = signed_tree.newest(txn, tree)
        acts = store.acts_on(txn, organisation, subject, min(before, head.size), ACTS_MAX, case)
        spans = [kept_tree.inclusion(act.idx, head.size) for act in acts]
        wanted = [node for span in spans for nodes in span for node in nodes]
        kept = tree.nodes(txn, wanted)
        proofs = [
            {
                "e": act.entry,
                "bound": encode_base64(act.bound),
                "salt": encode_base64(act.salt),
                "opening": json.loads(act.opening),
                "index": act.idx,
                "path": [encode_base64(one) for one in kept_tree.hashes_of(span, kept)],
            }
            for act, span in zip(acts, spans, strict=True)
        ]
        found = {"v": 1, "checkpoint": head.note, "acts": _within(proofs)}
        witnessed = self.witnessed(txn, organisation, head.size)
        return found | ({"witnessed": witnessed.model_dump()} if witnessed is not None else {})

    async def _publish_all(self) -> None:
        for organisation in await self._database.run("acts.grown", store.grown):
            is_more = True
            while is_more:
                now_ms = int(self._reactor.seconds() * 1000)
                is_more = await self._database.run("acts.head", self._publish, organisation, now_ms)

    def _publish(self, txn: Cursor, organisation: str, now_ms: int) -> bool:
        return publish(txn, self.signer(organisation), organisation, now_ms, self._last_signed)

    def _origin(self, organisation: str) -> str:
        return act_origin(self._server_name, organisation, self._history)


def publish(
    txn: Cursor,
    signer: NoteSigner,
    organisation: str,
    now_ms: int,
    last_signed: LastSigned | None = None,
) -> bool:
    """As ``signed_tree.publish``, of the log of an organisation."""
    return signed_tree.publish(txn, store.ActTree(organisation), signer, now_ms, last_signed)


def extended(txn: Cursor, organisation: str, after: int | None) -> tuple[Head, Sequence[str]]:
    """As ``signed_tree.extended``, of the log of an organisation."""
    return signed_tree.extended(txn, store.ActTree(organisation), after)


def _within(proofs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the newest acts that a file has room for."""
    sizes = itertools.accumulate(len(json.dumps(one)) for one in reversed(proofs))
    count = sum(1 for size in sizes if size <= ACTS_BYTES_MAX)
    return list(proofs[len(proofs) - count :])
