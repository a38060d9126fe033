"""`veche ledger export` and `compare`: what went between institutions, as ISO 20022 has it."""

from __future__ import annotations

import datetime as dt
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from appservices.payments.banks.core.port import BANK_FILE_MAX
from appservices.payments.banks.core.xml import BankMessageError
from appservices.payments.commands.common import LedgerCommands
from appservices.payments.holders import store as holders
from appservices.payments.interbank.core.movements import (
    LINES_MAX,
    PACS_002,
    Claims,
    agent_id,
    compare,
)
from appservices.payments.interbank.core.xml import read_told
from appservices.payments.interbank.service.files import Tally, messages
from appservices.payments.interbank.service.movements import DAYS_MAX, Books, known, of_days, sheets
from veche.protocol.errors import ConfigError, TooLargeError
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import show_money
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.vault import Vault
from veche.server.installed import add_config_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from appservices.payments.interbank.core.movements import Difference, Stated


FILES_MAX: Final = 2_000
"""Files that are compared at once."""
_LANGUAGE: Final = "en"
_PART: Final = ".part"


class Commands(LedgerCommands):
    """The commands, for ``appservices.payments.commands.ledger``."""

    def add(self, subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add them below `veche ledger`."""
        one = subcommands.add_parser(
            "export", help="write what went between you and another as ISO 20022 (pacs)"
        )
        _add_days(one)
        one.add_argument(
            "--folder", type=Path, default=Path(), metavar="DIR", help="folder for the files"
        )
        one.set_defaults(run=self.run_export)
        one = subcommands.add_parser(
            "compare", help="compare such files of another institution with your books"
        )
        _add_days(one)
        one.add_argument(
            "files", type=Path, nargs="+", metavar="FILE", help="all its files of these days"
        )
        one.set_defaults(run=self.run_compare)

    def run_export(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger export`: the files are there as a whole, or none of them."""
        folder: Path = arguments.folder
        if not folder.is_dir():
            raise ConfigError(f"{folder}: there is no such folder")
        now_ms, tally = time.time_ns() // 1_000_000, Tally()
        with ExitStack() as stack:
            books, span = self._books(stack, arguments, now_ms)
            names = _write(books, span, folder, now_ms, tally)
            if not names:
                raise ConfigError(
                    f"{books.server}: nothing was paid or refused {_said(span)}, either way"
                )
            _tell(books, span, tally, sys.stdout)
        sys.stdout.writelines(f"{folder / name}\n" for name in names)
        return 0

    def run_compare(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger compare`: 1 if the books differ, else 0."""
        now_ms = time.time_ns() // 1_000_000
        with ExitStack() as stack:
            books, span = self._books(stack, arguments, now_ms)
            claims = read_claims(arguments.files, books.own, books.server)
            _check_days(claims, span)
            ours = of_days(books, *span)
            named = [id_ for id_ in {*claims.paid, *claims.statuses} if id_ not in ours]
            found = list(compare(ours, claims, known(books, named), books.own))
        sys.stdout.writelines(f"{_line(one)}\n" for one in found)
        faults = [one for one in found if not one.is_explained]
        paid = sum(one.standing.is_paid for one in ours.values())
        sys.stdout.write(
            f"{len(claims.paid)} paid in theirs, {paid} in ours, {_said(span)}:"
            f" {len(faults)} differ, {len(found) - len(faults)} on their way\n"
        )
        return 1 if faults else 0

    def _books(
        self, stack: ExitStack, arguments: argparse.Namespace, now_ms: int
    ) -> tuple[Books, tuple[dt.date, dt.date]]:
        """Our books with the one that is named, and the days.

        Raises:
            ConfigError: There is no agreement with it, nothing was ever paid, or the days are none.
        """
        config, section = self._opened(arguments)
        server = arguments.server
        if section.peer(server) is None:
            raise ConfigError(f"{server}: it is not in payments.peers")
        span = _span(arguments, now_ms)
        vault = Vault(read_operator_key(config.crypto.key_path).seed("payments"))
        txn = self._reading(stack, config)
        holder = holders.holder_of_mark(txn, vault.mark(f"{holders.PEER} {server}"))
        if holder is None:
            raise ConfigError(f"{server}: nothing was ever paid, either way")
        return Books(txn, vault, config.homeserver.server_name, server, holder.id), span


def read_claims(files: Sequence[Path], own: str, server: str) -> Claims:
    """Read another institution's claims from files.

    Args:
        files: Of it, all of them.
        own: Our server.
        server: Its server.

    Raises:
        ConfigError: A file cannot be read.
        BankMessageError: One is no such message, is between others, or says a payment again.
        TooLargeError: There are over ``FILES_MAX``, or over ``LINES_MAX`` payments.
    """
    if len(files) > FILES_MAX:
        raise TooLargeError(f"over {FILES_MAX} files: compare fewer days")
    paid: dict[str, Stated] = {}
    statuses: dict[str, Stated] = {}
    made_at_ms: int | None = None
    agents = {agent_id(own), agent_id(server)}
    for path in files:
        try:
            with path.open("rb") as file:
                told = read_told(file.read(BANK_FILE_MAX + 1))
        except OSError as e:
            raise ConfigError(f"{path}: {e.strerror}") from e
        except BankMessageError as e:
            raise BankMessageError(f"{path}: {e}") from e
        made_at_ms = min(told.made_at_ms, made_at_ms or told.made_at_ms)
        target = statuses if told.name == PACS_002 else paid
        for one in told.payments:
            if {one.payer_at, one.payee_at} != agents:
                raise BankMessageError(f"{path}: it is between others than {own} and {server}")
            if one.id in target:
                raise BankMessageError(f"{path}: {one.id} stands in another file too")
            target[one.id] = one
        if len(paid) + len(statuses) > 2 * LINES_MAX:
            raise TooLargeError(f"over {LINES_MAX} payments: compare fewer days")
    return Claims(paid, statuses, made_at_ms or 0)


def _add_days(one: argparse.ArgumentParser) -> None:
    one.add_argument("server", metavar="SERVER", help="server in its people's Matrix ids")
    one.add_argument("day", metavar="DAY", help="past day, such as 2026-11-26, UTC")
    one.add_argument("--until", metavar="DAY", help="the last of several days")
    add_config_option(one)


def _span(arguments: argparse.Namespace, now_ms: int) -> tuple[dt.date, dt.date]:
    """First and last day.

    Raises:
        ConfigError: They are none, not in order, too many, or not over.
    """
    first = _day(arguments.day)
    last = _day(arguments.until) if arguments.until is not None else first
    today = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).date()
    if last >= today:
        before = today - dt.timedelta(days=1)
        raise ConfigError(f"{last}: that day is not over yet (UTC); the last that is: {before}")
    if not dt.timedelta(0) <= last - first < dt.timedelta(DAYS_MAX):
        raise ConfigError(f"--until: from the first day to the last, at most {DAYS_MAX}")
    return first, last


def _day(text: str) -> dt.date:
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text or found.year < 1970:  # noqa: PLR2004 -- of the clock
        raise ConfigError(f"{text}: write a day as in 2026-11-26")
    return found


def _write(
    books: Books, span: tuple[dt.date, dt.date], folder: Path, now_ms: int, tally: Tally
) -> list[str]:
    """Write the messages; what is not whole is called ``.part`` and taken away again.

    Raises:
        ConfigError: A file is there already, or cannot be written.
    """
    names: list[str] = []
    try:
        for name, message in messages(books, span, now_ms, tally):
            if (folder / name).exists():
                raise ConfigError(f"{folder / name}: it is there already; take another --folder")
            names.append(name)
            (folder / f"{name}{_PART}").write_bytes(message.data)
        for name in names:
            (folder / f"{name}{_PART}").rename(folder / name)
    except OSError as e:
        raise ConfigError(f"{folder}: {e.strerror}") from e
    finally:
        for name in names:
            (folder / f"{name}{_PART}").unlink(missing_ok=True)
    return names


def _check_days(claims: Claims, span: tuple[dt.date, dt.date]) -> None:
    """See that files are of the days that are compared.

    Raises:
        ConfigError: A payment in them is of another day.
    """
    other = next((one for one in claims.paid.values() if not span[0] <= one.on <= span[1]), None)
    if other is not None:
        raise ConfigError(f"{other.id} is of {other.on}: compare those days too, with --until")


def _tell(books: Books, span: tuple[dt.date, dt.date], tally: Tally, out: TextIO) -> None:
    for (is_ours, message), count in sorted(tally.counts.items(), reverse=True):
        way = "you paid them" if is_ours else "they paid you"
        what = {"pacs.004": "given back", "pacs.002": "not paid"}.get(message, "paid")
        out.write(f"{way}: {count} {what} ({message})\n")
    for one in sheets(books, *span):
        who = "you owe them" if one.is_ours else "they owe you"
        shown = [
            _money(minor, one.currency)
            for minor in (one.opening_minor, one.paid_minor, one.settled_minor, one.closing_minor)
        ]
        out.write("{}: {} + {} paid - {} settled = {}\n".format(who, *shown))
        minor = tally.uncredited_minor[one.is_ours, one.currency]
        if one.late_minor:
            out.write(f"  of it paid on other days there: {_money(one.late_minor, one.currency)}\n")
        if minor:
            out.write(
                f"  paid there, here on other days or not yet: {_money(minor, one.currency)}\n"
            )


def _line(one: Difference) -> str:
    ours, theirs = _stated(one.ours), _stated(one.theirs)
    return f"{one.id}: {one.what}; ours: {ours}; theirs: {theirs}"


def _stated(one: Stated | None) -> str:
    if one is None:
        return "-"
    # A status of what was paid has neither amount nor day.
    minor = one.amount_minor
    amount = "" if minor is None else f"{_money(minor, one.currency)} {one.on} "
    back = f", gives back {one.original.id}" if one.original is not None else ""
    return f"{amount}{one.payer_at} to {one.payee_at} {one.standing.value}{back}"


def _money(minor: int, currency: str) -> str:
    sign = "-" if minor < 0 else ""
    return sign + show_money(Money(minor=abs(minor), currency=currency), _LANGUAGE)


def _said(span: tuple[dt.date, dt.date]) -> str:
    first, last = span
    return f"on {first}" if first == last else f"from {first} to {last}"
