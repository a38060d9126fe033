"""Which Python ``./run`` takes, and which programs ``.ci/run`` installs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.programs import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    _Python = tuple[str, str, tuple[int, ...]]

_ROOT: Final = Path(__file__).parents[2]
_PLAIN: Final = ("/opt", "--enable-shared", (3, 12, 1))
_PROFILED: Final = ("/opt", "--enable-shared '--enable-optimizations'", (3, 12, 1))
_DISTRIBUTED: Final = ("/usr", "--enable-shared", (3, 12, 1))
_OLD: Final = ("/usr", "--enable-shared", (3, 10, 1))


def _chosen(
    folder: Path,
    own: Mapping[str, _Python],
    system: Mapping[str, _Python],
    asked: str = "",
) -> str:
    """What ``choose_python`` says.

    Args:
        folder: Empty.
        own: Pythons on the path: prefix, arguments of ``configure``, version.
        system: Those in ``/usr/bin``.
        asked: ``PYTHON``.
    """
    for place, pythons in (("own", own), ("system", system)):
        (folder / place).mkdir()
        for name, (prefix, arguments, version) in pythons.items():
            told = (
                f"import sys, sysconfig; sys.base_prefix, sys.version_info = {prefix!r}, {version};"
                f" sysconfig.get_config_vars()['CONFIG_ARGS'] = {arguments!r}; exec(sys.argv[1])"
            )
            (folder / f"{place}/{name}.py").write_text(told)
            script = folder / place / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable} "$0.py" "$2"\n')
            script.chmod(0o755)
    whole = (_ROOT / "run").read_text()
    found = re.search(r"^choose_python\(\).*?^}.*?^}$", whole, re.MULTILINE | re.DOTALL)
    assert found is not None
    functions = found[0].replace("/usr/bin/", f"{folder}/system/")
    result = subprocess.run(
        ["/bin/sh", "-euc", f"{functions}\nchoose_python"],
        env={"PATH": f"{folder}/own{os.pathsep}/nowhere", "PYTHON": asked},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip().replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("own", "system", "chosen"),
    [
        (_DISTRIBUTED, {"python3": _DISTRIBUTED}, "python3"),
        (_PROFILED, {"python3.12": _DISTRIBUTED}, "python3"),
        (_PLAIN, {"python3": _DISTRIBUTED, "python3.12": _DISTRIBUTED}, "system/python3.12"),
        (_PLAIN, {"python3": _DISTRIBUTED, "python3.12": _PLAIN}, "system/python3"),
        (_PLAIN, {"python3": _OLD}, "python3"),
        (_PLAIN, {}, "python3"),
        (_OLD, {"python3": _DISTRIBUTED}, "system/python3"),
        (None, {"python3": _DISTRIBUTED}, "system/python3"),
        (None, {}, "python3"),
    ],
)
def test_a_slow_build_of_python_gives_way_to_the_distributions(
    tmp_path: Path,
    own: _Python | None,
    system: Mapping[str, _Python],
    chosen: str,
) -> None:
    found = _chosen(tmp_path, {} if own is None else {"python3": own}, system)

    assert found == chosen


def test_the_python_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    found = _chosen(tmp_path, {"python3": _PLAIN}, {"python3": _DISTRIBUTED}, "python3.14")

    assert found == "python3.14"


def _lacking(path: str) -> set[str]:
    """What ``.ci/run`` would install on a machine that has the programs in ``path`` alone."""
    whole = (_ROOT / ".ci" / "run").read_text()
    found = re.search(r"^lacking\(\).*?^}$", whole, re.MULTILINE | re.DOTALL)
    assert found is not None
    functions = found[0].replace("/usr/sbin/", "/nowhere/")
    result = subprocess.run(
        ["/bin/sh", "-euc", f"choose_python() {{ echo python3; }}\n{functions}\nlacking"],
        cwd=_ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.split())


def test_a_machine_that_has_no_program_gets_each_that_the_tests_call(tmp_path: Path) -> None:
    for tool in ("grep", "sort"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    called: set[str] = set()
    for file in (_ROOT / "tests").rglob("*.py"):
        called.update(re.findall(r'\bprogram\("([^"]+)"', file.read_text()))

    assert called <= set(PACKAGES)
    assert _lacking(str(tmp_path)) == {package for names in PACKAGES.values() for package in names}


def test_a_machine_that_has_all_of_them_gets_nothing(tmp_path: Path) -> None:
    for tool in ("grep", "sort"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    for name in PACKAGES:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)

    assert _lacking(str(tmp_path)) == set()
