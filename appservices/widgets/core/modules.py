"""Which files a page loads, and how a browser knows that they are the ones that were meant.

ES modules name one another; the import map gives the names of packages their places and every
module the digest of its content (sub-resource integrity). All of them stand in the document as
``modulepreload``, so that a browser fetches them at once and not one behind the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IMPORTS: Final[Mapping[str, str]] = {
    "lit": "vendor/lit/index.js",
    "lit/": "vendor/lit/",
    "lit-html": "vendor/lit-html/lit-html.js",
    "lit-html/": "vendor/lit-html/",
    "lit-element/lit-element.js": "vendor/lit-element/lit-element.js",
    "@lit/reactive-element": "vendor/reactive-element/reactive-element.js",
    "matrix-widget-api": "vendor/matrix-widget-api/index.js",
    "pdfjs-dist": "vendor/pdfjs/build/pdf.min.mjs",
    "@cantoo/pdf-lib": "vendor/pdf-lib/pdf-lib.esm.min.js",
    "qr/decode.js": "vendor/qr/decode.js",
    "qr": "vendor/qr/index.js",
    "dompurify": "vendor/dompurify/purify.es.mjs",
    "matrix-js-sdk": "vendor/matrix-js-sdk/matrix.js",
    "matrix-js-sdk/crypto": "vendor/matrix-js-sdk/crypto.js",
}
"""Names that modules import, and the files below ``static`` they stand for."""

MODULES_MAX: Final = 200
"""Most modules of one page."""

# Comments come first: a sample in one imports nothing.
_COMMENT: Final = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.DOTALL | re.MULTILINE)
_IMPORT: Final = re.compile(
    r"""(?:\bimport|\bexport)\s*(?:[\w*${},\s]+?\bfrom\s*|\*\s*from\s*|\{[^}]*\}\s*from\s*)?["']([^"'\s]+)["']"""
)
_LATER: Final = re.compile(r"""\bimport\(\s*["']([^"'\s]+)["']\s*\)""")
"""What a module imports once it needs it, by a plain text."""


def sri(content: bytes) -> str:
    """The digest of a file as browsers compare it, ``sha384-…``."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def csp_hash(text: str) -> str:
    """The source by which a policy allows one inline script: exactly this text between its tags."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def imported(module: str, text: str) -> tuple[str, ...]:
    """The files that a module imports, in its order, each once.

    Args:
        module: Its own name below ``static``; relative imports start there.
        text: Its source, without comments.

    Raises:
        ConfigError: It imports a name that is not in ``IMPORTS``.
    """
    return tuple(dict.fromkeys(_place(module, name) for name in _IMPORT.findall(text)))


@attrs.frozen
class Modules:
    """The imports of the modules below ``static``; each is read once, when first needed.

    Attributes:
        sources: Every file below ``static``.
    """

    sources: Mapping[str, bytes]
    _imports: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = attrs.field(
        factory=dict, init=False
    )

    def later(self, modules: Sequence[str]) -> tuple[str, ...]:
        """The modules that a page may load while it runs, with all that those need, now or later.

        They are in its import map and not fetched beforehand.

        Args:
            modules: Those that the page needs at once.

        Raises:
            ConfigError: As ``closure``.
        """
        found = dict.fromkeys(modules)
        waiting = list(modules)
        while waiting:
            _, entries = self._read(waiting.pop(0))
            new = [name for name in self.closure(entries) if name not in found] if entries else []
            found.update(dict.fromkeys(new))
            waiting += new
        return tuple(found)[len(modules) :]

    def closure(self, entries: Sequence[str]) -> tuple[str, ...]:
        """All modules that a page needs, the entries first.

        Args:
            entries: The modules that the document names.

        Raises:
            ConfigError: A module is missing; or there are more than ``MODULES_MAX``.
        """
        found = dict.fromkeys(entries)
        waiting = list(entries)
        while waiting:
            at_once, _ = self._read(waiting.pop(0))
            new = [module for module in at_once if module not in found]
            found.update(dict.fromkeys(new))
            waiting += new
            if len(found) > MODULES_MAX:
                raise ConfigError(f"{entries[0]} needs more than {MODULES_MAX} modules")
        return tuple(found)

    def _read(self, module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Read the modules that a module imports at once, and later."""
        if module not in self._imports:
            if module not in self.sources:
                raise ConfigError(
                    f"static/{module} is missing: run `./run up` in a checkout,"
                    " or install the wheel"
                )
            text = _COMMENT.sub("", self.sources[module].decode())
            later = tuple(_place(module, name) for name in _LATER.findall(text))
            self._imports[module] = imported(module, text), later
        return self._imports[module]


def import_map(modules: Sequence[str], sources: Mapping[str, bytes], base: str) -> str:
    """The text of the import map of a page.

    Args:
        modules: All that the page needs; only these get in, so the map says nothing of others.
        sources: Every file below ``static``.
        base: Where the files are served, with a slash at the end.
    """
    used = {name: place for name, place in IMPORTS.items() if _is_used(place, modules)}
    content = {
        "imports": {name: base + place for name, place in used.items()},
        "integrity": {base + module: sri(sources[module]) for module in modules},
    }
    return json.dumps(content, separators=(",", ":"))


def _is_used(place: str, modules: Sequence[str]) -> bool:
    return any(m.startswith(place) if place.endswith("/") else m == place for m in modules)


def _place(module: str, name: str) -> str:
    if name.startswith(("./", "../")):
        return posixpath.normpath(posixpath.join(posixpath.dirname(module), name))
    if name in IMPORTS:
        return IMPORTS[name]
    for prefix, place in IMPORTS.items():
        if prefix.endswith("/") and name.startswith(prefix):
            return place + name.removeprefix(prefix)
    raise ConfigError(f"static/{module} imports {name!r}, which no import map knows")
