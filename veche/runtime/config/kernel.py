"""The configuration: one YAML file, a section a feature. Here are the kernel's own sections."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping  # noqa: TC003 -- read by the models
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import attrs
from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import Field, field_validator, model_validator

from veche.protocol.bridged import BOT_PATTERN
from veche.protocol.errors import MalformedError
from veche.protocol.money import parse_money
from veche.protocol.prompts import NumberReactions  # noqa: TC001 -- pydantic reads it
from veche.runtime.config.secret_files import read_secret, read_secret_bytes
from veche.runtime.config.sections import (
    ConfigFaultsError,
    Duration,
    Fault,
    FilePath,
    InputPath,
    Networks,
    SecretPath,
    Section,
    Size,
    WebAddress,
    file_faults,
    load,
)
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.database import embedded as postgres

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "KERNEL_SECTIONS",
    "OPTIONAL_SECTIONS",
    "ApprovalsSection",
    "Config",
    "ConfigFaultsError",
    "CryptoSection",
    "DatabaseSection",
    "Duration",
    "Fault",
    "FilePath",
    "HeadsSection",
    "HomeserverSection",
    "InputPath",
    "ListenSection",
    "LogSection",
    "PagesSection",
    "SecretPath",
    "Section",
    "Size",
    "file_faults",
    "load",
    "load_config",
    "read_secret",
    "read_secret_bytes",
]


_CURRENCIES_MAX: Final = 50

CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""Of ISO 4217."""


class HomeserverSection(Section):
    """The homeserver whose application service we are."""

    url: WebAddress = Field(pattern=r"^https?://[^/\s]+$", examples=["http://127.0.0.1:8008"])
    """Address of its client API, without a path."""
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
    namespace: Literal["veche_", "_veche_"] = "veche_"
    """Prefix of its users' names: `_veche_` for bridges, which are an application service of their
    own."""
    bridges: tuple[Annotated[str, Field(pattern=BOT_PATTERN)], ...] = Field(
        default=(), max_length=20, strict=False, examples=[["@_veche_mail_bot:example.org"]]
    )
    """Bots of bridges that speak for people of other networks, who have no Matrix account."""
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
    """File with the operator key: 32 random bytes, of which the database has no copy; 64 once
    `veche crypto rekey` has made it."""
    readers_without_identity: Literal["share", "withhold"] = "share"
    """Whether people without cross-signing get the keys of messages."""
    certificates: InputPath | None = None
    """Folder with certificates of bots, as ``veche ca account`` makes them. Clients that trust
    their authority show a new bot as verified."""


class LogSection(Section):
    """The log of the process, on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important lines to write."""
    format: Literal["json", "text"] = "text"
    """``json`` for machines: one object a line."""


class PagesSection(Section):
    """The public site: pages and their APIs, for browsers. Without this section there are none."""

    public_url: WebAddress = Field(
        pattern=r"^https?://[^/\s?#@]+$", examples=["https://veche.example.org"]
    )
    """Public address of the site, without a path: ``https``, or ``http`` on this machine alone,
    such as ``http://localhost:8090``. Passkeys need a host name, not an IP address."""
    address: str = "127.0.0.1"
    """Address of this machine to listen on."""
    port: int = Field(default=8090, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    more_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        default=(), max_length=10, strict=False
    )
    """Other TCP ports on which the same site answers. The demo uses one as the app's origin."""
    embedders: tuple[Annotated[str, Field(pattern=r"^[a-zA-Z0-9:/.*_-]{1,200}$")], ...] = Field(
        default=("https:", "vector:"), max_length=50, strict=False
    )
    """Sites that may show the widgets in a frame, as sources of CSP's ``frame-ancestors``. Pages
    where people sign in, approve or see their keys are never in a frame."""
    trust_forwarded: bool = False
    """Whether all requests come through a proxy of yours, which appends the client's address to
    ``X-Forwarded-For``. Never set it to true if anybody else can reach the port."""
    address_per_s: int = Field(default=100, ge=1, le=100_000)
    """API requests a second from one client address; bursts of three times as many."""
    session_per_s: int = Field(default=20, ge=1, le=100_000)
    """API requests a second of one session; bursts of three times as many."""
    homeserver_networks: Networks = Field(default=(), examples=[["10.20.0.0/16"]])
    """Networks, beside the public Internet, in which Veche may ask other homeservers who holds an
    OpenID token. Anybody who opens a page can make Veche send such a request to any address in
    them."""

    @field_validator("public_url")
    @classmethod
    def _is_secure(cls, value: str) -> str:
        if not value.startswith("https://") and not _is_of_this_machine(value):
            raise ValueError("should begin with https://: browsers give no keys to other pages")
        return value


def _is_of_this_machine(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ApprovalsSection(Section):
    """Keys of persons, and what they approve with them."""

    key_hold_ms: Duration = Field(default=12 * 3600 * 1000, examples=["12 h"])
    """How long a new key waits before it may approve more than the small limit."""
    small_limits: Mapping[CurrencyCode, str] = Field(
        default={"EUR": "20.00"}, max_length=_CURRENCIES_MAX
    )
    """Total of payments that a new key may approve at once, by currency; none in other
    currencies."""
    held: tuple[Literal["payment", "signature", "release", "mandate"], ...] = Field(
        default=("payment", "signature", "release", "mandate"), max_length=4, strict=False
    )
    """The kinds that a new key may not approve until ``key_hold`` has passed. If you leave out a
    kind, a thief of an account can act at once."""
    code_limit_max: Mapping[CurrencyCode, str] = Field(
        default={"EUR": "200.00"}, max_length=_CURRENCIES_MAX
    )
    """The highest daily limit that people can set themselves for payments by a code in the chat, by
    currency."""

    @field_validator("small_limits", "code_limit_max")
    @classmethod
    def _are_amounts(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for currency, amount in value.items():
            try:
                parse_money(amount, currency=currency)
            except MalformedError as e:
                raise ValueError(f"{currency}: should be an amount such as 20.00") from e
        return value


class ChatsSection(Section):
    """How bots ask in chats."""

    number_reactions: NumberReactions = "first"
    """Where bots place 1️⃣ 2️⃣ 3️⃣ below their questions, to be tapped. `first`: below the first two
    questions of a chat, and below all of them once somebody has tapped one there. `always`: below
    all; each is an event that your homeserver sends to everybody in the room. `never`: nowhere."""


class HeadsSection(Section):
    """The newest signed heads of the logs of acts and of the ledger, kept outside the database.

    The services recognise a restored backup by these files. Back them up apart from the database,
    and never restore them with it. If they are lost, only copies that others have can show that
    history went back.
    """

    folder: FilePath | None = None
    """Folder of the files, one a log; services that share a machine share it. Left out:
    ``/var/lib/veche/heads`` if this file is below ``/etc``, else ``heads`` beside this file."""


class RetentionSection(Section):
    """How long records are kept after their end; receipts, evidence and chains stay for ever."""

    questions_ms: Duration = Field(default=24 * 3600 * 1000, examples=["1 d"])
    """How long after its end the content of a bot's question is kept: payee, amount, words."""
    answers_ms: Duration = Field(default=90 * 24 * 3600 * 1000, examples=["90 d"])
    """How long after its end the fact and the outcome of a question are kept."""
    acts_ms: Duration = Field(default=3_650 * 24 * 3600 * 1000, examples=["3650 d"])
    """How long the private part of an act is kept: the person, the reason, the law. Its place in
    the organisation's chain stays for ever. Your law may ask for longer, or shorter."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.answers_ms < self.questions_ms:
            raise ValueError("answers should be at least as long as questions")
        return self


KERNEL_SECTIONS: Final[Mapping[str, type[Section]]] = {
    "homeserver": HomeserverSection,
    "listen": ListenSection,
    "database": DatabaseSection,
    "crypto": CryptoSection,
    "log": LogSection,
    "pages": PagesSection,
    "approvals": ApprovalsSection,
    "chats": ChatsSection,
    "retention": RetentionSection,
    "witnesses": WitnessesSection,
    "heads": HeadsSection,
}
_STATE_FOLDER: Final = Path("/var/lib/veche/heads")
OPTIONAL_SECTIONS: Final = frozenset(("pages",))
"""Of the kernel, without which it has none of that."""


@attrs.frozen
class Config:
    """A whole configuration, checked.

    Attributes:
        path: The file it was read from.
        services: The sections of the services that have one, by name.
        pages: None if there is no public site.
        history: Which one the logs are in, as the database says; no section.
    """

    path: Path
    homeserver: HomeserverSection
    listen: ListenSection
    database: DatabaseSection
    crypto: CryptoSection
    log: LogSection
    services: Mapping[str, Section]
    pages: PagesSection | None = None
    approvals: ApprovalsSection = attrs.field(factory=ApprovalsSection)
    chats: ChatsSection = attrs.field(factory=ChatsSection)
    retention: RetentionSection = attrs.field(factory=RetentionSection)
    witnesses: WitnessesSection = attrs.field(factory=WitnessesSection)
    heads: HeadsSection = attrs.field(factory=HeadsSection)
    history: int = 1

    @property
    def heads_folder(self) -> Path:
        """Where it is kept what the logs have signed last."""
        if self.heads.folder is not None:
            return self.heads.folder
        path = self.path.absolute()
        return _STATE_FOLDER if path.is_relative_to("/etc") else path.parent / "heads"

    def sections(self) -> Mapping[str, Section]:
        """All sections that there are, by name."""
        kernel: dict[str, Section | None] = {name: getattr(self, name) for name in KERNEL_SECTIONS}
        there = {name: section for name, section in kernel.items() if section is not None}
        return {**there, **self.services}


def load_config(path: Path, services: Mapping[str, type[Section]]) -> Config:
    """Read the configuration of the kernel and of the services that it has sections of.

    Args:
        path: The file; relative paths in it start at its folder.
        services: The model of each installed service's section, by the service's name.

    Raises:
        ConfigError: As ``load``.
    """
    optional = services.keys() | OPTIONAL_SECTIONS
    read = dict(load(path, {**services, **KERNEL_SECTIONS}, optional=optional))
    kernel: dict[str, Any] = {name: read.pop(name, None) for name in KERNEL_SECTIONS}
    return Config(path=path, services=read, **kernel)
