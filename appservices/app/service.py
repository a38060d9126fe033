"""The push gateway: what a homeserver says of an event goes to browsers, encrypted for each.

It has no queue of its own. A homeserver keeps what was not taken and asks again, also after a
restart of either; so a push that cannot be sent now is answered with 503 and how long to wait.

Source: Matrix spec v1.18, "Push Gateway API".
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import OrderedDict
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import http_ece
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.exceptions import CryptoError
from py_vapid import Vapid02
from twisted.internet.defer import Deferred, gatherResults

from appservices.app import core, store
from appservices.app.core import Outcome, Subscription
from veche.protocol.errors import ConfigError, MalformedError, RefusedError, UnavailableError
from veche.runtime import metrics
from veche.runtime.config import read_secret
from veche.runtime.process import Process
from veche.runtime.vault import Vault
from veche.runtime.web.limits import Buckets, Limit
from veche.runtime.web.outbound import Outbound, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.app.api import NewSubscription, Notification
    from appservices.app.config import PushSection
    from veche.runtime.database import Cursor
    from veche.runtime.web.http_client import Answer
    from veche.runtime.web.outbound import Place

logger = logging.getLogger(__name__)

PURPOSE: Final = "app.push"
BROWSER_LIMIT: Final = Limit(burst=60, per_s=1)
"""Pushes to one browser: more at once than anybody reads."""
RUNNING_MAX: Final = 40
"""Pushes at a time, one to each browser: a slow push service holds up no others."""
BUSY_MS: Final = 1_000
KNOWN_MAX: Final = 10_000
"""Pushes that are remembered, so that a homeserver that asks again has none shown twice."""
TOKEN_S: Final = 12 * 3_600
"""How long a signature of ours is good; RFC 8292 §2 allows a day. Half of it is used."""
TOKENS_MAX: Final = 100
_KIND: Final = "application/octet-stream"
_LOGGED_CHARACTERS: Final = 12

_pushes = metrics.counter(
    "veche_app_pushes_total", "Pushes to browsers, by what became of each.", ["outcome"]
)


class SitePorts(Process, Protocol):
    """The port of a process to the app's service.

    Attributes:
        public_url: Origin of the public site, None if there is none.
    """

    public_url: str | None


class NoRoomError(RefusedError):
    """The site keeps as many browsers for pushes as its operator allows."""

    errcode = "ORG.VECHE.APP_NO_ROOM"


@attrs.frozen
class _Push:
    """One push on its way."""

    row: store.Row
    event_id: str
    room_id: str
    unread: int | None
    is_urgent: bool

    @property
    def name(self) -> str:
        """By what the same push is known again."""
        return f"{self.row.digest.hex()} {self.event_id}"


class Signer:
    """Signs for push services who we are (RFC 8292).

    Attributes:
        public_key: For ``PushManager.subscribe``, in base64url.
    """

    def __init__(self, section: PushSection) -> None:
        """Read the key.

        Raises:
            ConfigError: The file holds none.
        """
        try:
            self._vapid = Vapid02.from_raw(read_secret(section.vapid_key_path).encode())
        except (ValueError, TypeError) as e:
            raise ConfigError(
                f"{section.vapid_key_path}: this is no key as `veche app key` makes it"
            ) from e
        point = self._vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = core.to_base64url(point)
        self._contact = section.contact
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def authorization(self, place: Place, now_s: float) -> str:
        """Return the header for a push service; one serves for hours."""
        origin = f"{'https' if place.is_tls else 'http'}://{place.name}"
        token, until_s = self._tokens.get(origin, ("", 0.0))
        if now_s > until_s - TOKEN_S / 2:
            until_s = now_s + TOKEN_S
            claims = {"aud": origin, "exp": int(until_s), "sub": self._contact}
            token = self._vapid.sign(claims)["Authorization"]
            self._tokens[origin] = token, until_s
            if len(self._tokens) > TOKENS_MAX:
                self._tokens.popitem(last=False)
        return token


class Gateway:
    """Keeps browsers and sends to them.

    Attributes:
        signer: Says who we are.
    """

    def __init__(self, process: Process, section: PushSection) -> None:
        """Make it.

        Raises:
            ConfigError: The key cannot be read.
        """
        self.signer = Signer(section)
        self._process = process
        self._section = section
        seed = process.seed(PURPOSE)
        self._seed, self._vault = seed, Vault(seed)
        networks = [ip_network(one) for one in section.networks]
        self._outbound = Outbound(process.reactor, allowed=networks)
        self._buckets = Buckets(BROWSER_LIMIT)
        self._known: OrderedDict[str, None] = OrderedDict()
        self._running: set[bytes] = set()

    # Subscriptions

    async def subscribe(self, asked: NewSubscription) -> str:
        """Keep a browser; return its pushkey, always the same for the same subscription.

        Raises:
            MalformedError: The address or a key is none, or the push service is not listed.
            OutboundRefusedError: The address is none of the public Internet.
            NoRoomError: There are too many.
            UnavailableError: The name of the push service is not found now.
        """
        subscription = core.checked(asked.endpoint, asked.p256dh, asked.auth)
        place = self._place(subscription.endpoint)[0]
        pushkey = self._pushkey(subscription)
        digest, database = _digest(pushkey), self._process.database
        now_ms = self._process.now_ms()
        if not await database.run("app.subscribe", store.touch, digest, now_ms):
            await self._outbound.check(place)
            await database.run("app.subscribe", self._keep, digest, subscription, now_ms)
            logger.info("browser %s subscribes", _shown(digest))
        return pushkey

    async def unsubscribe(self, pushkey: str) -> None:
        """Forget a browser; there may be none."""
        digest = _digest(pushkey)
        if await self._process.database.run("app.unsubscribe", store.remove, digest):
            logger.info("browser %s unsubscribes", _shown(digest))

    def _keep(self, txn: Cursor, digest: bytes, subscription: Subscription, now_ms: int) -> None:
        if not store.has_room(txn, self._section.subscriptions_max):
            raise NoRoomError(
                "This site cannot notify more browsers. Please tell its operator about it."
            )
        endpoint = self._vault.mark(subscription.endpoint)
        store.add(txn, digest, endpoint, self._vault.seal(subscription.sealed()), now_ms)

    def _place(self, endpoint: str) -> tuple[Place, str]:
        try:
            place, target = place_of(endpoint)
        except MalformedError as e:
            raise MalformedError(
                "body.endpoint", "should be the address that the browser was given"
            ) from e
        if place.host.startswith("[") or not core.is_served(place.host, self._section.services):
            raise MalformedError(
                "body.endpoint", "is of a push service that the operator does not list"
            )
        if not place.is_tls and not self._section.networks:
            raise MalformedError("body.endpoint", "should begin with https://")
        return place, target

    def _pushkey(self, subscription: Subscription) -> str:
        said = "\0".join((subscription.endpoint, subscription.p256dh, subscription.auth))
        return core.to_base64url(hmac.digest(self._seed, said.encode(), "sha256"))

    # Pushes

    async def notify(self, notification: Notification) -> Sequence[str]:
        """Send to all browsers that a homeserver names; return the pushkeys of none.

        A notification of counts alone is dropped: browsers want something shown for each push.

        Raises:
            UnavailableError: Something could not be sent now: the homeserver should ask again.
                What was sent is not sent again then.
        """
        names = {_digest(one.pushkey): one.pushkey for one in notification.devices}
        rows = await self._process.database.run("app.find", store.find, list(names))
        rejected = [name for digest, name in names.items() if digest not in rows]
        event_id, counts = notification.event_id, notification.counts
        if event_id is None:
            return rejected
        pushes = [
            _Push(
                row=row,
                event_id=event_id,
                room_id=notification.room_id or "",
                unread=counts.unread if counts else None,
                is_urgent=notification.prio != "low",
            )
            for row in rows.values()
        ]
        works = [Deferred.fromCoroutine(self._push(one)) for one in pushes]
        outcomes = list(zip(pushes, await gatherResults(works, consumeErrors=True), strict=True))
        waits = [wait for _, (_, wait) in outcomes if wait]
        if waits:
            raise UnavailableError(
                "The push service takes nothing now. Please send this again later.",
                retry_after_ms=max(waits),
            )
        gone = [one.row.digest for one, (outcome, _) in outcomes if outcome is Outcome.GONE]
        return rejected + [names[digest] for digest in gone]

    async def _push(self, push: _Push) -> tuple[Outcome, int]:
        """Send one; what became of it, and after how many ms to try again."""
        digest, now_ms = push.row.digest, self._process.now_ms()
        wait_ms = max(0, push.row.waits_until_ms - now_ms)
        if digest in self._running or len(self._running) >= RUNNING_MAX:
            wait_ms = max(wait_ms, BUSY_MS)
        elif push.name in self._known:
            return Outcome.SENT, 0
        wait_ms = wait_ms or self._buckets.spend(digest.hex(), now_ms / 1_000)
        if wait_ms:
            _pushes.labels("waits").inc()
            return Outcome.LATER, wait_ms
        self._running.add(digest)
        try:
            outcome, wait_ms = await self._sent(push)
        finally:
            self._running.discard(digest)
        if outcome is not Outcome.LATER:
            self._know(push.name)
        _pushes.labels(outcome.value).inc()
        return outcome, wait_ms

    async def _sent(self, push: _Push) -> tuple[Outcome, int]:
        digest, database = push.row.digest, self._process.database
        try:
            subscription = Subscription(**self._vault.open(push.row.sealed))
        except CryptoError:
            logger.warning("browser %s: sealed under another operator key", _shown(digest))
            await database.run("app.gone", store.remove, digest)
            return Outcome.GONE, 0
        try:
            answer = await self._post(push, subscription)
        except (UnavailableError, RefusedError, MalformedError) as e:
            logger.info("browser %s: nothing is sent: %s", _shown(digest), e)
            outcome, retry_after = Outcome.LATER, ""
        else:
            outcome = core.outcome_of(answer.status)
            retry_after = answer.headers.get(b"retry-after", b"").decode("latin-1")
            _log(digest, outcome, answer)
        now_ms = self._process.now_ms()
        if outcome is Outcome.GONE:
            await database.run("app.gone", store.remove, digest)
        elif outcome is Outcome.SENT:
            await database.run("app.sent", store.sent, digest, now_ms)
        if outcome is not Outcome.LATER:
            return outcome, 0
        wait_ms = core.wait_ms(retry_after, push.row.failures + 1, now_ms)
        await database.run("app.failed", store.failed, digest, wait_ms, now_ms)
        return outcome, wait_ms

    async def _post(self, push: _Push, subscription: Subscription) -> Answer:
        place, target = self._place(subscription.endpoint)
        body = http_ece.encrypt(
            core.payload(push.event_id, push.room_id, push.unread),
            private_key=generate_private_key(SECP256R1()),
            dh=core.from_base64url(subscription.p256dh),
            auth_secret=subscription.secret,
            version="aes128gcm",
        )
        headers = {
            **core.headers(push.room_id, subscription.secret, is_urgent=push.is_urgent),
            "Authorization": self.signer.authorization(place, self._process.now_ms() / 1_000),
        }
        return await self._outbound.post(place, target, body, _KIND, headers=headers)

    def _know(self, name: str) -> None:
        self._known[name] = None
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


def _log(digest: bytes, outcome: Outcome, answer: Answer) -> None:
    if outcome in (Outcome.SENT, Outcome.GONE):
        logger.info("browser %s: %s", _shown(digest), outcome.value)
    else:
        logger.warning("browser %s: the push service answers %d", _shown(digest), answer.status)


def _digest(pushkey: str) -> bytes:
    return hashlib.sha256(pushkey.encode()).digest()


def _shown(digest: bytes) -> str:
    return digest.hex()[:_LOGGED_CHARACTERS]
