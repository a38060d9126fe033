"""The section ``acts`` of the configuration: the directory, and whom it lists by itself."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.contracts.directory.snapshot import Root
from veche.runtime.config import Section
from veche.runtime.config.sections import (
    Duration,
    InputPath,
    LogKey,
    Names,
    Networks,
    TimeZone,
    WebAddress,
)
from veche.transparency.notes import read_verifier_key

ORGANISATIONS_MAX: Final = 1_000
DIRECTORIES_MAX: Final = 20
EVERY_MS_MIN: Final = 5_000
_ID: Final = r"^[a-z0-9]([a-z0-9.-]{0,126}[a-z0-9])?$"
_ACCOUNT: Final = r"^@[!-9;-~]{1,200}:[!-~]{1,253}$"


class PurposeSection(Section):
    """Personal data that an organisation may ask people for."""

    code: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", examples=["civil-registry"])
    """As in its acts."""
    title: Names
    """Title of the purpose, by language."""
    basis: str = Field(max_length=200, examples=["Civil Status Act §12"])
    """The law."""
    claims: tuple[str, ...] = Field(default=(), strict=False, max_length=50)
    """Codes of the data, such as ``name`` or ``address``."""


class OrganisationSection(Section):
    """An organisation, as it stands in the directory."""

    id: str = Field(pattern=_ID, examples=["tax.example"])
    """Its name in the directory, as in the log of acts."""
    acts: str | None = Field(default=None, pattern=_ID)
    """Its name in the log of acts of this server, if that is another."""
    name: Names
    """Name, by language."""
    domain: str = Field(pattern=r"^[a-z0-9][a-z0-9.:-]{0,252}$", examples=["tax.example"])
    """Its domain on the web."""
    parent: str | None = Field(default=None, pattern=_ID)
    """The organisation of which it is a part."""
    key: LogKey | None = None
    """Its public key, as `veche directory key` prints it; left out: the services of this server
    keep its key."""
    accounts: dict[str, str] = Field(default={}, max_length=100)
    """Its official accounts, each with its master key. An empty key stands for that of a bot of
    this server."""
    bots: tuple[Annotated[str, Field(pattern=_ACCOUNT)], ...] = Field(
        default=(), strict=False, max_length=100
    )
    """Its bots on this server; their master keys are read from the database."""
    logs: tuple[LogKey, ...] = Field(default=(), strict=False, max_length=16)
    """Keys of its logs of acts, by which homeservers check what it sends; left out: the services
    of this server keep its log."""
    purposes: tuple[PurposeSection, ...] = Field(default=(), strict=False, max_length=50)
    """Purposes for which it may ask people for data."""
    complaints: str = Field(max_length=200, examples=["ombudsman@tax.example"])
    """Address for complaints about it."""
    protects: tuple[str, ...] = Field(default=(), strict=False, max_length=100)
    """Names that nobody else may bear; only of the directory's own organisations."""


class OwnSection(Section):
    """The directory of this server."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["lindenau"])
    """Short name of the directory: the last part of the name of its log."""
    organisations: tuple[OrganisationSection, ...] = Field(
        default=(), strict=False, max_length=ORGANISATIONS_MAX
    )
    """Organisations that are entered when the services start, unless they are there already."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [one.id for one in self.organisations]
        if len(set(names)) != len(names):
            raise ValueError("organisations: each should have an id of its own")
        return self


class TrustedSection(Section):
    """A directory of others that is trusted here."""

    url: WebAddress = Field(pattern=r"^https?://[^/\s]+$", examples=["https://veche.example.org"])
    """Where it is served, without a path."""
    keys: tuple[LogKey, ...] = Field(strict=False, min_length=1, max_length=8)
    """Keys by which it signs. Ask its operator for them in another way than by this address."""
    quorum: int = Field(default=1, ge=1, le=8)
    """Number of its keys that must agree to replace the lost key of an organisation."""

    @property
    def root(self) -> Root:
        """The directory."""
        return Root.of(map(read_verifier_key, self.keys), self.quorum)

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            _ = self.root
        except ValueError as e:
            raise ValueError(f"keys: {e}") from e
        return self


class ActsSection(Section):
    """The directory of organisations, and the bot that says who is official."""

    id: str = Field(pattern=_ID, examples=["lindenau"])
    """Name in the log of acts of the organisation that runs the bot."""
    name: Names
    """Name of the bot, by language: `{en: Who is official}`."""
    avatar: InputPath | None = None
    """The picture of the bot, a PNG or SVG file."""
    language: Literal["en", "ru", "de", "uk"] = "en"
    """Language for people who have chosen none."""
    time_zone: TimeZone = "UTC"
    """Time zone of the days that it shows."""
    directory: OwnSection | None = None
    """The directory of this server; left out: it has none, and follows those of others."""
    trusted: tuple[TrustedSection, ...] = Field(
        default=(), strict=False, max_length=DIRECTORIES_MAX
    )
    """Directories of others, in the order in which they are believed; one's own comes first."""
    every_ms: Annotated[Duration, Field(ge=EVERY_MS_MIN)] = 30_000
    """Time between two requests for news."""
    policy_server: bool = False
    """Whether homeservers have events signed here in rooms whose `m.room.policy` names ours."""
    networks: Networks = Field(default=(), examples=[["10.20.0.0/16"]])
    """Networks, beside the public Internet, in which they may be. Plain ``http`` is allowed
    there."""

    def acts_of(self, organisation: str) -> str:
        """Return the name of an organisation's log of acts."""
        listed = self.directory.organisations if self.directory else ()
        names = {one.id: one.acts for one in listed if one.acts}
        return names.get(organisation, organisation)

    def name_in(self, language: str) -> str:
        """Return the bot's name in a language."""
        return self.name.get(language) or next(iter(self.name.values()))

    @model_validator(mode="after")
    def _check(self) -> Self:
        logs = [one.root.log for one in self.trusted]
        if len(set(logs)) != len(logs):
            raise ValueError("trusted: a directory stands there twice")
        return self
