"""Copies the browser files of our npm packages to ``static/vendor``.

Only what pages load is copied, by patterns named here, so that a review sees what ships. The Matrix
SDK of the app needs CommonJS packages and 200 modules: esbuild joins it, with its crypto code in a
part of its own. Our own modules are never joined. ``./run`` calls this after ``npm ci``; the wheel
has the result.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
PACKAGES: Final = HERE / "node_modules"
VENDOR: Final = HERE / "static" / "vendor"

_SOURCE_MAP: Final = re.compile(rb"\n?//# sourceMappingURL=.*")
_IMPORT: Final = re.compile(r'@import url\("\./([\w.-]+)"\)([^;]*);')
_LAYER: Final = re.compile(r"\s*layer\(([\w-]+)\)")

_COMPOUND: Final = "@vector-im/compound-design-tokens"
_CRYPTO: Final = "@matrix-org/matrix-sdk-crypto-wasm"
_TOKENS: Final = "assets/web/css/compound-design-tokens.css"


@dataclass(frozen=True)
class Vendored:
    """The files that are taken of a package.

    Attributes:
        package: Its name.
        folder: Below ``static/vendor``.
        patterns: Globs in the package; each must match.
    """

    package: str
    folder: str
    patterns: tuple[str, ...]


VENDORED: Final = (
    # Not dist/api.min.js: in 1.19.0 it exports nothing at all.
    Vendored("matrix-widget-api", "matrix-widget-api", ("dist/api.js", "LICENSE")),
    Vendored("events", "matrix-widget-api/events", ("LICENSE",)),  # is inside of api.js
    Vendored("lit", "lit", ("index.js", "directives/*.js", "LICENSE")),
    Vendored("lit-html", "lit-html", ("*.js", "directives/*.js", "LICENSE")),
    Vendored("lit-element", "lit-element", ("lit-element.js", "LICENSE")),
    Vendored(
        "@lit/reactive-element",
        "reactive-element",
        ("reactive-element.js", "css-tag.js", "LICENSE"),
    ),
    # Its pictures in Node, 30 MB, are replaced by a small package: browsers draw by themselves.
    Vendored(
        "pdfjs-dist",
        "pdfjs",
        (
            "build/pdf.min.mjs",
            "build/pdf.worker.min.mjs",
            "standard_fonts/*.pfb",
            "standard_fonts/*.ttf",
            "standard_fonts/LICENSE*",
            "wasm/*_nowasm_fallback.js",  # our policy lets no WebAssembly in
            "wasm/LICENSE*",
            "LICENSE",
        ),
    ),
    Vendored("@cantoo/pdf-lib", "pdf-lib", ("dist/pdf-lib.esm.min.js", "LICENSE.md")),
    # Are inside of it.
    Vendored("culori", "pdf-lib/culori", ("LICENSE",)),
    Vendored("fflate", "pdf-lib/fflate", ("LICENSE",)),
    Vendored("node-html-better-parser", "pdf-lib/node-html-better-parser", ("LICENSE*",)),
    Vendored("html-entities", "pdf-lib/html-entities", ("LICENSE",)),
    Vendored("tslib", "pdf-lib/tslib", ("LICENSE.txt",)),
    Vendored("qr", "qr", ("decode.js", "index.js", "LICENSE", "LICENSE-MIT")),
    Vendored(_COMPOUND, "compound", ("LICENSE*",)),
    Vendored("dompurify", "dompurify", ("dist/purify.es.mjs", "LICENSE")),
    Vendored("matrix-js-sdk", "matrix-js-sdk", ("LICENSE",)),
    Vendored(_CRYPTO, "matrix-js-sdk/crypto", ("LICENSE",)),
    # Are inside of it.
    *(
        Vendored(name, f"matrix-js-sdk/{name.rpartition('/')[2]}", (licence,))
        for licence, names in (
            ("LICENSE", ("@babel/runtime", "another-json", "bs58", "content-type", "events")),
            ("LICENSE*", ("base-x", "loglevel", "matrix-events-sdk", "matrix-widget-api")),
            ("LICENSE", ("sdp-transform", "unhomoglyph")),
            ("license", ("is-network-error", "p-retry")),
        )
        for name in names
    ),
)

_SDK: Final = ("matrix", "crypto-api/index", "sliding-sync", "logger")
"""Modules of the SDK that its file ``matrix.js`` brings. Not the package's main file: that one sets
a global variable and refuses to be loaded twice."""
BUNDLES: Final = {
    "matrix": "".join(f'export * from "matrix-js-sdk/lib/{part}.js";' for part in _SDK),
    "crypto": 'export * from "@matrix-org/matrix-sdk-crypto-wasm";',
}
"""Files of ``static/vendor/matrix-js-sdk``, and the text that esbuild begins each with. They share
their parts, so that the page and the service worker have one copy of the crypto code."""
_ESBUILD: Final = (
    *("--bundle", "--splitting", "--format=esm", "--target=es2022", "--minify"),
    *("--legal-comments=none", "--log-level=warning", "--chunk-names=part-[hash]"),
)

SHIM: Final = """\
import "./api.js";
export const { ClientWidgetApi, OpenIDRequestState, Widget, WidgetApi, WidgetDriver } =
    window.mxwidgets;
"""
"""The bundle is a classic script that sets ``window.mxwidgets``. With this file beside it,
``import { WidgetApi } from "matrix-widget-api"`` works in the browser by the import map, and in
tsc by the types of the package."""


class VendorError(Exception):
    """Something that pages load is not there: ``npm ci`` was not run, or a package has changed."""


def vendor(packages: Path = PACKAGES, target: Path = VENDOR) -> int:
    """Replace ``target`` by the browser files of ``packages``; the result is their number.

    Args:
        packages: The folder ``node_modules``.
        target: Other files there are removed. Unchanged if this raises.

    Raises:
        VendorError: A pattern matches nothing.
    """
    files: dict[str, bytes] = {"matrix-widget-api/index.js": SHIM.encode()}
    for one in VENDORED:
        for pattern in one.patterns:
            files |= _matches(packages / one.package, pattern, one.folder)
    files["compound/tokens.css"] = flat_css(packages / _COMPOUND / _TOKENS).encode()
    files |= bundles(packages)
    wasm = _read(packages / _CRYPTO / "pkg/matrix_sdk_crypto_wasm_bg.wasm")
    # Packed here and not at every start: it is 8 MB.
    files["matrix-js-sdk/pkg/matrix_sdk_crypto_wasm_bg.wasm.gz"] = gzip.compress(wasm, 9, mtime=0)
    shutil.rmtree(target, ignore_errors=True)
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return len(files)


def bundles(packages: Path) -> dict[str, bytes]:
    """Join the Matrix SDK by esbuild; the result is its files by their names.

    The bytes are the same on every machine: esbuild's working folder is that of ``node_modules``.

    Raises:
        VendorError: esbuild is not there, or refuses.
    """
    programs = sorted(packages.glob("@esbuild/*/bin/esbuild"))
    if not programs:
        raise VendorError("esbuild is missing: run npm ci")
    with tempfile.TemporaryDirectory(prefix=".veche-", dir=packages) as folder:
        begins = [Path(folder) / f"{name}.js" for name in BUNDLES]
        for begin, text in zip(begins, BUNDLES.values(), strict=True):
            begin.write_text(text)
        made = Path(folder) / "made"
        command = [str(programs[0]), *map(str, begins), *_ESBUILD, f"--outdir={made}"]
        done = subprocess.run(  # noqa: S603 -- our own arguments
            command, cwd=packages.parent, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise VendorError(f"esbuild refused: {done.stderr[:500]}")
        return {f"matrix-js-sdk/{path.name}": path.read_bytes() for path in made.iterdir()}


def flat_css(path: Path) -> str:
    """A style sheet with what it imports in its place: one request instead of twenty.

    Args:
        path: Imports only files beside it, with a layer, a media query or both.

    Raises:
        VendorError: The file, or one that it imports, is missing.
    """

    def inlined(match: re.Match[str]) -> str:
        name, condition = match[1], match[2]
        text = _read(path.parent / name).decode().strip()
        layer = _LAYER.match(condition)
        media = (condition[layer.end() :] if layer else condition).strip()
        if media:
            text = f"@media {media} {{\n{text}\n}}"
        return f"@layer {layer[1]} {{\n{text}\n}}" if layer else text

    flat = _IMPORT.sub(inlined, _read(path).decode())
    if "@import" in flat:
        raise VendorError(f"{path.name} imports in a way that is not known")
    return flat


def _matches(package: Path, pattern: str, folder: str) -> dict[str, bytes]:
    found = sorted(path for path in package.glob(pattern) if path.is_file())
    if not found:
        raise VendorError(
            f"{package.name}: nothing matches {pattern}: run npm ci, or it has changed"
        )
    names = (path.relative_to(package).as_posix().removeprefix("dist/") for path in found)
    # 60 % of api.js is one inline source map.
    contents = (_SOURCE_MAP.sub(b"", path.read_bytes()) for path in found)
    return {f"{folder}/{name}": content for name, content in zip(names, contents, strict=True)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise VendorError(f"{path.name} is missing: run npm ci, or its package has changed") from e


if __name__ == "__main__":
    try:
        vendor()
    except VendorError as e:
        sys.exit(f"vendor: {e}")
