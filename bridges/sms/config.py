"""The part ``sms`` of the section ``bridges``."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from veche.runtime.config.sections import SecretPath, Section

Number = Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")]


class Office(Section):
    """An organisation's bot that has a number."""

    bot: str = Field(pattern=r"^@[^:]+:.+$", examples=["@veche_agency_town:example.org"])
    """Its Matrix user."""


class SmsSection(Section):
    """SMS, by an account at a message centre that speaks SMPP 3.4."""

    offices: dict[Number, Office] = Field(min_length=1, max_length=100)
    """Bots by their numbers: international with `+`, or short numbers without."""
    host: str = Field(min_length=1, max_length=255, examples=["smpp.example.net"])
    """The message centre's name or IP address."""
    port: int = Field(default=2775, ge=1, le=65535)
    """TCP port."""
    tls: bool = True
    """Encrypt the connection. Without it, `host` is a loopback or private IP address."""
    system_id: str = Field(pattern=r"^[!-~]{1,15}$", examples=["town"])
    """Name of the account."""
    password_path: SecretPath
    """File with the account's password; SMPP allows 8 characters."""
    system_type: str = Field(default="", pattern=r"^[!-~]{0,12}$")
    """System type of the bind, which some centres want beside the name."""
    window: int = Field(default=10, ge=1, le=100)
    """Most messages that wait for the centre's answer at once."""
    receipt_id: Literal["same", "hex_to_dec", "dec_to_hex"] = "same"
    """How receipts write the id of a message: as the answer did, or converted."""

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if self.tls:
            return self
        try:
            is_private = ipaddress.ip_address(self.host).is_private
        except ValueError:
            is_private = False
        if not is_private:
            raise ValueError("without tls, host is a loopback or private IP address")
        return self
