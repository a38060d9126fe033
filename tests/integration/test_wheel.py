"""The wheels hold what the checkout holds, and come out the same wherever they are built.

There are two: what runs inside Synapse with the pure packages that it reads, and all the rest.
"""

from __future__ import annotations

import ast
import configparser
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from appservices.payments.banks.vendor import VENDORED as SCHEMAS
from appservices.widgets.vendor import VENDORED
from homeserver_modules.event_guard.families import load_families
from tests.support.payloads import VALID, malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import Message

ROOT = Path(__file__).parents[2]
PACKAGES = ("veche", "homeserver_modules", "appservices", "bridges")
# setuptools packs what an earlier build left in build/; a folder of that name below is another one.
OF_BUILDS = {"build", "dist", "var"}
LEFT_OUT = shutil.ignore_patterns("node_modules", "*.egg-info", ".*", "__pycache__")
# The Node project of the pages: what it has made is in static/vendor.
FOR_DEVELOPERS = {"package.json", "package-lock.json", "tsconfig.json"}
MOMENT = "1790000000"
MODULES: Final = "veche-homeserver-modules"
SETUPS: Final = {
    "veche": ROOT / "setup.cfg",
    MODULES: ROOT / "distributions" / "homeserver-modules" / "setup.cfg",
}
KEY: Final = "org.veche.answer"
"""A payload that the modules of an operator's Synapse refuse if it is malformed."""
IN_SYNAPSE: Final = """
import json, sys
from importlib.util import find_spec
from unittest.mock import Mock, create_autospec

from synapse.module_api import ModuleApi
from synapse.module_api.errors import SynapseError

from homeserver_modules.event_guard import EventGuard
from homeserver_modules.event_guard.families import load_families

def judged(content):
    event = Mock(content=content, sender="@a:b", type="m.room.message", event_id="$e")
    event.internal_metadata = Mock(spec_set=["device_id"], device_id="PHONE")
    try:
        guard.check_event_for_spam(event).send(None)
    except StopIteration as e:
        return e.value
    except SynapseError as e:
        return e.code

guard = EventGuard(EventGuard.parse_config({}), create_autospec(ModuleApi))
good, bad = json.load(sys.stdin)
print(json.dumps({
    "families": sorted(load_families()),
    "answers": [judged(good), judged(bad)],
    "others": [n for n in ("appservices", "veche.cli", "veche.runtime") if find_spec(n)],
}))
"""


def left_out(folder: str, names: list[str]) -> set[str]:
    """What of a folder of the tree is not copied."""
    of_builds = OF_BUILDS if Path(folder) == ROOT else set()
    return LEFT_OUT(folder, names) | (of_builds & set(names))


def build(folder: Path, umask: str = "022") -> dict[str, Path]:
    """The wheels that ``./run wheel`` makes from a copy in ``folder``, by their distributions."""
    shutil.copytree(ROOT, folder / "source", ignore=left_out)
    environment = {
        **os.environ,
        "VENV": sys.prefix,
        "SOURCE_DATE_EPOCH": MOMENT,
        # In pip's own words: no isolation, but the setuptools that is installed here.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    result = subprocess.run(
        ["/bin/sh", "-c", f'umask {umask} && exec ./run wheel "$0"', str(folder)],
        cwd=folder / "source",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return {canonicalize_name(path.name.split("-")[0]): path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names_of(wheels: dict[str, Path]) -> dict[str, set[str]]:
    """The files of each wheel."""
    found = {}
    for distribution_name, path in wheels.items():
        with zipfile.ZipFile(path) as wheel:
            found[distribution_name] = set(wheel.namelist())
    return found


@pytest.fixture(scope="module")
def names(names_of: dict[str, set[str]]) -> set[str]:
    return set.union(*names_of.values())


@pytest.fixture(scope="module")
def metadata(wheels: dict[str, Path]) -> dict[str, Message]:
    found = {}
    for distribution_name, path in wheels.items():
        with zipfile.ZipFile(path) as wheel:
            (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
            found[distribution_name] = message_from_bytes(wheel.read(name))
    return found


def requirements(metadata: Message) -> list[Requirement]:
    """What a wheel asks for without extras."""
    asked = [Requirement(one) for one in metadata.get_all("Requires-Dist", [])]
    return [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]


def test_there_are_two_wheels_and_no_file_is_in_both(names_of: dict[str, set[str]]) -> None:
    assert names_of.keys() == SETUPS.keys()
    assert set.intersection(*names_of.values()) == set()


def test_the_wheel_of_the_modules_has_what_synapse_runs_and_pure_packages_alone(
    names_of: dict[str, set[str]],
) -> None:
    pure = {"contracts", "documents", "protocol", "transparency"}

    assert {"/".join(name.split("/")[:2]) for name in files(names_of[MODULES])} == {
        "homeserver_modules/__init__.py",
        "homeserver_modules/delivery_evidence",
        "homeserver_modules/directories",
        "homeserver_modules/event_guard",
        "homeserver_modules/host.py",
        "homeserver_modules/identity",
        "homeserver_modules/official_accounts",
        "homeserver_modules/py.typed",
        "veche/__init__.py",
        "veche/py.typed",
        *(f"veche/{name}" for name in pure),
    }


def files(names: Iterable[str]) -> set[str]:
    """Of a wheel, without its metadata."""
    return {name for name in names if ".dist-info/" not in name}


def test_the_service_requires_the_modules_of_its_own_build(metadata: dict[str, Message]) -> None:
    (asked,) = (one for one in requirements(metadata["veche"]) if one.name == MODULES)

    assert metadata["veche"]["Version"] == metadata[MODULES]["Version"]
    assert str(asked.specifier) == f"=={metadata[MODULES]['Version']}"


def test_the_modules_ask_for_exactly_what_they_import(
    wheels: dict[str, Path], metadata: dict[str, Message]
) -> None:
    with zipfile.ZipFile(wheels[MODULES]) as wheel:
        sources = [wheel.read(name) for name in wheel.namelist() if name.endswith(".py")]
    imported = {name for source in sources for name in imports(ast.parse(source))}
    # pydantic-core is pydantic's, which asks for one version of it; Twisted is Synapse's.
    others = {"synapse", "twisted", "pydantic_core"}
    outside = imported - {*PACKAGES, *others} - sys.stdlib_module_names
    installers = packages_distributions()

    asked = {canonicalize_name(one.name) for one in requirements(metadata[MODULES])}
    assert {canonicalize_name(installers[name][0]) for name in outside} == asked


def imports(tree: ast.Module) -> set[str]:
    """The first words of all that a module imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def with_all_they_ask_for(roots: Iterable[Requirement]) -> set[str]:
    """The names of distributions that are installed here, without extras that nobody asked for."""
    waiting, found = list(roots), dict[str, set[str]]()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        new = {"", *one.extras} - found.get(name, set())
        found.setdefault(name, set()).update(new)
        for extra in new:
            for text in distribution(name).requires or ():
                asked = Requirement(text)
                if asked.marker is None or asked.marker.evaluate({"extra": extra}):
                    waiting.append(asked)
    return set(found)


@pytest.fixture(scope="module")
def python_of_synapse(
    wheels: dict[str, Path],
    metadata: dict[str, Message],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A Python with Synapse, our modules, and no library that neither of them asks for."""
    folder = tmp_path_factory.mktemp("synapse")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    asked = [Requirement("matrix-synapse"), *requirements(metadata[MODULES])]
    for name in with_all_they_ask_for(asked):
        one = distribution(name)
        # Links, so that nothing is downloaded or copied.
        for top in {path.parts[0] for path in one.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(one.locate_file(top))))
    pip(folder, "install", "--quiet", "--no-index", str(wheels[MODULES]))
    return folder / "bin" / "python"


def pip(folder: Path, *arguments: str) -> str:
    """What pip of this Python says of another one; it ends without an error."""
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_modules_alone_guard_a_synapse_and_pip_finds_nothing_missing(
    python_of_synapse: Path, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [str(python_of_synapse), "-c", IN_SYNAPSE],
        input=json.dumps([{"body": "Yes", KEY: VALID[KEY]}, {"body": "Yes", KEY: malformed(KEY)}]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    said: Mapping[str, object] = json.loads(ran.stdout)
    assert said == {
        "families": sorted(load_families()),
        "answers": ["NOT_SPAM", 400],
        "others": [],
    }
    assert "No broken requirements" in pip(python_of_synapse.parents[1], "check")


def test_every_file_of_every_package_is_in_the_wheel(names: set[str]) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not is_for_developers(path.relative_to(ROOT))
    }
    assert files - names == set()


def is_for_developers(path: Path) -> bool:
    is_made = not {"__pycache__", "node_modules"}.isdisjoint(path.parts)
    is_hidden = any(part.startswith(".") for part in path.parts)
    return is_made or is_hidden or path.name in FOR_DEVELOPERS


def test_what_pages_load_is_in_the_wheel_with_its_licences(names: set[str]) -> None:
    vendor = "appservices/widgets/static/vendor"
    folders = {one.folder for one in VENDORED}

    assert {f"{vendor}/lit/index.js", f"{vendor}/compound/tokens.css"} <= names
    licences = {name.lower() for name in names if "/license" in name.lower()}
    assert [
        f for f in folders if not any(n.startswith(f"{vendor}/{f}/license") for n in licences)
    ] == []


def test_the_schemas_of_banks_messages_are_in_the_wheel_with_their_licences(
    names: set[str],
) -> None:
    folder = "appservices/payments/banks/core/schemas"

    for one in SCHEMAS:
        package = one.wheel.partition("==")[0]
        assert {f"{folder}/{one.target.name}", f"{folder}/{package}.LICENSE"} <= names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert files(names) == {name for name in files(names) if (ROOT / name).exists()}
    assert {
        n for n in names if "__pycache__" in n or n.endswith((".pyc", ".orig", ".rej"))
    } == set()


@pytest.mark.parametrize("name", SETUPS)
def test_the_licence_is_stated_and_packed(
    name: str, wheels: dict[str, Path], metadata: dict[str, Message]
) -> None:
    assert metadata[name]["License-Expression"] == "AGPL-3.0-or-later"
    with zipfile.ZipFile(wheels[name]) as wheel:
        [path] = [one for one in wheel.namelist() if one.endswith("/licenses/LICENSE")]
        assert wheel.read(path) == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("name", SETUPS)
def test_what_setup_cfg_asks_for_is_what_the_wheel_asks_for(
    name: str, metadata: dict[str, Message]
) -> None:
    config = configparser.ConfigParser()
    config.read(SETUPS[name])
    lines = config["options"]["install_requires"].splitlines()
    wanted = {Requirement(line).name for line in lines if line and not line.startswith("#")}
    assert {one.name for one in requirements(metadata[name])} == wanted
    assert metadata[name]["Version"].startswith(config["metadata"]["version"])


@pytest.mark.long
def test_two_builds_are_identical_to_the_byte(
    wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another folder, another time, and a checkout that others may write to."""
    again = build(tmp_path_factory.mktemp("another-folder"), umask="002")

    assert digests(again) == digests(wheels)


def digests(wheels: Mapping[str, Path]) -> dict[str, str]:
    """Of wheels, by the names of their files."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels.values()}
