"""Two Synapses that federate over TLS on the loopback address."""

from __future__ import annotations

import datetime as dt
import ipaddress
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.processes import free_ports
from tests.support.synapse import homeserver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.support.synapse import Homeserver

_BEGIN: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_END: Final = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


@contextmanager
def federated_homeserver(
    folder: Path, *, modules: Sequence[Mapping[str, Any]] = ()
) -> Iterator[Homeserver]:
    """A Synapse that others on this machine reach by its name, ``localhost`` with a port.

    Args:
        folder: Where its files are.
        modules: Entries of Synapse's ``modules``.
    """
    client, federation = free_ports(2)
    settings = federation_settings(folder, client, federation)
    name = f"localhost:{federation}"
    with homeserver(
        folder, modules=modules, server_name=name, settings=settings, port=client
    ) as server:
        yield server


def federation_settings(folder: Path, client: int, federation: int) -> dict[str, Any]:
    """Keys of homeserver.yaml of a Synapse that is called ``localhost:FEDERATION``.

    Args:
        folder: Where its certificate is written.
        client: Port of the client API.
        federation: Port of its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_certificate(folder)
    return {
        "send_federation": True,
        "listeners": [
            listener(client, "client", "keys"),
            listener(federation, "federation", is_secure=True),
        ],
        "tls_certificate_path": str(folder / "tls.crt"),
        "tls_private_key_path": str(folder / "tls.key"),
        "federation_verify_certificates": False,
        "federation_domain_whitelist": None,
        "ip_range_whitelist": ["127.0.0.1", "::1"],
        "suppress_key_server_warning": True,
    }


def listener(port: int, *resources: str, is_secure: bool = False) -> dict[str, Any]:
    """An entry of Synapse's ``listeners``, on the loopback address."""
    return {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "type": "http",
        "tls": is_secure,
        "resources": [{"names": [*resources], "compress": False}],
    }


def write_certificate(folder: Path) -> None:
    """Write ``tls.crt`` and ``tls.key`` of a server at ``localhost``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.TraditionalOpenSSL
    encryption = serialization.NoEncryption()
    data = key.private_bytes(serialization.Encoding.PEM, pem, encryption)
    (folder / "tls.key").write_bytes(data)
