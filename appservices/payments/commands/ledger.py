"""`veche ledger`: check it, see where it stands, write statements, compare it with the banks.

All of it here only reads, from one state of the database, while everything runs; but a dead letter
is tried again by ``veche ledger dead --retry``.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.store import overview
from appservices.payments.commands.banks import Commands as BankCommands
from appservices.payments.commands.interbank import Commands as InterbankCommands
from appservices.payments.commands.peers import Commands as PeerCommands
from appservices.payments.commands.suspense import Commands as SuspenseCommands
from appservices.payments.config import PaymentsSection
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode, Result
from appservices.payments.ledger.store import attempts, oracle
from appservices.payments.proofs.core.heads import open_copy, read_copy
from appservices.payments.proofs.service import heads as published_heads
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.statements.core import read_month, write_camt, write_csv
from appservices.payments.statements.pdf import statement_pdf
from appservices.payments.statements.service.statements import SHARD, statement
from veche.acts.signed_tree import current
from veche.protocol.errors import ConfigError, VecheError
from veche.protocol.texts.catalogue import LANGUAGES
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.database import connect
from veche.runtime.vault import Vault
from veche.server.installed import add_config_option, config_path, read_config, service_specs
from veche.server.offline import opened
from veche.transparency.notes import read_verifier_key

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from appservices.payments.statements.core import AccountStatement
    from veche.runtime.config import Config
    from veche.runtime.database import Cursor

FORMATS: Final = {"csv": "csv", "camt": "camt053.xml", "pdf": "pdf"}
"""Formats of statements, with the ends of their files' names."""
_LANGUAGE: Final = "en"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche ledger` to the commands of `veche`."""
    parser = commands.add_parser("ledger", help="check the ledger, write statements")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = subcommands.add_parser("check", help="recompute everything; name the blocks that differ")
    one.add_argument(
        "--after",
        type=int,
        default=0,
        metavar="BLOCK",
        help="do not hash the blocks up to this one",
    )
    add_config_option(one)
    one.set_defaults(run=run_check)
    one = subcommands.add_parser("head", help="say where it stands")
    one.add_argument(
        "--room", type=Path, metavar="FILE", help="compare it with a copy of the room of its heads"
    )
    add_config_option(one)
    one.set_defaults(run=run_head)
    one = subcommands.add_parser("statement", help="write the statement of a month as a file")
    one.add_argument(
        "account",
        metavar="ACCOUNT",
        help="its number, or its owner: a user id, or an organisation's id",
    )
    one.add_argument("month", metavar="MONTH", help="month, such as 2026-11")
    one.add_argument("--format", choices=FORMATS, default="csv", help="(default: %(default)s)")
    one.add_argument("--language", choices=LANGUAGES, default=_LANGUAGE, help="of the PDF")
    one.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder for the files (default: here)",
    )
    add_config_option(one)
    one.set_defaults(run=run_statement)
    one = subcommands.add_parser("dead", help="show what no block can have: bugs of ours")
    one.add_argument("--retry", type=int, metavar="ID", help="have one of them tried again")
    add_config_option(one)
    one.set_defaults(run=run_dead)
    BankCommands(_opened, _reading).add(subcommands)
    SuspenseCommands(_opened, _reading).add(subcommands)
    PeerCommands(_opened, _reading).add(subcommands)
    InterbankCommands(_opened, _reading).add(subcommands)


def run_check(arguments: argparse.Namespace) -> int:
    """Run `veche ledger check`: 0 if all holds, else 1."""
    with ExitStack() as stack:
        txn = _reading(stack, _config(arguments))
        names = {result.value: result.word for result in Result}
        found = oracle.problems(txn, SHARD, names, after_seq=arguments.after)
        seq = overview.last_block(txn, SHARD).seq
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    if not found:
        sys.stdout.write(f"{seq} blocks: everything adds up\n")
    return 1 if found else 0


def run_head(arguments: argparse.Namespace) -> int:
    """Run `veche ledger head`: 1 if the copy of a room has heads that it does not, else 0."""
    with ExitStack() as stack:
        config = _config(arguments)
        txn = _reading(stack, config)
        last, published = overview.last_block(txn, SHARD), published_heads.TREE.newest(txn)
        if arguments.room is not None:
            return _compare(txn, config, arguments.room)
    at = dt.datetime.fromtimestamp(last.at_ms / 1000, dt.UTC).isoformat(timespec="milliseconds")
    sys.stdout.write(f"block {last.seq}\ntime  {at}\nhead  {last.head.hex()}\n")
    sys.stdout.write(
        "\nNothing is published yet.\n" if published is None else f"\n{published.note}"
    )
    return 0


def run_statement(arguments: argparse.Namespace) -> int:
    """Run `veche ledger statement`: each account's file is named on standard output.

    Names of others are in no such file: they are the owner's, who gets them from the bot.
    """
    config, now_ms = _config(arguments), time.time_ns() // 1_000_000
    today = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).date()
    first = read_month(arguments.month, today)
    if first is None:
        raise ConfigError(f"{arguments.month}: write a month that has begun, as {today:%Y-%m}")
    last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    with ExitStack() as stack:
        txn = _reading(stack, config)
        accounts = _accounts(txn, config, arguments.account)
        made = [statement(txn, number, code, (first, last)) for number, code in accounts]
    institution = _section(config).name_in(arguments.language)
    for one in made:
        name = f"statement-{one.account}-{first:%Y-%m}.{FORMATS[arguments.format]}"
        path = arguments.folder / name
        path.write_bytes(_written(one, arguments, institution, now_ms))
        sys.stdout.write(f"{path}\n")
    return 0


def run_dead(arguments: argparse.Namespace) -> int:
    """Run `veche ledger dead`: 1 if there are dead letters, else 0."""
    config = _config(arguments)
    if arguments.retry is not None:
        with ExitStack() as stack:
            connection = stack.enter_context(closing(connect(opened(stack, config.database))))
            with connection, connection.cursor() as txn:
                is_there = attempts.revive(txn, arguments.retry)
        if not is_there:
            raise ConfigError(f"{arguments.retry}: there is no such dead letter")
        sys.stdout.write(f"{arguments.retry} is tried again\n")
        return 0
    with ExitStack() as stack:
        letters = attempts.dead_letters(_reading(stack, config))
    for one in letters:
        at = dt.datetime.fromtimestamp(one.at_ms / 1000, dt.UTC).isoformat(timespec="seconds")
        sys.stdout.write(f"{one.id} {one.kind} {one.about} {at}\n  {one.why.strip()}\n")
        sys.stdout.writelines(f"  {transfer}\n" for transfer in one.chain)
    if not letters:
        sys.stdout.write("There are no dead letters.\n")
    return 1 if letters else 0


def _compare(txn: Cursor, config: Config, path: Path) -> int:
    """Compare the ledger with what stood in the room."""
    copy = read_copy(path.read_bytes())
    if copy is None:
        raise ConfigError(f"{path}: there are no heads of a ledger in it")
    seed = read_operator_key(config.crypto.key_path).seed("payments.receipts")
    keys = Receipts(config.homeserver.server_name, seed, history=current(txn)).keys
    ours = keys[0]
    old = [read_verifier_key(text) for text in _section(config).old_receipt_keys]
    try:
        copied = open_copy(copy, [*keys, *old]).get(ours.name, [])
    except VecheError as e:
        sys.stdout.write(f"{path}: {e}\n")
        return 1
    strange = [one for one in copied if not published_heads.had(txn, one.head)]
    for one in strange:
        sys.stdout.write(f"This ledger never had this head, and signed it:\n{one.note}\n")
    if not strange:
        sys.stdout.write(f"{len(copied)} heads of {ours.name}: this ledger had all of them\n")
    return 1 if strange or not copied else 0


def _accounts(txn: Cursor, config: Config, named: str) -> Sequence[tuple[int, str]]:
    """Numbers and currencies of the accounts that somebody means.

    Raises:
        ConfigError: There is none.
    """
    if named.isascii() and named.isdigit():
        holder = holders.holder_of_account(txn, int(named))
        if holder is not None:
            return [(int(named), holders.currency_of_account(txn, int(named)))]
    else:
        key = read_operator_key(config.crypto.key_path)
        is_person = named.startswith("@")
        name = named if is_person else f"{holders.ORGANISATION} {named}"
        code = AccountCode.WALLET if is_person else AccountCode.MERCHANT
        holder = holders.holder_of_mark(txn, Vault(key.seed("payments")).mark(name))
        found = [] if holder is None else holders.accounts(txn, holder.id, code)
        if found:
            return found
    raise ConfigError(f"{named}: there is no such account")


def _written(one: AccountStatement, arguments: argparse.Namespace, name: str, now_ms: int) -> bytes:
    if arguments.format == "csv":
        return write_csv(one)
    if arguments.format == "camt":
        id_ = f"{one.account}-{one.opened_on:%Y%m}"
        return write_camt(one, id_, now_ms).data
    return statement_pdf(one, institution=name, language=arguments.language, made_at_ms=now_ms)


def _config(arguments: argparse.Namespace) -> Config:
    config = read_config(config_path(arguments.config), service_specs())
    _section(config)
    return config


def _opened(arguments: argparse.Namespace) -> tuple[Config, PaymentsSection]:
    config = _config(arguments)
    return config, _section(config)


def _section(config: Config) -> PaymentsSection:
    section = config.services.get("payments")
    if not isinstance(section, PaymentsSection):
        raise ConfigError(f"{config.path}: there is no section payments, so there is no ledger")
    return section


def _reading(stack: ExitStack, config: Config) -> Cursor:
    """A transaction that sees one state and changes nothing, until ``stack`` is left."""
    connection = stack.enter_context(
        closing(
            connect(
                opened(stack, config.database),
                statement_timeout=0,
                idle_in_transaction_session_timeout=0,
                default_transaction_isolation="repeatable read",
                default_transaction_read_only="on",
            )
        )
    )
    return stack.enter_context(connection.cursor())
