"""The bank's own double-entry book, in a file of SQLite.

Not PostgreSQL: this is another institution's computer, which must not share a database with the one
that it is a bank to, and has one process. SQLite comes with Python and survives a kill.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core.port import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

ELSEWHERE: Final = "elsewhere"
"""The account that stands for all other banks."""
FILES_MAX: Final = 100
"""Files of one answer."""

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS account (
        iban TEXT PRIMARY KEY, name TEXT NOT NULL, of TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS movement (
        number INTEGER PRIMARY KEY AUTOINCREMENT, day TEXT NOT NULL, debit TEXT NOT NULL,
        credit TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0), order_id TEXT NOT NULL,
        reference TEXT NOT NULL, text TEXT NOT NULL, return_code TEXT NOT NULL,
        named TEXT NOT NULL, other_name TEXT NOT NULL, CHECK (debit <> credit)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS file_in (
        message_id TEXT PRIMARY KEY, sha256 TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS file_out (
        number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS waiting (
        number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, about TEXT NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS today (
        one INTEGER PRIMARY KEY CHECK (one = 1), day TEXT NOT NULL
    ) STRICT;
"""
_COLUMNS: Final = (
    "number, day, debit, credit, amount, order_id, reference, text, return_code, named, other_name"
)


@attrs.frozen
class Movement:
    """Money that went from one account to another.

    Attributes:
        number: Its place in the book.
        day: The bank's day.
        debit: Account that paid.
        credit: Account that was paid.
        amount_minor: At least 1.
        order_id: ``EndToEndId`` of its order, or empty.
        reference: Structured remittance, or empty.
        text: Unstructured remittance, or empty.
        return_code: Why it was given back, or empty.
        named: The account that the payer named, which may stand for another.
        other_name: Who is on the other side of the customer's account.
    """

    number: int
    day: dt.date
    debit: str
    credit: str
    amount_minor: int
    order_id: str = ""
    reference: str = ""
    text: str = ""
    return_code: str = ""
    named: str = ""
    other_name: str = ""

    def entry(self, account: str, currency: str) -> Entry:
        """The line that it makes on an account."""
        is_credit = self.credit == account
        other = self.debit if is_credit else self.credit
        if other == ELSEWHERE:
            other = "" if is_credit else self.named
        return Entry(
            key=f"DEMO{self.number:010}",
            amount_minor=self.amount_minor,
            is_credit=is_credit,
            currency=currency,
            booked_on=self.day,
            order_id=self.order_id,
            other_name=self.other_name,
            other_account=other,
            own_account=self.named if is_credit else "",
            reference=self.reference,
            text=self.text,
            return_code=self.return_code,
        )


class Book:
    """Accounts, movements, and the files that came and that wait to be fetched."""

    def __init__(self, path: Path, first_day: dt.date) -> None:
        """Open the book, or begin one.

        Args:
            path: Of its file.
            first_day: The bank's day if the book is new.
        """
        self._connection = sqlite3.connect(path)
        self._connection.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")
        with self._connection:
            self._connection.execute(
                "INSERT INTO today (one, day) VALUES (1, ?) ON CONFLICT DO NOTHING",
                (first_day.isoformat(),),
            )

    def transaction(self) -> AbstractContextManager[object]:
        """Begin a transaction: everything in it is kept together, or not at all."""
        return self._connection

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def today(self) -> dt.date:
        """The bank's day."""
        [(day,)] = self._connection.execute("SELECT day FROM today").fetchall()
        return dt.date.fromisoformat(day)

    def next_day(self) -> None:
        """Go on to the day after."""
        after = self.today() + dt.timedelta(days=1)
        self._connection.execute("UPDATE today SET day = ?", (after.isoformat(),))

    def open_account(self, iban: str, name: str, of: str = "") -> None:
        """Open an account; one that is there stays.

        Args:
            iban: Its number.
            name: Its owner.
            of: The account that it stands for: money that comes to it goes there.
        """
        self._connection.execute(
            "INSERT INTO account (iban, name, of) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (iban, name, of or iban),
        )

    def account(self, iban: str) -> tuple[str, str] | None:
        """Owner of an account and the account that it stands for; None if it is not here."""
        rows: list[tuple[str, str]] = self._connection.execute(
            "SELECT name, of FROM account WHERE iban = ?", (iban,)
        ).fetchall()
        return rows[0] if rows else None

    def accounts(self) -> int:
        """How many accounts there are."""
        [(count,)] = self._connection.execute("SELECT count(*) FROM account").fetchall()
        return int(count)

    def move(self, movement: Movement) -> Movement:
        """Book a movement today; with its number."""
        cursor = self._connection.execute(
            "INSERT INTO movement (day, debit, credit, amount, order_id, reference, text,"
            " return_code, named, other_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.today().isoformat(), *attrs.astuple(movement)[2:]),
        )
        return attrs.evolve(movement, number=int(cursor.lastrowid or 0), day=self.today())

    def balance_minor(self, account: str, before: dt.date = dt.date.max) -> int:
        """Credits less debits of an account, of the days before one."""
        [(total,)] = self._connection.execute(
            "SELECT coalesce(sum(CASE WHEN credit = ?1 THEN amount ELSE -amount END), 0)"
            " FROM movement WHERE ?1 IN (credit, debit) AND day < ?2",
            (account, before.isoformat()),
        ).fetchall()
        return int(total)

    def movements_of(self, account: str, day: dt.date) -> Sequence[Movement]:
        """List the movements of an account on a day."""
        return self._movements("? IN (credit, debit) AND day = ?", account, day.isoformat())

    def movement(self, number: int) -> Movement:
        """One by its number."""
        [found] = self._movements("number = ?", number)
        return found

    def take_file(self, message_id: str, sha256: str) -> str | None:
        """Note a file that came; the digest that it had before, None if it is new."""
        rows = self._connection.execute(
            "SELECT sha256 FROM file_in WHERE message_id = ?", (message_id,)
        ).fetchall()
        if rows:
            return str(rows[0][0])
        self._connection.execute(
            "INSERT INTO file_in (message_id, sha256) VALUES (?, ?)", (message_id, sha256)
        )
        return None

    def tell(self, name: str, data: bytes) -> None:
        """Put a file where it is fetched."""
        self._connection.execute("INSERT INTO file_out (name, data) VALUES (?, ?)", (name, data))

    def told(self, after: int) -> Sequence[tuple[int, str, bytes]]:
        """Number, name and content of files after a number, at most ``FILES_MAX``."""
        return self._connection.execute(
            "SELECT number, name, data FROM file_out WHERE number > ? ORDER BY number LIMIT ?",
            (after, FILES_MAX),
        ).fetchall()

    def told_count(self) -> int:
        """How many files there were to fetch so far."""
        [(count,)] = self._connection.execute("SELECT count(*) FROM file_out").fetchall()
        return int(count)

    def wait(self, kind: str, about: str, data: bytes = b"") -> None:
        """Leave something for the end of the day."""
        self._connection.execute(
            "INSERT INTO waiting (kind, about, data) VALUES (?, ?, ?)", (kind, about, data)
        )

    def take_waiting(self) -> Sequence[tuple[str, str, bytes]]:
        """Take away what was left for the end of the day."""
        rows = self._connection.execute(
            "SELECT kind, about, data FROM waiting ORDER BY number"
        ).fetchall()
        self._connection.execute("DELETE FROM waiting")
        return rows

    def _movements(self, where: str, *values: object) -> list[Movement]:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM movement WHERE {where} ORDER BY number",  # noqa: S608 -- constants
            values,
        ).fetchall()
        return [Movement(row[0], dt.date.fromisoformat(row[1]), *row[2:]) for row in rows]
