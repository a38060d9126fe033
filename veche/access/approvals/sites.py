"""Where passkeys live, and the words of browsers about them."""

from __future__ import annotations

import base64
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

TRANSPORTS: Final = ("ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb")
"""How a browser reaches a passkey; other words are dropped."""


@attrs.frozen
class Site:
    """Where passkeys live.

    Attributes:
        origin: As browsers write it, such as ``https://veche.example.org``.
        rp_id: The name that passkeys are bound to: the host.
    """

    origin: str
    rp_id: str


def site_of(public_url: str | None) -> Site | None:
    """The site at an address; None where browsers make no passkeys.

    They need a name, and ``https`` or this machine.
    """
    parts = urlsplit(public_url or "")
    host = (parts.hostname or "").lower()
    if not host or _is_address(host):
        return None
    is_local = host == "localhost" or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        return None
    port = "" if parts.port in (None, {"https": 443, "http": 80}[parts.scheme]) else parts.port
    return Site(f"{parts.scheme}://{host}" + (f":{port}" if port else ""), host)


def base64url(data: bytes) -> str:
    """As browsers write ids: without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def known_transports(transports: Sequence[str]) -> tuple[str, ...]:
    """Those words that are ones, each once, sorted."""
    return tuple(sorted(set(transports) & set(TRANSPORTS)))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
