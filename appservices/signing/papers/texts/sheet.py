"""Words of the page on which people sign, and of how a signature looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.texts.catalogue import Catalogue

ROLES: Final[Mapping[str, str]] = {
    "signer": N_("Signer"),
    "clerk": N_("For the office"),
    "seal": N_("Seal of the organisation"),
    "approver": N_("Approver"),
    "witness": N_("Witness"),
    "viewer": N_("Gets a copy"),
}
"""By ``Role.value``."""
LEVELS: Final[Mapping[str, str]] = {
    "S0": N_("Answer in the chat"),
    "S1": N_("Approval by a device key"),
    "S2": N_("Advanced electronic signature"),
    "S3": N_("Signature with a certificate of one's own"),
    "S4": N_("Qualified electronic signature"),
    "seal": N_("Electronic seal"),
}
"""By ``Level.value``."""
EFFECTS: Final[Mapping[str, str]] = {
    "when_complete": N_("A signature counts once everyone who is needed has signed."),
    "each": N_("Each signature counts by itself."),
}
"""By ``SessionEffect.value``."""
_STAGE_ONE: Final = N_("Stage {at}: {name}.")
_STAGE_ALL: Final = N_("Stage {at}: {names}; all of them.")
_STAGE_SOME: Final = N_("Stage {at}: {names}; enough of them: {need}.")


@attrs.frozen
class Sheet:
    """The content of the page of signatures besides the names.

    Attributes:
        title: Of the document.
        language: One of ``LANGUAGES``.
        link: Where it can be checked, also printed as a QR code; empty: nowhere.
        rules: Sentences, such as how many signatures are enough.
    """

    title: str
    language: str
    link: str = ""
    rules: tuple[str, ...] = ()


def sheet_words(catalogue: Catalogue, sheet: Sheet) -> dict[str, str]:
    """The fixed texts of the page."""
    language = sheet.language
    return {
        "title": catalogue.text(language, "Signatures"),
        "of": catalogue.text(language, "of the document “{title}”", title=sheet.title),
        "note": catalogue.text(
            language,
            "Each frame is filled when its signer signs. The signatures are in the file and cover"
            " all of its pages: paper alone proves nothing.",
        ),
        "check": catalogue.text(language, "Check this document:"),
    }


def stage_words(
    catalogue: Catalogue, language: str, at: int, names: Sequence[str], need: int | None
) -> str:
    """State in a sentence who acts in a stage.

    Args:
        catalogue: Has the texts of this package.
        language: One of ``LANGUAGES``.
        at: Its number, from 1.
        names: Of its parties.
        need: How many of them are enough; None: all.
    """
    if len(names) == 1:
        return catalogue.text(language, _STAGE_ONE, at=at, name=names[0])
    told = ", ".join(names)
    if need is None:
        return catalogue.text(language, _STAGE_ALL, at=at, names=told)
    return catalogue.text(language, _STAGE_SOME, at=at, names=told, need=need)


def role_word(catalogue: Catalogue, language: str, role: str) -> str:
    """A role in words; an unknown one as it is."""
    return catalogue.text(language, ROLES.get(role, role))


def hand_words(catalogue: Catalogue, language: str, name: str) -> str:
    """Write the box of a person without a key who signs by hand before a witness."""
    return catalogue.text(language, "By hand, without a key; witness: {name}", name=name)


def clause_words(catalogue: Catalogue, language: str, clause: str, title: str) -> str:
    """Write the box of a clause."""
    return catalogue.text(language, "Clause {clause}: {title}", clause=clause, title=title)


def level_word(catalogue: Catalogue, language: str, level: str) -> str:
    """A level in words; an unknown one as it is."""
    return catalogue.text(language, LEVELS.get(level, level))
