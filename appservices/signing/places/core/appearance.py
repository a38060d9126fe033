"""How a signature looks: the words in its box. How they are drawn: ``veche.documents.pdf``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.papers.texts.sheet import level_word, role_word
from veche.documents.pdf import Look, picture, signature_font, size_of
from veche.documents.pdf.signing import can_be_shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.pdf.document import Document
    from veche.documents.pdf.values import Value
    from veche.protocol.texts.catalogue import Catalogue

__all__ = ["appearance", "look_of", "look_that_fits", "name_to_show"]


def look_of(catalogue: Catalogue, language: str, role: str, level: str, *, title: str = "") -> Look:
    """Return the parts that a signature shows besides the name and the time.

    Args:
        catalogue: Has the texts of ``appservices.signing.papers``.
        language: Of the document.
        role: ``Role.value``.
        level: ``Level.value``.
        title: What the document calls them, such as "Landlord"; empty: by the role.
    """
    called = (
        title
        if title and signature_font().can_show(title)
        else role_word(catalogue, language, role)
    )
    return Look(called, level_word(catalogue, language, level))


def look_that_fits(document: Document, field: str, name: str, look: Look) -> Look | None:
    """The look, if the box of an empty field can show it; else None, which shows nothing.

    Raises:
        PdfError: There is no such field, or it is signed already.
    """
    return look if can_be_shown(document, field, (name, look.role, look.level)) else None


def name_to_show(name: str, account: str) -> str:
    """The name, or the account if the font of signatures lacks a letter of the name.

    Whoever checks a file accepts these two: the certificate has both.
    """
    return name if name and signature_font().can_show(name) else account


def appearance(rectangle: Value, lines: Sequence[str]) -> bytes:
    """The stream of a signature's picture.

    Args:
        rectangle: ``/Rect`` of its box.
        lines: Name, role, level, time, as ``veche.documents.pdf.appearance.lines_of`` has them.

    Raises:
        PdfError: No signature can be shown in such a box.
        MissingLetterError: The font lacks a character.
    """
    return picture(size_of(rectangle), lines, signature_font())
