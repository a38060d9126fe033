"""Installed and configured services: by entry point, and by the configuration's file."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.errors import ConfigError
from veche.runtime.config import Config, load_config
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.server.spec import ENTRY_POINTS, ServiceSpec

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping, Sequence
    from importlib.metadata import EntryPoint

PATH_VARIABLE: Final = "VECHE_CONFIG"
DEFAULT_PATHS: Final = (Path("veche.yaml"), Path("/etc/veche/veche.yaml"))


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add ``-c FILE``; ``config_path`` reads it."""
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration (default: ${PATH_VARIABLE}, ./veche.yaml, /etc/veche/veche.yaml)",
    )


def config_path(given: Path | None) -> Path:
    """The configuration's file: the given one, else that of the environment, else a usual one.

    Raises:
        ConfigError: None was given and there is none in the usual places.
    """
    if given is not None:
        return given
    if named := os.environ.get(PATH_VARIABLE):
        return Path(named)
    for path in DEFAULT_PATHS:
        if path.exists():
            return path
    raise ConfigError(f"no configuration: name it with -c FILE, or set {PATH_VARIABLE}")


def service_specs() -> Mapping[str, ServiceSpec]:
    """The installed services by name.

    Raises:
        ConfigError: One cannot be imported, or is not a service; the text names the entry point.
    """
    specs = {}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        spec = loaded(entry, "the service")
        if not isinstance(spec, ServiceSpec) or spec.name != entry.name:
            raise ConfigError(f"{entry.value} is not the ServiceSpec of {entry.name}")
        specs[entry.name] = spec
    return specs


def loaded(entry: EntryPoint, called: str) -> Any:
    """Import what an entry point names.

    Args:
        entry: Of an installed package.
        called: What it should be, for the error.

    Raises:
        ConfigError: It cannot be imported; the text names the entry point.
    """
    try:
        return entry.load()
    except Exception as e:
        raise ConfigError(
            f"{called} {entry.name} ({entry.value}) cannot be imported in this Python:"
            f" {type(e).__name__}: {e}"
        ) from e


def read_config(path: Path, specs: Mapping[str, ServiceSpec]) -> Config:
    """The configuration of the kernel and the installed services.

    Raises:
        ConfigError: It is wrong; the text has a line for each fault.
    """
    return load_config(path, {name: spec.config for name, spec in specs.items()})


def migration_sets(specs: Mapping[str, ServiceSpec]) -> Sequence[MigrationSet]:
    """The migrations of the kernel and of services, in the order in which they are applied."""
    return [*KERNEL_SETS, *(spec.migrations for spec in specs.values())]


def chosen_services(config: Config, names: Collection[str]) -> Sequence[str]:
    """The services that ``veche run NAME…`` means.

    Args:
        config: What is configured.
        names: Of services, or ``all``.

    Raises:
        ConfigError: A name is not configured, or none is.
    """
    if "all" in names:
        names = config.services.keys()
    if missing := sorted(set(names) - config.services.keys()):
        raise ConfigError(f"{config.path}: there is no section {missing[0]!r} of such a service")
    if not names:
        raise ConfigError(f"{config.path}: there is no section of any service to run")
    return sorted(set(names))
