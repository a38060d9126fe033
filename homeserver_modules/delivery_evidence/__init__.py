"""Keeps which servers have acknowledged the events of our bots.

In homeserver.yaml::

    modules:
      - module: homeserver_modules.delivery_evidence.DeliveryEvidence
        config: {}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeserver_modules.delivery_evidence.module import DeliveryEvidence

__all__ = ["DeliveryEvidence"]


def __getattr__(name: str) -> object:
    # Only Synapse has Synapse: the rules of this package can be imported without it.
    if name != "DeliveryEvidence":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from homeserver_modules.delivery_evidence.module import DeliveryEvidence  # noqa: PLC0415

    return DeliveryEvidence
