"""Interface of the ledger to its storage: PostgreSQL, or a dictionary in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.payments.ledger.core.block import Block
    from appservices.payments.ledger.core.values import Known, Names, Row, Sums

T_co = TypeVar("T_co", covariant=True)


class FencedError(Exception):
    """Another writer took over: this one has to stop. Nothing of the block was kept."""


class BrokenError(Exception):
    """A block breaks a rule of the ledger: our bug. Nothing of it was kept."""


class Place(NamedTuple):
    """Where a shard stands when somebody takes it over.

    Attributes:
        epoch: Which take-over this is.
        seq: The last block, 0 if there is none.
        at_ms: Ledger time.
        head: Of the last block, 32 bytes.
        transfer_at_ms: Time of the last transfer, for imports.
        account_at_ms: Time of the account opened last, for imports.
    """

    epoch: int
    seq: int
    at_ms: int
    head: bytes
    transfer_at_ms: int
    account_at_ms: int


class LedgerStore(Protocol[T_co]):
    """Keeps one shard. ``T_co`` is what riders write with: a cursor of PostgreSQL."""

    def take_over(self, holder: str) -> Place:
        """Become the writer: every older one's next commit fails.

        Args:
            holder: Where the writer is to be found, for others.
        """

    def newest_id(self) -> str:
        """The highest id that is recorded or burned, ``ID_ZERO`` if there is none."""

    def holds(self) -> Sequence[Row]:
        """All open holds, in the order of their making."""

    def look_up(self, names: Names) -> Known:
        """Look up the names in a block."""

    def commit(self, block: Block, riders: Callable[[T_co], None] | None = None) -> None:
        """Keep a block, and what its riders write, all or nothing.

        Args:
            block: The next one.
            riders: Writes what belongs to the block; whatever it raises goes on to the caller
                and nothing is kept.

        Raises:
            FencedError: Another writer took over, or the block does not follow the last one.
            BrokenError: The block breaks a rule.
        """

    def rows(self, account_id: int, after_pos: int, limit: int) -> Sequence[Row]:
        """List the rows of an account after a position, in order, at most ``limit``."""

    def balances_at(self, account_id: int, pos: int) -> Sums | None:
        """Return an account's sums at a position; None before the account existed."""

    def block(self, seq: int) -> Block | None:
        """A block with its content, None if there is none of that number."""
