"""Settings of the queue of new chats."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ChatQueueConfig(BaseModel):
    """The module's ``config`` in homeserver.yaml; unknown keys are refused.

    Attributes:
        localpart_prefix: How the names of our bots on this server begin: the namespace of the
            application service's registration, without ``@``.
        at_once: How many people begin a chat with a bot at the same time.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    localpart_prefix: Annotated[str, Field(pattern=r"^[a-z0-9._=/+-]{1,64}$")] = "veche_"
    at_once: Annotated[int, Field(ge=1, le=1_000)] = 8
