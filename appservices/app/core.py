"""Requests to a push service, and the meaning of its answers.

Sources: RFC 8030 (Web Push), RFC 8291 (its encryption), RFC 8292 (VAPID).
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import json
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

AUTH_BYTES: Final = 16
TOPIC_BYTES: Final = 24
"""32 characters in base64url, the most that RFC 8030 §5.4 allows."""
PADDED_BYTES: Final = 512
"""What is sent has a multiple of this, so that its length tells nothing of the room."""
PAYLOAD_BYTES_MAX: Final = 3_072
"""Every push service takes this much (RFC 8291 §4: 3993 bytes)."""
TTL_S: Final = 7 * 86_400
"""How long a push service keeps what a browser that is offline did not get."""
FIRST_WAIT_MS: Final = 30_000
WAIT_MS_MAX: Final = 3_600_000
"""The longest time until a push service is asked again, whatever it says itself."""
_DOUBLINGS_MAX: Final = 10
_SECONDS_CHARACTERS_MAX: Final = 9
_ACCEPTED: Final = range(200, 300)
_GONE: Final = frozenset((404, 410))
_OURS: Final = frozenset((400, 413))


class Outcome(enum.Enum):
    """The outcome of one push."""

    SENT = "sent"
    """The push service has it."""
    GONE = "gone"
    """The browser has ended the subscription."""
    LATER = "later"
    """The push service cannot take it now."""
    DROPPED = "dropped"
    """The push service says that the request itself is wrong: the same again helps nobody."""


@attrs.frozen
class Subscription:
    """A browser, as ``PushManager.subscribe`` made it known.

    Attributes:
        endpoint: Where its push service takes messages.
        p256dh: Its public key, in base64url.
        auth: The secret of it and us, in base64url.
    """

    endpoint: str
    p256dh: str
    auth: str

    def sealed(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return attrs.asdict(self)

    @property
    def secret(self) -> bytes:
        """The secret as bytes."""
        return from_base64url(self.auth)


def checked(endpoint: str, p256dh: str, auth: str) -> Subscription:
    """Read a subscription.

    Raises:
        MalformedError: A key is none, so nothing could be encrypted for the browser.
    """
    try:
        point = from_base64url(p256dh)
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError as e:
        raise MalformedError("body.p256dh", "should be a public key of P-256 in base64url") from e
    try:
        secret = from_base64url(auth)
    except ValueError:
        secret = b""
    if len(secret) != AUTH_BYTES:
        raise MalformedError("body.auth", f"should be {AUTH_BYTES} bytes in base64url")
    return Subscription(endpoint, to_base64url(point), to_base64url(secret))


def is_served(host: str, services: Collection[str]) -> bool:
    """Return whether a host is one of the push services that an operator lists."""
    name = host.lower().rstrip(".")
    return any(
        one in ("*", name) or (one.startswith("*.") and name.endswith(one[1:])) for one in services
    )


def payload(event_id: str, room_id: str, unread: int | None) -> bytes:
    """Return what the browser reads: ids and counts, never what anybody said.

    Ids that would not fit are left out; the browser says then that there is a new message.
    """
    counts = {} if unread is None else {"unread": unread}
    content = {"event_id": event_id, "room_id": room_id, "counts": counts}
    written = _json(content)
    if len(written) > PAYLOAD_BYTES_MAX:
        written = _json({"counts": counts})
    return written.ljust(-(-len(written) // PADDED_BYTES) * PADDED_BYTES)


def headers(room_id: str, secret: bytes, *, is_urgent: bool) -> Mapping[str, str]:
    """Return how a push service should treat it (RFC 8030 §5.2 to §5.4).

    A browser that was offline gets the newest push of each room. The push service sees that two
    pushes are about one room, and not which one: ``secret`` is the browser's.
    """
    topic = hashlib.blake2b(room_id.encode(), digest_size=TOPIC_BYTES, key=secret).digest()
    return {
        "TTL": str(TTL_S),
        "Urgency": "high" if is_urgent else "normal",
        "Topic": to_base64url(topic),
        "Content-Encoding": "aes128gcm",
    }


def outcome_of(status: int) -> Outcome:
    """Return what an answer of a push service means.

    401 and 403 say that our signature does not count: the operator can mend that, so the browser's
    subscription stays.
    """
    if status in _ACCEPTED:
        return Outcome.SENT
    if status in _GONE:
        return Outcome.GONE
    return Outcome.DROPPED if status in _OURS else Outcome.LATER


def wait_ms(retry_after: str, failures: int, now_ms: int) -> int:
    """Return how long to leave a push service alone.

    Args:
        retry_after: Its header ``Retry-After``, seconds or a date (RFC 9110 §10.2.3), or nothing.
        failures: How often in a row it failed for this browser, this time included.
        now_ms: Moment, UTC.
    """
    said = _said_ms(retry_after.strip(), now_ms)
    if said is None:
        said = FIRST_WAIT_MS << min(max(failures, 1) - 1, _DOUBLINGS_MAX)
    return max(1_000, min(said, WAIT_MS_MAX))


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _said_ms(retry_after: str, now_ms: int) -> int | None:
    if retry_after.isascii() and retry_after.isdigit():
        return int(retry_after[:_SECONDS_CHARACTERS_MAX]) * 1_000
    try:
        return int(parsedate_to_datetime(retry_after).timestamp() * 1_000) - now_ms
    except (ValueError, OverflowError):
        return None


def to_base64url(data: bytes) -> str:
    """Write bytes as browsers do: base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Read base64url, with or without padding.

    Raises:
        ValueError: It is something else.
    """
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as e:
        raise ValueError("no base64url") from e
