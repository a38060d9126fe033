"""The section ``signing``: where the authority's files are, and which organisations have seals."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, model_validator

from appservices.signing.keys.csc import ProviderSection
from veche.documents.pki.digests import hash_named
from veche.runtime.config import FilePath, InputPath, SecretPath, Section
from veche.runtime.config.sections import Duration, Names, Networks, TimeZone, WebAddress

if TYPE_CHECKING:
    from veche.documents.pki.digests import Hash

BOT_LOCALPART: Final = "veche_signing"
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
KEPT_MS_MIN: Final = 14 * DAY_MS
REMINDERS_MAX: Final = 5
"""Most reminders of one party."""
ORDERERS_MAX: Final = 100
REGISTRARS_MAX: Final = 1_000
"""Most persons of an organisation who may identify somebody."""

ORGANISATIONS_MAX: Final = 1_000
KEYS_MAX: Final = 10
ANCHORS_MAX: Final = 50
PROVIDERS_MAX: Final = 20


UserIdText = Annotated[str, Field(pattern=r"^@[^:\s]+:\S+$", max_length=255)]


class SealSection(Section):
    """An organisation whose seal is used over HTTP."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau"])
    """Its name in the log of acts; `veche ca seal` makes its seal under the same name."""
    key_paths: list[SecretPath] = Field(min_length=1, max_length=KEYS_MAX)
    """Files with its API keys: 32 random characters or more each."""
    ordered_by: list[UserIdText] = Field(
        default_factory=list, max_length=ORDERERS_MAX, examples=[["@clerk:example.org"]]
    )
    """People who may add the seal as a party to a document, in a chat with the bot: ``lindenau as
    seal``. The service seals the document when its turn comes, and each time is an act."""


class RegistrarSection(Section):
    """An organisation whose people may identify somebody in person."""

    organisation: str = Field(
        min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["Town of Lindenau"]
    )
    """Name of the organisation in certificates and reports, beside the name of the registrar."""
    persons: list[UserIdText] = Field(
        min_length=1, max_length=REGISTRARS_MAX, examples=[["@clerk:example.org"]]
    )
    """The registrars: they see an identity document, and confirm that with their key."""


class AnchorSection(Section):
    """An authority elsewhere whose certificates people may sign with in sessions."""

    name: str = Field(min_length=1, max_length=100, examples=["Bank of Lindenau eID"])
    """Name that people read."""
    certificate: InputPath
    """Its certificate, PEM: a root, or the authority that issues to persons. Authorities above it
    are not checked. Watch yourself whether it was revoked."""
    level: Literal["S3", "S4"] = "S3"
    """Level of signatures by its certificates: ``S3``, with a certificate of one's own; ``S4``, if
    you state that they are qualified by law. Veche itself calls no signature qualified."""
    policies: tuple[Annotated[str, Field(pattern=r"^[0-2](\.[0-9]{1,39}){1,30}$")], ...] = Field(
        default=(), max_length=20, strict=False, examples=[["0.4.0.194112.1.2"]]
    )
    """A certificate has to state one of these policies; left out: any. An authority that issues
    several kinds needs it, so that one for logging in does not count as qualified."""


class SignerSection(ProviderSection):
    """A provider of remote signatures at which people sign on their page, by the CSC API."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["trust"])
    """Its id here. Do not change it while documents are open."""
    name: str = Field(min_length=1, max_length=100, examples=["Trust of Lindenau"])
    """Name that people read."""


class SessionsSection(Section):
    """The bot by which people have documents signed and sign them."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau"])
    """Name in the log of acts of the organisation that runs it and issues the certificates."""
    name: Names
    """Name of the bot, by language: `{en: Signatures of Lindenau}`."""
    avatar: InputPath | None = None
    """The picture of the bot, a PNG or SVG file."""
    language: Literal["en", "ru", "de", "uk"] = "en"
    """Language for people who have chosen none."""
    time_zone: TimeZone = "UTC"
    """Time zone of the times that it shows, and of the ends of days."""
    templates: InputPath | None = None
    """Folder with templates of documents; left out: there are none."""
    anchors: list[AnchorSection] = Field(default=[], max_length=ANCHORS_MAX)
    """Authorities whose certificates people may sign with, from a card or at a provider; left out:
    nobody signs at the levels `S3` and `S4`."""
    providers: list[SignerSection] = Field(default=[], max_length=PROVIDERS_MAX)
    """Providers at which people sign on their page, with certificates of these `anchors`; left out:
    they sign with the command `veche sign`."""
    list_networks: Networks = Field(default=(), examples=[["10.20.0.0/16"]])
    """Networks, beside the public Internet, in which lists of revoked certificates are fetched and
    responders (OCSP) asked that the certificates of people name."""
    reminders: list[Duration] = Field(
        default=[3 * DAY_MS, DAY_MS, 3 * HOUR_MS], max_length=REMINDERS_MAX
    )
    """How long before the deadline the service reminds people who have not signed."""
    quiet_from: int = Field(default=21, ge=0, le=23)
    """Hour from which nobody is reminded, by `time_zone`."""
    quiet_until: int = Field(default=8, ge=0, le=23)
    """Hour until which nobody is reminded; the same as ``quiet_from``: there are no quiet hours."""
    webhook_networks: Networks = Field(default=(), examples=[["10.20.0.0/16"]])
    """Networks, beside the public Internet, in which organisations may receive events. Plain
    ``http`` is allowed there."""
    webhook_give_up_ms: Duration = 5 * DAY_MS
    """How long an address may fail before the service stops sending to it."""

    kept_ms: Annotated[Duration, Field(ge=KEPT_MS_MIN)] = 3_650 * DAY_MS
    """How long a document that the service reads stays after it was closed, with its signatures.
    The service renews it until then, and tells the parties 14 days before it deletes it. At least
    14 days."""
    private_kept_ms: Annotated[Duration, Field(ge=KEPT_MS_MIN)] = 90 * DAY_MS
    """How long the ciphertext of a private document stays after it was closed. The service tells
    the parties 14 days before it deletes it. At least 14 days."""
    registrars: list[RegistrarSection] = Field(default=[], max_length=ORGANISATIONS_MAX)
    """People who may identify somebody in person; left out: nobody may, and nobody can sign without
    an account."""
    identified_for_ms: Duration = Field(default=365 * DAY_MS, ge=DAY_MS, le=10 * 365 * DAY_MS)
    """How long an identification in person by a registrar is valid for a key."""

    def name_in(self, language: str) -> str:
        """Return the bot's name in a language."""
        return self.name.get(language) or next(iter(self.name.values()))

    def registers_for(self, person: str) -> str:
        """The organisation for which somebody may identify others; empty: they may not."""
        known = (one.organisation for one in self.registrars if person in one.persons)
        return next(known, "")

    @model_validator(mode="after")
    def _check_providers(self) -> SessionsSection:
        names = [one.id for one in self.providers]
        if len(set(names)) != len(names):
            raise ValueError("providers: each should have an id of its own")
        if self.providers and not self.anchors:
            raise ValueError("providers: need anchors, whose certificates people sign with")
        return self

    @model_validator(mode="after")
    def _check_registrars(self) -> SessionsSection:
        persons = [one for each in self.registrars for one in each.persons]
        if len(set(persons)) != len(persons):
            raise ValueError("registrars: every person should stand there once")
        return self


class StampsSection(Section):
    """An authority elsewhere whose time stamps are on what is signed here, and close it."""

    url: WebAddress = Field(
        pattern=r"^https?://[^/\s?#@]+(/[^\s#]*)?$", examples=["https://tsa.example.org/rfc3161"]
    )
    """Its address for requests by RFC 3161. It gets no token and no password by plain ``http``."""
    root: InputPath
    """Certificate of the authority below which its certificates have to be, PEM. It is trusted for
    time stamps alone, not for signatures of people."""
    policy: str | None = Field(
        default=None, pattern=r"^[0-2](\.[0-9]{1,39}){1,30}$", examples=["0.4.0.2023.1.1"]
    )
    """Policy of its stamps; left out: any."""
    token_path: SecretPath | None = None
    """File with your token for it (``Authorization: Bearer …``)."""
    password_path: SecretPath | None = None
    """File with ``user:password``, if it uses that (``Authorization: Basic …``)."""
    networks: Networks = Field(default=(), examples=[["10.20.0.0/16"]])
    """Networks, beside the public Internet, in which it and its lists may be."""
    timeout_ms: Annotated[Duration, Field(ge=1_000, le=60_000)] = 10_000
    """How long it may take for one stamp."""

    @model_validator(mode="after")
    def _check_secrets(self) -> StampsSection:
        if self.token_path is not None and self.password_path is not None:
            raise ValueError("should have a token_path or a password_path, not both")
        is_known = self.token_path is not None or self.password_path is not None
        if is_known and not self.url.startswith("https://"):
            raise ValueError("url: should begin with https:// where there is a token or a password")
        return self


class SigningSection(Section):
    """Signatures, seals and time stamps."""

    folder: FilePath
    """The folder that ``veche ca init`` has made: certificates, lists, and the keys that are used
    every day."""
    seals: list[SealSection] = Field(default=[], max_length=ORGANISATIONS_MAX)
    """Organisations with a seal."""
    sessions: SessionsSection | None = None
    """The bot of signers and requesters; left out: there are seals and time stamps alone."""
    stamps: StampsSection | None = None
    """A time-stamp authority elsewhere; left out: the one in ``folder``. It stamps signatures of
    persons, seals, reports on signatures, files that are closed or renewed, and requests to
    ``/_veche/signing/v1/tsa``. If it does not answer, no other authority stamps instead."""
    former_stamp_roots: list[InputPath] = Field(default_factory=list, max_length=20)
    """Earlier values of ``stamps.root``: certificates (PEM) of authorities that stamped here. Their
    old stamps stay valid; they make no new ones."""
    stamp_hash: Literal["sha256", "sha384", "sha512"] = "sha256"
    """The hash of the stamps that close and renew files. A longer one keeps files proven when
    SHA-256 is no longer trusted. The authority for stamps must be made with it too."""
    renew_stamped_before: Annotated[dt.date, Field(strict=False)] | None = None
    """Closed files whose last stamp is older than this day (UTC) are renewed at once; left out:
    each a year before its last stamp ends. No day to come."""

    @property
    def stamped_by(self) -> Hash:
        """The hash of the stamps that close and renew files."""
        return hash_named(self.stamp_hash)

    @property
    def renew_stamped_before_ms(self) -> int:
        """The beginning of the day before which stamps are renewed at once, UTC; 0: none is."""
        day = self.renew_stamped_before
        if day is None:
            return 0
        return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000

    @model_validator(mode="after")
    def _check_once(self) -> SigningSection:
        names = [one.id for one in self.seals]
        if len(set(names)) != len(names):
            raise ValueError("seals: every organisation should stand there once")
        return self
