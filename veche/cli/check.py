"""`veche config`: check a configuration file, or print the reference of all keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from veche.cli.installed import config_path, read_config, service_specs
from veche.runtime.config import KERNEL_SECTIONS, secret_faults
from veche.runtime.config_page import configuration_page
from veche.runtime.witness.config import WitnessSection

if TYPE_CHECKING:
    import argparse


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
    config = read_config(path, service_specs())
    faults = secret_faults(path, config.sections())
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    if not faults:
        sys.stdout.write(f"{path}: ok\n")
    return 1 if faults else 0


def reference(_arguments: argparse.Namespace) -> int:
    """Run `veche config reference`."""
    services = {name: spec.config for name, spec in service_specs().items()}
    own = {"witness": WitnessSection}  # of a file of its own
    sys.stdout.write(configuration_page({**KERNEL_SECTIONS, **services, **own}))
    return 0
