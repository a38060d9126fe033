"""Which build of Veche runs.

A wheel of ``./run wheel`` has the commit in its version: ``0.1.0.dev20261201060407+g5b4ae0a77687``,
the time of the commit in UTC and its hash. A checkout that was installed as it is asks git.
"""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_GIT: Final = (
    "git",
    "-C",
    str(_ROOT),
    "describe",
    "--always",
    "--dirty",
    "--abbrev=12",
    "--exclude=*",
)
_GIT_S_MAX: Final = 5


@cache
def build_version() -> str:
    """Return the version of this build, with its commit: ``0.1.0+g5b4ae0a77687``."""
    installed = version("veche")
    if "+" in installed or not (_ROOT / ".git").exists():
        return installed
    try:
        found = subprocess.run(  # noqa: S603 -- ours
            _GIT, capture_output=True, text=True, timeout=_GIT_S_MAX, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return installed
    return f"{installed}+g{found.stdout.strip().replace('-dirty', '.changed')}"
