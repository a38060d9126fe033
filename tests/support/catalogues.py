"""What a package says, compared with its catalogues; for the tests of every package with texts.

A message is used by ``….text(language, "message")``, ``….plural(language, "one", "many", count)``
or ``N_("message")``, with plain strings: a message that is put together cannot be found.
"""

from __future__ import annotations

import ast
import io
import json
import re
from importlib import resources
from typing import TYPE_CHECKING

from babel.messages.pofile import read_po

from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from importlib.resources.abc import Traversable

    from babel.messages.catalog import Message

Key = str | tuple[str, str]
"""A message id; for a plural the English forms for one and for many."""

_FIELD = re.compile(r"\{([^{}]*)\}")
_JS_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.DOTALL | re.MULTILINE)
_JS_STRING = r'("(?:[^"\\\n]|\\.)*")'
_JS_TEXT = re.compile(rf"(?<![\w.$])(?:t|N_)\(\s*{_JS_STRING}")
_JS_PLURAL = re.compile(rf"(?<![\w.$])plural\(\s*{_JS_STRING},\s*{_JS_STRING}")
_STRINGS_OF = {"text": 1, "plural": 2}


def used_messages(package: str) -> set[Key]:
    """Every message that the modules of a package use; not those of its subpackages' locales.

    Args:
        package: Import name. Subpackages with a ``locale`` folder of their own are left out.
    """
    found: set[Key] = set()
    for path in _modules(resources.files(package)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (key := _used(node)) is not None:
                found.add(key)
    return found


def page_messages(source: str) -> set[Key]:
    """Every message that a module of JavaScript uses by ``t``, ``plural`` and ``N_``.

    Args:
        source: Its text. Messages are plain strings in double quotes.
    """
    text = _JS_COMMENT.sub("", source)
    found: set[Key] = {json.loads(match[1]) for match in _JS_TEXT.finditer(text)}
    return found | {(json.loads(m[1]), json.loads(m[2])) for m in _JS_PLURAL.finditer(text)}


def catalogue_problems(package: str, more: Collection[Key] = ()) -> list[str]:
    """What is wrong with the catalogues of a package; empty if nothing is.

    Args:
        package: Import name.
        more: Messages that are used besides, by what is not Python.

    Looked for: a missing file or message, an empty or fuzzy translation, a plural without all its
    forms, other ``{fields}`` than in English, and messages that are no longer used.
    """
    used = used_messages(package) | set(more)
    problems: list[str] = []
    for language in LANGUAGES:
        where = f"{package}/locale/{language}.po"
        path = resources.files(package) / "locale" / f"{language}.po"
        if not path.is_file():
            problems.append(f"{where} is missing")
            continue
        catalog = read_po(io.BytesIO(path.read_bytes()), locale=language, abort_invalid=True)
        given = {_key(message): message for message in catalog if message.id}
        if language != "en":
            problems += [f"{where}: not translated: {key!r}" for key in used - given.keys()]
        problems += [f"{where}: not used: {key!r}" for key in given.keys() - used]
        for key, message in given.items():
            problems += [f"{where}: {p}: {key!r}" for p in _wrong(message, catalog.num_plurals)]
    return sorted(problems)


def _modules(folder: Traversable) -> Iterator[Traversable]:
    for path in folder.iterdir():
        if path.is_file() and path.name.endswith(".py"):
            yield path
        elif path.is_dir() and not (path / "locale").is_dir():
            yield from _modules(path)


def _used(call: ast.Call) -> Key | None:
    if isinstance(call.func, ast.Name) and call.func.id == "N_":
        return _literals(call.args, 1)
    if isinstance(call.func, ast.Attribute) and call.func.attr in _STRINGS_OF:
        # The language comes first, unless the object knows it.
        for arguments in (call.args[1:], call.args):
            key = _literals(arguments, _STRINGS_OF[call.func.attr])
            if key is not None:
                return key
    return None


def _literals(arguments: list[ast.expr], count: int) -> Key | None:
    strings = [
        a.value
        for a in arguments[:count]
        if isinstance(a, ast.Constant) and isinstance(a.value, str)
    ]
    if len(strings) != count:
        return None
    return strings[0] if count == 1 else (strings[0], strings[1])


def _key(message: Message) -> Key:
    return message.id if isinstance(message.id, str) else (message.id[0], message.id[1])


def _wrong(message: Message, plurals: int) -> Iterator[str]:
    forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    if message.fuzzy:
        yield "fuzzy"
    if not all(forms) or len(forms) != (1 if isinstance(message.id, str) else plurals):
        yield "a form is missing"
    wanted = {field for text in ids for field in _FIELD.findall(text)}
    for form in filter(None, forms):
        if set(_FIELD.findall(form)) != wanted:
            yield f"fields differ in {form!r}"
