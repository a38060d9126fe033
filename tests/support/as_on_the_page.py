"""Checks a configuration, makes the tables and runs the example's service, as its page says.

Run as ``python -m tests.support.as_on_the_page -c FILE``.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from veche.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = (("config", "check"), ("db", "migrate"), ("run", "parking", "widgets"))


def run(arguments: Sequence[str]) -> int:
    """Run one command after the other, up to the first that fails; its exit code."""
    _, os.environ["VECHE_CONFIG"] = arguments
    return next((code for command in COMMANDS if (code := main(command)) != 0), 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
