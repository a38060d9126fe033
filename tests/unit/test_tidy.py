"""Rules of the house that no linter has (see docs/development/style.md)."""

import ast
import configparser
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import errcodes
from tests.support.example_feature import PACKAGE as EXAMPLE
from tests.support.tables import each_row
from veche.cli.main import KERNEL, _parser, features

ROOT = Path(__file__).parents[2]
PACKAGES = ("veche", "homeserver_modules", "appservices", "bridges")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
FUNCTION_LINES_MAX = 70
HEADLESS = re.compile(r"(Who|Whom|Whose|Whoever|What|Whatever|Of|Whether|That)\b")
MODULE_LINES_MAX = 500
PORT_IMPORTERS_MAX = 9
TEXTS = {
    ".py",
    ".md",
    ".sql",
    ".yaml",
    ".po",
    ".cfg",
    ".toml",
    ".sh",
    ".js",
    ".css",
    ".html",
    ".typ",
}
FEATURES_NAMED = {
    # The field of an act that says whose it is; it is signed.
    "veche/protocol/acts.py: agency",
    # Names of Synapse and of clients.
    "veche/cli/processes/homeserver.py: signing.key",
    "veche/cli/processes/homeserver.py: synapse.app.homeserver",
    "veche/runtime/widget.py: im.vector.modular.widgets",
    "veche/runtime/widget.py: io.element.widgets.layout",
    "veche/runtime/widget.py: widgets",
    # What klein asks of an object with routes.
    "veche/api/json_api.py: app",
    # What services publish, read by whoever verifies it, and the API by which files are sealed.
    "veche/api/sealing_client.py: /_veche/signing/v1",
    "veche/cli/verify/signed_files.py: /_veche/signing/v1",
    "veche/cli/verify/signed_files.py: veche.contracts.signing.own_certificate_api",
}
"""Where the kernel may name a feature all the same; take out what it names no more."""
LEFT_OUT = {"node_modules", "vendor", "build", "dist", "var"}
MIGRATIONS = ROOT / "tests" / "unit" / "migrations.sha256"


def files(*folders: str, suffixes: set[str]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            parts = path.relative_to(ROOT).parts
            is_left_out = any(p.startswith(".") or p in LEFT_OUT for p in parts)
            if path.is_file() and path.suffix in suffixes and not is_left_out:
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PAGES = [
    *sorted(ROOT.glob("*.md")),
    *files("docs", "config", suffixes={".md"}),
]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


@each_row(
    "port", ["veche.server.host", "veche.runtime.process", "veche.bots.ports", "veche.api.ports"]
)
def test_few_modules_know_the_process(port: str) -> None:
    """Type-only imports count: whoever needs one thing of the process gets that thing alone."""
    paths = files(*PACKAGES, suffixes={".py"})
    importers = [name(path) for path in paths if f"from {port} import" in path.read_text()]
    assert 0 < len(importers) <= PORT_IMPORTERS_MAX, importers


def told(path: Path) -> Iterator[str]:
    """What a module imports, and its texts but docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""  # a docstring, which the walk has not come to yet
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module if node.module.startswith("veche.contracts") else ""


def test_the_kernel_names_no_feature() -> None:
    """A feature brings its own: pages, demo, commands, housekeeping, what follows a restore."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    services, commands = (
        "|".join(re.findall(r"(?m)^(\w+) = appservices", setup["options.entry_points"][group]))
        for group in ("veche.services", "veche.commands")
    )
    # The kernel has a log of acts of its own, so this one word says nothing there.
    services = "|".join(one for one in services.split("|") if one != "acts")
    feature = re.compile(rf"(^|[/.])({services})([/.]|$)|\bveche ({commands})\b")
    found = {
        f"{name(path)}: {text}"
        for path in files("veche", suffixes={".py"})
        if "contracts" not in path.parts
        for text in told(path)
        if feature.search(text)
    }

    assert found == FEATURES_NAMED


def test_modules_are_short() -> None:
    paths = files(*PACKAGES, "tests/support", suffixes={".py"})
    assert {name(path): n for path in paths if (n := lines(path)) > MODULE_LINES_MAX} == {}


def test_functions_are_short() -> None:
    long = [
        f"{name(path)}: {node.name}"
        for path in files(*PACKAGES, "tests", suffixes={".py"})
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert long == []


def test_no_docstring_begins_with_a_question_word() -> None:
    """A stranger understands "Return whether …" and "The payer"; not "Who pays"."""
    found = [
        f"{name(path)}: {(ast.get_docstring(node) or '').splitlines()[0]}"
        for path in files(*PACKAGES, suffixes={".py"})
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, DOCUMENTED) and HEADLESS.match(ast.get_docstring(node) or "")
    ]
    assert found == []


def test_the_map_names_files_that_exist() -> None:
    text = (ROOT / "docs/development/map.md").read_text()
    tops = "|".join((*PACKAGES, "tests", "config", "docs"))
    named = re.findall(rf"`((?:{tops})/[^`*]*)`", text)

    assert named
    assert [one for one in named if not (ROOT / one).exists()] == []


class TestErrorCodes:
    def test_the_page_is_what_the_code_says(self) -> None:
        text = (ROOT / "docs/reference/errcodes.md").read_text()
        assert text == errcodes.page(), (
            "python -m tests.support.errcodes >docs/reference/errcodes.md"
        )

    def test_each_code_belongs_to_one_class(self) -> None:
        codes = [error.errcode for error in errcodes.errors()]
        assert len(codes) == len(set(codes))

    def test_each_class_says_what_its_code_means(self) -> None:
        assert [e for e in errcodes.errors() if not e.__doc__] == []

    def test_no_code_is_used_that_no_class_has(self) -> None:
        known = {error.errcode for error in errcodes.errors()}
        used = {
            code
            for path in files(*PACKAGES, suffixes={".py", ".js"})
            for code in re.findall(r"\bORG\.VECHE\.[A-Z_]+\b", path.read_text())
        }
        assert used - known == set()


def slugs(text: str) -> set[str]:
    """Names of the headings, as code hosts make them."""
    bare = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", bare, flags=re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", h).strip().lower() for h in headings]
    return {re.sub(r"[^\w\- ]", "", h).replace(" ", "-") for h in plain}


@each_row("path", PAGES)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        is_there = found.exists() and (ROOT in found.parents or found == ROOT)
        if not is_there or (anchor and anchor not in slugs(found.read_text())):
            broken.append(target)
    assert broken == []


def test_what_is_left_to_do_has_an_issue() -> None:
    words = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"))
    without = [
        f"{name(path)}: {line.strip()}"
        for path in files(*PACKAGES, "tests", "docs", "config", suffixes=TEXTS)
        for line in path.read_text().splitlines()
        if re.search(rf"\b({words})\b(?!\(#\d+\))", line)
    ]
    assert without == []


def migration_list() -> str:
    paths = [p for p in files(*PACKAGES, suffixes={".sql"}) if p.parent.name == "migrations"]
    hashes = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {name(p)}\n" for p in paths]
    return "".join(hashes)


def test_a_merged_migration_never_changes() -> None:
    """A database that ran it would not run it again: write a new migration instead.

    A new file is added to the list when it is merged: ``sha256sum`` prints its line.
    """
    listed = MIGRATIONS.read_text().splitlines()
    found = migration_list().splitlines()

    assert [line for line in listed if line not in found] == []
    assert [line for line in found if line not in listed] == []


class TestCommands:
    """What the pages tell people to type exists."""

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        for path in PAGES:
            for line in re.findall(
                r"^\s*(?:\$ )?(?:\./run|veche) (.+)$", path.read_text(), re.MULTILINE
            ):
                yield name(path), re.split(r"\s*(?:#|[|>&;]|\s\s)", line)[0].split()
            for words in re.findall(r"`(?:\./run|veche) ([^`\n]+)`", path.read_text()):
                yield name(path), words.split()

    def test_every_command_in_the_pages_exists(self) -> None:
        known = {"test", "wheel", EXAMPLE, *KERNEL, *features()}
        unknown = [
            (page, words)
            for page, words in self.commands()
            if re.fullmatch(r"[a-z]+", words[0]) and words[0] not in known
        ]
        assert unknown == []

    def test_the_readme_tells_how_to_begin(self) -> None:
        words = {tuple(words[:1]) for page, words in self.commands() if page == "README.md"}
        assert {("up",), ("test",)} <= words

    @pytest.mark.parametrize("command", sorted(KERNEL))
    def test_every_command_explains_itself(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        parser = _parser(command)
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([command, "--help"])

        assert ended.value.code == 0
        assert f"veche {command}" in capsys.readouterr().out
