"""The pages in the demo of `veche up`: people of other homeservers may sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.server.demo import DemoPart

if TYPE_CHECKING:
    from veche.server.demo import Place


def demo(place: Place) -> DemoPart:
    """Bring the pages' section."""
    section = {
        "homeservers": ["https:", place.homeserver_url],
        "app_origin": place.app_url,
    }
    return DemoPart({"widgets": section})
