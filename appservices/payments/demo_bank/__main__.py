"""The process of the demo's bank: ``python -m appservices.payments.demo_bank``."""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path
from typing import Any, Final

from nacl.signing import VerifyKey
from twisted.internet import reactor  # noqa: TID251 -- a process of its own, beside `veche`
from twisted.internet.task import LoopingCall

from appservices.payments.banks.core.port import BANK_FILE_MAX
from appservices.payments.banks.core.tree import day
from appservices.payments.demo_bank.bank import Bank, demo_iban
from appservices.payments.demo_bank.book import ELSEWHERE, Book, Movement
from appservices.payments.demo_bank.routes import BankRoutes
from veche.runtime.web import new_site

CUSTOMER: Final = demo_iban(1)
"""Account of the institution."""
PERSONS: Final = ("Alice Example", "Bob Beispiel", "Carol Anne Jones")
"""Owners of the accounts that follow it."""
CAPITAL_MINOR: Final = 100_000_000
"""What the institution has on its account at the start."""
DAY_MS: Final = 86_400_000


def main(arguments: list[str]) -> None:
    """Run the bank until it is told to stop."""
    given = _parser().parse_args(arguments)
    running: Any = reactor
    now_ms = int(running.seconds() * 1000)
    book = Book(given.folder / "bank.sqlite", day(now_ms - DAY_MS))
    bank = Bank(book, CUSTOMER, given.currency)
    _furnish(book, given.name)
    routes = BankRoutes(bank, VerifyKey(base64.b64decode(given.customer_key)), running)
    site = new_site(routes.app.resource(), running, body_bytes_max=BANK_FILE_MAX)
    running.listenTCP(given.port, site, interface="127.0.0.1")
    if given.day_s:
        days = LoopingCall(lambda: bank.close_day(int(running.seconds() * 1000)))
        days.start(given.day_s, now=False)
    running.run()
    book.close()


def _furnish(book: Book, name: str) -> None:
    """Open the accounts that are there from the start; the capital came the day before."""
    if book.accounts():
        return
    with book.transaction():
        book.open_account(CUSTOMER, name)
        for number, person in enumerate(PERSONS, start=2):
            book.open_account(demo_iban(number), person)
        book.move(Movement(0, book.today(), ELSEWHERE, CUSTOMER, CAPITAL_MINOR))
        book.next_day()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m appservices.payments.demo_bank", description=__doc__
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the book is kept")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--customer-key", required=True, help="Ed25519, base64")
    parser.add_argument("--name", default="Demo Institution", help="of the customer")
    parser.add_argument("--currency", default="EUR")
    parser.add_argument("--day-s", type=int, default=60, help="0: days end at the counter alone")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
