"""The bank of the demo world: a program of its own, where the town's bank has its account.

The kernel knows it by its name alone: payments bring the program, and the rail that talks to it.
"""

from __future__ import annotations

import base64
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from nacl.signing import SigningKey

from veche.cli.processes.child import Child
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from veche.cli.processes.guard import Guard

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
        """The bank in ``payments.banks``; its key is made at the first call."""
        key_path = self.folder / "customer_key"
        if not key_path.exists():
            write_private(key_path, base64.b64encode(secrets.token_bytes(_SEED_BYTES)))
        return {"name": NAME, "url": self.url, "account": ACCOUNT, "key_path": str(key_path)}

    def launch(self, guard: Guard) -> Child:
        """Start it; whoever asks before it listens asks again."""
        seed = base64.b64decode(Path(self.section["key_path"]).read_bytes())
        public = base64.b64encode(bytes(SigningKey(seed).verify_key)).decode()
        options = ["--folder", str(self.folder), "--port", str(self.port)]
        return Child(
            "bank",
            [*PROGRAM, *options, "--customer-key", public, "--name", "Bank of Lindenau"],
            output=self.folder / "log",
            guard=guard,
        )

    def deposit(self) -> tuple[str, str]:
        """A command, in two lines, by which a person plays somebody who sends money."""
        order = f'{{"account":"{ACCOUNT}","amount_minor":2500,"reference":"RF…"}}'
        return f"curl {self.url}/counter/deposit -d \\", f"'{order}'"
