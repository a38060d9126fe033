"""The keys by which organisations ask the institution over HTTP, and what each may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.banks.service.start import bank_key
from veche.api.bearer import BearerKeys, OrganisationCaller
from veche.protocol.errors import ConfigError, ConflictError
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appservices.payments.config import OrganisationSection, PaymentsSection


class KeyReusedError(ConflictError):
    """The ``Idempotency-Key`` came before, with another content; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.KEY_REUSED"


def organisation_keys(organisations: Sequence[OrganisationSection], language: str) -> BearerKeys:
    """Read the keys of organisations.

    Args:
        organisations: Of the configuration.
        language: In which their names stand on invoices.

    Raises:
        ConfigError: A key cannot be read, is too short, or is there twice.
    """
    keys = BearerKeys()
    for one in organisations:
        for key in one.keys:
            public, name, scopes = key.public_key, one.name_in(language), frozenset(key.scopes)
            signs_with = decode_base64(public) if public is not None else None
            # Who signs with the same secret is the same person, whatever key they send.
            caller = OrganisationCaller(one.id, name, scopes, public or "", signs_with)
            keys.add(key.path, caller)
    return keys


def key_faults(section: PaymentsSection) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the keys of organisations and banks, and what would be right."""
    for one in section.organisations:
        try:
            organisation_keys([one], section.language)
        except ConfigError as e:
            yield f"payments.organisations, {one.id}: {e}", "make one: openssl rand -base64 32"
    for bank in section.banks:
        try:
            bank_key(bank)
        except ConfigError as e:
            yield f"payments.banks, {bank.name}: {e}", "make one: openssl rand -base64 32"
