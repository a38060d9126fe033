"""Messages of people on other networks, which a bridge's bot relays.

Ghosts have no devices, so in an encrypted room the bot of their bridge speaks for them and says for
whom inside the encryption. Its word counts where it is listed, for ghosts of its own names alone,
and its network proves nothing: the trust of what it passes on is ``any``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs
from pydantic import Field, ValidationError

from veche.protocol.ids import UserId, WireUserId
from veche.protocol.inbound import Trust
from veche.protocol.wire import Wire, mapping

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.protocol.inbound import Inbound

BRIDGED_KEY: Final = "org.veche.bridged"
PROFILE_KEY: Final = "com.beeper.per_message_profile"
"""Name of who speaks, for clients (MSC4144)."""
BOT_PATTERN: Final = r"^@_veche_[a-z]{1,16}_bot:.+$"
_BOT: Final = "bot"


class Bridged(Wire):
    """The person for whom a bridge's bot speaks; counts only inside the encryption.

    Attributes:
        v: Version, 1.
        network: Code of the network: ``mail``.
        ghost: The person, as a user of the names of the bridge.
    """

    v: Literal[1]
    network: Annotated[str, Field(pattern=r"^[a-z]{1,16}$")]
    ghost: WireUserId


def bridge_of(person: UserId, bridges: Collection[UserId]) -> UserId | None:
    """The bot of the bridge by which a person comes; None for people with a client."""
    name, _, server = person.partition(":")
    bot = UserId(f"{name.rpartition('_')[0]}_{_BOT}:{server}")
    return bot if bot in bridges and bot != person else None


def heard(inbound: Inbound, bridges: Collection[UserId]) -> Inbound:
    """Attribute a message to the ghost for whom the bot of a listed bridge speaks.

    Everything else stays as it is: what the bot says itself, what did not come encrypted from its
    own verified device, and what names somebody else's ghost.
    """
    if inbound.sender not in bridges or inbound.trust < Trust.VERIFIED:
        return inbound
    try:
        bridged = Bridged.model_validate(inbound.content.get(BRIDGED_KEY))
    except ValidationError:
        return inbound
    ghost = UserId(bridged.ghost)
    if bridge_of(ghost, bridges) != inbound.sender:
        return inbound
    content = _without_name(inbound.content)
    return attrs.evolve(inbound, sender=ghost, trust=Trust.ANY, content=content)


def _without_name(content: Mapping[str, Any]) -> dict[str, Any]:
    profile, body = mapping(content.get(PROFILE_KEY)), content.get("body")
    found = {key: value for key, value in content.items() if key not in {PROFILE_KEY, BRIDGED_KEY}}
    if isinstance(body, str) and profile.get("has_fallback") is True:
        found["body"] = body.removeprefix(f"{profile.get('displayname')}: ")
    return found
