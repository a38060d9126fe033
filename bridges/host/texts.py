"""Texts that bridges say themselves."""

from __future__ import annotations

from typing import Final

from veche.protocol.texts.catalogue import N_, Catalogue

CATALOGUE: Final = Catalogue.load("veche.protocol", "bridges.host")
READABLE: Final = N_(
    "The services that carry these messages ({network}) can read them. To write so that nobody"
    " else can read it, use a Matrix client."
)
NEWS: Final = N_(
    "There is news for you that is not sent by {network}, since others could read it. The office"
    " can tell you how to get it."
)
NO_FILES: Final = N_(
    "The office has a document for you: {name}. It cannot be sent by {network}. Ask the office for"
    " it on paper or by e-mail."
)
