"""Settings of the event guard."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from veche.contracts.directory.receipts import Policy
from veche.contracts.directory.snapshot import Root
from veche.protocol.errors import MalformedError
from veche.transparency.notes import KeyKind, read_verifier_key

_MODEL = ConfigDict(frozen=True, strict=True, extra="forbid")


def _is_key(text: str) -> str:
    try:
        read_verifier_key(text)
    except MalformedError as e:
        raise ValueError(str(e)) from e
    return text


_Key = Annotated[str, Field(max_length=400), AfterValidator(_is_key)]


class DirectorySection(BaseModel):
    """A directory of organisations that this homeserver trusts.

    Attributes:
        url: Where it is served, without a path.
        keys: By which it signs: ask its operator for them by another way than this address.
        quorum: How many of its keys replace the lost key of an organisation.
    """

    model_config = _MODEL

    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]
    keys: Annotated[list[_Key], Field(min_length=1, max_length=8)]
    quorum: Annotated[int, Field(ge=1, le=8)] = 1

    @property
    def root(self) -> Root:
        """The directory."""
        return Root.of(map(read_verifier_key, self.keys), self.quorum)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ = self.root
        return self


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

    model_config = _MODEL

    localpart_prefix: Annotated[str, Field(pattern=r"^[a-z0-9._=/+-]{1,64}$")] = "veche_"
    directories: Annotated[list[DirectorySection], Field(max_length=16)] = []
    witnesses: Annotated[list[_Key], Field(max_length=15)] = []
    witnesses_needed: Annotated[int, Field(ge=0, le=15)] = 0

    @property
    def policy(self) -> Policy:
        """Whose word is wanted beside that of a log."""
        return Policy(tuple(map(read_verifier_key, self.witnesses)), self.witnesses_needed)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(one.kind is not KeyKind.WITNESS for one in self.policy.witnesses):
            raise ValueError("witnesses: should be keys of witnesses, not of logs")
        if self.witnesses_needed > len(self.witnesses):
            raise ValueError("witnesses_needed: there are fewer witnesses than that")
        logs = [one.root.log for one in self.directories]
        if len(set(logs)) != len(logs):
            raise ValueError("directories: one stands there twice")
        return self
