"""The files below ``static`` and the texts of the pages, as they lie in the package."""

from __future__ import annotations

import gettext
import hashlib
import io
import json
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from babel.messages.pofile import read_po

from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.texts.locales import locale_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from babel.messages.catalog import Catalog

PACKAGE: Final = "appservices.widgets"
TYPES: Final[Mapping[str, bytes]] = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "mjs": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "json": b"application/json",
    "svg": b"image/svg+xml",
    "woff2": b"font/woff2",
    "ttf": b"font/ttf",
    "pfb": b"application/x-font-type1",
    "wasm": b"application/wasm",
    "png": b"image/png",
    "webmanifest": b"application/manifest+json",
}
"""What is served, by the end of the name; other files (licences, types for editors) are not."""
PACKED: Final = ".gz"
"""Ends the names of files that lie packed by gzip; they are served without it."""
_COUNTS_TRIED: Final = 200
"""Every plural form of our languages is used by a number below."""


def read_static() -> Mapping[str, bytes]:
    """Every file to serve, by its path below ``static``; the texts are ``locale/<language>.json``.

    The font of signatures is ``pdf/letters.json``.

    Raises:
        OSError: A file, or a catalogue, cannot be read.
    """
    files = _walk(resources.files(PACKAGE) / "static", "")
    texts = {f"locale/{language}.json": locale_json(language) for language in LANGUAGES}
    return {**files, **texts, "pdf/letters.json": font_json()}


def font_json() -> bytes:
    """The font in which signatures are shown, for pages that lay it."""
    return (resources.files("veche.documents.pdf") / "letters.json").read_bytes()


def locale_json(language: str) -> bytes:
    """The texts of the pages in a language, for ``kit/i18n.js``.

    ``messages`` has the translation of each English text; of a plural, by its form for one thing,
    the list of its forms. ``forms`` says which of them a CLDR category takes.
    """
    path = resources.files(PACKAGE) / "locale" / f"{language}.po"
    catalog = read_po(io.BytesIO(path.read_bytes()), locale=language, abort_invalid=True)
    messages = {
        message.id if isinstance(message.id, str) else message.id[0]: message.string
        for message in catalog
        if message.id and message.string
    }
    content = {"forms": _forms(catalog, language), "messages": messages}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def tree_hash(files: Mapping[str, bytes]) -> str:
    """One name for a state of all files: it stands in their addresses, so they never change."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(hashlib.sha256(name.encode()).digest())
        digest.update(hashlib.sha256(files[name]).digest())
    return digest.hexdigest()[:16]


def _walk(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            found |= _walk(entry, name + "/")
        elif name.removesuffix(PACKED).rpartition(".")[2] in TYPES:
            found[name] = entry.read_bytes()
    return found


def _forms(catalog: Catalog, language: str) -> dict[str, int]:
    """Which form of a plural each category of CLDR takes, as the catalogue's own rule says."""
    form_of = gettext.c2py(catalog.plural_expr)
    category_of: Any = locale_of(language).plural_form
    return {category_of(count): form_of(count) for count in range(_COUNTS_TRIED)}
