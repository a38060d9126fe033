"""Messages that the bot of a bridge says in a room for people of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veche.protocol.bridged import BRIDGED_KEY, PROFILE_KEY, Bridged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import UserId


def spoken(
    ghost: UserId, network: str, name: str, content: Mapping[str, Any], words: str
) -> dict[str, Any]:
    """Content of what a ghost says, who said ``words``; undone by ``bridged.heard``."""
    profile = {"id": ghost, "displayname": name, "has_fallback": True}
    bridged = Bridged(v=1, network=network, ghost=ghost).model_dump(mode="json")
    return {
        "msgtype": "m.text",
        "body": f"{name}: {words}",
        "m.mentions": {},
        **content,
        PROFILE_KEY: profile,
        BRIDGED_KEY: bridged,
    }
