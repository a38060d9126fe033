"""What is taken of the packages of npm."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from appservices.widgets.vendor import SHIM, VENDORED, VendorError, bundles, flat_css, vendor

if TYPE_CHECKING:
    from pathlib import Path

ESBUILD = """#!/bin/sh
for one; do case $one in --outdir=*) out=${one#--outdir=};; *.js) begin=$one;; esac; done
mkdir -p "$out" && cp "$begin" "$out/matrix.js"
"""
"""Stands in for esbuild: what it is given last is its result."""
WASM = "matrix-js-sdk/pkg/matrix_sdk_crypto_wasm_bg.wasm.gz"
TOKENS = "@vector-im/compound-design-tokens/assets/web/css"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder ``node_modules`` with the least that is looked for."""
    root = tmp_path / "node_modules"
    for one in VENDORED:
        for pattern in one.patterns:
            path = root / one.package / pattern.replace("*", "x")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{one.package} {pattern}\n//# sourceMappingURL=data:x")
    wasm = root / "@matrix-org/matrix-sdk-crypto-wasm/pkg/matrix_sdk_crypto_wasm_bg.wasm"
    wasm.parent.mkdir(parents=True, exist_ok=True)
    wasm.write_bytes(b"wasm")
    esbuild = root / "@esbuild/x/bin/esbuild"
    esbuild.parent.mkdir(parents=True)
    esbuild.write_text(ESBUILD)
    esbuild.chmod(0o755)
    css = root / TOKENS
    css.mkdir(parents=True)
    (css / "compound-design-tokens.css").write_text('@import url("./one.css") layer(a);\n')
    (css / "one.css").write_text(":root { --a: 1 }\n")
    return root


class TestVendor:
    def test_named_files_are_copied_without_their_source_maps(
        self, packages: Path, tmp_path: Path
    ) -> None:
        target = tmp_path / "vendor"
        count = vendor(packages, target)
        files = {
            path.relative_to(target).as_posix(): path.read_bytes()
            for path in target.rglob("*")
            if path.is_file()
        }

        assert len(files) == count
        assert files["lit/directives/x.js"] == b"lit directives/*.js"
        assert files["matrix-widget-api/api.js"] == b"matrix-widget-api dist/api.js"
        assert files["matrix-widget-api/index.js"] == SHIM.encode()
        assert b"matrix-sdk-crypto-wasm" in files["matrix-js-sdk/matrix.js"]
        assert gzip.decompress(files[WASM]) == b"wasm"
        assert b"sourceMappingURL" not in b"".join(files.values())
        licences = {
            path.lower().split("/license")[0] for path in files if "/license" in path.lower()
        }
        assert {one.folder for one in VENDORED} - licences <= {"compound"}

    def test_what_was_there_before_is_gone(self, packages: Path, tmp_path: Path) -> None:
        (tmp_path / "vendor").mkdir()
        (tmp_path / "vendor" / "old.js").write_text("")
        vendor(packages, tmp_path / "vendor")

        assert not (tmp_path / "vendor" / "old.js").exists()

    def test_a_pattern_that_matches_nothing_changes_nothing(
        self, packages: Path, tmp_path: Path
    ) -> None:
        (packages / "lit" / "LICENSE").unlink()
        (tmp_path / "vendor").mkdir()
        (tmp_path / "vendor" / "old.js").write_text("")

        with pytest.raises(VendorError, match="lit: nothing matches LICENSE"):
            vendor(packages, tmp_path / "vendor")
        assert (tmp_path / "vendor" / "old.js").exists()


class TestFlatCss:
    def css(self, folder: Path, text: str) -> str:
        (folder / "one.css").write_text("a { b: c }\n")
        (folder / "all.css").write_text(text)
        return flat_css(folder / "all.css")

    @pytest.mark.parametrize(
        ("condition", "flat"),
        [
            ("", "a { b: c }"),
            (" layer(x)", "@layer x {\na { b: c }\n}"),
            (" (prefers-contrast: more)", "@media (prefers-contrast: more) {\na { b: c }\n}"),
            (
                " layer(x) (prefers-contrast: more)",
                "@layer x {\n@media (prefers-contrast: more) {\na { b: c }\n}\n}",
            ),
        ],
    )
    def test_an_import_is_replaced_by_what_it_imports(
        self, tmp_path: Path, condition: str, flat: str
    ) -> None:
        assert (
            self.css(tmp_path, f'@import url("./one.css"){condition};\nd {{}}') == f"{flat}\nd {{}}"
        )

    def test_other_imports_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(VendorError, match="not known"):
            self.css(tmp_path, '@import "https://elsewhere.example/x.css";')

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(VendorError, match=r"gone.css is missing: run npm ci"):
            self.css(tmp_path, '@import url("./gone.css");')


class TestBundles:
    def test_without_esbuild_the_person_is_told_what_to_do(self, packages: Path) -> None:
        (packages / "@esbuild/x/bin/esbuild").unlink()

        with pytest.raises(VendorError, match="esbuild is missing: run npm ci"):
            bundles(packages)

    def test_what_esbuild_says_is_passed_on(self, packages: Path) -> None:
        (packages / "@esbuild/x/bin/esbuild").write_text(
            "#!/bin/sh\necho no such module >&2; exit 1"
        )

        with pytest.raises(VendorError, match="esbuild refused: no such module"):
            bundles(packages)
