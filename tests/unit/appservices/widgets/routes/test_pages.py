"""What the page server answers: documents, files, and that there is nothing else."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any
from unittest import mock

import attrs
import pytest
import treq
from treq.testing import RequestTraversalAgent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from appservices.widgets.core.documents import DOCUMENTS, PATHS
from appservices.widgets.core.modules import IMPORTS, csp_hash, sri
from appservices.widgets.routes import pages as pages_module
from appservices.widgets.routes.pages import Facts, Library, Pages
from appservices.widgets.routes.static import PACKED, TYPES, locale_json, read_static, tree_hash
from veche.protocol.errors import ConfigError
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

WASM = "vendor/matrix-js-sdk/pkg/matrix_sdk_crypto_wasm_bg.wasm.gz"
FACTS = Facts('veche.test"><b>', "@veche_", ("https:", "vector:"), ("https:",))
CATALOGUE = Catalogue.load("appservices.widgets")
HTML = b'<head>\n<!-- head -->\n<script type="module" src="a.js"></script></head><!-- noscript -->'


def files(**more: bytes) -> dict[str, bytes]:
    """The least that the documents need; as if npm had been there."""
    found = {document.file: HTML for document in DOCUMENTS}
    found |= {place: b"" for place in IMPORTS.values() if not place.endswith("/")}
    found |= {"a.js": b'import "lit";', "big.js": b"// " + b"x" * 5000, "kit/icon.svg": b"<svg/>"}
    return found | {name.replace("__", "/"): data for name, data in more.items()}


class Case(SynchronousTestCase):
    """Requests to the pages of the files that it is given."""

    def pages(self, found: Mapping[str, bytes]) -> Pages:
        with mock.patch.object(pages_module, "read_static", return_value=found):
            return Pages(FACTS, CATALOGUE)

    def ask(self, pages: Pages, method: str, path: str, **headers: str) -> tuple[Any, bytes]:
        # Below treq's client, which asks for gzip and unpacks it by itself.
        agent: Any = RequestTraversalAgent(pages)
        sent = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
        url = f"http://pages.test{path}".encode()
        answer = self.successResultOf(agent.request(method.encode(), url, sent))
        agent.flush()
        return answer, self.successResultOf(treq.content(answer))

    def header(self, answer: Any, name: str) -> str:
        return ", ".join(answer.headers.getRawHeaders(name, []))


class TestDocuments(Case):
    def setUp(self) -> None:
        self.served = self.pages(files())

    def test_each_path_has_its_document(self) -> None:
        for path in (*PATHS, "/services/a/b", "/cases/x", "/services/%D0%B1/b", "/?x=/static/"):
            answer, body = self.ask(self.served, "GET", path)

            assert answer.code == 200, path
            assert self.header(answer, "content-type") == "text/html; charset=utf-8"
            assert self.header(answer, "cache-control") == "no-cache"
            assert b"modulepreload" in body

    def test_the_policy_allows_the_import_map_that_stands_in_it(self) -> None:
        answer, body = self.ask(self.served, "GET", "/")
        found = re.search(r'<script type="importmap">(.*?)</script>', body.decode(), re.DOTALL)
        assert found is not None

        assert csp_hash(found[1]) in self.header(answer, "content-security-policy")
        assert json.loads(found[1])["imports"]["lit"].endswith("/vendor/lit/index.js")

    def test_facts_cannot_break_out_of_their_place(self) -> None:
        _, body = self.ask(self.served, "GET", "/")

        assert b'content="veche.test&quot;&gt;&lt;b&gt;"' in body
        assert b"<b>" not in body

    def test_every_address_is_below_the_digest_and_has_its_own(self) -> None:
        found = files()
        _, body = self.ask(self.served, "GET", "/")
        named = re.findall(r'(?:src|href)="(/static/[0-9a-f]{16}/)([^"]+)"', body.decode())

        assert {"a.js", "vendor/lit/index.js", "kit/icon.svg"} <= {name for _, name in named}
        assert f'integrity="{sri(found["a.js"])}"' in body.decode()
        for base, name in named:
            answer, content = self.ask(self.served, "GET", base + name)
            assert (answer.code, content) == (200, found[name])

    def test_who_has_no_scripts_is_told_in_every_language(self) -> None:
        _, body = self.ask(self.served, "GET", "/")

        for language in LANGUAGES:
            assert f'<p lang="{language}">' in body.decode()


class TestApp(Case):
    """Its origin is told by the name by which it is asked."""

    def setUp(self) -> None:
        self.found = files(
            **{
                "app/sw.js": b'import "/static/app-base/app/a.js";',
                "app/manifest.webmanifest": b"{}",
                "cases/cards.js": b'import "./late.js";',
                "cases/late.js": b"",
                WASM: gzip.compress(b"wasm"),
            },
        )
        facts = attrs.evolve(FACTS, app_origin="https://app.test", pages_origin="https://p.test")
        with mock.patch.object(pages_module, "read_static", return_value=self.found):
            self.served = Pages(facts, CATALOGUE)

    def test_it_has_its_own_document_and_none_of_the_pages(self) -> None:
        answer, body = self.ask(self.served, "GET", "/", host="app.test")

        assert answer.code == 200
        assert b'<meta name="veche-pages" content="https://p.test">' in body
        assert "wasm-unsafe-eval" in self.header(answer, "content-security-policy")
        for path in ("/keys", "/approve", "/sign", "/verify"):
            assert self.ask(self.served, "GET", path, host="app.test")[0].code == 404, path

    def test_it_has_none_of_the_pages_however_a_proxy_writes_its_name(self) -> None:
        for host in ("app.test:443", "APP.test", "app.test.", "App.test.:443"):
            assert self.ask(self.served, "GET", "/approve", host=host)[0].code == 404, host
            assert self.ask(self.served, "GET", "/sw.js", host=host)[0].code == 200, host
        for host in ("app.test:8443", "xapp.test", "app.test.evil", ""):
            assert self.ask(self.served, "GET", "/sw.js", host=host)[0].code == 404, host

    def test_the_pages_have_nothing_of_it(self) -> None:
        _, body = self.ask(self.served, "GET", "/", host="p.test")

        assert b"veche-pages" not in body
        assert self.ask(self.served, "GET", "/sw.js", host="p.test")[0].code == 404

    def test_cards_of_features_are_found_with_what_they_import(self) -> None:
        _, body = self.ask(self.served, "GET", "/", host="app.test")
        cards = re.search(rb'name="veche-cards" content="([^"]*)"', body)
        assert cards is not None

        assert cards[1].endswith(b"/cases/cards.js")
        inline = re.search(rb'<script type="importmap">(.*?)</script>', body)
        assert inline is not None
        known = json.loads(inline[1])["integrity"]
        assert {"cards.js", "late.js"} <= {name.rpartition("/")[2] for name in known}

    def test_its_worker_has_an_address_that_stays_and_names_the_files_of_today(self) -> None:
        answer, body = self.ask(self.served, "GET", "/sw.js", host="app.test")

        assert re.fullmatch(rb'import "/static/[0-9a-f]{16}/app/a.js";', body)
        assert self.header(answer, "cache-control") == "no-cache"
        assert "'wasm-unsafe-eval'" in self.header(answer, "content-security-policy")

    def test_what_lies_packed_is_served_by_its_own_name(self) -> None:
        _, body = self.ask(self.served, "GET", "/", host="app.test")
        found = re.search(rb'name="veche-wasm" content="([^"]*)" data-integrity="([^"]*)"', body)
        assert found is not None

        answer, content = self.ask(self.served, "GET", found[1].decode())
        assert (self.header(answer, "content-type"), content) == ("application/wasm", b"wasm")
        assert found[2].decode() == sri(b"wasm")


class TestFiles(Case):
    def setUp(self) -> None:
        self.found = files()
        self.served = self.pages(self.found)
        _, body = self.ask(self.served, "GET", "/")
        self.base = re.findall(r"/static/[0-9a-f]{16}/", body.decode())[0]

    def test_they_are_kept_for_ever(self) -> None:
        answer, _ = self.ask(self.served, "GET", f"{self.base}big.js")

        assert "immutable" in self.header(answer, "cache-control")
        assert self.header(answer, "x-content-type-options") == "nosniff"
        assert "default-src 'none'" in self.header(answer, "content-security-policy")

    def test_workers_that_read_files_may_load_their_scripts_and_nothing_else(self) -> None:
        names = ("vendor/pdfjs/build/pdf.worker.min.mjs", "signatures/judge_worker.js")
        found = {**files(), **dict.fromkeys(names, b"worker")}
        pages = self.pages(found)
        with mock.patch.object(pages_module, "read_static", return_value=found):
            base = Library(FACTS, CATALOGUE).base
        answers = [self.ask(pages, "GET", base + one)[0] for one in (*names, "a.js")]

        *workers, other = (self.header(one, "content-security-policy") for one in answers)
        assert set(workers) == {"default-src 'none'; script-src 'self'; frame-ancestors 'none'"}
        assert "script-src" not in other

    def test_one_file_is_for_pages_of_other_origins_and_no_other(self) -> None:
        script = {**self.found, "shop/open_invoice.js": b"export {};"}
        served = self.pages(script)
        shared, content = self.ask(served, "GET", "/shop/open_invoice.js")
        with mock.patch.object(pages_module, "read_static", return_value=script):
            base = Library(FACTS, CATALOGUE).base
        origin = "access-control-allow-origin"

        assert (shared.code, content) == (200, b"export {};")
        assert self.header(shared, origin) == "*"
        assert self.header(shared, "content-type") == "text/javascript; charset=utf-8"
        # Its address stays when its content changes.
        assert self.header(shared, "cache-control") == "no-cache"
        for path in ("/", "/pay", "/nowhere", "/shop/", *(base + name for name in script)):
            answer, _ = self.ask(served, "GET", path)
            assert not answer.headers.hasHeader(origin), path

    def test_they_come_packed_to_whom_unpacks(self) -> None:
        for accepted, is_packed in (
            ("gzip, br", True),
            ("br, gzip;q=0.5", True),
            ("GZIP", True),
            ("gzip;q=0", False),
            ("gzip; q=0", False),
            ("br", False),
            ("", False),
        ):
            answer, body = self.ask(
                self.served, "GET", f"{self.base}big.js", accept_encoding=accepted
            )
            content = gzip.decompress(body) if is_packed else body

            assert (self.header(answer, "content-encoding") == "gzip") is is_packed, accepted
            assert content == self.found["big.js"]
            assert answer.length == len(body)
            assert self.header(answer, "vary") == "accept-encoding"

    def test_what_is_small_or_hardly_shrinks_is_not_packed(self) -> None:
        answer, _ = self.ask(self.served, "GET", f"{self.base}a.js", accept_encoding="gzip")

        assert self.header(answer, "content-encoding") == ""

    def test_who_has_it_is_told_so(self) -> None:
        answer, body = self.ask(self.served, "GET", f"{self.base}big.js")
        etag = self.header(answer, "etag")
        again, nothing = self.ask(self.served, "GET", f"{self.base}big.js", if_none_match=etag)
        other, whole = self.ask(self.served, "GET", f"{self.base}big.js", if_none_match='"x"')

        assert (again.code, nothing) == (304, b"")
        assert (other.code, whole) == (200, body)

    def test_head_is_get_without_its_body(self) -> None:
        for path in ("/", f"{self.base}big.js", "/nowhere"):
            got, body = self.ask(self.served, "GET", path)
            head, nothing = self.ask(self.served, "HEAD", path)

            assert (head.code, nothing) == (got.code, b"")
            assert self.header(head, "content-length") == str(len(body))
            assert self.header(head, "etag") == self.header(got, "etag")

    def test_there_is_nothing_else(self) -> None:
        for path in (
            f"{self.base}gone.js",
            f"{self.base}cases.html",
            f"{self.base}../static.py",
            f"{self.base}%2e%2e/config.py",
            "/static/0000000000000000/a.js",
            "/static/",
            "/cases.html",
            "/%FF",
            "/services/a",
        ):
            answer, body = self.ask(self.served, "GET", path)

            assert answer.code == 404, path
            assert b"There is no such page." in body
            assert self.header(answer, "cache-control") == "no-store"

    def test_what_is_not_there_is_told_in_the_language_of_the_browser(self) -> None:
        answer, body = self.ask(self.served, "GET", "/x", accept_language="fr, de-AT;q=0.8, en")

        assert b"Diese Seite gibt es nicht." in body
        assert self.header(answer, "vary") == "accept-encoding, accept-language"

    def test_other_methods_are_refused(self) -> None:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer, _ = self.ask(self.served, method, "/")

            assert answer.code == 405, method
            assert self.header(answer, "allow") == "GET, HEAD"


class TestWithoutNpm(Case):
    def test_every_document_says_that_it_is_not_installed(self) -> None:
        served = self.pages({n: d for n, d in files().items() if not n.startswith("vendor/")})
        for path in PATHS:
            answer, body = self.ask(served, "GET", path, accept_language="ru")

            assert answer.code == 503, path
            assert "Страницы здесь не установлены".encode() in body
            assert self.header(answer, "cache-control") == "no-store"


class TestWhatIsWrong(Case):
    def test_a_start_without_a_file_of_a_document_fails_by_its_name(self) -> None:
        for change, name in (
            ({"keys.html": None}, r"static/keys\.html is missing"),
            ({"a.js": None}, r"static/a\.js is missing"),
            ({"keys.html": b"<html>"}, r"static/keys\.html needs"),
            ({"a.js": b'import "./gone.js"'}, r"static/gone\.js is missing"),
            ({"a.js": b'import "react"'}, "no import map knows"),
        ):
            found = {n: d for n, d in {**files(), **change}.items() if d is not None}
            with pytest.raises(ConfigError, match=name):
                self.pages(found)


class TestWhatLiesInThePackage:
    def test_only_what_browsers_load_is_served(self) -> None:
        found = read_static()

        assert {name.removesuffix(PACKED).rpartition(".")[2] for name in found} <= set(TYPES)
        assert {document.file for document in DOCUMENTS} <= set(found)
        assert not any(name.endswith((".d.ts", "LICENSE", ".py", ".po")) for name in found)

    def test_one_byte_makes_another_folder(self) -> None:
        assert tree_hash({"a": b"1", "b": b"2"}) == tree_hash({"b": b"2", "a": b"1"})
        assert len({tree_hash({"a": b"1"}), tree_hash({"a": b"2"}), tree_hash({"b": b"1"})}) == 3

    def test_plurals_have_a_form_for_each_category(self) -> None:
        forms = {language: json.loads(locale_json(language))["forms"] for language in LANGUAGES}

        assert forms["en"] == forms["de"] == {"one": 0, "other": 1}
        assert forms["ru"] == forms["uk"] == {"one": 0, "few": 1, "many": 2}

    def test_the_pages_of_this_checkout_can_be_made(self) -> None:
        assert Library(FACTS, CATALOGUE).base.startswith("/static/")
