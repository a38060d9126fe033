"""HTTP routes of the offices: the catalogue for anybody, cases for their persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.agency.acts.routes import API as ACTS
from appservices.agency.acts.routes import (
    WELL_KNOWN,
    ActHeadRoutes,
    ActKeyRoutes,
    ActsOfPersonRoutes,
)
from appservices.agency.pages.routes.api import API
from appservices.agency.pages.routes.cases import CaseRoutes
from appservices.agency.pages.routes.catalogue import CatalogueRoutes
from veche.api.long_polling import Follower

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.web.resource import IResource

    from veche.api.ports import PagePorts

__all__ = ["API", "routes"]


def routes(ports: PagePorts, service: Any) -> Mapping[str, IResource]:
    """The agency's part of the public site.

    Args:
        ports: Of the process; it has a public site.
        service: ``appservices.agency.bot.Agency``.
    """
    follower = Follower(ports.gate, ports.live, ports.sessions)
    owners = (CatalogueRoutes(service), CaseRoutes(service, follower, ports.client))
    heads = ports.act_heads
    return {
        API.mount: API.resource(ports.gate, *owners),
        ACTS.mount: ACTS.resource(
            ports.gate, ActHeadRoutes(heads), ActsOfPersonRoutes(service, ports.act_log, heads)
        ),
        WELL_KNOWN.mount: WELL_KNOWN.resource(ports.gate, ActKeyRoutes(heads, ports.witnesses)),
    }
