"""SQL of the signatures that providers of remote signatures are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


@attrs.frozen
class ProviderOrder:
    """A signature that a party's page is having made at a provider.

    Attributes:
        session_id: In which session.
        party: Whose.
        chain: The certificate, then those above it, DER.
        lists: Of revoked certificates, DER, that belong into the file.
        revision: Number of the revision that it will be.
        at_ms: When it was prepared, which the signature shows, UTC.
        digest: That is to be signed; None: the page has not told it yet.
        handle: Sealed: by which the provider is asked whether its holder has agreed.
        signature: Once it is there.
    """

    session_id: str
    party: str
    chain: tuple[bytes, ...] = attrs.field(repr=False)
    lists: tuple[bytes, ...] = attrs.field(repr=False)
    revision: int
    at_ms: int
    digest: bytes | None = None
    handle: bytes | None = attrs.field(default=None, repr=False)
    signature: bytes | None = attrs.field(default=None, repr=False)


def prepare(txn: Cursor, order: ProviderOrder, older_ms: int) -> None:
    """Keep an order in place of the party's last one.

    Args:
        txn: The transaction.
        order: It.
        older_ms: Those of anybody that were prepared before are forgotten.
    """
    txn.execute("DELETE FROM signing.provider_order WHERE at_ms < %s", (older_ms,))
    forget(txn, order.session_id, order.party)
    txn.execute(
        "INSERT INTO signing.provider_order (session_id, party, chain, lists, revision, at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (
            order.session_id,
            order.party,
            list(order.chain),
            list(order.lists),
            order.revision,
            order.at_ms,
        ),
    )


def of_party(txn: Cursor, session_id: str, party: str) -> ProviderOrder | None:
    """The order of a party; None: there is none."""
    txn.execute(
        "SELECT session_id, party, chain, lists, revision, at_ms, digest, handle, signature"
        " FROM signing.provider_order WHERE session_id = %s AND party = %s",
        (session_id, party),
    )
    row = txn.fetchone()
    if row is None:
        return None
    return ProviderOrder(
        session_id=row[0],
        party=row[1],
        chain=tuple(map(bytes, row[2])),
        lists=tuple(map(bytes, row[3])),
        revision=row[4],
        at_ms=row[5],
        digest=_bytes(row[6]),
        handle=_bytes(row[7]),
        signature=_bytes(row[8]),
    )


def go_on(txn: Cursor, order: ProviderOrder) -> bool:
    """Keep how far an order has got; False: another one has taken its place."""
    txn.execute(
        "UPDATE signing.provider_order SET digest = %s, handle = %s, signature = %s"
        " WHERE session_id = %s AND party = %s AND at_ms = %s AND chain[1] = %s",
        (
            order.digest,
            order.handle,
            order.signature,
            order.session_id,
            order.party,
            order.at_ms,
            order.chain[0],
        ),
    )
    return txn.rowcount == 1


def forget(txn: Cursor, session_id: str, party: str) -> None:
    """Drop the order of a party, if there is one."""
    txn.execute(
        "DELETE FROM signing.provider_order WHERE session_id = %s AND party = %s",
        (session_id, party),
    )


def _bytes(value: memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)
