"""Settings of the evidence of delivery."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class DeliveryEvidenceConfig(BaseModel):
    """The module's ``config`` in homeserver.yaml; unknown keys are refused.

    Attributes:
        appservice: Id of our application service's registration: nobody else may ask.
        localpart_prefix: How the names of our bots on this server begin: the namespace of that
            registration, without ``@``. Only their events are kept.
        kept_days: How long an acknowledgement is kept.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    appservice: Annotated[str, Field(min_length=1, max_length=255)] = "veche"
    localpart_prefix: Annotated[str, Field(pattern=r"^[a-z0-9._=/+-]{1,64}$")] = "veche_"
    kept_days: Annotated[int, Field(ge=1, le=3_650)] = 90
