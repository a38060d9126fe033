"""The demo of `veche up`: who lives in its town, and how a feature brings what it shows there.

A feature names a function by an entry point of the group ``veche.demo``. It takes the ``Place`` and
returns a ``DemoPart``. Its module imports little, since `veche up` itself runs no service.
"""

from __future__ import annotations

import secrets
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.runtime.config.secret_files import write_private
from veche.runtime.crypto.keys import OPERATOR_KEY_BYTES
from veche.server.installed import loaded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ENTRY_POINTS: Final = "veche.demo"
"""Group of entry points by which features bring their parts."""
SERVER_NAME: Final = "lindenau.localhost"
"""Ends the ids of the demo's people. Names under ``.localhost`` belong to nobody (RFC 6761)."""
TOWN: Final = "lindenau"
"""Name of the town in the log of acts."""
TOWN_NAME: Final = {
    "en": "Town of Lindenau",
    "ru": "Город Линденау",
    "de": "Stadt Lindenau",
    "uk": "Місто Лінденау",
}
BANK: Final = "lindenau-bank"
"""Name of the town's bank there."""
BANK_NAME: Final = {
    "en": "Bank of Lindenau",
    "ru": "Банк Линденау",
    "de": "Bank von Lindenau",
    "uk": "Банк Лінденау",
}
_SECRET_BYTES: Final = 32


@attrs.frozen
class Person:
    """Somebody of the demo.

    Attributes:
        name: Localpart of their user id.
        display_name: What others see.
        part: What they are in the demo, for the person at the terminal.
    """

    name: str
    display_name: str
    part: str

    @property
    def user_id(self) -> str:
        """Their Matrix user id."""
        return f"@{self.name}:{SERVER_NAME}"


ALICE: Final = Person("alice", "Alice", "lives in Lindenau")
BOB: Final = Person("bob", "Bob", "lives in Lindenau")
CAROL: Final = Person("carol", "Carol", "clerk of the records office")
HENRIETTE: Final = Person("henriette", "Henriette", "head of the records office")
PEOPLE: Final = (ALICE, BOB, CAROL, HENRIETTE)


@attrs.frozen
class Place:
    """Where the demo is on this machine.

    Attributes:
        folder: Of the state; kept between starts.
        examples: The folder ``config`` of the checkout.
        port: Of 127.0.0.1, for a program that a feature brings.
        homeserver_url: Of the homeserver, as people reach it.
        pages_url: Origin of the pages.
        app_url: Origin of the app.
    """

    folder: Path
    examples: Path
    port: int
    homeserver_url: str
    pages_url: str
    app_url: str

    @property
    def operator_key(self) -> Path:
        """Return the file with the operator key, which is made at the first call."""
        return kept(self.folder / "operator_key", secrets.token_bytes(OPERATOR_KEY_BYTES))

    def key(self, organisation: str, of: str) -> Path:
        """Return the file with the key by which an organisation asks a service; see ``secret``.

        Args:
            organisation: Whose key it is.
            of: What the service's folder of the demo is called. Who asks and who is asked name the
                same two, so both configurations name the same file.
        """
        return secret(self.folder / of / f"{organisation}_key")


@attrs.frozen
class Program:
    """A program that runs beside the services.

    Attributes:
        name: Shown in progress lines.
        command: Program and arguments.
        log: File for its output.
    """

    name: str
    command: Sequence[str]
    log: Path


@attrs.frozen
class Preparation:
    """A command of `veche` that makes something before the services start.

    Attributes:
        name: Shown in progress lines.
        command: Arguments of `veche`.
        made: What is there once it is done; it is done once.
    """

    name: str
    command: Sequence[str]
    made: Path


@attrs.frozen
class DemoPart:
    """The part of the demo that a feature brings.

    Attributes:
        sections: Of the configuration, by name.
        to_try: What a person can try, each in a few lines.
        notes: Lines that follow all of that.
        official: Settings of the homeserver's module ``official_accounts``: lists, by key.
        bot: That answers whoever writes to it: `veche up --check` does.
        program: What runs beside the services.
        preparation: What is made before they start.
    """

    sections: Mapping[str, Any]
    to_try: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    official: Mapping[str, Sequence[Mapping[str, Any]]] = attrs.field(factory=dict)
    bot: str | None = None
    program: Program | None = None
    preparation: Preparation | None = None


def demo_parts(place: Place) -> Sequence[DemoPart]:
    """Return what the installed features bring, in the order of their names.

    Raises:
        ConfigError: One cannot be imported; the text names the entry point.
    """
    entries = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)
    return [loaded(entry, "the demo")(place) for entry in entries]


def protected(name: Mapping[str, str], bot: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return settings by which only a bot has a name, in each language."""
    appeal = "ask whoever runs this demo"
    names = [{"name": one, "accounts": [bot], "appeal": appeal} for one in name.values()]
    return {"names": names}


def kept(path: Path, made: str | bytes) -> Path:
    """Write a file that only we can read, unless it is there already; return its path."""
    if not path.exists():
        write_private(path, made)
    return path


def secret(path: Path) -> Path:
    """Return the path of a file with a secret, which is made at the first call."""
    return kept(path, secrets.token_urlsafe(_SECRET_BYTES) + "\n")
