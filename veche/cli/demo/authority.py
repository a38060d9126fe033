"""The authority of the demo world, by which the town's documents are sealed.

The kernel knows the feature by its command alone: `veche ca` makes the folder. Here the passphrase
of the root's key lies beside it, so nobody should trust the demo's root elsewhere.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_KEY_BYTES: Final = 32


@attrs.frozen
class DemoAuthority:
    """The plan of the authority.

    Attributes:
        folder: Where it is; kept between starts.
        site: Public address of the services.
        name: Of the town.
        seals: Names of organisations with a seal, by their ids.
    """

    folder: Path
    site: str
    name: str
    seals: Mapping[str, str]

    @property
    def root(self) -> Path:
        """The certificate that is written last, when all else is there."""
        return self.folder / "root.pem"

    @property
    def is_made(self) -> bool:
        """Whether there is nothing left to make."""
        return self.root.exists()

    def command(self) -> Sequence[str]:
        """Arguments of `veche` that make it."""
        passphrase = self._secret("passphrase")
        seals = [word for one in self.seals.items() for word in ("--seal", *one)]
        return (
            *("ca", "init", self.name, "--site", self.site, "--folder", str(self.folder)),
            *("--passphrase-path", str(passphrase), *seals),
        )

    @property
    def section(self) -> dict[str, Any]:
        """The section ``signing``."""
        seals = [{"id": one, "key_paths": [str(self._secret(f"{one}_key"))]} for one in self.seals]
        return {"folder": str(self.folder), "seals": seals}

    def seal_section(self, organisation: str) -> dict[str, Any]:
        """The key ``seal`` of an organisation, in the section ``agency`` or ``payments``."""
        return {"url": self.site, "key_path": str(self._secret(f"{organisation}_key"))}

    def _secret(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(_KEY_BYTES) + "\n")
        return path
