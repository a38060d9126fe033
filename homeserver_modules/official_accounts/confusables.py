"""Load Unicode's table of look-alikes (UTS 39, confusables.txt) from ``confusable_homoglyphs``."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

import confusable_homoglyphs

_MARKS: Final = "\u200e\u200f"


def load_confusables() -> dict[str, str]:
    """Return the prototype of each character that has another than itself.

    The library's file has pairs without a direction: a source names one target, a target all its
    sources. Of two that name each other, the letter is the prototype; else an ideograph would
    become a radical, which is no part of a word.
    """
    data = json.loads(files(confusable_homoglyphs).joinpath("confusables.json").read_text("utf-8"))
    lists = {key: [entry["c"].strip(_MARKS) for entry in entries] for key, entries in data.items()}
    table = {}
    for key, others in lists.items():
        source = key.strip(_MARKS)
        if len(source) != 1 or len(others) != 1:
            continue
        target = others[0]
        if len(target) == 1 and len(lists.get(target, ())) == 1:
            target = min(source, target, key=lambda char: (not char.isalpha(), char))
        if target != source:
            table[source] = target
    return table
