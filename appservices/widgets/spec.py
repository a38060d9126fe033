"""The service object that the runtime finds: pages, and the calls that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.widgets.config import WidgetsSection
from appservices.widgets.routes import approvals, identity, keys, sessions
from appservices.widgets.routes.pages import Facts, Pages
from veche.messaging.service import Service
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.matrix.registration import PREFIX
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.web.resource import IResource

    from veche.api.ports import PagePorts

PACKAGE: Final = "appservices.widgets"
WALLET_SERVICE: Final = "payments"
"""Service whose API the wallet asks."""
DIRECTORY_SERVICE: Final = "acts"
"""Service that knows who is official."""


class Widgets(Service):
    """The pages as a service: it has no bots, so nothing is said to it.

    Attributes:
        section: Its configuration.
    """

    def __init__(self, _ports: object, section: WidgetsSection) -> None:
        self.section = section


def routes(ports: PagePorts, service: Any) -> Mapping[str, IResource]:
    """Return the resources of the public site, by path below its root.

    Raises:
        ConfigError: A file of the pages is missing.
    """
    facts = Facts(
        server_name=ports.server_name,
        sender_prefix=f"@{PREFIX}",
        embedders=ports.embedders,
        homeservers=service.section.homeservers,
        has_wallet=WALLET_SERVICE in ports.service_names,
        has_directory=DIRECTORY_SERVICE in ports.service_names,
        pages_origin=ports.public_url or "",
        app_origin=service.section.app_origin,
    )
    return {
        "": Pages(facts, Catalogue.load(PACKAGE)),
        sessions.API.mount: sessions.API.resource(
            ports.gate, sessions.SessionRoutes(ports.sessions)
        ),
        keys.API.mount: keys.API.resource(
            ports.gate, keys.KeyRoutes(ports.approvals), identity.IdentityRoutes()
        ),
        approvals.API.mount: approvals.API.resource(
            ports.gate, approvals.ApprovalRoutes(ports.approvals)
        ),
    }


SERVICE: Final = ServiceSpec(
    name="widgets",
    config=WidgetsSection,
    migrations=MigrationSet("widgets", PACKAGE),
    make=Widgets,
    routes=routes,
)
