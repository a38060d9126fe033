"""The documents: at which paths they are, who may frame them, and what they may do.

The policy names what a document needs and refuses the rest. Inline scripts are allowed by the
digest of their text and not by a nonce: the documents never change while a server runs, so a
digest allows exactly one text, where a nonce allows whatever carries it.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

NOBODY: Final = "'none'"
SELF: Final = "'self'"
WORKERS: Final = "veche-workers"
"""The policy of trusted types that lets a page start our workers, and no others."""
_FEATURES_REFUSED: Final = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "screen-wake-lock",
    "usb",
    "xr-spatial-tracking",
)
_PASSKEY_FEATURES: Final = ("publickey-credentials-create", "publickey-credentials-get")


class Framing(enum.Enum):
    """The sites that may show a document in a frame."""

    NOBODY = enum.auto()
    EMBEDDERS = enum.auto()
    """Matrix clients, as the configuration says."""


@attrs.frozen
class Document:
    """One HTML file.

    Attributes:
        file: Its name below ``static``.
        framing: Who may frame it. A frame holds no authority: where a person signs in, approves
            or sees keys, nobody may.
        has_passkeys: Whether it may use the authenticator of the device.
        has_homeservers: Whether it may talk to homeservers, which nobody knows beforehand.
        has_lit: Whether it draws by lit, whose policy of trusted types it needs then.
        has_camera: Whether it may ask for the camera, to scan codes.
        has_pdf: Whether it reads files, in workers: who shows their pages, and who judges them.
        has_client: Whether it is a Matrix client: the app, which has an origin of its own. It talks
            to homeservers, runs WebAssembly, shows the HTML of strangers, plays their media, scans
            codes and records voices.
    """

    file: str
    framing: Framing = Framing.NOBODY
    has_passkeys: bool = False
    has_homeservers: bool = False
    has_lit: bool = True
    has_camera: bool = False
    has_pdf: bool = False
    has_client: bool = False


APP: Final = Document("app.html", has_homeservers=True, has_camera=True, has_client=True)
CASES: Final = Document("cases.html")
WIDGET: Final = Document("widget.html", Framing.EMBEDDERS)
SIGN_IN: Final = Document("signin.html", has_homeservers=True)
KEYS: Final = Document("keys.html", has_passkeys=True)
APPROVE: Final = Document("approve.html", has_passkeys=True, has_lit=False)
VERIFY: Final = Document("verify.html", has_pdf=True)
SIGN: Final = Document("sign.html", has_passkeys=True, has_pdf=True)
SIGN_NEW: Final = Document("sign_new.html", has_pdf=True)
SIGN_WIDGET: Final = Document("sign_widget.html", Framing.EMBEDDERS, has_pdf=True)
WALLET: Final = Document("wallet.html", has_camera=True)
WALLET_WIDGET: Final = Document("wallet_widget.html", Framing.EMBEDDERS)
DOCUMENTS: Final = (
    APP,
    CASES,
    WIDGET,
    SIGN_IN,
    KEYS,
    APPROVE,
    VERIFY,
    SIGN,
    SIGN_NEW,
    SIGN_WIDGET,
    WALLET,
    WALLET_WIDGET,
)
PATHS: Final = {
    "/": CASES,
    "/services": CASES,
    "/acts": CASES,
    "/official": CASES,
    "/widget": WIDGET,
    "/signin": SIGN_IN,
    "/keys": KEYS,
    "/approve": APPROVE,
    "/verify": VERIFY,
    "/sign": SIGN,
    "/sign/new": SIGN_NEW,
    "/sign/widget": SIGN_WIDGET,
    "/pay": WALLET,
    "/wallet": WALLET,
    "/wallet/widget": WALLET_WIDGET,
    "/wallet/pay": WALLET,
    "/wallet/request": WALLET,
    "/wallet/history": WALLET,
    "/wallet/mandates": WALLET,
    "/wallet/bank": WALLET,
    "/wallet/limits": WALLET,
    "/wallet/trust": WALLET,
    "/wallet/disputes": WALLET,
    "/wallet/escrow": WALLET,
}
"""Whole paths of the pages' origin; those of services, cases and payments come besides."""
_SERVICE_PARTS: Final = 3
_CASE_PARTS: Final = 2
_PAYMENT_PARTS: Final = 3
PART_CHARACTERS_MAX: Final = 200


def document_at(path: str) -> Document | None:
    """The document at a path, None if there is none.

    Args:
        path: Decoded, from the first slash on, without the query.
    """
    parts = path.split("/")[1:]
    is_plain = bool(parts) and all(0 < len(part) <= PART_CHARACTERS_MAX for part in parts)
    if path in PATHS:
        return PATHS[path]
    if is_plain and parts[0] == "services" and len(parts) == _SERVICE_PARTS:
        return CASES  # /services/<office>/<service>
    if is_plain and parts[0] in ("cases", "official") and len(parts) == _CASE_PARTS:
        return CASES  # /cases/<id>, /official/<organisation>
    if is_plain and parts[:2] == ["wallet", "payments"] and len(parts) >= _PAYMENT_PARTS:
        is_known = parts[_PAYMENT_PARTS:] in ([], ["dispute"])
        return WALLET if is_known else None  # /wallet/payments/<id>[/dispute]
    return None


def app_document_at(path: str) -> Document | None:
    """The document at a path of the app's own origin, None if there is none.

    What the app shows stands in the fragment: ids of rooms and people reach no server's log. The
    addresses of the catalogue, of cases and of the wallet lead into the app as well.
    """
    return APP if path == "/" or document_at(path) in (CASES, WALLET) else None


def policy(
    document: Document, inline: Sequence[str], embedders: Sequence[str], homeservers: Sequence[str]
) -> str:
    """The Content-Security-Policy of a document.

    Args:
        document: Which one.
        inline: Sources of its inline scripts, as ``csp_hash`` makes them.
        embedders: Sources of those who may frame what may be framed.
        homeservers: Sources of homeservers, for the document that talks to them.
    """
    connect = ["'self'", *(homeservers if document.has_homeservers else ())]
    framed = document.framing is Framing.EMBEDDERS and embedders
    is_client, has_workers = document.has_client, document.has_pdf or document.has_client
    types = [
        *(["lit-html"] if document.has_lit else ()),
        *(["dompurify"] if is_client else ()),
        *([WORKERS] if has_workers else ()),
    ]
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(
                ("script-src 'self'", *inline, *(["'wasm-unsafe-eval'"] if is_client else ()))
            ),
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            f"connect-src {' '.join(connect)}",
            f"worker-src {SELF if has_workers else NOBODY}",
            *(["media-src blob:", "manifest-src 'self'"] if is_client else ()),
            "form-action 'none'",
            "base-uri 'none'",
            f"frame-ancestors {' '.join(embedders) if framed else NOBODY}",
            "require-trusted-types-for 'script'",
            f"trusted-types {' '.join(types) or NOBODY}",
        )
    )


def permissions(document: Document) -> str:
    """The Permissions-Policy of a document: no devices but what it needs, passkeys for keys."""
    passkeys = "(self)" if document.has_passkeys else "()"
    allowed = {
        *(["camera"] if document.has_camera else ()),
        *(["microphone", "fullscreen"] if document.has_client else ()),
    }
    refused = [f"{one}=({'self' if one in allowed else ''})" for one in _FEATURES_REFUSED]
    return ", ".join((*refused, *(f"{feature}={passkeys}" for feature in _PASSKEY_FEATURES)))
