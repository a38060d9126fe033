"""Opening Olm sessions with devices, of the one-time keys that their servers hand out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs
from twisted.internet.defer import Deferred, FirstError, gatherResults

from veche.protocol.errors import UnavailableError
from veche.runtime.crypto import metrics
from veche.runtime.crypto.core import olm
from veche.runtime.crypto.core.values import BadEventError
from veche.runtime.crypto.store import sessions
from veche.runtime.crypto.tracking import OWN_UNREACHABLE_MS, is_own
from veche.runtime.matrix.client import MatrixError, path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.crypto.core.values import PeerDevice
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

CLAIM_DEVICES_MAX: Final = 250
CLAIM_TIMEOUT_MS: Final = 10_000
CLAIM_RETRY_MS: Final = 300_000
"""How long a device whose key could not be claimed goes without one."""
NO_KEY_MAX: Final = 50_000


@attrs.define
class _Batch:
    """Devices that go into one claim, and who waits for it.

    Attributes:
        opened: Those with which it opened a session, once it is done.
    """

    devices: dict[PeerDevice, None] = attrs.field(factory=dict)
    opened: set[PeerDevice] = attrs.field(factory=set)
    waiting: list[Deferred[None]] = attrs.field(factory=list)


class Claims:
    """Claims for one bot, while its writer is in this process."""

    def __init__(self, writer: Writer, client: MatrixClient) -> None:
        self._writer = writer
        self._client = client
        self._no_key: dict[str, int] = {}
        self._gathering: dict[str, _Batch] = {}
        self._asking: set[str] = set()

    def is_due(self, device: PeerDevice, now_ms: int) -> bool:
        """Return whether to try a device; not if it just failed to give a key."""
        return self._no_key.get(device.curve25519, 0) <= now_ms

    async def claim(self, devices: Sequence[PeerDevice], now_ms: int) -> list[PeerDevice]:
        """Open a session with each device; return those with which it worked.

        Each server has one request at a time. What is asked for meanwhile goes into the next one,
        so a crowd that comes at once costs few requests, and a slow server delays only its own
        people.

        Raises:
            LostWriterError: Another process writes for this bot now.
            UnavailableError: Our own homeserver does not tell keys of its own people: nobody has
                one less for it, and the caller tries again.
        """
        by_server: dict[str, list[PeerDevice]] = {}
        for device in devices:
            by_server.setdefault(device.user_id.partition(":")[2], []).append(device)
        works = [
            Deferred.fromCoroutine(self._claim_of(server, some, now_ms))
            for server, some in by_server.items()
        ]
        try:
            found: list[list[PeerDevice]] = await gatherResults(works, consumeErrors=True)
        except FirstError as e:
            e.subFailure.raiseException()
        return [device for some in found for device in some]

    async def _claim_of(
        self, server: str, devices: Sequence[PeerDevice], now_ms: int
    ) -> list[PeerDevice]:
        """Claim with all others that wait for the same server."""
        batch = self._gathering.setdefault(server, _Batch())
        batch.devices.update(dict.fromkeys(devices))
        done: Deferred[None] = Deferred()
        batch.waiting.append(done)
        if server not in self._asking:
            self._asking.add(server)
            Deferred.fromCoroutine(self._ask(server, now_ms))
        await done
        return [device for device in devices if device in batch.opened]

    async def _ask(self, server: str, now_ms: int) -> None:
        """Claim one batch after another, until nobody waits for the server."""
        while (batch := self._gathering.pop(server, None)) is not None:
            try:
                batch.opened = await self._claim_all([*batch.devices], now_ms)
            except Exception as e:  # noqa: BLE001 -- of those who wait
                for one in batch.waiting:
                    one.errback(e)
            else:
                for one in batch.waiting:
                    one.callback(None)
        self._asking.discard(server)

    async def _claim_all(self, devices: Sequence[PeerDevice], now_ms: int) -> set[PeerDevice]:
        opened: set[PeerDevice] = set()
        for start in range(0, len(devices), CLAIM_DEVICES_MAX):
            some = devices[start : start + CLAIM_DEVICES_MAX]
            opened.update(await self._claim_some(some, now_ms))
        for device in set(devices) - opened:
            if len(self._no_key) >= NO_KEY_MAX:
                self._no_key.clear()
            self._no_key[device.curve25519] = now_ms + CLAIM_RETRY_MS
        return opened

    async def _claim_some(self, devices: Sequence[PeerDevice], now_ms: int) -> list[PeerDevice]:
        wanted: dict[str, dict[str, str]] = {}
        for device in devices:
            wanted.setdefault(device.user_id, {})[device.device_id] = "signed_curve25519"
        own = self._writer.own
        body = {"one_time_keys": wanted, "timeout": CLAIM_TIMEOUT_MS}
        try:
            answer = await self._client.call(
                "POST", path("keys", "claim"), user=own.user_id, device=own.device_id, body=body
            )
        except (MatrixError, UnavailableError) as e:
            logger.warning("key claim failed: %s", e.__class__.__name__)
            if is_own(devices[0].user_id, own.user_id):
                words = "the homeserver does not tell keys of its people"
                raise UnavailableError(words, retry_after_ms=OWN_UNREACHABLE_MS) from e
            return []
        return await self._writer.run("crypto.claim", self._open, devices, answer, now_ms)

    def _open(
        self, txn: Cursor, devices: Sequence[PeerDevice], answer: object, now_ms: int
    ) -> list[PeerDevice]:
        opened = []
        account = self._writer.account(txn)
        for device in devices:
            try:
                session = olm.open_session(account, device, _claimed(answer, device))
            except BadEventError as e:
                metrics.refused.labels("claim", e.reason.value).inc()
                logger.info("no session with %s %s: %s", device.user_id, device.device_id, e)
                continue
            pickle = session.pickle(self._writer.pickle_key)
            row = sessions.OlmRow(device.curve25519, session.session_id, pickle, now_ms)
            sessions.save_olm_session(txn, self._writer.device_no, row)
            opened.append(device)
        return opened


def _claimed(answer: object, device: PeerDevice) -> object:
    found: object = answer
    for name in ("one_time_keys", device.user_id, device.device_id):
        found = found.get(name) if isinstance(found, dict) else None
    return found
