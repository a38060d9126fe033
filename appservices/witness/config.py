"""The configuration of a witness: a file of its own, since it needs none of the other parts."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- read by the models
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
from pydantic import Field, model_validator

from veche.runtime.config import ListenSection, LogSection
from veche.runtime.config.sections import FilePath, LogKey, SecretPath, Section, load
from veche.transparency.notes import read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.transparency.notes import VerifierKey

LOGS_MAX: Final = 500
KEYS_MAX: Final = 8
"""Keys of one log."""


class WitnessedLogSection(Section):
    """A log whose heads it signs."""

    keys: tuple[LogKey, ...] = Field(min_length=1, max_length=KEYS_MAX, strict=False)
    """Keys of the log, ``<name>+<id>+<base64>``; two while it changes its key."""
    origin: str | None = Field(default=None, pattern=r"^\S{1,255}$")
    """First line of its heads, if it differs from the name of its keys."""

    @property
    def name(self) -> str:
        """The origin."""
        return self.origin or read_verifier_key(self.keys[0]).name

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = {read_verifier_key(key).name for key in self.keys}
        if self.origin is None and len(names) > 1:
            raise ValueError("keys of several names: say which origin the log has")
        return self


class WitnessSection(Section):
    """A witness of logs of others. It has a file of its own, with `listen` and `log` beside."""

    name: str = Field(pattern=r"^[!-*,-~]{1,200}$", examples=["witness.example.org/w1"])
    """Public name of the witness: an address of yours without ``https://``, spaces and ``+``.
    Others trust this name together with the key, so it never changes."""
    key_path: SecretPath
    """File with its key: 32 random bytes, as `veche witness key` makes it."""
    folder: FilePath
    """Where it keeps the newest head of each log. Never restore an older copy: the witness would
    sign two histories. Make a new key instead."""
    logs: tuple[WitnessedLogSection, ...] = Field(max_length=LOGS_MAX, strict=False)
    """Logs whose heads it signs."""
    address: str = "127.0.0.1"
    """Address of this machine to listen on, for logs and for anybody."""
    port: int = Field(default=7380, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    trust_forwarded: bool = False
    """Whether all requests come through a proxy of yours, which appends the client's address to
    ``X-Forwarded-For``."""
    address_per_s: int = Field(default=20, ge=1, le=10_000)
    """Requests a second from one client address; bursts of three times as many."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [one.name for one in self.logs]
        if len(set(names)) != len(names):
            raise ValueError("two logs have the same origin")
        return self

    def keys(self) -> Mapping[str, tuple[VerifierKey, ...]]:
        """The keys of logs by their origin."""
        return {one.name: tuple(map(read_verifier_key, one.keys)) for one in self.logs}


WITNESS_SECTIONS: Final[Mapping[str, type[Section]]] = {
    "witness": WitnessSection,
    "listen": ListenSection,
    "log": LogSection,
}
"""Of the file. ``listen`` is for the operator's machines: ``/health``, ``/ready``, ``/metrics``."""


@attrs.frozen
class WitnessConfig:
    """A whole configuration, checked."""

    witness: WitnessSection
    listen: ListenSection
    log: LogSection


def load_witness_config(path: Path) -> WitnessConfig:
    """Read the file.

    Raises:
        ConfigError: As ``sections.load``.
    """
    read: dict[str, Any] = dict(load(path, WITNESS_SECTIONS))
    return WitnessConfig(**read)
