"""The part ``xmpp`` of the section ``bridges``."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from veche.runtime.config.sections import SecretPath, Section

Jid = Annotated[str, Field(pattern=r"^[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,190}$")]


def _of_ours(address: str) -> str:
    found = ipaddress.ip_address(address)
    if not found.is_private:
        raise ValueError("nothing is encrypted on the way: take a loopback or private address")
    return address


class Office(Section):
    """An organisation's bot that has an address."""

    bot: str = Field(pattern=r"^@[^:]+:.+$", examples=["@veche_agency_town:example.org"])
    """Its Matrix user."""
    name: str = Field(min_length=1, max_length=60, examples=["Town Hall"])
    """The name that programs show for its address."""


class XmppSection(Section):
    """XMPP, as a component (XEP-0114) of a server of the operator's."""

    domain: str = Field(pattern=r"^[a-z0-9.-]{1,190}$", examples=["office.example.org"])
    """The domain of the component."""
    offices: dict[Jid, Office] = Field(min_length=1, max_length=100)
    """Bots by their addresses, in lower case, of this domain."""
    secret_path: SecretPath
    """File with the component's secret, as the server knows it."""
    server_address: Annotated[str, AfterValidator(_of_ours)] = "127.0.0.1"
    """The server's IP address for components: loopback or private."""
    server_port: int = Field(default=5347, ge=1, le=65535)
    """TCP port."""
