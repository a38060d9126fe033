"""Settings of the event guard."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class EventGuardConfig(BaseModel):
    """The module's ``config`` in homeserver.yaml; unknown keys are refused.

    Attributes:
        localpart_prefix: How the names of our bots on this server begin: the namespace of the
            application service's registration, without ``@``.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    localpart_prefix: Annotated[str, Field(pattern=r"^[a-z0-9._=/+-]{1,64}$")] = "veche_"
