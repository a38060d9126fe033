"""Public API of the directory."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from veche.protocol.wire import Wire
from veche.transparency.notes import SIZE_MAX


class BundleQuery(Wire):
    """From where on."""

    since: Annotated[int, Field(ge=0, le=SIZE_MAX)] = 0
    """How many entries one has already."""


class PurposeView(Wire):
    """Personal data that an organisation may ask people for."""

    title: dict[str, str]
    """By language."""
    basis: str
    """The law."""


class OrganisationView(Wire):
    """An organisation that a directory lists."""

    id: str
    """Its name in the directory."""
    names: dict[str, str]
    """Name, by language."""
    domain: str
    """Its domain on the web."""
    domain_seen_ms: int | None
    """When the domain proved that it is its own, UTC; null: it did not."""
    chain: list[str]
    """Ids of those above it, the topmost first, and its own."""
    standing: str
    """`official`; else why it is not: `not_yet`, `expired`, `suspended`, `ended`, `above`."""
    reason: str
    """Why it is suspended or has ended; empty: it is not."""
    since_ms: int
    """Since when the directory has it, UTC."""
    vouched_by: str
    """Id of the organisation that entered it; empty: the directory did."""
    purposes: list[PurposeView]
    """What it may ask for."""
    complaints: str
    """Address for complaints about it."""
    accounts: dict[str, str]
    """Accounts through which it speaks, with their master keys."""
    protects: list[str]
    """Names that nobody else may bear."""
    entry: int
    """Place of the entry that says who it is."""


class DirectoryView(Wire):
    """A directory that is trusted here, as it is now."""

    log: str
    """Name of its log."""
    keys: list[str]
    """By which it signs, ``<name>+<id>+<base64>``."""
    organisations: list[OrganisationView]
    """Those that are not official, too."""


class OfficialView(Wire):
    """The organisations that are official here now."""

    directories: list[DirectoryView]
    """In the order in which they are believed."""


class DirectoryKeysView(Wire):
    """How the directory of this site is trusted and asked.

    It says so itself: compare the keys by another way.
    """

    v: Literal[1]
    """1."""
    api: str
    """Path of the API on this site."""
    log: str
    """Name of its log, in its first history."""
    keys: list[str]
    """By which it signs, ``<name>+<id>+<base64>``."""
    witnesses: list[str]
    """Verifier keys of the witnesses that it shows its heads to."""


class PolicyKeysView(Wire):
    """The keys of the policy server of this site (Matrix spec v1.18)."""

    public_keys: dict[str, str]
    """`ed25519`: unpadded base64; for `m.room.policy`."""


class Signatures(Wire):
    """Signatures of an event, by the name of the server and the id of its key."""

    model_config = ConfigDict(extra="allow")


class VerifyKey(Wire):
    """A key of a homeserver."""

    key: str
    """Unpadded base64."""


class KeysOfServer(Wire):
    """The keys of a homeserver."""

    server_name: str
    """Of it."""
    valid_until_ts: int
    """Until when they count, ms UTC."""
    verify_keys: dict[str, VerifyKey]
    """By key id."""


class KeysOfServers(Wire):
    """The answer of a homeserver asked for keys of others (Matrix spec v1.18)."""

    server_keys: list[KeysOfServer]
    """Of each."""
