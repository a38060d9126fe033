"""Following the directories of others: their entries are fetched, checked and kept."""

from __future__ import annotations

import logging
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError

from appservices.acts import store
from veche.contracts.directory.bundle import Bundle, BundleError, Held, followed
from veche.protocol.errors import MalformedError, UnavailableError, VecheError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import parse
from veche.runtime.wake_event import WakeEvent
from veche.runtime.web.outbound import Outbound, place_of

if TYPE_CHECKING:
    from appservices.acts.config import TrustedSection
    from appservices.acts.scene import Parts
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

PATH: Final = "/_veche/directory/v1/bundle"
BUNDLES_MAX: Final = 200
"""Bundles of one round; what is more comes in the next."""
ANSWER_BYTES_MAX: Final = 1024 * 1024
"""Of a bundle: ``service.BUNDLE_BYTES_MAX`` for the entries, and their proofs."""
_OK: Final = 200


class Following:
    """Asks the directories of others for news; several processes do no harm."""

    def __init__(self, parts: Parts) -> None:
        """Nobody is asked before ``start``."""
        self._host = host = parts.host
        self._section = section = parts.section
        networks = [ip_network(one) for one in section.networks]
        self._outbound = Outbound(host.reactor, allowed=networks, bytes_max=ANSWER_BYTES_MAX)

    def start(self) -> None:
        """Begin; ends with the process."""
        if self._section.trusted:
            self._host.spawn("directory.following", self._loop())

    async def _loop(self) -> None:
        pause = WakeEvent(self._host.reactor)
        while True:
            for one in self._section.trusted:
                try:
                    await self.follow(one)
                except CancelledError:
                    raise  # the process ends
                except (VecheError, OSError) as e:
                    logger.warning("%s is not followed: %s", one.root.log, e)
                except Exception:  # the others are followed
                    logger.exception("%s is not followed", one.root.log)
            await pause.wait(self._section.every_ms)

    async def follow(self, one: TrustedSection) -> None:
        """Take what a directory has that is new.

        Raises:
            BundleError: What it says is not proven; nothing of it is kept but that.
            VecheError: It does not answer.
        """
        database, log = self._host.database, one.root.log
        held = await database.run("directory.held", self._held, log)
        for _ in range(BUNDLES_MAX):
            try:
                new = followed(held, await self._bundle(one, len(held.entries)), one.root)
            except BundleError as e:
                await database.run("directory.doubt", store.doubt, log, str(e))
                raise
            await database.run("directory.follow", self._keep, log, held, new)
            held = new
            if held.is_whole:
                return

    async def _bundle(self, one: TrustedSection, since: int) -> Bundle:
        place, target = place_of(f"{one.url.rstrip('/')}{PATH}?since={since}")
        answer = await self._outbound.get(place, target)
        if answer.status != _OK:
            raise UnavailableError(f"it answers {answer.status}", retry_after_ms=0)
        try:
            return parse(Bundle, read_json(answer.body, where="bundle"), where="bundle")
        except MalformedError as e:
            raise BundleError(str(e)) from e

    def _held(self, txn: Cursor, log: str) -> Held:
        texts = tuple(text for _, text in store.entries(txn, log, 0))
        return Held(texts, store.followed(txn, log))

    def _keep(self, txn: Cursor, log: str, held: Held, new: Held) -> None:
        store.DirectoryTree(log).lock(txn)
        there = len(store.entries(txn, log, len(held.entries)))  # another process was faster
        fresh = new.entries[len(held.entries) + there :]
        if fresh:
            store.add(txn, log, len(held.entries) + there, fresh)
        store.follow(txn, log, new.size, self._host.now_ms())
