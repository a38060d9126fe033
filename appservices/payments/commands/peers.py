"""`veche ledger peers`, `settle` and `key`: what is owed between institutions, and settling it."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import sys
from contextlib import ExitStack
from itertools import product
from typing import TYPE_CHECKING, Final, TextIO

from appservices.payments.banks.service.start import bank_key
from appservices.payments.commands.common import LedgerCommands, writing
from appservices.payments.holders import store as holders
from appservices.payments.interbank.service.banks import reference as reference_of
from appservices.payments.interbank.service.settling import KINDS, NETTED, PAID, PAY, SETTLE
from appservices.payments.peers import store
from appservices.payments.peers.core import In
from appservices.payments.proofs.service.receipts import Receipts
from veche.acts.signed_tree import current
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import ConfigError, MalformedError
from veche.protocol.ids import effect_id
from veche.protocol.money import Money, parse_money
from veche.protocol.texts.catalogue import show_money
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.database.clock import database_ms
from veche.runtime.vault import Vault
from veche.server.installed import add_config_option
from veche.server.offline import database_of, transaction

if TYPE_CHECKING:
    import argparse

    from appservices.payments.config import PaymentsSection, PeerSection
    from veche.runtime.config import Config
    from veche.runtime.database import Cursor


REFERENCE_CHARACTERS_MAX: Final = 140
_LANGUAGE: Final = "en"
_AGE_MS: Final = 600_000
"""What is on its way for longer is a matter for somebody to look at."""


class Commands(LedgerCommands):
    """The commands, for ``appservices.payments.commands.ledger``."""

    def add(self, subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add them below `veche ledger`."""
        one = subcommands.add_parser("peers", help="say what is owed between you and others")
        one.add_argument(
            "--looked-at",
            metavar="SERVER",
            help="its contradictions were looked into: payments go on",
        )
        add_config_option(one)
        one.set_defaults(run=self.run_peers)
        one = subcommands.add_parser("settle", help="book what was settled with another")
        one.add_argument("server", metavar="SERVER", help="server in its people's Matrix ids")
        one.add_argument(
            "kind",
            choices=(*KINDS, PAY),
            help="your bank paid theirs, theirs yours, set off; pay: have your bank pay theirs",
        )
        one.add_argument("amount", metavar="AMOUNT", help="amount, such as '120.00 EUR'")
        one.add_argument(
            "--reference",
            default="",
            metavar="TEXT",
            help="reference in both banks' statements",
        )
        one.add_argument("--bank", metavar="NAME", help="with pay: the bank, if there are several")
        add_config_option(one)
        one.set_defaults(run=self.run_settle)
        one = subcommands.add_parser("key", help="show the key that others write into `peers`")
        one.add_argument(
            "--bank", metavar="NAME", help="show your public key for this bank instead"
        )
        add_config_option(one)
        one.set_defaults(run=self.run_key)

    def run_peers(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger peers`: 1 if somebody has to look at one of them, else 0."""
        config, section = self._opened(arguments)
        vault = Vault(read_operator_key(config.crypto.key_path).seed("payments"))
        if arguments.looked_at is not None:
            return _look_at(config, _peer(section, arguments.looked_at), vault)
        with ExitStack() as stack:
            txn = self._reading(stack, config)
            is_well = [_tell(txn, vault, peer, sys.stdout) for peer in section.peers]
        for peer, bank in product(section.peers, section.banks):
            told = reference_of(config.homeserver.server_name, peer.server, bank.name)
            sys.stdout.write(f"{peer.server} settles to {bank.account}, reference {told}\n")
        if not is_well:
            sys.stdout.write("There are no agreements with other institutions.\n")
        return 0 if all(is_well) else 1

    def run_settle(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger settle`: the services book it at once."""
        config, section = self._opened(arguments)
        peer = _peer(section, arguments.server)
        vault = Vault(read_operator_key(config.crypto.key_path).seed("payments"))
        money = _money(arguments.amount, section)
        reference = str(arguments.reference)
        if len(reference) > REFERENCE_CHARACTERS_MAX or not reference.isprintable():
            raise ConfigError(f"--reference: at most {REFERENCE_CHARACTERS_MAX} characters")
        bank = None
        if arguments.kind == PAY:
            bank = _bank(section, peer, money.currency, arguments.bank)
        with ExitStack() as stack:
            txn = writing(stack, config)
            _check(txn, vault, peer, arguments.kind, money)
            payload = {
                "server": peer.server,
                "kind": arguments.kind,
                "minor": money.minor,
                "currency": money.currency,
                "reference": reference,
                "bank": bank,
            }
            id_ = effect_id(SETTLE, secrets.token_hex(16))
            jobs.schedule(txn, Job(id_, SETTLE, payload, 0))
        sys.stdout.write("The services book it; `veche ledger peers` shows it then.\n")
        return 0

    def run_key(self, arguments: argparse.Namespace) -> int:
        """Run `veche ledger key`."""
        config, section = self._opened(arguments)
        if arguments.bank is not None:
            bank = next((one for one in section.banks if one.name == arguments.bank), None)
            if bank is None:
                raise ConfigError(f"{arguments.bank}: it is not in payments.banks")
            public = bytes(bank_key(bank).verify_key)
            sys.stdout.write(f"{base64.b64encode(public).decode()}\n")
            return 0
        seed = read_operator_key(config.crypto.key_path).seed("payments.receipts")
        with database_of(config) as dsn:
            history = transaction(dsn, current)
        receipts = Receipts(config.homeserver.server_name, seed, history=history)
        sys.stdout.write(f"{receipts.signer.verifier.to_text()}\n")
        return 0


def _peer(section: PaymentsSection, server: str) -> PeerSection:
    peer = section.peer(server)
    if peer is None:
        raise ConfigError(f"{server}: it is not in payments.peers")
    return peer


def _money(text: str, section: PaymentsSection) -> Money:
    try:
        money = parse_money(text, currency=None)
    except MalformedError as e:
        raise ConfigError(f"{text}: write an amount as in '120.00 EUR'") from e
    if money.minor <= 0 or money.currency not in section.currencies:
        raise ConfigError(f"{text}: write an amount above nothing, in a currency that is kept here")
    return money


def _bank(section: PaymentsSection, peer: PeerSection, currency: str, named: str | None) -> str:
    """Which bank pays.

    Raises:
        ConfigError: None can, or it is not clear which.
    """
    if peer.settlement is None:
        raise ConfigError(f"{peer.server}: say in payments.peers where to pay it: settlement")
    can = [one.name for one in section.banks if one.currency == currency]
    if named is not None and named not in can:
        raise ConfigError(f"{named}: there is no such bank in {currency}")
    if named is None and len(can) != 1:
        raise ConfigError(f"--bank: say which; in {currency} there are: {', '.join(can) or 'none'}")
    return named or can[0]


def _holder(txn: Cursor, vault: Vault, peer: PeerSection) -> int | None:
    found = holders.holder_of_mark(txn, vault.mark(f"{holders.PEER} {peer.server}"))
    return found.id if found is not None else None


def _check(txn: Cursor, vault: Vault, peer: PeerSection, kind: str, money: Money) -> None:
    """Refuse to settle more than is owed.

    Raises:
        ConfigError: It is more.
    """
    holder = _holder(txn, vault, peer)
    owed = store.owed(txn, holder) if holder is not None else []
    one = next((one for one in owed if one.currency == money.currency), None)
    they, we = (one.they_owe_minor, one.we_owe_minor) if one is not None else (0, 0)
    if kind == PAY and holder is not None:
        ledger = holders.currencies(txn)[money.currency]
        we = store.unsettled_minor(txn, holder, ledger)
    most = {PAID: we, PAY: we, NETTED: min(they, we)}.get(kind, they)
    if money.minor > most:
        shown = show_money(Money(minor=max(0, most), currency=money.currency), _LANGUAGE)
        raise ConfigError(f"{peer.server}: only {shown} can be settled that way")


def _look_at(config: Config, peer: PeerSection, vault: Vault) -> int:
    with ExitStack() as stack:
        txn = writing(stack, config)
        holder = _holder(txn, vault, peer)
        now_ms = database_ms(txn)
        count = store.settle_faults(txn, holder, now_ms) if holder is not None else 0
    sys.stdout.write(f"{peer.server}: {count} looked at\n")
    return 0


def _tell(txn: Cursor, vault: Vault, peer: PeerSection, out: TextIO) -> bool:
    """Say where it stands with another institution; whether nobody has to look at it."""
    out.write(f"{peer.server}{'' if peer.is_open else ' (closed: nothing new is paid)'}\n")
    holder = _holder(txn, vault, peer)
    if holder is None:
        out.write("  nothing was ever paid\n")
        return True
    for one in store.owed(txn, holder):

        def shown(minor: int, currency: str = one.currency) -> str:
            sign = "-" if minor < 0 else ""
            return sign + show_money(Money(minor=abs(minor), currency=currency), _LANGUAGE)

        out.write(f"  they owe you  {shown(one.they_owe_minor)} of {shown(one.they_owe_max)}\n")
        out.write(f"  you owe them  {shown(one.we_owe_minor)} of {shown(one.we_owe_max)}\n")
    is_well = _tell_checks(txn, holder, out)
    head = store.head(txn, holder)
    if head is not None:
        out.write(f"  its ledger had {head.size} blocks, {_moment(head.at_ms)}\n")
    now_ms = database_ms(txn)
    for direction, id_, state, currency, minor, since_ms in store.open_of(txn, holder):
        money = show_money(Money(minor=minor, currency=currency), _LANGUAGE)
        out.write(f"  {direction} them: {id_} {money}, {state} since {_moment(since_ms)}\n")
        is_well &= now_ms - since_ms < _AGE_MS and state != In.STUCK.value
    for n, what, about, at_ms in store.faults(txn, holder):
        out.write(f"  fault {n} of {_moment(at_ms)}: {what}: {about}\n")
        is_well = False
    for id_, kind, currency, minor, reference, state, at_ms in store.settlements(txn, holder, 5):
        money = show_money(Money(minor=minor, currency=currency), _LANGUAGE)
        out.write(f"  settled {_moment(at_ms)}: {kind} {money}, {state} {reference} {id_}\n")
    return is_well


def _tell_checks(txn: Cursor, holder: int, out: TextIO) -> bool:
    checks = store.checks(txn, holder)
    for currency, check in sorted(checks.items()):
        if check.since_ms is None:
            out.write(f"  the books agree in {currency}, {_moment(check.at_ms)}\n")
        else:
            out.write(
                f"  THE BOOKS DIFFER in {currency} since {_moment(check.since_ms)}: by"
                f" {check.ours_minor} of what you paid, {check.theirs_minor} of what they paid"
                " (minor units)\n"
            )
    return all(check.since_ms is None for check in checks.values())


def _moment(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat(timespec="seconds")
