"""The bank of the demo: a program of its own, where the town's bank has its account."""

from __future__ import annotations

import base64
import secrets
import sys
from typing import TYPE_CHECKING, Any, Final

import attrs
from nacl.signing import SigningKey

from veche.server.demo import BANK_NAME, Program, kept

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM: Final = (sys.executable, "-m", "appservices.payments.demo_bank")
"""The bank's program; it opens the account by itself."""
ACCOUNT: Final = "DE93999999990000000001"
"""IBAN of the account that the program opens for its customer; of no bank there is."""
NAME: Final = "demo"
"""What the bank is called in the configuration."""
_SEED_BYTES: Final = 32


@attrs.frozen
class DemoBank:
    """The plan of the bank.

    Attributes:
        folder: Of its book and of the key with which its customer signs; kept between starts.
        port: Where it listens on 127.0.0.1.
    """

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def section(self) -> dict[str, Any]:
        """The bank in ``payments.banks``."""
        return {"name": NAME, "url": self.url, "account": ACCOUNT, "key_path": str(self._key())}

    def program(self) -> Program:
        """Return how it is started; whoever asks before it listens asks again."""
        seed = base64.b64decode(self._key().read_bytes())
        public = base64.b64encode(bytes(SigningKey(seed).verify_key)).decode()
        options = ["--folder", str(self.folder), "--port", str(self.port)]
        customer = ["--customer-key", public, "--name", BANK_NAME["en"]]
        return Program("bank", [*PROGRAM, *options, *customer], self.folder / "log")

    def deposit(self) -> tuple[str, str]:
        """A command, in two lines, by which a person plays somebody who sends money."""
        order = f'{{"account":"{ACCOUNT}","amount_minor":2500,"reference":"RF…"}}'
        return f"curl {self.url}/counter/deposit -d \\", f"'{order}'"

    def _key(self) -> Path:
        """The file with the customer's key, which is made at the first call."""
        made = base64.b64encode(secrets.token_bytes(_SEED_BYTES))
        return kept(self.folder / "customer_key", made)
