"""Words of the page on which people sign, and of how a signature looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.catalogue import Catalogue

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
    "S3": N_("Signature by a hardware key"),
    "S4": N_("Qualified electronic signature"),
    "seal": N_("Electronic seal"),
}
"""By ``Level.value``."""


@attrs.frozen
class Sheet:
    """What the page of signatures says besides the names.

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


def role_word(catalogue: Catalogue, language: str, role: str) -> str:
    """A role in words; an unknown one as it is."""
    return catalogue.text(language, ROLES.get(role, role))


def level_word(catalogue: Catalogue, language: str, level: str) -> str:
    """A level in words; an unknown one as it is."""
    return catalogue.text(language, LEVELS.get(level, level))
