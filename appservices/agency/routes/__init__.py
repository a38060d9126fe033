"""What pages ask the offices for over HTTP: the catalogue for anybody, cases for their persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.agency.routes.acts import API as ACTS
from appservices.agency.routes.acts import (
    WELL_KNOWN,
    ActHeadRoutes,
    ActKeyRoutes,
    ActsOfPersonRoutes,
)
from appservices.agency.routes.api import API
from appservices.agency.routes.cases import CaseRoutes
from appservices.agency.routes.catalogue import CatalogueRoutes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.web.resource import IResource

    from veche.server.host import Host

__all__ = ["API", "routes"]


def routes(host: Host, service: Any) -> Mapping[str, IResource]:
    """The agency's part of the public site.

    Args:
        host: Of the process; it has a public site.
        service: ``appservices.agency.bot.Agency``.
    """
    owners = (CatalogueRoutes(host, service), CaseRoutes(host, service))
    return {
        API.mount: API.resource(host.gate, *owners),
        ACTS.mount: ACTS.resource(
            host.gate, ActHeadRoutes(host), ActsOfPersonRoutes(host, service)
        ),
        WELL_KNOWN.mount: WELL_KNOWN.resource(host.gate, ActKeyRoutes(host)),
    }
