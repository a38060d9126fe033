"""Tokens in software, for tests of keys in tokens: SoftHSM 2."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import pkcs11

from tests.support.programs import program
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES: Final = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
)
PIN: Final = "135790"
SO_PIN: Final = "24680135"
_CONFIG: Final = "SOFTHSM2_CONF"
_labels = itertools.count(1)


@attrs.frozen
class SoftHsm:
    """Tokens in a folder.

    Attributes:
        folder: Where they are.
        module: The library.
    """

    folder: Path
    module: Path

    @property
    def pin_path(self) -> Path:
        """File with the PIN of all of them."""
        return self.folder / "pin"

    @property
    def tokens(self) -> Path:
        """Where the library keeps them; without it they are taken out."""
        return self.folder / "tokens"

    def new_token(self) -> str:
        """Make a token; its label."""
        label = f"token-{next(_labels)}"
        command = [program("softhsm2-util"), "--init-token", "--free"]
        words = ["--label", label, "--pin", PIN, "--so-pin", SO_PIN]
        subprocess.run([*command, *words], check=True, capture_output=True)
        self.restart()
        return label

    def restart(self) -> None:
        """Have the library look at its folder anew: all sessions end."""
        pkcs11.lib(str(self.module)).reinitialize()


def soft_hsm(folder: Path) -> Iterator[SoftHsm]:
    """For a fixture: the library finds its tokens by a variable of the environment."""
    program("softhsm2-util")
    module = next(path for path in MODULES if path.exists())
    made = SoftHsm(folder, module)
    made.tokens.mkdir()
    write_private(made.pin_path, f"{PIN}\n")
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {made.tokens}\nlog.level = ERROR\n")
    before = os.environ.get(_CONFIG)
    os.environ[_CONFIG] = str(config)
    try:
        yield made
    finally:
        if before is None:
            del os.environ[_CONFIG]
        else:
            os.environ[_CONFIG] = before
