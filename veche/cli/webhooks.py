"""`veche webhooks`: where organisations have their events sent, and what is not taken there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from veche.messaging.webhooks import DISABLED, store
from veche.protocol.errors import NotFoundError
from veche.runtime.database.clock import database_ms
from veche.server.installed import add_config_option
from veche.server.offline import config_of, database_of, transaction

if TYPE_CHECKING:
    import argparse

    from veche.messaging.webhooks import Webhook
    from veche.runtime.database import Cursor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `veche webhooks`."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("list", help="list all targets, the disabled ones first")
    add_config_option(command)
    command.set_defaults(run=list_all)
    command = commands.add_parser("resume", help="send again to a target, from where it stopped")
    command.add_argument("webhook", metavar="ID", help="as `veche webhooks list` names it")
    add_config_option(command)
    command.set_defaults(run=resume)


def list_all(arguments: argparse.Namespace) -> int:
    """Run `veche webhooks list`."""
    with database_of(config_of(arguments)) as dsn:
        found = transaction(dsn, store.everywhere)
    sys.stdout.writelines(map(_line, found))
    if not found:
        sys.stdout.write("no organisation has its events sent anywhere\n")
    return 0


def resume(arguments: argparse.Namespace) -> int:
    """Run `veche webhooks resume`."""

    def work(txn: Cursor) -> None:
        known = store.read(txn, arguments.webhook)
        if known is None:
            raise NotFoundError("there is no such webhook: see veche webhooks list")
        now_ms = database_ms(txn)
        store.resume(txn, known.feed, known.owner, known.id, None, now_ms)

    with database_of(config_of(arguments)) as dsn:
        transaction(dsn, work)
    sys.stdout.write(f"{arguments.webhook} is sent its events again\n")
    return 0


def _line(webhook: Webhook) -> str:
    # Not the whole address: what stands behind the host may be a secret of the organisation.
    where = urlsplit(webhook.url).netloc
    failing = f", failed {webhook.failures} times: {webhook.why}" if webhook.failures else ""
    state = "DISABLED" if webhook.state == DISABLED else "active"
    return f"{webhook.id}  {webhook.feed}  {where}  {state} after event {webhook.cursor}{failing}\n"
