"""`veche config`: check a configuration file, or print the reference of all keys."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veche.cli.diagnosis.finding import Patient
from veche.cli.doctor import NOT_LOOKED_AT, OFFLINE, diagnose
from veche.runtime.config import KERNEL_SECTIONS
from veche.runtime.config.reference import configuration_page
from veche.server.installed import config_path, read_config, service_specs

if TYPE_CHECKING:
    import argparse

SECTIONS: Final = "veche.sections"
"""Entry points of sections that have configuration files of their own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `veche config`."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("check", help="say everything that is wrong with a file")
    command.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="default: as for `veche run`"
    )
    command.set_defaults(run=check)
    command = commands.add_parser("reference", help="print all sections and keys, in Markdown")
    command.set_defaults(run=reference)


def check(arguments: argparse.Namespace) -> int:
    """Run `veche config check`: 0 and ``ok``, or 1 and a line for each fault."""
    path = config_path(arguments.file)
    specs = service_specs()
    # Of the doctor's checks those that ask neither database nor homeserver, nor what time it is.
    patient = Patient(read_config(path, specs), specs, "", lambda: 0.0)
    findings = [one for one in diagnose(patient, OFFLINE) if not one.is_ok]
    for one in findings:
        if one.what.startswith(NOT_LOOKED_AT):
            continue
        sys.stderr.write(f"{path}: {one.what}{'; ' if one.mend else ''}{one.mend}\n")
    if not findings:
        sys.stdout.write(f"{path}: ok\n")
    return 1 if findings else 0


def reference(_arguments: argparse.Namespace) -> int:
    """Run `veche config reference`."""
    services = {name: spec.config for name, spec in service_specs().items()}
    own = {entry.name: entry.load() for entry in entry_points(group=SECTIONS)}
    sys.stdout.write(configuration_page({**KERNEL_SECTIONS, **services, **own}))
    return 0
