"""Two institutions with an agreement: two homeservers, two services, two databases."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.proofs.service.receipts import Receipts
from tests.stories.bank import in_bank
from tests.support.processes import free_ports
from tests.support.services import Place
from veche.runtime.crypto.keys import read_operator_key
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from tests.stories.bank import Bank

HERE: Final = demo.SERVER_NAME
THERE: Final = "altstadt.localhost"


@contextmanager
def two_banks(folder: Path, *more: Mapping[str, Any]) -> Iterator[tuple[Bank, Bank]]:
    """The two, as long as they run.

    Args:
        folder: For their files.
        more: Keys of the section ``payments`` of each, besides.
    """
    places = [Place(*one) for one in zip((HERE, THERE), free_ports(2), strict=True)]
    folders = [folder / name for name in ("here", "there")]
    for one in folders:
        one.mkdir()
    keys = _keys(folders)
    with ExitStack() as stack:
        both = [
            stack.enter_context(in_bank(*one))
            for one in (
                (folders[0], {**_more(places[1], keys[1]), **more[0]}, places[0]),
                (folders[1], {**_more(places[0], keys[0]), **more[1]}, places[1]),
            )
        ]
        yield both[0], both[1]


def _more(other: Place, key: str) -> dict[str, object]:
    agreed = {
        "server": other.server_name,
        "url": f"http://localhost:{other.pages_port}",
        "keys": [key],
        "they_owe_max": {"EUR": "500"},
        "settlement": {"account": demo_iban(3), "name": "Bank of the other"},
    }
    return {"peers": [agreed], "peer_wait": "5 min", "heads_room_every": "1 s"}


def _keys(folders: list[Path]) -> list[str]:
    """What `veche ledger key` shows, of operator keys that are made now."""
    made = []
    for folder, server in zip(folders, (HERE, THERE), strict=True):
        seed = read_operator_key(demo.kept(folder / "operator_key", secrets.token_bytes(32)))
        made.append(Receipts(server, seed.seed("payments.receipts")).signer.verifier.to_text())
    return made
