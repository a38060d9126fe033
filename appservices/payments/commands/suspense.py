"""`veche ledger suspense`: what came to a bank and nobody knows what for, until somebody does."""

from __future__ import annotations

import getpass
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.service import suspense
from appservices.payments.banks.service.suspense import Note
from appservices.payments.banks.store import suspense as store
from appservices.payments.commands.common import LedgerCommands, writing
from appservices.payments.formats.core import rf
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from veche.protocol.errors import ConfigError, ConflictError, MalformedError, NotFoundError
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import show_money
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.database.clock import database_ms
from veche.runtime.vault import Vault
from veche.server.installed import add_config_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from veche.runtime.database import Cursor


DECIDED_MAX: Final = 100
"""Decisions that ``--decided`` shows, the newest."""
_LANGUAGE: Final = "en"
_WALLETS: Final[Mapping[str, AccountCode]] = {
    holders.PERSON: AccountCode.WALLET,
    holders.ORGANISATION: AccountCode.MERCHANT,
}


class Commands(LedgerCommands):
    """The command, for ``appservices.payments.commands.ledger``."""

    def add(self, subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add it below `veche ledger`."""
        one = subcommands.add_parser(
            "suspense", help="show what came and nobody knows what for; say what becomes of it"
        )
        one.add_argument("lines", nargs="*", metavar="LINE", help="as the list shows it")
        what = one.add_mutually_exclusive_group()
        what.add_argument(
            "--to",
            metavar="WHOM",
            help="it is theirs: a Matrix id, an organisation, or the RF reference it was meant for",
        )
        what.add_argument(
            "--back", action="store_true", help="have the bank give it back to where it came from"
        )
        what.add_argument(
            "--payer",
            metavar="PERSON",
            help="it went out for them, by an order that a restored backup has forgotten: the bot"
            " asks them to approve it again",
        )
        what.add_argument(
            "--loss",
            action="store_true",
            help="the money went out, and the institution bears the loss",
        )
        what.add_argument(
            "--match",
            action="store_true",
            help="these lines settle one another, or were settled by hand",
        )
        what.add_argument(
            "--decided", action="store_true", help="show the decisions, by whom, and why"
        )
        one.add_argument("--why", default="", metavar="TEXT", help="reason, kept with the decision")
        one.add_argument("--bank", metavar="NAME", help="where several have a line of that name")
        add_config_option(one)
        one.set_defaults(run=self.run)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger suspense`: of the list, 1 if there is something in it; else 0."""
        config, _ = self._opened(arguments)
        vault = Vault(read_operator_key(config.crypto.key_path).seed("payments"))
        whom = arguments.to if arguments.to is not None else arguments.payer
        is_decision = any((whom is not None, arguments.back, arguments.match, arguments.loss))
        if not is_decision:
            if arguments.lines:
                raise ConfigError(
                    "say what becomes of the line: --to, --back, --payer, --loss or --match"
                )
            with ExitStack() as stack:
                txn = self._reading(stack, config)
                return _show_decided(txn, vault) if arguments.decided else _show(txn, vault)
        if not arguments.why.strip():
            raise ConfigError("--why: say why, so that others can understand it later")
        with ExitStack() as stack:
            txn = writing(stack, config)
            try:
                _decide(txn, vault, arguments)
            except (ConflictError, NotFoundError, MalformedError) as e:
                raise ConfigError(str(e)) from e
        if arguments.payer is not None:
            sys.stdout.write("The bot asks them; it is in suspense until they approve it.\n")
        elif arguments.match:
            sys.stdout.write("They are not in suspense any more.\n")
        else:
            sys.stdout.write("The services do it; `veche ledger suspense` shows it then.\n")
        return 0


def _decide(txn: Cursor, vault: Vault, arguments: argparse.Namespace) -> None:
    note = Note(arguments.why.strip(), getpass.getuser(), arguments.to or arguments.payer or "")
    lines = suspense.find(txn, arguments.lines, arguments.bank)
    now_ms = database_ms(txn)
    if arguments.match:
        suspense.match(txn, vault, lines, note, now_ms)
        return
    if len(lines) > 1:
        raise ConfigError("one line at a time; only --match takes several")
    if arguments.loss:
        suspense.bear(txn, vault, lines[0], note, now_ms)
    elif arguments.payer is not None:
        if not arguments.payer.startswith("@"):
            raise ConfigError(f"--payer {arguments.payer}: write a Matrix id in full")
        _account(txn, vault, arguments.payer, lines[0].ledger)
        suspense.ask_payer(txn, vault, lines[0], arguments.payer, note, now_ms)
    elif arguments.back:
        suspense.give_back(txn, vault, lines[0], note, now_ms)
    elif rf.is_reference(arguments.to):
        reference = rf.read(arguments.to)
        suspense.assign_expected(txn, vault, lines[0], reference, note, now_ms)
    else:
        account = _account(txn, vault, arguments.to, lines[0].ledger)
        suspense.assign(txn, vault, lines[0], account, note, now_ms)


def _account(txn: Cursor, vault: Vault, whom: str, ledger: int) -> int:
    """The account of a person or an organisation in a currency.

    Raises:
        NotFoundError: Nobody of that name has one.
    """
    name = whom if whom.startswith("@") else f"{holders.ORGANISATION} {whom}"
    holder = holders.holder_of_mark(txn, vault.mark(name))
    code = _WALLETS.get(holder.kind) if holder is not None else None
    if holder is None or code is None or holder.is_closed:
        raise NotFoundError(
            f"{whom}: nobody of this name has an account; write a Matrix id in full, the id of an"
            " organisation, or an RF reference"
        )
    return holders.keep_account(txn, holder.id, ledger, code).id


def _show(txn: Cursor, vault: Vault) -> int:
    currencies = {number: code for code, number in holders.currencies(txn).items()}
    lines = store.lines(txn)
    for one in lines:
        said = vault.open(one.sealed)
        shown = _signed(one.signed_minor, currencies[one.ledger])
        state = f", {one.ordered} is under way" if one.ordered else ""
        sys.stdout.write(f"{one.key}  {one.bank}  {one.booked_on}  {shown}{state}\n")
        for what, value in (
            ("name", said.get("name")),
            ("account", said.get("account")),
            ("reference", said.get("reference")),
            ("text", said.get("text")),
        ):
            if value:
                sys.stdout.write(f"  {what:<10}{_printable(value)}\n")
    for ledger in sorted({one.ledger for one in lines} | set(currencies)):
        gone = store.settled_by_hand(txn, ledger)
        if gone:
            shown = _signed(gone, currencies[ledger])
            sys.stdout.write(f"{shown} of it is settled by hand: say of which lines with --match\n")
    if not lines:
        sys.stdout.write("Nothing is in suspense.\n")
    return 1 if lines else 0


def _show_decided(txn: Cursor, vault: Vault) -> int:
    found = store.decided(txn, DECIDED_MAX)
    for one in found:
        note = vault.open(one.sealed)
        whom = f" to {_printable(note['whom'])}" if note["whom"] else ""
        sys.stdout.write(
            f"{one.line}  {one.bank}  {one.kind}{whom}: {one.state}\n"
            f"  {_printable(note['by'])}: {_printable(note['why'])}\n"
        )
    if not found:
        sys.stdout.write("Nothing was decided.\n")
    return 0


def _signed(minor: int, currency: str) -> str:
    shown = show_money(Money(minor=abs(minor), currency=currency), _LANGUAGE)
    return f"-{shown}" if minor < 0 else shown


def _printable(text: str) -> str:
    """Text of others, without what could steer a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)
