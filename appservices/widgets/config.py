"""The section ``widgets`` of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from veche.runtime.config import Section

SOURCES_MAX = 50
SOURCE_PATTERN = r"^[a-z][a-z0-9+.-]*:(//[A-Za-z0-9*\[\]:._-]+)?$"
"""A source of a Content-Security-Policy: a scheme, or an origin with ``*`` for parts of it."""

ORIGIN_PATTERN = r"^https?://[a-z0-9.\[\]:-]+$"

Source = Annotated[str, Field(pattern=SOURCE_PATTERN, max_length=200)]


class WidgetsSection(Section):
    """The pages: home, services, cases, keys, approvals."""

    homeservers: Annotated[tuple[Source, ...], Field(strict=False, max_length=SOURCES_MAX)] = (
        "https:",
    )
    """Which homeservers the browser may talk to when a person signs in with their own: sources of
    a Content-Security-Policy. The default allows any over TLS; a demo adds `http://localhost:*`."""
    app_origin: Annotated[str, Field(pattern=ORIGIN_PATTERN, max_length=200)] | None = None
    """Origin where people open the app, such as ``https://app.example.org``. Its host name must
    differ from that of ``pages.public_url``: the app shows messages of strangers, and the pages
    hold keys. Your proxy passes requests for it to the same port, with their ``Host`` unchanged.
    Without it there is no app."""
