"""The shop of the demo: an organisation with keys for trying the payments API.

Everything that a program needs is in one folder: the keys, what instructions are signed with, and a
file of variables for a shell.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs
from nacl.signing import SigningKey

from veche.runtime.config.secret_files import write_private
from veche.server.demo import kept

if TYPE_CHECKING:
    from pathlib import Path

ID: Final = "lindenau-bakery"
"""Name of the shop in the log of acts."""
NAME: Final = {
    "en": "Lindenau Bakery",
    "ru": "Пекарня Линденау",
    "de": "Bäckerei Lindenau",
    "uk": "Пекарня Лінденау",
}
SCOPES: Final = ("invoice", "refund", "mandate", "escrow", "payout", "webhook", "read")
NETWORKS: Final = ("127.0.0.0/8", "::1/128")
"""Where webhooks may be besides: whoever tries them has their program on this machine."""
_KEY_BYTES: Final = 32


@attrs.frozen
class DemoShop:
    """The shop.

    Attributes:
        folder: Of its keys; kept between starts.
        pages_url: Origin of the pages, below which the API is.
    """

    folder: Path
    pages_url: str

    @property
    def section(self) -> dict[str, Any]:
        """The shop in ``payments.organisations``; its keys are made at the first call."""
        return {
            "id": ID,
            "name": dict(NAME),
            "city": "Lindenau",
            "country": "DE",
            "kinds": ["food"],
            "is_paid_by_name": True,
            "tax": {"vat_id": "DE123456789", "street": "Markt 1", "town": "Lindenau"},
            "two_keys_above": {"EUR": "500"},
            "keys": [self._key("key"), self._key("second_key")],
        }

    def write(self) -> Path:
        """Write the variables for a shell; the file."""
        path = self.folder / "env"
        lines = (
            f"export VECHE_API={self.pages_url}/_veche/payments/v1",
            f"export VECHE_ORGANISATION={ID}",
            f"export VECHE_KEY={self._secret('key')}",
            f"export VECHE_SECOND_KEY={self._secret('second_key')}",
            f"export VECHE_SIGNING_KEY={self._seed('key')}",
            f"export VECHE_SECOND_SIGNING_KEY={self._seed('second_key')}",
        )
        write_private(path, "\n".join((*lines, "")))
        return path

    def _key(self, name: str) -> dict[str, Any]:
        self._secret(name)
        seed = base64.b64decode(self._seed(name))
        public = base64.b64encode(bytes(SigningKey(seed).verify_key)).decode().rstrip("=")
        return {"path": str(self.folder / name), "scopes": list(SCOPES), "public_key": public}

    def _secret(self, name: str) -> str:
        """A key by which the shop asks, made at the first call."""
        return self._kept(name, secrets.token_urlsafe(_KEY_BYTES))

    def _seed(self, name: str) -> str:
        """Return the signing seed of a key's owner: 32 bytes in base64, made at the first call."""
        made = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
        return self._kept(f"{name}.signing", made)

    def _kept(self, name: str, made: str) -> str:
        return kept(self.folder / name, made + "\n").read_text().strip()
