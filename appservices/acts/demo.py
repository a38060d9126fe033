"""The directory of the demo of `veche up`: the town, its records office and its bank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.acts.core import SEED, directory_origin
from veche.runtime.crypto.keys import read_operator_key
from veche.server.demo import BANK, BANK_NAME, SERVER_NAME, TOWN, TOWN_NAME, DemoPart
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from veche.server.demo import Place

OFFICIAL_BOT: Final = f"@veche_official:{SERVER_NAME}"
"""The bot that says who is official."""
OFFICE: Final = f"records.{TOWN}"
"""The records office in the directory."""
OFFICE_BOT: Final = f"@veche_org_{TOWN}_records:{SERVER_NAME}"
_OFFICE_NAME: Final = {
    "en": "Vital Records Office of Lindenau",
    "ru": "Отдел ЗАГС Линденау",
    "de": "Standesamt Lindenau",
    "uk": "Відділ ДРАЦС Лінденау",
}
_SHORT_NAME: Final = {
    "en": "Vital Records Office",
    "ru": "Отдел ЗАГС",
    "de": "Standesamt",
    "uk": "Відділ ДРАЦС",
}
_BOT_NAME: Final = {
    "en": "Who is official",
    "ru": "Кто официальный",
    "de": "Wer amtlich ist",
    "uk": "Хто офіційний",
}
_TO_TRY: Final = (
    (
        f"As alice, start a direct chat with {OFFICIAL_BOT}.",
        f"Write: check {OFFICE_BOT}",
    ),
)


def demo(place: Place) -> DemoPart:
    """Bring the directory, which enters its organisations once their bots have keys."""
    seed = read_operator_key(place.operator_key).seed(SEED)
    key = NoteSigner(directory_origin(SERVER_NAME, TOWN), seed).verifier.to_text()
    directories = [{"url": place.pages_url, "keys": [key]}]
    section = acts_section(place.pages_url)
    return DemoPart({"acts": section}, to_try=_TO_TRY, official={"directories": directories})


def acts_section(pages_url: str) -> dict[str, Any]:
    """Return the section ``acts``: a directory with three organisations.

    Args:
        pages_url: Origin of the pages, whose host is the domain of all of them.
    """
    host = pages_url.partition("://")[2]
    complaints = "ombudsman@lindenau.example"
    registry = {
        "en": "Certificates and the register of residents",
        "ru": "Свидетельства и реестр жителей",
        "de": "Urkunden und Melderegister",
        "uk": "Свідоцтва та реєстр мешканців",
    }
    account = {
        "en": "Your account and payments",
        "ru": "Ваш счёт и платежи",
        "de": "Ihr Konto und Zahlungen",
        "uk": "Ваш рахунок і платежі",
    }
    town = {
        "id": TOWN,
        "name": dict(TOWN_NAME),
        "domain": f"town.{host}",
        "bots": [f"@veche_signing:{SERVER_NAME}", OFFICIAL_BOT],
        "complaints": complaints,
        "protects": [*TOWN_NAME.values()],
    }
    office = {
        "id": OFFICE,
        "acts": TOWN,
        "name": dict(_OFFICE_NAME),
        "domain": f"records.{host}",
        "parent": TOWN,
        "bots": [OFFICE_BOT],
        "purposes": [
            {
                "code": "civil-registry",
                "title": registry,
                "basis": "Civil Status Act §12",
                "claims": ["name", "birth_date", "address"],
            }
        ],
        "complaints": complaints,
        "protects": [*_OFFICE_NAME.values(), *_SHORT_NAME.values()],
    }
    bank = {
        "id": BANK,
        "name": dict(BANK_NAME),
        "domain": f"bank.{host}",
        "bots": [f"@veche_payments:{SERVER_NAME}"],
        "purposes": [
            {"code": "payments", "title": account, "basis": "Payment Services Act §3"},
        ],
        "complaints": complaints,
        "protects": [*BANK_NAME.values()],
    }
    return {
        "id": TOWN,
        "name": dict(_BOT_NAME),
        "time_zone": "Europe/Berlin",
        "directory": {"id": TOWN, "organisations": [town, office, bank]},
    }
