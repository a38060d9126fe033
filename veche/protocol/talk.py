"""Chat messages that are the same for every bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.commands import LANGUAGE
from veche.protocol.message import Bullets, Mono, Paragraph
from veche.protocol.texts.catalogue import LANGUAGE_NAMES, LANGUAGES

if TYPE_CHECKING:
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer


def language_doc(localizer: Localizer) -> Doc:
    """Confirm that the language has changed."""
    words = localizer.text("I speak English with you now. Write “language” to change it.")
    return (Paragraph(words),)


def languages_line() -> Bullets:
    """How to choose a language, in each of them."""
    return Bullets(
        [
            (f"{LANGUAGE_NAMES[code]}: ", Mono(f"{LANGUAGE.word(code)} {LANGUAGE_NAMES[code]}"))
            for code in LANGUAGES
        ]
    )


def clear_doc(localizer: Localizer) -> Doc:
    """Warn that a message came unencrypted into an encrypted room."""
    words = localizer.text(
        "Your message came without encryption, so it does not count. Please send it encrypted."
    )
    return (Paragraph(words),)


def edit_doc(localizer: Localizer) -> Doc:
    """Explain that an edit does nothing."""
    words = localizer.text(
        "A change of an earlier message changes nothing here. Please write it anew."
    )
    return (Paragraph(words),)
