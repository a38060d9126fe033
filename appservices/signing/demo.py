"""Signing in the demo of `veche up`: the town's authority, and the bot.

The passphrase of the root's key lies beside it, so nobody should trust the demo's root elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.server.demo import (
    BANK,
    BANK_NAME,
    CAROL,
    HENRIETTE,
    SERVER_NAME,
    TOWN,
    TOWN_NAME,
    DemoPart,
    Preparation,
    protected,
    secret,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from veche.server.demo import Place

SIGNING_BOT: Final = f"@veche_signing:{SERVER_NAME}"
"""The bot by which people have documents signed and sign them."""
_TO_TRY: Final = (
    (
        "As alice, start a direct chat with the signing bot,",
        f"{SIGNING_BOT}. Send it a PDF and write: bob",
        "Bob is asked in a chat of his own, and signs on a page with his key.",
    ),
)


def demo(place: Place) -> DemoPart:
    """Bring the authority by which the documents of town and bank are sealed, and the bot."""
    town = TOWN_NAME["en"]
    seals = {TOWN: town, BANK: BANK_NAME["en"]}
    authority = DemoAuthority(place.folder / "authority", place.pages_url, town, seals)
    section = signing_section(authority, place.examples / "signing")
    return DemoPart(
        {"signing": section},
        to_try=_TO_TRY,
        official=protected(section["sessions"]["name"], SIGNING_BOT),
        preparation=authority.preparation(),
    )


@attrs.frozen
class DemoAuthority:
    """The plan of the authority.

    Attributes:
        folder: Where it is; kept between starts.
        site: Public address of the services.
        name: Of the town.
        seals: Names of organisations with a seal, by their ids.
    """

    folder: Path
    site: str
    name: str
    seals: Mapping[str, str]

    def preparation(self) -> Preparation:
        """Return how it is made; the root's certificate is written last."""
        passphrase = secret(self.folder / "passphrase")
        seals = [word for one in self.seals.items() for word in ("--seal", *one)]
        command = (
            *("ca", "init", self.name, "--site", self.site, "--folder", str(self.folder)),
            *("--passphrase-path", str(passphrase), *seals),
        )
        return Preparation("authority", command, self.folder / "root.pem")

    @property
    def section(self) -> dict[str, Any]:
        """The section ``signing``, without the bot."""
        seals = [{"id": one, "key_paths": [str(self.key(one))]} for one in self.seals]
        return {"folder": str(self.folder), "seals": seals}

    def key(self, organisation: str) -> Path:
        """Return the file with the key by which an organisation asks for its seal."""
        return secret(self.folder / f"{organisation}_key")


def signing_section(authority: DemoAuthority, templates: Path) -> dict[str, Any]:
    """Return the section ``signing``: authority and bot; the town's clerks order its seal.

    Args:
        authority: By which documents are sealed.
        templates: Folder with templates of documents, ``config/signing`` of the checkout.
    """
    section = authority.section
    clerks = [CAROL.user_id, HENRIETTE.user_id]
    seals = [
        {**one, "ordered_by": clerks} if one["id"] == TOWN else one for one in section["seals"]
    ]
    sessions = {
        "id": TOWN,
        "name": {
            "en": "Signatures of Lindenau",
            "ru": "Подписи Линденау",
            "de": "Unterschriften von Lindenau",
            "uk": "Підписи Линденау",
        },
        "time_zone": "Europe/Berlin",
        "templates": str(templates),
        "avatar": str(templates.parent / "pictures" / "signatures.png"),
        "registrars": [{"organisation": TOWN_NAME["en"], "persons": [*clerks]}],
    }
    return {**section, "seals": seals, "sessions": sessions}
