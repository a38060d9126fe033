"""Settings of a directory, the same in each module."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from veche.contracts.directory.snapshot import Root
from veche.protocol.errors import MalformedError
from veche.transparency.notes import read_verifier_key


def _is_key(text: str) -> str:
    try:
        read_verifier_key(text)
    except MalformedError as e:
        raise ValueError(str(e)) from e
    return text


def _are_different(sections: list[DirectorySection]) -> list[DirectorySection]:
    if len({one.root.log for one in sections}) != len(sections):
        raise ValueError("directories: one stands there twice")
    return sections


class DirectorySection(BaseModel):
    """A directory of organisations that this homeserver trusts.

    Attributes:
        url: Where it is served, without a path.
        keys: Keys by which it signs. Ask its operator for them in another way than by this address.
        quorum: Number of its keys that must agree to replace the lost key of an organisation.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+$", max_length=200)]
    keys: Annotated[list[Key], Field(min_length=1, max_length=8)]
    quorum: Annotated[int, Field(ge=1, le=8)] = 1

    @cached_property
    def root(self) -> Root:
        """Return the trusted root."""
        return Root.of(map(read_verifier_key, self.keys), self.quorum)

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            _ = self.root
        except ValueError as e:
            raise ValueError(f"keys: {e}") from e
        return self


Key = Annotated[str, Field(max_length=400), AfterValidator(_is_key)]
"""A key of a directory or a witness."""
Sections = Annotated[list[DirectorySection], Field(max_length=16), AfterValidator(_are_different)]
"""Directories in the order in which they are believed."""
DirectorySection.model_rebuild()
