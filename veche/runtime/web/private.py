"""The private site: what the homeserver and the operator's machines ask, never the public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.web.resource import Resource

from veche.runtime.web.health import HealthRoutes
from veche.runtime.web.public import NoRoute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IReactorTime
    from twisted.web.resource import IResource

    from veche.runtime.web.health import Check

_ROUTES: Final = ("health", "ready", "metrics")


def private_root(
    transactions: IResource,
    checks: Mapping[str, Check],
    reactor: IReactorTime,
) -> Resource:
    """The root of the private site.

    Args:
        transactions: Takes what the homeserver pushes, below ``/_matrix``.
        checks: Of ``/ready``, by name.
        reactor: Clock.
    """
    root: Any = _Root()  # type: ignore[no-untyped-call]  # Twisted: not annotated
    root.putChild(b"_matrix", transactions)
    health = HealthRoutes(checks, reactor)
    for name in _ROUTES:
        root.putChild(name.encode(), _Under(health, name))
    return root  # type: ignore[no-any-return]


class _Root(Resource):
    """Knows nothing but its children."""

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002 -- Twisted's
        """There is nothing else."""
        return NoRoute()


class _Under(Resource):
    """Serves one path of klein routes at the root of a site."""

    isLeaf = True

    def __init__(self, routes: HealthRoutes, name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._resource = routes.app.resource()
        self._name = name

    def render(self, request: Any) -> Any:
        """Hand the request on, with the path that the routes know."""
        request.prepath, request.postpath = [], [self._name.encode()]
        return self._resource.render(request)
