"""What a page loads: found in its modules, named with its digest."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from appservices.widgets.core.modules import (
    MODULES_MAX,
    Modules,
    csp_hash,
    import_map,
    imported,
    sri,
)
from tests.support.tables import each_row
from veche.protocol.errors import ConfigError

SOURCES = {
    "app/main.js": b'import { html } from "lit";\nimport "../kit/b.js";\n',
    "kit/b.js": b'import { c } from "./c.js";',
    "kit/c.js": b'import "./b.js";\nexport const c = 1;',
    "kit/alone.js": b"",
    "vendor/lit/index.js": b'import "@lit/reactive-element";',
    "vendor/reactive-element/reactive-element.js": b"",
}


class TestImports:
    @each_row(
        ("text", "found"),
        [
            ('import "./a.js";', ["kit/a.js"]),
            ('import { a, b as c } from "./a.js";', ["kit/a.js"]),
            ('import {\n  a,\n  b,\n} from "./a.js";', ["kit/a.js"]),
            ('import * as a from "../app/a.js"', ["app/a.js"]),
            ("import a from\"./a.js\";import b from'./b.js'", ["kit/a.js", "kit/b.js"]),
            ('export * from "./a.js";', ["kit/a.js"]),
            ('export { a } from "./a.js";', ["kit/a.js"]),
            ('import { html } from "lit";', ["vendor/lit/index.js"]),
            (
                'import { repeat } from "lit/directives/repeat.js"',
                ["vendor/lit/directives/repeat.js"],
            ),
            ('import "./a.js";\nimport { b } from "./a.js";', ["kit/a.js"]),
            ("export const a = 1;", []),
        ],
    )
    def test_they_are_found_in_their_order(self, text: str, found: list[str]) -> None:
        assert list(imported("kit/x.js", text)) == found

    @pytest.mark.parametrize("text", ['// import "./a.js";', '/*\n import "./a.js";\n*/'])
    def test_a_comment_imports_nothing(self, text: str) -> None:
        assert Modules({"kit/x.js": text.encode()}).closure(["kit/x.js"]) == ("kit/x.js",)

    @each_row("name", ["react", "https://elsewhere.example/x.js", "/x.js", "lit2"])
    def test_other_names_are_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match="no import map knows"):
            imported("kit/x.js", f'import "{name}";')


class TestClosure:
    def test_it_has_every_module_once_the_entry_first(self) -> None:
        assert Modules(SOURCES).closure(["app/main.js"]) == (
            "app/main.js",
            "vendor/lit/index.js",
            "kit/b.js",
            "vendor/reactive-element/reactive-element.js",
            "kit/c.js",
        )

    def test_a_module_that_is_missing_is_named(self) -> None:
        with pytest.raises(ConfigError, match=r"static/kit/gone.js is missing"):
            Modules({"a.js": b'import "./kit/gone.js";'}).closure(["a.js"])

    def test_there_is_a_bound(self) -> None:
        def chain(count: int) -> dict[str, bytes]:
            return {f"{n}.js": f'import "./{n + 1}.js";'.encode() for n in range(count - 1)} | {
                f"{count - 1}.js": b""
            }

        assert len(Modules(chain(MODULES_MAX)).closure(["0.js"])) == MODULES_MAX
        with pytest.raises(ConfigError, match="more than"):
            Modules(chain(MODULES_MAX + 1)).closure(["0.js"])


class TestLater:
    def test_what_is_loaded_later_is_found_with_all_that_it_needs(self) -> None:
        sources = {
            "app/main.js": b'import "./a.js";\nconst one = () => import("./late.js");',
            "app/a.js": b"",
            "app/late.js": b'import "./a.js";\nimport "./later.js";',
            "app/later.js": b"",
        }
        modules = Modules(sources).closure(["app/main.js"])

        assert modules == ("app/main.js", "app/a.js")
        assert Modules(sources).later(modules) == ("app/late.js", "app/later.js")
        assert Modules(sources).later(("app/a.js",)) == ()

    def test_what_is_loaded_later_may_load_more_later_still(self) -> None:
        sources = {
            "main.js": b'const one = () => import("./late.js");',
            "late.js": b'const one = () => import("./last.js");',
            "last.js": b'const one = () => import("./late.js");',
        }

        assert Modules(sources).later(("main.js",)) == ("late.js", "last.js")

    @pytest.mark.parametrize(
        "text", ["import(name)", '// import("./gone.js")', 'imports("./x.js")']
    )
    def test_what_is_no_plain_import_is_passed_over(self, text: str) -> None:
        assert Modules({"a.js": text.encode()}).later(("a.js",)) == ()

    def test_a_module_that_is_missing_is_named(self) -> None:
        with pytest.raises(ConfigError, match=r"static/gone.js is missing"):
            Modules({"a.js": b'import("./gone.js")'}).later(("a.js",))


class TestImportMap:
    def test_it_names_what_is_used_and_the_digest_of_each(self) -> None:
        modules = Modules(SOURCES).closure(["app/main.js"])
        content = json.loads(import_map(modules, SOURCES, "/static/x/"))

        assert content["imports"] == {
            "lit": "/static/x/vendor/lit/index.js",
            "lit/": "/static/x/vendor/lit/",
            "@lit/reactive-element": "/static/x/vendor/reactive-element/reactive-element.js",
        }
        assert set(content["integrity"]) == {f"/static/x/{module}" for module in modules}
        assert content["integrity"]["/static/x/kit/c.js"] == sri(SOURCES["kit/c.js"])


def test_digests_are_those_that_browsers_compute() -> None:
    # Known answers: SHA-384 and SHA-256 of "alert(1)", of the Subresource Integrity and CSP pages.
    text = "alert(1)"
    sha384 = base64.b64encode(hashlib.new("sha384", text.encode()).digest()).decode()
    sha256 = base64.b64encode(hashlib.new("sha256", text.encode()).digest()).decode()

    assert sri(text.encode()) == f"sha384-{sha384}"
    assert csp_hash(text) == f"'sha256-{sha256}'"
    assert csp_hash("") == "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
