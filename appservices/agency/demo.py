"""The agency in the demo of `veche up`: the town's records office."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from veche.server.demo import (
    CAROL,
    HENRIETTE,
    SERVER_NAME,
    TOWN,
    TOWN_NAME,
    DemoPart,
)

if TYPE_CHECKING:
    from pathlib import Path

    from veche.server.demo import Place

OFFICE_BOT: Final = f"@veche_org_lindenau_records:{SERVER_NAME}"
"""The bot of the records office."""
DESK: Final = "archive"
"""The desk that the demo's service is reviewed at."""
SERVICES: Final = ("birth-certificate-copy", "change-of-address")
"""What the office offers, in the order of its menu; files of ``config/services``."""
FEE_SERVICE: Final = "land-register-extract"
"""What it offers besides where its fee can be paid."""
SIGNED_SERVICE: Final = "garden-plot-lease"
"""What it offers besides where its documents can be signed."""


def demo(place: Place) -> DemoPart:
    """Bring the office, which asks the town's bank for fees and has its documents sealed."""
    definitions = place.examples / "services"
    section = agency_section(definitions, place.pages_url, place.key(TOWN, "bank"))
    [town] = section["organisations"]
    town["avatar"] = str(place.examples / "pictures" / "lindenau.png")
    seal_key = place.key(TOWN, "authority")
    town["seal"] = {"url": place.pages_url, "key_path": str(seal_key)}
    town["offices"][0]["services"].append(str(definitions / f"{SIGNED_SERVICE}.yaml"))
    return DemoPart({"agency": section}, to_try=_TO_TRY, bot=OFFICE_BOT)


def agency_section(
    definitions: Path, bank_url: str | None = None, town_key: Path | None = None
) -> dict[str, Any]:
    """Return the section ``agency``: one organisation with one office, its services and staff.

    Args:
        definitions: Folder with the service definitions.
        bank_url: Origin of the pages, where the bank is asked; None: no fees.
        town_key: Path of the file with the town's key for it; None: no fees.
    """
    has_bank = bank_url is not None and town_key is not None
    services = (*SERVICES, FEE_SERVICE) if has_bank else SERVICES
    office = {
        "id": "records",
        "name": {
            "en": "Vital Records Office",
            "ru": "Отдел ЗАГС",
            "de": "Standesamt",
            "uk": "Відділ ДРАЦС",
        },
        "hours": {day: ["08:00-12:00", "13:00-16:00"] for day in ("mon", "tue", "thu")}
        | {"wed": ["08:00-12:00"], "fri": ["08:00-13:00"]},
        "services": [str(definitions / f"{service}.yaml") for service in services],
        "staff": [
            {
                "id": CAROL.name,
                "user": CAROL.user_id,
                "role": "clerk",
                "desks": [DESK],
            },
            {
                "id": HENRIETTE.name,
                "user": HENRIETTE.user_id,
                "role": "decision_maker",
                "desks": [DESK],
                "duties": ["head-of-office"],
            },
        ],
    }
    town: dict[str, Any] = {
        "id": TOWN,
        "name": dict(TOWN_NAME),
        "time_zone": "Europe/Berlin",
        "offices": [office],
    }
    if has_bank:
        town["payments"] = {"url": bank_url, "key_path": str(town_key)}
    return {"organisations": [town]}


_TO_TRY: Final = (
    (
        # A device that comes after a message has no key for it.
        "Log in as alice, and as carol in a second client, before you begin. As alice,",
        f"start a direct chat with {OFFICE_BOT}",
        "It greets you and asks for your language. Write: 1",
    ),
    ("It shows what it can do for you. Write 1 again, and answer its questions.",),
    (
        "As carol, open the chat of the office's desk, to which you are invited: the case is",
        "there. Answer with the numbers that the office shows, and decide it.",
    ),
)
