"""The Synapse side of random Matrix ids (Synapse 1.163, "SSO mapping providers").

A Matrix id is for ever, and everybody in a room sees it: so it says nothing of a person. It is
drawn by chance, not made of what the provider knows. Synapse alone keeps whose it is.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from homeserver_modules.host import Configured

if TYPE_CHECKING:
    from collections.abc import Mapping

RANDOM_BYTES: Final = 10
"""80 bits: two people of one town never draw the same."""
SUBJECT: Final = "sub"
"""Claim of OpenID that is the same for a person for ever (OpenID Connect Core §2)."""


class RandomIdsConfig(BaseModel):
    """The provider's ``config`` in homeserver.yaml; unknown keys are refused.

    Attributes:
        prefix: How the ids begin.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")] = "u"


class RandomIds(Configured):
    """Synapse's OIDC mapping provider, see this module's text."""

    settings = RandomIdsConfig

    def __init__(self, config: RandomIdsConfig) -> None:
        """Nothing is asked of Synapse."""
        self._prefix = config.prefix

    def get_remote_user_id(self, userinfo: Mapping[str, Any]) -> str:
        """By which Synapse knows the person again."""
        return str(userinfo[SUBJECT])

    async def map_user_attributes(
        self,
        userinfo: Mapping[str, Any],  # noqa: ARG002 -- nothing of it is taken
        token: Mapping[str, Any],  # noqa: ARG002 -- as above
        failures: int,  # noqa: ARG002 -- each draw is another
    ) -> dict[str, Any]:
        """A new person's id; their name, picture and address are left to them."""
        drawn = base64.b32encode(secrets.token_bytes(RANDOM_BYTES)).decode().lower()
        return {
            "localpart": self._prefix + drawn,
            "confirm_localpart": False,
            "display_name": None,
            "picture": None,
            "emails": [],
        }

    async def get_extra_attributes(
        self,
        userinfo: Mapping[str, Any],  # noqa: ARG002 -- nothing of it is taken
        token: Mapping[str, Any],  # noqa: ARG002 -- as above
    ) -> dict[str, Any]:
        """Nothing more is told to the client."""
        return {}
