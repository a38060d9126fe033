"""Look-up of what somebody asks the bot about: the subject, similar names, names of directories."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import attrs
from rapidfuzz import fuzz, process, utils

from veche.contracts.directory.snapshot import Standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.contracts.directory.snapshot import Organisation, Snapshot
    from veche.contracts.directory.trusted import Trusted

SEED: Final = "directory"
"""Purpose of the seed of the directory's key."""
NEAR_MAX: Final = 3
"""Organisations that are named to somebody who wrote a name."""
NEAR_MIN: Final = 75
"""How near a name has to be, of 100."""
_USER: Final = re.compile(r"@[^\s:]{1,250}:[^\s]{1,250}")
_ALIAS: Final = re.compile(r"#[^\s:]{1,250}:[^\s]{1,250}")
_ROOM: Final = re.compile(r"![^\s]{1,254}")
_LINK: Final = re.compile(r"https://matrix\.to/#/([^\s?]+)\S*")
_IN_WORDS: Final = re.compile(r"(?:^|[\s(<\"'])([@#][^\s:]{1,250}:[\w.:\[\]-]{0,249}[\w\]])")
"""An account or an alias among other words."""
_CHARACTERS_MAX: Final = 255
_LOOKS: Final = str.maketrans("авсеһіјкмнорѕтухАВСЕНІЈКМОРЅТУХ", "abcehijkmhopstyxABCEHIJKMOPSTYX")
"""Cyrillic letters that look like Latin ones."""


def directory_origin(server_name: str, id_: str, history: int = 1) -> str:
    """The name in which the log of a directory signs; another one in another history."""
    return f"{server_name}/veche/directory/v{history}/{id_}"


@attrs.frozen
class Asked:
    """The subject of a question to the bot.

    Attributes:
        kind: ``account``, ``alias``, ``room`` or ``name``.
        value: Which.
    """

    kind: str
    value: str


def read_asked(typed: str) -> Asked | None:
    """Read what somebody wrote after *check*; None: nothing that can be looked up."""
    text = _LINK.sub(lambda link: unquote(link[1]), typed).strip()
    if not text or len(text) > _CHARACTERS_MAX or "\0" in text:
        return None
    for kind, pattern in (("account", _USER), ("alias", _ALIAS), ("room", _ROOM)):
        if pattern.fullmatch(text):
            return Asked(kind, text)
    if (found := _IN_WORDS.search(text)) is not None:
        return Asked("account" if found[1][0] == "@" else "alias", found[1])
    return None if text[0] in "@#!" else Asked("name", text)


def is_of_an_id(typed: str) -> bool:
    """Return whether a message is about an account or a room, without a question for one."""
    asked = read_asked(typed)
    return typed.strip()[:1] in {"@", "#", "!"} if asked is None else asked.kind != "name"


def near(trusted: Trusted, name: str) -> Sequence[tuple[Snapshot, Organisation]]:
    """The official organisations whose name is near to what somebody wrote, the nearest first."""
    known = [
        (snapshot, one, text)
        for snapshot in trusted.snapshots
        for one in snapshot.organisations.values()
        if one.accounts and snapshot.standing(one.id) is Standing.OFFICIAL
        for text in {*one.said.names.values(), *one.names}
    ]
    found = process.extract(
        name.translate(_LOOKS),
        [text.translate(_LOOKS) for _, _, text in known],
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        score_cutoff=NEAR_MIN,
        limit=None,
    )
    nearest: dict[tuple[str, str], tuple[Snapshot, Organisation]] = {}
    for _, _, at in found:
        snapshot, one, _ = known[at]
        nearest.setdefault((snapshot.directory, one.id), (snapshot, one))
    return list(nearest.values())[:NEAR_MAX]
