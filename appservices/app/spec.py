"""The service as ``veche`` finds it: it has no bots, so nothing is said to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.app import store
from appservices.app.config import DAY_MS, AppSection
from appservices.app.examining import examine
from appservices.app.routes import API, PUSH_API, PushRoutes, SiteRoutes
from veche.messaging.service import Service
from veche.protocol.errors import ConfigError
from veche.runtime.database.migrate import MigrationSet
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twisted.web.resource import IResource

    from appservices.app.config import PushSection
    from appservices.app.service import Gateway, SitePorts
    from veche.api.ports import PagePorts
    from veche.messaging.service import Cleanup

FAILING_MS: Final = 7 * DAY_MS
"""How long a browser is kept whose push service takes nothing."""


class App(Service):
    """The app's own service in a process that runs it.

    Attributes:
        section: Its configuration.
        gateway: To browsers; None: they are told of nothing.
        public_url: Origin of the public site.
    """

    def __init__(self, ports: SitePorts, section: AppSection) -> None:
        """Make it from the ports of the process.

        Raises:
            ConfigError: The key of pushes cannot be read.
        """
        self.section = section
        self.public_url: str = ports.public_url or ""
        self.gateway = None if section.push is None else _gateway(ports, section.push)

    def housekeeping(self) -> Sequence[Cleanup]:
        """Say which browsers are forgotten, and when."""
        if self.section.push is None:
            return ()
        return (
            ("app_unused", store.forget_unused, self.section.push.kept_ms),
            ("app_failing", store.forget_failing, FAILING_MS),
        )


def _gateway(ports: SitePorts, section: PushSection) -> Gateway:
    # What encrypts takes a while to import, and commands read this module only for its section.
    from appservices.app.service import Gateway  # noqa: PLC0415

    return Gateway(ports, section)


def faults(section: AppSection) -> Iterable[tuple[str, str]]:
    """Say what is wrong with the key of pushes, which keeps the service from starting."""
    from appservices.app.service import Signer  # noqa: PLC0415 -- as for the gateway

    if section.push is not None:
        try:
            Signer(section.push)
        except ConfigError as e:
            yield f"app.push.vapid_key_path: {e}", "make one: veche app key --out FILE"


def routes(ports: PagePorts, service: App) -> Mapping[str, IResource]:
    """Make the service's part of the public site."""
    site = SiteRoutes(service.section, ports.server_name)
    push = PushRoutes(service.gateway, service.public_url)
    return {
        API.mount: API.resource(ports.gate, site, push),
        PUSH_API.mount: PUSH_API.resource(ports.gate, push),
    }


SERVICE: Final = ServiceSpec(
    name="app",
    config=AppSection,
    migrations=MigrationSet("app", "appservices.app"),
    make=App,
    routes=routes,
    check=faults,
    look=examine,
)
