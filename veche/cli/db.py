"""`veche db`: make the tables, or bring them to this release; let a role work with them."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from veche.cli import restored
from veche.runtime.database.migrate import migrate, pending
from veche.runtime.database.roles import grant
from veche.server.installed import (
    add_config_option,
    config_path,
    migration_sets,
    read_config,
    service_specs,
)
from veche.server.offline import opened

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `veche db`."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("migrate", help="apply the migrations that are missing")
    add_config_option(command)
    command.add_argument("--dry-run", action="store_true", help="only list them")
    command.set_defaults(run=run)
    command = commands.add_parser("grant", help="let a role that owns no table run the services")
    command.add_argument("role", metavar="ROLE", help="role of the database, which must exist")
    add_config_option(command)
    command.set_defaults(run=run_grant)
    restored.add_command(commands)


def run(arguments: argparse.Namespace) -> int:
    """Run `veche db migrate`."""
    specs = service_specs()
    config = read_config(config_path(arguments.config), specs)
    sets = migration_sets({name: specs[name] for name in config.services})
    with ExitStack() as stack:
        dsn = opened(stack, config.database)
        names = pending(dsn, sets) if arguments.dry_run else migrate(dsn, sets)
    verb = "would be applied" if arguments.dry_run else "applied"
    sys.stdout.writelines(f"{name} {verb}\n" for name in names)
    if not names:
        sys.stdout.write("nothing to do\n")
    return 0


def run_grant(arguments: argparse.Namespace) -> int:
    """Run `veche db grant`."""
    specs = service_specs()
    config = read_config(config_path(arguments.config), specs)
    sets = migration_sets({name: specs[name] for name in config.services})
    with ExitStack() as stack:
        schemas = grant(opened(stack, config.database), sets, arguments.role)
    sys.stdout.write(f"{arguments.role} may work with {', '.join(schemas)}\n")
    return 0
