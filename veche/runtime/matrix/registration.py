"""The registration of our application service: one namespace, many bots.

The homeserver reads it at its start only, so a new organisation is a new user in the namespace and
never a new registration.

Source: Matrix spec v1.18, "Application Service API", "Registration".
"""

from __future__ import annotations

import re
from typing import Any, Final

PREFIX: Final = "veche_"
"""Localparts of our bots and aliases begin with it."""


def registration_document(
    service_id: str,
    url: str,
    server_name: str,
    *,
    as_token: str,
    hs_token: str,
    prefix: str = PREFIX,
) -> dict[str, Any]:
    """The document that the homeserver reads; ``prefix`` begins the names of its users."""
    server = re.escape(server_name)
    return {
        "id": service_id,
        "url": url,
        "as_token": as_token,
        "hs_token": hs_token,
        "sender_localpart": prefix,
        "rate_limited": False,
        # Who is typing and who has read what is nobody else's business, and nothing here uses it.
        "receive_ephemeral": False,
        "namespaces": {
            # Matched from the start of the whole id; a wide one locks people out.
            "users": [{"exclusive": True, "regex": f"@{prefix}.*:{server}"}],
            "aliases": [{"exclusive": True, "regex": f"#{prefix}.*:{server}"}],
            "rooms": [],
        },
    }


def is_of_namespace(user_id: str, server_name: str, prefix: str = PREFIX) -> bool:
    """Return whether a user id is in the application service's exclusive namespace."""
    return user_id.startswith(f"@{prefix}") and user_id.partition(":")[2] == server_name
