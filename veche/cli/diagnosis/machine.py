"""Checks of this machine: Python and its packages, disk, ports, secrets."""

from __future__ import annotations

import pkgutil
import shutil
import socket
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from veche.cli.diagnosis.finding import Check, Patient, folder_that_exists
from veche.cli.up.state import check_port
from veche.protocol.errors import ConfigError
from veche.runtime.config import file_faults, read_secret
from veche.runtime.crypto.keys import read_operator_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FREE_BYTES_MIN: Final = 1 << 30
PYTHON_MIN: Final = (3, 11)
SYNAPSE_MIN: Final = (1, 163)
IMPORT_S_MAX: Final = 60

TOKEN_CHARACTERS_MIN: Final = 16
"""Of the tokens between homeserver and Veche; whoever guesses one is every bot."""
MODULES: Final = "veche-homeserver-modules"
"""The distribution of what runs inside the homeserver and of the pure packages that it reads."""

OWNERS: Final[Mapping[str, Sequence[str]]] = {
    "veche": ("veche", MODULES),
    "homeserver_modules": (MODULES,),
    "appservices": ("veche",),
    "bridges": ("veche",),
    "psycopg2": ("psycopg2-binary",),
}
"""Import names that we rely on, and the distributions that may install each; no file is in two."""

# In a process of its own, as the homeserver would: what it imports must not be in ours.
_IMPORT: Final = "import importlib, sys; importlib.import_module(sys.argv[1])"


def strangers(installers: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Import names that another distribution installs too, which one; pip says nothing of it.

    Args:
        installers: Distributions by the import name that they install.
    """
    for name, owners in OWNERS.items():
        for wrong in sorted(set(installers.get(name, ())).difference(owners)):
            yield name, wrong


def look_at_python(_patient: object) -> Iterable[tuple[str, str]]:
    """The version of Python."""
    if sys.version_info < PYTHON_MIN:
        found = ".".join(map(str, sys.version_info[:3]))
        yield f"this is Python {found}", "use Python 3.11 or newer"


def look_at_packages(_patient: object) -> Iterable[tuple[str, str]]:
    """Packages that overwrite one another's files, or are not of one build."""
    for name, wrong in strangers(packages_distributions()):
        ours = " and ".join(OWNERS[name])
        yield (
            f"{wrong} also installs {name!r}",
            f"use a separate environment, or uninstall {wrong} and reinstall {ours}",
        )
    service, modules = version("veche"), version(MODULES)
    if service != modules:
        yield (
            f"veche is {service}, but {MODULES} is {modules}",
            "install both wheels of one build: pip install dist/veche*.whl",
        )


def look_at_modules(_patient: object) -> Iterable[tuple[str, str]]:
    """Our modules of the homeserver, if it runs in this Python: a broken one keeps it down."""
    try:
        found = version("matrix-synapse")
    except PackageNotFoundError:
        return
    if tuple(map(int, found.split(".")[:2])) < SYNAPSE_MIN:
        yield f"Synapse {found} is too old", "pip install --upgrade 'matrix-synapse>=1.163'"
    for name in homeserver_modules():
        result = subprocess.run(  # noqa: S603 -- our own Python and module names
            [sys.executable, "-c", _IMPORT, name],
            capture_output=True,
            check=False,
            timeout=IMPORT_S_MAX,
        )
        if result.returncode != 0:
            last = result.stderr.decode(errors="replace").strip().splitlines()[-1:]
            yield (
                f"{name} cannot be imported: {''.join(last)}",
                f"reinstall {MODULES} in this Python",
            )


def homeserver_modules() -> list[str]:
    """Import names of our modules of the homeserver; none of them is imported."""
    spec = find_spec("homeserver_modules")
    if spec is None:
        return []
    found = pkgutil.iter_modules(spec.submodule_search_locations, "homeserver_modules.")
    return [module.name for module in found]


def look_at_disk(patient: Patient) -> Iterable[tuple[str, str]]:
    """Free space where we write."""
    config = patient.config
    for path in {config.path.resolve().parent, *filter(None, [config.database.folder])}:
        folder = folder_that_exists(path)
        free = shutil.disk_usage(folder).free
        if free < FREE_BYTES_MIN:
            yield (
                f"the disk of {folder} has {free >> 20} MiB left",
                f"free at least {FREE_BYTES_MIN >> 20} MiB; full, it stops PostgreSQL",
            )


def look_at_port(patient: Patient) -> Iterable[tuple[str, str]]:
    """The port of the configuration: free, or ours already."""
    listen = patient.config.listen
    if listen.port == 0 or _is_veche(listen.address, listen.port):
        return
    try:
        check_port(listen.port, "listen.port")
    except ConfigError as e:
        what, _, mend = str(e).partition("; ")
        yield what, mend


def look_at_secrets(patient: Patient) -> Iterable[tuple[str, str]]:
    """The files that the configuration names: there, secrets private and of the right form."""
    heads = patient.config.heads_folder
    if heads.exists() and not heads.is_dir():
        yield (
            f"heads.folder: {heads} is no folder",
            "name a folder in which Veche may write what its logs have signed last",
        )
    faults = file_faults(patient.config.path, patient.config.sections())
    for fault in faults:
        yield f"{fault.key}: {fault.what}", fault.mend
    section = patient.config.homeserver
    broken = {fault.key for fault in faults}
    tokens = []
    for key in {"as_token_path", "hs_token_path"} - {one.rpartition(".")[2] for one in broken}:
        try:
            tokens.append(read_secret(getattr(section, key)))
        except ConfigError as e:
            yield f"homeserver.{key}: {e}", "make another, there and in the registration"
    if any(len(one) < TOKEN_CHARACTERS_MIN for one in tokens):
        yield (
            "homeserver.as_token_path, homeserver.hs_token_path: a token is short enough to guess",
            "make another, there and in the registration: openssl rand -hex 32",
        )
    if len(tokens) != len(set(tokens)):
        yield (
            "homeserver.as_token_path, homeserver.hs_token_path: both have the same token",
            "make another hs_token, there and in the registration",
        )
    if "crypto.key_path" not in broken:
        try:
            read_operator_key(patient.config.crypto.key_path)
        except ConfigError as e:
            yield str(e), "never replace a key that is in use: bring the old one back"


def look_at_addresses(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that we can listen where the configuration says."""
    listen, pages = patient.config.listen, patient.config.pages
    for key, section in (("listen", listen), ("pages", pages)):
        if section is not None and (why := _why_not_here(section.address)):
            yield (
                f"{key}.address: {section.address} is no address of this machine: {why}",
                "take 127.0.0.1, or 0.0.0.0 where others on the network have to reach it",
            )
    ours = {f"{one.address}:{one.port}" for one in (listen, pages) if one is not None}
    if urlsplit(patient.config.homeserver.url).netloc in ours:
        yield (
            "homeserver.url: this is where Veche itself listens",
            "name the port of the homeserver's client API, such as http://127.0.0.1:8008",
        )
    if pages is not None and listen.port == pages.port != 0:
        yield (
            f"listen.port, pages.port: both are {listen.port}",
            "give each its own: one is for the homeserver alone, the other for everybody",
        )


def _why_not_here(address: str) -> str:
    """Why nobody can listen on an address; empty if it can be done."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, 0))
        except OSError as e:
            return e.strerror or str(e)
    return ""


def _is_veche(address: str, port: int) -> bool:
    import http.client  # noqa: PLC0415 -- only here

    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return b"is_alive" in connection.getresponse().read(1000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


EVERYWHERE: Final[Sequence[Check[object]]] = (
    Check("python", look_at_python, f"{sys.version.split()[0]} at {Path(sys.executable)}"),
    Check("packages", look_at_packages, "no package overwrites another, and ours are of one build"),
    Check("modules", look_at_modules, "the homeserver's modules can be imported, or are elsewhere"),
)
"""What can be looked at without a configuration."""

CHECKS: Final[Sequence[Check[Patient]]] = (
    Check("disk", look_at_disk, "there is room"),
    Check("addresses", look_at_addresses, "of this machine, each port once"),
    Check("port", look_at_port, "free, or ours"),
    Check("secrets", look_at_secrets, "all there and private"),
)
