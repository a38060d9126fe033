"""The section ``bridges`` of the configuration; each connector brings its part of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from veche.runtime.config import Section


class BridgesSection(Section):
    """Bridges to other networks, as an application service and a database of their own.

    In their configuration `homeserver.namespace` is `_veche_`; the services' own configuration
    names the bots of bridges in `homeserver.bridges`.
    """

    id: str = Field(pattern=r"^[a-z0-9-]{1,64}$", examples=["bridges"])
    """Name of the bridges in their log of acts."""
    language: Literal["en", "ru", "de", "uk"] = "en"
    """Language of the bridges' own messages."""
