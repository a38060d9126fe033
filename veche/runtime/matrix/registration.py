"""The registration of our application service: one namespace, many bots.

The homeserver reads it at its start only, so a new organisation is a new user in the namespace and
never a new registration.

Source: Matrix spec v1.18, "Application Service API", "Registration".
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX: Final = "veche_"
"""Localparts of our bots and aliases begin with it."""
TOKEN_BYTES: Final = 32
_ID: Final = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


@attrs.frozen
class Registration:
    """What the homeserver and we agree on.

    Attributes:
        id: Of the application service.
        url: Where the homeserver pushes events.
        as_token: By which we are known to the homeserver.
        hs_token: By which the homeserver is known to us.
        server_name: Of the homeserver.
    """

    id: str
    url: str
    as_token: str = attrs.field(repr=False)
    hs_token: str = attrs.field(repr=False)
    server_name: str

    @classmethod
    def make(cls, service_id: str, url: str, server_name: str) -> Registration:
        """A new one, with tokens of ``TOKEN_BYTES`` random bytes."""
        tokens = [secrets.token_urlsafe(TOKEN_BYTES) for _ in range(2)]
        return cls(service_id, url, tokens[0], tokens[1], server_name)

    @property
    def sender(self) -> str:
        """The user that stands for the application service itself."""
        return f"@{PREFIX}:{self.server_name}"

    def is_ours(self, user_id: str) -> bool:
        """Whether a user id is in our namespace."""
        return is_of_namespace(user_id, self.server_name)

    def document(self) -> dict[str, Any]:
        """The document that the homeserver reads."""
        server = re.escape(self.server_name)
        return {
            "id": self.id,
            "url": self.url,
            "as_token": self.as_token,
            "hs_token": self.hs_token,
            "sender_localpart": PREFIX,
            "rate_limited": False,
            "receive_ephemeral": True,
            "namespaces": {
                # Matched from the start of the whole id; a wide one locks people out.
                "users": [{"exclusive": True, "regex": f"@{PREFIX}.*:{server}"}],
                "aliases": [{"exclusive": True, "regex": f"#{PREFIX}.*:{server}"}],
                "rooms": [],
            },
        }

    def write(self, file: Path) -> None:
        """Write the document, for the homeserver to read; only its owner may read the file."""
        draft = file.with_name(file.name + ".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(yaml.safe_dump(self.document(), sort_keys=False))
        draft.replace(file)


def is_of_namespace(user_id: str, server_name: str) -> bool:
    """Whether a user id is in the exclusive namespace of the application service of a server."""
    return user_id.startswith(f"@{PREFIX}") and user_id.partition(":")[2] == server_name


def read_registration(file: Path) -> Registration:
    """A registration from its file.

    Raises:
        ConfigError: There is none, or it is not one that ``Registration.write`` would write.
    """
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ConfigError(f"{file}: no registration: {type(e).__name__}") from e
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: a registration is a mapping")
    texts = {name: _text(file, content, name) for name in ("id", "url", "as_token", "hs_token")}
    if not _ID.match(texts["id"]):
        raise ConfigError(f"{file}: id: letters, digits, '.', '_' and '-', at most 64")
    if texts["as_token"] == texts["hs_token"]:
        raise ConfigError(f"{file}: as_token and hs_token must differ")
    registration = Registration(**texts, server_name=_server_name(file, content))
    for name, value in registration.document().items():
        if content.get(name) != value:
            raise ConfigError(f"{file}: {name} must be {value!r}")
    return registration


def _text(file: Path, content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{file}: {name} must be a text")
    return value


def _server_name(file: Path, content: Mapping[str, Any]) -> str:
    try:
        regex = content["namespaces"]["users"][0]["regex"]
        name = str(regex).removeprefix(f"@{PREFIX}.*:")
    except (KeyError, IndexError, TypeError) as e:
        raise ConfigError(f"{file}: namespaces.users must have one regex") from e
    return re.sub(r"\\(.)", r"\1", name)
