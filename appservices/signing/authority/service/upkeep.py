"""Parts of the authority that expire soon, so that somebody renews them in time.

Without a list that is good, nobody can tell any more that a certificate was not revoked, and what
is signed from then on is not proven. Only certificates and lists are read here, no key.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from cryptography import x509

from appservices.signing.authority.service.authorities import (
    CERTIFICATE,
    ISSUING,
    LISTS,
    SEALS,
    STAMPS,
    list_name,
)
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appservices.signing.config import SigningSection

SOON: Final = dt.timedelta(days=60)
"""How long before an end it is told: the root's key has to be brought from where it lies."""
STAMPS_LIFE: Final = dt.timedelta(days=400)
"""How long one key stamps: each year it is destroyed, and another one takes its place."""
_REVOKED: Final = "it was revoked"


def look(section: SigningSection, now_s: float) -> Iterator[tuple[str, str]]:
    """List what has to be done, and how.

    Args:
        section: Of the configuration.
        now_s: The time, Unix time in seconds.

    Raises:
        ConfigError: A certificate or a list cannot be read.
    """
    folder, now = section.folder, dt.datetime.fromtimestamp(now_s, dt.UTC)
    seals = sorted((folder / SEALS).glob(f"*{CERTIFICATE}"))
    paths = [folder / f"{name}{CERTIFICATE}" for name in (ISSUING, STAMPS)] + seals
    ends: dict[Path, dt.datetime] = {}
    for path in paths:
        certificate, held = _read(folder, path)
        is_revoked = held.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if path in seals and (is_revoked or certificate.not_valid_after_utc - now < SOON):
            why = _REVOKED if is_revoked else f"it ends on {certificate.not_valid_after_utc:%F}"
            yield (
                f"the seal {path.stem} seals no more, or not for long: {why}",
                f"with the root's key: `veche ca seal {path.stem} NAME`; then restart",
            )
        elif held.next_update_utc is not None:
            ends[path] = held.next_update_utc
        if path.stem == STAMPS and now - certificate.not_valid_before_utc > STAMPS_LIFE:
            yield (
                f"the key for time stamps is of {certificate.not_valid_before_utc:%F}",
                "with the root's key: `veche ca stamps`; then restart",
            )
    first = min(ends.values(), default=None)
    if first is not None and first - now < SOON:
        yield (
            f"a list is good until {first:%F}: what is signed later is not proven",
            "with the root's key: `veche ca lists`",
        )


def _read(folder: Path, path: Path) -> tuple[x509.Certificate, x509.CertificateRevocationList]:
    """A certificate, and the list that speaks of it."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        listed = (folder / LISTS / list_name(certificate)).read_bytes()
        return certificate, x509.load_der_x509_crl(listed)
    except (OSError, ValueError) as e:
        raise ConfigError(f"{path} or its list in {LISTS} cannot be read: {e}") from e
