"""A process that sends the events of a database to their webhooks, until it is killed.

``python -m tests.integration.appservices.signing.sender DSN``
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- a process of its own

from appservices.signing.events.service import SigningFeed
from veche.messaging.webhooks import Rules, Webhooks
from veche.runtime.database import Database
from veche.runtime.vault import Vault
from veche.transparency.notes import NoteSigner

reactor: Any = default_reactor


def main(dsn: str) -> None:
    """Send."""
    host = SimpleNamespace(
        reactor=reactor,
        database=Database(dsn, reactor, threads=2),
        now_ms=lambda: int(reactor.seconds() * 1000),
        hear=lambda *_: None,
        at_stop=lambda _: None,
    )
    signer = NoteSigner("veche.test/veche/signing/events/v1", b"s" * 32)
    rules = Rules("lindenau", ("127.0.0.0/8",), "signing.sessions.webhook_networks", 86_400_000)
    webhooks = Webhooks(cast("Any", host), SigningFeed(Vault(b"v" * 32)), signer, rules)
    reactor.callWhenRunning(webhooks.start)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1])
