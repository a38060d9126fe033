"""Comparison of two institutions' books on their payments to one another.

Once an hour each asks the others what they know. Both may go on in the meantime, so a difference
counts once it was there twice; it never changes anything, but an operator hears of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import PACKETS_MAX, PeerAnswer, PeerFlow, PeerStatement
from appservices.payments.institutions.service.client import NoAnswerFromPeerError
from appservices.payments.interbank.service import restoring
from appservices.payments.peers import store
from appservices.payments.peers.core import Side, compare
from appservices.payments.peers.service import peers
from appservices.payments.witnesses.service import peers as peers_witnessing
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id
from veche.protocol.wire import parse
from veche.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

CHECK: Final = "payments.peer_check"
"""Job: compares the books with another institution."""
EVERY_MS: Final = 3_600_000
AGAIN_MS: Final = 60_000
"""After a difference: what was on its way has arrived by then."""

_differing = metrics.gauge(
    "veche_payment_peers_differing",
    "Whether the books of another institution differ in a currency.",
    ["peer"],
)


def statement(scene: Conversation, server: str, currency: str) -> PeerStatement | None:
    """State our view of another institution in one currency; None if we keep none in it."""
    ledger = holders.currencies(scene.txn).get(currency)
    if ledger is None:
        return None
    peer = peers.institution(scene, server)
    return PeerStatement(
        currency=currency,
        ours=_flow(store.paying_side(scene.txn, peer.id, ledger)),
        yours=_flow(store.paid_side(scene.txn, peer.id, ledger)),
    )


def keep(scene: Conversation, server: str, told: PeerStatement) -> bool:
    """Compare what another institution knows with what we do; whether all is explained.

    Args:
        scene: The transaction.
        server: Of it.
        told: What it knows; what we pay is in its ``yours``.
    """
    ledger = holders.currencies(scene.txn)[told.currency]
    peer = peers.institution(scene, server)
    ours = compare(store.paying_side(scene.txn, peer.id, ledger), _side(told.yours))
    theirs = compare(_side(told.ours), store.paid_side(scene.txn, peer.id, ledger))
    is_even = ours.minor == 0 and theirs.minor == 0
    since_ms = None if is_even else scene.now_ms
    check = store.Check(scene.now_ms, ours.minor, theirs.minor, since_ms)
    store.keep_check(scene.txn, peer.id, ledger, check)
    return is_even


def start(scene: Conversation) -> None:
    """Begin to compare with all institutions that there is an agreement with."""
    for peer in scene.section.peers:
        for currency in peer.they_owe_max:
            soon(scene, peer.server, currency)


def soon(scene: Conversation, server: str, currency: str) -> None:
    """Compare now: who begins, or is asked by who begins; at most once a minute."""
    id_ = effect_id(CHECK, "soon", server, currency, scene.now_ms // AGAIN_MS)
    payload = {"peer": server, "currency": currency, "odd": False}
    jobs.schedule(scene.txn, Job(id_, CHECK, payload, scene.now_ms))


def is_long_ago(scene: Conversation, server: str, currency: str) -> bool:
    """Return whether the books were last compared over a minute ago."""
    last = store.checks(scene.txn, peers.institution(scene, server).id).get(currency)
    return last is None or last.at_ms < scene.now_ms - AGAIN_MS


class CheckPeer(ChatJob[Parts]):
    """Compares the books with one institution in one currency, and comes back."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask what it knows; nothing if it does not say."""
        server, currency = job.payload["peer"], job.payload["currency"]
        client = self._parts.peers
        if client is None or self._parts.section.peer(server) is None:
            return {"gone": True}
        host = self._parts.host
        after = await host.database.run("payments.peer", self._known, job)
        try:
            _, message = await client.ask(server, "statement", currency=currency, after=after)
        except NoAnswerFromPeerError:
            return {}
        return {"answer": dict(message)}

    def _known(self, txn: Cursor, job: Job) -> int:
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        return peers_witnessing.known_size(scene, job.payload["peer"])

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Compare, and come back later; soon if it is not explained."""
        if result.get("gone"):
            return
        scene = self._parts.conversation(txn, job.id, now_ms)
        server, currency = job.payload["peer"], job.payload["currency"]
        after_ms = EVERY_MS
        if "answer" in result:
            answer = parse(PeerAnswer, result["answer"])
            told, peer = answer.statement, self._parts.section.peer(server)
            if answer.head is not None and peer is not None:
                peers_witnessing.witness(scene, peer, answer.head, result["answer"])
            if answer.seen is not None and peer is not None:
                peers_witnessing.keep_seen(scene, peer, answer.seen)
            if answer.receipt is not None:
                restoring.check_proof(scene, server, answer.receipt)
            if told is not None and told.currency == currency and _is_whole(told):
                is_even = keep(scene, server, told)
                was_odd = bool(job.payload.get("odd"))
                _differing.labels(f"{server} {currency}").set(int(not is_even and was_odd))
                if not is_even and was_odd:
                    logger.error("the books of %s differ from ours: `veche ledger peers`", server)
                if not is_even:
                    _schedule(scene, server, currency, now_ms + AGAIN_MS, odd=True)
                    return
        _schedule(scene, server, currency, now_ms + after_ms)


def _schedule(
    scene: Conversation, server: str, currency: str, due_at_ms: int, *, odd: bool = False
) -> None:
    # One an hour at most, however often it is begun.
    turn = due_at_ms // (AGAIN_MS if odd else EVERY_MS)
    id_ = effect_id(CHECK, server, currency, turn, odd)
    payload = {"peer": server, "currency": currency, "odd": odd}
    jobs.schedule(scene.txn, Job(id_, CHECK, payload, due_at_ms))


def _is_whole(told: PeerStatement) -> bool:
    """Return whether nothing is left out of its lists."""
    return max(len(told.ours.waiting), len(told.yours.waiting)) < PACKETS_MAX


def _flow(side: Side) -> PeerFlow:
    return PeerFlow(moved=side.moved_minor, held=side.held_minor, waiting=dict(side.waiting))


def _side(flow: PeerFlow) -> Side:
    return Side(flow.moved, flow.held, dict(flow.waiting))
