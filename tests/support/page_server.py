"""The pages, on the loopback address: ``python -m tests.support.page_server PORT [SERVICE_PORT]``.

With a second port, what the pages ask of services is handed on to what listens there.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor as global_reactor  # noqa: TID251 -- a program of its own
from twisted.web.proxy import ReverseProxyResource

from appservices.widgets.routes.pages import Facts, Pages
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime.web import new_site

FACTS = Facts(
    server_name="localhost",
    sender_prefix="@veche_",
    embedders=("http://127.0.0.1:*", "vector:"),
    homeservers=("https:", "http://localhost:*"),
)


def main(port: int, service_port: int | None = None) -> None:
    """Serve until the process is ended."""
    reactor: Any = global_reactor
    root = Pages(FACTS, Catalogue.load("appservices.widgets"))
    if service_port is not None:
        root.putChild(
            b"_veche", ReverseProxyResource("127.0.0.1", service_port, b"/_veche", reactor)
        )
    reactor.listenTCP(port, new_site(root, reactor), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
