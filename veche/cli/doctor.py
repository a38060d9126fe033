"""`veche doctor`: everything that is wrong with an installation, and how to mend it.

It changes nothing. Each check is one function and one row of a table; a check that needs another
one to go well is left out, and said to be, when that went wrong.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from veche.cli.diagnosis import database, homeserver, machine, services
from veche.cli.diagnosis.finding import Check, Finding, Patient
from veche.protocol.errors import ConfigError, VecheError
from veche.server.installed import add_config_option, config_path, read_config, service_specs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

P = TypeVar("P")

CHECKS: Final[Sequence[Check[Patient]]] = (
    *machine.CHECKS,
    *services.CHECKS,
    *database.CHECKS,
    *homeserver.CHECKS,
)
NOT_LOOKED_AT: Final = "not looked at, since"
"""How a finding begins that says only that a check needs another one."""
_OFFLINE: Final = ("secrets", "addresses", "settings", "registration")
OFFLINE: Final = [one for one in CHECKS if one.name in _OFFLINE]
"""Those that ``veche config check`` makes too: they ask nobody."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `veche doctor`."""
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="one JSON list of findings")


def run(arguments: argparse.Namespace) -> int:
    """Run `veche doctor`: 0 if all is well, else 1."""
    findings = []
    with _quiet():
        for finding in examine(arguments):
            findings.append(finding)
            if not arguments.json:
                sys.stdout.write(show(finding))
                sys.stdout.flush()
    if arguments.json:
        sys.stdout.write(json.dumps([attrs.asdict(one) for one in findings], indent=2) + "\n")
    return 0 if all(finding.is_ok for finding in findings) else 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the libraries' warnings about what the checks report themselves."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def examine(arguments: argparse.Namespace) -> Iterator[Finding]:
    """All findings; without a right configuration only those that need none."""
    yield from diagnose(None, machine.EVERYWHERE)
    try:
        specs = service_specs()
        path = config_path(arguments.config)
        config = read_config(path, specs)
    except ConfigError as e:
        for line in str(e).splitlines():
            yield Finding("configuration", is_ok=False, what=line)
        return
    yield Finding("configuration", is_ok=True, what=f"{path} is well-formed")
    try:
        dsn = config.database.dsn()
    except ConfigError:
        # `secrets` says so, and `database` that it cannot connect.
        dsn = config.database.url or ""
    # The clock of this machine is itself what is examined.
    yield from diagnose(Patient(config, specs, dsn, time.time), CHECKS)  # noqa: TID251


def diagnose(patient: P, checks: Sequence[Check[P]]) -> Iterator[Finding]:
    """Run the checks and return their findings in order."""
    well: set[str] = set()
    for check in checks:
        if missing := [name for name in check.needs if name not in well]:
            text = f"{NOT_LOOKED_AT} {' and '.join(missing)} must be mended first"
            yield Finding(check.name, is_ok=False, what=text)
            continue
        faults = _looked(check, patient)
        for what, mend in faults:
            yield Finding(check.name, is_ok=False, what=what, mend=mend)
        if not faults:
            well.add(check.name)
            yield Finding(check.name, is_ok=True, what=check.well)


def show(finding: Finding) -> str:
    """Lines to read."""
    mark = "ok " if finding.is_ok else "BAD"
    mend = f"\n    -> {finding.mend}" if finding.mend else ""
    return f"{mark} {finding.name}: {finding.what}{mend}\n"


def _looked(check: Check[P], patient: P) -> Sequence[tuple[str, str]]:
    try:
        return list(check.look(patient))
    except VecheError as e:
        return [(str(e), "")]
    except Exception as e:  # noqa: BLE001 -- one broken check must not hide the others
        return [(f"the check itself failed: {type(e).__name__}: {e}", "please report this")]
