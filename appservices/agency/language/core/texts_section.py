"""Reading the texts of a service file: each in all languages of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.language.core.definition import Texts
from appservices.agency.language.core.problems import one_of
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from appservices.agency.language.core.tree import Item, Section

TITLE_CHARACTERS_MAX: Final = 80
"""Longest title: it is the name of a room, and a choice of the menu."""


@attrs.frozen
class TextReader:
    """Reads texts in the languages that the title has.

    Attributes:
        languages: In which every text must be; empty if the title is wrong, so that not every
            text is then wrong too.
    """

    languages: tuple[str, ...]

    def read(self, item: Item | None, *, characters_max: int) -> Texts | None:
        """A text in each language, or None and a problem; None for None."""
        if item is None:
            return None
        section = item.section(self.languages or LANGUAGES)
        found = {
            language: text
            for language, entry in section.entries.items()
            if (text := entry.text(characters_max=characters_max)) is not None
        }
        missing = [language for language in self.languages if language not in section.entries]
        if missing and section.is_mapping:
            item.wrong(
                f"{one_of(missing)} is missing", "write every text in the languages of the title"
            )
        is_whole = not missing and len(found) == len(section.entries)
        return Texts(found) if is_whole and found else None

    def read_law(self, item: Item | None, *, characters_max: int) -> Texts | None:
        """A law: one text for all languages, or a text in each; None for None."""
        if item is None or not item.is_kind("str"):
            return self.read(item, characters_max=characters_max)
        text = item.text(characters_max=characters_max)
        return None if text is None else Texts(dict.fromkeys(self.languages or LANGUAGES, text))


def read_title(section: Section) -> tuple[Texts | None, TextReader]:
    """The title, and how to read the other texts."""
    item = section.need("title", "write `title: {en: Copy of a birth certificate}`")
    if item is None:
        return None, TextReader(())
    entries = item.section(LANGUAGES)
    if entries.is_mapping and not entries.entries:
        item.wrong("it has no language", f"write it in {one_of(LANGUAGES)}")
    languages = tuple(entries.entries)
    found = {
        language: text
        for language, entry in entries.entries.items()
        if (text := entry.text(characters_max=TITLE_CHARACTERS_MAX)) is not None
    }
    return (Texts(found) if found else None), TextReader(languages)
