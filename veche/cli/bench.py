"""`veche bench`: run the benchmarks of a checkout, each beside its baseline.

A benchmark is a module ``tests/benchmarks/bench_NAME.py`` (with ``_`` for each ``-`` of the name)
and has ``run() -> dict[str, float]``: figures by name, the unit last in the name (``commit_us``),
baselines named ``…_baseline…``.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_PREFIX: Final = "bench_"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `veche bench`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON object of all figures")
    parser.add_argument("--list", action="store_true", help="only list them")


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen benchmarks."""
    found = benchmarks(checkout())
    if unknown := [name for name in arguments.names if name not in found]:
        raise ConfigError(f"there is no benchmark {unknown[0]!r}: {', '.join(found) or 'none yet'}")
    if arguments.list:
        sys.stdout.writelines(f"{name}\n" for name in found)
        return 0
    results: dict[str, Mapping[str, float]] = {}
    for name in arguments.names or found:
        results[name] = importlib.import_module(found[name]).run()
        if not arguments.json:
            sys.stdout.write(show(name, results[name]))
            sys.stdout.flush()
    if arguments.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return 0


def checkout() -> Path:
    """The checkout that this code is in; its root can be imported from then on.

    Raises:
        ConfigError: Veche was installed without one.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "benchmarks").is_dir():
        raise ConfigError("the benchmarks are in a checkout: clone the repository, use ./run bench")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return root


def benchmarks(root: Path) -> Mapping[str, str]:
    """Module of each benchmark by its name."""
    files = sorted((root / "tests" / "benchmarks").glob(f"{_PREFIX}*.py"))
    return {_name(file.stem): f"tests.benchmarks.{file.stem}" for file in files}


def _name(module: str) -> str:
    return module.removeprefix(_PREFIX).replace("_", "-")


def show(name: str, figures: Mapping[str, float]) -> str:
    """A table to read."""
    width = max(map(len, figures), default=0)
    lines = [f"  {figure:<{width}}  {value:>12,.1f}" for figure, value in figures.items()]
    return "\n".join([name, *lines, ""])
