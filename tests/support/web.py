"""Requests to a resource, in memory or over the loopback address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import treq
from treq.testing import StubTreq
from twisted.internet import reactor  # noqa: TID251 -- for `served`
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, HTTPConnectionPool

from veche.runtime.web import new_site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.trial.unittest import TestCase
    from twisted.web.resource import IResource


class WebTestCase(SynchronousTestCase):
    """A test case with requests to one resource that answers at once.

    Where an answer has to wait (for a database), use ``served``: StubTreq gives it nobody to
    wait for, and the test hangs.
    """

    def request(
        self,
        resource: IResource,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and decoded JSON body of the answer.

        Args:
            resource: What is asked.
            method: HTTP method.
            path: With the query, from ``/`` on.
            body: JSON, or bytes that go out as they are.
            headers: Of the request.
        """
        http: Any = StubTreq(resource)
        url = "http://service.test" + path
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.successResultOf(
            http.request(method, url, data=data, headers=dict(headers or {}))
        )
        return response.code, self.successResultOf(http.json_content(response))


def served(case: TestCase, resource: IResource) -> tuple[Any, str]:
    """A client, and the URL at which ``resource`` is served until the test case ends."""
    site: Any = new_site(resource, reactor)
    port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
    case.addCleanup(port.stopListening)
    return http_client(case), f"http://127.0.0.1:{port.getHost().port}"


def http_client(case: TestCase) -> Any:
    """A client whose connections are closed when the test case ends."""
    pool = HTTPConnectionPool(reactor, persistent=False)
    case.addCleanup(pool.closeCachedConnections)
    return treq.client.HTTPClient(Agent(reactor, pool=pool))
