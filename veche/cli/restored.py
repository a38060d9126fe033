"""`veche db restored`: after a restore, compare the database with what others know, then go on.

Nothing of Veche runs meanwhile. What is found is shown first; only with ``--go-on`` it is settled,
in one transaction, which may be done again.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.acts import histories, signed_tree
from veche.acts.histories import Finding, Restorable
from veche.cli.reactor_run import run_to_end
from veche.protocol.errors import ConfigError, RefusedError
from veche.runtime.crypto import maintenance
from veche.runtime.database.clock import database_ms
from veche.runtime.database.migrate import pending
from veche.server.installed import add_config_option, migration_sets, service_specs
from veche.server.offline import config_of, opened, transaction

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from veche.acts.histories import Logs
    from veche.runtime.database import Cursor

_FIRST_STEPS: Final = (
    "veche crypto new-device --all",
    "start veche run",
    "give each witness the new keys of the logs",
)
_GO_ON: Final = (
    "\nRead all of it. To settle it as it says, and let everything run again:"
    " `veche db restored --go-on`\n"
)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it below `veche db`."""
    command = commands.add_parser(
        "restored", help="after a restore: compare the database with what others know, then go on"
    )
    command.add_argument(
        "--go-on",
        action="store_true",
        help="settle the listed findings, and let everything run again",
    )
    command.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SERVER",
        help="go on though this institution does not answer; what it knows is not booked",
    )
    add_config_option(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run `veche db restored`: 0 if nothing differs or it is settled, else 1."""
    specs, config = service_specs(), config_of(arguments)
    found: list[Finding] = []
    steps: list[str] = []
    with ExitStack() as stack:
        dsn = opened(stack, config.database)
        if missing := pending(dsn, migration_sets({name: specs[name] for name in config.services})):
            raise ConfigError(f"the database lacks {missing[0]}: veche db migrate -c {config.path}")
        transaction(dsn, _refuse_running)
        config = attrs.evolve(config, history=transaction(dsn, signed_tree.current))

        async def work(reactor: Any) -> None:
            from veche.server.host import Host  # noqa: PLC0415 -- imports the reactor

            host = Host(config, specs, reactor)
            try:
                found.extend(await host.database.run("restored", _in_database, host.logs))
                for service in host.services.values():
                    if isinstance(service, Restorable):
                        found.extend(await service.restored())
                        steps.extend(service.after_restore())
                if arguments.go_on:
                    _check_missing(found, arguments.without)
                    await host.database.run("restored", _go_on, host.logs, found)
            finally:
                await host.stop()

        # What is found is shown also where it cannot be settled.
        try:
            run_to_end(work)
        finally:
            sys.stdout.writelines(f"- {one.words}.\n" for one in found)
    if not found:
        sys.stdout.write("The database has all that others know.\n")
    if arguments.go_on:
        sys.stdout.write(_done(found, steps))
        return 0
    sys.stdout.write(_GO_ON)
    return int(bool(found))


def _in_database(txn: Cursor, logs: Logs) -> list[Finding]:
    """Compare the files outside the database with it, and find what stopped everything."""
    return [*map(Finding, histories.why_stopped(txn)), *logs.differences(txn)]


def _check_missing(found: Sequence[Finding], without: Sequence[str]) -> None:
    missing = [one.missing for one in found if one.missing and one.missing not in without]
    if missing:
        raise RefusedError(
            f"{', '.join(missing)} did not answer, so nobody knows what it was paid or has paid."
            " Try again when it is there; or go on without, and book by hand what it knows:"
            f" --without {missing[0]}"
        )


def _go_on(txn: Cursor, logs: Logs, found: Sequence[Finding]) -> None:
    """Settle all that was found; from then on everything may run."""
    _refuse_running(txn)
    number = logs.history
    for one in found:
        if one.settle is not None:
            one.settle(txn)
    if any(one.is_lost for one in found):
        number = max([logs.history, *(one.history for one in found)]) + 1
        histories.begin(txn, number, "; ".join(one.words for one in found), database_ms(txn))
    histories.go_on(txn)
    logs.keep(txn, number)


def _done(found: Sequence[Finding], steps: Sequence[str]) -> str:
    if not any(one.is_lost for one in found):
        return "Everything may run again: `veche run`.\n"
    numbered = enumerate((*_FIRST_STEPS, *steps), 1)
    return (
        "\nThis is settled as it says. The logs go on under new names, with new keys, since what"
        " the database has lost was signed under the old ones. Now:\n"
        + "".join(f"  {number}. {step}\n" for number, step in numbered)
    )


def _refuse_running(txn: Cursor) -> None:
    if bots := maintenance.bots_spoken_for(txn):
        raise RefusedError(
            f"a running process speaks for {', '.join(bots)}: stop every `veche run` first"
        )
