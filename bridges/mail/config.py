"""The part ``mail`` of the section ``bridges``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from veche.runtime.config.sections import Section

MailAddress = Annotated[str, Field(pattern=r"^[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,190}$")]


class Office(Section):
    """An organisation's bot that has an address."""

    bot: str = Field(pattern=r"^@[^:]+:.+$", examples=["@veche_agency_town:example.org"])
    """Its Matrix user."""
    name: str = Field(min_length=1, max_length=60, examples=["Town Hall"])
    """The name before its address."""


class MailSection(Section):
    """Mail, behind a mail server of the operator's."""

    domain: str = Field(pattern=r"^[a-z0-9.-]{1,190}$", examples=["mail.example.org"])
    """The domain whose mail the operator's server passes on; delivery reports come to it too."""
    offices: dict[MailAddress, Office] = Field(min_length=1, max_length=100)
    """Bots by their addresses, in lower case, of this domain."""
    listen_address: str = "127.0.0.1"
    """The address that takes mail by SMTP; never reachable from the Internet."""
    listen_port: int = Field(default=2525, ge=0, le=65535)
    """TCP port."""
    relay_host: str = "127.0.0.1"
    """The operator's mail server, which signs what goes out and sends it on."""
    relay_port: int = Field(default=25, ge=1, le=65535)
    """TCP port."""
