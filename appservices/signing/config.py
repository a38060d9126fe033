"""The section ``signing``: where the authority's files are, and which organisations have seals."""

from __future__ import annotations

from typing import Final

from pydantic import Field, model_validator

from veche.runtime.config import FilePath, SecretPath, Section

ORGANISATIONS_MAX: Final = 1_000
KEYS_MAX: Final = 10


class SealSection(Section):
    """An organisation whose seal is used over HTTP."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau"])
    """Its name in the log of acts; `veche ca seal` makes its seal under the same name."""
    key_paths: list[SecretPath] = Field(min_length=1, max_length=KEYS_MAX)
    """Files with the keys by which it asks: 32 characters of chance or more each."""


class SigningSection(Section):
    """Signatures, seals and time stamps."""

    folder: FilePath
    """What `veche ca init` has made: certificates, lists, and the keys that are used every day."""
    seals: list[SealSection] = Field(default=[], max_length=ORGANISATIONS_MAX)
    """Organisations with a seal."""

    @model_validator(mode="after")
    def _check_once(self) -> SigningSection:
        names = [one.id for one in self.seals]
        if len(set(names)) != len(names):
            raise ValueError("seals: every organisation should stand there once")
        return self
