"""The documents and their files, made once when the process starts and answered from memory.

A document is a file of ``static`` in which ``<!-- head -->`` and ``<!-- noscript -->`` are filled
in. Its files are served below a folder that is named by the digest of all of them, so a browser
keeps them for ever, and gets new ones with a new document.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

import attrs
from twisted.web.resource import Resource

from appservices.widgets.core.documents import (
    DOCUMENTS,
    Document,
    app_document_at,
    document_at,
    permissions,
    policy,
)
from appservices.widgets.core.modules import Modules, csp_hash, import_map, sri
from appservices.widgets.routes.static import PACKED, TYPES, read_static, tree_hash
from veche.protocol.errors import ConfigError
from veche.protocol.texts.catalogue import LANGUAGES, N_, Catalogue, language_of
from veche.runtime.web import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.web.iweb import IRequest

logger = logging.getLogger(__name__)

GZIP_BYTES_MIN: Final = 256
"""Smaller answers are not worth unpacking."""
_KEEP_FOREVER: Final = b"public, max-age=31536000, immutable"
_ASK_AGAIN: Final = b"no-cache"
_KEEP_NOT: Final = b"no-store"
_METHODS: Final = (b"GET", b"HEAD")
_STYLES: Final = ("vendor/compound/tokens.css", "kit/kit.css")
_ICON: Final = "kit/icon.svg"
_WORKERS: Final = ("vendor/pdfjs/build/pdf.worker.min.mjs", "signatures/judge_worker.js")
SHARED: Final[Mapping[bytes, str]] = {b"/shop/open_invoice.js": "shop/open_invoice.js"}
"""Files that pages of other origins load, by the addresses that those keep: as they are below
``static`` nobody but our own documents loads them."""
APP_FILES: Final[Mapping[bytes, str]] = {
    b"/sw.js": "app/sw.js",
    b"/manifest.webmanifest": "app/manifest.webmanifest",
}
"""Files of the app's origin that browsers ask for by an address that stays."""
_CARDS: Final = "/cards.js"
"""Ends the names of the modules by which features draw what is theirs in the app."""
_WASM: Final = "vendor/matrix-js-sdk/pkg/matrix_sdk_crypto_wasm_bg.wasm"
_FOR_OTHER_SITES: Final = {b"access-control-allow-origin": b"*"}
_WORKER: Final = b"default-src 'none'; script-src 'self'; frame-ancestors 'none'"
"""A worker has the policy of its own file; it loads modules and decoders of pictures, and asks
nobody anything."""
_BASE: Final = b"/static/app-base/"
"""Stands in those files for the folder of all files."""
_OFFICIAL: Final = "/_veche/directory/v1/official"
_HEAD: Final = "<!-- head -->"
_NOSCRIPT: Final = "<!-- noscript -->"
_ADDRESS: Final = re.compile(r'\b(src|href)="(?![/#]|[a-z]+:)([^"]+)"')
_MODULE: Final = re.compile(r'<script type="module" src="([^"/][^"]*)"')
_ACCEPTED_MAX: Final = 20
"""Languages of an ``Accept-Language`` that are looked at."""

NO_SUCH_PAGE: Final = N_("There is no such page.")
PAGES_OFF: Final = N_("The pages are not installed here. The bots work as ever.")
NEEDS_SCRIPTS: Final = N_("This page needs JavaScript. The bot in your room works without it.")
HOME: Final = N_("To the start page")


@attrs.frozen
class Facts:
    """The facts about the installation that the pages need.

    Attributes:
        server_name: Of the homeserver whose bots speak.
        sender_prefix: How the ids of those bots begin, ``@veche_``.
        embedders: Sources of the clients that may show widgets.
        homeservers: Sources of homeservers at which persons may sign in.
        has_wallet: Whether payments are here, so that pages lead to the wallet.
        has_directory: Whether it is known here who is official, so that pages ask for it.
        pages_origin: Where the pages are.
        app_origin: Where the app is; None: there is none.
    """

    server_name: str
    sender_prefix: str
    embedders: Sequence[str]
    homeservers: Sequence[str]
    has_wallet: bool = False
    has_directory: bool = False
    pages_origin: str = ""
    app_origin: str | None = None


@attrs.frozen
class Answer:
    """One answer, whole.

    Attributes:
        status: Of HTTP.
        kept: The content, by gzip where that saves something: nearly every client takes it so.
        is_packed: Whether it is kept by gzip.
        headers: All but those that depend on the request.
    """

    status: int
    kept: bytes
    is_packed: bool
    headers: Mapping[bytes, bytes]

    @property
    def etag(self) -> bytes:
        """Names this content."""
        return self.headers[b"etag"]

    @property
    def body(self) -> bytes:
        """The content as it is."""
        return gzip.decompress(self.kept) if self.is_packed else self.kept


class Pages(Resource):
    """Every path of the public site that nothing else takes."""

    def __init__(self, facts: Facts, catalogue: Catalogue) -> None:
        """Read, check and pack everything.

        Args:
            facts: Of this installation.
            catalogue: With the texts of this package.

        Raises:
            ConfigError: A file that a document needs is missing.
        """
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._leaf = _Leaf(Library(facts, catalogue))

    def getChild(self, path: bytes, request: IRequest) -> Resource:  # noqa: ARG002 -- Twisted's
        """The answer, whatever the path."""
        return self._leaf


class _Leaf(Resource):
    isLeaf = True

    def __init__(self, library: Library) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._library = library

    def render(self, request: Any) -> bytes:
        """Answer from the library; the body of HEAD is left out by Twisted."""
        library = self._library
        if request.method in _METHODS:
            accepted = request.getHeader(b"accept-language") or b""
            host = request.getHeader(b"host") or b""
            answer = library.find(request.path, accepted.decode("latin-1"), host)
        else:
            answer = library.no_such_method
        if answer.headers[b"cache-control"] == _KEEP_FOREVER:
            quiet(request)  # forty of them a page
        return _send(request, answer)


def _send(request: Any, answer: Answer) -> bytes:
    request.setResponseCode(answer.status)
    for name, value in answer.headers.items():
        request.setHeader(name, value)
    if answer.status == 200 and request.getHeader(b"if-none-match") == answer.etag:  # noqa: PLR2004
        request.setResponseCode(304)
        return b""
    if answer.is_packed and _takes_gzip(request.getHeader(b"accept-encoding") or b""):
        request.setHeader(b"content-encoding", b"gzip")
        body = answer.kept
    else:
        body = answer.body
    request.setHeader(b"content-length", str(len(body)).encode())
    return b"" if request.method == b"HEAD" else body


def _takes_gzip(accepted: bytes) -> bool:
    codings = [part.replace(b" ", b"").lower() for part in accepted.split(b",")]
    return any(c == b"gzip" or (c.startswith(b"gzip;") and c != b"gzip;q=0") for c in codings)


class Library:
    """All answers by path.

    Attributes:
        base: Where the files are, ``/static/<digest>/``.
        no_such_method: For anything but GET and HEAD.
    """

    def __init__(self, facts: Facts, catalogue: Catalogue) -> None:
        maker = _Maker(facts, catalogue, read_static())
        self.base = maker.base
        app = urlsplit(facts.app_origin or "")
        self._usual_port = b":80" if app.scheme == "http" else b":443"
        self._app_host = self._bare(app.netloc.encode())
        self._app_files = maker.app_files() if facts.app_origin else {}
        self._files = maker.files()
        self._missing = maker.notes(404, NO_SUCH_PAGE)
        self._documents = maker.documents()
        self.no_such_method = _answer(
            405, b"GET and HEAD only", b"text/plain", _KEEP_NOT, {b"allow": b"GET, HEAD"}
        )

    def find(self, path: bytes, accepted: str, host: bytes = b"") -> Answer:
        """The answer to GET.

        Args:
            path: As it came, without the query.
            accepted: ``Accept-Language``.
            host: ``Host``: the app's origin has other documents than the pages'.
        """
        is_app = bool(self._app_host) and self._bare(host) == self._app_host
        file = self._files.get(path) or (self._app_files.get(path) if is_app else None)
        if file is not None:
            return file
        try:
            at = app_document_at if is_app else document_at
            document = at(unquote_to_bytes(path).decode())
        except UnicodeDecodeError:
            document = None
        if document is not None:
            return self._documents[document.file][_language(accepted)]
        return self._missing[_language(accepted)]

    def _bare(self, host: bytes) -> bytes:
        """A host however a proxy writes it: pages with keys must not stand on the app's origin."""
        return host.lower().removesuffix(self._usual_port).removesuffix(b".")


class _Maker:
    """Makes the answers of a library; it and the files as they lie are not kept."""

    def __init__(self, facts: Facts, catalogue: Catalogue, files: Mapping[str, bytes]) -> None:
        self._facts = facts
        self._catalogue = catalogue
        self._texts = {name: data for name, data in files.items() if name.endswith(".html")}
        self._sources = {name: data for name, data in files.items() if name not in self._texts}
        self._modules = Modules(self._sources)
        self.base = f"/static/{tree_hash(self._sources)}/"

    def files(self) -> dict[bytes, Answer]:
        """Each file by the path at which it is served."""
        ours = {
            (self.base + name.removesuffix(PACKED)).encode(): _file(name, self._sources[name])
            for name in self._sources
        }
        return ours | {
            path: _shared(self._sources[name])
            for path, name in SHARED.items()
            if name in self._sources
        }

    def app_files(self) -> dict[bytes, Answer]:
        """The files of the app's origin by the addresses that stay."""
        connect = " ".join(("'self'", *self._facts.homeservers))
        worker = (
            f"default-src 'none'; connect-src {connect}; script-src 'self' 'wasm-unsafe-eval';"
            " frame-ancestors 'none'"
        )
        made = {}
        for path, name in APP_FILES.items():
            data = self._sources[name].replace(_BASE, self.base.encode())
            kind = TYPES[name.rpartition(".")[2]]
            policies = {b"content-security-policy": worker.encode()}
            made[path] = _answer(200, data, kind, _ASK_AGAIN, policies)
        return made

    def notes(self, status: int, message: str) -> dict[str, Answer]:
        """A page of one sentence in each language."""
        return {language: self._note(status, message, language) for language in LANGUAGES}

    def documents(self) -> dict[str, Mapping[str, Answer]]:
        """By the name of its file each document, by language."""
        if not any(name.startswith("vendor/") for name in self._sources):
            logger.error("static/vendor is missing: no pages. `./run` installs it where Node is")
            off = self.notes(503, PAGES_OFF)
            return {document.file: off for document in DOCUMENTS}
        made: dict[str, Mapping[str, Answer]] = {}
        for document in DOCUMENTS:
            if document.has_client and not self._facts.app_origin:
                continue
            if document.file not in self._texts:
                raise ConfigError(f"static/{document.file} is missing")
            answer = self._document(document, self._texts[document.file].decode())
            made[document.file] = dict.fromkeys(LANGUAGES, answer)
        return made

    def _document(self, document: Document, text: str) -> Answer:
        if _HEAD not in text or _NOSCRIPT not in text:
            raise ConfigError(f"static/{document.file} needs {_HEAD} and {_NOSCRIPT}")
        modules = self._modules.closure(_MODULE.findall(text))
        cards = self._modules.closure(self._cards()) if document.has_client else ()
        known = (*modules, *self._modules.later(tuple(dict.fromkeys((*modules, *cards)))))
        known = tuple(dict.fromkeys((*known, *cards)))
        inline = import_map(known, self._sources, self.base)
        html = _ADDRESS.sub(self._address, text)
        more = self._client_head() if document.has_client else self._pages_head()
        html = html.replace(_HEAD, self._head(modules, inline, more))
        html = html.replace(_NOSCRIPT, self._noscript())
        facts = self._facts
        csp = policy(document, [csp_hash(inline)], facts.embedders, facts.homeservers)
        headers = {
            b"content-security-policy": csp.encode(),
            b"permissions-policy": permissions(document).encode(),
        }
        return _answer(200, html.encode(), TYPES["html"], _ASK_AGAIN, headers)

    def _address(self, match: re.Match[str]) -> str:
        attribute, name = match[1], match[2]
        if name not in self._sources:
            raise ConfigError(f"static/{name} is missing")
        digest = sri(self._sources[name])
        return f'{attribute}="{self.base}{name}" integrity="{digest}"'

    def _cards(self) -> list[str]:
        return sorted(name for name in self._sources if name.endswith(_CARDS))

    def _client_head(self) -> list[str]:
        """Build the lines of the head for the app alone."""
        cards = " ".join(self.base + name for name in self._cards())
        wasm = sri(gzip.decompress(self._sources[_WASM + PACKED]))
        return [
            '<link rel="manifest" href="/manifest.webmanifest">',
            f'<meta name="veche-pages" content="{escape(self._facts.pages_origin)}">',
            f'<meta name="veche-cards" content="{escape(cards)}">',
            f'<meta name="veche-wasm" content="{self.base}{_WASM}" data-integrity="{wasm}">',
        ]

    def _pages_head(self) -> list[str]:
        """Build the lines of the head for the pages alone."""
        origin = self._facts.app_origin
        return [f'<meta name="veche-app" content="{escape(origin)}">'] if origin else []

    def _head(self, modules: Sequence[str], inline: str, more: Sequence[str]) -> str:
        facts = self._facts
        directory = f'<meta name="veche-directory" content="{_OFFICIAL}">'
        lines = [
            f'<link rel="icon" href="{self.base}{_ICON}" type="image/svg+xml">',
            f'<meta name="veche-server" content="{escape(facts.server_name)}">',
            f'<meta name="veche-senders" content="{escape(facts.sender_prefix)}">',
            *(['<meta name="veche-wallet" content="/wallet">'] if facts.has_wallet else []),
            *([directory] if facts.has_directory else []),
            *more,
            *(self._styles()),
            f'<script type="importmap">{inline}</script>',
            *(
                f'<link rel="modulepreload" href="{self.base}{module}"'
                f' integrity="{sri(self._sources[module])}">'
                for module in modules
            ),
        ]
        return "\n".join(lines)

    def _styles(self) -> list[str]:
        return [
            f'<link rel="stylesheet" href="{self.base}{name}"'
            f' integrity="{sri(self._sources[name])}">'
            for name in _STYLES
            if name in self._sources
        ]

    def _noscript(self) -> str:
        texts = (
            f'<p lang="{language}">{escape(self._catalogue.text(language, NEEDS_SCRIPTS))}</p>'
            for language in LANGUAGES
        )
        return f"<noscript>{''.join(texts)}</noscript>"

    def _note(self, status: int, message: str, language: str) -> Answer:
        """A page of one sentence, without scripts."""
        text = escape(self._catalogue.text(language, message))
        link = escape(self._catalogue.text(language, HOME))
        html = "\n".join(
            (
                f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                '<link rel="icon" href="data:,">\n<title>Veche</title>',
                *self._styles(),
                f'</head>\n<body class="page">\n<main>\n<h1>Veche</h1>\n<p>{text}</p>',
                f'<p><a href="/">{link}</a></p>\n</main>\n</body>\n</html>\n',
            )
        )
        return _answer(
            status, html.encode(), TYPES["html"], _KEEP_NOT, {b"vary": b"accept-language"}
        )


def _file(name: str, data: bytes) -> Answer:
    if name.endswith(PACKED):
        kind = TYPES[name.removesuffix(PACKED).rpartition(".")[2]]
        tag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'.encode()
        return Answer(200, data, True, _headers(kind, _KEEP_FOREVER, tag, {}))
    policies = {b"content-security-policy": _WORKER} if name in _WORKERS else {}
    return _answer(200, data, TYPES[name.rpartition(".")[2]], _KEEP_FOREVER, policies)


def _shared(script: bytes) -> Answer:
    """A script for pages of other origins; they ask again whether it is still the same."""
    return _answer(200, script, TYPES["js"], _ASK_AGAIN, _FOR_OTHER_SITES)


_STILL: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_EVERYWHERE: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": _STILL.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}


def _answer(
    status: int, body: bytes, kind: bytes, keep: bytes, headers: Mapping[bytes, bytes]
) -> Answer:
    packed = gzip.compress(body, 6, mtime=0) if len(body) >= GZIP_BYTES_MIN else body
    is_packed = len(packed) < len(body)
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'.encode()
    kept = packed if is_packed else body
    return Answer(status, kept, is_packed, _headers(kind, keep, tag, headers))


def _headers(
    kind: bytes, keep: bytes, tag: bytes, more: Mapping[bytes, bytes]
) -> Mapping[bytes, bytes]:
    vary = [more[b"vary"]] if b"vary" in more else []
    return {
        **_EVERYWHERE,
        b"content-type": kind,
        b"cache-control": keep,
        b"etag": tag,
        **more,
        b"vary": b", ".join([b"accept-encoding", *vary]),
    }


def _language(accepted: str) -> str:
    for part in accepted.split(",")[:_ACCEPTED_MAX]:
        found = language_of(part.partition(";")[0])
        if found is not None:
            return found
    return LANGUAGES[0]
