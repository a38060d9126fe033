"""Texts and elements of XML, whoever reads it."""

from __future__ import annotations

import re
from typing import Any, Final

_ILLEGAL: Final = re.compile("[^\\t\\n\\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Element = Any
"""An element of lxml, which has no types of its own."""


def xml_text(text: str) -> str:
    """``text`` with U+FFFD in place of each character that no XML can have (XML 1.0 §2.2).

    Whoever pays somebody chooses their own name, and it must not spoil a file of the other's.
    """
    return _ILLEGAL.sub("\ufffd", text)
