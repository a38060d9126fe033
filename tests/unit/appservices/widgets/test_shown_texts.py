"""Texts of strangers on the pages: what nobody sees, or what turns others round, is not shown."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appservices.signing.private.api import veiled
from tests.support.node import why_no_node
from tests.support.tables import each_row
from tests.unit.appservices.widgets.test_signing_twins import by_page
from veche.protocol.approval import showable
from veche.protocol.canonical import canonical
from veche.protocol.unpadded_base64 import encode_base64

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

HIDING: Final = {
    "turned round": "Lease \u202e00.009 rof",
    "turned and back": "Lease \u2066of a flat\u2069",
    "a mark of direction": "Lease\u061c",
    "nothing between two letters": "Le\u200base",
    "a joiner": "Le\u200dase",
    "a mark of bytes": "\ufeffLease",
    "a letter that shows nothing": "Lease\u3164",
    "a tag": "Lease\U000e0041",
    "a second line": "Lease\nAmount: 1.00 EUR",
    "a tab": "Lease\tof a flat",
    "a control": "Lease\x1b[2K",
    "a private character": "Lease\ue000",
    "spaces alone": "   ",
}
PLAIN: Final = (
    "Lease of flat 12b",
    "Договор найма № 5",
    "عقد إيجار",
    "Miete – Müller 🏠",
    "e\u0301",
)
KEY: Final = bytes(range(32))
SALT: Final = bytes(32)

# What these modules ask of a browser when they begin.
_BROWSER: Final = """
    globalThis.window = globalThis;
    globalThis.parent = globalThis;
    globalThis.addEventListener = () => {};
    globalThis.location = new URL("https://office.example.org/sign");
    globalThis.document = { documentElement: {} };
"""
_SHOWABLE: Final = """
    const { isLine, line, showable } = await at("kit/showable.js");
    answer(given.map((one) => [showable(one), line(one), isLine(one)]));
"""
_MATTER: Final = """
    const { withMatter } = await at("sign/matter.js");
    const { importKey } = await at("sign/cipher.js");
    const secret = await importKey(bytes(given.key));
    const opened = [];
    for (const view of given.views)
        opened.push(await withMatter(view, secret).then(
            ({ title, called }) => [title, called],
            (error) => error.fault ?? String(error.stack),
        ));
    answer(opened);
"""
_REPORT: Final = """
    const { shownReport } = await at("verify/signed_words.js");
    answer(shownReport(given).signers);
"""


def test_the_pages_show_what_approvals_do() -> None:
    texts = [*HIDING.values(), *PLAIN, "a\r\nb", "", "\u2028", "a \u00a0 b"]

    found = by_page(_SHOWABLE, texts)

    assert found == [
        [
            showable(one),
            " ".join(showable(one).split()),
            bool(one.strip()) and "\n" not in one and showable(one) == one,
        ]
        for one in texts
    ]


def _view(**changed: Any) -> dict[str, Any]:
    """A session of which the service knows no texts, whose requester has written these."""
    told = {"title": "Lease", "clause": "Penalty", "name": "Bob Brown", "filename": "lease.pdf"}
    told |= changed
    matter = {
        "v": 1,
        "salt": encode_base64(SALT),
        "title": told["title"],
        "filename": told["filename"],
        "names": {"@bob:example.org": told["name"]},
        "clauses": [{"id": "c1", "title": told["clause"]}],
    }
    return {
        "title_sha256": encode_base64(veiled(SALT, told["title"])),
        "clauses": [{"id": "c1", "title_sha256": encode_base64(veiled(SALT, told["clause"]))}],
        "matter": _sealed(canonical(matter, where="matter")),
    }


def _sealed(plain: bytes) -> str:
    nonce = bytes(12)
    cipher = AESGCM(KEY).encrypt(nonce, plain, b"veche.signing.matter")
    return encode_base64(nonce + cipher)


@each_row("field", ["title", "clause", "name", "filename"])
def test_a_private_document_whose_texts_hide_something_is_not_shown(field: str) -> None:
    views = [_view(**{field: text}) for text in HIDING.values()]

    found = by_page(_BROWSER + _MATTER, {"key": base64.b64encode(KEY).decode(), "views": views})

    assert dict(zip(HIDING, found, strict=True)) == dict.fromkeys(HIDING, "unseen")


def test_any_language_can_be_shown() -> None:
    views = [_view(title=text, clause=text, name=text) for text in PLAIN]

    found = by_page(_BROWSER + _MATTER, {"key": base64.b64encode(KEY).decode(), "views": views})

    assert found == [[text, {"@bob:example.org": text}] for text in PLAIN]


def test_names_in_certificates_do_not_hide_or_turn_round_a_part_of_themselves() -> None:
    texts = ("name", "account", "registrar", "hand", "issuer", "clause")
    signed = {name: f"\u202e{name} \u200b\nof X" for name in texts}

    [found] = by_page(_BROWSER + _REPORT, {"signers": [{**signed, "field": "Sig1"}]})

    assert found == {**{name: f"{name} of X" for name in texts}, "field": "Sig1"}, json.dumps(found)
