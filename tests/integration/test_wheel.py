"""The wheel holds what the checkout holds, and comes out the same wherever it is built."""

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from appservices.payments.vendor import VENDORED as SCHEMAS
from appservices.widgets.vendor import VENDORED

ROOT = Path(__file__).parents[2]
PACKAGES = ("veche", "homeserver_modules", "appservices")
# setuptools packs what an earlier build left in build/; a folder of that name below is another one.
OF_BUILDS = {"build", "dist", "var"}
LEFT_OUT = shutil.ignore_patterns("node_modules", "*.egg-info", ".*", "__pycache__")
# The Node project of the pages: what it has made is in static/vendor.
FOR_DEVELOPERS = {"package.json", "package-lock.json", "tsconfig.json"}
MOMENT = "1790000000"


def left_out(folder: str, names: list[str]) -> set[str]:
    """What of a folder of the tree is not copied."""
    of_builds = OF_BUILDS if Path(folder) == ROOT else set()
    return LEFT_OUT(folder, names) | (of_builds & set(names))


def build(folder: Path, umask: str = "022") -> Path:
    """The wheel that ``./run wheel`` makes from a copy in ``folder``."""
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
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel_path: Path) -> set[str]:
    with zipfile.ZipFile(wheel_path) as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="module")
def metadata(wheel_path: Path) -> Message:
    with zipfile.ZipFile(wheel_path) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(wheel.read(name))


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
    assert [
        f for f in folders if not any(n.startswith(f"{vendor}/{f}/LICENSE") for n in names)
    ] == []


def test_the_schemas_of_banks_messages_are_in_the_wheel_with_their_licences(
    names: set[str],
) -> None:
    folder = "appservices/payments/core/rails/schemas"

    for one in SCHEMAS:
        package = one.wheel.partition("==")[0]
        assert {f"{folder}/{one.target.name}", f"{folder}/{package}.LICENSE"} <= names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert {
        n for n in names if "__pycache__" in n or n.endswith((".pyc", ".orig", ".rej"))
    } == set()


def test_the_licence_is_stated_and_packed(names: set[str], metadata: Message) -> None:
    assert metadata["License-Expression"] == "AGPL-3.0-or-later"
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_what_setup_cfg_asks_for_is_what_the_wheel_asks_for(metadata: Message) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = config["options"]["install_requires"].splitlines()
    asked = [r for r in metadata.get_all("Requires-Dist", []) if "extra ==" not in r]
    assert len(asked) == len([line for line in wanted if line and not line.startswith("#")])


@pytest.mark.long
def test_two_builds_are_identical_to_the_byte(
    wheel_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another folder, another time, and a checkout that others may write to."""
    again = build(tmp_path_factory.mktemp("another-folder"), umask="002")

    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel_path, again)}
    assert again.name == wheel_path.name
    assert len(digests) == 1
