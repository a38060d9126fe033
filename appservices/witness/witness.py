"""The witness: takes heads from logs, and answers with its signature or with why not.

From the look at what it remembers to the new head on the disk nothing else runs: there is one
process, one thread, and no wait in between. So two requests at once cannot both be the next one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from appservices.witness.core import WitnessRefusedError, check_follows, read_message, shown
from appservices.witness.folder import KeptHead, name_of
from veche.protocol.errors import NotFoundError
from veche.runtime import metrics
from veche.transparency.notes import with_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from appservices.witness.core import Shown
    from appservices.witness.folder import WitnessFolder
    from veche.transparency.notes import Cosigner, VerifierKey

logger = logging.getLogger(__name__)

SIGNED: Final = "signed"

_answers = metrics.counter(
    "veche_witness_answers_total",
    "Heads that logs showed to this witness, by what it answered: signed, or the status.",
    ["answer"],
)
_forks = metrics.counter(
    "veche_witness_forks_total", "Heads that prove that their log has two histories."
)


@attrs.frozen
class Seen:
    """The facts that a witness has about a log.

    Attributes:
        origin: Of the log.
        kept: The newest head that it signed; None before the first.
        forks_count: How many heads are kept that do not go with it.
    """

    origin: str
    kept: KeptHead | None
    forks_count: int


class Witness:
    """Signs heads of logs that only grow.

    Attributes:
        verifier: What others check its signatures with.
    """

    def __init__(
        self,
        cosigner: Cosigner,
        folder: WitnessFolder,
        logs: Mapping[str, Collection[VerifierKey]],
    ) -> None:
        """Make it.

        Args:
            cosigner: Signs.
            folder: Remembers.
            logs: Keys of the logs that it signs for, by origin.
        """
        self.verifier = cosigner.verifier
        self._cosigner = cosigner
        self._folder = folder
        self._logs = logs

    def add_checkpoint(self, body: bytes, now_s: int) -> str:
        """The line of signature on a head that a log shows; it is remembered before.

        Args:
            body: Of the request.
            now_s: Seconds since 1970, UTC.

        Raises:
            WitnessRefusedError: It does not sign that.
            WitnessFolderError: It could not remember it.
        """
        try:
            line = self._signed(body, now_s)
        except WitnessRefusedError as e:
            _answers.labels(str(e.status)).inc()
            raise
        _answers.labels(SIGNED).inc()
        return line

    def seen(self) -> list[Seen]:
        """All logs that it signs for, by name."""
        return [self._seen(origin) for origin in sorted(self._logs)]

    def seen_by_name(self, name: str) -> Seen:
        """One of them.

        Args:
            name: SHA-256 of its origin, 64 hexadecimal digits.

        Raises:
            NotFoundError: There is no such log.
        """
        for origin in self._logs:
            if name_of(origin) == name:
                return self._seen(origin)
        raise NotFoundError("this witness does not know that log")

    def forks(self, seen: Seen) -> list[str]:
        """Heads that do not go with the newest one of a log, at most ``FORKS_MAX``.

        Raises:
            WitnessFolderError: They cannot be read.
        """
        return self._folder.forks(seen.origin)

    def _seen(self, origin: str) -> Seen:
        return Seen(origin, self._folder.head(origin), self._folder.fork_count(origin))

    def _signed(self, body: bytes, now_s: int) -> str:
        message = read_message(body)
        new = shown(message, self._logs)
        kept = self._folder.head(new.head.origin)
        try:
            check_follows(message, new.head, kept.head if kept is not None else None)
        except WitnessRefusedError as e:
            self._tell(new, e)
            raise
        line = self._cosigner.cosign(new.text, now_s)
        # Of the head that it remembers already there is nothing to write.
        if kept is None or kept.head != new.head:
            self._folder.keep(KeptHead(new.head, with_lines(new.note, [line])))
        return line

    def _tell(self, new: Shown, error: WitnessRefusedError) -> None:
        """Keep what proves that a log has two histories, and let people know."""
        size, origin = new.head.size, new.head.origin
        if not error.is_fork:
            logger.warning("a head of %s of %d entries is not signed: %s", origin, size, error)
            return
        _forks.inc()
        logger.error("%s has signed two heads of %d entries; both are kept", origin, size)
        self._folder.keep_fork(origin, new.note)
