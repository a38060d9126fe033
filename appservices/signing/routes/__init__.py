"""What the service of signing answers over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.signing.routes.api import API
from appservices.signing.routes.blind import BlindRoutes
from appservices.signing.routes.delegation import DelegationRoutes
from appservices.signing.routes.lists import ListRoutes
from appservices.signing.routes.meetings import MeetingRoutes
from appservices.signing.routes.organisations import OrganisationRoutes
from appservices.signing.routes.own_certificates import OwnCertificateRoutes
from appservices.signing.routes.owned import OwnedRoutes
from appservices.signing.routes.parties import PartyRoutes
from appservices.signing.routes.providers import ProviderRoutes
from appservices.signing.routes.public import PublicRoutes
from appservices.signing.routes.seals import SealRoutes
from appservices.signing.routes.tablets import TabletRoutes
from appservices.signing.routes.templates import TemplateRoutes
from appservices.signing.routes.webhooks import EventRoutes, WebhookRoutes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.web.resource import IResource

    from veche.api.ports import PagePorts

__all__ = ["API", "routes"]


def routes(ports: PagePorts, service: Any) -> Mapping[str, IResource]:
    """Its part of the public site.

    Args:
        ports: Of the process; it has a public site.
        service: ``appservices.signing.bot.Signing``.
    """
    owners = (
        PublicRoutes(ports.gate.database, service),
        SealRoutes(ports.gate.database, service),
        PartyRoutes(service),
        ListRoutes(service),
        BlindRoutes(service),
        OwnedRoutes(service),
        MeetingRoutes(service),
        TabletRoutes(service),
        DelegationRoutes(service),
        OwnCertificateRoutes(service),
        ProviderRoutes(service),
        OrganisationRoutes(service),
        EventRoutes(service, ports.live),
        TemplateRoutes(service),
        WebhookRoutes(service),
    )
    return {API.mount: API.resource(ports.gate, *owners, keys=service.callers)}
