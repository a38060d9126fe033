"""Text as it is compared, whoever typed it: the one place for what never makes a difference."""

from __future__ import annotations

import unicodedata


def folded_text(text: str) -> str:
    """``text`` without case, Unicode form, and outer or double spaces, and Russian without ё.

    Compatibility forms are one (fullwidth letters, ligatures). People type Russian with the letter
    Yo or without it, as they like.
    """
    # Twice: lower case of some letters is not in normal form.
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(plain.replace("ё", "\N{CYRILLIC SMALL LETTER IE}").split())
