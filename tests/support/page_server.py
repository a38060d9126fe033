"""The pages alone, on the loopback address: ``python -m tests.support.page_server PORT``."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor as global_reactor  # noqa: TID251 -- a program of its own

from appservices.widgets.routes.pages import Facts, Pages
from veche.protocol.catalogue import Catalogue
from veche.runtime.web import new_site

FACTS = Facts(
    server_name="localhost",
    sender_prefix="@veche_",
    embedders=("http://127.0.0.1:*", "vector:"),
    homeservers=("https:", "http://localhost:*"),
)


def main(port: int) -> None:
    """Serve until the process is ended."""
    reactor: Any = global_reactor
    root = Pages(FACTS, Catalogue.load("appservices.widgets"))
    reactor.listenTCP(port, new_site(root, reactor), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
