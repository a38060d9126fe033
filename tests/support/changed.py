"""Which tests a change can reach, for `./run test --changed [BASE]`.

A change reaches what imports the changed module, and so on up to the tests. Three things that are
no imports count as such: a module named in a string (a process, a fixture of pytest, a part of
Synapse's configuration), the entry points of setup.cfg, and a `conftest.py`, which reaches each
test beside and below it (but for that of all tests: what it imports is for reports of failures).
Files that are not Python belong to who names them and to their package.
"""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import grimp

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGES: Final = ("veche", "homeserver_modules", "appservices", "bridges", "tests")
ALWAYS: Final = (
    "tests/integration/test_checks.py",
    "tests/integration/test_contracts.py",
    "tests/unit/test_docs.py",
    "tests/unit/test_tidy.py",
)
"""The checks of the whole tree, which are fast."""
METADATA: Final = ("setup.cfg", "distributions/homeserver-modules/setup.cfg")
"""What each distribution is."""
EVERYTHING: Final = frozenset(
    {*METADATA, "pyproject.toml", "run", ".ci/run", "tests/__init__.py", "tests/conftest.py"}
)
"""Files whose change reaches every test."""
PROSE: Final = frozenset({"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md"})
"""Files that only the checks of the whole tree read, as they read what is in docs."""
OF_BROWSER: Final = ("tests.support.node", "tests.widgets.conftest")
"""Modules that run what is in JavaScript, CSS and HTML."""
READERS_OF_PAGES: Final = "tests.unit.appservices.widgets"
"""The package of tests that read it."""
_BROWSER_SUFFIXES: Final = frozenset({".js", ".ts", ".css", ".html", ".svg"})
_NAMED: Final = re.compile(r"\b(?:veche|homeserver_modules|appservices|tests)(?:\.\w+)+")
_STARTED: Final = 'with_name("veche")'
"""How a test says the path of our command."""
_NAMING_ANY: Final = frozenset({"tests.support.changed", "tests.support.fork_server"})
"""Modules that name what others choose to start."""
_COMMAND: Final = "veche.cli.main"
_LOADING: Final = (_COMMAND, "veche.server.installed")
"""Modules that load what entry points name."""


class Reach:
    """What reaches what in the tree."""

    def __init__(self, root: Path = ROOT) -> None:
        """Read the tree.

        Args:
            root: Of the checkout.
        """
        self._root = root
        self._graph = grimp.build_graph(*PACKAGES, cache_dir=None)
        self._modules = frozenset(self._graph.modules)
        self._sources = {
            module: path.read_text(encoding="utf-8")
            for module in self._modules
            if (path := self._path(module)).exists()
        }
        self._add_names()
        self._served = self._entry_points()

    def tests(self, changed: Iterable[str]) -> list[str]:
        """Choose the files and folders that pytest has to run, in order.

        Args:
            changed: Paths of files, from the root of the checkout.
        """
        chosen, modules = set(ALWAYS), set[str]()
        for name in changed:
            if name in EVERYTHING:
                return ["tests"]
            if name.startswith("tests/widgets/") and name.endswith(".test.js"):
                chosen.add(name)
                continue
            modules |= self._modules_of(name)
        for module in self._reached(modules):
            chosen |= self._tests_of(module)
        return sorted(one for one in chosen if (self._root / one).exists())

    def _tests_of(self, module: str) -> set[str]:
        parent, _, last = module.rpartition(".")
        if last.startswith("test_"):
            return {self._path(module).relative_to(self._root).as_posix()}
        return self._tests_under(parent) if last == "conftest" and parent != "tests" else set()

    def _reached(self, modules: Iterable[str]) -> set[str]:
        reached = set(modules)
        for module in modules:
            reached |= self._graph.find_downstream_modules(module)
        if not reached.isdisjoint(self._served):
            # Features import functions of our command: that it loads them all is nothing to these.
            waiting = [one for one in _LOADING if one not in reached]
            while waiting:
                reached.add(one := waiting.pop())
                users = self._graph.find_modules_that_directly_import(one) - reached
                waiting += [user for user in users if not user.startswith("appservices.")]
        return reached

    def _tests_under(self, package: str) -> set[str]:
        folder = self._path(package).parent
        paths = [*folder.rglob("test_*.py"), *folder.glob("*.test.js")]
        return {path.relative_to(self._root).as_posix() for path in paths}

    def _modules_of(self, name: str) -> set[str]:
        """Which modules are as good as changed with a file."""
        path = PurePosixPath(name)
        if path.suffix == ".py":
            module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            return {module} if module in self._modules else self._package_of(path)
        if name in PROSE:
            return set()
        named = path.name if path.suffix else f'"{path.name}"'
        readers = ("tests.",) if path.parts[0] == "docs" else PACKAGES
        found = {
            module
            for module, text in self._sources.items()
            if named in text and module.startswith(readers)
        }
        if path.suffix in _BROWSER_SUFFIXES or path.parts[:2] == ("appservices", "widgets"):
            tests = {READERS_OF_PAGES, *self._graph.find_descendants(READERS_OF_PAGES)}
            return found | set(OF_BROWSER) | tests
        return found | self._package_of(path)

    def _package_of(self, path: PurePosixPath) -> set[str]:
        """All modules of the innermost package that a file is in; none for pages of the docs."""
        if path.parts[0] not in PACKAGES:
            return set()
        for folder in path.parents:
            package = ".".join(folder.parts)
            if package in self._modules:
                return {package, *self._graph.find_descendants(package)}
        return set()

    def _path(self, module: str) -> Path:
        bare = self._root.joinpath(*module.split("."))
        return bare / "__init__.py" if bare.is_dir() else bare.with_suffix(".py")

    def _add_names(self) -> None:
        for module, text in self._sources.items():
            if module in _NAMING_ANY:
                continue
            named = set(_NAMED.findall(text)) | ({_COMMAND} if _STARTED in text else set())
            for name in named:
                while name and name not in self._modules:
                    name = name.rpartition(".")[0]  # noqa: PLW2901 -- the module a name is in
                if name.count(".") and name != module:
                    self._graph.add_import(importer=module, imported=name)

    def _entry_points(self) -> set[str]:
        """Which modules our command loads by their entry points."""
        config = configparser.ConfigParser()
        config.read([self._root / name for name in METADATA])
        lines = "\n".join(config["options.entry_points"].values()).splitlines()
        points = [line.partition("=")[2] for line in lines if "=" in line]
        return {point.partition(":")[0].strip() for point in points} - {_COMMAND}


def changed_files(base: str | None = None) -> list[str]:
    """List what differs from a commit in the working tree, new and deleted files too.

    Args:
        base: A commit; without one, where this branch left `main`.
    """
    since = base or _git("merge-base", "HEAD", "main") or "HEAD"
    if _git("rev-parse", "--verify", f"{since}^{{commit}}") is None:
        sys.exit(f"run: {since} is no commit here; name one that `git log` knows")
    differ = _git("diff", "--name-only", "--no-renames", since) or ""
    new = _git("ls-files", "--others", "--exclude-standard") or ""
    return sorted({*differ.splitlines(), *new.splitlines()})


def _git(*words: str) -> str | None:
    command = ["git", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def main() -> None:
    """Print the tests that the changes since a commit can reach, one a line."""
    files = changed_files(*sys.argv[1:2])
    chosen = Reach().tests(files)
    sys.stderr.write(f"run: {len(files)} changed files reach {len(chosen)} files of tests\n")
    sys.stdout.write("\n".join(chosen) + "\n")


if __name__ == "__main__":
    main()
