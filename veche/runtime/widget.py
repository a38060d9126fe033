"""A page as a widget of a room that a bot has made, or shares with one person alone.

Clients that know widgets show it above the messages; it reads and answers through the client. A
widget sees every message of its room, so it never stands in a room of many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.ids import UserId

WIDGET: Final = "im.vector.modular.widgets"
"""State event of a widget (MSC1236, as clients have it)."""
LAYOUT: Final = "io.element.widgets.layout"
"""State event that says where Element shows the widgets of a room."""
WIDGET_ID: Final = "veche"
HEIGHT_PERCENT: Final = 35
"""Of the room's height that it takes."""


def widget_state(url: str | None, bot: UserId, name: str) -> Sequence[Mapping[str, Any]]:
    """State events of a room that show a page there; none where there are no pages.

    Args:
        url: Of the page; None: there are none here.
        bot: Who makes the room.
        name: What the widget is called: state is not encrypted, so nothing of the matter.
    """
    if url is None:
        return ()
    widget = {
        "id": WIDGET_ID,
        "type": "m.custom",
        "url": url,
        "name": name,
        "data": {},
        "creatorUserId": bot,
        "waitForIframeLoad": True,
    }
    place = {"container": "top", "index": 0, "width": 100, "height": HEIGHT_PERCENT}
    return (
        {"type": WIDGET, "state_key": WIDGET_ID, "content": widget},
        {"type": LAYOUT, "state_key": "", "content": {"widgets": {WIDGET_ID: place}}},
    )
