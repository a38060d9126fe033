"""The app in the demo of `veche up`: open registration, and notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.app.vapid import new_key
from veche.server.demo import TOWN_NAME, DemoPart, kept

if TYPE_CHECKING:
    from veche.server.demo import Place

NOTICE: Final = {
    "en": "This is a demo town. The money is play money: you get 100 EUR to try things out. A new"
    " key waits one minute before it may approve larger amounts; in a real town it waits 12 hours.",
    "ru": "Это демонстрационный город. Деньги здесь игрушечные: вы получите 100 EUR, чтобы всё"
    " попробовать. Новый ключ начинает подтверждать крупные суммы через минуту; в настоящем городе"
    " — через 12 часов.",
    "de": "Dies ist eine Demo-Stadt. Das Geld ist Spielgeld: Sie bekommen 100 EUR zum Ausprobieren."
    " Ein neuer Schlüssel darf größere Beträge nach einer Minute bestätigen; in einer echten Stadt"
    " erst nach 12 Stunden.",
    "uk": "Це демонстраційне місто. Гроші тут іграшкові: ви отримаєте 100 EUR, щоб усе спробувати."
    " Новий ключ починає підтверджувати великі суми через хвилину; у справжньому місті — через"
    " 12 годин.",
}


def demo(place: Place) -> DemoPart:
    """Bring the section, with a key of pushes that is made at the first start."""
    return DemoPart({"app": app_section(place)})


def app_section(place: Place) -> dict[str, Any]:
    """Return the section ``app``: open registration, and the push services of all browsers."""
    return {
        "homeserver_url": place.homeserver_url,
        "name": dict(TOWN_NAME),
        "notice": dict(NOTICE),
        "registration": "open",
        "push": {
            "vapid_key_path": str(kept(place.folder / "app" / "vapid_key", new_key())),
            "contact": "mailto:demo@lindenau.example",
        },
    }
