"""Settings of the event guard."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from homeserver_modules.directories.config import Key, Sections
from veche.contracts.directory.receipts import Policy
from veche.transparency.notes import KeyKind, read_verifier_key


class EventGuardConfig(BaseModel):
    """The module's ``config`` in homeserver.yaml; unknown keys are refused.

    Attributes:
        localpart_prefix: How the names of our bots on this server begin: the namespace of the
            application service's registration, without ``@``.
        directories: That are trusted, in the order in which they are believed. With one, nothing
            of an organisation in it is shown without the proof of its act.
        witnesses: Keys of witnesses that are known.
        witnesses_needed: How many of them have to vouch for the log of an act.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    localpart_prefix: Annotated[str, Field(pattern=r"^[a-z0-9._=/+-]{1,64}$")] = "veche_"
    directories: Sections = []
    witnesses: Annotated[list[Key], Field(max_length=15)] = []
    witnesses_needed: Annotated[int, Field(ge=0, le=15)] = 0

    @property
    def policy(self) -> Policy:
        """The witnesses that are required beside a log's own signature."""
        return Policy(tuple(map(read_verifier_key, self.witnesses)), self.witnesses_needed)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(one.kind is not KeyKind.WITNESS for one in self.policy.witnesses):
            raise ValueError("witnesses: should be keys of witnesses, not of logs")
        if self.witnesses_needed > len(self.witnesses):
            raise ValueError("witnesses_needed: there are fewer witnesses than that")
        return self
