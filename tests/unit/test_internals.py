"""No internal name reaches people: no value of an enum, no code of a reason, in no language."""

from __future__ import annotations

import ast
import enum
import importlib
import pkgutil
import re
from typing import TYPE_CHECKING, Final

import pytest

import appservices
import veche.protocol
import veche.runtime
from appservices.agency.cases.service.conversation import CATALOGUE as AGENCY
from appservices.payments.conversation.service.conversation import CATALOGUE as PAYMENTS
from appservices.signing.sessions.service.conversation import CATALOGUE as SIGNING
from tests.support.processes import ROOT
from tests.support.tables import each_row
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

BLOCKS: Final = frozenset(
    {"Bold", "Bullets", "Facts", "Heading", "Link", "Mono", "Numbered", "Paragraph", "TextItem"}
)
CODES: Final = frozenset({"hint", "meeting", "offer", "one", "session"})
"""Whose ``code`` is for people: they type it."""
_INTERNAL: Final = re.compile(r"\b[a-z]+_[a-z_]+\b")
CATALOGUES: Final[Mapping[str, Catalogue]] = {
    "appservices.agency": AGENCY,
    "appservices.payments": PAYMENTS,
    "appservices.signing": SIGNING,
    "veche": SIGNING,
}


def modules() -> Iterator[ModuleType]:
    for package in (appservices, veche.protocol, veche.runtime):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def tables() -> list[tuple[str, Mapping[enum.Enum, str]]]:
    """Each table of texts by an enum, with its place."""
    return [
        (f"{module.__name__}.{name}", table)
        for module in modules()
        if ".texts" in module.__name__ or "words" in module.__name__
        for name, table in vars(module).items()
        if isinstance(table, dict) and table
        if all(isinstance(k, enum.Enum) and isinstance(v, str) for k, v in table.items())
    ]


@each_row("language", LANGUAGES)
def test_no_text_for_an_enum_has_an_internal_name(language: str) -> None:
    found = tables()

    assert len(found) > 40
    for where, table in found:
        catalogue = next(one for prefix, one in CATALOGUES.items() if where.startswith(prefix))
        for member, text in table.items():
            shown = catalogue.text(language, text) if "{" not in text else text
            assert shown, (where, member)
            assert not _INTERNAL.search(shown.replace("{", " {").split("{")[0]), (where, member)


def shown_raw(source: str) -> list[str]:
    """Values of enums and codes that a module puts into messages, unseen by any catalogue."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        function = call.func
        name = function.id if isinstance(function, ast.Name) else ""
        attribute = function.attr if isinstance(function, ast.Attribute) else ""
        given: list[ast.expr] = []
        if name in BLOCKS:
            given = list(call.args)
        elif attribute in {"text", "plural"}:
            given = [keyword.value for keyword in call.keywords]
        for node in (inner for one in given for inner in ast.walk(one)):
            if not isinstance(node, ast.Attribute):
                continue
            owner = ast.unparse(node.value)
            if node.attr == "value" or (node.attr == "code" and owner not in CODES):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def test_no_message_is_made_of_the_value_of_an_enum_or_of_a_code() -> None:
    found = {
        str(path.relative_to(ROOT)): raw
        for folder in ("appservices", "veche")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (raw := shown_raw(path.read_text(encoding="utf-8")))
    }

    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        'Paragraph(f"case {case.state.value}")',
        'Facts([("Reason", (title, Mono(refusal.code)))])',
        'localizer.text("It is {state}.", state=case.state.value)',
    ],
)
def test_what_would_show_an_internal_name_is_found(source: str) -> None:
    assert len(shown_raw(source)) >= 1
