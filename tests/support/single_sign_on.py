"""A homeserver elsewhere with single sign-on: Synapse, and a provider of OpenID."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from tests.support.processes import ROOT, Child, free_ports, wait_until
from tests.support.synapse import homeserver
from tests.support.synapse_federation import listener, write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

START_S_MAX: Final = 60
PROVIDER: Final = "Town Hall"
"""As the homeserver names it to people."""

BY_SUBJECT: Final = {"config": {"localpart_template": "{{ user.sub }}"}}


@contextmanager
def homeserver_elsewhere(folder: Path) -> Iterator[str]:
    """A Synapse with nothing but single sign-on, as most towns have it; its address, by TLS.

    The certificate is nobody's: a browser has to be told to take it.

    Args:
        folder: Where its files are.
    """
    plain, secure, provider = free_ports(3)
    folder.mkdir(parents=True, exist_ok=True)
    write_certificate(folder)
    address = f"https://localhost:{secure}"
    settings = {
        "public_baseurl": f"{address}/",
        "listeners": [listener(plain, "client"), listener(secure, "client", is_secure=True)],
        "tls_certificate_path": str(folder / "tls.crt"),
        "tls_private_key_path": str(folder / "tls.key"),
        "password_config": {"enabled": False},
        "oidc_providers": [openid_provider(provider)],
    }
    with (
        openid(folder, provider),
        homeserver(folder, server_name=f"localhost:{secure}", settings=settings, port=plain),
    ):
        yield address


def openid_provider(port: int, mapping: Mapping[str, Any] = BY_SUBJECT) -> dict[str, Any]:
    """An entry of Synapse's ``oidc_providers``.

    Args:
        port: Of the provider, see ``openid``.
        mapping: How people get their Matrix ids.
    """
    return {
        "idp_id": "town_hall",
        "idp_name": PROVIDER,
        "issuer": f"http://127.0.0.1:{port}",
        "skip_verification": True,  # an issuer without TLS
        "client_id": "synapse",
        "client_secret": "of tests",
        "scopes": ["openid", "profile"],
        "user_mapping_provider": mapping,
    }


@contextmanager
def openid(folder: Path, port: int) -> Iterator[None]:
    """A provider of OpenID, whom people tell who they are.

    Args:
        folder: For its log.
        port: On the loopback address.
    """
    command = (sys.executable, "-m", "oidc_provider_mock", "--port", str(port))
    child = Child(command, ROOT, folder / "openid.log")
    child.start()
    try:
        wait_until(lambda: _answers(port) or not child.is_running, START_S_MAX, "no OpenID")
        assert child.is_running, child.log()
        yield
    finally:
        child.stop()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/.well-known/openid-configuration") as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
