"""Ids that are derived: of ghosts, which tell nobody an address, and of effects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from veche.protocol.ids import EffectId, RoomId, UserId, effect_id

if TYPE_CHECKING:
    from bridges.core.model import PortalKey

GHOST_CHARACTERS: Final = 16
_NETWORK: Final = re.compile(r"[a-z]{1,16}")


def bot_id(network: str, server_name: str) -> UserId:
    """The bot of a network.

    Raises:
        ValueError: ``network`` is not 1 to 16 letters.
    """
    return UserId(f"@_veche_{_checked(network)}_bot:{server_name}")


def ghost_id(network: str, remote_id: str, key: bytes, server_name: str) -> UserId:
    """The Matrix user of a person of a network; without the key nobody gets from one to the other.

    Raises:
        ValueError: ``network`` is not 1 to 16 letters.
    """
    digest = hmac.digest(key, f"{network}\0{remote_id}".encode(), hashlib.sha256)
    name = base64.b32encode(digest).decode().lower()[:GHOST_CHARACTERS]
    return UserId(f"@_veche_{_checked(network)}_{name}:{server_name}")


def portal_alias(network: str, key: PortalKey, secret: bytes) -> str:
    """Localpart of the alias that makes the making of a portal's room idempotent."""
    parts = f"{network}\0{key.receiver}\0{key.id}".encode()
    digest = hmac.digest(secret, b"alias\0" + parts, hashlib.sha256)
    return f"_veche_{_checked(network)}_{base64.b32encode(digest).decode().lower()[:26]}"


def inbound_effect(network: str, login: str, key: PortalKey, sender: str, id_: str) -> EffectId:
    """Id of what a message of the network makes; the sender is in it, whom Synapse leaves out."""
    return effect_id("bridge in", network, login, key.receiver, key.id, sender, id_)


def outbound_effect(network: str, room_id: RoomId, event_id: str) -> EffectId:
    """Id of what an event makes on the network."""
    return effect_id("bridge out", network, room_id, event_id)


def _checked(network: str) -> str:
    if not _NETWORK.fullmatch(network):
        raise ValueError("a network is called by 1 to 16 letters")
    return network
