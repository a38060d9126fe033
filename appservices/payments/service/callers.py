"""Whose key it is by which somebody asks over HTTP, and what it may do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from appservices.payments.service.rails.start import bank_key
from veche.api.bearer import BearerKeys
from veche.protocol.errors import ConfigError, ConflictError, ForbiddenError
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appservices.payments.config import (
        OrganisationKeySection,
        OrganisationSection,
        PaymentsSection,
    )


class KeyReusedError(ConflictError):
    """The ``Idempotency-Key`` came before, with another content; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.KEY_REUSED"


@attrs.frozen
class Caller:
    """An organisation that asks, by one of its keys.

    Attributes:
        id: Its name in the log of acts.
        name: What it is called.
        scopes: What this key may do: ``invoice``, ``refund``, ``mandate``, ``escrow``, ``payout``,
            ``webhook``, ``read``.
        mark: By which the key is told from others; whoever has the mark has not the key.
        public_key: What its instructions are checked with; None: it signs none.
    """

    id: str
    name: str
    scopes: frozenset[str]
    mark: str = ""
    public_key: bytes | None = None

    def need(self, scope: str) -> None:
        """Refuse what this key may not do.

        Raises:
            ForbiddenError: It has not the scope.
        """
        if scope not in self.scopes:
            raise ForbiddenError(f"This key lacks the scope {scope}")


class Callers(BearerKeys[Caller]):
    """Who may ask, by their keys."""

    def __init__(self, organisations: Sequence[OrganisationSection], language: str) -> None:
        """Read the keys.

        Args:
            organisations: Of the configuration.
            language: In which their names stand on invoices.

        Raises:
            ConfigError: A key cannot be read, is too short, or is there twice.
        """
        super().__init__()
        for one in organisations:
            for section in one.keys:
                self.add(section.path, partial(_caller, one, section, one.name_in(language)))


def key_faults(section: PaymentsSection) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the keys of organisations and banks, and what would be right."""
    for one in section.organisations:
        try:
            Callers([one], section.language)
        except ConfigError as e:
            yield f"payments.organisations, {one.id}: {e}", "make one: openssl rand -base64 32"
    for bank in section.banks:
        try:
            bank_key(bank)
        except ConfigError as e:
            yield f"payments.banks, {bank.name}: {e}", "make one: openssl rand -base64 32"


def _caller(
    one: OrganisationSection, section: OrganisationKeySection, name: str, digest: bytes
) -> Caller:
    public_key = section.public_key
    return Caller(
        one.id,
        name,
        frozenset(section.scopes),
        # Who signs with the same secret is the same person, whatever key they send.
        mark=public_key or digest.hex(),
        public_key=decode_base64(public_key) if public_key is not None else None,
    )
