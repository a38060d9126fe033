"""`veche identity`: new identities of persons, confirmed by the operator who has seen the person.

A person with a key confirms it themselves; see ``veche.access.approvals.identities``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from veche.access.approvals import rules_of
from veche.access.approvals.identities import confirm
from veche.access.approvals.parts import Parts
from veche.acts import ActLog
from veche.protocol.errors import RefusedError
from veche.protocol.ids import UserId
from veche.runtime.crypto.core.identity import fingerprint
from veche.runtime.crypto.keys import WrongOperatorKeyError, read_operator_key
from veche.runtime.crypto.maintenance import key_names
from veche.runtime.crypto.store import people
from veche.runtime.crypto.tracking import unconfirmed
from veche.runtime.database.clock import database_ms
from veche.runtime.web.public import PageLinks
from veche.server.installed import add_config_option
from veche.server.offline import config_of, database_of, transaction

if TYPE_CHECKING:
    import argparse

    from veche.runtime.database import Cursor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `veche identity`."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("list", help="list persons whose new identity nobody confirmed")
    add_config_option(command)
    command.set_defaults(run=list_changed)
    command = commands.add_parser(
        "confirm", help="confirm the new identity of a person whom you have seen"
    )
    command.add_argument("person", metavar="PERSON", help="Matrix id, such as @alice:example.org")
    command.add_argument(
        "fingerprint",
        nargs="+",
        metavar="FINGERPRINT",
        help="fingerprint as the person's own device shows it",
    )
    add_config_option(command)
    command.set_defaults(run=confirm_one)


def list_changed(arguments: argparse.Namespace) -> int:
    """Run `veche identity list`."""
    with database_of(config_of(arguments)) as dsn:
        found = transaction(dsn, people.changed_identities)
    sys.stdout.writelines(
        f"{user_id}\n  before  {fingerprint(pinned) if pinned else 'none, only devices'}\n"
        f"  now     {fingerprint(present)}\n"
        for user_id, pinned, present in found
    )
    if not found:
        sys.stdout.write("every identity is the one that was pinned\n")
    return 0


def confirm_one(arguments: argparse.Namespace) -> int:
    """Run `veche identity confirm`."""
    config = config_of(arguments)
    person, typed = UserId(arguments.person), "".join(arguments.fingerprint)
    key = read_operator_key(config.crypto.key_path)
    links = None if config.pages is None else PageLinks(config.pages.public_url)
    act_log = ActLog(key.seed("pseudonym"))
    parts = Parts(act_log, links, rules_of(config.approvals), key.seed("approvals"), None)

    def work(txn: Cursor) -> None:
        if strange := sorted(key_names(txn) - {key.name}):
            raise WrongOperatorKeyError(
                f"the database was sealed under operator key {', '.join(strange)}, but"
                f" crypto.key_path holds {key.name}; nothing was changed"
            )
        candidates = unconfirmed(txn, person)
        if not candidates:
            raise RefusedError(f"{person} has no new identity here: see veche identity list")
        found = "".join(typed.split())
        if found not in candidates:
            raise RefusedError(
                f"this is not the fingerprint of the identity that {person} has now: let them show"
                " you the bot's message on their own device again; nothing was changed"
            )
        confirm(txn, parts, person, found, "operator", database_ms(txn))

    with database_of(config) as dsn:
        transaction(dsn, work)
    sys.stdout.write(f"{person}: confirmed; a bot tells them\n")
    return 0
