"""The configuration: one YAML file, a section a feature. Here are the kernel's own sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import attrs
from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import Field, model_validator

from veche.runtime import postgres
from veche.runtime.secret_files import read_secret, read_secret_bytes
from veche.runtime.sections import (
    ConfigFaultsError,
    Duration,
    Fault,
    FilePath,
    SecretPath,
    Section,
    Size,
    load,
    secret_faults,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

__all__ = [
    "KERNEL_SECTIONS",
    "Config",
    "ConfigFaultsError",
    "CryptoSection",
    "DatabaseSection",
    "Duration",
    "Fault",
    "FilePath",
    "HomeserverSection",
    "ListenSection",
    "LogSection",
    "SecretPath",
    "Section",
    "Size",
    "load",
    "load_config",
    "read_secret",
    "read_secret_bytes",
    "secret_faults",
]


class HomeserverSection(Section):
    """The homeserver whose application service we are."""

    url: str = Field(pattern=r"^https?://[^/\s]+$", examples=["http://127.0.0.1:8008"])
    """Where its client API answers us, without a path."""
    server_name: str = Field(pattern=r"^[A-Za-z0-9.:\[\]-]{1,230}$", examples=["example.org"])
    """The name in its users' ids, after the colon."""
    as_token_path: SecretPath
    """File with the token with which we call the homeserver."""
    hs_token_path: SecretPath
    """File with the token with which the homeserver calls us."""
    appservice_id: str = Field(
        default="veche", pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["veche"]
    )
    """``id`` of the registration."""
    registration_path: FilePath | None = None
    """The registration that the homeserver loads. ``veche doctor`` compares it with the tokens."""


class ListenSection(Section):
    """Where we take the homeserver's transactions, and requests for ``/health``."""

    address: str = "127.0.0.1"
    """Address of this machine to listen on."""
    port: int = Field(default=8009, ge=0, le=65535)
    """TCP port; 0 takes a free one."""


class DatabaseSection(Section):
    """PostgreSQL, 17 or newer: the URL of a server, or a folder for a server of our own."""

    url: str | None = Field(default=None, examples=["postgresql://veche@db.example.org/veche"])
    """Connection string of libpq, without a password."""
    password_path: SecretPath | None = None
    """File with the password for ``url``."""
    folder: FilePath | None = None
    """Folder of a server that Veche starts itself; its database is ``veche``."""
    threads: int = Field(default=4, ge=1, le=64)
    """Transactions at a time, and connections, of one process."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.url is None) == (self.folder is None):
            raise ValueError("should have either url or folder")
        if self.password_path and not self.url:
            raise ValueError("password_path is for url; a folder's server needs none")
        if self.url is not None:
            try:
                parts = parse_dsn(self.url)
            except ProgrammingError as e:
                # Its text quotes parts of the URL.
                raise ValueError("url is not a connection string of libpq") from e
            if "password" in parts:
                raise ValueError("url has a password: write it to a file, named by password_path")
        return self

    def dsn(self) -> str:
        """The connection string, with the password.

        Raises:
            ConfigError: The file of the password cannot be read.
        """
        if self.folder is not None:
            return postgres.dsn(self.folder)
        secret = {"password": read_secret(self.password_path)} if self.password_path else {}
        return make_dsn(self.url, **secret)


class CryptoSection(Section):
    """The encrypted devices of the bots."""

    key_path: SecretPath
    """File with the operator key: 32 random bytes, of which the database has no copy."""
    readers_without_identity: Literal["share", "withhold"] = "share"
    """Whether people without cross-signing get the keys of messages."""


class LogSection(Section):
    """What the process says of itself, on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important lines to write."""
    format: Literal["json", "text"] = "text"
    """``json`` for machines: one object a line."""


KERNEL_SECTIONS: Final[Mapping[str, type[Section]]] = {
    "homeserver": HomeserverSection,
    "listen": ListenSection,
    "database": DatabaseSection,
    "crypto": CryptoSection,
    "log": LogSection,
}


@attrs.frozen
class Config:
    """A whole configuration, checked.

    Attributes:
        path: The file it was read from.
        services: The sections of the services that have one, by name.
    """

    path: Path
    homeserver: HomeserverSection
    listen: ListenSection
    database: DatabaseSection
    crypto: CryptoSection
    log: LogSection
    services: Mapping[str, Section]

    def sections(self) -> Mapping[str, Section]:
        """All sections by name."""
        kernel: dict[str, Section] = {name: getattr(self, name) for name in KERNEL_SECTIONS}
        return {**kernel, **self.services}


def load_config(path: Path, services: Mapping[str, type[Section]]) -> Config:
    """Read the configuration of the kernel and of the services that it has sections of.

    Args:
        path: The file; relative paths in it start at its folder.
        services: The model of each installed service's section, by the service's name.

    Raises:
        ConfigError: As ``load``.
    """
    read = dict(load(path, {**services, **KERNEL_SECTIONS}, optional=services.keys()))
    kernel: dict[str, Any] = {name: read.pop(name) for name in KERNEL_SECTIONS}
    return Config(path=path, services=read, **kernel)
