"""HTTP routes of the signing service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.signing.batches.routes import TemplateRoutes
from appservices.signing.events.routes import EventRoutes, WebhookRoutes
from appservices.signing.in_person.routes.meetings import MeetingRoutes
from appservices.signing.in_person.routes.tablets import TabletRoutes
from appservices.signing.organisations.routes.organisations import OrganisationRoutes
from appservices.signing.organisations.routes.seals import SealRoutes
from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.delegation import DelegationRoutes
from appservices.signing.pages.routes.lists import ListRoutes
from appservices.signing.pages.routes.own_certificates import OwnCertificateRoutes
from appservices.signing.pages.routes.parties import PartyRoutes
from appservices.signing.pages.routes.private import BlindRoutes
from appservices.signing.pages.routes.providers import ProviderRoutes
from appservices.signing.pages.routes.public import PublicRoutes
from appservices.signing.pages.routes.requests import OwnedRoutes

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
