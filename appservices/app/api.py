"""API models of the app and of homeservers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from veche.protocol.wire import Wire

DEVICES_MAX = 20
"""Devices of one notification; a homeserver sends one."""
ID_CHARACTERS_MAX = 255
"""Of an event or a room (Matrix spec v1.18, appendices, "Common Identifier Format")."""
PUSHKEY_CHARACTERS_MAX = 512
"""Matrix spec v1.18, "Push Gateway API"."""
ENDPOINT_CHARACTERS_MAX = 1_000
KEY_CHARACTERS_MAX = 100


class SiteView(Wire):
    """The facts about a site that the app needs before anybody is signed in."""

    homeserver_url: str
    """Where the app signs people up and in, without a path."""
    server_name: str
    """How Matrix ids end there."""
    name: dict[str, str]
    """What the place is called, by language."""
    notice: dict[str, str]
    """What everybody should read first, by language; empty if there is nothing."""
    registration: Literal["off", "invitation", "open"]
    """Whether a stranger gets an account, and by what."""
    has_push: bool
    """Whether a browser can be told of messages while the app is closed."""


class PushKey(Wire):
    """With which key this site signs what it sends to push services."""

    key: str
    """``applicationServerKey`` of ``PushManager.subscribe``: base64url without padding."""


class NewSubscription(Wire):
    """The value of a browser's ``PushSubscription.toJSON()``."""

    endpoint: str = Field(max_length=ENDPOINT_CHARACTERS_MAX)
    """Where its push service takes messages."""
    p256dh: str = Field(max_length=KEY_CHARACTERS_MAX)
    """The browser's public key: 65 bytes in base64url."""
    auth: str = Field(max_length=KEY_CHARACTERS_MAX)
    """The secret that only it and we know: 16 bytes in base64url."""


class Subscribed(Wire):
    """A subscription that is kept."""

    pushkey: str
    """For the pusher at the homeserver; the same subscription always has the same. Who knows it can
    have messages shown in that browser."""
    url: str
    """``data.url`` of that pusher."""


class Counts(Wire):
    """How much a person has not read."""

    unread: int | None = None
    """Rooms or messages, as the homeserver counts."""


class Device(Wire):
    """A device to notify."""

    pushkey: str = Field(max_length=PUSHKEY_CHARACTERS_MAX)
    """As ``Subscribed.pushkey``."""


class Notification(Wire):
    """A homeserver's notification of an event."""

    event_id: Annotated[str, Field(max_length=ID_CHARACTERS_MAX)] | None = None
    """None: only counts have changed."""
    room_id: Annotated[str, Field(max_length=ID_CHARACTERS_MAX)] | None = None
    """Where it is."""
    counts: Counts | None = None
    """Of the person."""
    prio: str | None = None
    """``high`` or ``low``."""
    devices: list[Device] = Field(max_length=DEVICES_MAX)
    """Who is to be told."""


class Notified(Wire):
    """Body of ``POST /_matrix/push/v1/notify`` (Matrix spec v1.18, "Push Gateway API")."""

    notification: Notification
    """What happened."""


class Rejected(Wire):
    """The answer to a homeserver."""

    rejected: list[str]
    """Pushkeys by which nobody is reached any more: it removes these pushers."""
