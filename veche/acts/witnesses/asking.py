"""Showing each new head of our logs to the witnesses, and keeping what they sign.

Nothing waits for them: a head is published when it is signed by its log, and what witnesses sign is
added when it comes. Any number of processes may run this: a turn to ask is a row, taken for a
while. Source: C2SP, tlog-witness.
"""

from __future__ import annotations

import logging
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import Deferred, gatherResults

from veche.acts import signed_tree
from veche.acts.signed_tree import Head
from veche.acts.witnesses import store
from veche.protocol.errors import BadSignatureError, MalformedError, VecheError
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime import metrics
from veche.runtime.wake_event import WakeEvent
from veche.runtime.web.outbound import Outbound, place_of
from veche.transparency.notes import cosignatures, lines_of, with_lines
from veche.transparency.witness_proofs import WitnessedHead
from veche.transparency.witness_protocol import CONFLICT, PATH, AddCheckpoint, read_size

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from veche.acts.signed_tree import SignedTree
    from veche.runtime.config.witnesses import OneWitnessSection, WitnessesSection
    from veche.runtime.database import Cursor, Database
    from veche.runtime.web.http_client import Answer
    from veche.transparency.notes import VerifierKey

    Trees = Callable[[Cursor], Mapping[str, SignedTree]]

logger = logging.getLogger(__name__)

LEASE_MS: Final = 30_000
"""After which another process may ask; longer than a request takes (``outbound.TIMEOUT_S``)."""
AT_ONCE_MAX: Final = 8
"""Witnesses that are asked at once."""
JOBS_MAX: Final = 64
"""Heads that are shown in one round; the others have the next one."""
RETRY_MS_MIN: Final = 10_000
RETRY_MS_MAX: Final = 10 * 60 * 1000
CLOCK_S_MAX: Final = 3_600
"""How far a witness's clock may be from ours: the time that it signs is shown to people."""
WHY_CHARACTERS_MAX: Final = 200
TEXT: Final = "text/plain; charset=utf-8"
_OK: Final = 200

_asked = metrics.counter(
    "veche_witnesses_asked_total",
    "Heads of our logs that were shown to a witness, by how that ended.",
    ["witness", "end"],
)
_late = metrics.gauge(
    "veche_heads_unwitnessed_seconds",
    "For how long a log has had a head that not enough witnesses have signed.",
    ["log"],
)


@attrs.frozen
class _Job:
    """A head to be shown to a witness."""

    origin: str
    tree: SignedTree
    head: Head
    witness: OneWitnessSection
    message: AddCheckpoint


class _NotSignedError(Exception):
    """A witness did not sign; the text says why."""


class Witnesses:
    """The witnesses of our logs.

    Attributes:
        needed: How many of them are enough; 0 if there are none.
        keys: Of all of them.
        database: That has the logs.
        reactor: Clock and network.
    """

    def __init__(self, database: Database, reactor: Any, section: WitnessesSection) -> None:
        """Make it; nobody is asked before ``start``."""
        self.needed = section.needed if section.of else 0
        self.keys: Sequence[VerifierKey] = [one.verifier for one in section.of]
        self.database = database
        self.reactor = reactor
        self._section = section
        self._names = [one.key for one in section.of]
        networks = [ip_network(one) for one in section.networks]
        self._outbound = Outbound(reactor, allowed=networks)
        self._said_late: set[str] = set()

    def start(
        self, spawn: Callable[[str, Coroutine[Any, Any, None]], object], trees: Trees
    ) -> None:
        """Begin to show the heads of some logs; ends with whoever spawns.

        The trees are asked for in a transaction: the logs by origin.
        """
        if self._section.of:
            again = signed_tree.HEAD_EVERY_MS, "no head is shown to witnesses"
            spawn(
                "witnesses", WakeEvent(self.reactor).repeat(partial(self.show_all, trees), *again)
            )

    def lines(self, txn: Cursor, origin: str, head: Head) -> str:
        """The note of a head, with what witnesses have signed of it."""
        return with_lines(head.note, store.lines(txn, origin, head.size, self._names))

    def newest(self, txn: Cursor, origin: str, tree: SignedTree, size_min: int = 1) -> Head | None:
        """The newest head that enough witnesses have signed, with their signatures.

        None if it has fewer entries than ``size_min``.
        """
        if not self._names:
            return None
        size = store.witnessed(txn, origin, self._names, self.needed)
        head = tree.head_of(txn, size) if size >= max(size_min, 1) else None
        return Head(size, self.lines(txn, origin, head)) if head is not None else None

    def beside(self, txn: Cursor, origin: str, tree: SignedTree, size: int) -> WitnessedHead | None:
        """Return the witnesses' signatures to send with a head of ``size`` entries."""
        found = self.newest(txn, origin, tree)
        if found is None or found.size > size:
            return None
        path = signed_tree.consistency(txn, tree, found.size, size)
        return WitnessedHead(
            checkpoint=found.note, consistency=[encode_base64(one) for one in path]
        )

    async def show_all(self, trees: Trees) -> None:
        """Show the newest heads to the witnesses that have not signed them and are due.

        Raises:
            UnavailableError: The database cannot be asked.
        """
        jobs = await self.database.run("witnesses.due", self._due, trees)

        async def work() -> None:
            while jobs:
                await self._show(jobs.pop())

        count = min(AT_ONCE_MAX, len(jobs))
        works = [Deferred.fromCoroutine(work()) for _ in range(count)]
        await gatherResults(works, consumeErrors=True)
        for origin, late_ms in (
            await self.database.run("witnesses.late", self._lag, trees)
        ).items():
            self._tell_late(origin, late_ms)

    def _due(self, txn: Cursor, trees: Trees) -> list[_Job]:
        """Take the turns that there are."""
        jobs: list[_Job] = []
        now_ms = self._now_ms()
        for origin, tree in trees(txn).items():
            head = tree.newest(txn)
            for witness in self._section.of if head is not None else ():
                if head is None or len(jobs) >= JOBS_MAX:
                    return jobs
                until_ms = now_ms + LEASE_MS
                old = store.take_turn(txn, origin, witness.key, head.size, now_ms, until_ms)
                if old is not None:
                    # What it has more than we do it says itself.
                    known = old if old <= head.size else 0
                    path = signed_tree.consistency(txn, tree, known, head.size)
                    message = AddCheckpoint(known, path, head.note)
                    jobs.append(_Job(origin, tree, head, witness, message))
        return jobs

    async def _show(self, job: _Job) -> None:
        """Show a head to a witness, and keep what it says."""
        try:
            place, target = place_of(f"{job.witness.url.rstrip('/')}{PATH}")
            answer = await self._outbound.post(place, target, job.message.to_bytes(), TEXT)
            end = await self._heard(job, answer)
        except (_NotSignedError, VecheError) as e:
            end = "refused" if isinstance(e, _NotSignedError) else "unavailable"
            why = str(e)[:WHY_CHARACTERS_MAX]
            logger.warning(
                "%s has not signed the head of %s of %d %s: %s",
                job.witness.verifier.name,
                job.origin,
                job.head.size,
                job.tree.entries,
                why,
            )
            await self.database.run("witnesses.failed", self._failed, job, why)
        _asked.labels(job.witness.verifier.name, end).inc()

    async def _heard(self, job: _Job, answer: Answer) -> str:
        """Interpret an answer: ``signed``, or how to ask better next time."""
        key, now_ms = job.witness.key, self._now_ms()
        if answer.status == _OK:
            line = _line(job, answer.body, now_ms // 1000)
            arguments = (job.origin, key, job.head.size, line, now_ms)
            await self.database.run("witnesses.signed", store.signed, *arguments)
            return "signed"
        size = read_size(answer.body) if answer.status == CONFLICT else None
        if size is None:
            raise _NotSignedError(_why(answer))
        if size == job.message.old:
            raise _NotSignedError(f"it has another head of {size} {job.tree.entries} of this log")
        if size > job.head.size:
            raise _NotSignedError(
                f"it has a head of {size} {job.tree.entries}, and we have {job.head.size}: if it is"
                " right, our database has lost what was signed"
            )
        await self.database.run("witnesses.has", store.has, job.origin, key, size, now_ms)
        return "conflict"

    def _failed(self, txn: Cursor, job: _Job, why: str) -> None:
        count = store.failures(txn, job.origin, job.witness.key)
        delay_ms = min(RETRY_MS_MAX, RETRY_MS_MIN << min(count, 10))
        store.failed(txn, job.origin, job.witness.key, why, self._now_ms() + delay_ms)

    def _lag(self, txn: Cursor, trees: Trees) -> dict[str, int]:
        """For how long each log has had a head that is not witnessed, in ms."""
        found = {}
        for origin, tree in trees(txn).items():
            size = store.witnessed(txn, origin, self._names, self.needed)
            since_ms = tree.first_after(txn, size)
            found[origin] = max(0, self._now_ms() - since_ms) if since_ms is not None else 0
        return found

    def _tell_late(self, origin: str, late_ms: int) -> None:
        _late.labels(origin).set(late_ms / 1000)
        if late_ms <= self._section.late_ms:
            self._said_late.discard(origin)
        elif origin not in self._said_late:
            self._said_late.add(origin)
            logger.error(
                "%s: for %d s fewer than %d witnesses have signed its newest head: veche doctor",
                origin,
                late_ms // 1000,
                self.needed,
            )

    def _now_ms(self) -> int:
        return int(self.reactor.seconds() * 1000)


def _line(job: _Job, body: bytes, now_s: int) -> str:
    """The signature in an answer, once it is checked."""
    key = job.witness.verifier
    try:
        note = job.head.note + body.decode()
        time_s = cosignatures(note, [key]).get(key)
        lines = lines_of(note, [key])
    except (UnicodeDecodeError, MalformedError, BadSignatureError) as e:
        raise _NotSignedError(f"what it answers is no signature: {e}") from e
    if time_s is None:
        raise _NotSignedError("it signs with another key than the one that is configured")
    if abs(time_s - now_s) > CLOCK_S_MAX:
        raise _NotSignedError("its clock differs from ours by more than an hour")
    return lines[-1]


def _why(answer: Answer) -> str:
    """Explain a refusal to people."""
    said = answer.body[:WHY_CHARACTERS_MAX].decode("ascii", "replace")
    printable = "".join(one if one.isprintable() else " " for one in said).strip()
    return f"{answer.status} {printable}"
