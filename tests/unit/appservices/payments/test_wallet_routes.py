"""What sessions the wallet's routes ask for, and that the page about them says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appservices.payments.wallet.routes.persons import API
from tests.support.tables import each_row
from veche.access.sessions import Level

if TYPE_CHECKING:
    from veche.api import Route

PAGE: Final = (Path(__file__).parents[4] / "docs/reference/http-wallet.md").read_text()
PUBLIC: Final = {
    ("POST", "/invoices"),
    ("POST", "/codes"),
    ("GET", "/invoices/<link>/status"),
}
"""What anybody asks, who has a link or a code."""
TAKES_POWER_AWAY: Final = {("POST", "/freeze")}


def level_of(route: Route) -> Level | None:
    place = (route.method, route.path)
    if place in PUBLIC:
        return None
    return Level.LOW if place in TAKES_POWER_AWAY else Level.ROOM


@each_row("route", API.routes)
def test_each_route_asks_for_the_level_that_it_needs(route: Route) -> None:
    assert route.level is level_of(route)
    # Whoever asks without signing in, and whatever says something in a chat, is bounded.
    assert route.limit is not None or route.method == "GET"


def test_what_orders_money_needs_a_key_so_that_it_is_asked_once() -> None:
    needing = {route.path for route in API.routes if route.needs_key}

    assert needing == {"/payments", "/payouts", "/escrows"}


def test_the_page_names_each_route_with_its_level_and_key() -> None:
    written = re.findall(r"^\| `([A-Z]+ /\S+)` \| (\S+) \| (yes)? ?\|", PAGE, re.MULTILINE)

    assert written == [
        (
            f"{one.method} {one.path}",
            "open" if one.level is None else one.level.label,
            "yes" if one.needs_key else "",
        )
        for one in API.routes
    ]
