"""Whether a test that a page of the docs names is one that every run executes and that can fail."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_UNRUN = ("long", "skip", "skipif", "xfail")
"""Marks of a test that not every run executes."""


def what_is_wrong(file: Path, name: str) -> str:
    """Say why a test keeps no promise: it is not there, not run each time, or asserts nothing.

    Args:
        file: Of Python or JavaScript.
        name: Of a function, or the words of a test in JavaScript.
    """
    text = file.read_text(encoding="utf-8")
    return _of_python(text, name) if file.suffix == ".py" else _of_javascript(text, name)


def _of_python(text: str, name: str) -> str:
    tree = ast.parse(text)
    functions = _imported(tree) | _functions(tree)
    test = functions.get(name)
    if test is None:
        return "there is no such test"
    marks = " ".join(ast.unparse(one) for one in test.decorator_list)
    if unrun := [one for one in _UNRUN if re.search(rf"^pytest\.mark\.{one}\b", marks)]:
        return f"it is marked {unrun[0]}"
    return "" if _asserts(test, functions, set()) else "it asserts nothing"


def _functions(tree: ast.AST) -> dict[str, _Function]:
    nodes = ast.walk(tree)
    return {one.name: one for one in nodes if isinstance(one, _Function)}


def _imported(tree: ast.AST) -> dict[str, _Function]:
    """Functions of other modules of the tests."""
    found: dict[str, _Function] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            path = ROOT.joinpath(*str(node.module).split(".")).with_suffix(".py")
            names = {one.name for one in node.names}
            if path.exists():
                there = _functions(ast.parse(path.read_text(encoding="utf-8")))
                found |= {name: one for name, one in there.items() if name in names}
    return found


def _asserts(function: ast.AST, functions: dict[str, _Function], seen: set[str]) -> bool:
    """Whether a function asserts, or one that it calls."""
    called = set[str]()
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called.add(ast.unparse(node.func).rpartition(".")[2])
    if called & {"raises", "fail"}:
        return True
    new = called & functions.keys() - seen
    return any(_asserts(functions[one], functions, seen | new) for one in new)


def _of_javascript(text: str, name: str) -> str:
    before, begun, after = text.partition(f'test("{name}"')
    if not begun:
        return "there is no such test"
    if before.endswith("// long\n"):
        return "it is marked long"
    body = after.partition("\n});")[0]
    return "" if re.search(r"\b(assert|expect|look|until)\b", body) else "it asserts nothing"
