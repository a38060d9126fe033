"""Connectors, found by entry points: the host imports none by its name."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from pydantic import create_model

from bridges.host.config import BridgesSection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridges.core.ports import NetworkConnector

ENTRY_POINTS: Final = "veche.connectors"


def connectors() -> Mapping[str, type[NetworkConnector]]:
    """Load the class of each installed connector, by its network."""
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda one: one.name)
    return {one.name: one.load() for one in found}


def section_model(installed: Mapping[str, type[NetworkConnector]]) -> type[BridgesSection]:
    """Make the model of the section: a key for each network, which may be left out."""
    fields: dict[str, Any] = {
        network: (connector.config | None, None) for network, connector in installed.items()
    }
    return create_model(
        "BridgesSection", __base__=BridgesSection, __doc__=BridgesSection.__doc__, **fields
    )
