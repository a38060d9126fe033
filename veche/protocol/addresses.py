"""Addresses of the web that others wrote: in certificates, on command lines, in configurations."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split_address(url: str) -> SplitResult:
    """Split an address of the web; what is none by its form has no scheme and no host.

    ``urlsplit`` raises for some of these, such as ``https://[``, and their port for others.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts
