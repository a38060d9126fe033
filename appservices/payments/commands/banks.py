"""`veche ledger reconcile`, `order`, `file`, `resume`: banks, and what only a person ends."""

from __future__ import annotations

import getpass
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, TextIO

from appservices.payments.banks.core.orders import OrderState
from appservices.payments.banks.service.answering import FoundOut, found_out
from appservices.payments.banks.service.filing import explain, resume
from appservices.payments.banks.service.stuck_files import STUCK_MS, FileWord, problem_of, say
from appservices.payments.banks.store import overview, waiting_files
from appservices.payments.banks.store.suspense import has_decided
from appservices.payments.commands.common import LedgerCommands, writing
from appservices.payments.ledger.core import AccountCode
from veche.protocol.errors import ConfigError, ConflictError, NotFoundError
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import show_money
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.database.clock import database_ms
from veche.runtime.vault import Vault
from veche.server.installed import add_config_option

if TYPE_CHECKING:
    import argparse

    from veche.runtime.database import Cursor


_IN_DOUBT: Final = frozenset({OrderState.ASKED.value, OrderState.CONFLICT.value})
"""States of orders in which a person has to ask the bank."""
_LANGUAGE: Final = "en"


class Commands(LedgerCommands):
    """The commands, for ``appservices.payments.commands.ledger``."""

    def add(self, subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add them below `veche ledger`."""
        one = subcommands.add_parser("reconcile", help="compare it with the banks")
        add_config_option(one)
        one.set_defaults(run=self.run_reconcile)
        one = subcommands.add_parser("order", help="end an order that a bank says nothing of")
        one.add_argument("order", metavar="ORDER", help="its id, the EndToEndId")
        one.add_argument(
            "found",
            choices=[found.value for found in FoundOut],
            help="what the bank said when you asked it; never-got gives the money back",
        )
        add_config_option(one)
        one.set_defaults(run=self.run_order)
        one = subcommands.add_parser("file", help="try or end a file that a bank does not take")
        one.add_argument("file", metavar="FILE", help="its id, the MsgId")
        one.add_argument(
            "word",
            choices=[word.value for word in FileWord],
            help="give it to the bank at once; or what the bank said when you asked it: never-got"
            " gives the money of all its orders back",
        )
        add_config_option(one)
        one.set_defaults(run=self.run_file)
        one = subcommands.add_parser("resume", help="pay out again at a bank that was stopped")
        one.add_argument(
            "bank", metavar="BANK", help="name of the bank; its difference was explained"
        )
        one.add_argument(
            "--suspense",
            action="store_true",
            help="bring the difference into suspense first, so that the next days add up",
        )
        one.add_argument(
            "--why", default="", metavar="TEXT", help="reason, kept with the line in suspense"
        )
        add_config_option(one)
        one.set_defaults(run=self.run_resume)

    def run_reconcile(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger reconcile`: 1 if somebody has to look at a bank, else 0."""
        config, _ = self._opened(arguments)
        with ExitStack() as stack:
            txn = self._reading(stack, config)
            is_well = [_tell_bank(txn, bank, sys.stdout) for bank in overview.banks(txn)]
        if not is_well:
            sys.stdout.write("There are no banks.\n")
        return 0 if all(is_well) else 1

    def run_order(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger order`: the services end it at once, and tell the payer."""
        found = FoundOut(arguments.found)
        config, _ = self._opened(arguments)
        with ExitStack() as stack:
            txn = writing(stack, config)
            try:
                found_out(txn, arguments.order, found, database_ms(txn))
            except (ConflictError, NotFoundError) as e:
                raise ConfigError(f"{arguments.order}: {e}") from e
        sys.stdout.write("The services end it; `veche ledger reconcile` shows it then.\n")
        return 0

    def run_file(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger file`: the services do it with the next try."""
        word = FileWord(arguments.word)
        config, _ = self._opened(arguments)
        with ExitStack() as stack:
            txn = writing(stack, config)
            try:
                say(txn, arguments.file, word, database_ms(txn))
            except (ConflictError, NotFoundError) as e:
                raise ConfigError(f"{arguments.file}: {e}") from e
        if word is FileWord.AGAIN:
            sys.stdout.write("The services give it to the bank now.\n")
        else:
            sys.stdout.write("The services do so with the next try, within five minutes.\n")
        return 0

    def run_resume(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger resume`: what waited is filed at once."""
        why = arguments.why.strip()
        if arguments.suspense and not why:
            raise ConfigError("--why: say why, so that others can understand it later")
        config, _ = self._opened(arguments)
        with ExitStack() as stack:
            txn = writing(stack, config)
            found = {bank.name: bank for bank in overview.banks(txn)}
            bank = found.get(arguments.bank)
            if bank is None:
                there = ", ".join(found) or "none"
                raise ConfigError(f"{arguments.bank}: there is no such bank; there are: {there}")
            day = overview.last_day(txn, bank.name) if arguments.suspense else None
            if not bank.is_stopped and not (day and day.difference_minor):
                raise ConfigError(f"{arguments.bank}: its payouts are not stopped")
            if arguments.suspense:
                vault = Vault(read_operator_key(config.crypto.key_path).seed("payments"))
                words = vault.seal({"text": f"{getpass.getuser()}: {why}"})
                explain(txn, bank.name, words, database_ms(txn))
            else:
                resume(txn, bank.name, database_ms(txn))
        if arguments.suspense:
            sys.stdout.write("The services do it; `veche ledger suspense` shows the line then.\n")
        else:
            sys.stdout.write("Payouts go on.\n")
        return 0


def _tell_bank(txn: Cursor, bank: overview.Bank, out: TextIO) -> bool:
    """Say where ledger and bank stand; whether nobody has to look at it."""

    def shown(minor: int) -> str:
        return show_money(Money(minor=abs(minor), currency=bank.currency), _LANGUAGE)

    def signed(minor: int) -> str:
        return f"-{shown(minor)}" if minor < 0 else shown(minor)

    def own(code: AccountCode) -> int:
        return overview.own_balance(txn, bank.ledger, code)

    day, suspense = overview.last_day(txn, bank.name), own(AccountCode.SUSPENSE)
    orders = overview.open_orders(txn, bank.name)
    doubtful = [
        order
        for order in orders
        if order[1] in _IN_DOUBT
        and not (order[1] == OrderState.CONFLICT.value and has_decided(txn, order[0]))
    ]
    out.write(f"{bank.name} {bank.account}\n")
    out.write(f"  in the ledger   {signed(-own(AccountCode.BANK))}\n")
    if day is None:
        out.write("  at the bank     no day has ended yet\n")
    else:
        out.write(f"  at the bank     {signed(day.closing_minor)} at the end of {day.day}\n")
        out.write(f"  unexplained     {signed(day.difference_minor)}\n")
    out.write(f"  on its way out  {signed(own(AccountCode.PAYOUT_CLEARING))}\n")
    out.write(f"  in suspense     {signed(suspense)}\n")
    lines = overview.lines_in_suspense(txn, bank.name)
    out.writelines(f"    line {key}: {signed(minor)}\n" for key, minor in lines)
    out.write(f"  open orders     {len(orders)}, in doubt {len(doubtful)}\n")
    out.writelines(f"    order {id_}: {shown(minor)}, {state}\n" for id_, state, minor in doubtful)
    now_ms = database_ms(txn)
    late = [one for one in waiting_files.waiting(txn, now_ms - STUCK_MS) if one.bank == bank.name]
    out.writelines(
        f"  file {one.id}: {shown(one.minor)}, {problem_of(one, now_ms)}\n" for one in late
    )
    if bank.is_stopped:
        out.write("  Payouts are stopped until the last day is explained: veche ledger resume\n")
    is_even = day is None or day.difference_minor == 0
    return is_even and suspense == 0 and not (doubtful or late or bank.is_stopped)
