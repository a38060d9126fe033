"""What anybody may ask of the directory."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from veche.protocol.wire import Wire
from veche.transparency.notes import SIZE_MAX


class BundleQuery(Wire):
    """From where on."""

    since: Annotated[int, Field(ge=0, le=SIZE_MAX)] = 0
    """How many entries one has already."""


class DirectoryKeysView(Wire):
    """How the directory of this site is trusted and asked.

    It says so itself: compare the keys by another way.
    """

    v: Literal[1]
    """1."""
    api: str
    """Path of the API on this site."""
    log: str
    """Name of its log, in its first history."""
    keys: list[str]
    """By which it signs, ``<name>+<id>+<base64>``."""
    witnesses: list[str]
    """Verifier keys of the witnesses that it shows its heads to."""
