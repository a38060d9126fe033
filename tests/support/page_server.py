"""The pages, on the loopback address: ``python -m tests.support.page_server PORT [SERVICE_PORT]``.

With a second port, what the pages ask of services is handed on to what listens there. With ``--app
PORT``, the app is served there, too.
"""

from __future__ import annotations

import argparse
from typing import Any

import attrs
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


def main(port: int, service_port: int | None = None, app_port: int | None = None) -> None:
    """Serve until the process is ended."""
    reactor: Any = global_reactor
    catalogue = Catalogue.load("appservices.widgets")
    if app_port is not None:
        facts = attrs.evolve(FACTS, pages_origin=_origin(port), app_origin=_origin(app_port))
        app = Pages(facts, catalogue)
        reactor.listenTCP(app_port, new_site(app, reactor), interface="127.0.0.1")
    root = Pages(FACTS, catalogue)
    if service_port is not None:
        root.putChild(
            b"_veche", ReverseProxyResource("127.0.0.1", service_port, b"/_veche", reactor)
        )
    reactor.listenTCP(port, new_site(root, reactor), interface="127.0.0.1")
    reactor.run()


def _origin(port: int) -> str:
    return f"http://localhost:{port}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("service_port", type=int, nargs="?")
    parser.add_argument("--app", type=int)
    arguments = parser.parse_args()
    main(arguments.port, arguments.service_port, arguments.app)
