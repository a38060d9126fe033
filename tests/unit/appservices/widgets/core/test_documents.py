"""What each document may do, and who may show it in a frame."""

from __future__ import annotations

from appservices.widgets.core.documents import (
    APP,
    APPROVE,
    CASES,
    DOCUMENTS,
    KEYS,
    PART_CHARACTERS_MAX,
    PATHS,
    SIGN,
    SIGN_IN,
    SIGN_NEW,
    SIGN_WIDGET,
    VERIFY,
    WALLET,
    WALLET_WIDGET,
    WIDGET,
    Document,
    Framing,
    app_document_at,
    document_at,
    permissions,
    policy,
)
from tests.support.tables import each_row

PAGES = [document for document in DOCUMENTS if document is not APP]
EMBEDDERS = ("https:", "vector:")
HOMESERVERS = ("https:",)


def directives(document: Document) -> dict[str, list[str]]:
    text = policy(document, ["'sha256-x'"], EMBEDDERS, HOMESERVERS)
    return {name: sources for name, *sources in (part.split() for part in text.split("; "))}


class TestPaths:
    @each_row(("path", "document"), PATHS.items())
    def test_documents_have_their_paths(self, path: str, document: Document) -> None:
        assert document_at(path) is document

    def test_the_wallet_has_payments(self) -> None:
        assert document_at("/wallet/payments/01JD0000000000000000000001") is WALLET

    @each_row(
        "path",
        [
            "/services/records/birth-certificate-copy",
            "/services/бюро/справка",
            f"/services/{'a' * PART_CHARACTERS_MAX}/b",
            "/cases/01JD0000000000000000000001",
        ],
    )
    def test_one_document_has_services_and_cases(self, path: str) -> None:
        assert document_at(path) is CASES

    @each_row(
        "path",
        [
            "",
            "*",
            "//",
            "/index.html",
            "/cases.html",
            "/Services",
            "/services/",
            "/services/records",
            "/services/records/",
            "/services//copy",
            "/services/a/b/c",
            f"/services/{'a' * (PART_CHARACTERS_MAX + 1)}/b",
            "/cases",
            "/cases/",
            "/cases/a/b",
            "/keys/",
            "/approve/x",
            "/widget/",
            "/pay/x",
            "/wallet/",
            "/wallet/x",
            "/wallet/payments",
            "/wallet/payments/",
            "/wallet/payments/a/b",
            "/static/x",
        ],
    )
    def test_there_is_nothing_elsewhere(self, path: str) -> None:
        assert document_at(path) is None


class TestApp:
    def test_it_has_one_address(self) -> None:
        assert app_document_at("/") is APP
        assert {app_document_at(path) for path in ("/keys", "/approve", "/x", "//", "")} == {None}
        assert document_at("/app.html") is None

    @each_row("path", ["/services", "/services/a/b", "/cases/a", "/wallet", "/pay"])
    def test_addresses_of_pages_that_it_shows_lead_into_it(self, path: str) -> None:
        assert app_document_at(path) is APP

    def test_it_may_do_what_a_matrix_client_needs(self) -> None:
        found = directives(APP)

        assert found["script-src"] == ["'self'", "'sha256-x'", "'wasm-unsafe-eval'"]
        assert found["connect-src"] == ["'self'", *HOMESERVERS]
        assert found["worker-src"] == found["manifest-src"] == ["'self'"]
        assert found["media-src"] == ["blob:"]
        assert found["trusted-types"] == ["lit-html", "dompurify", "veche-workers"]
        assert found["frame-ancestors"] == found["default-src"] == ["'none'"]

    def test_it_has_camera_and_microphone_and_no_passkeys(self) -> None:
        found = dict(part.split("=") for part in permissions(APP).split(", "))

        allowed = {name for name, value in found.items() if value != "()"}
        assert allowed == {"camera", "fullscreen", "microphone"}


class TestPolicy:
    @each_row("document", PAGES)
    def test_nothing_is_allowed_that_is_not_named(self, document: Document) -> None:
        found = directives(document)

        assert found["default-src"] == found["base-uri"] == found["form-action"] == ["'none'"]
        assert found["script-src"] == ["'self'", "'sha256-x'"]
        assert found["style-src"] == ["'self'"]
        assert found["require-trusted-types-for"] == ["'script'"]
        assert "unsafe" not in str(found)

    def test_only_the_widgets_may_be_framed(self) -> None:
        framed = {d.file: directives(d)["frame-ancestors"] for d in DOCUMENTS}

        for widget in (WIDGET, SIGN_WIDGET, WALLET_WIDGET):
            assert framed.pop(widget.file) == list(EMBEDDERS)
        assert set(map(tuple, framed.values())) == {("'none'",)}

    def test_without_embedders_nobody_frames_the_widget(self) -> None:
        assert "frame-ancestors 'none'" in policy(WIDGET, [], (), ())

    def test_only_signing_in_talks_to_homeservers(self) -> None:
        connected = {d.file: directives(d)["connect-src"] for d in PAGES}

        assert connected.pop(SIGN_IN.file) == ["'self'", *HOMESERVERS]
        assert set(map(tuple, connected.values())) == {("'self'",)}

    def test_what_has_no_lit_has_no_policy_of_types(self) -> None:
        plain = Document("plain.html", Framing.NOBODY, has_lit=False)

        assert directives(plain)["trusted-types"] == ["'none'"]
        assert directives(CASES)["trusted-types"] == ["lit-html"]

    @each_row("document", PAGES)
    def test_only_pages_that_show_files_may_start_a_worker(self, document: Document) -> None:
        found = directives(document)
        shows_files = document in {SIGN, SIGN_NEW, SIGN_WIDGET, VERIFY}

        assert found["worker-src"] == (["'self'"] if shows_files else ["'none'"])
        assert ("veche-workers" in found["trusted-types"]) == shows_files


@each_row("document", PAGES)
def test_passkeys_are_used_where_keys_are_and_a_camera_where_codes_are(
    document: Document,
) -> None:
    found = dict(part.split("=") for part in permissions(document).split(", "))
    passkeys = {found.pop(name) for name in list(found) if name.startswith("publickey-")}

    assert passkeys == ({"(self)"} if document in {KEYS, APPROVE, SIGN} else {"()"})
    assert found.pop("camera") == ("(self)" if document is WALLET else "()")
    assert set(found.values()) == {"()"}
    assert {"geolocation", "microphone", "payment"} <= set(found)
