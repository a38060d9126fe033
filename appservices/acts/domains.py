"""Proof of a domain: it says the key of its organisation, where only its owner can put that.

Source: design of Veche, identity §9.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from veche.contracts.directory.entries import KeyText
from veche.protocol.errors import VecheError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import Wire, parse
from veche.runtime.web.outbound import place_of

if TYPE_CHECKING:
    from veche.runtime.web.outbound import Outbound

PATH: Final = "/.well-known/veche"
KEYS_MAX: Final = 100
_OK: Final = 200


class DomainKeys(Wire):
    """The keys that a domain publishes."""

    v: Annotated[int, Field(ge=1, le=1)]
    """1."""
    keys: Annotated[list[KeyText], Field(max_length=KEYS_MAX)]
    """Keys of the organisations that own the domain."""


async def doubt(outbound: Outbound, domain: str, key: str) -> str:
    """Say why a domain does not prove that it is of the owner of a key; empty: it proves it."""
    try:
        answer = await outbound.get(*place_of(f"https://{domain}{PATH}"))
        if answer.status == _OK:
            said = parse(DomainKeys, read_json(answer.body, where=PATH), where=PATH)
            why = "" if key in said.keys else "it names other keys"
        else:
            why = f"it answers {answer.status}"
    except (VecheError, OSError) as e:
        why = str(e)
    if not why:
        return ""
    wanted = json.dumps({"v": 1, "keys": [key]})
    return f"{domain} does not prove whose it is: {why}. https://{domain}{PATH} should say {wanted}"
