"""A cursor that makes few trips to the server.

BEGIN rides with the first statement, and what need not be answered at once with the next one. Each
trip costs a sleep and a wake of its thread, which on a busy machine is most of what a short
statement costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as _Connection  # noqa: N812 -- types, named like ones
from psycopg2.extensions import cursor as _Cursor  # noqa: N812

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from psycopg2.sql import Composable

    from veche.runtime.vault import Vault

    Values = Sequence[Any] | Mapping[str, Any] | None

_BEGIN = b"BEGIN"
_COMMIT = b"COMMIT"
_KEPT = "SELECT set_config('veche.row', row_to_json(one)::text, FALSE) FROM ({}) AS one"
_AS_JSON = "SELECT row_to_json(one) FROM ({}) AS one"
_ROW = "SELECT current_setting('veche.row')::json"


class LostError(Exception):
    """A transaction was committed and is not kept: a bug of whoever let a failed statement pass."""


class Cursor(_Cursor):
    """Runs the statements of one transaction.

    Where ``begin`` was called, it begins and ends the transaction itself, on a connection that does
    not (``autocommit``). Elsewhere it is psycopg2's cursor, and nothing waits.

    Attributes:
        tokens: Commitments of acts that this transaction made and did not spend yet.
        vault: Seals what is said by such an act; of the log that committed it.
        said: What bots say in it, where whoever runs it hands that on; None where nobody does.
        is_again: It was begun before and failed, perhaps by what was taken for granted.
    """

    _waiting: list[bytes | Callable[[], bytes]] | None = None
    _is_alone = False
    tokens: frozenset[bytes] = frozenset()
    vault: Vault
    said: list[Any] | None = None
    is_again = False

    def begin(self) -> None:
        """Begin a transaction with the first statement."""
        self._waiting = [_BEGIN]

    # psycopg2's name of the second argument.
    def execute(self, query: str | bytes | Composable, vars: Any = None) -> None:  # noqa: A002
        """Run a statement, after what waits for it."""
        if self._is_alone:
            raise RuntimeError("a statement that is alone has none beside it")
        if self._waiting:
            super().execute(b";".join([*self._taken(), self.mogrify(query, vars)]))
        else:
            super().execute(query, vars)

    def later(self, query: str, values: Values = None) -> None:
        """Have a statement run before the next one, or before the commit; it has no result.

        What is wrong with it shows there, and fails the transaction.
        """
        if self._waiting is None:
            self.execute(query, values)
        else:
            self._waiting.append(self.mogrify(query, values))

    def made_later(self, make: Callable[[], bytes]) -> None:
        """Run a statement as ``later`` does; it is made, by ``mogrify``, when it leaves."""
        if self._waiting is None:
            self.execute(make())
        else:
            self._waiting.append(make)

    def alone(self, query: str, values: Values = None) -> None:
        """Run the only statement of a transaction, which commits by itself.

        It may run twice: where the connection breaks, nobody knows whether it was committed.
        """
        if self._waiting is None:
            self.execute(query, values)
            return
        if self._waiting != [_BEGIN]:
            raise RuntimeError("a statement that is alone has none before it")
        self._waiting = []
        self.execute(query, values)
        self._is_alone = True

    def last(self, query: str, values: Values = None) -> dict[str, Any]:
        """Run the last statement of a transaction and commit, in one trip; return its row.

        It may run twice, as what is ``alone``. Of several statements in a trip only the last one
        answers, so the session keeps the row until the commit is done.

        Args:
            query: Gives exactly one row, whose values JSON has.
            values: For the query.
        """
        if self._waiting is None:
            self.execute(_AS_JSON.format(query), values)
        else:
            self.later(_KEPT.format(query), values)
            self._waiting.append(_COMMIT)
            self.execute(_ROW)
            self._is_alone = True
        [(row,)] = self.fetchall()
        return dict(row)

    def commit(self) -> None:
        """End the transaction; the server is not asked where there was no statement."""
        if self._is_alone or self._waiting is None or self._waiting == [_BEGIN]:
            return
        self.end(*self._taken())

    def _taken(self) -> list[bytes]:
        """The statements that wait, which leave now."""
        waiting, self._waiting = self._waiting or [], []
        return [one if isinstance(one, bytes) else one() for one in waiting]

    def end(self, *waiting: bytes) -> None:
        """Commit an open transaction, after statements that wait for it.

        Raises:
            LostError: One of its statements had failed, and whoever ran that one went on as if it
                had not: PostgreSQL answers such a COMMIT with a ROLLBACK, which is no error to it.
        """
        super().execute(b";".join([*waiting, _COMMIT]))
        if self.statusmessage == "ROLLBACK":
            raise LostError("a statement had failed, so nothing of the transaction was kept")

    def roll_back(self) -> None:
        """Undo the transaction."""
        if self.connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
            super().execute(b"ROLLBACK")


class Connection(_Connection):
    """A connection whose cursors are ours."""

    def cursor(self) -> Cursor:  # type: ignore[override]  # psycopg2's takes names and factories
        """A new cursor."""
        return super().cursor(cursor_factory=Cursor)
