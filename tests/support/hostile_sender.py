"""A homeserver that sends what no policy server has signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synapse.events import EventBase
    from synapse.module_api import ModuleApi


class HostileSender:
    """Synapse module that asks no policy server about anything."""

    def __init__(self, _config: object, api: ModuleApi) -> None:
        handler = api._hs.get_room_policy_handler()

        async def ask(event: EventBase, verify: bool = False) -> None:
            del event, verify

        async def passes(event: EventBase) -> bool:
            del event
            return True

        handler.ask_policy_server_to_sign_event = ask  # type: ignore[method-assign]
        handler.is_event_allowed = passes  # type: ignore[method-assign]

    @staticmethod
    def parse_config(config: object) -> object:
        """It has none."""
        return config
